"""How far the candidate's stated confidence can be believed, and whether the calibration that would be released is the
one that was scored."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluation.comparing.confidence import area_difference, area_under_risk
from components.evaluation.comparing.names import SUBJECT
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules, part
from components.release.checks.intervals import at_most, below, prompted, span
from components.release.checks.rivals import CHAMPION, champion_scored
from components.release.files import CALIBRATION, MODEL

AGAIN = "run `dvc repro -f validate_internal`"


def check_calibration(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the stated confidence is near enough to the true overlap, and ranks cases well, and not worse than that
    of the model in use."""
    checks = []
    for name in evidence.internal:
        ours, why = _error(evidence, rules, name)
        limit = rules.limits.max_calibration_error
        if ours is None:
            checks.append(Check(f"calibration:{name}", "INSUFFICIENT", None, limit, f"{name}: {why}; {AGAIN}"))
        else:
            what = f"{name}: stated and true overlap (IoU) lie {ours:.3f} apart (expected calibration error)"
            checks.append(at_most(f"calibration:{name}", ours, limit, what=what))
        checks += _ranking(evidence, rules, name)
    return checks


def _ranking(evidence: Evidence, rules: Rules, name: str) -> list[Check]:
    """The area under the risk-coverage curve: its upper bound, and that of its difference to the model in use."""
    limits = rules.limits
    rows = prompted(evidence.cases, limits.skill_prompt, dataset=name).set_index(["group", "case_id"])
    ours, theirs = (rows[rows["model"] == who] for who in (SUBJECT, CHAMPION))
    groups = ours.index.get_level_values("group").tolist()
    found = area_under_risk(_stated(ours), _risk(ours), groups, bootstrap=rules.bootstrap)
    what = f"{name}: area under the risk-coverage curve {span(found)}"
    checks = [below(f"aurc:{name}", found, limits.max_aurc, what=what, rules=rules)]
    if champion_scored(evidence):
        both = ours.index.intersection(theirs.index)
        ours, theirs = ours.loc[both], theirs.loc[both]
        more = area_difference(
            (_stated(ours), _risk(ours)),
            (_stated(theirs), _risk(theirs)),
            both.get_level_values("group").tolist(),
            bootstrap=rules.bootstrap,
        )
        what = f"{name}: area under the risk-coverage curve, student minus model in use, {span(more)}"
        checks.append(below(f"aurc_champion:{name}", more, limits.champion_margin_aurc, what=what, rules=rules))
    return checks


def _stated(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Each row's confidence (N); the model's own estimate where it carries no calibration; 0 where nothing is said."""
    column = "confidence" if rows["confidence"].notna().any() else "quality"
    stated = rows[column].to_numpy(dtype=np.float64)
    return np.clip(np.where(np.isfinite(stated), stated, 0), 0, 1)


def _risk(rows: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(1 - rows["dice"].to_numpy(dtype=np.float64))


def check_abstention(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether the calibration that would be released is the one that was scored, and holds what it promises."""
    return [_same_calibration(evidence), _abstention(evidence), _guard(evidence)]


def _same_calibration(evidence: Evidence) -> Check:
    name = "scored_calibration"
    scored = evidence.metrics.get("calibration")
    if not isinstance(scored, dict) or SUBJECT not in scored or evidence.package is None:
        reason = f"it isn't known with which calibration the student was scored, or which would be released; {AGAIN}"
        return Check(name, "INSUFFICIENT", None, None, reason)
    judged, shipped = scored[SUBJECT], part(evidence.package.get("files")).get(MODEL + CALIBRATION)
    values = str(judged)[:12], str(shipped)[:12]
    if judged != shipped:
        reason = (
            f"the calibration that would be released ({values[1]}) isn't the one that was scored ({values[0]}): run "
            "the graph to its end, `dvc repro`"
        )
        return Check(name, "FAIL", *values, reason)
    return Check(name, "PASS", *values, "the calibration that would be released is the one that was scored")


def _abstention(evidence: Evidence) -> Check:
    found = evidence.calibration
    if found is None:
        reason = "what would be released carries no calibration of these weights: nothing is known of its confidence"
        return Check("abstention", "INSUFFICIENT", None, "calibrated", reason)
    how, aim = found.how, f"at most {found.how.max_failure_share:g} of outlines failing without a warning"
    if not how.reached or not how.sufficient:
        few = "" if how.sufficient else f"; {how.groups} groups are too few (calibrate.min_groups)"
        missed = "" if how.reached else f"; no threshold is known to keep to {aim}"
        reason = f"the validation side can't show when to warn{missed}{few}: let it hold more patients, and train again"
        return Check("abstention", "INSUFFICIENT", how.groups, aim, reason)
    reason = f"the threshold of {found.threshold:.3f} keeps to {aim}, by {how.groups} groups of the validation side"
    return Check("abstention", "PASS", how.failure_bound, how.max_failure_share, reason)


def _guard(evidence: Evidence) -> Check:
    found = evidence.calibration
    if found is None or not found.how.guard_reached:
        count = 0 if found is None else found.how.guard_val_images
        reason = f"{count} validation images are too few to say how often the guard flags an image like them"
        return Check("guard", "INSUFFICIENT", count, None, reason)
    share = found.how.guard_false_alarm_share
    reason = f"the guard's threshold flags at most {share:g} of images like those of the validation side"
    return Check("guard", "PASS", found.how.guard_val_images, None, reason)


def _error(evidence: Evidence, rules: Rules, name: str) -> tuple[float | None, str]:
    """The student's calibration error by metrics.json, or why there is none."""
    metrics = evidence.metrics
    scored = part(metrics.get("model")).get("digest")
    if scored != evidence.description.digest:
        return None, f"metrics.json is about the weights {str(scored)[:12]}, not about these"
    by_kind = part(part(part(metrics.get("datasets")).get(name)).get("confidence"))
    found = part(part(part(by_kind.get(rules.limits.skill_prompt)).get(SUBJECT)).get("ece")).get("mean")
    return (None, f"metrics.json has no confidence of {SUBJECT}") if found is None else (float(found), "")
