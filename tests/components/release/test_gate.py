"""The gate refuses each kind of bad candidate, for its own reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.evaluation.parity import Parity
from components.release.gate import judge


def verdicts(verdict: Any) -> dict[str, str]:
    return {check.id: check.verdict for check in verdict.checks}


def test_a_good_candidate_passes(make_evidence, rules) -> None:
    verdict = judge(make_evidence(), rules)
    assert verdict.verdict == "PASS", [c for c in verdict.checks if c.verdict != "PASS"]
    assert verdict.reasons == ()
    record = verdict.as_json()
    assert record["model"]["digest"] == verdict.model_digest
    assert all(set(check) == {"id", "verdict", "value", "limit", "reason"} for check in record["checks"])
    skill = next(check for check in record["checks"] if check["id"] == "skill:busi")
    assert skill["value"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "check", "expected"),
    [
        ({"cases": {"student": 0.75}}, "skill:busi", "FAIL"),
        ({"cases": {"student": 0.60}}, "skill:ddti", "FAIL"),
        ({"cases": {"student": 0.55, "teacher": 0.55, "ellipse": 0.3}}, "floor:busi:box_jitter", "FAIL"),
        ({"cases": {"teacher": 0.95}}, "teacher", "FAIL"),
        ({"cases": {"n": 10}}, "cases:busi", "INSUFFICIENT"),
        ({"cases": {"datasets": ("busi",)}}, "cases:ddti", "INSUFFICIENT"),
        ({"cases": {"datasets": ("busi",)}}, "floor:ddti:box", "INSUFFICIENT"),
        ({"external": (), "external_cases": {"n": 0}}, "external", "INSUFFICIENT"),
        ({"external_cases": {"n": 0}}, "external", "INSUFFICIENT"),
        ({"leak": "group g1 of busi"}, "leak", "FAIL"),
        ({"real_images": 40, "off_record": (("busi", "1"),)}, "sides", "FAIL"),
        ({"real_images": 40}, "sides", "PASS"),
        ({"faults": {"busi": [{"severity": "error", "code": "empty_mask"}]}}, "data:busi", "FAIL"),
        ({"faults": {}}, "data:fugc", "INSUFFICIENT"),
        ({"parity": Parity(4, 0.001)}, "parity", "FAIL"),
        ({"parity": Parity(0, 0.0)}, "parity", "INSUFFICIENT"),
        ({"champion": "f" * 64}, "champion", "INSUFFICIENT"),
        (
            {"champion": "f" * 64, "cases": {"champion": 0.88, "digest": "f" * 64}},
            "champion",
            "FAIL",
        ),
        ({"champion": "f" * 64, "cases": {"champion": 0.84, "digest": "f" * 64}}, "champion", "PASS"),
        (
            {"champion": "f" * 64, "cases": {"champion": 0.84, "digest": "e" * 64}},
            "champion",
            "INSUFFICIENT",
        ),
    ],
)
def test_each_fault_is_named(make_evidence, cases_of, rules, changes, check, expected) -> None:
    changes = {key: cases_of(**value) if key.endswith("cases") else value for key, value in changes.items()}
    verdict = judge(make_evidence(**changes), rules)
    assert verdicts(verdict)[check] == expected
    assert expected == "PASS" or verdict.verdict in (expected, "FAIL")
    assert expected == "PASS" or verdict.reasons


def test_misses_are_counted(make_evidence, cases_of, rules) -> None:
    cases = cases_of()
    students = cases[(cases["model"] == "student") & (cases["dataset"] == "ddti")].index
    cases.loc[students[:9], "miss"] = 1.0  # three prompts each
    verdict = judge(make_evidence(cases=cases), rules)
    assert verdicts(verdict)["misses:ddti"] == "FAIL"
    assert verdicts(verdict)["misses:busi"] == "PASS"
    assert verdict.verdict == "FAIL"


@pytest.mark.parametrize(
    ("record", "check"),
    [
        ({"dirty": ["components/types.py"]}, "clean_tree"),
        ({"git_sha": "unknown"}, "clean_tree"),
        ({"git_sha": "unknown"}, "provenance"),
        ({"data": {"data/x": "unknown"}}, "provenance"),
        ({"seeds": {}}, "provenance"),
    ],
)
def test_what_isnt_known_of_its_making_is_insufficient(make_evidence, make_model, rules, record, check) -> None:
    verdict = judge(make_evidence(model=make_model(**record)), rules)
    assert verdicts(verdict)[check] == "INSUFFICIENT"
    assert verdict.verdict == "INSUFFICIENT"


def test_a_dirty_tree_names_its_paths_and_can_be_allowed(make_evidence, make_model, rules) -> None:
    evidence = make_evidence(model=make_model(dirty=["components/types.py"]))
    named = next(c for c in judge(evidence, rules).checks if c.id == "clean_tree")
    assert "components/types.py" in named.reason
    lenient = replace(rules, limits=rules.limits.model_copy(update={"require_clean_tree": False}))
    assert judge(evidence, lenient).verdict == "PASS"


def test_a_failure_outweighs_what_isnt_known(make_evidence, rules) -> None:
    verdict = judge(make_evidence(leak="group g1", faults={}), rules)
    assert verdict.verdict == "FAIL"
    assert verdict.reasons == ("group g1",)


def test_the_model_in_use_stays_so(make_evidence, make_model, digest_of, rules) -> None:
    model = make_model()
    evidence = make_evidence(model=model, champion=digest_of(model))
    assert judge(evidence, rules).verdict == "PASS"


def test_a_pickle_in_the_folder_is_found(make_evidence, make_model, rules) -> None:
    import pickle

    model = make_model()
    (model / "card.json").write_bytes(pickle.dumps({"a": 1}))
    (model / "extra.pt").write_bytes(b"x")
    verdict = judge(make_evidence(model=model), rules)
    found = next(check for check in verdict.checks if check.id == "no_pickle")
    assert found.verdict == "FAIL"
    assert found.value == "card.json, extra.pt"
