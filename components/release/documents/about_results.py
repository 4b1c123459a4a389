"""A run's results to sentences: what was measured, how sure that is, where the model fails.

Every figure stands in the validations' `metrics.json`. Leaves out: data (about_data.py), models (about_model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.words import exposure_words, interval_words, limits, prompt_words
from components.release.documents.about_data import listed
from components.release.documents.calibrated import warning_words
from components.release.documents.run_files import Run
from components.types import Role


def metrics_used(run: Run) -> str:
    """By which measures the model is judged."""
    tolerance = run.internal["nsd_tolerance"]
    return (
        f"At the image's own resolution, by case: Dice, IoU, normalised surface distance within {tolerance['px']:g} "
        f"px (and {tolerance['mm']:g} mm where the spacing is known), 95th percentile and greatest surface distance, "
        "error of the area, share of missed objects. A missed object counts with Dice 0 and the worst distance"
    )


def uncertainty(run: Run) -> str:
    """How intervals and p values come about."""
    params = run.params.evaluate
    return (
        f"{100 * params.confidence:g} % intervals by bootstrap of groups (patients, videos, scenes): "
        f"{params.bootstrap_resamples} resamples, seed {params.seed}; fewer than {params.min_groups} groups are "
        "INSUFFICIENT for a claim. Differences between models are paired on the same cases and prompts; beside them "
        "signed ranks and McNemar's test by group, corrected by Holm's procedure within each metrics.json; no other "
        "interval is corrected"
    )


def performance(run: Run, role: Role) -> str:
    """The student's Dice, distance and misses by dataset, with the prompt that the gate judges by."""
    metrics = run.internal if role == "internal" else run.external
    told = []
    for name, dataset in metrics["datasets"].items():
        found = dataset["prompts"].get(judged_prompt(run), {}).get(SUBJECT)
        if found is None:
            told.append(f"{name}: no case")
            continue
        dice = interval_words(found["dice"], metrics["confidence"])
        distance = interval_words(found["hd95"], metrics["confidence"], decimals=1)
        missed = found["miss_rate"]
        told.append(f"{name}: Dice {dice}, HD95 {distance} px, {missed['count']} of {missed['n']} missed")
    return f"with {prompt_words(judged_prompt(run))}, {listed(told)}" if told else f"there is no {role} dataset"


def against(run: Run, other: str, role: Role = "internal") -> str:
    """The paired difference of Dice between the student and another by dataset, with the same prompt."""
    metrics = run.internal if role == "internal" else run.external
    told = [
        f"{name}: {interval_words(pairs[f'{SUBJECT}-{other}']['dice'], metrics['confidence'], signed=True)}"
        for name, dataset in metrics["datasets"].items()
        if f"{SUBJECT}-{other}" in (pairs := dataset["differences"].get(judged_prompt(run), {}))
    ]
    return f"with {prompt_words(judged_prompt(run))}, {listed(told)}" if told else "not compared"


def judged_prompt(run: Run) -> str:
    """The kind of prompt that the gate judges by; the reports hold all that were asked for."""
    return run.params.gate.skill_prompt


def robustness(run: Run) -> str:
    """How results change with the prompt."""
    kinds = ", ".join(run.params.prompts.evaluate.kinds)
    curves = [
        f"{name}, {100 * point['jitter']:g} %: {interval_words(point['change'], metrics['confidence'], signed=True)}"
        for _, metrics in run.validations
        for name, dataset in metrics["datasets"].items()
        for point in dataset.get("jitter_curve", {}).get(SUBJECT, ())
        if point["change"] is not None
    ]
    change = (
        f"Change of Dice with boxes moved and scaled: {listed(curves)}" if curves else "No jitter curve was asked for"
    )
    return f"Each object was prompted as {kinds}. {change}. {seed_words(run)}"


def seed_words(run: Run) -> str:
    """How far students of other seeds lie apart, where there are any."""
    kind = judged_prompt(run)
    spread = run.internal.get("seeds", {}).get("spread", {})
    told = [
        f"{name}: {found['n']} students, {found['mean']:.3f} ({found['min']:.3f} to {found['max']:.3f}), the candidate "
        + ("not scored" if (above := found["candidate_minus_mean"]) is None else f"{above:+.3f}")
        for name, by_kind in spread.items()
        if (found := by_kind.get(kind, {"n": 0}))["n"]
    ]
    if not told:
        return "One training with one seed was tested"
    return f"Mean Dice of students of other seeds, with {prompt_words(kind)}: {listed(told)}"


