"""The point and the visit of a log, and the order of visits."""

from __future__ import annotations

import pytest

from forcepos.commands.prepare.logs import Visit, pattern_of_names, undistinguished, visit_of
from forcepos.runtime.errors import InputError

TAKES = "it takes {experiment}, {visit}, {i}, {j}, each once, and needs i and j"


@pytest.mark.parametrize(
    ("pattern", "name", "visit"),
    [
        ("{experiment}_{i}_{j}_demoRecord.txt", "f_3_10_demoRecord.txt", Visit("f", 0, 3, 10)),
        ("{experiment}_{i}_{j}_demoRecord.txt", "versuch_2_3_10_demoRecord.txt", Visit("versuch_2", 0, 3, 10)),
        ("{experiment}_{i}_{j}_demoRecord.txt", "f_-3_007_demoRecord.txt", Visit("f", 0, -3, 7)),
        ("{experiment}_{i}_{j}_demoRecord.txt", "f_3_10_demoRecord.txt.bak", None),
        ("{experiment}_{i}_{j}_demoRecord.txt", "f_3_demoRecord.txt", None),
        ("{experiment}_{i}_{j}_demoRecord.txt", "._f_3_10_demoRecord.txt", None),
        ("{experiment}_{i}_{j}_demoRecord.txt", "f_3_\u0663_demoRecord.txt", None),
        ("{i},{j}.log", "1,2.log", Visit("", 0, 1, 2)),
        ("{i},{j}.log", "1,2xlog", None),
        ("y{j}x{i} ({visit}).log", "y2x1 (12).log", Visit("", 12, 1, 2)),
    ],
)
def test_a_name_gives_the_visit(pattern: str, name: str, visit: Visit | None) -> None:
    assert visit_of(name, pattern_of_names(pattern)) == visit


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("f_{i}.txt", f"data.pattern=f_{{i}}.txt lacks {{j}}: {TAKES}"),
        ("{i}_{j}_{point}", f"data.pattern={{i}}_{{j}}_{{point}} cannot have {{point}}: {TAKES}"),
        ("{i}_{j}_{i}", f"data.pattern={{i}}_{{j}}_{{i}} has {{i}} twice: {TAKES}"),
        ("{}_{i}_{j}", f"data.pattern={{}}_{{i}}_{{j}} cannot have {{}}: {TAKES}"),
    ],
)
def test_a_wrong_pattern(pattern: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        pattern_of_names(pattern)
    assert str(error.value) == message


def test_numbers_are_in_order_as_numbers_and_visits_come_one_after_the_other() -> None:
    names = ["f_1_10_1", "f_1_9_1", "f_0_2_2", "f_10_0_1", "f_2_0_1", "e_5_5_10", "e_5_5_9"]
    pattern = pattern_of_names("{experiment}_{i}_{j}_{visit}")
    visits = sorted(visit for name in names if (visit := visit_of(name, pattern)))
    assert [(visit.experiment, visit.number, visit.point) for visit in visits] == [
        ("e", 9, "5,5"), ("e", 10, "5,5"), ("f", 1, "1,9"), ("f", 1, "1,10"), ("f", 1, "2,0"), ("f", 1, "10,0"),
        ("f", 2, "0,2"),
    ]  # fmt: skip


def test_visits_that_the_file_could_not_distinguish() -> None:
    visits = [(Visit("f", 1, 0, 0), "a"), (Visit("f", 1, 0, 0), "b"), (Visit("f", 2, 0, 0), "c")]
    assert undistinguished(visits) == [
        "a and b are the same visit of 0,0: {visit} in data.pattern distinguishes visits",
        "b and c, both visits of 0,0, would become one recording: no other point lies between them",
    ]
    assert undistinguished([visits[0], (Visit("f", 1, 0, 1), "d"), visits[2]]) == []
