"""What was tested and what came out to tables: captions, heads, rows of cells, each number under its name.

A cell that shows a mean carries the unrounded number too, under the name that MLflow has it by
(`busi/box/student/dice`), so that the page can be held against `metrics.json`. Leaves out: tables about the release
(release_tables.py) and about trust (trust_tables.py), how a table looks (page.html.j2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.agreement import Agreement, AreaUnit, area_agreement
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.words import interval_words, marked_dataset, marked_model, prompt_words

SHOWN = (("dice", "Dice", 3), ("iou", "IoU", 3), ("nsd", "NSD", 3), ("hd95", "HD95, px", 1), ("hd", "HD, px", 1))
AREA_UNITS: tuple[AreaUnit, ...] = ("px", "mm²")
EXPOSED = {"no": "never seen", "yes": "seen before", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says; a number stands beside it unrounded, under its name; `aside` is its interval."""

    text: str
    name: str = ""
    value: float | None = None
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its head, its cells, and `mark`, the class by which it stands out (`student`, `pass`, …)."""

    head: str
    cells: Sequence[Cell]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its caption, the heads of its columns, and its rows in groups, each under a heading (may be empty)."""

    caption: str
    head: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Row]]]
    notes: Sequence[str] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether there is no row."""
        return not any(rows for _, rows in self.groups)


def estimate_cell(
    found: Mapping[str, Any] | None, results: Results, *, name: str = "", decimals: int = 3, signed: bool = False
) -> Cell:
    """An estimate with its interval; a dash where there is none."""
    if found is None:
        return Cell("–")
    text, _, aside = interval_words(found, results.confidence, signed=signed, decimals=decimals).partition(" ")
    return Cell(text, name, found["mean"], aside)


def tested_table(results: Results) -> Table:
    """Each dataset: its images, groups and objects, what they are of, and whether the model had seen such patients."""
    rows = []
    for one in results.tested:
        exposure = one.found.get("exposure")
        seen = "its training side was used" if exposure is None else EXPOSED[exposure[SUBJECT]]
        counted = "" if one.found.get("counts_as_external", True) else "; not counted as external"
        labels = sorted(set(one.cases["label"]) - {"", "None", "nan"})
        counts = [one.found[key] for key in ("images", "groups", "cases", "images_without_case")]
        cells = [
            Cell(one.role),
            *(Cell(str(count), f"{one.name}/{key}", count) for key, count in zip(COUNTED, counts, strict=True)),
            Cell(", ".join(labels) or "–"),
            Cell("made by a generator (phantom)" if one.found["phantom"] else "real scans"),
            Cell(seen + counted),
        ]
        rows.append(Row(one.name, cells))
    head = ["dataset", "role", "images", "patients, videos or scenes", "objects", "images without object"]
    head += ["what is outlined", "images are", "seen in training"]
    return Table("The datasets", head, [("", rows)])


COUNTED = ("images", "groups", "cases", "images_without_case")


def results_table(results: Results, kind: str) -> Table:
    """Everybody's means at one kind of prompt, by dataset, and what the student has over each."""
    words = [word for _, word, _ in SHOWN]
    head = ["model", words[0], "skill", "student minus it, Dice", "missed", *words[1:], "area error"]
    groups = []
    for one in results.tested:
        if kind not in one.found["prompts"]:
            continue
        differences = one.found["differences"][kind]
        rows = [
            _result_row(one, results, kind, who, by_metric, differences)
            for who, by_metric in one.found["prompts"][kind].items()
        ]
        groups.append((f"{marked_dataset(one.metrics, one.name)} ({one.role})", rows))
    return Table(f"Results, {prompt_words(kind)}", head, groups)


def _result_row(
    one: Tested, results: Results, kind: str, who: str, by_metric: Mapping[str, Any], differences: Mapping[str, Any]
) -> Row:
    path = f"{one.name}/{kind}/{who}"
    first, *others = (
        estimate_cell(by_metric[metric], results, name=f"{path}/{metric}", decimals=decimals)
        for metric, _, decimals in SHOWN
    )
    skill, area = (estimate_cell(by_metric.get(key), results, name=f"{path}/{key}") for key in ("skill", "area_error"))
    missed, pair = by_metric["miss_rate"], f"{SUBJECT}-{who}"
    over = differences.get(pair, {}).get("dice")
    cells = [
        first,
        skill,
        estimate_cell(over, results, name=f"{one.name}/{kind}/{pair}/dice", signed=True),
        Cell(f"{missed['count']} of {missed['n']}", f"{path}/miss_rate", missed["mean"]),
        *others,
        area,
    ]
    mark = "student" if who == SUBJECT else "yardstick" if who == ELLIPSE else ""
    return Row(marked_model(one.metrics, who), cells, mark)


def false_region_table(results: Results) -> Table:
    """Who answered boxes in which there is nothing."""
    groups = [
        (
            marked_dataset(one.metrics, one.name),
            [
                Row(
                    marked_model(one.metrics, who),
                    [
                        Cell(f"{found['count']} of {found['n']}"),
                        estimate_cell(found, results, name=f"{one.name}/box_nothing/{who}/false_region_rate"),
                    ],
                    "student" if who == SUBJECT else "",
                )
                for who, found in one.found.get("false_regions", {}).items()
            ],
        )
        for one in results.tested
        if one.found.get("false_regions")
    ]
    return Table("Boxes where there is nothing", ["model", "answered with a region", "share"], groups)


def agreement_table(found: Sequence[tuple[Tested, Agreement]]) -> Table:
    """The mean difference of areas and its limits, by dataset."""
    rows = [
        Row(
            marked_dataset(one.metrics, one.name),
            [
                Cell(str(agreement.means.size)),
                *(
                    Cell(
                        f"{value:+,.1f}".replace(",", " "),
                        f"{one.name}/area_{agreement.unit.replace('²', '2')}/{name}",
                        value,
                    )
                    for name, value in (("bias", agreement.bias), ("low", agreement.low), ("high", agreement.high))
                ),
            ],
        )
        for one, agreement in found
    ]
    unit = found[0][1].unit
    head = ["dataset", "objects", f"mean difference, {unit}", f"lower limit, {unit}", f"upper limit, {unit}"]
    return Table(f"Predicted minus true area, in {unit}", head, [("", rows)])


def area_means(results: Results, asked: str) -> dict[str, float]:
    """The numbers of the agreement of areas under their names, for the tracking run."""
    found = [agreements(results, asked, unit) for unit in AREA_UNITS]
    rows = [row for one in found if one for _, group in agreement_table(one).groups for row in group]
    return {cell.name: cell.value for row in rows for cell in row.cells if cell.value is not None}


def agreements(results: Results, asked: str, unit: AreaUnit) -> list[tuple[Tested, Agreement]]:
    """How far the student's areas agree with the true ones, for each dataset with enough cases in that unit."""
    found = []
    for one in results.tested:
        rows = one.cases[(one.cases["model"] == SUBJECT) & (one.cases["prompt"] == main_prompt(one, asked))]
        if (agreement := area_agreement(rows, unit)) is not None:
            found.append((one, agreement))
    return found
