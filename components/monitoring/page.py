"""A report on served traffic to one HTML file that stands alone, in the style of the report on a run.

No address outside, no script. Leaves out: what is judged (report.py), how marks are drawn
(components/evaluation/reporting/page/drawing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import components.evaluation.reporting.page as run_page
from components.evaluation.reporting.page.drawing import Axis, Canvas, Panel, Style, numbered, swatch
from components.evaluation.reporting.words import RESEARCH
from components.marking import visible
from components.monitoring.drift import AGAINST_WORDS, Finding
from components.monitoring.report import Report, told_numbers
from components.monitoring.watched import SIGNALS, STRATUM_WORDS, Signal
from components.promptable.signals import Row

HERE = Path(__file__).parent
TEMPLATE = "page.html.j2"
STYLE = Path(run_page.__file__).parent / "page.css"
CLASSES = {"STEADY": "pass", "DRIFT": "fail", "INSUFFICIENT": "insufficient"}
MEANS = {
    "STEADY": "Nothing that is watched has changed beyond chance. That says nothing about single outlines.",
    "DRIFT": "The traffic isn't what it was. That is an early warning, no verdict on the model: look at what has "
    "changed, and at outlines, before anything is decided.",
    "INSUFFICIENT": "Too little traffic to tell: neither a good sign nor a bad one.",
}
BUILT_ON, SERVED, DRIFTED = Style("c-ellipse", "up"), Style("c-student", "circle"), Style("c-unet", "diamond")
BAND = (0.1, 0.9)
TOLD_WORDS = {
    "flagged_share": "images that the guard flagged",
    "median_megapixels": "size of an image, megapixels (median)",
    "empty_share": "outlines that are empty",
    "corrected_share": "prompts that correct an outline",
    "median_latency_ms": "time for an outline, ms (median)",
    "accepted_share": "outlines accepted as they were",
    "rejected_share": "outlines rejected",
    "median_edit": "edit distance (median)",
}


def page_html(report: Report) -> str:
    """The page: a function of the report alone."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    newest = report.newest
    return environment.get_template(TEMPLATE).render(
        style=Markup(STYLE.read_text(encoding="utf-8")),
        research=RESEARCH,
        report=report,
        newest=newest,
        classes=CLASSES,
        means=MEANS[newest.verdict],
        against=AGAINST_WORDS,
        groups=_groups(newest.findings),
        windows=[(one, dict(report.traffic.rows.get(one.window, {}))) for one in reversed(report.judgements)],
        panels=pictures(report),
        legend=[
            (swatch(BUILT_ON), "what the model was built on (validation side)"),
            (swatch(SERVED), "a window of traffic"),
            (swatch(DRIFTED), "a window in which this signal drifted"),
        ],
        told=[(TOLD_WORDS[name], _told(name, value)) for name, value in told_numbers(report, newest.window).items()],
    )


def _groups(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings by what their rows are of; those that drifted first, then by effect."""
    rank = {"DRIFT": 0, "STEADY": 1, "INSUFFICIENT": 2}
    ordered = sorted(findings, key=lambda one: (rank[one.verdict], -(one.effect or 0)))
    return [
        (words, found)
        for stratum, words in STRATUM_WORDS.items()
        if (found := [one for one in ordered if one.signal.stratum == stratum])
    ]


def _told(name: str, value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{value:.0%}" if name.endswith("_share") else f"{value:.3g}"


def pictures(report: Report) -> list[Panel]:
    """A panel for each signal of a single number, by window; those that drifted in the newest window come first."""
    drifted = [one.signal.name for one in report.newest.drifted]
    names = sorted(SIGNALS, key=lambda one: drifted.index(one.name) if one.name in drifted else len(drifted))
    return [panel for signal in names if len(signal.columns) == 1 and (panel := _panel(report, signal)) is not None]


def _panel(report: Report, signal: Signal) -> Panel | None:
    """Median and middle four fifths of a signal (share of `yes` or of the first word), by window."""
    built_on = () if report.validation is None or not signal.built_on else report.validation.get(signal.stratum, ())
    word = _word(report, signal)
    spans = [("built on", _span(signal, built_on, word), BUILT_ON)] if _span(signal, built_on, word) else []
    for one in report.judgements:
        rows = report.traffic.units.get(one.window, {}).get(signal.stratum, ())
        if (span := _span(signal, rows, word)) is not None:
            style = DRIFTED if any(found.signal == signal for found in one.drifted) else SERVED
            spans.append((one.window.start.strftime("%d %b"), span, style))
    values = [value for _, span, _ in spans if span for value in span]
    if not any(style is not BUILT_ON for _, _, style in spans):
        return None
    label = f"share of {word}" if signal.test == "words" else "median, 10 to 90 %"
    every = max(1, -(-len(spans) // 5))
    ticks = tuple((float(place), name) for place, (name, _, _) in enumerate(spans) if place % every == 0)
    canvas = Canvas(
        Axis("", -0.5, len(spans) - 0.5, ticks), numbered(label, min(values), max(values), count=4), height=170, left=54
    )
    for place, (name, span, style) in enumerate(spans):
        if span is not None:
            low, middle, high = span
            if high > low:
                canvas.line([(place, low), (place, high)], style.colour, kind="span")
            canvas.mark(place, middle, style, words=f"{name}: {middle:.3g} ({low:.3g} to {high:.3g})")
    words = "; ".join(f"{name} {span[1]:.3g}" for name, span, _ in spans if span)
    return canvas.finished(signal.words, words=f"{signal.words}: {words}")


def _word(report: Report, signal: Signal) -> str:
    """The word whose share is drawn: `yes`, or the most frequent one of the newest window's."""
    rows = report.traffic.units.get(report.newest.window, {}).get(signal.stratum, ())
    found = [str(row[signal.columns[0]]) for row in rows if isinstance(row.get(signal.columns[0]), str)]
    return "yes" if not found or set(found) <= {"yes", "no"} else max(sorted(set(found)), key=found.count)


def _span(signal: Signal, rows: Sequence[Row], word: str) -> tuple[float, float, float] | None:
    """Low, middle and high of a signal in rows; of words thrice the share."""
    values: list[Any] = [row.get(signal.columns[0]) for row in rows]
    if signal.test == "words":
        said = [value for value in values if isinstance(value, str)]
        share = said.count(word) / len(said) if said else 0.0
        return (share, share, share) if said else None
    known = [float(value) for value in values if isinstance(value, int | float)]
    if not known:
        return None
    low, middle, high = np.quantile(known, [BAND[0], 0.5, BAND[1]]).tolist()
    return low, middle, high
