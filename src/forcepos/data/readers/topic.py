"""The messages of a topic of a ROS bag as arrays."""

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Field(NamedTuple):
    """A number, a word or a time in each message of a topic: an attribute of it, or an element of that."""

    topic: str
    path: str
    element: int | None = None

    @property
    def name(self) -> str:
        name = f"{self.topic}.{self.path}" if self.topic else self.path
        return name if self.element is None else f"{name}[{self.element}]"


def joints(message: Any) -> list[str]:
    """Return the names of the joints that a message is about; several publishers of joint states share a topic."""
    names = getattr(message, "name", None)
    return names if isinstance(names, list) else []


class Topic:
    """What is wanted of the messages of one topic; those of other joints than the longest one are left out.

    Attributes:
        times: (messages,) ns, when each was recorded.
        others: how many are left out.
    """

    def __init__(self, topic: str, fields: Sequence[Field], longest: Any) -> None:
        self.times, self.others, self._joints = np.empty(0, np.int64), 0, joints(longest)
        self._fields = [field for field in fields if field.topic == topic]
        self._paths = dict[str, int]()  # how many elements are wanted of each
        for field in self._fields:
            self._paths[field.path] = max((field.element or 0) + 1, self._paths.get(field.path, 0))
        get = attrgetter("name" if self._joints else "__msgtype__", *self._paths)
        # Where each message goes: a method that is called for each of millions would take a tenth of all time.
        self.sink: tuple[Any, list[tuple[Any, ...]], list[int]] = (get, [], [])
        self._parts: list[list[NDArray[Any]]] = [[] for _ in (*self._fields, "times")]
        self._values: dict[Field, NDArray[Any]] = {}

    def convert(self) -> None:
        """Turn what has come to the sink into arrays, which take a tenth of the memory."""
        _, rows, stamps = self.sink
        kept = [not self._joints or row[0] == self._joints for row in rows]
        self.others += kept.count(False)
        self._parts[-1].append(np.array(stamps, np.int64)[kept])
        if any(kept):
            _, *columns = zip(*compress(rows, kept), strict=True)
            arrays = {
                path: _array(column, width)
                for (path, width), column in zip(self._paths.items(), columns, strict=True)
            }
            for number, (_, path, index) in enumerate(self._fields):
                self._parts[number].append(arrays[path] if index is None else arrays[path][:, index].copy())
        rows.clear()
        stamps.clear()

    def finish(self) -> None:
        """Join the arrays; there is at least one message."""
        *columns, self.times = [np.concatenate(parts) for parts in self._parts]
        self._values = dict(zip(self._fields, columns, strict=True))

    def values(self, field: Field) -> NDArray[Any]:
        """(messages,) values of one of the fields, or the times of the messages."""
        return self._values[field] if field.topic else self.times.view("M8[ns]")


def _array(values: Sequence[Any], width: int) -> NDArray[Any]:
    """(messages,) numbers, words or times; of arrays (messages, width or more), missing where one is shorter."""
    if hasattr(values[0], "nanosec"):
        return np.array([time.sec * 10**9 + time.nanosec for time in values]).view("M8[ns]")
    if not isinstance(values[0], list | np.ndarray):
        return np.array(values, object if isinstance(values[0], str) else None)
    lengths = {*map(len, values)}
    if len(lengths) == 1 and min(lengths) >= width:
        return np.concatenate(values).reshape(len(values), -1)
    missing = None if isinstance(values[0], list) else np.nan
    array = np.full((len(values), max(width, *lengths)), missing)
    for row, value in zip(array, values, strict=True):
        row[: len(value)] = value
    return array
