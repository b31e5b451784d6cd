"""Bags of ROS 1 and ROS 2, read with `rosbags`: fields are columns, `/ft_sensor.wrench.force.x`, on one clock."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from keyword import iskeyword
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.binary import MOST
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_ROWS = 8192
_AT_ONCE = 128  # messages of a topic that are held as such: as many as a processor's cache holds
_PROBED = 20  # messages of a topic, that with most joints of which tells its columns
_LATE = 5  # median steps of a topic: a longer one is a gap, and an older value is stale
_ENOUGH = 10  # messages, for a median that says anything
_TIME = pa.timestamp("ns")
_TYPES = {"byte": "int8", "char": "uint8"}  # that Arrow names otherwise


class RosTable(Table):
    """A bag: rows are the messages of one topic; every other topic contributes its newest message before.

    That topic is the one with most messages, among those of the features if there are any. A column `time` says
    when it was recorded.
    """

    kind = "ROS"

    def __init__(self, path: Path) -> None:
        self._longest, self._messages, left_out = dict[str, Any](), dict[str, int](), list[str]()
        columns, self._told = {"": {"time": _Column("", "", -1, _TIME)}}, False
        with _bag(path) as bag:
            for one in bag.connections:
                try:
                    raws = [raw for _, _, raw in islice(bag.messages([one]), _PROBED)]
                    first = [bag.deserialize(raw, one.msgtype) for raw in raws]
                    known = self._longest.get(one.topic, first[0])
                    if known.__msgtype__ != one.msgtype:
                        raise InputError(f"others there are {known.__msgtype__}")  # noqa: TRY301  # is told as they are
                    longest = max([known, *first], key=lambda message: len(_joints(message) or ""))
                    columns[one.topic] = dict(_columns(bag.typestore.fielddefs, longest, one.topic))
                    self._longest[one.topic] = longest
                    self._messages[one.topic] = self._messages.get(one.topic, 0) + one.msgcount
                except Exception as error:  # noqa: BLE001  # there is none, it is damaged, or nobody defines its type
                    left_out.append(f"{one.topic} ({one.msgtype} with {one.msgcount} messages: {error!r})")
        self._columns = [column for its in columns.values() for column in its.values()]
        super().__init__(path, [name for its in columns.values() for name in its], len(self._columns))
        self.left_out = left_out

    def _clock(self, columns: Sequence[Wanted]) -> str:
        signals = [one for one in columns if one.role == "feature"]
        topics = [self._columns[one.place].topic for one in signals or columns]
        return max(topics, key=lambda topic: self._messages.get(topic, 0), default="")

    def rows(self, columns: Sequence[Wanted]) -> int:
        return self._messages.get(self._clock(columns), 0)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        wanted = columns or self.everything
        fields = [self._columns[one.place] for one in wanted]
        check_kinds(self.title, wanted, [one.type for one in fields])
        clock = self._clock(wanted)
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
        values = [topics[one.topic].values[one] if one.topic else pa.array(time, one.type) for one in fields]
        for row in range(first, len(time), _ROWS):
            rows = {topic: pa.array(newest[topic or clock][row : row + _ROWS]) for topic in ("", *topics)}
            yield {number: values[number].take(rows[one.topic]) for number, one in enumerate(fields)}

    def _read(self, columns: Sequence[_Column]) -> dict[str, _Topic]:
        topics = {
            topic: _Topic(longest, its)
            for topic, longest in self._longest.items()
            if (its := [one for one in columns if one.topic == topic])
        }
        with _bag(self.path) as bag:
            read = [
                one for one in bag.connections if one.topic in topics and one.msgtype == topics[one.topic].kind
            ]
            deserialize = bag.typestore.deserialize_cdr if bag.is2 else bag.typestore.deserialize_ros1
            for connection, stamp, raw in bag.messages(read):
                topics[connection.topic].add(stamp, deserialize(raw, connection.msgtype))
        for topic in topics.values():
            topic.finish()
        return topics

    def _report(
        self, topics: Mapping[str, _Topic], clock: str, newest: Mapping[str, NDArray[Any]], first: int
    ) -> None:
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


class _Column(NamedTuple):
    """A field of a topic's messages, or an element of a list there: where rosbags has it, and its type."""

    topic: str
    path: str
    element: int  # -1: it is no list
    type: pa.DataType


