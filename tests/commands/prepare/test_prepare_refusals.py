"""Input that `prepare` refuses, and its error messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.commands.prepare.made import COLUMNS, folder, numbers, text, zipped
from tests.commands.prepare.running import ROWS, ZIPPED, prepared, refused, table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "data.source is required: set it on the command line, data.source=…"),
        (["versuch.zip"], "versuch.zip is not key=value, such as data.source=versuch_f1.zip; see prepare --help"),
        (["--cfg=job"], "--cfg=job is not key=value, such as data.source=versuch_f1.zip; see prepare --help"),
        (["data.sorce=a"], "unknown key data.sorce: did you mean data.source?"),
        (["+data.sorce=a"], "unknown key data.sorce: did you mean data.source?"),
        (["seed=1"], "unknown key seed: the config has data"),
        (["data.source=a", "data.keep_rows=0"], "data.keep_rows=0 must be at least 1"),
        (["data.source=a", "data.keep_rows=many"], "data.keep_rows=many: "
         "Value 'many' of type 'str' could not be converted to Integer"),
        (["data.source=a", "data.columns=[]"], "data.columns=[] must not be empty"),
        (["data.source=a", "data.columns=[Fx,Fy,Fx]"], "data.columns names Fx twice"),
        (["data.source=a", "data.columns=[Fx,key]"],
         "data.columns names key, which is reserved for the touched point"),
        (["data.source=a", "data.pattern=f.txt"], "data.pattern=f.txt lacks {i}: "
         "it takes {experiment}, {visit}, {i}, {j}, each once, and needs i and j"),
        (["data.source="], "data.source is empty: give a zip file or a folder"),
        (["data.source=a,b"], "data.source=a,b has several values: -m sweeps over them, "
         "data.source=[a,b] is a list, 'data.source=\"a,b\"' a text"),
        (["data.source=${a}"], "data.source: Interpolation key 'a' not found"),
        (["data=versuch"], "force-add of config groups is not supported: 'data=versuch'"),
        (["data.source=a", "data.pattern={i}_{j}.txt"], "data.pattern={i}_{j}.txt has to be quoted: "
         """'data.pattern="{i}_{j}.txt"'"""),
        (["data.source=nowhere"], "data.source=nowhere is neither a zip file nor a folder"),
        (["data.source=.", "data.target=."], "data.target=. is a folder: name a file in it"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    assert refused(tmp_path, *arguments) == [f"error: {message}"]


def test_nothing_that_matches(tmp_path: Path) -> None:
    logs = folder(tmp_path / "logs", {f"point{place}.txt": b"" for place in range(12)})
    names = ", ".join(sorted(path.name for path in logs.iterdir())[:10])
    wanted = "data.pattern={experiment}_{i}_{j}_demoRecord.txt, as f_0_0_demoRecord.txt would"
    message = f"error: no file in logs matches {wanted}: it has {names} and 2 more"
    assert refused(tmp_path, "data.source=logs") == [message]
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path, "data.source=empty") == [f"error: no file in empty matches {wanted}: it is empty"]


def test_all_problems_of_all_logs_are_reported_at_once(tmp_path: Path) -> None:
    broken = text(ROWS, COLUMNS).replace(b"\n" + text(ROWS[4:5]), b"\nbroken\n")
    logs = {f"f_0_{j}_demoRecord.txt": text(ROWS) for j in range(5)}
    logs |= {
        "f_0_2_demoRecord.txt": broken,
        "f_0_4_demoRecord.txt": b"",
        "f_1_0_demoRecord.txt": text([], COLUMNS),
        "f_1_1_demoRecord.txt": os.urandom(1000) + b"\x00",
        "f_1_2_demoRecord.txt": text(numbers(columns=17)),
        "../f_1_3_demoRecord.txt": text(ROWS),
    }
    lines = refused(tmp_path, f"data.source={zipped(tmp_path / 'bad.zip', logs)}")
    assert lines == [
        f"error: {tmp_path}/bad.zip cannot be used:",
        "  f_0_2_demoRecord.txt: line 6 has 1 field, not 48",
        "  f_0_4_demoRecord.txt has no rows",
        "  f_1_0_demoRecord.txt has a header but no rows",
        "  f_1_1_demoRecord.txt is not text",
        "  f_1_2_demoRecord.txt: line 1 has 17 fields, not 48; 5 lines are broken",
        "  ../f_1_3_demoRecord.txt: its name points outside the zip file",
    ]


def test_many_problems_are_counted(tmp_path: Path) -> None:
    folder(tmp_path / "logs", {f"f_0_{j}_demoRecord.txt": b"" for j in range(13)})
    lines = refused(tmp_path, "data.source=logs")
    assert lines[10:] == ["  f_0_9_demoRecord.txt has no rows", "  … and 3 more"]


def test_two_logs_of_one_visit(tmp_path: Path) -> None:
    folder(tmp_path / "logs", {f"{place}/f_0_0_demoRecord.txt": text(ROWS) for place in "ab"})
    assert refused(tmp_path, "data.source=logs") == [
        "error: logs cannot be used:",
        "  a/f_0_0_demoRecord.txt and b/f_0_0_demoRecord.txt are the same visit of 0,0: "
        "{visit} in data.pattern distinguishes visits",
    ]


def test_an_existing_file_is_replaced_on_request_only(tmp_path: Path) -> None:
    arguments = [f"data.source={ZIPPED}", "data.target=mine.feather"]
    (tmp_path / "mine.feather").write_text("old")
    assert refused(tmp_path, *arguments) == ["error: mine.feather already exists: data.overwrite=true replaces it"]
    assert (tmp_path / "mine.feather").read_text() == "old"
    assert prepared(tmp_path, *arguments, "data.overwrite=true").code == 0
    assert len(table(tmp_path / "mine.feather")) == 401


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    folder(tmp_path / "logs", {"f_0_0_demoRecord.txt": text(ROWS), "f_0_1_demoRecord.txt": b"junk"})
    (tmp_path / "mine.feather").write_text("old")
    refused(tmp_path, "data.source=logs", "data.target=mine.feather", "data.overwrite=true")
    assert (tmp_path / "mine.feather").read_text() == "old"


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (line,) = refused(tmp_path, f"data.source={ZIPPED}", "data.target=file/mine.feather")
    assert line.startswith("error: file/mine.feather cannot be written: ")
