"""Bags of ROS 1 and ROS 2, read with `rosbags`: fields are columns, `/ft_sensor.wrench.force.x`, on one clock."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from struct import unpack_from
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.binary import MOST
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_ROWS = 8192
_AT_ONCE = 256  # messages that are held as such: as many as a processor's cache holds
_PROBED = 20  # messages of a topic, that with most joints of which tells its columns
_LATE = 5  # median steps of a topic: a longer one is a gap, and an older value is stale
_ENOUGH = 10  # messages, for a median that says anything
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
        """Find all columns, but those of lists of messages and of pictures; ValueError or struct.error: broken."""
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
    table = np.ascontiguousarray(table)
    values: NDArray[Any] = table.view(dtype)[:, 0] if dtype.itemsize else np.full(len(table), b"")
    if dtype.names:
        return np.asarray(values["f0"] * np.int64(10**9) + values["f1"]).view("M8[ns]")
    return np.char.decode(values, "utf-8") if dtype.kind == "S" else values.astype(dtype.newbyteorder("="))


class RosTable(Table):
    """A bag: rows are the messages of one topic, that of a feature with most; others add their newest before.

    A column `time` says when a row was recorded.
    """

    kind = "ROS"

    def __init__(self, path: Path) -> None:
        self._longest, self._messages, left_out = dict[str, Message](), dict[str, int](), list[str]()
        self._told = False
        with _bag(path) as bag:
            for one in bag.connections:
                kind = Type(one.topic, one.msgtype, bag.typestore.fielddefs, bag.is2)
                try:
                    first = [Message(kind, raw) for _, _, raw in islice(bag.messages([one]), _PROBED)]
                    longest = max(first, key=lambda message: message.joints[0])
                    known = self._longest.setdefault(one.topic, longest)
                    if known.type.name != one.msgtype:
                        raise InputError(f"others there are {known.type.name}")  # noqa: TRY301  # is told as they are
                    self._longest[one.topic] = max(known, longest, key=lambda message: message.joints[0])
                    self._messages[one.topic] = self._messages.get(one.topic, 0) + one.msgcount
                except Exception as error:  # noqa: BLE001  # there is none, it is damaged, or nobody defines its type
                    left_out.append(f"{one.topic} ({one.msgtype} with {one.msgcount} messages: {error!r})")
        fields = ((topic, name) for topic, one in self._longest.items() for name in one.fields)
        self._fields = [("", "time"), *fields]
        super().__init__(path, [name for _, name in self._fields], len(self._fields))
        self.left_out = left_out

    def _clock(self, columns: Sequence[Wanted]) -> str:
        signals = [one for one in columns if one.role == "feature"]
        topics = [self._fields[one.place][0] for one in signals or columns]
        return max(topics, key=lambda topic: self._messages.get(topic, 0), default="")

    def rows(self, columns: Sequence[Wanted]) -> int:
        return self._messages.get(self._clock(columns), 0)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        wanted = columns or self.everything
        fields, clock = [self._fields[one.place] for one in wanted], self._clock(wanted)
        if not clock:
            raise InputError(f"{self.title}: no column of a topic; {name_some(self.left_out, 5)}")
        topics = self._read(fields)
        time = topics[clock].times
        # Of each topic, the number of its newest message at each message of the clock.
        newest = {topic: np.searchsorted(one.times, time, side="right") - 1 for topic, one in topics.items()}
        first = max(int(np.count_nonzero(place < 0)) for place in newest.values())
        if first == len(time):
            raise InputError(f"{self.title}: no message of {clock} follows the first one of every other topic")
        self._report(topics, clock, newest, first)
        values = [topics[topic or clock].table[name].chunk(0) for topic, name in fields]
        check_kinds(self.title, wanted, [column.type for column in values])
        for row in range(first, len(time), _ROWS):
            rows = {topic: pa.array(topics[topic].order[newest[topic][row : row + _ROWS]]) for topic in topics}
            yield {number: values[number].take(rows[topic or clock]) for number, (topic, _) in enumerate(fields)}

    def _read(self, fields: Sequence[tuple[str, str]]) -> dict[str, Topic]:
        names = {topic: {name for of, name in fields if of == topic} for topic, _ in fields if topic}
        topics = {topic: Topic(self._longest[topic], wanted) for topic, wanted in names.items()}
        kinds = {(topic, self._longest[topic].type.name) for topic in topics}
        with _bag(self.path) as bag:
            read = [one for one in bag.connections if (one.topic, one.msgtype) in kinds]
            sinks = {one.id: (topics[one.topic].raws, topics[one.topic].stamps) for one in read}
            messages = bag.messages(read)
            while some := list(islice(messages, _AT_ONCE)):
                for connection, stamp, raw in some:
                    raws, stamps = sinks[connection.id]
                    raws.append(raw)
                    stamps.append(stamp)
                for topic in topics.values():
                    topic.convert()
        for topic in topics.values():
            topic.finish()
        return topics

    def _report(self, topics: Mapping[str, Topic], clock: str, newest: Mapping[str, Any], first: int) -> None:
        """Log what is dropped, missing or old, once."""
        found = [f"the first {first} messages of {clock} are dropped: another topic begins later"] if first else []
        time = topics[clock].times
        for topic, one in topics.items():
            step = float(np.median(np.diff(one.times))) if len(one.times) >= _ENOUGH else np.inf
            late = np.diff(time) if topic == clock else (time - one.times[newest[topic]])[first:]
            what = "messages of {} are followed by a gap" if topic == clock else "rows have an old value of {}"
            if count := np.count_nonzero(late > _LATE * step):
                usual = f"of up to {late.max() / 1e9:.3g} s, where {step / 1e9:.3g} s are usual"
                found.append(f"{count} {what.format(topic)}, {usual}")
            if one.others:
                found.append(f"{one.others} messages of {topic} are of other joints and left out")
        if found and not self._told:  # that topics do not begin together is as it should be
            level = logging.WARNING if found[bool(first) :] else logging.INFO
            log.log(level, "%s: %s", self.title, "; ".join(found))
        self._told = True


@contextmanager
def _bag(path: Path) -> Iterator[Any]:
    try:
        from rosbags.highlevel import AnyReader  # noqa: PLC0415  # an extra
        from rosbags.typesys import Stores, get_typestore  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"{path} is a ROS bag: to read it, pip install 'forcepos[ros]'") from error
    for file in path.glob("*.db3") if path.is_dir() else [path]:
        log_of = file.with_name(f"{file.name}-wal")
        if log_of.exists() and log_of.stat().st_size:
            advice = f"sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)' moves them there"
            left = f"{log_of.name} holds messages that are not in it yet"
            raise InputError(f"{path} was not closed: {left}; {advice}")
    # Bags of ROS 2 before Iron do not define their types; common ones are the same in all of its versions.
    common = get_typestore(Stores.ROS2_HUMBLE) if path.suffix != ".bag" else None
    with explained(path, "ROS bag", Exception), AnyReader([path], default_typestore=common) as bag:
        yield bag
