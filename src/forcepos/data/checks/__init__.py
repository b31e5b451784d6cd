"""Checks of recordings before anything is trained on them; short recordings are dropped."""

from forcepos.data.checks.check import check, constant_targets, drop_short

__all__ = ["check", "constant_targets", "drop_short"]
