"""A plug-in that is not as it has to be ends a run in one line, which names it and its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.lab import ALL, with_plugins
from tests.warm import forcepos


@pytest.mark.system
@pytest.mark.parametrize(
    ("file", "right", "wrong", "message"),
    [
        # an architecture
        ("model/gru.yaml", "gru.Gru", "gru.Gruu",
         "model.plugin=gru.Gruu (mine/gru.py): there is no such class, did you mean Gru?"),
        ("model/gru.yaml", "units: [4, 8, 16]", "units: [4, 0]", "model.space.units[1]=0 must be at least 1"),
        ("model/gru.yaml", "units: [4, 8, 16]", "units: [4, many]",
         "model.space.units[1]: Value 'many' of type 'str' could not be converted to Integer"),
        ("model/gru.yaml", "units: [4, 8, 16]", "unitz: [4, 8]",
         "unknown key model.space.unitz: did you mean model.space.units?"),
        ("gru.py", "import forcepos\n", "import forcepos\n1 / 0\n",
         "model.plugin=gru.Gru: mine/gru.py, line 6: ZeroDivisionError: division by zero"),
        ("gru.py", '["units"]', '["unit"]', "gru.Gru (mine/gru.py) failed in hidden_layers: KeyError: 'unit'"),
        ("gru.py", '(chosen["units"])', '(chosen["units"], return_sequences=True)',
         "gru.Gru (mine/gru.py): its layers lead to (10, 2), not (2,): they must end in (features,), as "
         "after Flatten or GlobalAveragePooling1D"),
        # a split
        ("split/by_surface.yaml", "by_surface.BySurface", "by_surfaces.BySurface",
         "split.plugin=by_surfaces.BySurface: there is no by_surfaces.py in mine; did you mean by_surface?"),
        ("by_surface.py", "@dataclass\n", "",
         "split.plugin=by_surface.BySurface (mine/by_surface.py) is not a dataclass: put @dataclass above it"),
        ("by_surface.py", "def divide", "def divides",
         "split.plugin=by_surface.BySurface (mine/by_surface.py) lacks divide(), which forcepos.Split asks for"),
        ("by_surface.py", "kept[self.column]", 'kept["sruface"]',
         "by_surface.BySurface (mine/by_surface.py) failed in divide: KeyError: 'sruface'"),
        ("by_surface.py", "TRAIN)\n", "TRAIN)[1:]\n",
         "by_surface.BySurface (mine/by_surface.py): divide returned int64 of shape (503,), not an integer for "
         "each of 504 samples"),
        ("by_surface.py", "[TEST, VALIDATION]", "[7, VALIDATION]",
         "by_surface.BySurface (mine/by_surface.py): divide returned 0 to 7, not -1 to 3"),
        # a reader
        ("json_lines.py", "JsonLines(forcepos.Reader)", "JsonLines(forcepos.Split)",
         "data.plugin=json_lines.JsonLines (mine/json_lines.py) is no subclass of forcepos.Reader"),
        ("json_lines.py", "[row[name] for row in some]", '[row[name] for row in some if name != "fx" or row["t"]]',
         "json_lines.JsonLines (mine/json_lines.py) failed in pieces for lab.jsonl: ArrowInvalid: Column 1 named "
         "fy expected length 696 but got length 720"),
        ("json_lines.py", "row[name] for row", 'row[f"{name}_n"] for row',
         "json_lines.JsonLines (mine/json_lines.py) failed in pieces for lab.jsonl: KeyError: 'fx_n'"),
        ("json_lines.py", 'path.suffix == ".jsonl"', 'path.suffix == ".json"',
         "json_lines.JsonLines (mine/json_lines.py) does not read lab.jsonl: its `matches` says no"),
        # a tuner
        ("tpe.py", "startup_trials=self.startup_trials", "startup_trials=self.startup",
         "tpe.Tpe (mine/tpe.py) failed in oracle: AttributeError: 'Tpe' object has no attribute 'startup'"),
        ("tpe.py", "return TpeOracle(study, ", "return dict(",
         "tpe.Tpe (mine/tpe.py): oracle returned a dict, not a keras_tuner.Oracle"),
        ("tpe.py", "list(hp.values)", "hp.options",
         "tpe.Tpe (mine/tpe.py) failed in populate_space: AttributeError: 'Choice' object has no attribute "
         "'options'"),
        ("tpe.py", '"values": chosen.values', '"values": chosen.values | {"units": 5}',
         "tpe.Tpe (mine/tpe.py): populate_space proposed values of which units is not in the search space"),
    ],
)  # fmt: skip
def test_it_is_named_in_one_line(file: str, right: str, wrong: str, message: str, tmp_path: Path) -> None:
    path = with_plugins(tmp_path) / "mine" / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    done = forcepos(ALL, tmp_path)
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert (done.code, done.out, errors) == (1, "", [f"error: {message}"])
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1] == errors[0]
