"""JSON that every parser takes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from forcepos.runtime.files import to_json, write_json


def strictly_parsed(text: str) -> Any:
    """Parse JSON as strict parsers do, which know neither NaN nor infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {text}")

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_not_finite_become_null_at_any_depth(tmp_path: Path) -> None:
    value = {
        "a": [1.5, math.nan, (math.inf, {"b": -math.inf, "c": np.float64("nan")})],
        "d": 2,
        "e": None,
        "f": "NaN",
    }
    expected = {"a": [1.5, None, [None, {"b": None, "c": None}]], "d": 2, "e": None, "f": "NaN"}
    assert strictly_parsed(to_json(value)) == expected
    write_json(tmp_path / "value.json", value)
    assert strictly_parsed((tmp_path / "value.json").read_text()) == expected
