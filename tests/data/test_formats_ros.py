"""Bags of ROS 1 and ROS 2: topics and fields are columns, on the clock of the fastest topic of the features."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from forcepos.data.readers.opening import open_any
from forcepos.runtime.errors import InputError
from tests.data.tables import read

KINDS = ("ros1", "sqlite3", "mcap")
BEGIN_NS, STEP_NS = 1_700_000_000 * 10**9, 10_000_000
KEYS = (
    "data.features=[/ft.wrench.force.x,'/joint_states.effort[2]']",
    "data.targets=[/pose.point.x,/pose.point.y]",
    "data.time=time",
)
Message = tuple[str, int, Any]  # topic, time in ns, message


def types(kind: str) -> Any:
    return get_typestore(Stores.ROS1_NOETIC if kind == "ros1" else Stores.ROS2_HUMBLE)


def header(kind: str, stamp_ns: int) -> Any:
    known = types(kind).types
    time = known["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    return known["std_msgs/msg/Header"](*([0] if kind == "ros1" else []), time, "flange")


def wrench(kind: str, at: int, force: float) -> Message:
    """A message that was stamped a millisecond before it was recorded."""
    known = types(kind).types
    vectors = [known["geometry_msgs/msg/Vector3"](force, number, 0.0) for number in range(2)]
    head = header(kind, BEGIN_NS + at - 1_000_000)
    return "/ft", at, known["geometry_msgs/msg/WrenchStamped"](head, known["geometry_msgs/msg/Wrench"](*vectors))


def point(kind: str, at: int, x: float) -> Message:
    known = types(kind).types
    place = known["geometry_msgs/msg/Point"](x, x % 3, 0.0)
    return "/pose", at, known["geometry_msgs/msg/PointStamped"](header(kind, BEGIN_NS + at), place)


def joints(kind: str, at: int, names: Sequence[str], effort: Sequence[float]) -> Message:
    known, none = types(kind).types, np.zeros(0)
    head = header(kind, BEGIN_NS + at)
    state = known["sensor_msgs/msg/JointState"](head, list(names), none, none, np.array(effort, float))
    return "/joint_states", at, state


def write(kind: str, folder: Path, messages: Sequence[Message], known: Any = None) -> Path:
    """Write a bag with rosbags' own writer; return what a user would name."""
    known, path = known or types(kind), folder / ("a.bag" if kind == "ros1" else "a")
    plugin = StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
    with Writer1(path) if kind == "ros1" else Writer2(path, version=9, storage_plugin=plugin) as bag:
        serialize = known.serialize_ros1 if kind == "ros1" else known.serialize_cdr
        topics: dict[str, Any] = {}
        for topic, at, message in sorted(messages, key=lambda one: one[1]):
            if topic not in topics:
                topics[topic] = bag.add_connection(topic, message.__msgtype__, typestore=known)
            bag.write(topics[topic], BEGIN_NS + at, serialize(message, message.__msgtype__))
    return path


