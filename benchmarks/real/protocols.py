"""The sets of recordings of real arms: a YAML file for each says what its columns are and how it is measured."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

_HERE = Path(__file__).parent


def protocols_in(data: Path) -> dict[str, dict[str, Any]]:
    """Return the protocols of the sets whose folder lies in `data`, by name; end the program without any."""
    protocols = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(_HERE.glob("*.yaml"))}
    there = {name: protocol for name, protocol in protocols.items() if (data / name).is_dir()}
    if not there:
        sys.exit(f"{data} has none of the folders {', '.join(protocols)}")
    return there


def prepared(folder: Path, protocol: Mapping[str, Any], place: Path) -> Path:
    """Return the folder to read: a copy with the touched rows only, where rows without a touch have no target."""
    if "touched" not in protocol:
        return folder
    place.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.csv")):
        rows = pd.read_csv(path)
        rows[(rows[protocol["touched"]] != 0).any(axis=1)].to_parquet(place / f"{path.stem}.parquet")
    return place
