"""How well the candidate outlines: its own lower bounds, what it adds to the box, what it misses."""

from __future__ import annotations

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.statistics import cluster_mean
from components.evaluation.comparing.summary import SUBJECT, compare
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import bounded, prompted, rows_of, span


def check_floors(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the lower bound of the student's Dice reaches the floor in each internal dataset."""
    prompt, limit = rules.limits.skill_prompt, rules.limits.min_dice_lower_bound
    checks = []
    for name in evidence.internal:
        rows = rows_of(evidence.cases, prompt, who=SUBJECT, dataset=name)
        found = cluster_mean(rows["dice"], rows["group"].tolist(), bootstrap=rules.bootstrap)
        what = f"{name}: Dice {span(found)} with {prompt}"
        checks.append(bounded(f"floor:{name}", found, limit, what=what, bar="a lower bound of at least", rules=rules))
    return checks


def check_skill(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student beats the ellipse in each internal dataset."""
    prompt, limit = rules.limits.skill_prompt, rules.limits.min_skill_dice
    checks = []
    for name in evidence.internal:
        rows = prompted(evidence.cases, prompt, dataset=name)
        found = compare(rows, SUBJECT, ELLIPSE, bootstrap=rules.bootstrap)
        what = f"{name}: student minus ellipse, Dice {span(found)} with {prompt}"
        checks.append(
            bounded(f"skill:{name}", found, limit, what=what, bar="a lower bound above", rules=rules, strict=True)
        )
    return checks


def check_misses(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student misses few enough objects in each internal dataset."""
    limit = rules.limits.max_miss_rate
    checks = []
    for name in evidence.internal:
        missed = rows_of(evidence.cases, rules.limits.skill_prompt, who=SUBJECT, dataset=name)["miss"]
        if missed.empty:
            checks.append(Check(f"misses:{name}", "INSUFFICIENT", None, limit, f"{name} has no cases"))
            continue
        rate = float(missed.mean())
        reason = f"{name}: {int(missed.sum())} of {len(missed)} objects missed; at most {100 * limit:g} %"
        checks.append(Check(f"misses:{name}", "PASS" if rate <= limit else "FAIL", rate, limit, reason))
    return checks
