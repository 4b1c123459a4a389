"""What `metrics.json` says of the jitter curve and of boxes in which there is nothing, as sections of the report.

Each section is there only where its prompts were asked for. Leaves out: all other sections (report.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.reporting.words import interval_words, marked_dataset, marked_model


def prompt_sections(metrics: Mapping[str, Any]) -> list[str]:
    """The sections in Markdown, heading and text in turn."""
    curve, invented = _curve_rows(metrics), _false_region_rows(metrics)
    parts = []
    if curve:
        head = "| dataset | model | jitter | Dice | change from the exact box |\n| --- | --- | --- | --- | --- |"
        note = (
            "Boxes moved and scaled by up to a fraction of their extent, each the same way at every fraction, and what "
            "that changes in Dice on the same cases."
        )
        parts += ["## Sloppier boxes", note, "\n".join([head, *curve])]
    if invented:
        head = "| dataset | model | answered with a region | share |\n| --- | --- | --- | --- |"
        note = (
            "Boxes of the objects' sizes where no object is. Whoever leaves them empty is right; the boxes enter no "
            "mean of Dice. The ellipse and the filled box can't but answer."
        )
        parts += ["## Boxes where there is nothing", note, "\n".join([head, *invented])]
    return parts


def _curve_rows(metrics: Mapping[str, Any]) -> list[str]:
    confidence = metrics["confidence"]
    return [
        f"| {marked_dataset(metrics, name)} | {marked_model(metrics, who)} | {100 * point['jitter']:g} % "
        f"| {interval_words(point['dice'], confidence)} "
        f"| {'–' if point['change'] is None else interval_words(point['change'], confidence, signed=True)} |"
        for name, dataset in metrics["datasets"].items()
        for who, points in dataset.get("jitter_curve", {}).items()
        for point in points
    ]


def _false_region_rows(metrics: Mapping[str, Any]) -> list[str]:
    return [
        f"| {marked_dataset(metrics, name)} | {marked_model(metrics, who)} | {found['count']} of {found['n']} "
        f"| {interval_words(found, metrics['confidence'])} |"
        for name, dataset in metrics["datasets"].items()
        for who, found in dataset.get("false_regions", {}).items()
    ]
