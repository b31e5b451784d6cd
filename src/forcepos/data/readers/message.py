"""ROS messages as columns: those whose fields lie at the same places are taken apart together, as an array of bytes."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property
from struct import unpack_from
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forcepos.data.readers.elements import MOST

_BASE, _MESSAGE, _ARRAY = 1, 2, 3  # kinds of types, as rosbags numbers them; the fourth is a list of any length
_TIME = "builtin_interfaces/msg/Time"
_FORMATS = {
    "bool": "?", "byte": "u1", "char": "u1", "float32": "f4", "float64": "f8",
    **{f"{sign}int{8 * size}": f"{sign or 'i'}{size}" for sign in ("", "u") for size in (1, 2, 4, 8)},
}  # fmt: skip


class Type(NamedTuple):
    """The type of a topic's messages, and how it and those in it are defined: their fields, each with its type."""

    topic: str
    name: str
    definitions: Mapping[str, Any]
    ros2: bool  # aligned (CDR), after four bytes that tell the byte order


class Message:
    """Where the columns of a message lie.

    Attributes:
        fields: the place in bytes and the type of each column, by its name.
        same: the bytes by which messages of one length must agree to be laid out alike: lengths, names of joints.
        joints: the names of the joints that it is about: their number, and their bytes.
    """

    def __init__(self, kind: Type, raw: bytes, wanted: Collection[str] = ()) -> None:
        """Find the wanted columns; without any all, but those of lists of messages and of pictures.

        Raises:
            ValueError: it is damaged.
        """
        self.type, self._raw, self._wanted = kind, raw, wanted
        self.fields, self.joints = dict[str, tuple[int, np.dtype[Any]]](), (0, b"")
        self._begin, self.same = (4, [0, 1]) if kind.ros2 else (0, [])
        self._order, self._end = "<" if not kind.ros2 or raw[1] else ">", self._begin
        self._walk(_MESSAGE, kind.name, kind.topic)
        if not self._end <= len(raw) <= self._end + 3 * kind.ros2:
            raise ValueError(f"a message of {kind.topic} has {len(raw)} bytes, not {self._end}")

    def _walk(self, kind: int, of: Any, name: str) -> None:
        """Pass a value; without a name, it is no column."""
        if kind == _MESSAGE and of == _TIME:
            self._field(name, np.dtype([("s", f"{self._order}i4"), ("ns", f"{self._order}u4")]), 4)
        elif kind == _MESSAGE:
            for field, (part, of_part) in self.type.definitions[of][1]:
                if self.type.ros2 or field != "structure_needs_at_least_one_member":
                    self._walk(part, of_part, name and f"{name}.{field}")
        elif kind == _BASE and of[0] == "string":
            self._field(name, np.dtype(f"S{self._length()}"), 1)
        elif kind == _BASE:
            dtype = np.dtype(self._order + _FORMATS[of[0]])
            self._field(name, dtype, dtype.itemsize)
        else:
            self._list(of[0], of[1] if kind == _ARRAY else self._length(), name)

    def _list(self, part: tuple[int, Any], count: int, name: str) -> None:
        if count > len(self._raw):
            raise ValueError(f"a list in a message of {self.type.topic} has {count} elements")
        signals = name and part[0] == _BASE and (self._wanted or count <= MOST)
        begin, shown = self._end, min(count, MOST) if signals else 0
        for index in range(shown):
            self._walk(*part, f"{name}[{index}]")
        if part[0] == _BASE and part[1][0] != "string" and count > shown:
            self._walk(*part, "")
            self._end += (count - shown - 1) * np.dtype(_FORMATS[part[1][0]]).itemsize
        else:
            for _ in range(count - shown):
                self._walk(*part, "")
        if name == f"{self.type.topic}.name":
            self.same += range(begin, self._end)
            self.joints = count, bytes(self._raw[begin : self._end])

    def _length(self) -> int:
        place = self._field("", np.dtype("u4"), 4)
        if self._end > len(self._raw):
            raise ValueError(f"a message of {self.type.topic} is cut short")
        self.same += range(place, self._end)
        return int(unpack_from(f"{self._order}I", self._raw, place)[0])

    def _field(self, name: str, dtype: np.dtype[Any], size: int) -> int:
        """Pass a value whose place is a multiple of this size, with ROS 2."""
        place = self._end + (self._begin - self._end) % size if self.type.ros2 else self._end
        self._end = place + dtype.itemsize
        if name and (not self._wanted or name in self._wanted):
            self.fields[name] = place, dtype
        return place


class Topic:
    """The wanted columns of the messages of one topic, but of those of other joints than its longest message.

    Attributes:
        raws, stamps: where each message and the time when it was recorded, in ns, are put until `convert`.
        others: how many are of other joints.
    """

    def __init__(self, longest: Message, wanted: Collection[str]) -> None:
        self.raws, self.stamps, self.others = list[bytes](), list[int](), 0
        self._longest, self._wanted = longest, wanted
        self._parts: dict[str, list[tuple[NDArray[np.intp], NDArray[Any]]]] = defaultdict(list)
        self._count = 0

    def convert(self) -> None:
        """Turn what has come into arrays."""
        left, sizes = np.arange(len(self.raws)), np.array([*map(len, self.raws)])
        stamps = np.array(self.stamps, np.int64)
        while len(left):
            message = Message(self._longest.type, self.raws[left[0]], self._wanted)
            alike = left[sizes[left] == sizes[left[0]]]
            table = np.frombuffer(b"".join([self.raws[one] for one in alike]), np.uint8).reshape(len(alike), -1)
            same = np.array(message.same, np.intp)
            agree = (table[:, same] == table[0, same]).all(axis=1)
            rows = alike[agree]
            left = np.setdiff1d(left, rows)
            if message.joints != self._longest.joints:
                self.others += len(rows)
                continue
            self._parts[""].append((self._count + rows, stamps[rows]))
            for name, (place, dtype) in message.fields.items():
                values = _values(table[agree, place : place + dtype.itemsize], dtype)
                self._parts[name].append((self._count + rows, values))
        self._count += len(self.raws)
        self.raws.clear()
        self.stamps.clear()

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """(messages,) ns, when each was recorded."""
        return self.column("")

    def column(self, name: str) -> NDArray[Any]:
        """(messages,) a column; what a message lacks is missing."""
        order = np.sort(np.concatenate([rows for rows, _ in self._parts[""]]))
        rows = np.searchsorted(order, np.concatenate([rows for rows, _ in self._parts[name]]))
        values = np.concatenate([values for _, values in self._parts[name]])
        number = values.dtype.kind == "f"
        if len(rows) < len(order):
            column = np.full(len(order), np.nan if number else None, values.dtype if number else object)
        else:
            column = np.empty_like(values)
        column[rows] = values
        return column


def _values(table: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    """(messages,) numbers, words or times of their bytes (messages, itemsize)."""
    if not dtype.itemsize:
        return np.full(len(table), "")
    values = np.ascontiguousarray(table).view(dtype)[:, 0]
    if dtype.names:
        return (values["s"] * np.int64(10**9) + values["ns"]).view("M8[ns]")
    return np.char.decode(values, "utf-8") if dtype.kind == "S" else values.astype(dtype.newbyteorder("="))
