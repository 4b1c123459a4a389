"""Single checks: values, limits and reasons as a person reads them; limits themselves; pickles in disguise."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from components.artefacts import PretrainingExposure
from components.evaluation.comparing.statistics import Bootstrap, Estimate
from components.evaluation.parity import Parity
from components.release.checks import (
    _bounded,
    check_clean_tree,
    check_counts,
    check_data,
    check_external,
    check_misses,
    check_no_pickle,
    check_parity,
    check_provenance,
    check_sides,
    check_skill,
)

BOOTSTRAP = Bootstrap(resamples=200, confidence=0.95, seed=1)


def test_a_lower_bound_at_the_limit_passes_a_floor_and_fails_a_margin() -> None:
    found = Estimate(0.65, 0.6, 0.7, n=30, groups=30, undefined=0)
    assert _bounded("floor", found, 0.6, what="Dice", bar="at least", min_cases=20).verdict == "PASS"
    assert _bounded("skill", found, 0.6, what="Dice", bar="above", min_cases=20, strict=True).verdict == "FAIL"
    alone = Estimate(0.65, float("nan"), float("nan"), n=3, groups=1, undefined=0)
    check = _bounded("floor", alone, 0.6, what="Dice", bar="at least", min_cases=20)
    assert (check.verdict, check.value) == ("INSUFFICIENT", None) and "3 cases in 1 groups" in check.reason
    assert json.dumps(check.as_json(), allow_nan=False)


def test_few_cases_can_pass_or_fail_clearly_but_not_by_a_wide_interval() -> None:
    def verdict(low: float, high: float, n: int) -> str:
        found = Estimate((low + high) / 2, low, high, n=n, groups=n, undefined=0)
        return _bounded("skill", found, 0.0, what="Dice", bar="above", min_cases=20, strict=True).verdict

    assert verdict(0.01, 0.05, 17) == "PASS"
    assert verdict(-0.01, 0.05, 17) == "INSUFFICIENT"
    assert verdict(-0.05, -0.01, 17) == "FAIL"
    assert verdict(-0.01, 0.05, 20) == "FAIL", "enough cases, and it isn't shown"


def test_each_gap_in_provenance_is_named(make_evidence, make_model) -> None:
    model = make_model(git_sha="", seeds={}, data={"data/x": "unknown"})
    check = check_provenance(make_evidence(model=model))
    assert (check.verdict, check.value) == ("INSUFFICIENT", "git_sha, data data/x, seeds")


def test_many_changed_paths_are_cut(make_evidence, make_model, gate_params) -> None:
    check = check_clean_tree(make_evidence(model=make_model(dirty=[f"f{i}.py" for i in range(13)])), gate_params)
    assert check.verdict == "INSUFFICIENT"
    assert "f9.py and 3 more" in check.reason and "f10.py" not in check.reason


def test_warnings_do_not_fail_the_data_and_errors_are_named_once(make_evidence) -> None:
    wrong = [{"severity": "error", "code": "specks"}] * 2 + [{"severity": "warning", "code": "image_size"}]
    busi, ddti, fugc = check_data(make_evidence(faults={"busi": wrong, "ddti": wrong[2:], "fugc": None}))
    assert (busi.verdict, busi.value, busi.reason) == ("FAIL", 2, "busi has 2 errors: specks")
    assert (ddti.verdict, fugc.verdict) == ("PASS", "INSUFFICIENT")


def test_sides_that_arent_on_record_fail_with_what_to_do(make_evidence) -> None:
    missing = tuple(("busi", f"{k}") for k in range(5))
    check = check_sides(make_evidence(real_images=40, off_record=missing))
    assert (check.verdict, check.value) == ("FAIL", 5)
    assert "5 of 40 real images (busi/0, busi/1, busi/2, …)" in check.reason
    assert "`sonoforge data keep-sides` and commit data/sides.csv" in check.reason
    kept, phantoms = check_sides(make_evidence(real_images=40)), check_sides(make_evidence())
    assert kept.verdict == phantoms.verdict == "PASS"
    assert "all 40 real images" in kept.reason and "phantoms only" in phantoms.reason


def test_cases_are_counted_at_the_skill_prompt_alone(make_evidence, cases_of, gate_params) -> None:
    cases = cases_of(n=20)
    cases.loc[(cases["dataset"] == "busi") & (cases["group"] == "g0"), "prompt"] = "click"
    busi, ddti = check_counts(make_evidence(cases=cases), gate_params)
    assert (busi.verdict, busi.value) == ("INSUFFICIENT", 19) and (ddti.verdict, ddti.value) == ("PASS", 20)
    (nothing,) = check_counts(make_evidence(internal=()), gate_params)
    assert nothing.verdict == "INSUFFICIENT"


def test_an_external_dataset_of_two_that_was_not_scored_is_named(make_evidence) -> None:
    check = check_external(make_evidence(external=("fugc", "jnu_ifm")))
    assert check.verdict == "INSUFFICIENT" and "jnu_ifm" in check.reason and "fugc" not in check.reason


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        ({"fugc": "no", "jnu_ifm": "no"}, "PASS", ["scored on fugc, jnu_ifm"]),
        ({"fugc": "no"}, "PASS", ["scored on fugc, which", "not counted as external: jnu_ifm (exposure unknown)"]),
        ({"fugc": "yes"}, "INSUFFICIENT", ["fugc (exposure yes), jnu_ifm (exposure unknown)", "as stated"]),
    ],
)
def test_only_what_the_model_never_saw_counts_as_external(make_evidence, cases_of, seen, verdict, words) -> None:
    evidence = make_evidence(external=("fugc", "jnu_ifm"))
    both = [evidence.external_cases.assign(dataset=name) for name in ("fugc", "jnu_ifm")]
    exposure = PretrainingExposure(basis="as stated", otherwise="unknown", datasets=seen)
    described = evidence.description.model_copy(update={"pretraining_exposure": exposure})
    check = check_external(replace(evidence, external_cases=pd.concat(both), description=described))
    assert (check.verdict, check.value) == (verdict, list(seen.values()).count("no"))
    assert all(word in check.reason for word in words)


def test_a_dataset_that_the_model_was_trained_on_is_not_external(make_evidence) -> None:
    evidence = make_evidence(external=("fugc",))
    described = evidence.description.model_copy(update={"trained_on": ("busi", "fugc")})
    check = check_external(replace(evidence, description=described))
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
    make_evidence, cases_of, seen, verdict, words
) -> None:
    evidence = make_evidence(external=("jnu_ifm",), sources=(("fh_ps_aop", "jnu_ifm", "psfhs"),))
    exposure = PretrainingExposure(basis="as stated", otherwise="no", datasets=seen)
    described = evidence.description.model_copy(update={"pretraining_exposure": exposure})
    cases = evidence.external_cases.assign(dataset="jnu_ifm")
    check = check_external(replace(evidence, external_cases=cases, description=described))
    assert check.verdict == verdict and words in check.reason


def test_skill_is_the_paired_lower_bound(make_evidence, cases_of, gate_params) -> None:
    check = check_skill(make_evidence(cases=cases_of(student=0.80, ellipse=0.75)), gate_params, BOOTSTRAP)[0]
    assert check.id == "skill:busi" and check.verdict == "PASS"
    assert isinstance(check.value, float) and 0.04 < check.value < 0.05
    assert "student minus ellipse" in check.reason and "box_jitter" in check.reason


def test_a_share_of_misses_at_the_limit_passes(make_evidence, cases_of, gate_params) -> None:
    cases = cases_of(n=20)
    ours = cases[(cases["model"] == "student") & (cases["dataset"] == "busi")].index
    for missed, verdict in ((1, "PASS"), (2, "FAIL")):
        cases.loc[ours[:missed], "miss"] = 1.0
        check = check_misses(make_evidence(cases=cases), gate_params)[0]
        assert (check.verdict, check.value) == (verdict, pytest.approx(missed / 20))


def test_parity_speaks_of_loading_again(make_evidence, gate_params) -> None:
    check = check_parity(make_evidence(parity=Parity(cases=4, worst_share=0.25)), gate_params)
    assert (check.verdict, check.value) == ("FAIL", 0.25)
    assert "loaded again" in check.reason and "25 %" in check.reason


@pytest.mark.parametrize(
    ("name", "content", "safe"),
    [
        ("notes.md", b"# plain", True),
        ("notes.md", b"\x80\x04.", False),
        ("weights2.safetensors", b"\x80\x04" + b"\0" * 6, True),
        ("extra.json", b"\x80\x06", True),
        ("run.py", b"", False),
    ],
)
def test_what_may_run_code_is_known_by_name_or_first_bytes(make_evidence, make_model, name, content, safe) -> None:
    model: Path = make_model()
    (model / name).write_bytes(content)
    check = check_no_pickle(make_evidence(model=model))
    assert check.verdict == ("PASS" if safe else "FAIL")
    assert safe or check.value == name


def test_an_archive_under_a_safe_name_is_found(make_evidence, make_model) -> None:
    model: Path = make_model()
    with zipfile.ZipFile(model / "model.onnx", "w") as archive:
        archive.writestr("data.pkl", b"x")
    assert check_no_pickle(make_evidence(model=model)).value == "model.onnx"
