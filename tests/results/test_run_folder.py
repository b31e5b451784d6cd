"""A folder holds the files of one run: a second run is refused, the same one goes on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from forcepos.results.finished_runs import refuse_result, refuse_used, unfinished
from forcepos.runtime.errors import InputError

FINISHED = "holds the result of a finished run: choose another folder, or"


def run_in(folder: Path, *files: str, killed: bool = False) -> None:
    """Do a run that writes these files, and is killed or ends."""
    folder.mkdir(exist_ok=True)
    with suppress(KeyboardInterrupt), unfinished(folder):
        for name in files:
            (folder / name).write_text('{"tracking": "complete"}')
        if killed:
            raise KeyboardInterrupt


def test_a_run_that_was_killed_is_repeated_in_its_folder(tmp_path: Path) -> None:
    run_in(tmp_path, "model.keras", "result.json", killed=True)  # in its figures
    refuse_used([tmp_path], same=True, skip=False)
    refuse_result(tmp_path)
    run_in(tmp_path, "model.keras", "result.json")
    with pytest.raises(InputError, match="reuse it"):
        refuse_used([tmp_path], same=True, skip=False)


def test_another_run_is_refused_where_a_killed_one_left_more_than_its_log(tmp_path: Path) -> None:
    run_in(tmp_path, "forcepos.log", killed=True)
    refuse_used([tmp_path], same=False, skip=True)
    run_in(tmp_path, "report.html", killed=True)
    with pytest.raises(InputError) as error:
        refuse_used([tmp_path], same=False, skip=True)
    assert str(error.value) == (
        f"{tmp_path} holds parts of an interrupted run of another command: choose another folder, or move it away"
    )


def test_a_finished_run_is_reused_by_the_same_command_only(tmp_path: Path) -> None:
    run_in(tmp_path, "result.json")
    refuse_used([tmp_path], same=True, skip=True)
    with pytest.raises(InputError, match=FINISHED):
        refuse_used([tmp_path], same=False, skip=True)
    with pytest.raises(InputError, match=FINISHED):  # the config was the same, but not its data
        refuse_result(tmp_path)


def test_what_the_tracking_store_lacks_is_logged_by_the_same_command(tmp_path: Path) -> None:
    run_in(tmp_path, "result.json")
    (tmp_path / "result.json").write_text('{"tracking": "incomplete"}')
    refuse_used([tmp_path], same=True, skip=False)


def test_a_result_of_an_earlier_version_counts_as_finished_even_if_it_is_cut_off(tmp_path: Path) -> None:
    for text in ("{", "[]", "{}"):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(InputError, match=FINISHED):
            refuse_used([tmp_path], same=True, skip=False)
