"""Deliberately bad students, one by one: each is refused, and for its own reason alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.release.checks.recount import Recount
from components.release.gate import judge


def failed(verdict):
    """The ids of the checks that failed, without their datasets."""
    return {check.id.partition(":")[0] for check in verdict.checks if check.verdict == "FAIL"}


@pytest.fixture
def good(make_evidence, cases_of):
    """A student that the gate lets through, with three sisters as good as it is."""
    return make_evidence(cases=cases_of(student_seed_21=0.85, student_seed_22=0.85, student_seed_23=0.85))


@pytest.fixture
def strict(rules):
    """The rules, with three sisters asked for."""
    return replace(rules, limits=rules.limits.model_copy(update={"min_seeds": 3}))


def with_masks_of(cases, who):
    """The cases, in which the student's masks are those of another contender."""
    keys = ["case_id", "dataset"]
    theirs = cases[(cases["model"] == who) & (cases["prompt"] == "box_jitter")].set_index(keys)
    ours = cases["model"] == "student"
    places = cases.loc[ours].set_index(keys).index
    cases.loc[ours, ["dice", "iou", "nsd_px"]] = theirs.loc[places, ["dice", "iou", "nsd_px"]].to_numpy()
    return cases


def test_a_good_one_passes(good, strict) -> None:
    assert judge(good, strict).verdict == "PASS", [c for c in judge(good, strict).checks if c.verdict != "PASS"]


def test_random_weights(good, strict) -> None:
    cases = good.cases.copy()
    ours = cases["model"].str.startswith("student")
    cases.loc[ours, "dice"] = np.random.default_rng(1).uniform(0, 0.3, ours.sum())
    cases.loc[ours, ["iou", "nsd_px"]] = 0.05
    cases.loc[ours & (cases["dice"] < 0.05), "miss"] = 1.0
    verdict = judge(replace(good, cases=cases), strict)
    assert verdict.verdict == "FAIL"
    assert {"floor", "floor_nsd", "skill", "misses", "subgroup", "teacher"} <= failed(verdict)


def test_a_copy_of_the_ellipse(good, strict) -> None:
    verdict = judge(replace(good, cases=with_masks_of(good.cases.copy(), "ellipse")), strict)
    assert verdict.verdict == "FAIL"
    assert failed(verdict) == {"skill", "skill_share", "teacher"}, "its Dice alone is above every floor"


def test_training_on_the_test_side(good, strict) -> None:
    seen = judge(replace(good, leak="group g1 of busi is in train and test"), strict)
    assert (seen.verdict, failed(seen)) == ("FAIL", {"leak"})
    hidden = judge(replace(good, split_digest="md5:put right afterwards"), strict)
    assert (hidden.verdict, failed(hidden)) == ("FAIL", {"trained_split"})


def test_a_lucky_seed(good, strict, cases_of) -> None:
    sisters = {f"student_seed_{seed}": 0.81 for seed in (21, 22, 23)}
    verdict = judge(replace(good, cases=cases_of(teacher=0.83, **sisters)), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {"seeds"})


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"package_changes": ("encoder.onnx was changed",)}, "package_files"),
        ({"broken": "weights.safetensors has another sha256"}, "intact"),
    ],
)
def test_a_file_that_was_altered(good, strict, changes, check) -> None:
    verdict = judge(replace(good, **changes), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {check})


@pytest.mark.parametrize("form", ["exported", "service"])
def test_an_export_that_gives_other_masks(good, strict, form) -> None:
    parity = good.package["parity"] | {form: {"cases": 8, "worst_share": 0.02, "worst_dice_difference": 0.1}}
    verdict = judge(replace(good, package=good.package | {"parity": parity}), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {f"{form}_parity"})


def refused(verdict):
    """The ids of the checks that don't pass, without their datasets."""
    return {check.id.partition(":")[0] for check in verdict.checks if check.verdict != "PASS"}


def test_a_collapse_on_external_sets(good, strict) -> None:
    cases = good.external_cases.copy()
    cases.loc[cases["model"] == "student", "dice"] = 0.0
    verdict = judge(replace(good, external_cases=cases), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {"floor_external"})


def test_a_collapse_with_the_exact_box(good, strict) -> None:
    cases = good.cases.copy()
    cases.loc[(cases["model"] == "student") & (cases["prompt"] == "box"), "dice"] = 0.0
    verdict = judge(replace(good, cases=cases), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {"floor"}), "what sloppy boxes cost has become less"


def test_scores_of_other_weights(good, strict) -> None:
    cases = good.cases.copy()
    cases.loc[cases["model"] == "student", "model_digest"] = "e" * 64
    verdict = judge(replace(good, cases=cases), strict)
    assert (verdict.verdict, refused(verdict)) == ("INSUFFICIENT", {"scored_by"})


@pytest.mark.parametrize(
    ("found", "check"),
    [
        (Recount(rows=111, differing=(), gaps={"student": ("busi/3/1 (box)",)}), "rows"),
        (Recount(rows=120, differing=("student on busi/3/1 (box)",), gaps={}), "scores"),
    ],
)
def test_cases_left_out_or_made_up(good, strict, found, check) -> None:
    verdict = judge(replace(good, recounts={**good.recounts, "internal": found}), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {check})


def test_a_calibration_that_was_swapped_after_scoring(good, strict) -> None:
    verdict = judge(replace(good, metrics={**good.metrics, "calibration": {"student": "e" * 64}}), strict)
    assert (verdict.verdict, failed(verdict)) == ("FAIL", {"scored_calibration"})


def test_limits_that_were_loosened_after_training(good, strict) -> None:
    verdict = judge(replace(good, judged_by="e" * 64), strict)
    assert (verdict.verdict, refused(verdict)) == ("INSUFFICIENT", {"declared"})


def test_no_model_in_use_lets_nothing_through(good, strict) -> None:
    assert good.champion is None
    verdict = judge(replace(good, cases=with_masks_of(good.cases.copy(), "ellipse")), strict)
    assert verdict.verdict == "FAIL"
    assert "that alone is no reason" in next(c.reason for c in verdict.checks if c.id == "champion")
