"""The candidate beside teacher and model in use: pooled and in each dataset, Dice and misses."""

from __future__ import annotations

import pytest

from components.release.checks.rivals import check_champion, check_teacher

IN_USE = "f" * 64


def worse_on(cases, dataset, by):
    """Cases in which the student is worse by `by` on one dataset."""
    chosen = (cases["model"] == "student") & (cases["dataset"] == dataset)
    cases.loc[chosen, "dice"] -= by
    return cases


def test_a_loss_in_one_dataset_is_found_where_the_mean_hides_it(make_evidence, cases_of, rules) -> None:
    cases = worse_on(cases_of(student=0.88, teacher=0.86), "ddti", 0.08)
    found = {check.id: check.verdict for check in check_teacher(make_evidence(cases=cases), rules)}
    assert found == {"teacher": "PASS", "teacher:busi": "PASS", "teacher:ddti": "FAIL"}
    cases["model"] = cases["model"].replace("teacher", "champion")
    cases.loc[cases["model"] == "champion", "model_digest"] = IN_USE
    found = {check.id: check.verdict for check in check_champion(make_evidence(cases=cases, champion=IN_USE), rules)}
    assert (found["champion:busi"], found["champion:ddti"]) == ("PASS", "FAIL")


def test_more_misses_than_the_model_in_use_fail_although_few_are_missed(make_evidence, cases_of, rules) -> None:
    cases = cases_of(n=100, champion=0.85, digest=IN_USE)

    def judged():
        return {check.id: check for check in check_champion(make_evidence(cases=cases, champion=IN_USE), rules)}

    assert {check.verdict for check in judged().values()} == {"PASS"}
    ours = cases[(cases["model"] == "student") & (cases["dataset"] == "busi")].index
    cases.loc[ours[:15], "miss"] = 1.0
    found = judged()
    assert (found["misses_champion:busi"].verdict, found["misses_champion:ddti"].verdict) == ("FAIL", "PASS")
    assert "student minus model in use, 0.150" in found["misses_champion:busi"].reason
    theirs = cases[(cases["model"] == "champion") & (cases["dataset"] == "busi")].index
    cases.loc[theirs[:15], "miss"] = 1.0
    assert {check.verdict for check in judged().values()} == {"PASS"}, "both miss the same"


def test_a_model_in_use_that_was_scored_on_two_cases_shows_nothing(make_evidence, cases_of, rules) -> None:
    cases = cases_of(champion=0.84, digest=IN_USE)
    few = cases[(cases["model"] != "champion") | cases["image_id"].isin(["0", "1"])]
    found = check_champion(make_evidence(cases=few, champion=IN_USE), rules)
    assert {check.verdict for check in found if check.id != "champion_external"} == {"INSUFFICIENT"}


@pytest.mark.parametrize(("theirs", "verdict"), [(0.85, "PASS"), (0.95, "FAIL"), (None, "INSUFFICIENT")])
def test_a_model_in_use_that_is_better_elsewhere_stays(make_evidence, cases_of, rules, theirs, verdict) -> None:
    rivals = {"champion": theirs} if theirs else {}
    evidence = make_evidence(
        cases=cases_of(champion=0.85, digest=IN_USE),
        external_cases=cases_of(datasets=("fugc",), digest=IN_USE, **rivals),
        champion=IN_USE,
    )
    found = {check.id: check.verdict for check in check_champion(evidence, rules)}
    assert found["champion_external"] == verdict
    assert {outcome for check, outcome in found.items() if check != "champion_external"} == {"PASS"}
