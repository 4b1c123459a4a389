"""Whether the candidate is luck: sister students, trained alike but for the seed, stand beside it in the cases."""

from __future__ import annotations

import pandas as pd

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.seeds import is_sister
from components.evaluation.comparing.summary import compare
from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import above, prompted, span
from components.release.checks.rivals import TEACHER

SISTERS = "sisters"
KEYS = ["dataset", "group", "case_id", "prompt"]


def check_seeds(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the candidate is no better than its sisters by more than luck may be, and whether what is claimed of it
    holds of their mean. Sisters that are there count, whether asked for or not."""
    needed, limit = rules.limits.min_seeds, rules.limits.max_seed_advantage_dice
    rows = prompted(evidence.cases, rules.limits.skill_prompt)
    names = sorted({str(who) for who in rows["model"].unique() if is_sister(str(who))})
    if not names and not needed:
        reason = "one training with one seed was judged; params.yaml asks for no sisters (gate.min_seeds is 0)"
        return [Check("seeds", "PASS", 0, 0, reason)]
    if len(names) < needed:
        reason = (
            f"{len(names)} sister students with other seeds were scored, {needed} are asked for: "
            "run `sonoforge run --set 'spread.seeds=[21, 22, 23]'`"
        )
        return [Check("seeds", "INSUFFICIENT", len(names), needed, reason)]
    judged = _with_mean(rows, names)
    found = compare(judged, SUBJECT, SISTERS, bootstrap=rules.bootstrap)
    lucky = not found.mean <= limit
    reason = (
        f"candidate minus the mean of {len(names)} sisters with other seeds, Dice {span(found)}; allowed: a mean of at "
        f"most {limit:.3f}" + ("; this one is a lucky seed, and the recipe doesn't give such models" if lucky else "")
    )
    value = None if pd.isna(found.mean) else found.mean
    checks = [Check("seeds", "FAIL" if lucky else "PASS", value, limit, reason)]
    return checks + _claims(evidence, judged, rules, count=len(names))


def _claims(evidence: Evidence, judged: pd.DataFrame, rules: Rules, *, count: int) -> list[Check]:
    """Skill and the distance to the teacher, of the sisters' mean."""
    checks = []
    for name in evidence.internal:
        found = compare(judged[judged["dataset"] == name], SISTERS, ELLIPSE, bootstrap=rules.bootstrap)
        what = f"{name}: mean of {count} sisters minus ellipse, Dice {span(found)}"
        checks.append(above(f"seeds_skill:{name}", found, rules.limits.min_skill_dice, what=what, rules=rules))
    found = compare(judged, SISTERS, TEACHER, bootstrap=rules.bootstrap)
    what = f"mean of {count} sisters minus teacher, Dice {span(found)} over all internal datasets"
    margin = -rules.limits.teacher_margin_dice
    return [*checks, above("seeds_teacher", found, margin, what=what, rules=rules)]


def _with_mean(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The rows, and beside them one contender more: for each case the mean of the sisters' Dice."""
    mean = rows[rows["model"].isin(names)].groupby(KEYS, sort=False, as_index=False)["dice"].mean()
    return pd.concat([rows[[*KEYS, "model", "dice"]], mean.assign(model=SISTERS)], ignore_index=True)
