"""`metrics.json` to the table on the console that a run ends with: short enough for a screen of 80 columns.

It shows the prompt that the gate judges by, the exact box and the click, a line each, and as many contenders as the
width holds: student, model in use and ellipse first. What it doesn't show it names. Leaves out: all that `report.md`
and the page say beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.names import CHAMPION, SUBJECT
from components.evaluation.reporting.words import (
    RESEARCH,
    each_prompt,
    exposure_words,
    interval_words,
    marked_dataset,
    marked_model,
    mean_words,
    phantom_words,
    prompt_words,
)

SHOWN = ("box", "click")
"""Kinds of prompt that stand in the table besides the one that the gate judges by."""
FIRST = (SUBJECT, CHAMPION, ELLIPSE)
"""Who has a column even where not all fit."""
DATASET, DIFFERENCE, MISSES, SKILL = 9, 23, 7, 5
"""Least widths: of `(phantom)`, `+0.065 [+0.048, +0.082]`, `student` and a skill."""


def console_table(metrics: Mapping[str, Any], *, title: str = "", prompt: str = "box_jitter", width: int = 80) -> Table:
    """The table that a run ends with: Dice of models and ellipse, and what the student adds to the ellipse.

    `prompt` is the kind of prompt that the gate judges by, `width` that of the console.
    """
    asked = list(dict.fromkeys(kind for _, kind, _ in each_prompt(metrics)))
    kinds = [kind for kind in dict.fromkeys((prompt, *SHOWN)) if kind in asked] or asked[:1]
    everybody = dict.fromkeys(
        who for _, kind, dataset in each_prompt(metrics) if kind in kinds for who in dataset["prompts"][kind]
    )
    ranked = sorted((who for who in everybody if who not in IN_TABLES_ONLY), key=_place)
    headings = {who: _heading(metrics, who) for who in ranked}
    told = max((len(prompt_words(kind)) for kind in kinds), default=0)
    free = width - (DATASET + 1 + told + 1 + DIFFERENCE + 1 + MISSES)
    shown = _fitting(ranked, headings, free)
    skilled = free - sum(_width(headings[who]) + 1 for who in shown) >= SKILL + 1
    table = Table(
        title=title or None,
        caption=_caption(metrics, [who for who in ranked if who not in shown], len(asked) - len(kinds)),
        box=SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    table.add_column("dataset", min_width=DATASET, overflow="fold")
    table.add_column("prompt", min_width=told)
    for who in shown:
        table.add_column(headings[who], justify="right", min_width=_width(headings[who]))
    table.add_column(f"{SUBJECT} − {ELLIPSE}", justify="right", min_width=DIFFERENCE, overflow="fold")
    if skilled:
        table.add_column("skill", justify="right", min_width=SKILL)
    table.add_column(f"{SUBJECT}\nmissed", justify="right", min_width=MISSES, overflow="fold")
    for name, dataset in metrics["datasets"].items():
        own = [kind for kind in kinds if kind in dataset["prompts"]]
        names = _name_by_row(marked_dataset(metrics, name), len(own))
        for cell, kind in zip(names, own, strict=True):
            table.add_row(cell, prompt_words(kind), *_cells(metrics, dataset, kind, shown, skilled))
    return table


def _place(who: str) -> int:
    """The student's column is the first, the ellipse's the last; the model in use stands beside the student."""
    return {SUBJECT: 0, CHAMPION: 1, ELLIPSE: 3}.get(who, 2)


def _heading(metrics: Mapping[str, Any], who: str) -> str:
    return marked_model(metrics, who).replace(" (phantom-trained)", "\nphantom-\ntrained") + "\nDice"


def _width(heading: str) -> int:
    return max(7, *map(len, heading.split()))


def _fitting(ranked: Sequence[str], headings: Mapping[str, str], free: int) -> list[str]:
    """As many contenders as fit into the width that is free, and those of FIRST always."""
    shown = [who for who in ranked if who in FIRST]
    for who in ranked:
        if who not in shown and sum(_width(headings[one]) + 1 for one in (*shown, who)) <= free:
            shown.append(who)
    return sorted(shown, key=_place)


def _caption(metrics: Mapping[str, Any], others: Sequence[str], kinds: int) -> str:
    left = [*others, *([f"{kinds} more {'kind' if kinds == 1 else 'kinds'} of prompt"] if kinds else [])]
    marks = (
        f"PHANTOM. {phantom_words(metrics)}" if metrics["phantom"] else "",
        exposure_words(metrics),
        f"In report.md: {', '.join(left)}." if left else "",
        RESEARCH,
    )
    return " ".join(mark for mark in marks if mark)


def _name_by_row(name: str, rows: int) -> list[str]:
    """A dataset's name and its mark over the rows of its prompts; in one where there is but one."""
    parts = name.split(" ", 1) if rows > 1 else [name]
    return (parts + [""] * rows)[:rows]


def _cells(
    metrics: Mapping[str, Any],
    dataset: Mapping[str, Any],
    kind: str,
    shown: Sequence[str],
    skilled: bool,
) -> list[str]:
    """One row but for its names."""
    by_who = dataset["prompts"][kind]
    dices = [mean_words(by_who[who]["dice"]) if who in by_who else "–" for who in shown]
    difference = dataset["differences"][kind].get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
    against = "–" if difference is None else interval_words(difference, metrics["confidence"], signed=True)
    ours = by_who[SUBJECT]
    skill = mean_words(ours["skill"]) if "skill" in ours else "–"
    missed = f"{ours['miss_rate']['count']}/{ours['miss_rate']['n']}"
    if difference is not None and not difference["sufficient"]:
        against = f"{difference['mean']:+.3f} INSUFFICIENT"  # How many groups there are would take a second line.
    return [*dices, against, *([skill] if skilled else []), missed]
