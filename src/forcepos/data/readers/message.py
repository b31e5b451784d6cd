"""ROS messages as columns: those that are laid out alike are taken apart together, as an array of bytes."""

from collections.abc import Collection, Mapping
from itertools import chain
from struct import unpack_from
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.binary import MOST

_BASE, _MESSAGE, _ARRAY = 1, 2, 3  # kinds of types, as rosbags numbers them; the fourth is a list of any length
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

    def __init__(self, kind: Type, raw: bytes) -> None:
        """Find all columns, but those of lists of messages and of pictures.

        Raises:
            ValueError, struct.error: it is damaged.
        """
        self.type, self._raw = kind, raw
        self.fields, self.joints = dict[str, tuple[int, np.dtype[Any]]](), (0, b"")
        self._end, self.same = (4, [0, 1]) if kind.ros2 else (0, list[int]())
        self._order: Literal["<", ">"] = "<" if not kind.ros2 or raw[1] else ">"
        self._walk(_MESSAGE, kind.name, kind.topic)
        if not self._end <= len(raw) <= self._end + 3 * kind.ros2:
            raise ValueError(f"a message of {kind.topic} has {len(raw)} bytes, not {self._end}")

    def _walk(self, kind: int, of: Any, name: str) -> None:
        """Pass a value; without a name, it is no column."""
        if kind == _MESSAGE and of == "builtin_interfaces/msg/Time":
            self._field(name, "i4,u4")
        elif kind == _MESSAGE:
            for field, (part, of_part) in self.type.definitions[of][1]:
                if self.type.ros2 or field != "structure_needs_at_least_one_member":
                    self._walk(part, of_part, name and f"{name}.{field}")
        elif kind == _BASE:
            self._field(name, f"S{self._length()}" if of[0] == "string" else _FORMATS[of[0]])
        else:
            self._list(of[0], of[1] if kind == _ARRAY else self._length(), name)

    def _list(self, part: tuple[int, Any], count: int, name: str) -> None:
        if count > len(self._raw):
            raise ValueError(f"a list in a message of {self.type.topic} has {count} elements")
        numbers = part[0] == _BASE and part[1][0] in _FORMATS
        shown = name if part[0] == _BASE and count <= MOST else ""
        passed = 1 if numbers and count and not shown else count  # pictures have too many to pass each
        for index in range(passed):
            self._walk(*part, shown and f"{shown}[{index}]")
        self._end += (count - passed) * np.dtype(_FORMATS[part[1][0]] if numbers else "u1").itemsize
        if shown == f"{self.type.topic}.name":  # without the bytes between names, which may be anything
            places = [self.fields[f"{name}[{index}]"] for index in range(count)]
            texts = [range(place, place + dtype.itemsize) for place, dtype in places]
            self.same += chain(*texts)
            self.joints = count, b"\0".join(bytes(self._raw[text.start : text.stop]) for text in texts)

    def _length(self) -> int:
        place = self._field("", "u4")
        self.same += range(place, self._end)
        return int(unpack_from(f"{self._order}I", self._raw, place)[0])

    def _field(self, name: str, code: str) -> int:
        dtype = np.dtype(code).newbyteorder(self._order)
        size = {"S": 1, "V": 4}.get(dtype.kind, dtype.itemsize)
        place = self._end + (4 - self._end) % size * self.type.ros2
        self._end = place + dtype.itemsize
        if name:
            self.fields[name] = place, dtype
        return place


class Topic:
    """The messages of one topic, but those of other joints than its longest one, as a table.

    Attributes:
        raws, stamps: where each message and the time when it was recorded, in ns, are put until `convert`.
        others: how many are of other joints.
        table: the wanted columns, null where a message lacks one, and `time`.
        order: (messages,) the row of each in the table, as they came.
        times: (messages,) ns.
    """

    def __init__(self, longest: Message, wanted: Collection[str]) -> None:
        self.raws, self.stamps, self.others = list[bytes](), list[int](), 0
        self._longest, self._wanted, self._parts, self._count = longest, wanted, list[pa.Table](), 0

    def convert(self) -> None:
        """Turn what has come into tables."""
        left, sizes = np.arange(len(self.raws)), np.array([*map(len, self.raws)])
        while len(left):
            message = Message(self._longest.type, self.raws[left[0]])
            alike = left[sizes[left] == sizes[left[0]]]
            table = np.frombuffer(b"".join([self.raws[one] for one in alike]), np.uint8).reshape(len(alike), -1)
            same = np.array(message.same, np.intp)
            agree = (table[:, same] == table[0, same]).all(axis=1)
            rows, left = alike[agree], np.setdiff1d(left, alike[agree])
            if message.joints != self._longest.joints:
                self.others += len(rows)
                continue
            columns = {"row": self._count + rows, "time": np.array(self.stamps, "M8[ns]")[rows]}
            for name in message.fields.keys() & self._wanted:
                place, dtype = message.fields[name]
                columns[name] = _values(table[agree, place : place + dtype.itemsize], dtype)
            self._parts.append(pa.table(columns))
        self._count += len(self.raws)
        self.raws.clear()
        self.stamps.clear()

    def finish(self) -> None:
        """Join the tables; there is at least one message."""
        self.table = pa.concat_tables(self._parts, promote_options="default").combine_chunks()
        self.order = np.argsort(self.table["row"].to_numpy(), kind="stable")
        self.times = self.table["time"].to_numpy().view(np.int64)[self.order]
        self._parts.clear()


def _values(table: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    """(messages,) numbers, words or times of their bytes (messages, itemsize)."""
    values: NDArray[Any] = (
        np.ascontiguousarray(table).view(dtype)[:, 0] if dtype.itemsize else np.full(len(table), b"")
    )
    if dtype.names:
        return np.asarray(values["f0"] * np.int64(10**9) + values["f1"]).view("M8[ns]")
    return np.char.decode(values, "utf-8") if dtype.kind == "S" else values.astype(dtype.newbyteorder("="))
