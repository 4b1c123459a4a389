"""`metrics.json` to one number under each name, as a tracking run keeps them: the same that report and page show.

A mean of the table is `busi/box/student/dice`, a difference `busi/box/student-ellipse/dice`, a point of the jitter
curve `busi/jitter_20/student/dice`. Undefined means are left out. Leaves out: intervals and p values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SPREAD = ("mean", "sd", "min", "max", "candidate_minus_mean")


def flat_means(metrics: Mapping[str, Any]) -> dict[str, float]:
    """All means of a validation by name."""
    found = (pair for name, dataset in metrics["datasets"].items() for pair in _of_dataset(name, dataset))
    return {
        name: float(value) for name, value in (*found, *_of_guard(metrics), *_of_seeds(metrics)) if value is not None
    }


def _of_dataset(name: str, dataset: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for section in ("prompts", "differences"):
        for kind, by_who in dataset[section].items():
            for who, estimates in by_who.items():
                for metric, estimate in estimates.items():
                    yield f"{name}/{kind}/{who}/{metric}", estimate["mean"]
    for who, points in dataset.get("jitter_curve", {}).items():
        for point in points:
            yield f"{name}/jitter_{100 * point['jitter']:g}/{who}/dice", point["dice"]["mean"]
    for who, estimate in dataset.get("false_regions", {}).items():
        yield f"{name}/box_nothing/{who}/false_region_rate", estimate["mean"]
    for kind, by_who in dataset.get("confidence", {}).items():
        for who, found in by_who.items():
            for key, estimate in found.items():
                if isinstance(estimate, Mapping) and "mean" in estimate:
                    yield f"{name}/{kind}/{who}/{key}", estimate["mean"]


def _of_guard(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for name, estimate in metrics.get("guard", {}).get("false_alarms", {}).items():
        yield f"guard/false_alarms/{name}", estimate["mean"]


def _of_seeds(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for name, by_kind in metrics.get("seeds", {}).get("spread", {}).items():
        for kind, found in by_kind.items():
            for key in SPREAD:
                yield f"seeds/{name}/{kind}/{key}", found[key]
