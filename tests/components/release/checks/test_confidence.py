"""Confidence that can't be believed, ranks cases badly, or isn't that of the calibration that was scored."""

from __future__ import annotations

import json

import pytest

from components.release.checks.confidence import check_abstention, check_calibration

IN_USE = "f" * 64


@pytest.mark.parametrize(
    ("ece", "digest", "verdict"),
    [(0.04, None, "PASS"), (0.3, None, "FAIL"), (None, None, "INSUFFICIENT"), (0.04, "e" * 64, "INSUFFICIENT")],
)
def test_the_stated_confidence_must_be_near_the_truth(make_evidence, rules, ece, digest, verdict) -> None:
    metrics = json.loads(json.dumps(make_evidence().metrics))
    metrics["datasets"]["busi"]["confidence"]["box_jitter"]["student"]["ece"]["mean"] = ece
    metrics["model"]["digest"] = digest or metrics["model"]["digest"]
    found = {check.id: check for check in check_calibration(make_evidence(metrics=metrics), rules)}
    assert found["calibration:busi"].verdict == verdict
    assert verdict != "INSUFFICIENT" or "dvc repro -f validate_internal" in found["calibration:busi"].reason


@pytest.mark.parametrize(("student", "verdict"), [(0.85, "PASS"), (0.5, "FAIL")])
def test_bad_outlines_fail_without_a_model_in_use(make_evidence, cases_of, rules, student, verdict) -> None:
    found = {check.id: check for check in check_calibration(make_evidence(cases=cases_of(student=student)), rules)}
    assert list(found) == ["calibration:busi", "aurc:busi", "calibration:ddti", "aurc:ddti"]
    assert found["aurc:busi"].verdict == verdict and found["aurc:busi"].value > 1 - student - 0.02


def test_a_few_cases_show_no_ranking(make_evidence, cases_of, rules) -> None:
    found = {check.id: check for check in check_calibration(make_evidence(cases=cases_of(n=2)), rules)}
    assert found["aurc:busi"].verdict == "INSUFFICIENT"


@pytest.mark.parametrize("better", [False, True])
def test_a_confidence_that_ranks_worse_than_the_one_in_use_fails(make_evidence, cases_of, rules, better) -> None:
    cases = cases_of(champion=0.85, digest=IN_USE)
    whose = cases["model"] == ("champion" if better else "student")
    cases.loc[whose, "dice"] += 0.4 * (cases.loc[whose, "dice"] - 0.85)
    cases.loc[whose, "quality"] = 1 - cases.loc[whose, "dice"]
    cases["dice"] = cases["dice"].clip(0, 1)
    worse = cases["dice"].where(cases["model"] != "student", cases["dice"] - 0.04 * (not better))
    evidence = make_evidence(cases=cases.assign(dice=worse), champion=IN_USE)
    found = {check.id: check for check in check_calibration(evidence, rules)}
    assert found["aurc_champion:busi"].verdict == ("PASS" if better else "FAIL")
    assert "student minus model in use" in found["aurc_champion:busi"].reason


@pytest.mark.parametrize(
    ("scored", "verdict"), [("c" * 64, "PASS"), ("b" * 64, "FAIL"), (None, "FAIL"), ("absent", "INSUFFICIENT")]
)
def test_what_would_be_released_warns_as_what_was_scored(make_evidence, rules, scored, verdict) -> None:
    metrics = dict(make_evidence().metrics)
    metrics["calibration"] = {} if scored == "absent" else {"student": scored}
    found = {check.id: check for check in check_abstention(make_evidence(metrics=metrics), rules)}
    assert found["scored_calibration"].verdict == verdict
    assert {check.verdict for name, check in found.items() if name != "scored_calibration"} == {"PASS"}


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"reached": False}, "abstention", "no threshold is known to keep to"),
        ({"sufficient": False}, "abstention", "groups are too few"),
        ({"guard_reached": False}, "guard", "too few to say how often the guard"),
        (None, "abstention", "carries no calibration"),
    ],
)
def test_a_promise_that_the_validation_side_cannot_show_is_none(make_evidence, rules, changes, check, words) -> None:
    found = make_evidence().calibration
    if changes is not None:
        found = found.model_copy(update={"how": found.how.model_copy(update=changes)})
    judged = {one.id: one for one in check_abstention(make_evidence(calibration=found if changes else None), rules)}
    assert judged[check].verdict == "INSUFFICIENT" and words in judged[check].reason
