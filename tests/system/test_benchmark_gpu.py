"""The checks of a GPU run on a CPU, where all but those of a card's memory have a meaning."""

from __future__ import annotations

import pytest
from benchmarks import gpu_checks
from benchmarks.gpu_checks import Where

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "name", [name for name in gpu_checks.CHECKS if name not in {"growth", "shares", "too large"}]
)
def test_a_check_runs_and_finds_on_a_cpu_what_is_claimed(name: str) -> None:
    seen = gpu_checks.CHECKS[name](Where("cpu", quick=True))
    assert seen.passed, seen.text
