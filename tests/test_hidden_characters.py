"""Names come from files: control and format characters in them reach nobody, but show as their codes."""

from __future__ import annotations

import dataclasses
import logging
import unicodedata
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from forcepos.data.loading import load_recordings
from forcepos.results.figures import style
from forcepos.results.terminal import show_table
from forcepos.runtime.files import write_csv
from forcepos.runtime.log_lines import VisibleFormatter
from forcepos.runtime.wording import visible, visible_lines, visible_name
from tests.commands.inspect.made import inspected
from tests.conftest import checked_config
from tests.data.tables import numbers
from tests.warm import forcepos

# Sets a window's title, paints red, clears the screen, turns the direction of writing, begins lines of its own.
EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\r\n2026 forged\u2028\x7f"
SHOWN = r"\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\x0d\x0a2026 forged\u2028\x7f"


def hidden(text: str) -> set[str]:
    """The characters that a terminal would obey or nobody would see, other than the ends of our own lines."""
    return {one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (EVIL, SHOWN),
        ("a\tb\nc", r"a\x09b\x0ac"),
        ("\u2066x\u2069\u200b\ufeff\xad", r"\u2066x\u2069\u200b\ufeff\xad"),
        ("\U000e0001\udc80", r"\U000e0001\udc80"),  # a tag, and a byte of a file's name that is no UTF-8
        ("Kraft ä [N] µ 力 \xa0🙂 \\tau", "Kraft ä [N] µ 力 \xa0🙂 \\tau"),
    ],
)
def test_hidden_characters_show_as_their_codes_and_others_as_they_are(text: str, shown: str) -> None:
    assert visible(text) == visible_name(text) == shown


def test_different_names_stay_different() -> None:
    names = ["\x1b", r"\x1b", r"\x5cx1b", "\\\x1b", "\u202e", r"\u202e", "\n", r"\n", r"\x0a", "\\"]
    assert len({visible_name(name) for name in names}) == len(names)
    assert visible_name(r"\x1b") == r"\x5cx1b"


def test_an_error_keeps_its_own_lines_and_no_others() -> None:
    assert visible_lines("cannot be used:\n  a\nb\n  c") == "cannot be used:\n  a\\x0ab\n  c"


