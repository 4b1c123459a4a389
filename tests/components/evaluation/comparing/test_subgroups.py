"""Subgroups: who belongs where, which is the worst, and that a small one is never called so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.comparing.statistics import Bootstrap, cluster_mean
from components.evaluation.comparing.subgroups import (
    find_subgroups,
    memberships,
    one_row_a_case,
    stated_origins,
    worst_subgroup,
)
from components.evaluation.scoring.table import as_cases, to_frame

BOOTSTRAP = Bootstrap(resamples=50, confidence=0.9, seed=1)


def case(number: int, who: str, dice: float, **changes: Any) -> dict[str, Any]:
    return {
        "case_id": f"busi/{number}/1",
        "dataset": "busi",
        "image_id": str(number),
        "group": f"g{number // 2}",
        "object_index": 1,
        "label": "lesion",
        "subject_class": "benign",
        "prompt": "box",
        "model": who,
        "dice": dice,
        "iou": dice / (2 - dice),
        "nsd_px": dice,
        "miss": float(dice == 0),
        "area_px": 100 + number,
        "contrast": 1.0 + number,
        "calipers": 0.0,
        "predicted_area_px": 9,
        "height_px": 72,
        "width_px": 90,
        "phantom": True,
        **changes,
    }


def both(numbers: range, dice: dict[int, float], **by_number: Any) -> pd.DataFrame:
    rows = [
        case(n, who, dice.get(n, 0.9) if who == "student" else 0.8, **{k: f(n) for k, f in by_number.items()})
        for n in numbers
        for who in ("student", "teacher")
    ]
    return to_frame(rows)


def names_of(cases: pd.DataFrame) -> dict[str, dict[str, str]]:
    """By kind: each case and its subgroup, where that is known."""
    each = one_row_a_case(as_cases(cases))
    return {
        kind: {case: name for case, name in zip(each["case_id"], names, strict=True) if isinstance(name, str)}
        for kind, names in memberships(each).items()
    }


def test_quarters_are_of_objects_and_name_their_span() -> None:
    cases = both(range(16), {}, area_px=lambda n: [10, 20, 30, 40][n % 4])
    found = {(one.kind, one.name): one for one in find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=1)}
    sizes = {name: one.span for (kind, name), one in found.items() if kind == "size"}
    assert sizes == {"smallest": (10, 10), "second": (20, 20), "third": (30, 30), "largest": (40, 40)}
    assert {one.cases for (kind, _), one in found.items() if kind == "size"} == {4}
    assert list(found[("size", "smallest")].estimates) == ["student", "teacher"]
    # One class, one label, no calipers anywhere: nothing to compare, so no subgroup.
    assert {kind for kind, _ in found} == {"size", "contrast"}


def test_scanners_and_sites_are_subgroups_where_they_are_stated() -> None:
    cases = both(
        range(12), dict.fromkeys(range(6), 0.5), scanner=lambda n: ["old", "new", None][n // 6 if n < 11 else 2]
    )
    found = {(one.kind, one.name): one for one in find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=2)}
    assert {name: one.cases for (kind, name), one in found.items() if kind == "scanner"} == {"new": 5, "old": 6}
    worst = worst_subgroup([one for one in found.values() if one.kind == "scanner"], "student")
    assert worst is not None and worst.name == "old"
    assert stated_origins(cases) == {"scanner": {"new": 5, "old": 6}}
    alone = both(range(4), {}, site=lambda n: "here")
    assert stated_origins(alone) == {"site": {"here": 4}}
    assert not [one for one in find_subgroups(alone, bootstrap=BOOTSTRAP, min_groups=1) if one.kind == "site"]


def test_a_table_from_before_scanners_were_known_has_no_such_subgroup() -> None:
    cases = both(range(4), {}).drop(columns=["scanner", "site"])
    assert not {"scanner", "site"} & names_of(cases).keys()
    assert stated_origins(cases) == {}


def test_equal_values_are_not_parted() -> None:
    cases = both(range(12), {}, area_px=lambda n: 50 if n else 70)
    sizes = [one for one in find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=1) if one.kind == "size"]
    assert [(one.name, one.cases) for one in sizes] == [("smallest", 11), ("largest", 1)]


def test_a_subgroups_estimate_is_that_of_its_cases() -> None:
    rng = np.random.default_rng(0)
    dices = {n: float(d) for n, d in enumerate(rng.uniform(0.5, 1, 40))}
    cases = both(range(40), dices, calipers=lambda n: float(n % 3 == 0))
    found = {(one.kind, one.name): one for one in find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=1)}
    marked = found["calipers", "with"]
    rows = cases[(cases["model"] == "student") & (cases["calipers"] == 1)]
    alone = cluster_mean(rows["dice"], rows["group"].tolist(), bootstrap=BOOTSTRAP)
    there = marked.estimates["student"]["dice"]
    assert (there.mean, there.low, there.high) == pytest.approx((alone.mean, alone.low, alone.high))
    assert (there.n, there.groups) == (alone.n, alone.groups) == (marked.cases, marked.groups)


def test_what_is_not_known_is_in_no_subgroup() -> None:
    cases = both(
        range(8),
        {},
        subject_class=lambda n: ["benign", "malignant", None, ""][n % 4],
        contrast=lambda n: math.nan if n < 4 else float(n),
        calipers=lambda n: math.nan if n else 1.0,
    )
    found = names_of(cases)
    assert found["class"] == {f"busi/{n}/1": ["benign", "malignant"][n % 4] for n in (0, 1, 4, 5)}
    assert set(found["contrast"]) == {f"busi/{n}/1" for n in range(4, 8)}
    assert found["calipers"] == {"busi/0/1": "with"}
    assert "calipers" not in {one.kind for one in find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=1)}


def test_the_worst_is_named_and_never_a_small_one() -> None:
    # The three rare ones are worst, but few; of the rest the smallest quarter is.
    dices = dict.fromkeys(range(8), 0.6) | {37: 0.1, 38: 0.1, 39: 0.1}
    cases = both(range(40), dices, subject_class=lambda n: "rare" if n > 36 else "common")
    found = find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=3)
    rare = next(one for one in found if one.name == "rare")
    assert (rare.cases, rare.groups, rare.enough) == (3, 2, False)
    worst = worst_subgroup(found, "student")
    assert worst is not None and (worst.kind, worst.name) == ("size", "smallest")
    assert worst_subgroup(find_subgroups(cases, bootstrap=BOOTSTRAP, min_groups=99), "student") is None
    assert worst_subgroup(found, "champion") is None


def test_no_case_gives_no_subgroup() -> None:
    assert find_subgroups(to_frame([]), bootstrap=BOOTSTRAP, min_groups=1) == []


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=14), st.data())
def test_deleting_a_prediction_never_improves_a_subgroup_nor_the_worst(dices: list[float], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(dices) - 1))
    before, after = dict(enumerate(dices)), dict(enumerate(dices)) | {which: 0.0}
    one, other = (
        find_subgroups(both(range(len(dices)), d), bootstrap=BOOTSTRAP, min_groups=1) for d in (before, after)
    )
    assert [(s.kind, s.name, s.cases) for s in one] == [(s.kind, s.name, s.cases) for s in other]
    for old, new in zip(one, other, strict=True):
        assert new.estimates["student"]["dice"].mean <= old.estimates["student"]["dice"].mean + 1e-12
        assert new.estimates["student"]["miss_rate"].mean >= old.estimates["student"]["miss_rate"].mean - 1e-12
    worst = [worst_subgroup(found, "student") for found in (one, other)]
    assert worst[0] is not None and worst[1] is not None
    assert worst[1].estimates["student"]["dice"].mean <= worst[0].estimates["student"]["dice"].mean + 1e-12
