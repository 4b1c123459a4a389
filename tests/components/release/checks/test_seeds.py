"""A lucky seed, too few sisters, and a recipe whose mean doesn't keep what the candidate claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.release.checks.seeds import check_seeds


def asking(rules, count):
    """The rules, with so many sisters asked for."""
    return replace(rules, limits=rules.limits.model_copy(update={"min_seeds": count}))


def sisters(mean, count=3):
    """Means of sister students by role."""
    return {f"student_seed_{20 + number}": mean for number in range(count)}


def test_none_are_needed_unless_asked_for(make_evidence, rules) -> None:
    (check,) = check_seeds(make_evidence(), rules)
    assert check.verdict == "PASS" and "one seed" in check.reason
    (check,) = check_seeds(make_evidence(), asking(rules, 3))
    assert check.verdict == "INSUFFICIENT" and "spread.seeds" in check.reason


@pytest.mark.parametrize(
    ("student", "mean", "luck", "skill", "teacher"),
    [
        (0.85, 0.85, "PASS", "PASS", "PASS"),
        (0.80, 0.85, "PASS", "PASS", "PASS"),
        (0.85, 0.80, "FAIL", "PASS", "FAIL"),
        (0.85, 0.70, "FAIL", "FAIL", "FAIL"),
    ],
)
def test_a_lucky_seed_is_told_by_its_sisters(
    make_evidence, cases_of, rules, student, mean, luck, skill, teacher
) -> None:
    evidence = make_evidence(cases=cases_of(student=student, **sisters(mean)))
    found = {check.id: check for check in check_seeds(evidence, asking(rules, 3))}
    verdicts = found["seeds"].verdict, found["seeds_skill:busi"].verdict, found["seeds_teacher"].verdict
    assert verdicts == (luck, skill, teacher)
    assert found["seeds"].value == pytest.approx(student - mean, abs=0.005)
    assert ("lucky seed" in found["seeds"].reason) == (luck == "FAIL")


def test_sisters_that_are_there_count_unasked(make_evidence, cases_of, rules) -> None:
    evidence = make_evidence(cases=cases_of(**sisters(0.8, count=1)))
    assert check_seeds(evidence, rules)[0].verdict == "FAIL"
    assert check_seeds(evidence, asking(rules, 3))[0].verdict == "INSUFFICIENT"