def _joints(message: Any) -> list[str] | None:
    """Return the names that the elements of a message's lists have."""
    names = getattr(message, "name", None)
    return names if isinstance(names, list) and {*map(type, names)} <= {str} else None


def _columns(types: Mapping[str, Any], message: Any, *path: str) -> Iterator[tuple[str, _Column]]:
    """Name all columns, but lists of messages and pictures; `path`: the topic, and fields from there."""
    for (field, (_, of)), value in zip(types[message.__msgtype__][1], vars(message).values(), strict=False):
        several = isinstance(value, list | np.ndarray)
        kind = of[0][1] if several else of
        if of == "builtin_interfaces/msg/Time" or isinstance(kind, tuple):  # a base type is one with its length
            arrow = pa.type_for_alias(_TYPES.get(kind[0], kind[0])) if isinstance(kind, tuple) else _TIME
            place = ".".join(one + "_" * iskeyword(one) for one in (*path[1:], field))  # as rosbags names it
            for index in range(len(value) * (len(value) <= MOST)) if several else [-1]:
                name = ".".join((*path, field)) + f"[{index}]" * several
                yield name, _Column(path[0], place, index, arrow)
        elif not several:
            yield from _columns(types, value, *path, field)


class _Topic:
    """The wanted columns of one topic's messages, but those of other joints than its longest one.

    Attributes:
        others: how many messages are of other joints.
        times: (messages,) ns when each was recorded.
        values: (messages,) of each column, null where a message's list is too short.
    """

    def __init__(self, longest: Any, columns: Sequence[_Column]) -> None:
        ordered = sorted({*columns}, key=itemgetter(1, 2))
        self._by_path = {path: [*its] for path, its in groupby(ordered, attrgetter("path"))}
        self._get = attrgetter("__msgtype__" if _joints(longest) is None else "name", *self._by_path)
        self.kind = longest.__msgtype__
        self._joints, self._rows, self.others = self._get(longest)[0], list[tuple[Any, ...]](), 0
        self._times, self._parts = list[NDArray[np.int64]](), dict[_Column, list[pa.Array]]()

    def add(self, stamp: int, message: Any) -> None:
        """Add a message and the time when it was recorded, in ns."""
        joints, *found = self._get(message)
        if joints != self._joints:
            self.others += 1
            return
        self._rows.append((stamp, *found))
        if len(self._rows) == _AT_ONCE:
            self._convert()

    def _convert(self) -> None:
        times, *found = zip(*self._rows, strict=True)
        self._rows.clear()
        self._times.append(np.array(times))
        for columns, values in zip(self._by_path.values(), found, strict=True):
            for column, part in zip(columns, _split(values, columns), strict=True):
                self._parts.setdefault(column, []).append(part)

    def finish(self) -> None:
        """Join the arrays; there is at least one message."""
        if self._rows:
            self._convert()
        self.times = np.concatenate(self._times)
        self.values = {column: pa.concat_arrays(self._parts.pop(column)) for column in [*self._parts]}


def _split(values: Sequence[Any], columns: Sequence[_Column]) -> list[pa.Array]:
    """Return columns, in order of their places in a list, of what messages have in one field."""
    kind, last = columns[0].type, columns[-1].element
    if last < 0:
        return [pa.array([one.sec * 10**9 + one.nanosec for one in values] if kind == _TIME else values, kind)]
    if isinstance(values[0], np.ndarray) and {*map(len, values)} == {max(len(values[0]), last + 1)}:
        table = np.frombuffer(b"".join(values), values[0].dtype).reshape(len(values), -1)  # the fastest way
        return [pa.array(table[:, one.element]) for one in columns]
    elements = [one.element for one in columns]
    return [pa.array([its[one] if one < len(its) else None for its in values], kind) for one in elements]


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
            raise InputError(
                f"{path} was not closed: {log_of.name} holds messages that are not in it yet; {advice}"
            )
    # Bags of ROS 2 before Iron do not define their types; common ones are the same in all of its versions.
    common = get_typestore(Stores.ROS2_HUMBLE) if path.suffix != ".bag" else None
    with explained(path, "ROS bag", Exception), AnyReader([path], default_typestore=common) as bag:
        yield bag
