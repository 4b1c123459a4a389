"""Cases side by side: those that both have, in the order of their names, each beside its own."""

from __future__ import annotations

import pandas as pd
import pytest

from components.evaluation.comparing.pairs import in_order, pairs, side_by_side
from components.evaluation.scoring.table import as_cases


def cases(**dices: dict[str, float]) -> pd.DataFrame:
    """Rows of models by case; a case's group is its first letter, its dataset the second."""
    return pd.DataFrame(
        [
            {"dataset": case[1], "group": case[0], "case_id": case, "prompt": "box", "model": who, "dice": dice}
            for who, by_case in dices.items()
            for case, dice in by_case.items()
        ]
    )


def test_common_cases_stand_side_by_side_in_the_order_of_their_names() -> None:
    table = as_cases(cases(a={"qx2": 0.1, "px1": 0.2, "qy3": 0.3, "pw9": 0.4}, b={"px1": 0.6, "pw9": 0.7, "qx2": 0.5}))
    found = pairs(table, "a", "b", columns=["dice"])
    assert found.first["dice"].tolist() == [0.4, 0.2, 0.1] and found.second["dice"].tolist() == [0.7, 0.6, 0.5]
    assert found.groups.tolist() == ["p", "p", "q"] and found.datasets.tolist() == ["w", "x", "x"]
    assert len(pairs(table, "a", "c", columns=["dice"]).groups) == 0


def test_numbers_in_names_are_texts() -> None:
    table = cases(a={"pz10": 0.1, "pz9": 0.2, "oz1": 0.3})
    assert in_order(table, by=("group", "case_id"))["dice"].tolist() == [0.3, 0.1, 0.2]


def test_a_case_that_stands_twice_is_refused() -> None:
    once = cases(a={"px1": 0.1})
    twice = pd.concat([once, once])
    for first, second in ((once, twice), (twice, once)):
        with pytest.raises(ValueError, match="twice at a case"):
            side_by_side(first, second, by=("group", "case_id"), columns=["dice"])
