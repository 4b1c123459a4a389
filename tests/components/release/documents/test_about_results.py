"""What is said of the results are figures of `metrics.json`, with the prompt that the gate judges by."""

from __future__ import annotations

from components.release.documents import about_results
from tests.components.release.documents.conftest import MakeRun, estimate, metrics


def test_performance_and_differences_with_their_intervals(make_run: MakeRun) -> None:
    run = make_run()
    told = "with jittered box, busi: Dice 0.800 [0.750, 0.850], HD95 9.0 [8.9, 9.1] px, 3 of 30 missed"
    assert about_results.performance(run, "internal") == told
    assert about_results.against(run, "ellipse") == "with jittered box, busi: +0.030 [-0.020, +0.080]"
    assert about_results.against(run, "champion") == "not compared"
    few = make_run(internal=metrics("busi", groups=7))
    assert "Dice 0.800 [INSUFFICIENT: 7 groups]" in about_results.performance(few, "internal")


def test_no_external_dataset_is_said(make_run: MakeRun) -> None:
    alone = make_run(external={**metrics("fugc"), "datasets": {}})
    assert about_results.performance(alone, "external") == "there is no external dataset"
    assert about_results.external_words(alone).startswith("None: nothing is known beyond the sources")
    assert about_results.external_words(make_run()) == "Tested on fugc."
    seen = {"exposure": {"student": "unknown"}, "exposure_basis": "not stated", "counts_as_external": False}
    uncounted = about_results.external_words(make_run(external=metrics("fugc", **seen)))
    assert "fugc (not counted)" in uncounted and "exposure unknown; not stated" in uncounted


def test_failures_name_the_worst_subgroup_and_answers_to_nothing(make_run: MakeRun) -> None:
    told = about_results.failures(make_run())
    assert "busi: size smallest, Dice 0.800 [0.750, 0.850], 9 cases in 30 groups" in told
    assert "holds nothing" not in told
    invented = {"student": {**estimate(0.5), "count": 4, "n": 8}}
    small = {"box_jitter": {"worst": None, "each": []}}
    run = make_run(
        internal=metrics("busi", false_regions=invented, subgroups=small), external=metrics("fugc", subgroups=small)
    )
    told = about_results.failures(run)
    assert "No subgroup had enough groups" in told and "holds nothing: busi: 4 of 8" in told


def test_only_subgroups_that_were_formed_are_named(make_run: MakeRun) -> None:
    assert about_results.subgroup_words(make_run()).startswith("Results stand apart by object size; ")
    scanner = {"box_jitter": {"worst": None, "each": [{"kind": "scanner", "name": "A"}]}}
    run = make_run(external=metrics("fugc", subgroups=scanner))
    assert "by object size, scanner; the harmonised data carry no age" in about_results.subgroup_words(run)
    none = {"box_jitter": {"worst": None, "each": []}}
    bare = make_run(internal=metrics("busi", subgroups=none), external=metrics("fugc", subgroups=none))
    assert about_results.subgroup_words(bare).startswith("Nothing that is known tells")


def test_robustness_and_confidence_are_told_where_they_were_measured(make_run: MakeRun) -> None:
    assert "No jitter curve was asked for" in about_results.robustness(make_run())
    assert "was not held against the truth" in about_results.confidence_words(make_run())
    curve = {"student": [{"jitter": 0.0, "change": None}, {"jitter": 0.2, "change": estimate(-0.1)}]}
    held = {
        "box_jitter": {
            "student": {
                "calibrated": True,
                "ece": estimate(0.04),
                "ece_raw": estimate(0.3),
                "abstained": estimate(0.2),
            }
        }
    }
    run = make_run(internal=metrics("busi", jitter_curve=curve, confidence=held))
    assert "busi, 20 %: -0.100 [-0.150, -0.050]" in about_results.robustness(run)
    told = about_results.confidence_words(run)
    assert "error of the confidence after calibration 0.040 [-0.010, 0.090]" in told
    assert "error of the model's own estimate 0.300 [0.250, 0.350], a warning with a share of 0.200" in told
    same = {"calibrated": False, "ece": estimate(0.3), "ece_raw": estimate(0.3)}
    raw = about_results.confidence_words(
        make_run(internal=metrics("busi", confidence={"box_jitter": {"student": same}}))
    )
    assert "own estimate 0.300 [0.250, 0.350], which isn't calibrated" in raw and "warning" not in raw


def test_limits_speak_of_phantoms_only_where_there_are_some(make_run: MakeRun) -> None:
    assert "rest on phantoms" in about_results.shown_limits(make_run())
    assert "at least 20 in each internal dataset" in about_results.sample_words(make_run())
    assert "isn't calibrated" in about_results.output_words(make_run())


def test_students_of_other_seeds_are_told_where_there_are_any(make_run: MakeRun) -> None:
    assert about_results.seed_words(make_run()) == "One training with one seed was tested"
    found = {"n": 2, "mean": 0.7, "sd": 0.1, "min": 0.6, "max": 0.8, "candidate_minus_mean": 0.1}
    seeds = {"spread": {"busi": {"box_jitter": found, "click": found}, "all": {"box_jitter": {**found, "n": 0}}}}
    told = about_results.seed_words(make_run(internal={**metrics("busi"), "seeds": seeds}))
    assert told.endswith("jittered box: busi: 2 students, 0.700 (0.600 to 0.800), the candidate +0.100")
