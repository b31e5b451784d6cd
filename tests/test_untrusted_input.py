"""Files from others are data: nothing in them runs, leaves its folder or breaks what shows it."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from forcepos.commands.inspect.report import quoted
from forcepos.commands.prepare import logs
from forcepos.commands.prepare.logs import open_source
from forcepos.config.schema import Config
from forcepos.experiment.inputs import read_hyperparameters
from forcepos.results.figures import style
from forcepos.results.terminal import show_table
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_csv
from forcepos.tracking.ui import serve
from tests.conftest import checked_config

TOP = Path(__file__).parents[1]
MAKE = shutil.which("make") or "make"
SOURCES = sorted((TOP / "src").rglob("*.py"))

# Modules and functions with which a file could run code or start a program.
MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "torch",
    "yaml",
    "runpy",
    "code",
}
CALLS = {
    "eval", "exec", "compile", "__import__", "read_pickle", "unsafe_load", "full_load", "instantiate", "system",
    "popen", "extractall", "import_module", "enable_unsafe_deserialization", "load_model", "get_class",
    "get_method",
}  # fmt: skip
# What is of our own making, and what harms nobody.
ALLOWED = {
    "forcepos/__init__.py": ["import_module"],  # of the names in its own table
    "forcepos/__main__.py": ["import_module"],  # likewise
    "forcepos/config/mistakes.py": ["yaml"],  # the names of its errors
    # A config, which is trusted, names a plug-in; nothing but a subclass of forcepos' own base classes is taken.
    "forcepos/config/plugins.py": ["import_module"],
    # joblib starts and feeds the workers of a sweep; neither loads a file.
    "forcepos/experiment/joblib_workers.py": [
        "joblib.externals.loky",
        "joblib.externals.loky.process_executor",
        "joblib.parallel",
    ],
    # A finished run that the user names, in Keras' safe mode.
    "forcepos/models/networks.py": ["load_model", "safe_mode"],
    "forcepos/runtime/resources.py": ["joblib"],  # counts cores, those of a container included
    # What a run of forcepos has saved, in Keras' safe mode; docs/security.md says whose models may be loaded.
    "forcepos/tracking/served.py": ["load_model", "safe_mode"],
    "forcepos/tracking/run.py": ["load_model"],  # that this run has saved a moment ago, or before an outage
}
OPTIONS = {"allow_pickle", "shell", "safe_mode", "weights_only", "trust_remote_code"}


def forbidden(tree: ast.AST) -> list[str]:
    """What a file does that no file of ours may."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [name.name for name in names if name.name.split(".")[0] in MODULES]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                found.append(module)
            case ast.Call(func=func, keywords=keywords):
                name = getattr(func, "attr", getattr(func, "id", ""))
                is_ours = name == "compile" and isinstance(func, ast.Attribute)  # re.compile, and Keras' models'
                if name in CALLS and not is_ours:
                    found.append(name)
                given = [keyword for keyword in keywords if ast.unparse(keyword) != "allow_pickle=False"]
                found += [str(keyword.arg) for keyword in given if keyword.arg in OPTIONS]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP / "src")))
def test_no_source_can_run_what_a_file_holds(path: Path) -> None:
    allowed = ALLOWED.get(str(path.relative_to(TOP / "src")), [])
    assert forbidden(ast.parse(path.read_text())) == allowed


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "import yaml", "eval(text)",
        "np.load(path, allow_pickle=True)",
        "archive.extractall()", "subprocess.run(text, shell=True)", "os.system(text)",
        "keras.models.load_model(path)", "compile(text)",
        "pd.read_pickle(path)", "hydra.utils.instantiate(node)",
    ],
)  # fmt: skip
def test_the_look_at_the_sources_finds(line: str) -> None:
    assert len(forbidden(ast.parse(line))) == 1


def test_git_what_tells_a_gpus_memory_and_mlflows_pages_are_the_only_programs_that_are_started() -> None:
    using = [
        path.name for path in SOURCES if re.search(r"\b(subprocess|os\.(exec|spawn)\w*|pty)\b", path.read_text())
    ]
    assert using == ["export.py", "device.py", "description.py", "ui.py"]  # export: its own estimator, to be timed


@pytest.mark.parametrize("content", [b"\x80\x04\x95\x0f.", b"cos\nsystem\n(S'touch hit'\ntR.", b"[1]", b"NaN"])
def test_the_notebooks_obj_files_are_json_or_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("best.obj").write_bytes(content)
    with pytest.raises(InputError, match=r"tuner\.hyperparameters=best\.obj (is not JSON|holds a)"):
        read_hyperparameters(Path("best.obj"))
    assert not Path("hit").exists()


# --- names stay in their folders ---


@pytest.mark.parametrize(
    "name", ["../f_0_0.txt", "/f_0_0.txt", "a/../../f_0_0.txt", "C:/f_0_0.txt", "..\\f_0_0.txt"]
)
def test_a_zip_entry_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "1 2\n")
    with open_source(tmp_path / "a.zip") as entries, pytest.raises(InputError, match="its name points outside"):
        entries[0].read()


