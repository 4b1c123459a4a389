"""Whether the validations' tables are what they say: of these weights, of all cases, with the scores of their masks."""

from __future__ import annotations

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.recount import TEACHER, Recount

NAMED = 3


def check_scores(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether each judged contender's rows are of the weights that they are said to be of, are exactly those of the
    test's objects and prompts, and hold the scores of their own masks, on both sides."""
    checks = []
    for side, found in evidence.recounts.items():
        checks += [_scored_by(evidence, side), _whole(side, found), _same_scores(side, found)]
    return checks


def _scored_by(evidence: Evidence, side: str) -> Check:
    """The model in use has a check of its own (`champion`)."""
    cases = evidence.cases if side == "internal" else evidence.external_cases
    expected = {SUBJECT: evidence.description.digest, TEACHER: evidence.teacher, ELLIPSE: ""}
    strangers = []
    for who, digest in expected.items():
        found = set(cases.loc[cases["model"] == who, "model_digest"])
        strangers += [f"{who} ({other[:12] or 'no weights'})" for other in sorted(found - {digest})]
    if strangers:
        reason = f"the {side} cases hold other weights: {', '.join(strangers)}; run `dvc repro -f validate_{side}`"
        return Check(f"scored_by:{side}", "INSUFFICIENT", ", ".join(strangers), "none", reason)
    return Check(f"scored_by:{side}", "PASS", "none", "none", f"the {side} cases are of these weights and no others")


def _whole(side: str, found: Recount) -> Check:
    if found.gaps:
        told = "; ".join(f"{who}: {_some(names)}" for who, names in found.gaps.items())
        reason = f"rows of the {side} cases lack, are too many, or ask something else than the test: {told}"
        return Check(f"rows:{side}", "FAIL", sum(map(len, found.gaps.values())), 0, reason)
    reason = f"the {side} cases are all objects and prompts of the test, for each contender that is judged"
    return Check(f"rows:{side}", "PASS", 0, 0, reason)


def _same_scores(side: str, found: Recount) -> Check:
    if not found.rows:
        return Check(f"scores:{side}", "INSUFFICIENT", 0, 0, f"the {side} cases hold no row to score again")
    if found.differing:
        reason = (
            f"{len(found.differing)} of {found.rows} rows of the {side} cases don't hold the scores of their own "
            f"masks: {_some(found.differing)}"
        )
        return Check(f"scores:{side}", "FAIL", len(found.differing), 0, reason)
    reason = f"{found.rows} rows of the {side} cases, scored again from their masks, give the same numbers"
    return Check(f"scores:{side}", "PASS", 0, 0, reason)


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
