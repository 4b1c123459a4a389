"""Scored cases of two models, or of one under two kinds of prompt, to their values side by side.

Whatever is compared is compared case by case, on the cases that both have. Leaves out: what the values come to
(statistics.py, significance.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluation.comparing.statistics import ranks
from components.evaluation.scoring.table import Cases

CASE = ("dataset", "group", "case_id", "prompt")
"""What names a case and how it was asked about."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The values of both (N K), the groups of the cases (N) and their datasets (N), in the order of their names."""

    first: pd.DataFrame
    second: pd.DataFrame
    groups: pd.Series
    datasets: pd.Series


def pairs(cases: Cases, first: str, second: str, *, columns: Sequence[str]) -> Pairs:
    """Some columns of two models on the cases that both have.

    Raises
    ------
    ValueError
        If a model stands twice at a case.
    """
    ours, theirs = (cases.where(model=who).read([*CASE, *columns]) for who in (first, second))
    return side_by_side(ours, theirs, by=CASE, columns=columns)


def side_by_side(first: pd.DataFrame, second: pd.DataFrame, *, by: Sequence[str], columns: Sequence[str]) -> Pairs:
    """The rows of two tables that are equal in the columns `by`, in the order of those; raises as `pairs`."""
    numbers = _places(pd.concat([first[name], second[name]]) for name in by)
    ours, theirs = numbers[: len(first)], numbers[len(first) :]
    if any(len(np.unique(one)) < len(one) for one in (ours, theirs)):
        raise ValueError("a model stands twice at a case: nothing can be compared case by case")
    _, at_first, at_second = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    chosen = first.iloc[at_first]
    names = list(columns)
    return Pairs(chosen[names], second[names].iloc[at_second], chosen["group"], chosen["dataset"])


def in_order(cases: pd.DataFrame, *, by: Sequence[str]) -> pd.DataFrame:
    """The rows in the order of some columns' names."""
    return cases.iloc[np.argsort(_places(cases[name] for name in by), kind="stable")]


def _places(columns: Iterable[pd.Series]) -> NDArray[np.int64]:
    """Each row's place (N) among the different ones, in the order of the first column, of equal ones of the next."""
    return reduce(_refined, map(ranks, columns))


def _refined(numbers: NDArray[np.int64], finer: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in the order of numbers, of equal ones in that of others (N each)."""
    return np.unique(numbers * (finer.max(initial=0) + 1) + finer, return_inverse=True)[1]
