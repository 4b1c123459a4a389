"""A validation's results to what people read: `report.md`, the table on the console, and the folder that holds all.

The report says first, for each dataset, whether the student beats the ellipse in the box, then how well everybody
does, what was missed, on how many cases, and what none of it shows. Leaves out: any verdict
(components/release/gate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.table import Table

from components.artefacts import replacing_folder, write_json, write_text
from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.summary import SUBJECT, interval_key
from components.evaluation.reporting.figures import (
    PROMPT_WORDS,
    case_figure,
    interval_figure,
    marked_dataset,
    marked_model,
    write_figure,
)
from components.evaluation.reporting.prompt_sections import prompt_sections
from components.evaluation.validate import ValidationResult
from components.types import Role

METRICS, CASES, REPORT, FIGURES = "metrics.json", "cases.parquet", "report.md", "figures"
CASE_PROMPTS = ("box_jitter", "box_click", "box", "click")
RESEARCH = "Research software: not a medical device, and not for diagnosis or treatment."
PHANTOM_MEANS = "Whatever rests on phantoms shows that the machinery works; it says nothing about patients."
MAXIM = "A model that doesn't beat the ellipse has learned nothing beyond the box that it was given."


def write_validation(folder: Path, result: ValidationResult, *, role: Role, figure_cases: int) -> None:
    """Write a validation's folder in one piece: metrics.json, cases.parquet, report.md and figures/*.png.

    `figure_cases` is how many best, median and worst cases of each dataset are shown.
    """
    with replacing_folder(folder) as beside:
        write_json(beside / METRICS, result.metrics)
        pq.write_table(pa.Table.from_pandas(result.cases, preserve_index=False), beside / CASES)
        figures = beside / FIGURES
        figures.mkdir()
        if result.metrics["datasets"]:
            write_figure(interval_figure(result.metrics), figures / "intervals.png")
        shown: dict[str, str] = {}
        for name, dataset in result.metrics["datasets"].items():
            prompt = next((kind for kind in CASE_PROMPTS if kind in dataset["prompts"]), None)
            if prompt is not None:
                shown[name] = f"{FIGURES}/cases_{name}.png"
                figure = case_figure(
                    result.cases, result.records, result.metrics, dataset=name, prompt=prompt, count=figure_cases
                )
                write_figure(figure, beside / shown[name])
        write_text(beside / REPORT, report_text(result.metrics, role=role, case_figures=shown))


def report_text(metrics: Mapping[str, Any], *, role: Role, case_figures: Mapping[str, str]) -> str:
    """The report as Markdown; `case_figures` names the picture of each dataset's cases."""
    parts = [f"# {role.capitalize()} validation of {metrics['model']['name']} ({metrics['model']['digest'][:12]})"]
    if metrics["phantom"]:
        parts.append(f"**PHANTOM.** {phantom_words(metrics)} {PHANTOM_MEANS}")
    if said := exposure_words(metrics):
        parts.append(f"**{said}**")
    if not metrics["datasets"]:
        parts += [f"There is no {role} dataset with test images: nothing was validated, and nothing follows.", RESEARCH]
        return "\n\n".join(parts) + "\n"
    parts += ["## Does it beat the ellipse?", _ellipse_section(metrics)]
    parts += ["## Results", _results_section(metrics)]
    parts += ["## Misses", _misses_section(metrics)]
    parts += prompt_sections(metrics, interval=_interval)
    parts += ["## Subgroups", _subgroups_section(metrics)]
    parts += ["## Against the others", _others_section(metrics)]
    parts += ["## On what", _on_what_section(metrics)]
    parts += [f"![The {name} cases]({path})" for name, path in case_figures.items()]
    parts += ["## What this doesn't show", _limits_section(metrics, role=role), RESEARCH]
    return "\n\n".join(parts) + "\n"


def phantom_words(metrics: Mapping[str, Any]) -> str:
    """Which images are phantoms, and whether the student was trained on any, in sentences; empty if neither."""
    made = [name for name, dataset in metrics["datasets"].items() if dataset["phantom"]]
    real = [name for name in metrics["datasets"] if name not in made]
    said = []
    if made and real:
        said.append(f"Images of {', '.join(made)} are made by a generator; those of {', '.join(real)} aren't.")
    elif made:
        said.append("All images here are made by a generator.")
    elif real and metrics["model"]["phantom"]:
        said.append("The images here aren't made by a generator.")
    if metrics["model"]["phantom"]:
        said.append("The student was trained on images that are.")
    return " ".join(said)


