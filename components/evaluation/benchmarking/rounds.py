"""Runs of very different lengths to samples that can be compared: interleaved rounds within a time.

What takes long gets fewer turns, spread over all rounds, so that each of its samples stands beside a sample of the
reference from the same round: a busy or noisy machine slows both, and the ratio holds where the milliseconds don't.
Leaves out: what a run does (passes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from components.evaluation.benchmarking.passes import Part

Run = Callable[[int], Mapping[Part, float]]
"""The number of a round to milliseconds of each part."""
LEAST = (3, 2, 1)
"""How many turns each run gets at least, as far as that fits."""

ENOUGH = 3
"""Fewer samples have no spread that says anything."""

_STEPS = 40


def turns(cost_s: Mapping[str, float], *, most: int, budget_s: float, always: str | None = None) -> dict[str, int]:
    """How often each run gets its turn: at most `most`, three times if that fits, once in any case.

    Beyond that all get alike in time. `always` names the reference, which is measured in every round that any other is.
    """
    least = next((each for each in LEAST if each * sum(cost_s.values()) <= budget_s), 1)
    low, high = 0.0, most * max(cost_s.values(), default=0.0)
    share_s = high
    for _ in range(_STEPS):
        found = _turns(cost_s, share_s, least=least, most=most)
        fits = sum(cost_s[name] * count for name, count in found.items()) <= budget_s
        low, high = (share_s, high) if fits else (low, share_s)
        share_s = (low + high) / 2
    found = _turns(cost_s, low, least=least, most=most)
    return found if always not in found else {**found, always: max(found.values())}


def _turns(cost_s: Mapping[str, float], share_s: float, *, least: int, most: int) -> dict[str, int]:
    return {
        name: most if one_s * most <= share_s else min(most, max(least, int(share_s / one_s)))
        for name, one_s in cost_s.items()
    }


def interleaved(
    runs: Mapping[str, Run],
    counts: Mapping[str, int],
    *,
    failed: Callable[[str, Exception], None],
    over: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, str, Mapping[Part, float]]]:
    """Round after round, each run whose turn it is, beginning with another one each time: round, name, milliseconds.

    After the first round it ends as soon as `over` says so. A run that fails is told to `failed` and has no more
    turns.
    """
    rounds = max(counts.values(), default=0)
    names = list(runs)
    gone: set[str] = set()
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if number and over():
                return
            # So many turns spread evenly over the rounds, the first of them in the first round.
            if name in gone or number * counts[name] % rounds >= counts[name]:
                continue
            try:
                times_ms = runs[name](number)
            except Exception as error:  # noqa: BLE001 - whatever one model can't do, the others are measured
                gone.add(name)
                failed(name, error)
                continue
            yield number, name, times_ms


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of so many numbers, and their 10th and 90th percentile."""

    median: float
    p10: float
    p90: float
    samples: int


def spread(values: list[float]) -> Spread:
    """Summarise some numbers, of which there is at least one."""
    p10, median, p90 = (float(each) for each in np.percentile(values, (10, 50, 90)))
    return Spread(median=median, p10=p10, p90=p90, samples=len(values))


@dataclass
class Samples:
    """Milliseconds by run, part and round."""

    taken: dict[str, dict[Part, dict[int, float]]] = field(default_factory=dict)

    def add(self, number: int, name: str, times_ms: Mapping[Part, float]) -> None:
        """Keep what a run took in a round."""
        parts = self.taken.setdefault(name, {})
        for part, took_ms in times_ms.items():
            parts.setdefault(part, {})[number] = took_ms

    def drop(self, name: str) -> None:
        """Keep nothing of a run that failed."""
        self.taken.pop(name, None)

    def time_ms(self, name: str, part: Part) -> Spread:
        """What a part of a run took."""
        return spread(list(self.taken[name][part].values()))

    def speed_up(self, name: str, part: Part, reference: str) -> Spread | None:
        """How many times as fast as the reference, round by round; None where there is no sample of it."""
        return ratio(self.taken.get(reference, {}).get(part, {}), self.taken[name][part])


def ratio(numerators: Mapping[int, float], denominators: Mapping[int, float]) -> Spread | None:
    """What the one is of the other in the rounds that have both; None where none has, or a divisor is nothing."""
    rounds = sorted(numerators.keys() & denominators.keys())
    found = [numerators[number] / denominators[number] for number in rounds if denominators[number] > 0]
    return spread(found) if found else None
