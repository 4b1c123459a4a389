"""How well the candidate outlines: its own lower bounds, what it adds to the box, what it misses."""

from __future__ import annotations

import math

import pandas as pd

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.statistics import Estimate, cluster_mean, cluster_ratio
from components.evaluation.comparing.summary import compare
from components.release.checks.check import Check, Outcome
from components.release.checks.data import counted_external
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import above, at_least, below, event_share, prompted, rows_of, span


def check_floors(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the lower bounds of the student's Dice, for each kind of prompt that has a floor, and of its NSD reach
    their floors in each internal dataset."""
    limits = rules.limits
    floors = [(f"floor:{{}}:{kind}", "dice", "Dice", kind, floor) for kind, floor in limits.floors.items()]
    floors.append(("floor_nsd:{}", "nsd_px", "NSD", limits.skill_prompt, limits.min_nsd_lower_bound))
    checks = []
    for name in evidence.internal:
        for check, column, metric, kind, floor in floors:
            rows = rows_of(evidence.cases, kind, who=SUBJECT, dataset=name)
            found = cluster_mean(rows[column], rows["group"].tolist(), bootstrap=rules.bootstrap)
            what = f"{name}: {metric} {span(found)} with {kind}"
            checks.append(at_least(check.format(name), found, floor, what=what, rules=rules))
    return checks


def check_external_floors(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the lower bounds of the student's Dice over all external datasets that count reach their floors, and no
    such dataset lies wholly below."""
    names = counted_external(evidence)
    ours = evidence.external_cases[evidence.external_cases["model"] == SUBJECT]
    ours = ours[ours["dataset"].isin(names)]
    checks = []
    for kind, floor in rules.limits.external_floors.items() if names else ():
        rows = prompted(ours, kind)
        groups, strata = rows["group"].tolist(), rows["dataset"].tolist()
        found = cluster_mean(rows["dice"], groups, strata=strata, bootstrap=rules.bootstrap)
        what = f"{', '.join(names)}, each weighing the same: Dice {span(found)} with {kind}"
        checks.append(at_least(f"floor_external:{kind}", found, floor, what=what, rules=rules))
        checks += [
            _not_below(name, prompted(rows, kind, dataset=name), floor, kind=kind, rules=rules) for name in names
        ]
    return checks


def _not_below(name: str, rows: pd.DataFrame, floor: float, *, kind: str, rules: Rules) -> Check:
    """FAIL only if a dataset's whole interval lies below the floor: some hold too few patients to show more."""
    found = cluster_mean(rows["dice"], rows["group"].tolist(), bootstrap=rules.bootstrap)
    few = found.groups < rules.bootstrap.min_groups
    told = f"; {found.groups} groups are too few to show more, all external sets together must" if few else ""
    reason = f"{name}: Dice {span(found)} with {kind}; needed: not wholly below {floor:.3f}{told}"
    value = None if math.isnan(found.mean) else found.mean
    outcome: Outcome = "INSUFFICIENT" if value is None else "FAIL" if _wholly_below(found, floor) else "PASS"
    return Check(f"floor_external:{name}:{kind}", outcome, value, floor, reason)


def _wholly_below(found: Estimate, floor: float) -> bool:
    """One group has no interval: its mean decides."""
    return (found.mean if math.isnan(found.high) else found.high) < floor


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