def exposure_words(metrics: Mapping[str, Any]) -> str:
    """Which external datasets don't count as external, and why, in sentences; empty if all do."""
    return " ".join(
        f"{name}: not counted as external: exposure {_seen(dataset['exposure'][SUBJECT])}; {dataset['exposure_basis']}."
        for name, dataset in metrics["datasets"].items()
        if not dataset.get("counts_as_external", True)
    )


def _seen(exposure: str) -> str:
    return "unknown" if exposure == "unknown" else "known, the model has seen it"


def _ellipse_section(metrics: Mapping[str, Any]) -> str:
    lines = []
    for name, kind, dataset in _each_prompt(metrics):
        difference = dataset["differences"][kind].get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
        if difference is None:
            continue
        words = beats_words(difference, metrics["confidence"])
        span = _interval(difference, metrics["confidence"], signed=True)
        student = marked_model(metrics, SUBJECT)
        lines.append(f"- **{marked_dataset(metrics, name)}**, {_prompt(kind)}: the {student} {words}: Dice {span}.")
    if not lines:
        return "No prompt here has a box, so there is no ellipse to beat."
    return MAXIM + " The difference of their Dice, student minus ellipse, on the same cases:\n\n" + "\n".join(lines)


def beats_words(difference: Mapping[str, Any], confidence: float) -> str:
    """What a paired difference of Dice against the ellipse says, in words."""
    low, high = difference[interval_key(confidence)]
    if low is None or high is None:
        return "can't be judged against the ellipse (fewer than two groups)"
    if not difference["sufficient"]:
        return f"can't be judged against the ellipse (INSUFFICIENT: {difference['groups']} groups)"
    if low > 0:
        return "beats the ellipse"
    return "is worse than the ellipse" if high < 0 else "isn't shown to beat the ellipse"