def test_a_log_line_is_one_line_and_a_traceback_stays_readable() -> None:
    record = logging.makeLogRecord({"msg": "read %s", "args": (EVIL,)})
    assert VisibleFormatter("%(message)s").format(record) == f"read {SHOWN}"
    with pytest.raises(ValueError, match="owned") as raised:
        float(EVIL)
    record.exc_info = (raised.type, raised.value, raised.tb)
    lines = VisibleFormatter("%(message)s").format(record).splitlines()
    assert lines[:2] == [f"read {SHOWN}", "Traceback (most recent call last):"]
    assert not hidden("\n".join(lines))


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table whose file, columns, classes and recordings have such names."""
    folder = tmp_path_factory.mktemp("evil")
    table = numbers().rename(columns={"Fx": f"F{EVIL}x"})
    classes = np.resize([f"open{EVIL}", f"shut{EVIL}", "shut" + SHOWN], 120)
    table = table.assign(**{f"grip{EVIL}": classes, "rec": np.repeat([f"a{EVIL}", f"b{EVIL}"], 60)})
    table.to_feather(folder / f"file{EVIL}.feather")
    return folder


def test_inspect_shows_names_and_drafts_a_config_that_finds_them(evil: Path) -> None:
    done = inspected(evil, "--no-figures", ".", "--label", f"grip{EVIL}", "--write", "data/mine.yaml")
    draft = (evil / "data" / "mine.yaml").read_text()
    assert done.code == 0, done.err
    assert not hidden(done.out + done.err + draft)
    assert f"file{SHOWN}.feather" in done.err.replace(" │\n│ ", "")
    assert [*done.result["balance"][f"grip{EVIL}"]] == [f"open{EVIL}", f"shut{EVIL}", "shut" + SHOWN]
    assert OmegaConf.create(draft).label == f"grip{EVIL}"


@pytest.mark.parametrize("arguments", [["nowhere" + EVIL], ["--no-figures", "--unknown" + EVIL]])
def test_an_argument_is_repeated_visibly(arguments: list[str], evil: Path) -> None:
    done = inspected(evil, *arguments)
    assert done.code != 0
    assert SHOWN in done.err
    assert not hidden(done.err)


def test_recordings_columns_and_classes_are_named_visibly_and_none_are_merged(evil: Path) -> None:
    path = evil / f"file{EVIL}.feather"
    keys = ("data.features=[Fy]", "data.targets=[x,y]", "data.time=t", "model.axes=[x,y]")
    config = checked_config("data=table", "data.path=FILE", *keys).data
    names: dict[str, Any] = {
        "path": str(path),
        "features": ["Fy", f"F{EVIL}x"],
        "label": f"grip{EVIL}",
        "recording": "rec",
    }
    recordings = load_recordings(dataclasses.replace(config, **names)).recordings
    assert recordings.channels == ("Fy", f"F{SHOWN}x")
    assert recordings.names == (f"a{SHOWN}", f"b{SHOWN}")
    twin = SHOWN.replace("\\", r"\x5c")
    assert recordings.label_names == (f"open{SHOWN}", f"shut{SHOWN}", f"shut{twin}")
    assert recordings.labels is not None
    assert np.bincount(recordings.labels).tolist() == [40, 40, 40]


def test_a_run_logs_names_visibly_on_the_terminal_and_in_its_log_file(evil: Path) -> None:
    done = forcepos(["data=versuch", f"data.path='nowhere{EVIL}'", "hydra.run.dir=run"], evil)
    assert done.code == 1
    what = "is not a file, a folder or a pattern that matches a file"
    assert done.err.splitlines()[-1] == f"error: data.path=nowhere{SHOWN} {what}"
    logged = (evil / "run" / "forcepos.log").read_text()
    assert f"data.path='nowhere{SHOWN[:20]}" in logged  # a long value is cut
    assert not hidden(done.err + logged)


def test_prepare_names_the_files_of_a_zip_visibly(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(f"f{EVIL}_0_0.txt", "1 2\n3\n5 6\n")
        archive.writestr(f"other{EVIL}", "")
    done = forcepos(
        ["prepare", "data.source=a.zip", "data.columns=[a,b]", "data.pattern='{experiment}_{i}_{j}.txt'"], tmp_path
    )
    assert done.code == 1
    assert done.err.splitlines()[0].endswith(f"skipped 1 files that do not match data.pattern: other{SHOWN}")
    assert done.err.splitlines()[1:] == [
        "error: a.zip cannot be used:",
        f"  f{SHOWN}_0_0.txt: line 2 has 1 field, not 2",
    ]


def test_a_report_a_picture_a_table_and_a_csv_file_hold_no_hidden_characters(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame({EVIL: [EVIL]})
    page = style.page(
        "report.html.jinja",
        title=EVIL, question=EVIL, cards=[(EVIL, EVIL, EVIL)], verdict=EVIL, scores=table, notes=[EVIL],
        data=table, checks=[{"found": EVIL, "advice": EVIL}], figures={}, hyperparameters={EVIL: EVIL},
        layers=table, seconds={EVIL: EVIL}, tables={EVIL: table}, facts={EVIL: EVIL},
        load=dict.fromkeys(["tracking_uri", "model_uri", "file", "windows", "rows"], EVIL),
        config_yaml=f"a: {EVIL}\nb: 1",
    )  # fmt: skip
    assert not hidden(page)
    assert "<table>" in page
    assert page.count(r"\x1b]0;owned") == 32
    write_csv(tmp_path / "a.csv", pd.DataFrame({"name": [EVIL]}))
    assert (tmp_path / "a.csv").read_text() == f"name\n{SHOWN}\n"
    show_table("jobs", [{"overrides": EVIL}])
    assert SHOWN in capfd.readouterr().err
    file = BytesIO()
    figure, axes = style.single()
    style.draw_signals(axes, range(3), [(EVIL, range(3))])
    figure.savefig(file, format="svg")
    assert not hidden(file.getvalue().decode())
    assert ET.fromstring(file.getvalue().decode()) is not None  # noqa: S314  # ours
