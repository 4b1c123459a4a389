"""A folder of signals and a model to what `sonoforge monitor` tells: one verdict, the windows before it, why.

The verdict is that of the newest window that is over: a window under way isn't judged, since looking at it again and
again would raise more false alarms than are declared. Leaves out: how it looks (page.py), what follows (request.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from components.artefacts import ModelDescription
from components.monitoring.drift import Finding, Judgement, judge
from components.monitoring.reading import Traffic, Units, Window, read_traffic, validation_units, window_of
from components.params import MonitorParams
from components.promptable.reference import Reference

WINDOWS_SHOWN = 8
"""How many windows are judged and shown unless somebody says since when."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of a model's traffic: the judgements of all windows that are shown, the newest last.

    `validation` is None for a model that carries no reference.
    """

    description: ModelDescription
    judgements: tuple[Judgement, ...]
    traffic: Traffic
    validation: Units | None
    reference_phantom: bool
    params: MonitorParams

    @property
    def newest(self) -> Judgement:
        """The judgement that counts."""
        return self.judgements[-1]

    @property
    def phantom(self) -> bool:
        """Whether the model, or what its traffic is held against, is of phantoms."""
        return self.description.phantom or self.reference_phantom

    @property
    def notes(self) -> tuple[str, ...]:
        """What limits the verdict, in sentences."""
        told = []
        if self.validation is None:
            told.append(
                "This model carries no reference (it was calibrated before there were any): its traffic is only held "
                "against its own traffic before."
            )
        if self.traffic.skipped:
            told.append(f"{self.traffic.skipped} lines couldn't be read: torn by a crash, or not signals.")
        if self.traffic.rows_of_others:
            others = len(self.traffic.rows_of_others)
            count = sum(self.traffic.rows_of_others.values())
            told.append(f"{count} rows are of {others} other model{'s' * (others > 1)}, and were left out.")
        return tuple(told)


def look(
    folder: Path,
    description: ModelDescription,
    reference: Reference | None,
    *,
    params: MonitorParams,
    today: date,
    since: date | None = None,
) -> Report:
    """Judge the windows of a folder of signals that are over by `today` (UTC) and have any traffic, and the newest.

    `since` is a day of the first window to show; the newest is always shown.
    """
    traffic = read_traffic(folder, model_digest=description.digest, window_days=params.window_days, seed=params.seed)
    validation = None if reference is None else validation_units(reference, seed=params.seed)
    newest = Window(window_of(today, params.window_days).place - 1, params.window_days)
    first = Window(newest.place - WINDOWS_SHOWN + 1, newest.days) if since is None else window_of(since, newest.days)
    shown = sorted({*(window for window in traffic.units if first <= window <= newest), newest})
    return Report(
        description=description,
        judgements=tuple(judge(window, traffic, validation, params) for window in shown),
        traffic=traffic,
        validation=validation,
        reference_phantom=reference is not None and reference.phantom,
        params=params,
    )


def as_json(report: Report) -> dict[str, Any]:
    """What `sonoforge monitor --json` prints."""
    newest = report.newest
    return {
        "schema": 1,
        "model": {"name": report.description.name, "digest": report.description.digest},
        "phantom": report.phantom,
        "has_reference": report.validation is not None,
        "verdict": newest.verdict,
        "window": _days(newest.window),
        "reasons": list(newest.reasons),
        "notes": list(report.notes),
        "level": newest.level,
        "false_alarms_per_year": report.params.false_alarms_per_year,
        "min_effect": report.params.min_effect,
        "findings": [_finding(one) for one in newest.findings],
        "windows": [
            {
                **_days(one.window),
                "verdict": one.verdict,
                "drifted": [f"{found.signal.name} against {found.against}" for found in one.drifted],
                "rows": dict(report.traffic.rows.get(one.window, {})),
            }
            for one in report.judgements
        ],
        "told": told_numbers(report, newest.window),
        "rows_of_other_models": dict(report.traffic.rows_of_others),
        "skipped_lines": report.traffic.skipped,
    }


def told_numbers(report: Report, window: Window) -> dict[str, float | None]:
    """What is told of a window and never tested: it depends on machine, people and chance more than on the images."""
    units = report.traffic.units.get(window, {})

    def share(stratum: str, name: str, *values: str) -> float | None:
        found = Counter(row.get(name) for row in units.get(stratum, ()))  # type: ignore[call-overload]
        found.pop(None, None)
        return sum(found[value] for value in values) / found.total() if found else None

    return {
        "flagged_share": share("image", "flagged", "yes"),
        "median_megapixels": _median(units.get("image", ()), "megapixels"),
        "empty_share": share("outline", "empty", "yes"),
        "corrected_share": share("outline", "form", "both", "mask"),
        "median_latency_ms": _median(units.get("outline", ()), "latency_ms"),
        "accepted_share": share("feedback", "verdict", "accepted"),
        "rejected_share": share("feedback", "verdict", "rejected"),
        "median_edit": _median(units.get("feedback", ()), "edit"),
    }


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [float(row[name]) for row in rows if isinstance(row.get(name), int | float)]
    return float(np.median(values)) if values else None


def _days(window: Window) -> dict[str, str]:
    return {"from": window.start.isoformat(), "before": window.end.isoformat()}


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "signal": found.signal.name,
        "words": found.signal.words,
        "of": found.signal.stratum,
        "against": found.against,
        "verdict": found.verdict,
        "units": {"before": found.units_before, "now": found.units_now},
        "effect": found.effect,
        "p": found.p,
        "adjusted_p": found.adjusted,
        "medians": None if found.medians is None else {"before": found.medians[0], "now": found.medians[1]},
        "told": found.told,
    }
