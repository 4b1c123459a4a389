"""What means hide: a subgroup that fails, a model that only exact boxes please, regions where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.release.checks.robustness import check_false_regions, check_jitter, check_subgroups

IN_USE = "f" * 64


def smallest(cases, who):
    """One contender's rows of the smallest quarter of busi's objects."""
    return (cases["model"] == who) & (cases["dataset"] == "busi") & (cases["area_px"] <= 7)


def test_the_worst_subgroup_is_named_and_held_against_its_floor(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    cases.loc[smallest(cases, "student"), ["dice", "iou"]] = 0.4, 0.25
    busi, ddti = check_subgroups(make_evidence(cases=cases), rules)
    assert (busi.verdict, busi.value, ddti.verdict) == ("FAIL", pytest.approx(0.4, abs=0.07), "PASS")
    assert "size smallest" in busi.reason
    few = replace(rules, subgroup_min_groups=50)
    assert {check.verdict for check in check_subgroups(make_evidence(cases=cases), few)} == {"INSUFFICIENT"}


def test_a_subgroup_that_lost_much_beside_the_model_in_use_fails(make_evidence, cases_of, rules) -> None:
    cases = cases_of(champion=0.84, digest=IN_USE)
    cases.loc[smallest(cases, "student"), "dice"] -= 0.09
    found = {check.id: check for check in check_subgroups(make_evidence(cases=cases, champion=IN_USE), rules)}
    assert found["subgroup:busi"].verdict == "PASS", "good enough in itself"
    assert found["subgroup_champion:busi"].verdict == "FAIL"
    assert "size smallest" in found["subgroup_champion:busi"].reason
    assert found["subgroup_champion:ddti"].verdict == "PASS"
    former = make_evidence(cases=cases, champion="e" * 64)
    assert {check.id for check in check_subgroups(former, rules)} == {"subgroup:busi", "subgroup:ddti"}


@pytest.mark.parametrize(("loss", "verdict"), [(0.05, "PASS"), (0.2, "FAIL")])
def test_sloppy_boxes_may_cost_so_much(make_evidence, cases_of, rules, loss, verdict) -> None:
    busi, _ = check_jitter(make_evidence(cases=cases_of(jitter_loss=loss)), rules)
    assert (busi.id, busi.verdict, busi.value) == ("jitter:busi", verdict, pytest.approx(-loss, abs=1e-6))


def test_without_the_kinds_of_prompt_nothing_is_known(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    evidence = make_evidence(cases=cases[cases["prompt"] == "box_jitter"])
    assert {check.verdict for check in check_jitter(evidence, rules)} == {"INSUFFICIENT"}
    limited = replace(rules, limits=rules.limits.model_copy(update={"max_false_regions": 0.5}))
    found = check_false_regions(evidence, limited)
    assert {check.verdict for check in found} == {"INSUFFICIENT"}
    assert all("prompts.evaluate.kinds" in check.reason for check in (*check_jitter(evidence, rules), *found))


def test_regions_where_there_is_nothing_count_where_a_limit_is_declared(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    of_nothing = cases["prompt"] == "box"
    cases.loc[of_nothing, "prompt"] = "box_nothing"
    cases.loc[of_nothing, "false_region"] = (cases.loc[of_nothing, "dataset"] == "busi").astype(float)
    evidence = make_evidence(cases=cases)
    (unlimited,) = check_false_regions(evidence, rules)
    assert unlimited.verdict == "PASS" and "no limit" in unlimited.reason
    limited = replace(rules, limits=rules.limits.model_copy(update={"max_false_regions": 0.5}))
    busi, ddti = check_false_regions(evidence, limited)
    assert (busi.verdict, ddti.verdict) == ("FAIL", "PASS") and "30 of 30 boxes" in busi.reason
    two = cases[(cases["prompt"] != "box_nothing") | cases["image_id"].isin(["0", "1"])]
    busi, ddti = check_false_regions(make_evidence(cases=two), limited)
    assert (busi.verdict, ddti.verdict) == ("INSUFFICIENT", "INSUFFICIENT"), "none of two boxes tells nothing"
