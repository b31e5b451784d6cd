"""Plug-ins from Python: what is composed is what the files say now."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import forcepos
from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config
from forcepos.results.finished_runs import run_fingerprint
from tests.plugins.lab import with_plugins


def composed(folder: Path, *overrides: str) -> Config:
    return forcepos.compose(
        "model=gru", "split=by_surface", "split.test=[steel]", *overrides, config_dir=folder / "mine"
    )


def test_a_config_holds_an_instance_of_the_users_class(tmp_path: Path) -> None:
    config = composed(with_plugins(tmp_path), "split.column=material", "model.space.units=[3,5]")
    assert (type(config.model.space).__name__, type(config.split).__name__) == ("Gru", "BySurface")
    assert vars(config.split)["column"] == "material"
    assert vars(config.model.space)["units"] == [3, 5]
    assert isinstance(config.model.space, forcepos.Architecture)


def test_a_file_that_changed_is_imported_anew_and_has_another_hash(tmp_path: Path) -> None:
    before = composed(with_plugins(tmp_path))
    path = tmp_path / "mine" / "gru.py"
    path.write_text(path.read_text() + "\n\nclass Longer(Gru):\n    pass\n")
    after = composed(tmp_path)
    assert type(before.model.space) is not type(after.model.space)
    hashes = [values_with_plugins(config)["model"]["plugin"][1] for config in (before, after)]
    assert hashes[0] != hashes[1]
    assert values_with_plugins(before)["split"] == values_with_plugins(after)["split"]


def test_what_a_file_imports_from_its_folder_counts_as_its_source(tmp_path: Path) -> None:
    path = with_plugins(tmp_path) / "mine" / "gru.py"
    path.write_text("from sizes import LARGEST\n" + path.read_text().replace("4096", "LARGEST"))
    hashes = []
    for largest in ("4096", "40960"):
        (tmp_path / "mine" / "sizes.py").write_text(f"LARGEST = {largest}\n")
        hashes.append(values_with_plugins(composed(tmp_path))["model"]["plugin"][1])
    assert hashes[0] != hashes[1]


def test_two_folders_may_have_files_of_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = with_plugins(tmp_path / name) / "mine" / "gru.py"
        path.write_text(path.read_text() + f"\nNAME = {name!r}\n")
    names = [
        sys.modules[type(composed(tmp_path / name).model.space).__module__].NAME for name in ("one", "two", "one")
    ]
    assert names == ["one", "two", "one"]


def test_a_file_with_the_name_of_an_installed_module_is_told_to_be_renamed(tmp_path: Path) -> None:
    mine = with_plugins(tmp_path) / "mine"
    (mine / "gru.py").rename(mine / "wave.py")
    yaml = mine / "model" / "gru.yaml"
    yaml.write_text(yaml.read_text().replace("gru.Gru", "wave.Gru"))
    with pytest.raises(forcepos.InputError, match=r"wave\.py has the name of an installed module: rename it"):
        composed(tmp_path)


def test_forcepos_own_choices_are_left_out_of_what_is_known_by_its_source() -> None:
    values = values_with_plugins(forcepos.compose())
    assert [name for name, group in values.items() if isinstance(group, dict) and "plugin" in group] == []


TABLE = ["data=table", "data.path=x", "data.features=[a]", "data.targets=[x,y]", "data.rate_hz=100"]
# The defaults of earlier versions.
BEFORE = ["model.scaling=whiten", "model.statistics_s=0", "model.clip=false", "tuner.max_trials=5"]


@pytest.mark.parametrize(
    ("overrides", "fingerprint"),
    [
        ([*TABLE, *BEFORE], "v1-74ece2b2e5d4"),
        ([*TABLE, *BEFORE[:3], "model=ffnn_classification", "tuner=hyperband", "split=held_out_points"],
         "v1-2cfbd7483042"),
        (["data=versuch", "data.path=x", *BEFORE], "v1-f2d2ccf07a6c"),
        (["data=versuch", "data.path=x", "experiment=notebook_cnn_regression"], "v1-e7de6b46ae41"),
    ],
)  # fmt: skip
def test_runs_from_before_there_were_plugins_are_found(overrides: list[str], fingerprint: str) -> None:
    assert run_fingerprint(forcepos.compose(*overrides), "d") == fingerprint


@pytest.mark.parametrize("data", ["versuch", "table"])
def test_keys_that_earlier_versions_lacked_count_once_they_are_set(data: str) -> None:
    columns = ["data.features=[Fx]", "data.targets=[x,y]", "data.rate_hz=10", "data.label=null"]
    changed = {"tare": "time", "tare_ms": [0.0, 9.0], "join_by": "row", "session_from": "{}/*", "missing": "drop"}
    given = [
        f'data.{name}="{value}"' if "_from" in name else f"data.{name}={value}" for name, value in changed.items()
    ]
    before = values_with_plugins(forcepos.compose(f"data={data}", "data.path=a", *columns))["data"]
    after = values_with_plugins(forcepos.compose(f"data={data}", "data.path=a", *columns, *given))["data"]
    assert {name: value for name, value in after.items() if name not in before} == changed
    assert not {"join", "tare_below_n", "tare_features", "recording_from", "label_from", "session"} & {*before}
