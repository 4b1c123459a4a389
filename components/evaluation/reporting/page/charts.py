"""What `metrics.json` and the cases say to pictures: intervals, jitter, areas, confidence.

Every picture is drawn from the numbers that the tables show. Leaves out: lines and marks (drawing.py), failures
(gallery.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from markupsafe import Markup

from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.agreement import Agreement
from components.evaluation.comparing.json_form import interval_key
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.page.drawing import (
    BOTTOM,
    SHAPES,
    TOP,
    Canvas,
    Panel,
    Style,
    named,
    numbered,
    swatch,
)
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.words import interval_words, marked_dataset, marked_model, prompt_words

ROW_PX = 17.0
KNOWN = {
    SUBJECT: Style("c-student", "circle"),
    "teacher": Style("c-teacher", "square"),
    "champion": Style("c-champion", "diamond"),
    "unet_box": Style("c-unet", "down"),
    ELLIPSE: Style("c-ellipse", "up"),
}
OTHERS = tuple(Style(f"c-other{number}", shape) for number, shape in enumerate(SHAPES[5:], 1))


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels that share a legend: what they show, in a sentence, and by mark who is who."""

    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[tuple[Markup, str], ...]


def styles(results: Results) -> dict[str, Style]:
    """How each contender of a run is drawn, everywhere the same."""
    everybody = dict.fromkeys(
        who for one in results.tested for by_who in one.found["prompts"].values() for who in by_who
    )
    free = [who for who in everybody if who not in KNOWN and who not in IN_TABLES_ONLY]
    return {**KNOWN, **dict(zip(free, cycle(OTHERS), strict=False))}


def _legend(who: Iterable[str], results: Results, drawn: Mapping[str, Style]) -> tuple[tuple[Markup, str], ...]:
    models = {name for metrics in results.metrics.values() for name in metrics["models"]}
    metrics = next(iter(results.metrics.values()))
    return tuple(
        (swatch(drawn[name]), marked_model(metrics, name) if name in models else name) for name in dict.fromkeys(who)
    )


def interval_chart(results: Results, asked: str) -> Chart:
    """Mean Dice with intervals at one kind of prompt: a row for each dataset, a mark for each contender."""
    rows = [
        (f"{marked_dataset(one.metrics, one.name)}", one.found["prompts"][kind])
        for one in results.tested
        if (kind := main_prompt(one, asked)) is not None
    ]
    title = f"Mean Dice of each dataset, {prompt_words(asked)}"
    return _rows_chart(results, [(title, rows)], title=title)


def every_prompt_chart(results: Results) -> Chart:
    """The same for each dataset by itself: a row for each kind of prompt."""
    panels = [
        (
            marked_dataset(one.metrics, one.name),
            [(prompt_words(kind), by_who) for kind, by_who in one.found["prompts"].items()],
        )
        for one in results.tested
    ]
    return _rows_chart(results, panels, title="Mean Dice at each kind of prompt")


def _rows_chart(results: Results, panels: Sequence[tuple[str, Sequence[tuple[str, Any]]]], *, title: str) -> Chart:
    drawn = styles(results)
    shown = [who for who in drawn if any(who in by_who for _, rows in panels for _, by_who in rows)]
    key = interval_key(results.confidence)
    lows = [
        _low(by_who[who]["dice"], key) for _, rows in panels for _, by_who in rows for who in shown if who in by_who
    ]
    axis = numbered("mean Dice (1 is a perfect outline)", min([0.9, *lows]), 1.0)
    made = []
    for heading, rows in panels:
        height = TOP + BOTTOM + max(ROW_PX * len(rows) * (1 if len(shown) < 4 else 1.6), 3 * ROW_PX)
        canvas = Canvas(axis, named([name for name, _ in rows]), width=520, height=height, left=170)
        for row, (_, by_who) in enumerate(rows):
            for place, who in enumerate(shown):
                if who in by_who and by_who[who]["dice"]["mean"] is not None:
                    y = -row + 0.3 - 0.6 * place / max(len(shown) - 1, 1)
                    _estimate(canvas, by_who[who]["dice"], drawn[who], y=y, key=key, who=who, results=results)
        words = f"{heading}: " + "; ".join(
            f"{name}: {', '.join(f'{who} {_mean(by_who[who])}' for who in shown if who in by_who)}"
            for name, by_who in rows
        )
        made.append(canvas.finished(heading, words=words))
    caption = (
        f"Marks are means, bars {100 * results.confidence:g} % intervals (resampled by patient, video or scene); no "
        "bar stands where there are too few groups for a claim. The ellipse is the yardstick: it needs no learning."
    )
    return Chart(title, caption, tuple(made), _legend(shown, results, drawn))


