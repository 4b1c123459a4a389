"""`metrics.json` to tables that `dvc plots` draws and compares between commits: Dice, and Dice over jitter.

A row holds one mean with its interval, as `metrics.json` has them, as JSON, so that numbers stay numbers. The pictures'
form stands in `.dvc/plots`. Leaves out: pictures of cases (figures.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.comparing.json_form import interval_key
from components.evaluation.reporting.words import each_prompt, prompt_words

DICE, JITTER = "dice.json", "jitter_curve.json"


def plot_tables(metrics: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table by its file's name; the curve has none where nobody asked for it."""
    return {DICE: list(_dice_rows(metrics)), JITTER: list(_jitter_rows(metrics))}


def _dice_rows(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, kind, dataset in each_prompt(metrics):
        for who, by_metric in dataset["prompts"][kind].items():
            yield {"dataset": name, "prompt": prompt_words(kind), "model": who, **_dice(by_metric["dice"], metrics)}


def _jitter_rows(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, dataset in metrics["datasets"].items():
        for who, points in dataset.get("jitter_curve", {}).items():
            for point in points:
                yield {"dataset": name, "model": who, "jitter": point["jitter"], **_dice(point["dice"], metrics)}


def _dice(found: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, float | None]:
    low, high = found[interval_key(metrics["confidence"])]
    return {"dice": found["mean"], "low": low, "high": high}
