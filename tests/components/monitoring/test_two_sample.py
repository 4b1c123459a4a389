"""The tests against SciPy's and against what can be worked out by hand; the level holds under no difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from components.monitoring.two_sample import compare_numbers, compare_vectors, compare_words, holm


def test_numbers_are_smirnovs() -> None:
    rng = np.random.default_rng(1)
    for before, now in (
        (rng.normal(size=40), rng.normal(0.8, 1, 70)),
        (rng.integers(0, 5, 50), rng.integers(1, 6, 31)),
    ):
        found, known = compare_numbers(before, now), stats.ks_2samp(before, now, method="exact")
        assert found.effect == pytest.approx(known.statistic)
        assert 0.5 * found.p < known.pvalue <= found.p, "the asymptotic one is near the exact one, on the safe side"
    assert compare_numbers(np.arange(30.0), np.arange(30.0)).effect == 0


def test_larger_looks_one_way() -> None:
    low, high = np.linspace(0, 1, 60), np.linspace(0.5, 1.5, 60)
    assert compare_numbers(low, high, larger=True).p < 1e-5
    assert compare_numbers(high, low, larger=True).p == 1
    assert compare_numbers(low, high, larger=True).effect == pytest.approx(0.5, abs=0.02)


def test_words_are_chi_square_over_permutations() -> None:
    rng = np.random.default_rng(2)
    before, now = ["box"] * 30 + ["click"] * 10 + ["both"] * 5, ["box"] * 20 + ["click"] * 25
    found = compare_words(before, now, permutations=20_000, rng=rng)
    known = stats.chi2_contingency([[30, 10, 5], [20, 25, 0]], correction=False)
    assert found.p == pytest.approx(known.pvalue, abs=5e-4)
    assert found.effect == pytest.approx(15 / 45)
    two = compare_words(["yes"] * 9 + ["no"] * 31, ["yes"] * 20 + ["no"] * 20, permutations=20_000, rng=rng)
    assert two.p == pytest.approx(stats.fisher_exact([[9, 31], [20, 20]]).pvalue, abs=5e-3)
    assert compare_words(["no"] * 30, ["no"] * 30, permutations=100, rng=rng).p == 1


def test_vectors_see_a_shift_that_each_coordinate_hardly_shows() -> None:
    rng = np.random.default_rng(3)
    before, now = rng.normal(size=(80, 16)), rng.normal(0.35, 1, (80, 16))
    assert compare_vectors(before, now, permutations=4000, rng=rng).p < 1e-3
    assert min(compare_numbers(before[:, 0], now[:, 0]).p, 1) > 1e-3
    assert compare_vectors(before, before, permutations=400, rng=rng).effect == pytest.approx(0, abs=1e-4)
    flat = np.ones((30, 16))
    assert compare_vectors(flat, flat, permutations=400, rng=rng).p == 1


def test_the_energy_coefficient_of_one_coordinate_is_the_known_distance() -> None:
    rng = np.random.default_rng(4)
    one, two = rng.normal(size=(50, 1)), rng.normal(1, 1, (60, 1))
    both = np.concatenate([one, two])
    scale = both.std()
    # SciPy's is the root of twice the integral of the squared difference: 2 E|X-Y| - E|X-X'| - E|Y-Y'| under the root.
    energy = stats.energy_distance(one[:, 0] / scale, two[:, 0] / scale) ** 2
    between = np.abs(one - two.T).mean() / scale
    found = compare_vectors(one, two, permutations=400, rng=rng)
    assert found.effect == pytest.approx(np.sqrt(energy / (2 * between)), rel=1e-6)


def test_under_no_difference_small_p_values_are_as_rare_as_they_say() -> None:
    rng = np.random.default_rng(5)
    p_values = {"vectors": [], "words": [], "numbers": []}  # type: ignore[var-annotated]
    for _ in range(250):
        before, now = rng.normal(size=(30, 4)), rng.normal(size=(40, 4))
        p_values["vectors"].append(compare_vectors(before, now, permutations=400, rng=rng).p)
        words = [np.where(side[:, 0] > 0.5, "yes", "no").tolist() for side in (before, now)]
        p_values["words"].append(compare_words(words[0], words[1], permutations=400, rng=rng).p)
        p_values["numbers"].append(compare_numbers(before[:, 1], now[:, 1]).p)
    for level in (0.05, 0.2):
        most = stats.binom.ppf(0.999, 250, level)
        for name, found in p_values.items():
            assert sum(p <= level for p in found) <= most, (name, level)
    assert sum(p <= 0.2 for p in p_values["vectors"]) >= stats.binom.ppf(0.001, 250, 0.2), "nor idle"


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]
