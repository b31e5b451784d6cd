"""Bags of ROS 1 and ROS 2, read with `rosbags`: fields are columns, `/ft_sensor.wrench.force.x`, on one clock."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from forcepos.data.readers.binary import MOST, ROWS
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_AT_ONCE = 256  # messages of a topic whose values are held as Python objects
_PROBED = 20  # messages of a topic, that with most joints of which tells its columns
_LATE = 5  # median steps of a topic: a longer one is a gap, and an older value is stale
_ENOUGH = 10  # messages, for a median that says anything
_BASE, _MESSAGE = 1, 2  # kinds of types, as rosbags numbers them; others are lists
_TIME = pa.timestamp("ns")


class Field(NamedTuple):
    """A column: an attribute of messages, such as wrench.force.x, or an element of a list that it is."""

    path: str
    place: int | None
    type: pa.DataType

    def __str__(self) -> str:
        return self.path if self.place is None else f"{self.path}[{self.place}]"

    def value(self, message: Any) -> Any:
        """Return its value in a message, None where the list is too short."""
        found = attrgetter(self.path)(message)
        if self.place is not None:
            return found[self.place] if self.place < len(found) else None
        return found.sec * 10**9 + found.nanosec if self.type is _TIME else found


def find_fields(message: Any, definitions: Mapping[str, Any], path: str = "") -> Iterator[Field]:
    """Yield the columns of a message, but those of lists of messages and of pictures."""
    for name, (kind, of) in definitions[message.__msgtype__][1]:
        value, inner = getattr(message, name), f"{path}{name}"
        if kind == _BASE:
            yield Field(inner, None, _type(of[0]))
        elif kind == _MESSAGE and of == "builtin_interfaces/msg/Time":
            yield Field(inner, None, _TIME)
        elif kind == _MESSAGE:
            yield from find_fields(value, definitions, f"{inner}.")
        elif of[0][0] == _BASE and len(value) <= MOST:
            yield from (Field(inner, index, _type(of[0][1][0])) for index in range(len(value)))


def _type(name: str) -> pa.DataType:
    # A byte is signed on its own and unsigned in lists.
    return pa.type_for_alias({"byte": "int16", "char": "uint8"}.get(name, name))


def _joints(message: Any) -> list[str]:
    """Return the names of the joints that a message is about, if any."""
    names = getattr(message, "name", None)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


class Known(NamedTuple):
    """What the first messages of a topic tell: their type, and the joints and columns of the longest."""

    type: str
    joints: list[str]
    fields: dict[str, Field]


class Topic:
    """The messages of one topic, but those of other joints than its longest one, as a table.

    Attributes:
        others: how many are of other joints.
        table: the wanted columns, null where a message lacks one, and `time`, when each was recorded.
        times: (messages,) ns.
    """

    def __init__(self, known: Known, wanted: Collection[str]) -> None:
        self.others, self._joints, self._fields = 0, known.joints, {name: known.fields[name] for name in wanted}
        self._schema = pa.schema({"time": _TIME} | {name: field.type for name, field in self._fields.items()})
        self._rows, self._parts = list[dict[str, Any]](), list[pa.RecordBatch]()

    def add(self, stamp: int, message: Any) -> None:
        """Add a message that was recorded at this time, in ns."""
        if _joints(message) != self._joints:
            self.others += 1
            return
        values = {name: field.value(message) for name, field in self._fields.items()}
        self._rows.append({"time": stamp} | values)
        if len(self._rows) == _AT_ONCE:
            self._convert()

    def _convert(self) -> None:
        """Turn the rows that have come into columns, which take less memory."""
        self._parts.append(pa.RecordBatch.from_pylist(self._rows, self._schema))
        self._rows.clear()

    def finish(self) -> None:
        """Join the columns."""
        self._convert()
        self.table = pa.Table.from_batches(self._parts).combine_chunks()
        self.times = self.table["time"].to_numpy().view(np.int64)
        self._parts.clear()


class RosTable(Table):
    """A bag: rows are the messages of one topic, that of a feature with most; others add their newest before.

    A column `time` says when a row was recorded.
    """

    kind = "ROS"

    def __init__(self, path: Path) -> None:
        self._known, self._messages, left_out = dict[str, Known](), dict[str, int](), list[str]()
        with _bag(path) as bag:
            for one in bag.connections:
                try:
                    found = _probe(bag, one)
                    known = self._known.setdefault(one.topic, found)
                    if known.type != one.msgtype:
                        raise InputError(f"others there are {known.type}")  # noqa: TRY301  # is told as they are
                    self._known[one.topic] = max(known, found, key=lambda topic: len(topic.joints))
                    self._messages[one.topic] = self._messages.get(one.topic, 0) + one.msgcount
                except Exception as error:  # noqa: BLE001  # there is none, it is damaged, or nobody defines its type
                    left_out.append(f"{one.topic} ({one.msgtype} with {one.msgcount} messages: {error!r})")
        fields = ((topic, name) for topic, one in self._known.items() for name in one.fields)
        self._fields = [("", "time"), *fields]
        super().__init__(path, [name for _, name in self._fields], len(self._fields))
        self.left_out = left_out

    def _clock(self, columns: Sequence[Wanted]) -> str:
        signals = [one for one in columns if one.role == "feature"]
        topics = [self._fields[one.place][0] for one in signals or columns]
        return max(topics, key=lambda topic: self._messages.get(topic, 0), default="")

    def rows(self, columns: Sequence[Wanted]) -> int:
        return self._messages.get(self._clock(columns), 0)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:
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
        if strict:
            self._report(topics, clock, newest, first)
        values = [topics[topic or clock].table[name].chunk(0) for topic, name in fields]
        check_kinds(self.title, wanted, [column.type for column in values])
        for row in range(first, len(time), ROWS):
            rows = {topic: pa.array(place[row : row + ROWS]) for topic, place in newest.items()}
            yield {number: values[number].take(rows[topic or clock]) for number, (topic, _) in enumerate(fields)}

    def _read(self, fields: Sequence[tuple[str, str]]) -> dict[str, Topic]:
        names = {topic: {name for of, name in fields if of == topic} for topic, _ in fields if topic}
        topics = {topic: Topic(self._known[topic], wanted) for topic, wanted in names.items()}
        kinds = {(topic, self._known[topic].type) for topic in topics}
        with _bag(self.path) as bag:
            read = [one for one in bag.connections if (one.topic, one.msgtype) in kinds]
            for connection, stamp, raw in bag.messages(read):
                topics[connection.topic].add(stamp, bag.deserialize(raw, connection.msgtype))
        for topic in topics.values():
            topic.finish()
        return topics

    def _report(self, topics: Mapping[str, Topic], clock: str, newest: Mapping[str, Any], first: int) -> None:
        """Log what is dropped, missing or old."""
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
        if found:  # that topics do not begin together is as it should be
            level = logging.WARNING if found[bool(first) :] else logging.INFO
            log.log(level, "%s: %s", self.title, "; ".join(found))


def _probe(bag: Any, connection: Any) -> Known:
    """Describe the first message with most joints; rosbags raises whatever it does if one is damaged."""
    first = (bag.deserialize(raw, connection.msgtype) for _, _, raw in islice(bag.messages([connection]), _PROBED))
    longest = max(first, key=lambda message: len(_joints(message)))
    fields = find_fields(longest, bag.typestore.fielddefs)
    return Known(connection.msgtype, _joints(longest), {f"{connection.topic}.{field}": field for field in fields})


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