def test_a_link_in_a_zip_file_is_text_and_followed_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1 2\n")
    link = zipfile.ZipInfo("f_0_0.txt")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, str(tmp_path / "secret"))
    with open_source(tmp_path / "a.zip") as entries:
        assert entries[0].read() == str(tmp_path / "secret").encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "secret"]


def test_a_zip_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f_0_0.txt", bytes(50_000_000))
    lying = (
        (tmp_path / "a.zip").read_bytes().replace((50_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    )
    (tmp_path / "b.zip").write_bytes(lying)
    tracemalloc.start()
    for name in ("a.zip", "b.zip"):
        with open_source(tmp_path / name) as entries, pytest.raises(InputError):
            entries[0].read()
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["../model", "a/b", "a\\b", "a:b", "..", " "])
def test_a_registered_model_cannot_be_called_a_path(name: str) -> None:
    with pytest.raises(InputError, match=r"tracking\.register_as=.* must be a name without /, \\ and :"):
        checked_config(f"tracking.register_as='{name}'")
    assert isinstance(checked_config("tracking.register_as=force"), Config)


def test_a_name_in_a_drafted_config_is_a_text_and_no_interpolation() -> None:
    from omegaconf import OmegaConf

    for name in (
        "${oc.env:HOME}",
        "a: b",
        "!!python/object/apply:os.system [x]",
        '"',
        "- x",
        "*a",
        "\u2028",
        "\\",
    ):
        assert OmegaConf.to_container(OmegaConf.create(f"features:\n  - {quoted(name)}\n"), resolve=True) == {
            "features": [name]
        }


# --- what shows names ---

EVIL = "<script>alert(1)</script>\" onload='x' &amp; ]]>"


def test_the_report_escapes_every_text_and_allows_no_script() -> None:
    table = pd.DataFrame({EVIL: [EVIL]})
    page = style.page(
        "report.html.jinja",
        title=EVIL, question=EVIL, cards=[(EVIL, EVIL, EVIL)], verdict=EVIL, scores=table, notes=[EVIL],
        data=table, checks=[{"found": EVIL, "advice": EVIL}], figures={}, hyperparameters={EVIL: EVIL},
        layers=table, seconds={EVIL: EVIL}, tables={EVIL: table}, facts={EVIL: EVIL},
        load=dict.fromkeys(["tracking_uri", "model_uri", "file", "windows", "rows"], EVIL),
        config_yaml=EVIL,
    )  # fmt: skip
    assert "<script" not in page
    assert "onload='" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 9
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page


@pytest.mark.parametrize("name", [EVIL, r"$\frac$", "a_$x$", "${x}", "\\"])
def test_a_picture_shows_any_name_as_it_stands(name: str) -> None:
    file = BytesIO()
    figure, axes = style.single()
    style.draw_signals(axes, range(3), [(name, range(3))])
    figure.savefig(file, format="svg")
    root = ET.fromstring(file.getvalue().decode())  # noqa: S314  # ours; a name that is not escaped breaks it
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd|'x'!A0", "'-2+3+cmd|'x'!A0"), ("\t=1", "\\x09=1"),
        ("-1,0 visit 2", "-1,0 visit 2"), ("f = m", "f = m"),
    ],
)  # fmt: skip
def test_a_name_in_a_table_is_no_formula(name: str, cell: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"name": [name], "mean": [-1.5]}))
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [{"name": cell, "mean": "-1.5"}]


def test_a_table_on_the_terminal_shows_brackets_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    show_table("jobs", [{"overrides": "model.axes=[x,y] [red]"}])
    assert "model.axes=[x,y] [red]" in capfd.readouterr().err


# --- what we start, and what is installed ---


def test_the_user_interface_listens_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = subprocess.run(
        [MAKE, "--dry-run", "ui", "READY="], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    assert "python -m forcepos ui\n" in recipe
    for variable in ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "PYTHONWARNINGS"):
        monkeypatch.setenv(variable, "")  # which is set for the server
    monkeypatch.setattr("os.execv", lambda _, command: sys.exit(json.dumps(command)))
    with pytest.raises(SystemExit) as ended:
        serve("sqlite:///mlruns/mlflow.db", 5000)
    command = json.loads(str(ended.value))
    assert command[1:4] == ["-m", "mlflow", "ui"]
    assert command[command.index("--host") + 1] == "127.0.0.1"


@pytest.mark.parametrize(
    ("told", "code", "says"),
    [
        ("", 0, ""),
        ("Found 1 known vulnerability in 1 package", 1, "Found 1 known vulnerability in 1 package"),
        ("zipp: Dependency not found on PyPI and could not be audited", 1, "nothing is known of them"),
        ("requests.exceptions.ConnectionError: Max retries exceeded", 1, "nothing is known of them"),
    ],
)
def test_the_audit_fails_where_nothing_could_be_asked(told: str, code: int, says: str, tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\n{'echo ' + json.dumps(told) + ' >&2' if told else ':'}\nexit {code}\n")
    program.chmod(0o755)
    make = [MAKE, "--silent", "audit", "READY=", f"BIN={tmp_path}", f"VENV={tmp_path}"]
    done = subprocess.run(make, cwd=TOP, check=False, capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode != 0) == bool(code)
    assert says in done.stderr
    assert ("error: the package index could not be asked" in done.stderr) == ("nothing" in says)
