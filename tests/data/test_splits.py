"""Splits: which samples train and which test, and that no row does both."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from typing import Any

import numpy as np
import pytest

from forcepos.config.schema import SplitConfig
from forcepos.data.recordings import Recordings, Samples, all_samples
from forcepos.data.splits.held_out import harder_split
from forcepos.data.splits.split import Subsets, split_of
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config

WINDOW = 10


def plate(lengths: list[int], visits: int = 2, **more: Any) -> Recordings:
    """Recordings of these lengths, `visits` of each point, at 100 Hz."""
    recording = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    rows = len(recording)
    return Recordings(
        signals=np.arange(rows, dtype=np.float32)[:, None],
        positions=np.zeros((rows, 3), np.float32),
        recording=recording,
        point=(recording // visits).astype(np.int32),
        channels=("Fz",),
        names=tuple(f"recording {number}" for number in range(len(lengths))),
        rate_hz=100.0,
        **more,
    )


def config(name: str, *more: str) -> SplitConfig:
    return checked_config(f"split={name}", *more).split


def rows_of(samples: Samples, members: np.ndarray) -> set[int]:
    return set((samples.starts[members][:, None] + np.arange(samples.window)).ravel().tolist())


ALL_TRAINS = ("split.calibration_ratio=0",)
UNEVEN = [100, 73, 120, 55, 100, 211, 64, 99, 100, 100]


UNITS = ["blocked", "held_out_recordings", "held_out_points"]


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("seed", range(1, 21))
def test_no_row_is_in_two_subsets(name: str, seed: int) -> None:
    samples = all_samples(plate(UNEVEN * 2), WINDOW)
    split = split_of(config(name)).subsets(samples, seed)
    members = (split.train, split.validation, split.test, split.calibration)
    subsets = [rows_of(samples, subset) for subset in members]
    assert all(subsets)
    assert sum(map(len, subsets)) == len(set.union(*subsets))


@pytest.mark.parametrize("name", [*UNITS, "random"])
def test_the_calibration_subset_is_taken_from_the_validation_subset(name: str) -> None:
    samples = all_samples(plate(UNEVEN * 2), WINDOW)
    with_it, without = (
        split_of(config(name, f"split.calibration_ratio={ratio}")).subsets(samples, 1) for ratio in (0.1, 0)
    )
    assert len(without.calibration) == 0
    assert np.array_equal(with_it.test, without.test)
    assert np.array_equal(with_it.train, without.train)
    shared = set(with_it.validation.tolist()) | set(with_it.calibration.tolist())
    assert shared == set(without.validation.tolist())
    assert len(with_it.validation) + len(with_it.calibration) == len(without.validation)


def test_blocked_lets_a_tenth_of_the_time_blocks_calibrate_not_one_of_every_recording() -> None:
    samples = all_samples(plate([100] * 20), WINDOW)
    split = split_of(config("blocked", "split.gap_s=0")).subsets(samples, 1)
    rows = np.array(sorted(rows_of(samples, split.calibration)))
    assert len(rows) == 8 * 20  # of 20 recordings x 4 blocks of 20 rows that are not tested
    assert len(set(samples.recordings.recording[rows].tolist())) > 4


def test_the_shares_of_the_calibration_subset_are_of_all_but_the_test_subset() -> None:
    samples = all_samples(plate([50] * 100, visits=1), WINDOW)
    split = split_of(config("held_out_points", "split.calibration_ratio=0.15")).subsets(samples, 1)
    counts = [len(subset) // 41 for subset in (split.test, split.validation, split.calibration, split.train)]
    assert counts == [20, 4, 12, 64]


def test_the_validation_subset_is_never_used_up(caplog: pytest.LogCaptureFixture) -> None:
    samples = all_samples(plate([50] * 5, visits=1), WINDOW)
    split = split_of(config("held_out_points")).subsets(samples, 1)
    assert (len(split.train), len(split.validation), len(split.calibration)) == (3 * 41, 41, 0)
    assert caplog.messages == ["split.calibration_ratio asks for 1 units, but only 0 can be spared"]


@pytest.mark.parametrize("unit", ["point", "recording"])
def test_cross_validation_tests_every_unit_once(unit: str) -> None:
    samples = all_samples(plate([50] * 30), WINDOW)
    units = getattr(samples.recordings, unit)[samples.starts]
    splits = [
        split_of(config("cross_validation", f"split.unit={unit}", f"split.fold={fold}")).subsets(samples, 1)
        for fold in range(1, 6)
    ]
    tested = np.concatenate([split.test for split in splits])
    assert sorted(tested.tolist()) == list(range(len(samples.starts)))
    for split in splits:
        members = (split.train, split.validation, split.calibration, split.test)
        subsets = [set(units[subset].tolist()) for subset in members]
        assert all(subsets)
        assert sum(map(len, subsets)) == len(set.union(*subsets)) == len(set(units.tolist()))


def test_too_few_units_for_the_folds_are_an_error() -> None:
    samples = all_samples(plate([50] * 6), WINDOW)
    with pytest.raises(InputError) as error:
        split_of(config("cross_validation", "split.fold=1")).subsets(samples, 1)
    assert str(error.value) == "split.folds=5: 3 points are too few"


def test_the_random_split_shares_rows_which_is_why_it_flatters() -> None:
    samples = all_samples(plate(UNEVEN), WINDOW)
    split = split_of(config("random")).subsets(samples, 1)
    assert rows_of(samples, split.train) & rows_of(samples, split.test)


def test_the_random_split_takes_the_ratios_of_all_and_of_the_rest() -> None:
    samples = all_samples(plate([1009]), WINDOW)
    shares = ("split.test_ratio=0.1", "split.validation_ratio=0.2", "split.calibration_ratio=0")
    split = split_of(config("random", *shares)).subsets(samples, 1)
    assert (len(split.test), len(split.validation), len(split.train)) == (100, 180, 720)
    assert len(set(np.concatenate([split.train, split.validation, split.test]).tolist())) == 1000


@pytest.mark.parametrize(("name", "unit"), [("held_out_recordings", "recording"), ("held_out_points", "point")])
def test_held_out_units_are_whole(name: str, unit: str) -> None:
    samples = all_samples(plate(UNEVEN), WINDOW)
    split = split_of(config(name)).subsets(samples, 1)
    units = getattr(samples.recordings, unit)[samples.starts]
    members = (split.train, split.validation, split.test, split.calibration)
    subsets = [set(units[subset].tolist()) for subset in members]
    assert sum(map(len, subsets)) == len(set(units.tolist()))
    assert sum(map(len, members)) == len(samples.starts)


def test_blocked_cuts_every_recording_into_the_same_shares() -> None:
    samples = all_samples(plate([100, 100]), WINDOW)
    split = split_of(config("blocked", "split.gap_s=0")).subsets(samples, 1)
    for number in (0, 1):
        rows = rows_of(samples, split.test[samples.recordings.recording[samples.starts[split.test]] == number])
        assert len(rows) == 20
        assert max(rows) - min(rows) == 19


@pytest.mark.parametrize("gap_rows", [0, 1, 3])
def test_blocked_drops_windows_nearer_to_a_border_than_the_gap(gap_rows: int) -> None:
    samples = all_samples(plate([600]), WINDOW)
    split = split_of(config("blocked", f"split.gap_s={gap_rows / 100}", *ALL_TRAINS)).subsets(samples, 2)
    members = (split.train, split.validation, split.test)
    subsets = [np.array(sorted(rows_of(samples, subset))) for subset in members]
    nearest = min(np.abs(one[:, None] - other).min() for one in subsets for other in subsets if one is not other)
    assert nearest == 2 * gap_rows + 1


def test_blocked_keeps_windows_across_time_blocks_of_the_same_subset() -> None:
    samples = all_samples(plate([100]), WINDOW)
    split = split_of(config("blocked", "split.gap_s=0", *ALL_TRAINS)).subsets(samples, 1)
    train_rows = len(rows_of(samples, split.train))
    runs = 1 + int((np.diff(samples.starts[split.train]) > 1).sum())
    assert train_rows == 60
    assert len(split.train) == train_rows - runs * (WINDOW - 1)


@pytest.mark.parametrize("name", ["random", "blocked", "held_out_recordings", "held_out_points"])
def test_a_seed_decides_the_draw(name: str) -> None:
    samples = all_samples(plate(UNEVEN), WINDOW)

    def drawn(seed: int) -> Subsets:
        return split_of(config(name)).subsets(samples, seed)

    assert np.array_equal(drawn(1).test, drawn(1).test)
    assert not np.array_equal(drawn(1).test, drawn(2).test)


def test_too_few_units_are_an_error() -> None:
    samples = all_samples(plate([50, 50]), WINDOW)
    with pytest.raises(InputError) as error:
        split_of(config("held_out_recordings")).subsets(samples, 1)
    assert str(error.value) == "split=held_out_recordings cannot divide 2 recordings into three subsets"


def test_a_subset_without_samples_is_an_error() -> None:
    samples = all_samples(plate([30]), WINDOW)
    with pytest.raises(InputError) as error:
        split_of(config("blocked", "split.blocks=5", *ALL_TRAINS)).subsets(samples, 1)
    assert str(error.value) == (
        "split=blocked leaves no validation samples: record more rows, or change split.test_ratio, "
        "split.validation_ratio, split.gap_s or model.window"
    )


def test_one_recording_of_few_time_blocks_calibrates_nothing_and_warns_how_many_would(
    caplog: pytest.LogCaptureFixture,
) -> None:
    split = split_of(config("blocked")).subsets(all_samples(plate([500]), WINDOW), 1)
    assert len(split.calibration) == 0
    assert min(map(len, (split.train, split.validation, split.test))) > 0
    assert caplog.messages == [
        "no radius: one recording with split.blocks=5 has no time block to spare for calibration; "
        "by the default ratios, split.blocks=110 spares enough for evaluation.coverage=0.9, as do more recordings"
    ]


def test_one_recording_of_many_time_blocks_calibrates_with_whole_ones(caplog: pytest.LogCaptureFixture) -> None:
    samples = all_samples(plate([110 * 40]), WINDOW)
    split = split_of(config("blocked", "split.blocks=110")).subsets(samples, 1)
    assert caplog.messages == []
    groups = split_of(config("blocked", "split.blocks=110")).units(samples.take(split.calibration))
    assert groups.what == "time blocks of one recording"
    assert len(set(groups.number.tolist())) == 9
    others = set().union(*(rows_of(samples, subset) for subset in (split.train, split.validation, split.test)))
    near = {row + step for row in rows_of(samples, split.calibration) for step in range(-3, 4)}
    assert not others & near  # 0.02 s are two rows


@pytest.mark.parametrize(("rows", "blocks"), [(100, 5), (70, 5), (69, 4), (60, 4), (50, 3)])
def test_as_many_time_blocks_as_leave_a_window_are_cut_by_default(rows: int, blocks: int) -> None:
    samples = all_samples(plate([rows] * 40), WINDOW)
    by_default, given = (
        split_of(config("blocked", *more)).subsets(samples, 1) for more in ((), (f"split.blocks={blocks}",))
    )
    assert np.array_equal(by_default.test, given.test)
    assert np.array_equal(by_default.train, given.train)


def test_recordings_of_six_windows_can_be_divided_by_default() -> None:
    samples = all_samples(plate([60] * 121, visits=1), WINDOW)
    split = split_of(config("blocked")).subsets(samples, 1)
    assert min(map(len, (split.train, split.validation, split.test, split.calibration))) > 100


def test_where_no_time_blocks_fit_the_message_names_the_split_that_does() -> None:
    samples = all_samples(plate([25] * 10), WINDOW)
    with pytest.raises(InputError) as error:
        split_of(config("blocked")).subsets(samples, 1)
    assert str(error.value).endswith("split.gap_s or model.window, or choose split=held_out_recordings")


@pytest.mark.parametrize("blocks", ["2", "some", "null", "4.5", "true", "100001"])
def test_blocks_are_auto_or_an_integer(blocks: str) -> None:
    with pytest.raises(InputError) as error:
        config("blocked", f"split.blocks={blocks}")
    shown = {"null": "None", "true": "True"}.get(blocks, blocks)
    assert str(error.value) == f"split.blocks={shown} must be auto, or an integer from 3 to 100000"


def test_a_split_that_leaves_out_more_than_a_tenth_says_so(caplog: pytest.LogCaptureFixture) -> None:
    recordings = plate([100] * 20)
    moving = dataclasses.replace(recordings, point=(np.arange(2000) // 15).astype(np.int32))
    split_of(config("held_out_points", *ALL_TRAINS)).subsets(all_samples(moving, WINDOW), 1)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "split=held_out_points leaves out 1087 of 1820 samples (60 %): windows that span two of its "
         "units; reduce model.window, or enlarge points and sessions"),
    ]  # fmt: skip


def test_windows_that_time_blocks_cost_are_told_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    split_of(config("blocked", *ALL_TRAINS)).subsets(all_samples(plate([100] * 20), WINDOW), 1)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "split=blocked leaves out " in caplog.text


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10])
def test_six_units_spare_two_each_for_validation_and_test(count: int) -> None:
    samples = all_samples(plate([50] * count, visits=1), WINDOW)
    split = split_of(config("held_out_points", *ALL_TRAINS)).subsets(samples, 1)
    assert len(split.test) == len(split.validation) == 2 * 41


@pytest.mark.parametrize("seed", range(1, 6))
def test_each_subset_has_units_of_each_class(seed: int) -> None:
    labels = np.repeat([0] * 14 + [1] * 3 + [2] * 3, 50).astype(np.int32)
    samples = all_samples(plate([50] * 20, labels=labels, label_names=("a", "b", "c")), WINDOW)
    split = split_of(config("held_out_recordings", *ALL_TRAINS)).subsets(samples, seed)
    for members in (split.train, split.validation, split.test):
        assert set(labels[samples.starts[members]].tolist()) == {0, 1, 2}


def in_sessions(count: int, recordings: int = 4) -> Samples:
    session = np.repeat(np.arange(count, dtype=np.int32), 50 * recordings)
    names = tuple(f"day {number}" for number in range(count))
    return all_samples(plate([50] * (count * recordings), session=session, session_names=names), WINDOW)


def of_session(samples: Samples, members: np.ndarray) -> set[int]:
    assert samples.recordings.session is not None
    return set(samples.recordings.session[samples.starts[members]].tolist())


def test_whole_sessions_are_held_out() -> None:
    samples = in_sessions(8)
    split = split_of(config("held_out_sessions")).subsets(samples, 1)
    subsets = [of_session(samples, one) for one in (split.train, split.validation, split.calibration, split.test)]
    assert [len(subset) for subset in subsets] == [4, 1, 1, 2]
    assert len(set.union(*subsets)) == 8


def test_of_two_sessions_one_is_tested_and_recordings_of_the_other_validate() -> None:
    samples = in_sessions(2)
    split = split_of(config("held_out_sessions", *ALL_TRAINS)).subsets(samples, 1)
    assert of_session(samples, split.test) != of_session(samples, split.train)
    assert of_session(samples, split.validation) == of_session(samples, split.train)
    assert [len(subset) // 41 for subset in (split.train, split.validation, split.test)] == [3, 1, 4]
    recording = samples.recordings.recording[samples.starts]
    assert not {*recording[split.train].tolist()} & {*recording[split.validation].tolist()}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_cross_validation_tests_every_session_once(count: int) -> None:
    samples = in_sessions(count)
    keys = ("cross_validation", "split.unit=session", f"split.folds={count}", *ALL_TRAINS)
    splits = [split_of(config(*keys, f"split.fold={fold}")).subsets(samples, 1) for fold in range(1, count + 1)]
    assert sorted([*of_session(samples, split.test)] for split in splits) == [[one] for one in range(count)]


@pytest.mark.parametrize(
    "keys", [("held_out_sessions",), ("cross_validation", "split.unit=session", "split.fold=1")]
)
def test_a_split_by_sessions_needs_some(keys: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as error:
        split_of(config(*keys)).subsets(all_samples(plate([50] * 9), WINDOW), 1)
    assert str(error.value) == (
        f"split={keys[0]} needs sessions: name their column in data.session, or their part of a file's path in "
        "data.session_from"
    )


def test_too_few_sessions_are_an_error() -> None:
    with pytest.raises(InputError) as error:
        split_of(config("cross_validation", "split.unit=session", "split.fold=1")).subsets(in_sessions(3), 1)
    assert str(error.value) == "split.folds=5: 3 sessions are too few: set split.folds=3"
    with pytest.raises(InputError) as error:
        split_of(config("held_out_sessions")).subsets(in_sessions(2, recordings=1), 1)
    assert str(error.value) == (
        "split=held_out_sessions: the session that trains has one recording, which leaves none to validate; "
        "record more, or a third session"
    )


@pytest.mark.parametrize("name", [*UNITS, "random"])
def test_a_smaller_share_of_the_training_recordings_is_part_of_a_larger_one(name: str) -> None:
    samples = all_samples(plate(UNEVEN * 8), WINDOW)
    whole, *fewer = (
        split_of(config(name, f"split.train_share={share}")).subsets(samples, 1) for share in (1, 0.5, 0.2, 0.01)
    )
    for larger, smaller in itertools.pairwise([whole, *fewer]):
        assert set(smaller.train.tolist()) < set(larger.train.tolist())
        for subset in ("validation", "calibration", "test"):
            assert np.array_equal(getattr(smaller, subset), getattr(whole, subset))
    units = split_of(config(name)).units(samples).number
    for thinned, share in zip(fewer, (0.5, 0.2, 0.01), strict=True):
        of_all, kept = np.unique(units[whole.train]), np.unique(units[thinned.train])
        assert len(kept) == max(1, round(share * len(of_all)))
        assert set(thinned.train.tolist()) == set(whole.train[np.isin(units[whole.train], kept)].tolist())


def test_which_recordings_train_depends_on_the_seed_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    samples, split = all_samples(plate([50] * 20), WINDOW), split_of(config("blocked", "split.train_share=0.1"))
    caplog.set_level(logging.INFO)
    drawn = [
        {*samples.recordings.recording[samples.starts[split.subsets(samples, seed).train]]} for seed in (1, 2, 1)
    ]
    assert drawn[0] == drawn[2] != drawn[1]
    told = [message for message in caplog.messages if "train_share" in message]
    assert told[0] == told[2]
    assert re.fullmatch(r"split.train_share=0.1: 2 of 20 recordings train, \d+ of \d+ samples", told[0])


def test_of_the_only_session_that_trains_a_share_of_its_recordings_does() -> None:
    recordings = plate([50] * 20)
    samples = all_samples(dataclasses.replace(recordings, session=recordings.recording // 10), WINDOW)
    subset = split_of(config("held_out_sessions", "split.train_share=0.3")).subsets(samples, 1)
    whole = split_of(config("held_out_sessions")).subsets(samples, 1)
    count = [len(np.unique(recordings.recording[samples.starts[of.train]])) for of in (subset, whole)]
    assert count[0] == round(0.3 * count[1])


def test_the_harder_split_trains_on_the_same_share() -> None:
    harder = harder_split(config("blocked", "split.train_share=0.3"), "held_out_points")
    assert harder is not None
    assert harder.train_share == 0.3


@pytest.mark.parametrize("name", [*UNITS, "random"])
def test_each_part_of_the_training_samples_is_held_out_once(name: str) -> None:
    samples, split = all_samples(plate([100] * 20), WINDOW), split_of(config(name))
    train = split.subsets(samples, 1).train
    parts = split.parts(samples, train, 5)
    assert len(parts) == 5
    assert sorted(np.concatenate([outside for _, outside in parts]).tolist()) == sorted(train.tolist())
    for inside, outside in parts:
        assert 0.05 < len(outside) / len(train) < 0.4
        assert not {*inside.tolist()} & {*outside.tolist()}
        if name != "random":
            assert not rows_of(samples, inside) & rows_of(samples, outside)


def test_of_recordings_too_short_for_stretches_whole_ones_are_held_out() -> None:
    samples, split = all_samples(plate([14] * 20), WINDOW), split_of(config("blocked"))
    train = np.arange(len(samples.starts), dtype=np.int32)
    for inside, outside in split.parts(samples, train, 5):
        recordings = [{*samples.recordings.recording[samples.starts[part]].tolist()} for part in (inside, outside)]
        assert (len(recordings[0]), len(recordings[1])) == (16, 4)


def test_whole_recordings_are_held_out_where_recordings_are_tested_and_stretches_where_blocks_are() -> None:
    samples = all_samples(plate([100] * 20), WINDOW)
    for name, shared in (("held_out_recordings", False), ("blocked", True)):
        split = split_of(config(name))
        train = split.subsets(samples, 1).train
        for inside, outside in split.parts(samples, train, 5):
            of_each = [
                {*samples.recordings.recording[samples.starts[part]].tolist()} for part in (inside, outside)
            ]
            assert bool(of_each[0] & of_each[1]) is shared
