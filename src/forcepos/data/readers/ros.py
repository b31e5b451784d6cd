"""Bags of ROS 1 and ROS 2, read with `rosbags`: fields are columns, `/ft_sensor.wrench.force.x`, on one clock."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from forcepos.data.readers.message import Message, Topic, Type
from forcepos.data.readers.table import Chunk, Table, Wanted, check_kinds, explained
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some

log = logging.getLogger(__name__)
_ROWS = 8192
_AT_ONCE = 256  # messages that are held as such: as many as a processor's cache holds
_PROBED = 20  # messages of a topic, that with most joints of which tells its columns
_LATE = 5  # median steps of a topic: a longer one is a gap, and an older value is stale
_ENOUGH = 10  # messages, for a median that says anything


class RosTable(Table):
    """A bag: rows are the messages of one topic; every other topic contributes its newest message before.

    That topic is the one with most messages, among those of the features if there are any. A column `time` says
    when it was recorded.
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
        self._fields = [
            ("", "time"),
            *((topic, name) for topic, one in self._longest.items() for name in one.fields),
        ]
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
        fields = [self._fields[one.place] for one in wanted]
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

    def _report(
        self, topics: Mapping[str, Topic], clock: str, newest: Mapping[str, NDArray[Any]], first: int
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
