"""The spread over seeds, counted by hand; sisters enter nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from components.evaluation.comparing.seeds import seed_spread, without_sisters
from components.evaluation.scoring.cases import Contender


def contender(seed: int | None = None) -> Contender:
    return Contender(None, f"digest {seed}", "net", phantom=True, seed=seed)


MODELS = {"student": contender(12), "teacher": contender(), **{f"student_seed_{n}": contender(n) for n in (21, 22)}}


def cases() -> pd.DataFrame:
    """Two datasets; in `a` patient p has two cases and q has one."""
    dices = {
        "student": (0.8, 1.0, 0.7, 0.5),
        "teacher": (0.1, 0.1, 0.1, 0.1),
        "student_seed_21": (0.6, 0.8, 0.5, 0.3),
        "student_seed_22": (0.4, 0.6, 0.7, 0.5),
    }
    places = (("a", "p"), ("a", "p"), ("a", "q"), ("b", "r"))
    rows = [
        {"dataset": dataset, "group": group, "prompt": kind, "model": who, "dice": dice}
        for who, values in dices.items()
        for (dataset, group), dice in zip(places, values, strict=True)
        for kind in ("box", "box_nothing")
    ]
    return pd.DataFrame(rows)


def test_means_are_those_of_groups_and_datasets() -> None:
    found = seed_spread(cases(), MODELS)["seeds"]
    assert found["candidate_seed"] == 12
    by_who = {who: one["dice"] for who, one in found["each"]["a"]["box"].items()}
    assert by_who == pytest.approx({"student": 0.8, "student_seed_21": 0.6, "student_seed_22": 0.6})
    pooled = {who: one["dice"] for who, one in found["each"]["all"]["box"].items()}
    assert pooled == pytest.approx({"student": 0.65, "student_seed_21": 0.45, "student_seed_22": 0.55})
    assert set(found["each"]) == {"a", "b", "all"} and set(found["each"]["a"]) == {"box"}


def test_the_spread_is_the_sisters_and_the_candidate_is_held_against_it() -> None:
    pooled = seed_spread(cases(), MODELS)["seeds"]["spread"]["all"]["box"]
    expected = {
        "mean": 0.5,
        "sd": 0.1 / 2**0.5,
        "min": 0.45,
        "max": 0.55,
        "n": 2,
        "candidate_minus_mean": 0.15,
    }
    assert pooled == pytest.approx(expected)


def test_one_sister_has_no_deviation_and_none_no_spread() -> None:
    one = {who: model for who, model in MODELS.items() if who != "student_seed_22"}
    few = cases()[lambda frame: frame["model"] != "student_seed_22"]
    found = seed_spread(few, one)["seeds"]["spread"]["a"]["box"]
    assert found["n"] == 1 and found["sd"] is None and found["mean"] == pytest.approx(0.6)
    assert seed_spread(without_sisters(cases()), {"student": contender(12)}) == {}
    assert without_sisters(cases()).different("model") == ["student", "teacher"]
