"""A model card's results to tables and lines of Markdown.

Leaves out: what stands in a card, and in which order (model_card.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.release.documents.marking import shown


def each(results: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Dataset, kind of prompt and what was found, of both validations."""
    for by_dataset in results.values():
        for name, by_kind in by_dataset.items():
            for kind, found in by_kind.items():
                yield name, kind, found


def worst_lines(card: Mapping[str, Any]) -> list[str]:
    """By dataset and prompt, the subgroup in which the model does worst."""
    return [
        f"- {name}, {kind}: {worst['kind']} {shown(worst['name'])}, Dice {span(worst['dice'], 3)}, {worst['cases']} "
        "cases"
        for name, kind, found in each(card["results"])
        if (worst := found["worst_subgroup"]) is not None
    ]


def _confidence_table(card: Mapping[str, Any]) -> list[str]:
    """The calibration errors with and without the calibration; with a line that parts it from what follows."""
    rows = [
        [
            name,
            kind,
            span(held["ece"], 3) if held["calibrated"] else "not calibrated",
            *(span(held[key], 3) for key in ("ece_raw", "abstained", "dice_kept")),
        ]
        for name, kind, found in each(card["results"])
        if (held := found["confidence"]) is not None
    ]
    head = ["dataset", "prompt", "error of the confidence, after calibration", "error of the model's own estimate"]
    lines = [[*head, "share with a warning", "Dice of the others"], ["---"] * 6, *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""] if rows else []


def confidence_lines(card: Mapping[str, Any]) -> list[str]:
    """How far confidence holds, when an outline comes with a warning, and what the guard flagged."""
    lines = [*_confidence_table(card), f"- {shown(card['warnings'])}"]
    guard = card["guard"] or {}
    lines += [
        f"- {one['kind']}, which isn't ultrasound: {one['flagged']} of {one['n']} flagged"
        for one in guard.get("not_ultrasound", [])
    ]
    lines += [f"- {name}: flagged in a share of {span(one, 3)}" for name, one in guard.get("false_alarms", {}).items()]
    return lines


def package_lines(card: Mapping[str, Any]) -> list[str]:
    """Parity, speed, memory and machine of the packed service; nothing where it wasn't measured."""
    if card["package"] is None:
        return []
    package = card["package"]
    lines = [
        f"- {what} model: masks of {same['cases']} cases differ in at most {100 * same['worst_share']:.4g} % of pixels"
        for what, same in package.get("parity", {}).items()
    ]
    lines += [
        f"- {what}: {spent['p50']:.0f} ms in half of {spent['n']} requests, {spent['p95']:.0f} ms in 95 of 100"
        for what, spent in package.get("latency_ms", {}).items()
    ]
    if "start_s" in package:
        lines.append(f"- start: {package['start_s']:.1f} s")
    if "peak_memory_mb" in package:
        lines.append(f"- greatest memory: {package['peak_memory_mb']:.0f} MB")
    machine = sorted((package.get("machine") or {}).items())
    lines += [f"- {key}: {'none' if value is None else shown(str(value))}" for key, value in machine]
    return lines


def results_table(role: str, results: Mapping[str, Any]) -> str:
    """The student's results of one validation, by dataset and prompt."""
    if not results:
        return f"No {role} dataset."
    lines = [f"| {role} | prompt | Dice | above the ellipse | HD95 px | missed | n |", "| --- |" + " --- |" * 6]
    for name, by_kind in results.items():
        for kind, found in by_kind.items():
            cells = [
                name,
                kind,
                span(found["dice"], 3),
                span(found["dice_above_ellipse"], 3),
                span(found["hd95"], 1),
                str(found["miss_rate"]["count"]),
                str(found["dice"]["n"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def span(estimate: Mapping[str, Any] | None, decimals: int) -> str:
    """A mean with its interval, or with what keeps it from having one; a dash where it is undefined."""
    if estimate is None or estimate["mean"] is None:
        return "–"
    interval = next(value for key, value in estimate.items() if key.startswith("ci"))
    if None in interval:
        return f"{estimate['mean']:.{decimals}f}"
    if not estimate["sufficient"]:
        return f"{estimate['mean']:.{decimals}f} [INSUFFICIENT: {estimate['groups']} groups]"
    return f"{estimate['mean']:.{decimals}f} [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"
