"""What isn't known of a candidate's making is named."""

from __future__ import annotations

from components.release.checks.making import check_clean_tree, check_provenance


def test_each_gap_in_provenance_is_named(make_evidence, make_model, rules) -> None:
    model = make_model(git_sha="", seeds={}, data={"data/x": "unknown"})
    (check,) = check_provenance(make_evidence(model=model), rules)
    assert (check.verdict, check.value) == ("INSUFFICIENT", "git_sha, data data/x, seeds")


def test_many_changed_paths_are_cut(make_evidence, make_model, rules) -> None:
    (check,) = check_clean_tree(make_evidence(model=make_model(dirty=[f"f{i}.py" for i in range(13)])), rules)
    assert check.verdict == "INSUFFICIENT"
    assert "f9.py and 3 more" in check.reason and "f10.py" not in check.reason
