"""Samples are windows of one recording, by reference."""

from __future__ import annotations

from forcepos.data.recordings import all_samples
from tests.data.test_splits import plate


def test_no_window_crosses_two_recordings() -> None:
    samples = all_samples(plate([12, 10, 11]), 10)
    assert samples.starts.tolist() == [0, 1, 2, 12, 22, 23]
    recording = samples.recordings.recording
    assert (recording[samples.starts] == recording[samples.last]).all()


def test_a_window_of_one_row_is_every_row() -> None:
    assert all_samples(plate([2, 3]), 1).starts.tolist() == [0, 1, 2, 3, 4]


def test_the_target_is_the_last_rows() -> None:
    recordings = plate([12])
    recordings.positions[:, 0] = range(12)
    assert all_samples(recordings, 10).positions[:, 0].tolist() == [9, 10, 11]


def test_windows_cost_four_bytes_each() -> None:
    samples = all_samples(plate([1000]), 10)
    assert samples.starts.nbytes == 4 * 991