def _results_section(metrics: Mapping[str, Any]) -> str:
    confidence = metrics["confidence"]
    head = ["dataset", "prompt", "model", "Dice", "skill", "IoU", "NSD", "HD95 px", "HD px", "area error", "n"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, kind, dataset in _each_prompt(metrics):
        for who, by_metric in dataset["prompts"][kind].items():
            spans = [
                _interval(by_metric[metric], confidence, decimals=decimals)
                for metric, decimals in (("dice", 3), ("iou", 3), ("nsd", 3), ("hd95", 1), ("hd", 1), ("area_error", 3))
            ]
            spans.insert(1, _interval(by_metric["skill"], confidence) if "skill" in by_metric else "–")
            row = [marked_dataset(metrics, name), _prompt(kind), marked_model(metrics, who)]
            lines.append(_line([*row, *spans, str(by_metric["dice"]["n"])]))
    note = (
        f"Means with {100 * confidence:g} % intervals (bootstrap over groups: patients, videos or scenes; every group "
        "weighs the same), at native resolution. Skill is the share of the distance from the ellipse's mean Dice to a "
        "perfect 1 that is gained: the ellipse has 0. A missed object counts with Dice 0 and a distance of the image's "
        "diagonal. Area error is the difference of areas over the larger one. NSD is the share of both outlines within "
        f"{metrics['nsd_tolerance']['px']:g} px of the other."
    )
    millimetres = [
        f"- {marked_dataset(metrics, name)}, {_prompt(kind)}, {marked_model(metrics, who)}: "
        f"HD95 {_interval(by_metric['hd95_mm'], confidence, decimals=2)} mm, "
        f"NSD at {metrics['nsd_tolerance']['mm']:g} mm {_interval(by_metric['nsd_mm'], confidence)} "
        f"(n = {by_metric['hd95_mm']['n']} with known spacing)"
        for name, kind, dataset in _each_prompt(metrics)
        for who, by_metric in dataset["prompts"][kind].items()
        if "hd95_mm" in by_metric
    ]
    tail = ["In millimetres, where the source states the spacing:\n" + "\n".join(millimetres)] if millimetres else []
    return "\n\n".join([note, "\n".join(lines), *tail, f"![Intervals]({FIGURES}/intervals.png)"])


def _misses_section(metrics: Mapping[str, Any]) -> str:
    lines = [_line(["dataset", "prompt", "model", "missed", "share"]), _line(["---"] * 5)]
    for name, kind, dataset in _each_prompt(metrics):
        for who, by_metric in dataset["prompts"][kind].items():
            missed = by_metric["miss_rate"]
            row = [marked_dataset(metrics, name), _prompt(kind), marked_model(metrics, who)]
            lines.append(_line([*row, f"{missed['count']} of {missed['n']}", _share(missed)]))
    told = ["A miss is an object of which the prediction covers not one pixel.", "\n".join(lines)]
    stood_in = [
        f"- {marked_dataset(metrics, name)}, {_prompt(kind)}, {who}: {found['count']} of {found['n']}"
        for name, kind, dataset in _each_prompt(metrics)
        for who, by_metric in dataset["prompts"][kind].items()
        if (found := by_metric.get("fallback_rate")) and found["count"]
    ]
    if stood_in:
        told.append("Where a baseline had nothing to go by, and the ellipse stood in:\n" + "\n".join(stood_in))
    return "\n\n".join(told)


def _subgroups_section(metrics: Mapping[str, Any]) -> str:
    lines = [_line(["dataset", "prompt", "by", "the student's Dice (groups)"]), _line(["---"] * 4)]
    worst = []
    for name, kind, dataset in _each_prompt(metrics):
        found = dataset["subgroups"][kind]
        for by in dict.fromkeys(one["kind"] for one in found["each"]):
            cells = [_subgroup_cell(one) for one in found["each"] if one["kind"] == by]
            lines.append(_line([marked_dataset(metrics, name), _prompt(kind), by, "; ".join(cells)]))
        if (lowest := found["worst"]) is not None:
            worst.append(
                f"- **{marked_dataset(metrics, name)}**, {_prompt(kind)}: worst by {lowest['kind']}, {lowest['name']}."
            )
    if len(lines) == 2:
        return "No dataset here has subgroups: nothing that is known tells its objects apart."
    note = (
        "By what the truth and the image say of an object. Quarters are of each dataset's objects, by area and by "
        f"contrast to the surroundings. Subgroups of fewer than {metrics['subgroup_min_groups']} groups are too small "
        "to be called the worst. No harmonised dataset states a scanner or a site."
    )
    return "\n\n".join([note, "\n".join(lines), *(["\n".join(worst)] if worst else [])])


def _subgroup_cell(found: Mapping[str, Any]) -> str:
    mean = _mean(found["models"][SUBJECT]["dice"]) if SUBJECT in found["models"] else "–"
    return f"{found['name']} {mean} ({found['groups']}{'' if found['enough'] else ', too small'})"


def _others_section(metrics: Mapping[str, Any]) -> str:
    head = ["dataset", "prompt", "student minus", "Dice", "p", "groups where the student : the other misses more", "p"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, kind, dataset in _each_prompt(metrics):
        for pair, check in dataset["checks"][kind].items():
            misses = f"{check['groups_where_student_misses_more']} : {check['groups_where_other_misses_more']}"
            lines.append(
                _line(
                    [
                        marked_dataset(metrics, name),
                        _prompt(kind),
                        marked_model(metrics, pair.removeprefix(f"{SUBJECT}-")),
                        _interval(dataset["differences"][kind][pair]["dice"], metrics["confidence"], signed=True),
                        _p(check["signed_rank_p_holm"]),
                        misses,
                        _p(check["misses_p_holm"]),
                    ]
                )
            )
    if len(lines) == 2:
        return "Nobody else was scored."
    note = (
        "Differences on the same cases and prompts. The p values are checks beside the intervals, and decide nothing: "
        "Wilcoxon's signed ranks of the groups' mean differences, and McNemar's exact test by groups. All of this "
        "table are one family, corrected by Holm's procedure."
    )
    return note + "\n\n" + "\n".join(lines)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _share(missed: Mapping[str, Any]) -> str:
    return "–" if missed["mean"] is None else f"{100 * missed['mean']:.1f} %"


def _on_what_section(metrics: Mapping[str, Any]) -> str:
    lines = [
        f"- **{marked_dataset(metrics, name)}**: {dataset['cases']} objects in "
        f"{dataset['images']} images of {dataset['groups']} groups; {dataset['images_without_case']} more images "
        "have no object large enough for a prompt."
        for name, dataset in metrics["datasets"].items()
    ]
    undefined = sum(
        by_metric["dice"]["undefined"]
        for _, kind, dataset in _each_prompt(metrics)
        for by_metric in dataset["prompts"][kind].values()
    )
    return "\n".join([*lines, f"- Cases whose Dice is undefined: {undefined}."])


def _limits_section(metrics: Mapping[str, Any], *, role: Role) -> str:
    lines = [
        "Every prompt here is drawn from the truth; people draw other boxes and click elsewhere.",
        "An interval speaks of other images of the same sources, not of other hospitals, machines or operators.",
        "Each interval stands alone; the p values are corrected for there being several, the intervals aren't.",
        "One training with one seed was tested; another may differ by more than the intervals show.",
    ]
    if role == "internal":
        lines.append("The test images come from the same datasets as the training images.")
    if any(dataset["groups"] < 50 for dataset in metrics["datasets"].values()):
        lines.append("Some datasets have fewer than 50 groups, where bootstrap intervals tend to be too narrow.")
    return "\n".join(f"- {line}" for line in lines)


def console_table(metrics: Mapping[str, Any], *, title: str = "") -> Table:
    """The table that a run ends with: Dice of models and ellipse, what the student adds to the ellipse."""
    everybody = dict.fromkeys(who for _, kind, dataset in _each_prompt(metrics) for who in dataset["prompts"][kind])
    contenders = [who for who in everybody if who not in IN_TABLES_ONLY]
    marks = (f"PHANTOM. {phantom_words(metrics)}" if metrics["phantom"] else "", exposure_words(metrics), RESEARCH)
    caption = " ".join(mark for mark in marks if mark)
    # Widths at which 80 columns hold student, teacher and ellipse, and no digit is cut off.
    table = Table(title=title or None, caption=caption, box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("dataset", min_width=9, overflow="fold")
    table.add_column("prompt", min_width=8)
    for who in contenders:
        heading = f"{marked_model(metrics, who)} Dice".replace("-trained", "-\ntrained")
        table.add_column(heading, justify="right", min_width=9 if "(" in heading else 7)
    for heading, width in ((f"{SUBJECT} − {ELLIPSE}", 9), ("skill", 5), ("student misses", 7)):
        table.add_column(heading, justify="right", min_width=width, overflow="fold")
    for name, kind, dataset in _each_prompt(metrics):
        by_who = dataset["prompts"][kind]
        dices = [_mean(by_who[who]["dice"]) if who in by_who else "–" for who in contenders]
        difference = dataset["differences"][kind].get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
        against = "–" if difference is None else _interval(difference, metrics["confidence"], signed=True)
        ours = by_who[SUBJECT]
        table.add_row(
            marked_dataset(metrics, name),
            _prompt(kind),
            *dices,
            against.replace(" [", "\n["),
            _mean(ours["skill"]) if "skill" in ours else "–",
            f"{ours['miss_rate']['count']} of {ours['miss_rate']['n']}",
        )
    return table


def _each_prompt(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, dataset in metrics["datasets"].items():
        for kind in dataset["prompts"]:
            yield name, kind, dataset


def _prompt(kind: str) -> str:
    return PROMPT_WORDS.get(kind, kind)


def _mean(estimate: Mapping[str, Any]) -> str:
    return "–" if estimate["mean"] is None else f"{estimate['mean']:.3f}"


def _interval(estimate: Mapping[str, Any], confidence: float, *, signed: bool = False, decimals: int = 3) -> str:
    if estimate["mean"] is None:
        return "undefined"
    digits = f"{{:{'+' if signed else ''}.{decimals}f}}"
    low, high = estimate[interval_key(confidence)]
    if low is None or high is None:
        return f"{digits.format(estimate['mean'])} [no interval]"
    if not estimate["sufficient"]:
        return f"{digits.format(estimate['mean'])} [INSUFFICIENT: {estimate['groups']} groups]"
    return f"{digits.format(estimate['mean'])} [{digits.format(low)}, {digits.format(high)}]"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
