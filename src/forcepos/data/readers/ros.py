"""Bags of ROS 1 and ROS 2, read with `rosbags`: fields are columns, `/ft_sensor.wrench.force.x`, on one clock."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from keyword import iskeyword
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.elements import MOST
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds, explained
from forcepos.data.readers.topic import Field, Topic, joints
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_ROWS = 8192
_AT_ONCE = 256  # messages that are held as such: as many as a processor's cache holds
_PROBED = 20  # messages of a topic, the longest of which tells its columns
_LATE = 5  # median steps of a topic: a longer one is a gap, and an older value is stale
_ENOUGH = 10  # messages, for a median that says anything


class RosTable(Table):
    """A bag: rows are the messages of one topic; every other topic contributes its newest message before.

    That topic is the one with most messages, among those of the features if there are any. A column `time` says
    when it was recorded.
    """

    kind = "ROS"

    def __init__(self, path: Path) -> None:
        self._fields, self._messages, left_out = [Field("", "time")], dict[str, int](), list[str]()
        self._longest: dict[str, Any] = {}  # the first message of each topic, or a longer one of the next
        self._told = False
        with _bag(path) as bag:
            for one in bag.connections:
                self._messages[one.topic] = self._messages.get(one.topic, 0) + one.msgcount
                try:
                    raws = [raw for _, _, raw in islice(bag.messages([one]), _PROBED)]
                    first = [bag.deserialize(raw, one.msgtype) for raw in raws]
                    before = [self._longest[one.topic]] if one.topic in self._longest else []
                    self._longest[one.topic] = max(before + first, key=lambda message: len(joints(message)))
                except Exception as error:  # noqa: BLE001  # there is none, it is damaged, or nobody defines its type
                    left_out.append(f"{one.topic} ({one.msgtype} with {one.msgcount} messages: {error!r})")
            for topic, message in self._longest.items():
                self._fields += _fields(bag.typestore.fielddefs, message, topic)
        super().__init__(path, [field.name for field in self._fields], len(self._fields))
        self.left_out = left_out

    def _clock(self, columns: Sequence[Wanted]) -> str:
        signals = [one for one in columns if one.role == "feature"]
        topics = [self._fields[one.place].topic for one in signals or columns]
        return max(topics, key=lambda topic: self._messages.get(topic, 0), default="")

    def rows(self, columns: Sequence[Wanted]) -> int:
        return self._messages.get(self._clock(columns), 0)

    def chunks(self, columns: Sequence[Wanted] | None = None, strict: bool = True) -> Iterator[Chunk]:  # noqa: ARG002  # has no lines
        wanted = columns or self.everything
        fields = [self._fields[one.place] for one in wanted]
        clock = self._clock(wanted)
        if not clock:
            raise InputError(f"{self.title}: no column of a topic; {name_some(self.left_out, 5)}")
        topics = self._read(fields)
        time = topics[clock].times
        # Of each topic, the number of its newest message at each message of the clock.
        newest = {topic: np.searchsorted(one.times, time, side="right") - 1 for topic, one in topics.items()}
        first = max(int(np.count_nonzero(place < 0)) for place in newest.values())
        self._report(topics, clock, newest, first)
        columns_of = [topics[field.topic or clock].values(field) for field in fields]
        check_kinds(self.title, wanted, [pa.array(values[:1]).type for values in columns_of])
        for row in range(first, len(time), _ROWS):
            places = {topic: place[row : row + _ROWS] for topic, place in newest.items()}
            yield {
                number: pa.array(values[places[field.topic or clock]])
                for number, (field, values) in enumerate(zip(fields, columns_of, strict=True))
            }

    def _read(self, fields: Sequence[Field]) -> dict[str, Topic]:
        topics = {one.topic: Topic(one.topic, fields, self._longest[one.topic]) for one in fields if one.topic}
        with _bag(self.path) as bag:
            wanted = [one for one in bag.connections if one.topic in topics]
            sinks = {one.id: (one.msgtype, *topics[one.topic].sink) for one in wanted}
            messages = bag.messages(wanted)
            deserialize = bag.typestore.deserialize_cdr if bag.is2 else bag.typestore.deserialize_ros1
            while some := list(islice(messages, _AT_ONCE)):
                for connection, stamp, raw in some:
                    kind, get, rows, stamps = sinks[connection.id]
                    rows.append(get(deserialize(raw, kind)))
                    stamps.append(stamp)
                for topic in topics.values():
                    topic.convert()
        for topic in topics.values():
            topic.finish()
        return topics

    def _report(
        self, topics: Mapping[str, Topic], clock: str, newest: Mapping[str, NDArray[Any]], first: int
    ) -> None:
        """Log what is dropped, missing or old, once; refuse if nothing is left."""
        time = topics[clock].times
        if first == len(time):
            raise InputError(f"{self.title}: no message of {clock} follows the first one of every other topic")
        found = [f"the first {first} messages of {clock} are dropped: another topic begins later"] if first else []
        for topic, one in topics.items():
            step = float(np.median(np.diff(one.times))) if len(one.times) >= _ENOUGH else np.inf
            if topic == clock:
                late = np.diff(time)
                what = f"messages of {clock} are followed by a gap"
            else:
                late = (time - one.times[newest[topic]])[first:]
                what = f"rows have an old value of {topic}"
            if count := np.count_nonzero(late > _LATE * step):
                found.append(
                    f"{count} {what}, of up to {late.max() / 1e9:.3g} s, where {step / 1e9:.3g} s are usual"
                )
            if one.others:
                found.append(f"{one.others} messages of {topic} are of other joints and left out")
        if found and not self._told:  # that topics do not begin together is as it should be
            log.log(
                logging.WARNING if found[bool(first) :] else logging.INFO, "%s: %s", self.title, "; ".join(found)
            )
        self._told = True


@contextmanager
def _bag(path: Path) -> Iterator[Any]:
    try:
        from rosbags.highlevel import AnyReader  # noqa: PLC0415  # an extra
        from rosbags.typesys import Stores, get_typestore  # noqa: PLC0415
    except ImportError as error:
        raise InputError(f"{path} is a ROS bag: to read it, pip install 'forcepos[ros]'") from error
    # Bags of ROS 2 before Iron do not define their types; common ones are the same in all of its versions.
    common = get_typestore(Stores.ROS2_HUMBLE) if path.suffix != ".bag" else None
    with explained(path, "ROS bag", Exception), AnyReader([path], default_typestore=common) as bag:
        yield bag


def _fields(types: Mapping[str, Any], message: Any, topic: str, prefix: str = "") -> Iterator[Field]:
    """List what a message consists of; lists of messages, pictures and point clouds are left out."""
    for name, _ in types[message.__msgtype__][1]:
        path = prefix + name + "_" * iskeyword(name)  # as rosbags names it
        value = getattr(message, name + "_" * iskeyword(name))
        kind = getattr(value, "__msgtype__", "")
        if kind and not kind.endswith("/Time"):
            yield from _fields(types, value, topic, f"{path}.")
        elif not isinstance(value, list | np.ndarray):
            yield Field(topic, path)
        elif len(value) <= MOST and not any(hasattr(one, "__msgtype__") for one in value):
            yield from (Field(topic, path, index) for index in range(len(value)))
