"""What the candidate was trained and tested on: judged data, sides that hold, enough witnesses, unseen patients."""

from __future__ import annotations

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.exposure import by_patients
from components.intake.sides.record import SIDES
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import rows_of
from components.release.checks.making import UNKNOWN

SPLIT = "data/03_splits/internal.csv"


def check_data(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether each dataset of the run passed its validation."""
    checks = []
    for name in (*evidence.internal, *evidence.external):
        faults = evidence.faults.get(name)
        if faults is None:
            checks.append(Check(f"data:{name}", "INSUFFICIENT", None, 0, f"{name} was never validated"))
            continue
        errors = [fault for fault in faults if fault["severity"] == "error"]
        codes = ", ".join(sorted({str(fault["code"]) for fault in errors}))
        reason = f"{name} has {len(errors)} errors: {codes}" if errors else f"{name} passed its validation"
        checks.append(Check(f"data:{name}", "FAIL" if errors else "PASS", len(errors), 0, reason))
    return checks


def check_leak(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether training, test and external images are apart."""
    if evidence.leak is not None:
        return [Check("leak", "FAIL", evidence.leak, "none", evidence.leak)]
    return [Check("leak", "PASS", "none", "none", "no group and no image stands on two sides")]


def check_trained_split(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether the model was trained on the split that it is judged by; by another, it may have seen the test side."""
    trained, judged = (evidence.description.provenance.get("data") or {}).get(SPLIT), evidence.split_digest
    if trained in (None, "", UNKNOWN):
        reason = f"it isn't known on which split ({SPLIT}) the model was trained"
        return [Check("trained_split", "INSUFFICIENT", None, judged, reason)]
    if trained != judged:
        reason = (
            f"the model was trained on another split ({trained[:16]}) than the one that it is judged by "
            f"({judged[:16]}), so that its test side may have been near training: run the graph to its end, `dvc repro`"
        )
        return [Check("trained_split", "FAIL", trained, judged, reason)]
    return [Check("trained_split", "PASS", trained, judged, "trained on the split that it is judged by")]


def check_sides(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether all real images of the split are on record on the sides that they have in it."""
    real, missing = evidence.real_images, evidence.off_record
    if not real:
        return [Check("sides", "PASS", 0, 0, "phantoms only, whose sides are never on record")]
    if not missing:
        return [Check("sides", "PASS", 0, 0, f"the sides of all {real} real images are on record")]
    named = ", ".join("/".join(key) for key in missing[:3]) + (", …" if len(missing) > 3 else "")
    reason = (
        f"{len(missing)} of {real} real images ({named}) have sides that aren't on record, so that they could move "
        f"between training and test: run `sonoforge data keep-sides` and commit {SIDES.as_posix()}"
    )
    return [Check("sides", "FAIL", len(missing), 0, reason)]


def check_counts(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether there are enough test cases, and enough groups (patients, videos), in each internal dataset."""
    checks = []
    for name in evidence.internal:
        rows = rows_of(evidence.cases, rules.limits.skill_prompt, who=SUBJECT, dataset=name)
        checks.append(_enough(f"cases:{name}", len(rows), rules.limits.min_cases, f"{name} has {len(rows)} test cases"))
        groups = int(rows["group"].nunique())
        what = f"{name} has {groups} groups (patients, videos) on its test side"
        checks.append(_enough(f"groups:{name}", groups, rules.bootstrap.min_groups, what))
    return checks or [Check("cases", "INSUFFICIENT", 0, rules.limits.min_cases, "no internal dataset")]


def _enough(name: str, found: int, needed: int, what: str) -> Check:
    enough = found >= needed
    reason = f"{what}, {'enough' if enough else f'fewer than {needed}'}"
    return Check(name, "PASS" if enough else "INSUFFICIENT", found, needed, reason)


def check_external(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student itself was scored on each external dataset of the run, and is known never to have seen the
    patients of one of them."""
    if not evidence.external:
        reason = "there is no external dataset: nothing is known beyond the sources"
        return [Check("external", "INSUFFICIENT", 0, 1, reason)]
    cases = evidence.external_cases
    ours = cases[(cases["model"] == SUBJECT) & (cases["model_digest"] == evidence.description.digest)]
    by_kind = [set(ours.loc[ours["prompt"] == kind, "dataset"]) for kind in rules.limits.external_floors]
    scored = set.intersection(*by_kind)
    missing = [name for name in evidence.external if name not in scored]
    if missing:
        reason = f"these weights weren't scored on: {', '.join(missing)}; run `dvc repro -f validate_external`"
        return [Check("external", "INSUFFICIENT", len(scored), len(evidence.external), reason)]
    exposure = by_patients(evidence.description.exposure, evidence.sources)
    counted = counted_external(evidence)
    others = [f"{name} (exposure {exposure.of(name)})" for name in sorted(set(evidence.external) - set(counted))]
    left_out = f"not counted as external: {', '.join(others)}; {exposure.basis}" if others else ""
    if not counted:
        return [Check("external", "INSUFFICIENT", 0, 1, left_out)]
    words = [f"scored on {', '.join(counted)}, which were never near training", left_out]
    return [Check("external", "PASS", len(counted), 1, "; ".join(word for word in words if word))]


def counted_external(evidence: Evidence) -> list[str]:
    """The external datasets of whose patients the model is known to have seen none, sorted."""
    exposure = by_patients(evidence.description.exposure, evidence.sources)
    return sorted(name for name in evidence.external if exposure.of(name) == "no")
