"""How well a candidate outlines: lower bounds, skill, misses."""

from __future__ import annotations

import pytest

from components.release.checks.performance import check_floors, check_misses, check_skill


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
    assert found == {"floor:busi": "PASS", "floor_nsd:busi": "PASS", "floor:ddti": "PASS", "floor_nsd:ddti": "FAIL"}


@pytest.mark.parametrize(("student", "verdict"), [(0.85, "PASS"), (0.765, "FAIL")])
def test_a_gain_that_is_sure_but_small_is_no_skill(make_evidence, cases_of, rules, student, verdict) -> None:
    found = {check.id: check for check in check_skill(make_evidence(cases=cases_of(student=student)), rules)}
    assert found["skill:busi"].verdict == "PASS"
    assert found["skill_share:busi"].verdict == verdict
    assert found["skill_share:busi"].value == pytest.approx((student - 0.75) / 0.25, abs=0.03)
