"""How well a candidate outlines: lower bounds, skill, misses."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from components.release.checks.performance import check_external_floors, check_floors, check_misses, check_skill


def test_skill_is_the_paired_lower_bound(make_evidence, cases_of, rules) -> None:
    check = check_skill(make_evidence(cases=cases_of(student=0.80, ellipse=0.75)), rules)[0]
    assert check.id == "skill:busi" and check.verdict == "PASS"
    assert isinstance(check.value, float) and 0.04 < check.value < 0.05
    assert "student minus ellipse" in check.reason and "box_jitter" in check.reason


def test_misses_are_held_against_an_upper_bound(make_evidence, cases_of, rules) -> None:
    cases = cases_of(n=30)
    ours = cases[(cases["model"] == "student") & (cases["dataset"] == "busi") & (cases["prompt"] == "box_jitter")].index
    for missed, bound, verdict in ((0, 0.116, "PASS"), (1, 0.172, "PASS"), (2, 0.221, "FAIL")):
        cases.loc[ours[:missed], "miss"] = 1.0
        check = check_misses(make_evidence(cases=cases), rules)[0]
        assert (check.verdict, check.value) == (verdict, pytest.approx(bound, abs=1e-3))


def test_one_patient_of_many_images_is_one_patient(make_evidence, cases_of, rules) -> None:
    cases = cases_of(n=60)
    ours = (cases["model"] == "student") & (cases["dataset"] == "busi")
    cases.loc[cases["image_id"].astype(int) < 31, "group"] = "g0"
    cases.loc[ours & cases["image_id"].isin(["40", "41", "42"]), "miss"] = 1.0
    check = check_misses(make_evidence(cases=cases), rules)[0]
    assert check.verdict == "FAIL" and "3 of 60 objects missed, a share of 0.100" in check.reason


def test_a_few_cases_that_are_fine_show_nothing(make_evidence, cases_of, rules) -> None:
    assert check_misses(make_evidence(cases=cases_of(n=2)), rules)[0].verdict == "INSUFFICIENT"


def test_dice_and_nsd_have_floors_of_their_own(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    cases.loc[(cases["model"] == "student") & (cases["dataset"] == "ddti"), "nsd_px"] = 0.3
    found = {check.id: check.verdict for check in check_floors(make_evidence(cases=cases), rules)}
    assert {check for check, verdict in found.items() if verdict == "FAIL"} == {"floor_nsd:ddti"}
    assert len(found) == 6, "two kinds of prompt and NSD, in each of two datasets"


def test_each_kind_of_prompt_has_a_floor_of_its_own(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    cases.loc[(cases["dataset"] == "busi") & (cases["prompt"] == "box"), "dice"] = 0.0
    clicks = replace(rules, limits=rules.limits.model_copy(update={"floors": {**rules.limits.floors, "click": 0.2}}))
    found = {check.id: check.verdict for check in check_floors(make_evidence(cases=cases), clicks)}
    assert (found["floor:busi:box"], found["floor:ddti:box"], found["floor:busi:box_jitter"]) == (
        "FAIL",
        "PASS",
        "PASS",
    )
    assert found["floor:busi:click"] == "INSUFFICIENT", "it was never asked"


def outside(cases_of, **means):
    """External cases of two datasets, of which one holds three videos; the student's mean Dice in each."""
    parts = [cases_of(datasets=(name,), student=mean) for name, mean in means.items()]
    parts[1]["group"] = "v" + (parts[1]["image_id"].astype(int) % 3).astype(str)
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("fugc", "jnu_ifm", "pooled", "each"),
    [
        (0.8, 0.8, "PASS", ("PASS", "PASS")),
        (0.0, 0.0, "FAIL", ("FAIL", "FAIL")),
        (0.9, 0.3, "PASS", ("PASS", "FAIL")),
        (0.9, 0.51, "PASS", ("PASS", "PASS")),
        (0.3, 0.4, "FAIL", ("FAIL", "FAIL")),
    ],
)
def test_what_it_does_on_external_sets_decides(make_evidence, cases_of, rules, fugc, jnu_ifm, pooled, each) -> None:
    cases = outside(cases_of, fugc=fugc, jnu_ifm=jnu_ifm)
    strict = replace(rules, bootstrap=replace(rules.bootstrap, min_groups=20))
    evidence = make_evidence(external=("fugc", "jnu_ifm"), external_cases=cases)
    found = {check.id: check for check in check_external_floors(evidence, strict)}
    both = tuple(found[f"floor_external:{name}:box_jitter"].verdict for name in ("fugc", "jnu_ifm"))
    assert (found["floor_external:box_jitter"].verdict, both) == (pooled, each)
    assert "3 groups are too few to show more" in found["floor_external:jnu_ifm:box_jitter"].reason


def test_an_external_set_that_does_not_count_shows_nothing(make_evidence, cases_of, rules) -> None:
    evidence = make_evidence(external=("fugc", "busi"), external_cases=outside(cases_of, fugc=0.8, busi=0.0))
    found = check_external_floors(evidence, rules)
    assert [check.id for check in found] == ["floor_external:box_jitter", "floor_external:fugc:box_jitter"]
    assert {check.verdict for check in found} == {"PASS"}, "it was trained on the other"


@pytest.mark.parametrize(("student", "verdict"), [(0.85, "PASS"), (0.765, "FAIL")])
def test_a_gain_that_is_sure_but_small_is_no_skill(make_evidence, cases_of, rules, student, verdict) -> None:
    found = {check.id: check for check in check_skill(make_evidence(cases=cases_of(student=student)), rules)}
    assert found["skill:busi"].verdict == "PASS"
    assert found["skill_share:busi"].verdict == verdict
    assert found["skill_share:busi"].value == pytest.approx((student - 0.75) / 0.25, abs=0.03)
