"""Checks of recordings before anything is trained on them; short recordings are dropped."""

from forcepos.data.checks.check import check
from forcepos.data.checks.short import drop_short
from forcepos.data.checks.subsets import constant_targets

__all__ = ["check", "constant_targets", "drop_short"]
