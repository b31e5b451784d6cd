"""Checks of recordings before anything is trained on them; short recordings are dropped."""
