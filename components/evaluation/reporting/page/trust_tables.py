"""How far a model can be relied on to tables: its own confidence, the guard, subgroups, other seeds.

Leaves out: results (tables.py), the release (release_tables.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.seeds import POOLED
from components.evaluation.reporting.page.results import Results, main_prompt
from components.evaluation.reporting.page.tables import Cell, Row, Table, estimate_cell
from components.evaluation.reporting.words import DRAWN, GUARD_TRIED, marked_dataset, marked_model, prompt_words

GUARD_HEAD = ("pictures", "how many", "flagged")
SEED_COLUMNS = (("mean", ".3f"), ("sd", ".3f"), ("min", ".3f"), ("max", ".3f"), ("candidate_minus_mean", "+.3f"))


def confidence_table(results: Results, asked: str, *, strictly: bool = False) -> Table:
    """How well what each model states of its quality holds, and what warning by it does, by dataset.

    It is told by the kind of prompt that is asked for; a dataset without it is told by its first, unless `strictly`.
    """
    groups = []
    for one in results.tested:
        kind = asked if strictly else main_prompt(one, asked)
        by_who = one.found.get("confidence", {}).get(kind, {})
        rows = [
            Row(
                marked_model(one.metrics, who),
                [
                    Cell(str(found["n"])),
                    *(
                        estimate_cell(found.get(key), results, name=f"{one.name}/{kind}/{who}/{key}")
                        for key in ("ece", "ece_raw", "aurc", "abstained", "dice_kept")
                    ),
                ],
                "student" if who == SUBJECT else "",
            )
            for who, found in by_who.items()
        ]
        if rows:
            groups.append((marked_dataset(one.metrics, one.name), rows))
    head = [
        "model",
        "cases",
        "calibration error (ECE)",
        "before calibration",
        "area under risk and coverage",
        "share with a warning",
        "Dice of the rest",
    ]
    return Table(f"The model's own confidence, {prompt_words(asked)}", head, groups)


def guard_table(results: Results) -> Table:
    """Whether pictures that aren't ultrasound are noticed, and how often real ones are taken for such."""
    guards = [metrics["guard"] for metrics in results.metrics.values() if "guard" in metrics]
    if not guards:
        return Table("What the guard flags", GUARD_HEAD, [])
    # Every validation tries the same pictures.
    caught = [
        Row(
            DRAWN.get(one["kind"], one["kind"].replace("_", " ")),
            [Cell(str(one["n"])), Cell(f"{one['flagged']} of {one['n']}", value=one["flagged"])],
        )
        for one in guards[0]["not_ultrasound"]
    ]
    alarms = [
        Row(name, [Cell(str(found["n"])), estimate_cell(found, results, name=f"guard/false_alarms/{name}")])
        for guard in guards
        for name, found in guard["false_alarms"].items()
    ]
    notes = [f"An image is flagged where its distance from what the model knows exceeds {guards[0]['threshold']:.4g}."]
    notes.append(GUARD_TRIED)
    groups = [("drawn pictures that aren't ultrasound", caught), ("test images that were flagged", alarms)]
    return Table("What the guard flags", GUARD_HEAD, groups, notes)


def subgroup_table(results: Results, asked: str) -> Table:
    """The student's means by subgroup, and the worst of each dataset."""
    groups = []
    for one in results.tested:
        kind = main_prompt(one, asked)
        found = one.found["subgroups"].get(kind, {"each": [], "worst": None})
        rows = [
            _subgroup_row(results, f"{one.name}/{kind}", each, worst=found["worst"])
            for each in found["each"]
            if SUBJECT in each["models"]
        ]
        if rows:
            groups.append((marked_dataset(one.metrics, one.name), rows))
    return Table("The student by subgroup", ["subgroup", "objects", "groups", "Dice", "NSD", "missed"], groups)


def _subgroup_row(results: Results, path: str, each: Mapping[str, Any], *, worst: Mapping[str, Any] | None) -> Row:
    is_worst = worst == {"kind": each["kind"], "name": each["name"]}
    ours, where = each["models"][SUBJECT], f"{path}/{SUBJECT}/{each['kind']}={each['name']}"
    words = " (the worst)" if is_worst else "" if each["enough"] else " (too small to be judged)"
    cells = [
        Cell(str(each["cases"])),
        Cell(str(each["groups"])),
        *(estimate_cell(ours[key], results, name=f"{where}/{key}") for key in ("dice", "nsd", "miss_rate")),
    ]
    return Row(f"{each['kind']}: {each['name']}{words}", cells, "worst" if is_worst else "")


def seed_table(results: Results, asked: str) -> Table:
    """How far the same training with other seeds comes out, by dataset; no row where one seed was trained."""
    groups = []
    for role, metrics in results.metrics.items():
        if seeds := metrics.get("seeds"):
            rows = [_seed_row(name, by_kind, asked) for name, by_kind in seeds["spread"].items()]
            groups.append((f"{role}; the candidate is seed {seeds['candidate_seed']}", rows))
    head = ["dataset", "other seeds", "mean Dice", "standard deviation", "least", "greatest", "candidate minus mean"]
    return Table("The same training with other seeds", head, groups)


def _seed_row(name: str, by_kind: Mapping[str, Any], asked: str) -> Row:
    kind = asked if asked in by_kind else next(iter(by_kind))
    found = by_kind[kind]
    # Both validations pool their datasets under one name.
    path = "" if name == POOLED else f"seeds/{name}/{kind}/"
    cells = [
        Cell("–") if found[key] is None else Cell(f"{found[key]:{form}}", path and path + key, found[key])
        for key, form in SEED_COLUMNS
    ]
    return Row(f"{name}, {prompt_words(kind)}", [Cell(str(found["n"])), *cells])
