"""`metrics.json` to the table on the console that a run ends with.

Leaves out: all that `report.md` and the page say beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.names import SUBJECT
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


def console_table(metrics: Mapping[str, Any], *, title: str = "") -> Table:
    """The table that a run ends with: Dice of models and ellipse, what the student adds to the ellipse."""
    everybody = dict.fromkeys(who for _, kind, dataset in each_prompt(metrics) for who in dataset["prompts"][kind])
    contenders = [who for who in everybody if who not in IN_TABLES_ONLY]
    marks = (f"PHANTOM. {phantom_words(metrics)}" if metrics["phantom"] else "", exposure_words(metrics), RESEARCH)
    caption = " ".join(mark for mark in marks if mark)
    # Widths at which 80 columns hold student, teacher, U-Net and ellipse, and no digit is cut off.
    table = Table(title=title or None, caption=caption, box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("dataset", min_width=9, overflow="fold")
    table.add_column("prompt", min_width=8)
    for who in contenders:
        heading = f"{marked_model(metrics, who)} Dice".replace(" (phantom-trained) ", "\nphantom-\ntrained\n")
        table.add_column(heading, justify="right", min_width=max(7, *map(len, heading.split())))
    for heading, width in ((f"{SUBJECT} −\n{ELLIPSE}", 9), ("skill", 5), (f"{SUBJECT}\nmisses", 7)):
        table.add_column(heading, justify="right", min_width=width, overflow="fold")
    for name, kind, dataset in each_prompt(metrics):
        by_who = dataset["prompts"][kind]
        dices = [mean_words(by_who[who]["dice"]) if who in by_who else "–" for who in contenders]
        difference = dataset["differences"][kind].get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
        against = "–" if difference is None else interval_words(difference, metrics["confidence"], signed=True)
        ours = by_who[SUBJECT]
        table.add_row(
            marked_dataset(metrics, name),
            prompt_words(kind),
            *dices,
            against.replace(" [", "\n["),
            mean_words(ours["skill"]) if "skill" in ours else "–",
            f"{ours['miss_rate']['count']} of {ours['miss_rate']['n']}",
        )
    return table
