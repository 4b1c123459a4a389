"""How far the candidate's stated confidence can be believed, by what `metrics.json` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.comparing.names import SUBJECT
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import at_most
from components.release.checks.rivals import CHAMPION, champion_scored

AGAIN = "run `dvc repro -f validate_internal`"


def check_calibration(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the stated confidence is near enough to the true overlap, and ranks cases not worse than that of the
    model in use."""
    checks = []
    for name in evidence.internal:
        ours, why = _mean(evidence, rules, name, SUBJECT, "ece")
        limit = rules.limits.max_calibration_error
        if ours is None:
            checks.append(Check(f"calibration:{name}", "INSUFFICIENT", None, limit, f"{name}: {why}; {AGAIN}"))
        else:
            what = f"{name}: stated and true overlap (IoU) lie {ours:.3f} apart (expected calibration error)"
            checks.append(at_most(f"calibration:{name}", ours, limit, what=what))
        if champion_scored(evidence):
            checks.append(_ranking(evidence, rules, name))
    return checks


def _ranking(evidence: Evidence, rules: Rules, name: str) -> Check:
    margin = rules.limits.champion_margin_aurc
    ours, why = _mean(evidence, rules, name, SUBJECT, "aurc")
    theirs, why_not = _mean(evidence, rules, name, CHAMPION, "aurc")
    if ours is None or theirs is None:
        told = why if ours is None else f"of the model in use, {why_not}"
        return Check(f"aurc:{name}", "INSUFFICIENT", None, margin, f"{name}: {told}; {AGAIN}")
    what = f"{name}: area under the risk-coverage curve {ours:.3f}, that of the model in use {theirs:.3f}"
    return at_most(f"aurc:{name}", ours - theirs, margin, what=what)


def _mean(evidence: Evidence, rules: Rules, name: str, who: str, what: str) -> tuple[float | None, str]:
    """A mean of metrics.json, or why there is none."""
    metrics = evidence.metrics
    scored = _part(metrics.get("model")).get("digest")
    if scored != evidence.description.digest:
        return None, f"metrics.json is about the weights {str(scored)[:12]}, not about these"
    by_kind = _part(_part(_part(metrics.get("datasets")).get(name)).get("confidence"))
    found = _part(_part(_part(by_kind.get(rules.limits.skill_prompt)).get(who)).get(what)).get("mean")
    return (None, f"metrics.json has no confidence of {who}") if found is None else (float(found), "")


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
