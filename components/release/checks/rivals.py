"""The candidate beside its teacher and the model in use: not worse by more than a margin, on the same cases."""

from __future__ import annotations

from components.evaluation.comparing.summary import SUBJECT, compare
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import bounded, prompted, span


def check_teacher(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student isn't worse than the teacher by more than the margin, over all internal datasets."""
    prompt, margin = rules.limits.skill_prompt, -rules.limits.teacher_margin_dice
    found = compare(prompted(evidence.cases, prompt), SUBJECT, "teacher", bootstrap=rules.bootstrap)
    what = f"student minus teacher, Dice {span(found)} over all internal datasets with {prompt}"
    return [bounded("teacher", found, margin, what=what, bar="a lower bound above", rules=rules, strict=True)]


def check_champion(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student isn't worse than the model in use by more than the margin, on the same cases."""
    margin = -rules.limits.champion_margin_dice
    if evidence.champion is None:
        reason = "no model is in use yet; that alone is no reason to promote this one"
        return [Check("champion", "PASS", None, None, reason)]
    if evidence.champion == evidence.description.digest:
        return [Check("champion", "PASS", 0.0, margin, "this model is the one in use")]
    rows = prompted(evidence.cases, rules.limits.skill_prompt)
    if rows[(rows["model"] == "champion") & (rows["model_digest"] == evidence.champion)].empty:
        short = evidence.champion[:12]
        reason = f"the model in use ({short}) wasn't scored on these cases; run `dvc repro -f validate_internal`"
        return [Check("champion", "INSUFFICIENT", None, margin, reason)]
    found = compare(rows, SUBJECT, "champion", bootstrap=rules.bootstrap)
    what = f"student minus model in use, Dice {span(found)} with {rules.limits.skill_prompt}"
    return [bounded("champion", found, margin, what=what, bar="a lower bound above", rules=rules, strict=True)]
