"""What isn't known of a candidate's making is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.release.checks.making import check_clean_tree, check_declared, check_provenance


def test_each_gap_in_provenance_is_named(make_evidence, make_model, rules) -> None:
    model = make_model(git_sha="", seeds={}, data={"data/x": "unknown"})
    (check,) = check_provenance(make_evidence(model=model), rules)
    assert (check.verdict, check.value) == ("INSUFFICIENT", "git_sha, data data/x, seeds")


def test_many_changed_paths_are_cut(make_evidence, make_model, rules) -> None:
    (check,) = check_clean_tree(make_evidence(model=make_model(dirty=[f"f{i}.py" for i in range(13)])), rules)
    assert check.verdict == "INSUFFICIENT"
    assert "f9.py and 3 more" in check.reason and "f10.py" not in check.reason


def test_a_tree_of_which_nothing_is_said_is_not_clean(make_evidence, make_model, rules) -> None:
    evidence = make_evidence(model=make_model(dirty=None))
    (check,) = check_clean_tree(evidence, rules)
    assert check.verdict == "INSUFFICIENT" and "isn't known whether" in check.reason
    (check,) = check_provenance(evidence, rules)
    assert (check.verdict, check.value) == ("INSUFFICIENT", "dirty")


@pytest.mark.parametrize(
    ("trained", "judged", "words"),
    [
        ("k" * 64, "j" * 64, "were changed after training: train again"),
        (None, "j" * 64, "it isn't known"),
        ("unknown", "unknown", "it isn't known"),
    ],
)
def test_limits_that_were_changed_after_training_let_nothing_pass(
    make_evidence, make_model, rules, trained, judged, words
) -> None:
    evidence = make_evidence(model=make_model(judging_sha256=trained), judged_by=judged)
    (check,) = check_declared(evidence, rules)
    assert check.verdict == "INSUFFICIENT" and words in check.reason and "gate.require_declared" in check.reason
    lenient = replace(rules, limits=rules.limits.model_copy(update={"require_declared": False}))
    (check,) = check_declared(evidence, lenient)
    assert check.verdict == "PASS" and "doesn't ask for limits from before" in check.reason


def test_limits_from_before_training_pass(make_evidence, rules) -> None:
    assert check_declared(make_evidence(), rules)[0].verdict == "PASS"
