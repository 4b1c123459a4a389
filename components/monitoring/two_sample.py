"""Two samples to whether they come from one source: for numbers, for words, for vectors; and Holm over several answers.

Every answer has a p-value and an effect between 0 and 1 that doesn't grow with the samples' sizes:

- numbers: Smirnov's test; the effect is the largest distance of the two distribution functions. Its p-value is the
  asymptotic one, which is on the safe side: at 30 to 300 values a side, and between 1e-4 and 0.05, the exact one is 0.6
  to 1 times as large (computed by counting paths).
- words: chi-square with a permutation distribution; the effect is half the sum of the shares' differences.
- vectors: the energy distance (Székely and Rizzo 2004) of coordinates in units of their joint spread, with a
  permutation distribution; the effect is the root of the energy coefficient.

Permutations stop at the 20th that is as extreme (Besag and Clifford 1991): what is plainly nothing costs little, and
the p-value stays valid. Leaves out: which signals are compared (watched.py), what follows (drift.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]
ENOUGH = 20
BATCH = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What a test found: the probability of so large a difference where there is none, and the effect (0 to 1)."""

    p: float
    effect: float


def compare_numbers(before: Vector, now: Vector, *, larger: bool = False) -> Answer:
    """Smirnov's test of two samples (N and M); with `larger`, only whether those of `now` are larger counts."""
    before, now = np.sort(before), np.sort(now)
    places = np.concatenate([before, now])
    above = np.searchsorted(before, places, side="right") / before.size
    above -= np.searchsorted(now, places, side="right") / now.size
    distance = max(0.0, float(above.max() if larger else np.abs(above).max()))
    scaled = math.sqrt(before.size * now.size / (before.size + now.size)) * distance
    p = math.exp(-2 * scaled**2) if larger else float(special.kolmogorov(scaled))
    return Answer(p, distance)


def compare_words(before: Sequence[str], now: Sequence[str], *, permutations: int, rng: np.random.Generator) -> Answer:
    """Chi-square of how often each word stands on either side, over permutations of the sides."""
    names = sorted({*before, *now})
    counts = np.array([[side.count(name) for name in names] for side in (list(before), list(now))])  # 2 K
    shares = counts / counts.sum(axis=1, keepdims=True)
    total = counts.sum(axis=0)
    drawn = rng.multivariate_hypergeometric(total, counts[1].sum(), size=permutations)  # P K
    # With both margins given, chi-square rises with this alone.
    expected = total * (counts[1].sum() / counts.sum())
    found = float((((counts[1] - expected) ** 2) / total).sum())
    extreme = int(((((drawn - expected) ** 2) / total).sum(axis=1) >= found * (1 - 1e-9)).sum())
    return Answer((1 + extreme) / (1 + permutations), float(np.abs(shares[0] - shares[1]).sum() / 2))


def compare_vectors(before: Vector, now: Vector, *, permutations: int, rng: np.random.Generator) -> Answer:
    """The energy distance of two samples (N D and M D), over permutations of the sides."""
    both = np.concatenate([before, now])
    # The joint spread is the same for every permutation, so that scaling by it leaves the test exact.
    scaled = (both - both.mean(axis=0)) / np.maximum(both.std(axis=0), 1e-12)
    squares = (scaled**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * scaled @ scaled.T, 0.0))  # N+M N+M
    np.fill_diagonal(distances, 0.0)
    weights = np.concatenate([np.full(len(before), 1 / len(before)), np.full(len(now), -1 / len(now))])
    # Minus the quadratic form of these weights is 2 E|X - Y| - E|X - X'| - E|Y - Y'|.
    energy = float(-weights @ distances @ weights)
    between = float(distances[: len(before), len(before) :].mean())
    effect = math.sqrt(max(0.0, energy) / (2 * between)) if between > 0 else 0.0
    extreme = done = 0
    distances32 = distances.astype(np.float32)
    while done < permutations and extreme < ENOUGH:
        drawn = rng.permuted(np.tile(weights.astype(np.float32), (BATCH, 1)), axis=1)  # B N+M
        as_extreme = -np.einsum("bi,bi->b", drawn @ distances32, drawn) >= energy * (1 - 1e-6)
        places = np.flatnonzero(as_extreme)
        if extreme + len(places) >= ENOUGH:
            last = int(places[ENOUGH - extreme - 1]) + 1
            return Answer(ENOUGH / (done + last), effect)
        extreme, done = extreme + len(places), done + BATCH
    return Answer((1 + extreme) / (1 + done), effect)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values (Holm 1979): with all those up to a level called, any false call has that probability."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, place in enumerate(order.tolist()):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted
