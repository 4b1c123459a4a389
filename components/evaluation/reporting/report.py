"""A validation's results to its folder: `metrics.json`, `cases.parquet`, `report.md` and figures.

The report says first, for each dataset, whether the student beats the ellipse in the box, then how well everybody
does, what was missed, on how many cases, and what none of it shows. Leaves out: any verdict
(components/release/gate.py), and the page over a whole run (page.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artefacts import replacing_folder, write_json, write_text
from components.evaluation.reporting.figures import case_figure, interval_figure, write_figure
from components.evaluation.reporting.plots import plot_tables
from components.evaluation.reporting.prompt_sections import prompt_sections
from components.evaluation.reporting.sections import (
    confidence_section,
    ellipse_section,
    guard_section,
    misses_section,
    on_what_section,
    others_section,
    results_section,
    simpler_section,
    subgroups_section,
)
from components.evaluation.reporting.words import (
    CASES,
    METRICS,
    PHANTOM_MEANS,
    RESEARCH,
    exposure_words,
    limits,
    phantom_words,
)
from components.evaluation.validate import ValidationResult
from components.types import Role

REPORT, FIGURES, PLOTS = "report.md", "figures", "plots"
CASE_PROMPTS = ("box_jitter", "box_click", "box", "click")


def write_validation(folder: Path, result: ValidationResult, *, role: Role, figure_cases: int) -> None:
    """Write a validation's folder in one piece: metrics.json, cases.parquet, report.md, figures/*.png, plots/*.json.

    `figure_cases` is how many best, median and worst cases of each dataset are shown.
    """
    with replacing_folder(folder) as beside:
        write_json(beside / METRICS, result.metrics)
        result.scored.save(beside / CASES)
        for name, rows in plot_tables(result.metrics).items():
            write_json(beside / PLOTS / name, rows)
        figures = beside / FIGURES
        figures.mkdir()
        if result.metrics["datasets"]:
            write_figure(interval_figure(result.metrics), figures / "intervals.png")
        shown: dict[str, str] = {}
        for name, dataset in result.metrics["datasets"].items():
            asked = dataset["prompts"]
            prompt = next((kind for kind in (*CASE_PROMPTS, *asked) if kind in asked), None)
            if prompt is not None:
                shown[name] = f"{FIGURES}/cases_{name}.png"
                figure = case_figure(
                    result.scored, result.records, result.metrics, dataset=name, prompt=prompt, count=figure_cases
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
    parts += ["## Does it beat the ellipse?", ellipse_section(metrics)]
    if simpler := simpler_section(metrics):
        parts += ["## Does it beat the U-Net and GrabCut?", simpler]
    parts += ["## Results", results_section(metrics)]
    parts += ["## Misses", misses_section(metrics)]
    parts += prompt_sections(metrics)
    if confident := confidence_section(metrics):
        parts += ["## Does it know when it is wrong?", confident]
    if guarded := guard_section(metrics):
        parts += ["## Is it ultrasound at all?", guarded]
    parts += ["## Subgroups", subgroups_section(metrics)]
    parts += ["## Against the others", others_section(metrics)]
    parts += ["## On what", on_what_section(metrics)]
    parts += [f"![The {name} cases]({path})" for name, path in case_figures.items()]
    parts += ["## What this doesn't show", "\n".join(f"- {line}" for line in limits(metrics, role=role)), RESEARCH]
    return "\n\n".join(parts) + "\n"
