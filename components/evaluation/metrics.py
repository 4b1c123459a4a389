"""Two masks of one object to numbers: overlap, distances between outlines, area error, miss.

Everything is computed at the image's own resolution. What happens with empty masks is settled here, once:

| truth  | prediction | Dice, IoU | distances      | area error | counted as   |
|--------|------------|-----------|----------------|------------|--------------|
| object | object     | computed  | computed       | computed   | hit, or miss where they share no pixel |
| object | empty      | 0         | image diagonal | 1          | miss         |
| empty  | object     | 0         | image diagonal | 1          | false region |
| empty  | empty      | NaN       | NaN            | NaN        | neither      |

So a missed object is the worst of all answers and never drops out of a mean: deleting a prediction can't improve
any aggregate. Distances run between boundary pixels (mask XOR its erosion by the 4-neighbourhood, the image's
edge counting as background), centre to centre; HD95 is the larger of the two directed 95th percentiles, linearly
interpolated, as in MONAI. Tools differ by 10 % and more from this choice alone (arXiv 2410.02630).

Leaves out: means and intervals (components/evaluation/statistics.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from components.types import Mask

Score = Mapping[str, float]
UNIT_SPACING = (1.0, 1.0)


def dice(truth: Mask, prediction: Mask) -> float:
    """Twice the common area over the sum of areas; 0 if one mask is empty, NaN if both are."""
    total = _count(truth) + _count(prediction)
    return 2 * _count(truth & prediction) / total if total else math.nan


def iou(truth: Mask, prediction: Mask) -> float:
    """Common area over the area of the union; 0 if one mask is empty, NaN if both are."""
    union = _count(truth | prediction)
    return _count(truth & prediction) / union if union else math.nan


def area_error_share(truth: Mask, prediction: Mask) -> float:
    """The difference of areas over the larger area, 0 to 1; NaN if both masks are empty.

    The larger area, not the truth's, so that no prediction is worse than none.
    """
    areas = _count(truth), _count(prediction)
    return (max(areas) - min(areas)) / max(areas) if max(areas) else math.nan


def is_miss(truth: Mask, prediction: Mask) -> bool:
    """Whether there is an object of which the prediction shares not one pixel."""
    return bool(truth.any()) and not bool((truth & prediction).any())


def is_false_region(truth: Mask, prediction: Mask) -> bool:
    """Whether something is predicted where there is no object."""
    return not bool(truth.any()) and bool(prediction.any())


def hd_px(truth: Mask, prediction: Mask) -> float:
    """Hausdorff distance between the outlines, in pixels; see the module for empty masks."""
    return hausdorff(truth, prediction)[1]


def hd95_px(truth: Mask, prediction: Mask) -> float:
    """The larger of the two directed 95th percentiles between the outlines, in pixels; see `hd_px`."""
    return hausdorff(truth, prediction)[0]


def hausdorff(truth: Mask, prediction: Mask, *, spacing: tuple[float, float] = UNIT_SPACING) -> tuple[float, float]:
    """HD95 and HD of two masks (H W), in the unit of `spacing` (size of a pixel: row, column)."""
    some_truth, some_prediction = bool(truth.any()), bool(prediction.any())
    if not some_truth and not some_prediction:
        return math.nan, math.nan
    if not some_truth or not some_prediction:
        worst = diagonal((truth.shape[0], truth.shape[1]), spacing=spacing)
        return worst, worst
    there, back = outline_distances(truth, prediction, spacing=spacing)
    percentiles = [float(np.percentile(distances, 95)) for distances in (there, back)]
    return max(percentiles), float(max(there.max(), back.max()))


def outline_distances(
    truth: Mask, prediction: Mask, *, spacing: tuple[float, float] = UNIT_SPACING
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From each boundary pixel of the prediction to the nearest of the truth, and from the truth's to the prediction's.

    Neither mask may be empty. A k-d tree over the outlines is exact, and much quicker than distance maps of the
    whole image, as outlines are thin.
    """
    scale = np.asarray(spacing, dtype=np.float64)
    of_truth = np.argwhere(boundary(truth)) * scale  # N 2, row and column
    of_prediction = np.argwhere(boundary(prediction)) * scale
    there, _ = cKDTree(of_truth).query(of_prediction)
    back, _ = cKDTree(of_prediction).query(of_truth)
    return there, back


def boundary(mask: Mask) -> Mask:
    """The foreground pixels of a mask (H W) with a background 4-neighbour; beyond the image is background."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inner)


def diagonal(size_hw: tuple[int, int], *, spacing: tuple[float, float] = UNIT_SPACING) -> float:
    """The image's diagonal, corner to corner: more than any distance between pixel centres."""
    return math.hypot(size_hw[0] * spacing[0], size_hw[1] * spacing[1])


def score_case(truth: Mask, prediction: Mask, *, spacing_mm: tuple[float, float] | None = None) -> Score:
    """All metrics of one object by name, the unit in the name; millimetres are NaN where spacing isn't known.

    Raises
    ------
    ValueError
        If the masks differ in size.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"a truth of {truth.shape} and a prediction of {prediction.shape} pixels")
    window = _union_box(truth, prediction)
    cut_truth, cut_prediction = truth[window], prediction[window]
    lone = not truth.any() or not prediction.any()
    # Distances of a lone mask are the whole image's diagonal; all else lies within the union's box.
    pair = (truth, prediction) if lone else (cut_truth, cut_prediction)
    hd95, hd = hausdorff(*pair)
    hd95_mm, hd_mm = (math.nan, math.nan) if spacing_mm is None else hausdorff(*pair, spacing=spacing_mm)
    return {
        "dice": dice(cut_truth, cut_prediction),
        "iou": iou(cut_truth, cut_prediction),
        "hd95_px": hd95,
        "hd_px": hd,
        "hd95_mm": hd95_mm,
        "hd_mm": hd_mm,
        "area_error_share": area_error_share(cut_truth, cut_prediction),
        "miss": float(is_miss(cut_truth, cut_prediction)),
        "false_region": float(is_false_region(cut_truth, cut_prediction)),
    }


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _union_box(truth: Mask, prediction: Mask) -> tuple[slice, slice]:
    either = truth | prediction
    rows, columns = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
