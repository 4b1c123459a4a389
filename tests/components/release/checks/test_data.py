"""What a candidate was trained and tested on: values, limits and reasons as a person reads them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from components.artefacts import PretrainingExposure
from components.release.checks.data import check_counts, check_data, check_external, check_sides, check_trained_split


def test_warnings_do_not_fail_the_data_and_errors_are_named_once(make_evidence, rules) -> None:
    wrong = [{"severity": "error", "code": "specks"}] * 2 + [{"severity": "warning", "code": "image_size"}]
    busi, ddti, fugc = check_data(make_evidence(faults={"busi": wrong, "ddti": wrong[2:], "fugc": None}), rules)
    assert (busi.verdict, busi.value, busi.reason) == ("FAIL", 2, "busi has 2 errors: specks")
    assert (ddti.verdict, fugc.verdict) == ("PASS", "INSUFFICIENT")


def test_sides_that_arent_on_record_fail_with_what_to_do(make_evidence, rules) -> None:
    missing = tuple(("busi", f"{k}") for k in range(5))
    (check,) = check_sides(make_evidence(real_images=40, off_record=missing), rules)
    assert (check.verdict, check.value) == ("FAIL", 5)
    assert "5 of 40 real images (busi/0, busi/1, busi/2, …)" in check.reason
    assert "`sonoforge data keep-sides` and commit data/sides.csv" in check.reason
    ((kept,), (phantoms,)) = check_sides(make_evidence(real_images=40), rules), check_sides(make_evidence(), rules)
    assert kept.verdict == phantoms.verdict == "PASS"
    assert "all 40 real images" in kept.reason and "phantoms only" in phantoms.reason


def test_cases_are_counted_at_the_skill_prompt_alone(make_evidence, cases_of, rules) -> None:
    cases = cases_of(n=20)
    cases.loc[(cases["dataset"] == "busi") & (cases["group"] == "g0"), "prompt"] = "click"
    busi, groups, ddti, _ = check_counts(make_evidence(cases=cases), rules)
    assert (busi.verdict, busi.value) == ("INSUFFICIENT", 19) and (ddti.verdict, ddti.value) == ("PASS", 20)
    assert (groups.id, groups.verdict, groups.value) == ("groups:busi", "PASS", 19)
    (nothing,) = check_counts(make_evidence(internal=()), rules)
    assert nothing.verdict == "INSUFFICIENT"


def test_an_external_dataset_of_two_that_was_not_scored_is_named(make_evidence, rules) -> None:
    (check,) = check_external(make_evidence(external=("fugc", "jnu_ifm")), rules)
    assert check.verdict == "INSUFFICIENT" and "jnu_ifm" in check.reason and "fugc" not in check.reason


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        ({"fugc": "no", "jnu_ifm": "no"}, "PASS", ["scored on fugc, jnu_ifm"]),
        ({"fugc": "no"}, "PASS", ["scored on fugc, which", "not counted as external: jnu_ifm (exposure unknown)"]),
        ({"fugc": "yes"}, "INSUFFICIENT", ["fugc (exposure yes), jnu_ifm (exposure unknown)", "as stated"]),
    ],
)
def test_only_what_the_model_never_saw_counts_as_external(make_evidence, cases_of, rules, seen, verdict, words) -> None:
    evidence = make_evidence(external=("fugc", "jnu_ifm"))
    both = [evidence.external_cases.assign(dataset=name) for name in ("fugc", "jnu_ifm")]
    exposure = PretrainingExposure(basis="as stated", otherwise="unknown", datasets=seen)
    described = evidence.description.model_copy(update={"pretraining_exposure": exposure})
    (check,) = check_external(replace(evidence, external_cases=pd.concat(both), description=described), rules)
    assert (check.verdict, check.value) == (verdict, list(seen.values()).count("no"))
    assert all(word in check.reason for word in words)


def test_a_dataset_that_the_model_was_trained_on_is_not_external(make_evidence, rules) -> None:
    evidence = make_evidence(external=("fugc",))
    described = evidence.description.model_copy(update={"trained_on": ("busi", "fugc")})
    (check,) = check_external(replace(evidence, description=described), rules)
    assert check.verdict == "INSUFFICIENT" and "fugc (exposure yes)" in check.reason


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        ({"psfhs": "yes"}, "INSUFFICIENT", "jnu_ifm (exposure yes)"),
        ({"psfhs": "unknown"}, "INSUFFICIENT", "jnu_ifm (exposure unknown)"),
        ({"busi": "yes"}, "PASS", "scored on jnu_ifm"),
    ],
)
def test_what_shares_patients_with_what_the_model_saw_is_not_external(
    make_evidence, cases_of, rules, seen, verdict, words
) -> None:
    evidence = make_evidence(external=("jnu_ifm",), sources=(("fh_ps_aop", "jnu_ifm", "psfhs"),))
    exposure = PretrainingExposure(basis="as stated", otherwise="no", datasets=seen)
    described = evidence.description.model_copy(update={"pretraining_exposure": exposure})
    cases = evidence.external_cases.assign(dataset="jnu_ifm")
    (check,) = check_external(replace(evidence, external_cases=cases, description=described), rules)
    assert check.verdict == verdict and words in check.reason


def test_many_cases_of_few_patients_are_few(make_evidence, cases_of, rules) -> None:
    cases = cases_of(n=40)
    cases["group"] = "g" + (cases["image_id"].astype(int) % 9).astype(str)
    strict = replace(rules, bootstrap=replace(rules.bootstrap, min_groups=20))
    enough, few = check_counts(make_evidence(cases=cases, internal=("busi",)), strict)
    assert (enough.verdict, few.verdict, few.value, few.limit) == ("PASS", "INSUFFICIENT", 9, 20)
    assert "9 groups (patients, videos)" in few.reason and "fewer than 20" in few.reason


@pytest.mark.parametrize(("trained", "verdict"), [("md5:1", "PASS"), ("md5:2", "FAIL"), ("unknown", "INSUFFICIENT")])
def test_a_model_of_another_split_may_have_seen_the_test_side(
    make_evidence, make_model, rules, trained, verdict
) -> None:
    model = make_model(data={"data/03_splits/internal.csv": trained})
    (check,) = check_trained_split(make_evidence(model=model), rules)
    assert check.verdict == verdict
    assert verdict != "FAIL" or "another split (md5:2)" in check.reason


@pytest.mark.parametrize("who", ["ellipse", "other weights"])
def test_an_external_table_without_the_student_is_none(make_evidence, rules, who) -> None:
    evidence = make_evidence()
    cases = evidence.external_cases
    theirs = cases[cases["model"] == "ellipse"] if who == "ellipse" else cases.assign(model_digest="e" * 64)
    (check,) = check_external(replace(evidence, external_cases=theirs), rules)
    assert check.verdict == "INSUFFICIENT" and "these weights weren't scored on: fugc" in check.reason
