"""The config reference: every key has a meaning, and docs/config.md and --help are what the schema says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from forcepos.config.reference import help_text
from forcepos.config.schema import SCHEMAS, Config, key
from forcepos.runtime.paths import conf_dir
from tests.running import forcepos

DOCS = Path(__file__).parents[2] / "docs"
LIMITS = {"min", "max", "above", "below", "choices", "length"}
SHARED = {"base", "columns"}  # named in the defaults lists of other files, not chosen by users
FILES = [path.relative_to(conf_dir()) for path in conf_dir().glob("*/**/*.yaml")]
OFFERED = [path for path in FILES if path.parts[0] not in SHARED]


def schemas(schema: Any) -> Iterator[Any]:
    """A schema, and those of the keys in it that hold further keys."""
    yield schema
    for field in dataclasses.fields(schema):
        for kind in (get_type_hints(schema)[field.name], field.metadata["of"]):
            if dataclasses.is_dataclass(kind):
                yield from schemas(kind)


FIELDS = {
    f"{schema.__name__}.{field.name}": field
    for start in (Config, *SCHEMAS.values())
    for schema in schemas(start)
    for field in dataclasses.fields(schema)
}


def test_every_key_has_a_meaning() -> None:
    meanings = {name: field.metadata.get("meaning", "") for name, field in FIELDS.items()}
    assert [name for name, meaning in meanings.items() if meaning.strip(" .") != meaning or not meaning] == []
    assert [name for name, meaning in meanings.items() if "|" in meaning] == []  # which would end a table's cell


def test_every_limit_is_one_that_is_checked() -> None:
    limits = {name: set(field.metadata["limits"]) for name, field in FIELDS.items()}
    assert {name: unknown - LIMITS for name, unknown in limits.items() if unknown - LIMITS} == {}


def test_a_key_without_a_meaning_cannot_be_declared() -> None:
    with pytest.raises(TypeError):
        key(min=1)  # type: ignore[call-arg]


def test_the_page_is_what_the_schema_and_conf_give() -> None:
    written = subprocess.run(
        [sys.executable, DOCS / "scripts" / "config_page.py"], check=True, capture_output=True, encoding="utf-8"
    )
    assert (DOCS / "config.md").read_text(encoding="utf-8") == written.stdout, "run make reference"


def test_the_page_names_every_key_and_every_choice() -> None:
    text = (DOCS / "config.md").read_text(encoding="utf-8")
    assert {path.stem for path in OFFERED if f"\n| {path.stem} " not in text} == set()
    names = {name.split(".")[1] for name in FIELDS} - {"space"}  # which holds further keys
    assert {name for name in names if f".{name}`" not in text and f"`{name}`" not in text} == set()


def test_the_top_of_help_names_the_commands_and_its_groups_mark_the_default() -> None:
    lines = help_text().splitlines()
    assert lines[0] == "forcepos: where does a robot touch? Learned from its force and torque signals."
    assert "tuner           bayesian (default), fixed, grid, hyperband, random" in lines
    assert "tracking        default, none" in lines
    meaning = FIELDS["TunerConfig.max_trials"].metadata["meaning"]
    assert f"tuner.max_trials            {meaning}" in lines
    assert max(map(len, lines)) <= 115


def test_help_names_every_choice_of_a_group() -> None:
    listed = help_text().partition("choices:\n")[2].partition("\n\n")[0].replace("\n   ", "")
    choices = {line.split()[0]: set(line.replace(",", "").split()) for line in listed.splitlines()}
    assert [path for path in OFFERED if path.stem not in choices[path.parent.as_posix()]] == []


def test_every_choice_begins_with_a_comment_that_says_what_it_is() -> None:
    paths = [path for path in conf_dir().rglob("*.yaml") if path.name != "prepare.yaml"]
    assert [path for path in paths if not path.read_text(encoding="utf-8").startswith("# ")] == []


def test_the_command_prints_that_help(tmp_path: Path) -> None:
    assert forcepos(["--help"], tmp_path).out == help_text()


def test_help_is_made_without_hydra_and_the_libraries_that_train() -> None:
    heavy = {"hydra", "tensorflow", "keras", "keras_tuner", "mlflow", "pandas", "numpy", "sklearn"}
    script = f"""
import sys
from forcepos.config.reference import help_text
help_text()
print({heavy} & {{*sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
