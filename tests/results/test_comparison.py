"""Finished runs are compared by their errors on the same recordings."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from shutil import move
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forcepos import InputError
from forcepos.results.comparison import difference_plot, learning_curves, write_comparison
from forcepos.results.figures import style
from tests.results.drawing import drawn, labels, texts
from tests.results.made_runs import classes, made_run, positions

RNG = np.random.default_rng(1)
UNCLEAR = "cannot be told apart with these recordings"
ERRORS = [1.0, 5.0, 2.0, 9.0, 4.0, 3.0, 7.0, 2.0]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(style, "png", lambda figure: "MQ==")  # drawing takes half a second


def compared(**runs: pd.DataFrame) -> pd.DataFrame:
    """Compare runs with these predictions in the folders of these names."""
    return write_comparison([made_run(Path(name), table) for name, table in runs.items()], Path("page.html"))


def by_run(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    return {run: (shown, verdict) for run, shown, verdict in table[["run", "shown", "verdict"]].to_numpy()}


def test_a_model_that_errs_by_1_mm_more_on_every_recording_is_worse_by_exactly_that() -> None:
    table = compared(a=positions(ERRORS), b=positions([error + 1 for error in ERRORS]))
    assert by_run(table) == {"1 a": ("", "the best"), "2 b": ("1.00 [1.00, 1.00]", "the difference is real")}
    assert table["score"].tolist() == pytest.approx([4.125, 5.125])
    assert table[["difference", "low", "high"]].to_numpy()[1] == pytest.approx([1, 1, 1])
    assert table["measure"].tolist() == ["euclidean_mean_mm"] * 2
    assert table["note"][0] == (
        "80 test samples of 8 recordings that all runs have; distances along x, y; "
        "[low, high]: 95 % intervals for all pairs at once, from a bootstrap over recordings"
    )


def test_differences_that_a_few_recordings_turn_around_are_not_real() -> None:
    changed = [error + step for error, step in zip(ERRORS, [1, -1] * 3 + [1, -0.9], strict=True)]
    table = compared(a=positions(changed), b=positions(ERRORS))
    assert table["run"].tolist() == ["2 b", "1 a"]
    assert table["difference"][1] == pytest.approx(0.0125)
    assert table["low"][1] < -0.5
    assert table["high"][1] > 0.5
    assert table["verdict"][1] == UNCLEAR


def test_a_small_difference_on_every_recording_is_real_however_much_recordings_differ() -> None:
    errors = RNG.uniform(1, 50, 20)
    better = errors - RNG.uniform(0.1, 0.3, 20)
    table = compared(a=positions([*errors]), b=positions([*better]))
    assert table["verdict"][1] == "the difference is real"
    assert table["difference"][1] == pytest.approx((errors - better).mean(), abs=1e-4)


def test_classes_are_compared_by_accuracy() -> None:
    table = compared(a=classes([8] * 8), b=classes([9] * 8))
    assert by_run(table) == {"2 b": ("", "the best"), "1 a": ("-0.100 [-0.100, -0.100]", "the difference is real")}
    assert table["measure"].tolist() == ["accuracy"] * 2
    assert table["score"].tolist() == pytest.approx([0.9, 0.8])


def test_recordings_may_be_too_few_for_any_difference_to_be_real() -> None:
    for count, verdict in ((5, "5 recordings are too few to tell"), (6, "the difference is real")):
        a, b = (positions([error] * count) for error in (1.0, 2.0))
        folders = [made_run(Path(f"{name}{count}"), table) for name, table in (("a", a), ("b", b))]
        assert write_comparison(folders, Path("page.html"))["verdict"][1] == verdict


def test_a_single_recording_is_drawn_in_time_blocks() -> None:
    rows = range(200)
    table = compared(a=positions([1.0], rows=rows), b=positions([2.0], rows=rows))
    assert table["verdict"][1] == "the difference is real"
    assert table["note"][0].endswith("from a bootstrap over time blocks of the only recording")


def test_models_with_other_windows_are_compared_on_the_rows_that_both_have() -> None:
    row_model, window_model = positions(ERRORS), positions(ERRORS, rows=range(4, 10))
    row_model.loc[row_model["row"] < 4, "predicted_x_mm"] += 1000
    table = compared(a=row_model, b=window_model)
    assert table["score"].tolist() == pytest.approx([4.125, 4.125])
    assert table["verdict"].tolist() == ["the best", UNCLEAR]
    assert "48 test samples of 8 recordings that all runs have; 32 of the largest test" in table["note"][0]


def test_models_of_other_axes_are_compared_along_those_that_both_predict() -> None:
    three = positions(ERRORS, axes="xyz").assign(predicted_z_mm=0.0)
    table = compared(a=three, b=positions(ERRORS))
    assert table["score"].tolist() == pytest.approx([4.125, 4.125])
    assert "distances along x, y;" in table["note"][0]


def test_the_second_split_is_compared_where_all_have_it() -> None:
    second = [positions([error] * 6, "held_out_points") for error in (3.0, 2.0)]
    a, b = (pd.concat([positions(ERRORS), table]) for table in second)
    table = compared(a=a, b=b)
    assert table[["split", "run", "score"]].to_numpy().tolist() == [
        ["blocked", "1 a", 4.125], ["blocked", "2 b", 4.125],
        ["held_out_points", "2 b", 2.0], ["held_out_points", "1 a", 3.0],
    ]  # fmt: skip
    made_run(Path("c"), positions(ERRORS))
    assert set(write_comparison([Path("a"), Path("c")], Path("page.html"))["split"]) == {"blocked"}


def test_a_run_is_named_by_what_was_chosen_differently_or_else_by_its_folder() -> None:
    changes: list[dict[str, Any]] = [
        {"model.name": "ffnn_regression", "model.window": 1, "seed": 2, "tracking.experiment": "x"},
        {"model.window": 1},
    ]
    folders = [
        made_run(Path(f"{place}"), positions(ERRORS), change) for place, change in enumerate([{}, *changes])
    ]
    assert set(write_comparison(folders[:2], Path("page.html"))["run"]) == {
        "1 model=cnn_regression, seed=1", "2 model=ffnn_regression, seed=2"
    }  # fmt: skip
    table = write_comparison([folders[0], folders[2]], Path("page.html"))
    assert set(table["run"]) == {"1 model.window=10", "2 model.window=1"}


def test_folds_are_compared_together() -> None:
    for name, step in (("a", 0), ("b", 1)):
        for fold in (1, 2):
            part = positions([error + step for error in ERRORS[4 * fold - 4 : 4 * fold]])
            made_run(Path(name, f"fold_{fold}"), part.assign(recording=part["recording"] + f" of {fold}"))
            Path(name, f"fold_{fold}", "config.json").replace(Path(name, "config.json"))
        Path(name, "result.json").write_text('{"run_id": null, "outputs": "."}')
    table = write_comparison([Path("a"), Path("b")], Path("page.html"))
    assert table["shown"].tolist() == ["", "1.00 [1.00, 1.00]"]
    assert "80 test samples of 8 recordings" in table["note"][0]


def test_a_run_that_was_skipped_is_compared_by_the_predictions_of_the_first_time() -> None:
    made_run(Path("a"), positions(ERRORS))
    first, again = made_run(Path("first").absolute(), positions([error + 1 for error in ERRORS])), Path("again")
    again.mkdir()
    for name in ("result.json", "config.json"):
        (again / name).write_bytes((first / name).read_bytes())
    assert write_comparison([Path("a"), again], Path("page.html"))["shown"][1] == "1.00 [1.00, 1.00]"


def test_the_same_recordings_with_other_channels_are_the_same_data() -> None:
    made_run(Path("a"), positions(ERRORS))
    made_run(Path("b"), positions(ERRORS), {"data.features": ["Fx"]}, fingerprint="f2")
    assert len(write_comparison([Path("a"), Path("b")], Path("page.html"))) == 2


@pytest.mark.parametrize(
    ("other", "changes", "reason"),
    [
        (positions(ERRORS, "random"), {"split.name": "random"},
         "were tested on different rows: split=blocked and split=random"),
        (positions(ERRORS, rows=range(6, 16)), {"seed": 2}, "were tested on different rows: seed=1 and seed=2"),
        (positions(ERRORS, rows=range(6, 16)), {"seed": 2, "model.window": 7},
         "were tested on different rows: seed=1 and seed=2"),
        (positions(ERRORS, rows=range(6, 16)), {}, "were tested on different rows: 40 % are common to both"),
        (positions(ERRORS), {"data.seed": 2}, "were tested on different data: data.seed=1 and data.seed=2"),
        (positions(ERRORS).assign(true_x_mm=7.0), {}, "were tested on different data: true values differ"),
        (classes([8] * 8), {}, "predict different targets: x, y and classes"),
        (positions(ERRORS, axes="z"), {}, "predict different targets: x, y and z"),
    ],
)  # fmt: skip
def test_runs_that_cannot_be_compared_are_refused_with_what_differs(
    other: pd.DataFrame, changes: dict[str, Any], reason: str
) -> None:
    made_run(Path("a"), positions(ERRORS))
    made_run(Path("b"), other, changes, fingerprint="f2" if "data.seed" in changes else "f1")
    with pytest.raises(InputError) as refusal:
        write_comparison([Path("a"), Path("b")], Path("page.html"))
    assert str(refusal.value) == f"a and b {reason}"
    assert not Path("page.html").exists()


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run: (run / ".unfinished").touch(), "b has not finished: its command, run again, resumes it"),
        (lambda run: (run / "result.json").unlink(),
         "b has no result.json: name the folder of a finished run or sweep, or its id in MLflow"),
        (lambda run: (run / "predictions.parquet").unlink(),
         "b has no predictions.parquet: an earlier version made it; run it again"),
        (lambda run: move(run, "elsewhere"),
         "b has no result.json: name the folder of a finished run or sweep, or its id in MLflow"),
        (lambda run: (run / "predictions.parquet").write_bytes(b"PAR1" + bytes(99)),
         r"b/predictions.parquet cannot be read \(.+\): run its command again"),
        (lambda run: positions(ERRORS).drop(columns="row").to_parquet(run / "predictions.parquet"),
         r"b/predictions.parquet cannot be read \(.*row.*\): run its command again"),
        (lambda run: positions([np.nan]).to_parquet(run / "predictions.parquet"),
         r"b/predictions.parquet cannot be read \(a position is not finite\): run its command again"),
        (lambda run: (run / "config.json").write_text("{"),
         r"b/config.json cannot be read \(.+\): run its command again"),
        (lambda run: (run / "tables" / "learning_curves.csv").write_bytes(b""),
         r"b/tables/learning_curves.csv cannot be read \(No columns.+\): run its command again"),
        (lambda run: (run / "tables" / "learning_curves.csv").write_text("epoch,val_mae\n1,much\n"),
         r"b/tables/learning_curves.csv cannot be read \(could not convert.+\): run its command again"),
        (lambda run: (run / "result.json").write_text('{"data": 3, "outputs": "."}'),
         r"b/result.json cannot be read \(.+\): run its command again"),
        (lambda run: (run / "config.json").write_text('{"evaluation": {"confidence": "high"}}'),
         r"b/config.json cannot be read \(.+\): run its command again"),
    ],
)  # fmt: skip
def test_what_is_no_finished_run_of_this_version_is_refused(damage: Damage, reason: str) -> None:
    made_run(Path("a"), positions(ERRORS))
    damage(made_run(Path("b"), positions(ERRORS)))
    with pytest.raises(InputError) as refusal:
        write_comparison([Path("a"), Path("b")], Path("page.html"))
    assert re.fullmatch(reason, str(refusal.value))


def test_a_run_is_not_compared_with_itself() -> None:
    run = made_run(Path("a"), positions(ERRORS))
    with pytest.raises(InputError, match="a comparison takes two different runs"):
        write_comparison([run, run / ".." / "a"], Path("page.html"))


EVIL = '<script>alert("x")</script>\'"&\x1b'


def test_every_text_on_the_page_is_escaped_and_nothing_is_fetched() -> None:
    tables = [positions([error] * 8).assign(split=EVIL) for error in (1.0, 2.0, 3.0)]
    folders = [
        made_run(Path(f"<b>{place}"), table, {"split.name": EVIL, "model.name": f"{place}{EVIL}", EVIL: place})
        for place, table in enumerate(tables)
    ]
    write_comparison(folders, Path("page.html"))
    page = Path("page.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&#39;&#34;&amp;\\x1b" in page
    assert not re.search(r"https?://|url\(|@import|<iframe|<object", page)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', page))


def cells(page: str, heading: str) -> list[list[str]]:
    """The table below a heading of the page."""
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</table>")[0]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", section)]


def test_the_page_shows_what_differs_and_every_pair() -> None:
    changes: list[dict[str, Any]] = [
        {"model.window": 1},
        {"training": {"epochs": 3}},
        {"data.features": ["Fx"], "skip_finished": True},
    ]
    runs = enumerate(zip((2.0, 1.0, 4.0), changes, strict=True))
    folders = [made_run(Path(f"{place}"), positions([error] * 8), change) for place, (error, change) in runs]
    write_comparison(folders, Path("page.html"))
    page = Path("page.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == [
        "euclidean_mean_mm on the test subset of split=blocked", "All pairs on split=blocked",
        "Learning curves", "What differs in config", "Folders",
    ]  # fmt: skip
    assert cells(page, "What differs in config") == [
        ["key", "1", "2", "3"],
        ["data.features", "[&#34;Fx&#34;, &#34;Fy&#34;]", "[&#34;Fx&#34;, &#34;Fy&#34;]", "[&#34;Fx&#34;]"],
        ["model.window", "1", "10", "10"],
        ["training.epochs", "", "3", ""],
    ]
    pairs = cells(page, "All pairs on split=blocked")
    assert [row[1:] for row in pairs] == [
        ["1", "2", "3"],
        ["", "1.00 [1.00, 1.00] *", "-2.00 [-2.00, -2.00] *"],
        ["-1.00 [-1.00, -1.00] *", "", "-3.00 [-3.00, -3.00] *"],
        ["2.00 [2.00, 2.00] *", "3.00 [3.00, 3.00] *", ""],
    ]
    assert len(re.findall("<img ", page)) == 2


def test_of_more_than_eight_runs_not_every_pair_is_shown() -> None:
    folders = [made_run(Path(f"{place}"), positions([float(place)] * 6)) for place in range(9)]
    assert len(write_comparison(folders, Path("page.html"))) == 9
    assert "All pairs" not in Path("page.html").read_text()


def test_runs_with_other_objectives_are_compared_all_the_same() -> None:
    a, b = made_run(Path("a"), positions(ERRORS)), made_run(Path("b"), positions(ERRORS), {"tuner.objective": "x"})
    assert len(write_comparison([b, a], Path("page.html"))) == 2


def test_the_pictures_name_the_runs_and_mark_zero() -> None:
    table = compared(a=positions(ERRORS), b=positions([error + 1 for error in ERRORS]))
    figure = difference_plot(table)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1 a", "2 b"]
    assert axes.get_xlabel() == "euclidean_mean_mm, difference from the best"
    assert axes.lines[0].get_xdata() == [0, 0]
    logs = [{"val_mae": [2.0, 1.0, 4.0]}, {"val_mae": [3.0, 2.5, 3.5]}, {"val_loss": [1.0, 1.0, 1.0]}]
    curves = [pd.DataFrame(each, index=pd.Index([1, 2, 1], name="epoch")) for each in logs]
    figure = learning_curves("val_mae", dict(zip(("1 a", "2 $b$", "3 c"), curves, strict=True)))
    assert labels(figure.axes[0]) == ("epoch", "val_mae")
    assert [np.asarray(line.get_ydata()).tolist() for line in figure.axes[0].lines] == [[3.0, 1.0], [3.25, 2.5]]
    assert r"2 \$b\$" in texts(figure)
    assert drawn(learning_curves("val_mae", {}))


def test_a_second_split_with_other_rows_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    a, b = (
        pd.concat([positions(ERRORS), positions(ERRORS, "random", rows)]) for rows in (range(10), range(9, 19))
    )
    assert set(compared(a=a, b=b)["split"]) == {"blocked"}
    reason = "a and b were tested on different rows: 10 % are common to both"
    assert caplog.messages == [f"split=random is left out: {reason}"]


def test_runs_whose_axes_overlap_only_in_pairs_are_refused() -> None:
    tables = [
        positions(ERRORS),
        positions(ERRORS).filter(regex="^(?!.*_y_)"),
        positions(ERRORS).filter(regex="^(?!.*_x_)"),
    ]
    with pytest.raises(InputError, match=r"^these runs have no axis in common$"):
        compared(**dict(zip("abc", tables, strict=True)))
