"""Units of one window, the validation side's and those of earlier windows to a judgement: STEADY, DRIFT, INSUFFICIENT.

Each signal of watched.py is compared twice: with what the model was built on, and with its own traffic before the
window. A signal has drifted where its p-value, adjusted by Holm over all comparisons of the window, is at most the
window's level, and its effect at least `min_effect`: thousands of images must not raise an alarm about nothing. A
comparison with too few units on either side is INSUFFICIENT and takes no part. A window is DRIFT where any signal
has drifted, else INSUFFICIENT where no signal of the images could be compared, else STEADY.

Over the repeated looks: windows don't overlap, each is judged at `level`, so that the expected number of false alarms
in a year is at most `false_alarms_per_year` (expectations add up, whatever windows share). How much is compared doesn't
depend on what is found. Leaves out: reading (reading.py), what is done about it (request.py).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from components.monitoring.reading import Traffic, Units, Window
from components.monitoring.two_sample import Answer, compare_numbers, compare_vectors, compare_words, holm
from components.monitoring.watched import SIGNALS, STRATUM_WORDS, Signal, Stratum
from components.params import MonitorParams
from components.promptable.signals import Row

Verdict = Literal["STEADY", "DRIFT", "INSUFFICIENT"]
Against = Literal["validation", "earlier"]
LEAST_P = 0.0001
AGAINST_WORDS: Mapping[Against, str] = {
    "validation": "the images that the model was built on",
    "earlier": "this model's traffic before",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison: how many units stood on either side, what the test found, and what that comes to.

    `p`, `adjusted` (over all comparisons of the window) and `effect` are None where it is INSUFFICIENT. `medians` are
    those of both sides, of a single number.
    """

    signal: Signal
    against: Against
    verdict: Verdict
    units_before: int
    units_now: int
    p: float | None = None
    adjusted: float | None = None
    effect: float | None = None
    medians: tuple[float, float] | None = None

    @property
    def chance(self) -> str:
        """The adjusted p-value in words; beyond four digits it is as good as none, and says too much."""
        assert self.adjusted is not None, "only what was compared has one"
        return f"adjusted p {self.adjusted:.2g}" if self.adjusted >= LEAST_P else f"adjusted p below {LEAST_P}"

    @property
    def told(self) -> str:
        """The finding in a sentence."""
        than = AGAINST_WORDS[self.against]
        if self.effect is None or self.adjusted is None:
            return (
                f"{self.signal.words}: {self.units_now} units in the window and {self.units_before} in {than} are too "
                "few to compare"
            )
        words = (
            ("is more than in", "is no more than in") if self.signal.test == "larger" else ("differs from", "is like")
        )
        what = words[self.verdict != "DRIFT"]
        middle = "" if self.medians is None else f", median {self.medians[1]:.3g} against {self.medians[0]:.3g}"
        return f"{self.signal.words}: {what} {than} (distance {self.effect:.2f}, {self.chance}{middle})"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A window's verdict, why, and all its comparisons; `level` is what a window without any change may be called by
    mistake with."""

    window: Window
    verdict: Verdict
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    level: float

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The findings that say DRIFT, the largest effect first."""
        found = [one for one in self.findings if one.verdict == "DRIFT"]
        return tuple(sorted(found, key=lambda one: -(one.effect or 0)))


def judge(window: Window, traffic: Traffic, validation: Units | None, params: MonitorParams) -> Judgement:
    """Judge a window of the traffic; `validation` is None for a model without a reference."""
    earlier: dict[Stratum, list[Row]] = {}
    for before, units in sorted(traffic.units.items(), key=lambda item: item[0]):
        if before < window:
            for stratum, rows in units.items():
                earlier.setdefault(stratum, []).extend(rows)
    return judge_units(window, traffic.units.get(window, {}), validation=validation, earlier=earlier, params=params)


