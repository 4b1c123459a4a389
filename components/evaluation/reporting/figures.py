"""Scored cases to pictures: intervals of every contender, and the best, median and worst cases with outlines.

Outlines run along pixel corners, so that a picture shows exactly the pixels that were scored. Whatever was made
from phantoms says so in its title. Figures are matplotlib's, made without its global state. Leaves out: which
numbers matter (components/evaluation/reporting/report.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from components.artefacts import replacing
from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.json_form import interval_key
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.seeds import without_sisters
from components.evaluation.prompting.prompts import truth_of
from components.evaluation.reporting.words import marked_dataset, marked_model, prompt_words
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.evaluation.scoring.table import Cases, as_cases
from components.intake.form.records import load_image, load_instances
from components.masks import to_polygons
from components.types import Mask, Record

# Okabe and Ito's colours, which people with colour deficiencies can tell apart.
COLOURS = {
    "truth": "#ffffff",
    SUBJECT: "#56b4e9",
    "teacher": "#e69f00",
    "champion": "#cc79a7",
    "unet_box": "#d55e00",
    ELLIPSE: "#009e73",
}
OTHER_COLOURS = ("#0072b2", "#999999", "#000000")
PROMPT_COLOUR = "#f0e442"
HALO = [patheffects.withStroke(linewidth=2.6, foreground="black", alpha=0.6)]


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG in one piece; equal figures give equal bytes."""
    with replacing(path) as beside:
        figure.savefig(beside, format="png", dpi=110, metadata={"Software": None})


def interval_figure(metrics: Mapping[str, Any]) -> Figure:
    """Mean Dice and HD95 with intervals, a row for each dataset and prompt, a mark for each contender."""
    rows = [
        (name, kind, dataset["prompts"][kind])
        for name, dataset in metrics["datasets"].items()
        for kind in dataset["prompts"]
    ]
    figure = _figure(9.0, 1.5 + 0.42 * max(len(rows), 1))
    axes = figure.subplots(1, 2, sharey=True)
    contenders = _drawn(who for _, _, by_who in rows for who in by_who)
    colours = _palette(metrics)
    for axis, (metric, label) in zip(axes, (("dice", "Dice"), ("hd95", "HD95 in px")), strict=True):
        _interval_panel(axis, rows, colours, contenders, metric=metric, key=interval_key(metrics["confidence"]))
        axis.set_xlabel(f"{label}, mean and {100 * metrics['confidence']:g} % interval")
    words = [f"{marked_dataset(metrics, name)}, {prompt_words(kind)}" for name, kind, _ in rows]
    axes[0].set_yticks(range(len(rows)), words)
    axes[0].invert_yaxis()
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colours[who], label=marked_model(metrics, who))
        for who in contenders
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=_legend_columns(handles), frameon=False)
    figure.suptitle(_title("Mean Dice and HD95 of everybody under test", phantom=_phantom_words(metrics)))
    return figure


def _interval_panel(
    axis: Axes,
    rows: Sequence[tuple[str, str, Any]],
    colours: Mapping[str, str],
    contenders: Sequence[str],
    *,
    metric: str,
    key: str,
) -> None:
    for place, (_, _, by_who) in enumerate(rows):
        for who, offset in zip(contenders, _offsets(len(contenders)), strict=True):
            found = by_who.get(who, {}).get(metric)
            if found is None or found["mean"] is None:
                continue
            axis.plot(found["mean"], place + offset, marker="o", markersize=4.5, color=colours[who])
            if found[key][0] is not None and found["sufficient"]:
                axis.plot(found[key], [place + offset] * 2, linewidth=1.6, color=colours[who])
        if place and rows[place][0] != rows[place - 1][0]:
            axis.axhline(place - 0.5, color="0.8", linewidth=0.8)
    axis.grid(axis="x", color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)


def _offsets(count: int) -> list[float]:
    return [float(offset) for offset in np.linspace(-0.26, 0.26, count)] if count > 1 else [0.0] * count


