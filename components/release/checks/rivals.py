"""The candidate beside its teacher and the model in use: not worse by more than a margin, on the same cases."""

from __future__ import annotations

import pandas as pd

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.summary import compare
from components.release.checks.check import Check
from components.release.checks.data import counted_external
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.intervals import above, below, event_excess, prompted, span

TEACHER, CHAMPION = "teacher", "champion"


def check_teacher(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student isn't worse than the teacher by more than the margins, over all internal datasets and in
    each."""
    pooled, each = rules.limits.teacher_margin_dice, rules.limits.teacher_margin_dice_each
    return _not_worse(TEACHER, "teacher", evidence, rules, pooled=pooled, each=each)


def check_champion(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the student is neither worse than the model in use by more than the margins, nor misses more objects."""
    pooled, each = rules.limits.champion_margin_dice, rules.limits.champion_margin_dice_each
    if evidence.champion is None:
        reason = "no model is in use yet; that alone is no reason to promote this one"
        return [Check(CHAMPION, "PASS", None, None, reason)]
    if evidence.champion == evidence.description.digest:
        return [Check(CHAMPION, "PASS", 0.0, -pooled, "this model is the one in use")]
    if not champion_scored(evidence):
        short = evidence.champion[:12]
        reason = f"the model in use ({short}) wasn't scored on these cases; run `dvc repro -f validate_internal`"
        return [Check(CHAMPION, "INSUFFICIENT", None, -pooled, reason)]
    checks = _not_worse(CHAMPION, "model in use", evidence, rules, pooled=pooled, each=each)
    checks += [_fewer_misses(evidence, name, rules) for name in evidence.internal]
    names = counted_external(evidence)
    return [*checks, _not_worse_outside(evidence, names, rules)] if names else checks


def _fewer_misses(evidence: Evidence, name: str, rules: Rules) -> Check:
    rows = prompted(evidence.cases, rules.limits.skill_prompt, dataset=name)
    ours, theirs = (rows[rows["model"] == who].set_index(["group", "case_id"])["miss"] for who in (SUBJECT, CHAMPION))
    ours, theirs = ours.align(theirs, join="inner")
    more = event_excess(ours, theirs, ours.index.to_frame()["group"], rules=rules)
    what = f"{name}: share of objects missed, student minus model in use, {span(more)}"
    return below(f"misses_champion:{name}", more, rules.limits.champion_margin_miss_rate, what=what, rules=rules)


def _not_worse_outside(evidence: Evidence, names: list[str], rules: Rules) -> Check:
    """The same over all external datasets that count, at the margin of the internal ones together."""
    margin = -rules.limits.champion_margin_dice
    if not _scored(evidence.external_cases, evidence.champion):
        reason = "the model in use wasn't scored on the external cases; run `dvc repro -f validate_external`"
        return Check("champion_external", "INSUFFICIENT", None, margin, reason)
    rows = prompted(evidence.external_cases, rules.limits.skill_prompt)
    found = compare(rows[rows["dataset"].isin(names)], SUBJECT, CHAMPION, bootstrap=rules.bootstrap)
    what = f"{', '.join(names)}, each weighing the same: student minus model in use, Dice {span(found)}"
    return above("champion_external", found, margin, what=what, rules=rules)


def champion_scored(evidence: Evidence) -> bool:
    """Whether another model is in use, and the cases hold it: it, and not one that was in use before."""
    return evidence.champion not in (None, evidence.description.digest) and _scored(evidence.cases, evidence.champion)


def _scored(cases: pd.DataFrame, champion: str | None) -> bool:
    digests = cases.loc[cases["model"] == CHAMPION, "model_digest"]
    return len(digests) > 0 and bool((digests == champion).all())


def _not_worse(who: str, called: str, evidence: Evidence, rules: Rules, *, pooled: float, each: float) -> list[Check]:
    prompt = rules.limits.skill_prompt
    checks = []
    for name in (None, *evidence.internal):
        found = compare(prompted(evidence.cases, prompt, dataset=name), SUBJECT, who, bootstrap=rules.bootstrap)
        where = "all internal datasets, each weighing the same" if name is None else name
        what = f"{where}: student minus {called}, Dice {span(found)} with {prompt}"
        check = who if name is None else f"{who}:{name}"
        checks.append(above(check, found, -pooled if name is None else -each, what=what, rules=rules))
    return checks