def _estimate(
    canvas: Canvas, found: Mapping[str, Any], style: Style, *, y: float, key: str, who: str, results: Results
) -> None:
    if found[key][0] is not None and found["sufficient"]:
        canvas.line([(found[key][0], y), (found[key][1], y)], style.colour, kind="span")
    canvas.mark(found["mean"], y, style, words=f"{who}: {interval_words(found, results.confidence)}")


def _low(found: Mapping[str, Any], key: str) -> float:
    return min(value for value in (found["mean"], found[key][0], 1.0) if value is not None)


def _mean(by_metric: Mapping[str, Any]) -> str:
    mean = by_metric["dice"]["mean"]
    return "undefined" if mean is None else f"{mean:.3f}"


def jitter_chart(results: Results) -> Chart | None:
    """Mean Dice over how far the box was moved and scaled, for each dataset; None where nobody asked for it."""
    drawn, key = styles(results), interval_key(results.confidence)
    curves = [(one, one.found["jitter_curve"]) for one in results.tested if one.found.get("jitter_curve")]
    shown = [who for who in drawn if any(who in by_who for _, by_who in curves)]
    points = [point for _, by_who in curves for who in shown for point in by_who.get(who, ())]
    if not points:
        return None
    x = numbered("box moved and scaled by up to, %", 0, 100 * max(point["jitter"] for point in points), count=4)
    y = numbered("mean Dice", min(_low(point["dice"], key) for point in points), 1.0)

    def draw(one: Tested, by_who: Mapping[str, Any]) -> Panel:
        canvas = Canvas(x, y)
        for place, who in enumerate(name for name in shown if name in by_who):
            curve = [(100 * p["jitter"], p["dice"]) for p in by_who[who] if p["dice"]["mean"] is not None]
            canvas.line([(at, found["mean"]) for at, found in curve], drawn[who].colour)
            for at, found in curve:
                if found[key][0] is not None and found["sufficient"]:
                    aside = at + (place - len(shown) / 2) * 0.12
                    canvas.line([(aside, found[key][0]), (aside, found[key][1])], drawn[who].colour, kind="span")
                words = f"{who} at {at:g} %: {interval_words(found, results.confidence)}"
                canvas.mark(at, found["mean"], drawn[who], words=words, size=3.5)
        told = "; ".join(f"{who} {', '.join(_mean(p) for p in by_who[who])}" for who in shown if who in by_who)
        return canvas.finished(marked_dataset(one.metrics, one.name), words=f"{one.name}, Dice from 0 % on: {told}")

    caption = (
        "How fast a model gets worse where boxes are drawn carelessly. Each box goes the same way at every fraction. "
        "A flat curve is good; a curve that falls as the ellipse's does relies on the box alone."
    )
    panels = tuple(draw(one, by_who) for one, by_who in curves)
    return Chart("Sloppier boxes", caption, panels, _legend(shown, results, drawn))


def area_chart(found: Sequence[tuple[Tested, Agreement]]) -> Chart:
    """Bland and Altman's picture of the student's areas, for each dataset; `found` mustn't be empty."""
    caption = (
        "Each dot is one object: to the right the larger ones, above the line those drawn too large, below it those "
        "drawn too small. The full line is the mean difference, the dashed ones the limits that hold about 95 % of "
        "the differences. Objects count singly here, not by patient."
    )
    panels = tuple(_area_panel(one, agreement) for one, agreement in found)
    return Chart(f"Agreement of areas, in {found[0][1].unit}", caption, panels, ())