def case_figure(
    cases: Cases | pd.DataFrame,
    records: Iterable[Record],
    metrics: Mapping[str, Any],
    *,
    dataset: str,
    prompt: str,
    count: int,
) -> Figure:
    """The best, median and worst cases (`count` each) of the student on a dataset, with every contender's outline.

    `cases` are a validation's cases, `metrics` its means; there must be some of this dataset and prompt.
    """
    asked = without_sisters(as_cases(cases).where(dataset=dataset, prompt=prompt))
    drawn = _drawn(asked.different("model"))
    colours = _palette(metrics)
    # Ranked by a few columns of all cases; the masks are those of the few that are shown.
    student = asked.where(model=SUBJECT).read(["case_id", "dice"])
    ranked = student.sort_values(["dice", "case_id"], ascending=[False, True])["case_id"]
    columns = min(count, len(ranked))
    middle = max(0, min((len(ranked) - columns) // 2, len(ranked) - columns))
    places = {"best": 0, "median": middle, "worst": len(ranked) - columns}
    rows = {rank: ranked.iloc[place : place + columns].tolist() for rank, place in places.items()}
    shown = [case for each in rows.values() for case in each]
    ours = asked.where(model=drawn, case_id=shown).read(asked.columns)
    images = set(ours["image_id"])
    by_image = {one.image_id: one for one in records if one.dataset == dataset and one.image_id in images}
    figure = _figure(2.9 * columns + 0.6, 3.05 * len(rows) + 1.1)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for panels, (rank, case_ids) in zip(grid, rows.items(), strict=True):
        for panel, case_id in zip(panels, case_ids, strict=True):
            of_case = ours[ours["case_id"] == case_id]
            _case_panel(panel, of_case, by_image[str(of_case["image_id"].iloc[0])], colours)
        panels[0].set_ylabel(rank, fontsize=11)
    handles = _case_legend(drawn, metrics, colours)
    ncols = _legend_columns(handles)
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False, fontsize=9)
    words = f"{dataset}, {prompt_words(prompt)}: the student's best, median and worst of {len(ranked)} cases, by Dice"
    phantom = _phantom_words({**metrics, "datasets": {dataset: metrics["datasets"][dataset]}})
    figure.suptitle(_title(words, phantom=phantom, width=26 * columns + 12), fontsize=11)
    return figure


def _case_panel(panel: Axes, rows: pd.DataFrame, record: Record, colours: Mapping[str, str]) -> None:
    """One case: the image around the object, the truth, the predictions and the prompt."""
    first = rows.iloc[0]
    truth = truth_of(first["prompt"], int(first["object_index"]), load_instances(record))
    masks = {str(row["model"]): mask_of_row(row.to_dict()) for _, row in rows.iterrows()}
    panel.imshow(load_image(record), extent=(0, record.width_px, record.height_px, 0), interpolation="nearest")
    _outline(panel, truth, colour=COLOURS["truth"], width=1.8)
    for who in sorted(masks, key=lambda name: name == SUBJECT):
        _outline(panel, masks[who], colour=colours[who], width=1.4, dashed=who == ELLIPSE)
    _draw_prompt(panel, str(first["prompt_json"]))
    _zoom(panel, [truth, *masks.values()], size_hw=(record.height_px, record.width_px))
    panel.set_xticks([])
    panel.set_yticks([])
    scores = [f"{row['model']} {row['dice']:.2f}" for row in rows.to_dict("records")]
    lines = ["  ".join(scores[at : at + 3]) for at in range(0, len(scores), 3)]
    panel.set_title("\n".join([_short(record.image_id), *lines]), fontsize=7.5)


def _outline(panel: Axes, mask: Mask, *, colour: str, width: float, dashed: bool = False) -> None:
    for ring in to_polygons(mask):
        x, y = [*ring[0::2], ring[0]], [*ring[1::2], ring[1]]
        style = (0, (3, 2)) if dashed else "solid"
        panel.plot(x, y, color=colour, linewidth=width, linestyle=style, path_effects=HALO)


def _draw_prompt(panel: Axes, text: str) -> None:
    prompt = prompt_from_json(text)
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        panel.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=PROMPT_COLOUR, linewidth=1, linestyle=":")
    for point in prompt.points:
        marker = "+" if point.positive else "x"
        panel.plot(point.x, point.y, marker=marker, color=PROMPT_COLOUR, markersize=9, markeredgewidth=2)


def _zoom(panel: Axes, masks: Sequence[Mask], *, size_hw: tuple[int, int]) -> None:
    """Show a square window around all masks, a quarter wider, within the image where it fits."""
    either = np.logical_or.reduce(list(masks))
    rows, columns = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    side = 1.5 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1, 16)
    side = min(side, max(size_hw))
    x, y = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
    left, top = _window(x, side, size_hw[1]), _window(y, side, size_hw[0])
    panel.set_xlim(left, left + side)
    panel.set_ylim(top + side, top)
    panel.set_facecolor("black")


def _window(centre: float, side: float, size_px: int) -> float:
    return (size_px - side) / 2 if side >= size_px else float(np.clip(centre - side / 2, 0, size_px - side))


def _case_legend(shown: Iterable[str], metrics: Mapping[str, Any], colours: Mapping[str, str]) -> list[Line2D]:
    outlines = [Line2D([], [], color=COLOURS["truth"], path_effects=HALO, label="truth")] + [
        Line2D([], [], color=colours[who], linestyle="--" if who == ELLIPSE else "-", label=marked_model(metrics, who))
        for who in shown
    ]
    return [*outlines, Line2D([], [], color=PROMPT_COLOUR, linestyle=":", path_effects=HALO, label="prompt")]


def _legend_columns(handles: Sequence[Line2D]) -> int:
    """How many entries a legend's line holds: from five on they are too wide for one line."""
    return 3 if len(handles) > 4 else len(handles)


def _figure(width_in: float, height_in: float) -> Figure:
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _drawn(contenders: Iterable[str]) -> list[str]:
    """Who is drawn, each once, in order."""
    return [who for who in dict.fromkeys(contenders) if who not in IN_TABLES_ONLY]


def _palette(metrics: Mapping[str, Any]) -> dict[str, str]:
    """A colour for everybody; peers, whose names are free, get further ones in their order."""
    peers = [who for who in metrics["models"] if who not in COLOURS]
    return {**COLOURS, **dict(zip(peers, cycle(OTHER_COLOURS), strict=False))}


def _phantom_words(metrics: Mapping[str, Any]) -> str:
    """What of a figure is a phantom's: nothing, the images, some of them, the student's training, or both."""
    images = [dataset["phantom"] for dataset in metrics["datasets"].values()]
    words = ["PHANTOM images" if all(images) else "some PHANTOM images"] if any(images) else []
    return " and ".join([*words, "PHANTOM-trained student"] if metrics["model"]["phantom"] else words)


def _title(words: str, *, phantom: str, width: int = 200) -> str:
    title = f"{phantom}: {words}" if phantom else words
    if len(title) <= width:
        return title
    cut = title.rfind(" ", 0, width)
    return f"{title[:cut]}\n{title[cut + 1 :]}"


def _short(name: str, length: int = 34) -> str:
    return name if len(name) <= length else f"…{name[-length + 1 :]}"