def external_words(run: Run) -> str:
    """On which datasets the model was tested beyond those it learned from, and whether they count."""
    names = [
        f"{name}{'' if found['counts_as_external'] else ' (not counted)'}"
        for name, found in run.external["datasets"].items()
    ]
    if not names:
        return "None: nothing is known beyond the sources that the model was trained on"
    return " ".join(part for part in (f"Tested on {', '.join(names)}.", exposure_words(run.external)) if part)


def failures(run: Run) -> str:
    """Where the model does worst."""
    kind = judged_prompt(run)
    worst, false = [], []
    for _, metrics in run.validations:
        for name, dataset in metrics["datasets"].items():
            if kind in dataset["subgroups"] and (
                words := worst_subgroup(dataset["subgroups"][kind], metrics["confidence"])
            ):
                worst.append(f"{name}: {words}")
            if SUBJECT in (found := dataset.get("false_regions", {})):
                false.append(f"{name}: {found[SUBJECT]['count']} of {found[SUBJECT]['n']}")
    told = [
        f"Worst subgroup by mean Dice, with {prompt_words(kind)}: {listed(worst)}"
        if worst
        else "No subgroup had enough groups to be called the worst"
    ]
    told += [f"Answered a box that holds nothing: {listed(false)}"] * bool(false)
    return ". ".join([*told, "The reports show best, median and worst cases as pictures"])


def worst_subgroup(found: Mapping[str, Any], confidence: float) -> str:
    """The worst subgroup of one dataset and kind of prompt, with its Dice; empty where none is large enough."""
    if (named := found["worst"]) is None:
        return ""
    one = next(one for one in found["each"] if (one["kind"], one["name"]) == (named["kind"], named["name"]))
    dice = one["models"][SUBJECT]["dice"]
    return (
        f"{one['kind']} {one['name']}, Dice {interval_words(dice, confidence)}, {one['cases']} cases in "
        f"{one['groups']} groups"
    )


def subgroup_words(run: Run) -> str:
    """By what results stand apart, and that the data tell nothing of the people."""
    kinds = dict.fromkeys(
        one["kind"]
        for _, metrics in run.validations
        for dataset in metrics["datasets"].values()
        for found in dataset["subgroups"].values()
        for one in found["each"]
    )
    by = ", ".join(_SUBGROUPS.get(kind, kind) for kind in kinds)
    apart = f"Results stand apart by {by}" if by else "Nothing that is known tells objects or images here apart"
    return f"{apart}; the harmonised data carry no age, sex or ethnicity"


_SUBGROUPS = {"label": "anatomical name", "size": "object size", "calipers": "calipers in the image"}


def shown_limits(run: Run) -> str:
    """What the run doesn't show."""
    told = [line for role, metrics in run.validations for line in limits(metrics, role=role)]
    if run.phantom:
        told.append("Images or models here rest on phantoms, which say nothing about patients.")
    return " ".join(dict.fromkeys(told))


def confidence_words(run: Run) -> str:
    """How far the confidence that comes with an outline can be trusted, and the model's own estimate of its IoU."""
    kind = judged_prompt(run)
    told = [
        f"{name}: {_held(found[SUBJECT], metrics['confidence'])}"
        for _, metrics in run.validations
        for name, dataset in metrics["datasets"].items()
        if SUBJECT in (found := dataset.get("confidence", {}).get(kind, {}))
    ]
    if not told:
        return "The model's own estimate of its IoU was not held against the truth"
    return f"What is stated of an outline's IoU against the true one, with {prompt_words(kind)}: {listed(told)}"


def _held(found: Mapping[str, Any], confidence: float) -> str:
    """One dataset's calibration errors, and the share of abstentions where the model is calibrated."""
    raw = f"calibration error of the model's own estimate {interval_words(found['ece_raw'], confidence)}"
    if not found["calibrated"]:
        return f"{raw}, which isn't calibrated"
    return (
        f"calibration error of the confidence after calibration {interval_words(found['ece'], confidence)}, {raw}, a "
        f"warning with a share of {interval_words(found['abstained'], confidence)} of the outlines"
    )


def output_words(run: Run) -> str:
    """What the model answers, and when that comes with a warning."""
    words = "An outline (each pixel above logit 0) and an estimate of its IoU between 0 and 1"
    return f"{words}. {warning_words(run.calibration)}"


def sample_words(run: Run) -> str:
    """How many cases there were, and how many the gate asks for."""
    told = listed(
        f"{name} {found['cases']} in {found['groups']} groups"
        for _, metrics in run.validations
        for name, found in metrics["datasets"].items()
    )
    return (
        f"Test cases: {told}. The gate asks for at least {run.params.gate.min_cases} in each internal dataset; no "
        "number was computed beforehand"
    )