def _area_panel(one: Tested, found: Agreement) -> Panel:
    reach = max(abs(found.low), abs(found.high), *map(abs, found.differences.tolist()))
    x = numbered(f"mean of both areas, {found.unit}", 0.0, float(found.means.max()), count=4)
    y = numbered(f"predicted − true, {found.unit}", -reach, reach, count=6)
    canvas = Canvas(x, y, left=62)
    canvas.line([(x.low, 0), (x.high, 0)], "c-quiet", kind="rule")
    for value, kind in ((found.bias, "line"), (found.low, "dashes"), (found.high, "dashes")):
        canvas.line([(x.low, value), (x.high, value)], "c-teacher", kind=kind)
    canvas.dots(list(zip(found.means.tolist(), found.differences.tolist(), strict=True)), "c-student")
    words = (
        f"{one.name}: mean difference {found.bias:+.1f} {found.unit}, limits {found.low:+.1f} to {found.high:+.1f}, "
        f"{found.means.size} objects"
    )
    return canvas.finished(marked_dataset(one.metrics, one.name), words=words)


def reliability_chart(results: Results, asked: str) -> Chart | None:
    """The IoU that is stated with an outline against the true one; None where no model was asked."""
    axis = numbered("stated IoU (confidence)", 0.0, 1.0)
    true = numbered("true IoU", 0.0, 1.0)

    def draw(canvas: Canvas, found: Mapping[str, Any], who: str, style: Style) -> str:
        points = [(bin_["quality"], bin_["iou"], bin_["n"]) for bin_ in found["reliability"] if bin_["n"]]
        most = max((n for _, _, n in points), default=1)
        canvas.line([(quality, iou) for quality, iou, _ in points], style.colour)
        for quality, iou, n in points:
            words = f"{who}: says {quality:.2f}, is {iou:.2f}, {n} cases"
            canvas.mark(quality, iou, style, words=words, size=2.0 + 3.5 * (n / most) ** 0.5)
        return f"{who}: " + ", ".join(f"says {quality:.2f} is {iou:.2f}" for quality, iou, _ in points)

    caption = (
        "On the dashed diagonal a model knows how good it is; below it, it promises more than it keeps. What is "
        "stated is the confidence after calibration, or the model's own estimate where it has none. Larger marks hold "
        "more cases."
    )
    return _confidence_chart(results, asked, "Stated and true IoU", caption, (axis, true), draw, diagonal=True)


def risk_chart(results: Results, asked: str) -> Chart | None:
    """What is lost if the model answers only where it is surest; None where no model was asked."""
    curves = [
        point
        for one in results.tested
        for found in one.found.get("confidence", {}).get(main_prompt(one, asked), {}).values()
        for point in found["risk_coverage"]
    ]
    x = numbered("share of cases answered", 0.0, 1.0)
    y = numbered("mean loss (1 − Dice)", 0.0, max([0.1, *(point["risk"] for point in curves)]))

    def draw(canvas: Canvas, found: Mapping[str, Any], who: str, style: Style) -> str:
        points = [(point["coverage"], point["risk"]) for point in found["risk_coverage"]]
        canvas.line(points, style.colour)
        if points:
            canvas.mark(*points[-1], style, words=f"{who}: all cases, {points[-1][1]:.3f}")
        return f"{who}: " + ", ".join(f"{coverage:.2f} of cases {risk:.3f}" for coverage, risk in points[::4])

    caption = (
        "If the model may stay silent where it is least sure, and answers only the share on the horizontal axis, this "
        "is the mean loss (1 − Dice) on the cases that it answers. A curve that rises to the right means that its "
        "doubt is worth something; a level one, that it isn't."
    )
    return _confidence_chart(results, asked, "What staying silent would save", caption, (x, y), draw, diagonal=False)


def _confidence_chart(
    results: Results,
    asked: str,
    title: str,
    caption: str,
    axes: tuple[Any, Any],
    draw: Callable[[Canvas, Mapping[str, Any], str, Style], str],
    *,
    diagonal: bool,
) -> Chart | None:
    drawn = styles(results)
    panels, shown = [], []
    for one in results.tested:
        by_who = one.found.get("confidence", {}).get(main_prompt(one, asked), {})
        if not by_who:
            continue
        canvas = Canvas(*axes)
        if diagonal:
            canvas.line([(0, 0), (1, 1)], "c-quiet", kind="dashes")
        told = [draw(canvas, found, who, drawn[who]) for who, found in by_who.items()]
        shown += list(by_who)
        panels.append(canvas.finished(marked_dataset(one.metrics, one.name), words=f"{one.name}: {'; '.join(told)}"))
    return Chart(title, caption, tuple(panels), _legend(shown, results, drawn)) if panels else None