def judge_units(
    window: Window, now: Units, *, validation: Units | None, earlier: Units, params: MonitorParams
) -> Judgement:
    """Judge the units of a window against those of the validation side and those before it."""
    pairs: list[tuple[Signal, Against, Sequence[Row], Sequence[Row]]] = []
    for signal in SIGNALS:
        known = _with_values(now, signal)
        if validation is not None and signal.built_on:
            pairs.append((signal, "validation", _with_values(validation, signal), known))
        pairs.append((signal, "earlier", _with_values(earlier, signal), known))
    enough = [_enough(signal, len(before), len(after), params) for signal, _, before, after in pairs]
    # A test by permutation must be able to find what Holm asks of the first one.
    permutations = math.ceil(2 * max(1, sum(enough)) / params.level)
    answers = [
        _compare(pair, window, permutations=permutations, params=params) if able else None
        for pair, able in zip(pairs, enough, strict=True)
    ]
    adjusted = iter(holm([one.p for one in answers if one is not None]))
    findings = []
    for (signal, against, before, after), answer in zip(pairs, answers, strict=True):
        if answer is None:
            findings.append(Finding(signal, against, "INSUFFICIENT", len(before), len(after)))
            continue
        p = next(adjusted)
        drifted = p <= params.level and answer.effect >= params.min_effect
        middle = _medians(signal, before, after)
        verdict: Verdict = "DRIFT" if drifted else "STEADY"
        counts = (len(before), len(after))
        findings.append(Finding(signal, against, verdict, *counts, answer.p, p, answer.effect, middle))
    return _judged(window, tuple(findings), now, params)


def _judged(window: Window, findings: tuple[Finding, ...], now: Units, params: MonitorParams) -> Judgement:
    drifted = [one for one in findings if one.verdict == "DRIFT"]
    drifted.sort(key=lambda one: -(one.effect or 0))
    images = [one for one in findings if one.signal.stratum == "image" and one.verdict != "INSUFFICIENT"]
    if drifted:
        return Judgement(window, "DRIFT", tuple(one.told for one in drifted), findings, params.level)
    if not images:
        few = (
            f"{len(now.get('image', ()))} units of images in the window: {params.min_units} are needed, there and in "
            "what they are held against"
        )
        return Judgement(window, "INSUFFICIENT", (few,), findings, params.level)
    lacking = dict.fromkeys(one.signal.stratum for one in findings if one.verdict == "INSUFFICIENT")
    tested = sum(one.verdict == "STEADY" for one in findings)
    reasons = [f"{tested} comparisons, and none shows a change of {params.min_effect:g} or more beyond chance"]
    reasons += [f"not everything could be compared of {STRATUM_WORDS[stratum]}: too few" for stratum in lacking]
    return Judgement(window, "STEADY", tuple(reasons), findings, params.level)


def _with_values(units: Units, signal: Signal) -> list[Row]:
    """The units that know a signal; a column that isn't as it should be is as good as none."""
    wanted = str if signal.test == "words" else (int, float)
    return [
        row
        for row in units.get(signal.stratum, ())
        if all(isinstance(row.get(name), wanted) for name in signal.columns)
    ]


def _enough(signal: Signal, before: int, now: int, params: MonitorParams) -> bool:
    needed = params.min_feedback if signal.stratum == "feedback" else params.min_units
    return before >= needed and now >= needed


def _compare(
    pair: tuple[Signal, Against, Sequence[Row], Sequence[Row]],
    window: Window,
    *,
    permutations: int,
    params: MonitorParams,
) -> Answer:
    signal, against, before, now = pair
    rng = np.random.default_rng([params.seed, zlib.crc32(f"{window.told} {signal.name} {against}".encode())])
    before, now = _at_most(before, params.max_units, rng), _at_most(now, params.max_units, rng)
    if signal.test == "words":
        words = [[str(row[signal.columns[0]]) for row in rows] for rows in (before, now)]
        return compare_words(words[0], words[1], permutations=permutations, rng=rng)
    values = [np.array([[row[name] for name in signal.columns] for row in rows], dtype=float) for rows in (before, now)]
    if signal.test == "vectors":
        return compare_vectors(values[0], values[1], permutations=permutations, rng=rng)
    return compare_numbers(values[0][:, 0], values[1][:, 0], larger=signal.test == "larger")


def _at_most(rows: Sequence[Row], most: int, rng: np.random.Generator) -> Sequence[Row]:
    if len(rows) <= most:
        return rows
    return [rows[place] for place in np.sort(rng.choice(len(rows), size=most, replace=False))]


def _medians(signal: Signal, before: Sequence[Row], now: Sequence[Row]) -> tuple[float, float] | None:
    if signal.test in ("words", "vectors"):
        return None
    name = signal.columns[0]
    first, second = (float(np.median([float(row[name] or 0) for row in rows])) for rows in (before, now))
    return first, second
