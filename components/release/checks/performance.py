"""How well the candidate outlines: its own lower bounds, what it adds to the box, what it misses."""

from __future__ import annotations

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.statistics import cluster_mean, cluster_ratio
from components.evaluation.comparing.summary import SUBJECT, compare
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import above, at_least, below, event_share, prompted, rows_of, span


def check_floors(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the lower bounds of the student's Dice and NSD reach their floors in each internal dataset."""
    limits = rules.limits
    floors = (
        ("floor", "dice", "Dice", limits.min_dice_lower_bound),
        ("floor_nsd", "nsd_px", "NSD", limits.min_nsd_lower_bound),
    )
    checks = []
    for name in evidence.internal:
        rows = rows_of(evidence.cases, limits.skill_prompt, who=SUBJECT, dataset=name)
        for check, column, metric, floor in floors:
            found = cluster_mean(rows[column], rows["group"].tolist(), bootstrap=rules.bootstrap)
            what = f"{name}: {metric} {span(found)} with {limits.skill_prompt}"
            checks.append(at_least(f"{check}:{name}", found, floor, what=what, rules=rules))
    return checks


def check_skill(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student beats the ellipse in each internal dataset, and gains enough of what the ellipse leaves."""
    prompt = rules.limits.skill_prompt
    checks = []
    for name in evidence.internal:
        rows = prompted(evidence.cases, prompt, dataset=name)
        found = compare(rows, SUBJECT, ELLIPSE, bootstrap=rules.bootstrap)
        what = f"{name}: student minus ellipse, Dice {span(found)} with {prompt}"
        checks.append(above(f"skill:{name}", found, rules.limits.min_skill_dice, what=what, rules=rules))
        keys = ["group", "case_id"]
        ours, theirs = (rows[rows["model"] == who].set_index(keys)["dice"] for who in (SUBJECT, ELLIPSE))
        ours, theirs = ours.align(theirs, join="inner")
        groups = ours.index.get_level_values("group").tolist()
        share = cluster_ratio(ours - theirs, 1 - theirs, groups, bootstrap=rules.bootstrap)
        what = f"{name}: of the distance from the ellipse to a perfect outline, the student gains {span(share)}"
        checks.append(above(f"skill_share:{name}", share, rules.limits.min_skill_share, what=what, rules=rules))
    return checks


def check_misses(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student misses few enough objects in each internal dataset; each patient or video weighs the same."""
    limit = rules.limits.max_miss_rate
    checks = []
    for name in evidence.internal:
        rows = rows_of(evidence.cases, rules.limits.skill_prompt, who=SUBJECT, dataset=name)
        found = event_share(rows["miss"], rows["group"], rules=rules)
        what = f"{name}: {int(rows['miss'].sum())} of {len(rows)} objects missed, a share of {span(found)}"
        checks.append(below(f"misses:{name}", found, limit, what=what, rules=rules))
    return checks
