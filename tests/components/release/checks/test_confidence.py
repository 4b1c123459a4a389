"""Confidence that can't be believed, ranks cases worse than before, or isn't known."""

from __future__ import annotations

import pytest

from components.release.checks.confidence import check_calibration

IN_USE = "f" * 64


def confidence(make_evidence, cases, *, digest=None, **values):
    """Evidence whose metrics say so of the student and the model in use."""
    evidence = make_evidence(cases=cases, champion=IN_USE)
    said = {"ece": 0.04, "aurc": 0.1, "champion_aurc": 0.1, **values}
    by_who = {
        "student": {"ece": {"mean": said["ece"]}, "aurc": {"mean": said["aurc"]}},
        "champion": {"ece": {"mean": 0.0}, "aurc": {"mean": said["champion_aurc"]}},
    }
    datasets = {name: {"confidence": {"box_jitter": by_who}} for name in ("busi", "ddti")}
    metrics = {"model": {"digest": digest or evidence.description.digest}, "datasets": datasets}
    return make_evidence(cases=cases, champion=IN_USE, metrics=metrics)


@pytest.mark.parametrize(
    ("values", "calibration", "ranking"),
    [
        ({}, "PASS", "PASS"),
        ({"ece": 0.3}, "FAIL", "PASS"),
        ({"aurc": 0.13}, "PASS", "FAIL"),
        ({"aurc": 0.13, "champion_aurc": 0.2}, "PASS", "PASS"),
        ({"ece": None}, "INSUFFICIENT", "PASS"),
        ({"champion_aurc": None}, "PASS", "INSUFFICIENT"),
        ({"digest": "e" * 64}, "INSUFFICIENT", "INSUFFICIENT"),
    ],
)
def test_each_fault_of_the_confidence(make_evidence, cases_of, rules, values, calibration, ranking) -> None:
    cases = cases_of(champion=0.85, digest=IN_USE)
    found = {check.id: check for check in check_calibration(confidence(make_evidence, cases, **values), rules)}
    assert (found["calibration:busi"].verdict, found["aurc:busi"].verdict) == (calibration, ranking)
    unknown = [check for check in found.values() if check.verdict == "INSUFFICIENT"]
    assert all("dvc repro -f validate_internal" in check.reason for check in unknown)


def test_without_a_model_in_use_only_the_candidate_is_asked(make_evidence, rules) -> None:
    assert [check.id for check in check_calibration(make_evidence(), rules)] == ["calibration:busi", "calibration:ddti"]
