"""Where means may hide a failure: the worst subgroup, sloppier boxes, boxes in which there is nothing."""

from __future__ import annotations

from components.evaluation.comparing.by_prompt import jitter_curves
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.subgroups import Subgroup, find_subgroups, worst_subgroup
from components.evaluation.prompting.prompts import NOTHING
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import above, below, event_share, prompted, span
from components.release.checks.rivals import CHAMPION, champion_scored

EXACT, SLOPPIEST = "box", "box_jitter_20"


def check_subgroups(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the worst subgroup of each internal dataset is good enough, and none much worse than with the model in
    use."""
    floor = rules.limits.min_subgroup_dice
    checks = []
    for name in evidence.internal:
        rows = prompted(evidence.cases, rules.limits.skill_prompt, dataset=name)
        rows = rows[rows["model"].isin((SUBJECT, CHAMPION))]
        found = find_subgroups(rows, bootstrap=rules.bootstrap, min_groups=rules.subgroup_min_groups)
        worst = worst_subgroup(found, SUBJECT)
        if worst is None:
            reason = f"{name}: no subgroup has {rules.subgroup_min_groups} groups; the test side is too small to tell"
            checks.append(Check(f"subgroup:{name}", "INSUFFICIENT", None, floor, reason))
            continue
        mean = worst.estimates[SUBJECT]["dice"].mean
        reason = f"{name}: worst in {_told(worst)}, mean Dice {mean:.3f}; needed: at least {floor:.3f}"
        checks.append(Check(f"subgroup:{name}", "PASS" if mean >= floor else "FAIL", mean, floor, reason))
        if champion_scored(evidence):
            checks.append(_beside_champion(name, [one for one in found if one.enough], rules))
    return checks


def _beside_champion(name: str, found: list[Subgroup], rules: Rules) -> Check:
    margin = -rules.limits.champion_margin_subgroup_dice
    changes = {
        _told(one): one.estimates[SUBJECT]["dice"].mean - one.estimates[CHAMPION]["dice"].mean
        for one in found
        if one.estimates.keys() >= {SUBJECT, CHAMPION}
    }
    if not changes:
        reason = f"{name}: no subgroup that is large enough holds the model in use"
        return Check(f"subgroup_champion:{name}", "INSUFFICIENT", None, margin, reason)
    worst = min(changes, key=lambda told: changes[told])
    change = changes[worst]
    reason = f"{name}: beside the model in use worst in {worst}, mean Dice {change:+.3f}; needed: above {margin:+.3f}"
    return Check(f"subgroup_champion:{name}", "PASS" if change > margin else "FAIL", change, margin, reason)


def _told(one: Subgroup) -> str:
    return f"{one.kind} {one.name} ({one.groups} groups)"


def check_jitter(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether sloppy boxes cost little enough of the exact box's Dice in each internal dataset."""
    margin = -rules.limits.max_jitter_loss_dice
    ours = evidence.cases[(evidence.cases["model"] == SUBJECT) & evidence.cases["prompt"].isin((EXACT, SLOPPIEST))]
    checks = []
    for name in evidence.internal:
        curve = jitter_curves(ours[ours["dataset"] == name], bootstrap=rules.bootstrap).get(SUBJECT, [])
        change = next((point.change for point in curve if point.change is not None), None)
        if change is None:
            reason = f"{name} wasn't scored with {EXACT} and {SLOPPIEST}: add them to prompts.evaluate.kinds"
            checks.append(Check(f"jitter:{name}", "INSUFFICIENT", None, margin, reason))
            continue
        what = f"{name}: from the exact box to one shifted and scaled by up to 20 %, Dice changes by {span(change)}"
        checks.append(above(f"jitter:{name}", change, margin, what=what, rules=rules))
    return checks


def check_false_regions(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether few enough boxes without an object are answered with a region, where a limit is declared."""
    limit = rules.limits.max_false_regions
    if limit is None:
        reason = f"params.yaml declares no limit for regions in boxes without an object ({NOTHING})"
        return [Check("false_regions", "PASS", None, None, reason)]
    ours = evidence.cases[evidence.cases["model"] == SUBJECT]
    checks = []
    for name in evidence.internal:
        rows = prompted(ours, NOTHING, dataset=name)
        if rows.empty:
            reason = f"{name} wasn't scored with {NOTHING}: add it to prompts.evaluate.kinds"
            checks.append(Check(f"false_regions:{name}", "INSUFFICIENT", None, limit, reason))
            continue
        found = event_share(rows["false_region"], rows["group"], rules=rules)
        count = f"{int(rows['false_region'].sum())} of {len(rows)}"
        what = f"{name}: {count} boxes without an object answered with a region, a share of {span(found)}"
        checks.append(below(f"false_regions:{name}", found, limit, what=what, rules=rules))
    return checks
