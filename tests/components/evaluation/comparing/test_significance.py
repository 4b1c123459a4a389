"""The checks beside intervals: by hand, under no effect, and as a family."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.comparing.significance import holm, miss_test, signed_rank_p


def test_by_hand_signed_ranks() -> None:
    # Five groups, all better: of the 2^5 patterns of signs only two are as extreme.
    assert signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5], list("abcde")) == pytest.approx(2 / 32)
    # One group of five is one witness, and one witness says nothing.
    assert math.isnan(signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5], ["a"] * 5))
    assert signed_rank_p([0.0, 0.0, 0.0], list("abc")) == 1


def test_copies_in_a_group_lend_no_significance() -> None:
    difference, groups = [0.1, -0.2, 0.3, 0.4], list("abcd")
    assert signed_rank_p(difference * 9, groups * 9) == signed_rank_p(difference, groups)
    assert miss_test([1, 1, 0] * 9, [0, 0, 1] * 9, list("abc") * 9) == miss_test([1, 1, 0], [0, 0, 1], list("abc"))


def test_undefined_differences_are_left_out() -> None:
    assert signed_rank_p([0.1, math.nan, 0.2, 0.3], list("abcd")) == signed_rank_p([0.1, 0.2, 0.3], list("acd"))
    assert math.isnan(signed_rank_p([math.nan], ["a"]))
    assert math.isnan(miss_test([], [], []).p)


def test_by_hand_misses() -> None:
    # The first misses six objects that the second finds, the second one: binomial, 2 * (1 + 7) / 2^7.
    first, second = [1] * 6 + [0] + [1] * 10 + [0] * 10, [0] * 6 + [1] + [1] * 10 + [0] * 10
    found = miss_test(first, second, list(range(27)))
    assert (found.first_worse, found.second_worse) == (6, 1)
    assert found.p == pytest.approx(16 / 128)
    assert miss_test([1, 0], [1, 0], ["a", "b"]).p == 1


def test_by_hand_holm() -> None:
    # Holm 1979: the smallest p times 4, the next times 3, and never falling below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    family = holm([0.01, math.nan, 0.02])
    assert family[0] == 0.02 and math.isnan(family[1]) and family[2] == 0.02
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    corrected = np.array(holm(p_values))
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()


def test_no_effect_is_called_significant_in_one_of_twenty() -> None:
    rng = np.random.default_rng(0)
    below = [signed_rank_p(rng.normal(size=40), list(range(40))) < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(below) < 0.09