def three_topics(kind: str, rows: int = 120) -> list[Message]:
    """A wrench each 10 ms, the joints' efforts 3 ms later, and a place each 50 ms, 4 ms later."""
    at = [row * STEP_NS for row in range(rows)]
    return [
        *(wrench(kind, time, row) for row, time in enumerate(at)),
        *(joints(kind, time + 3_000_000, "abc", [0, 0, row]) for row, time in enumerate(at)),
        *(point(kind, time + 4_000_000, row) for row, time in enumerate(at) if row % 5 == 0),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_the_messages_of_the_features_with_the_newest_others_before(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = write(kind, tmp_path, three_topics(kind))
    recordings = read(path, *KEYS)
    rows = np.arange(1, 120)  # the first one has no place before it
    np.testing.assert_array_equal(recordings.signals, np.column_stack([rows, rows - 1]).astype(np.float32))
    np.testing.assert_array_equal(recordings.positions[:, 0], (rows - 1) // 5 * 5)
    assert recordings.rate_hz == 100
    assert recordings.names == ("a",)
    dropped = "the first 1 messages of /ft are dropped: another topic begins later"
    assert [record.message for record in caplog.records if "dropped" in record.message] == [f"{path}: {dropped}"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_fields_are_columns_of_their_kinds(kind: str, tmp_path: Path) -> None:
    table = open_any(write(kind, tmp_path, three_topics(kind)))
    sequence = ["/ft.header.seq"] if kind == "ros1" else []
    assert [name for name in table.columns if name.startswith(("time", "/ft"))] == [
        "time", *sequence, "/ft.header.stamp", "/ft.header.frame_id", "/ft.wrench.force.x", "/ft.wrench.force.y",
        "/ft.wrench.force.z", "/ft.wrench.torque.x", "/ft.wrench.torque.y", "/ft.wrench.torque.z",
    ]  # fmt: skip
    first = {table.columns[number]: values for number, values in next(iter(table.chunks())).items()}
    assert first["time"][0].value == BEGIN_NS + STEP_NS
    assert first["/ft.header.stamp"][0].value == BEGIN_NS + STEP_NS - 1_000_000
    assert first["/ft.header.frame_id"][0].as_py() == "flange"
    assert first["/joint_states.name[1]"][0].as_py() == "b"


def test_the_storage_file_alone_is_read_too(tmp_path: Path) -> None:
    for kind in ("sqlite3", "mcap"):
        (tmp_path / kind).mkdir()
        folder = write(kind, tmp_path / kind, three_topics(kind))
        (storage,) = (file for file in folder.iterdir() if file.name != "metadata.yaml")
        assert len(read(storage, *KEYS).signals) == 119


def test_each_bag_of_a_folder_is_a_recording(tmp_path: Path) -> None:
    for name, kind in {"one": "sqlite3", "two": "mcap"}.items():
        (tmp_path / name).mkdir()
        write(kind, tmp_path / name, three_topics(kind)).rename(tmp_path / f"{name}_bag")
        (tmp_path / name).rmdir()
    assert read(tmp_path, *KEYS).names == ("one_bag", "two_bag")


def test_gaps_and_old_values_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def lost(topic: str, at: int) -> bool:
        row = at // STEP_NS
        return (topic == "/ft" and 30 <= row < 40) or (topic == "/joint_states" and 80 <= row < 100)

    path = write("mcap", tmp_path, [one for one in three_topics("mcap") if not lost(*one[:2])])
    read(path, *KEYS)
    (told,) = (record.message for record in caplog.records if "messages of" in record.message)
    assert "1 messages of /ft are followed by a gap, of up to 0.11 s, where 0.01 s are usual" in told
    assert "16 rows have an old value of /joint_states, of up to 0.207 s, where 0.01 s are usual" in told


def test_elements_that_a_list_lacks_are_missing(tmp_path: Path) -> None:
    """The first message says how many there are."""
    messages = [joints("mcap", row * STEP_NS, [], [1.0] * (row % 4)) for row in range(3, 9)]
    table = open_any(write("mcap", tmp_path, messages))
    efforts = [f"/joint_states.effort[{number}]" for number in range(3)]
    assert table.columns == ("time", "/joint_states.header.stamp", "/joint_states.header.frame_id", *efforts)
    (chunk,) = table.chunks()
    np.testing.assert_array_equal(chunk[4].to_numpy(zero_copy_only=False), [1, np.nan, np.nan, 1, 1, np.nan])


def test_joint_states_of_two_publishers_are_not_mixed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gripper = [joints("mcap", row * STEP_NS + 5_000_000, ["finger"], [1000.0]) for row in range(120)]
    recordings = read(write("mcap", tmp_path, [*three_topics("mcap"), *gripper]), *KEYS)
    np.testing.assert_array_equal(recordings.signals[:, 1], np.arange(1, 120))
    assert "120 messages of /joint_states are of other joints and left out" in caplog.text


def test_a_type_that_nobody_defines_is_named(tmp_path: Path) -> None:
    """Bags in sqlite3 that ROS 2 before Iron wrote do not hold definitions."""
    import sqlite3

    known = types("sqlite3")
    known.register(get_types_from_msg("float64 force", "lab_msgs/msg/Tool"))
    tool = ("/tool", 0, known.types["lab_msgs/msg/Tool"](1.0))
    path = write("sqlite3", tmp_path, [*three_topics("sqlite3"), tool], known)
    with sqlite3.connect(path / "a.db3") as database:
        database.execute("DELETE FROM message_definitions")
    with pytest.raises(InputError) as error:
        read(path, *KEYS, "data.label=/tool.force")
    assert f"{path} lacks /tool.force; it has " in str(error.value)
    assert "no columns are /tool (lab_msgs/msg/Tool with 1 messages: " in str(error.value)
    assert len(read(path, *KEYS).signals) == 119  # the others are of types that ROS itself defines


@pytest.mark.parametrize("kind", KINDS)
def test_texts_and_lists_of_any_length_move_no_field(kind: str, tmp_path: Path) -> None:
    """Fields behind them lie elsewhere in each message, aligned with ROS 2."""
    known = types(kind)
    fields = "string note\nuint8[] flags\nfloat64 force\nbool on\nint16 code"
    known.register(get_types_from_msg(fields, "lab_msgs/msg/T"))
    made = [("é" * (row % 3), np.ones(row % 5, np.uint8), row / 7, row % 2 == 0, -row) for row in range(40)]
    messages = [("/t", row * STEP_NS, known.types["lab_msgs/msg/T"](*one)) for row, one in enumerate(made)]
    table = open_any(write(kind, tmp_path, messages, known))
    (chunk,) = table.chunks()
    found = {table.columns[number]: column.to_pylist() for number, column in chunk.items()}
    for place, name in {0: "/t.note", 2: "/t.force", 3: "/t.on", 4: "/t.code"}.items():
        assert found[name] == [one[place] for one in made]


@pytest.mark.parametrize(
    "change",
    [
        """message_definitions SET encoded_message_definition='float64 x; import os; os.mkdir("{}")'""",
        """message_definitions SET encoded_message_definition='string x=''+__import__("os").mkdir("{}")+'''""",
        """message_definitions SET topic_type='a/msg/X: import os; os.mkdir("{}")'""",
        """topics SET type='a/msg/X''); import os; os.mkdir("{}")'""",
    ],
)
@pytest.mark.parametrize("named", [".", "a.db3"])
def test_code_in_definitions_is_never_executed(change: str, named: str, tmp_path: Path) -> None:
    """A library makes classes of the definitions in a bag."""
    import sqlite3

    path, made = write("sqlite3", tmp_path, [wrench("sqlite3", 0, 1.0)] * 3), tmp_path / "made"
    with sqlite3.connect(path / "a.db3") as database:
        database.execute(f"UPDATE {change.format(made)}")
    with suppress(InputError):  # some are refused, some are only left out
        open_any(path / named)
    assert not made.exists()


def test_a_bag_that_was_not_closed_is_refused(tmp_path: Path) -> None:
    path = write("sqlite3", tmp_path, three_topics("sqlite3"))
    (path / "a.db3-wal").write_bytes(b"rows")
    for named in (path, path / "a.db3"):
        with pytest.raises(
            InputError, match="was not closed: a.db3-wal holds messages that are not in it yet; sql"
        ):
            read(named, *KEYS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.9])
def test_a_bag_that_is_cut_short_is_refused_in_one_line(kind: str, kept: float, tmp_path: Path) -> None:
    path = write(kind, tmp_path, three_topics(kind))
    (storage,) = [path] if kind == "ros1" else (file for file in path.iterdir() if file.name != "metadata.yaml")
    content = storage.read_bytes()
    storage.write_bytes(content[: int(len(content) * kept)])
    for named in {path, storage}:
        with pytest.raises(InputError) as error:
            read(named, *KEYS)
        assert str(error.value).startswith(f"{named} ")
        assert "\n" not in str(error.value)


def test_a_bag_in_which_topics_do_not_meet_is_refused(tmp_path: Path) -> None:
    messages = [*three_topics("mcap", 20), point("mcap", 30 * STEP_NS, 1.0)]
    messages = [one for one in messages if one[0] != "/pose" or one[1] == 30 * STEP_NS]
    with pytest.raises(InputError, match="no message of /ft follows the first one of every other topic"):
        read(write("mcap", tmp_path, messages), *KEYS)


def test_without_the_extra_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("ros1", tmp_path, three_topics("ros1"))
    monkeypatch.setitem(sys.modules, "rosbags.highlevel", None)
    with pytest.raises(InputError) as error:
        read(path, *KEYS)
    assert str(error.value) == f"{path} is a ROS bag: to read it, pip install 'forcepos[ros]'"
