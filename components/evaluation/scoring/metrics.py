"""Two masks of one object to numbers: overlap, distances between outlines, share of the outline, area error, miss.

Everything is computed at the image's own resolution. What happens with empty masks is settled here, once:

| truth  | prediction | Dice, IoU, NSD | distances      | area error | counted as   |
|--------|------------|----------------|----------------|------------|--------------|
| object | object     | computed       | computed       | computed   | hit, or miss where they share no pixel |
| object | empty      | 0              | image diagonal | 1          | miss         |
| empty  | object     | 0              | image diagonal | 1          | false region |
| empty  | empty      | NaN            | NaN            | NaN        | neither      |

So a missed object is the worst of all answers and never drops out of a mean: deleting a prediction can't improve
any aggregate. Distances run between boundary pixels (mask XOR its erosion by the 4-neighbourhood, the image's
edge counting as background), centre to centre; HD95 is the larger of the two directed 95th percentiles, linearly
interpolated, and NSD the share of the boundary pixels of both that lie within a tolerance of the other's, as in MONAI.
Tools differ by 10 % and more from this choice alone (arXiv 2410.02630).

The nearest boundary pixel comes from a k-d tree over the other outline: exact, and quicker than distance maps, as
outlines are thin. OpenCV's "precise" distance map is not exact far from the object (benchmarks/metrics.py).

Leaves out: means and intervals (components/evaluation/comparing/statistics.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from components.types import Mask

Score = Mapping[str, float]
UNIT_SPACING = (1.0, 1.0)
TIE = 1e-9
"""Relative slack of a tolerance in millimetres: 3 pixels of 0.1 mm are within 0.3 mm, whatever the last bit says."""
LEAF_PIXELS = 32
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far an outline may lie from the other to count as the same for NSD: in pixels, and in millimetres."""

    px: float
    mm: float


@dataclass(frozen=True, slots=True)
class OutlineScore:
    """What the distances between two outlines say: HD95 and HD in their unit, and NSD, a share."""

    hd95: float
    hd: float
    nsd: float


@dataclass(frozen=True, slots=True)
class OutlineDistances:
    """From each boundary pixel of the prediction to the nearest of the truth (`there`), and of the truth (`back`)."""

    there: NDArray[np.float64]
    back: NDArray[np.float64]

    def scaled(self, factor: float) -> OutlineDistances:
        """The same in another unit."""
        return OutlineDistances(self.there * factor, self.back * factor)

    def score(self, tolerance: float) -> OutlineScore:
        """HD95, HD and NSD at a tolerance, which has the distances' unit."""
        near = sum(int(np.count_nonzero(side <= tolerance * (1 + TIE))) for side in (self.there, self.back))
        return OutlineScore(
            hd95=max(float(np.percentile(side, 95)) for side in (self.there, self.back)),
            hd=float(max(self.there.max(), self.back.max())),
            nsd=near / (self.there.size + self.back.size),
        )


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
    return outline_score(truth, prediction, tolerance=math.inf).hd


def hd95_px(truth: Mask, prediction: Mask) -> float:
    """The larger of the two directed 95th percentiles between the outlines, in pixels; see `hd_px`."""
    return outline_score(truth, prediction, tolerance=math.inf).hd95


def nsd(truth: Mask, prediction: Mask, *, tolerance: float, spacing: tuple[float, float] = UNIT_SPACING) -> float:
    """Normalised surface Dice: the share of both outlines' pixels within `tolerance` (unit of `spacing`) of the other.

    Nikolov et al., arXiv 1809.04430, counted in boundary pixels instead of lengths, as in MONAI's compute_surface_dice.
    """
    return outline_score(truth, prediction, tolerance=tolerance, spacing=spacing).nsd


def outline_score(
    truth: Mask, prediction: Mask, *, tolerance: float, spacing: tuple[float, float] = UNIT_SPACING
) -> OutlineScore:
    """HD95, HD and NSD of two masks (H W), in the unit of `spacing` (size of a pixel: row, column)."""
    return _lone(truth, prediction, spacing=spacing) or outline_distances(truth, prediction, spacing=spacing).score(
        tolerance
    )


def _lone(truth: Mask, prediction: Mask, *, spacing: tuple[float, float]) -> OutlineScore | None:
    """The score where a mask is empty; None where neither is."""
    some_truth, some_prediction = bool(truth.any()), bool(prediction.any())
    if some_truth and some_prediction:
        return None
    if not some_truth and not some_prediction:
        return OutlineScore(math.nan, math.nan, math.nan)
    worst = diagonal((truth.shape[0], truth.shape[1]), spacing=spacing)
    return OutlineScore(hd95=worst, hd=worst, nsd=0.0)


def outline_distances(
    truth: Mask, prediction: Mask, *, spacing: tuple[float, float] = UNIT_SPACING
) -> OutlineDistances:
    """Distances between the outlines of two masks (H W), neither of them empty, in the unit of `spacing`."""
    of_truth, of_prediction = (_boundary_points(mask, spacing) for mask in (truth, prediction))  # N 2, row and column
    there, _ = _tree(of_truth).query(of_prediction)
    back, _ = _tree(of_prediction).query(of_truth)
    return OutlineDistances(there, back)


def _tree(points: NDArray[np.float64]) -> cKDTree:
    # Splitting at the middle instead of the median builds faster, and large leaves suit points on a grid.
    return cKDTree(points, leafsize=LEAF_PIXELS, balanced_tree=False)


def _boundary_points(mask: Mask, spacing: tuple[float, float]) -> NDArray[np.float64]:
    flat = np.flatnonzero(boundary(mask))  # several times as fast as argwhere
    return np.stack(np.divmod(flat, mask.shape[1]), axis=1) * np.asarray(spacing, dtype=np.float64)


def boundary(mask: Mask) -> Mask:
    """The foreground pixels of a mask (H W) with a background 4-neighbour; beyond the image is background."""
    if not mask.size:
        return mask.copy()
    inner = cv2.erode(mask.view(np.uint8), CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(mask & (inner == 0))


def diagonal(size_hw: tuple[int, int], *, spacing: tuple[float, float] = UNIT_SPACING) -> float:
    """The image's diagonal, corner to corner: more than any distance between pixel centres."""
    return math.hypot(size_hw[0] * spacing[0], size_hw[1] * spacing[1])


def score_case(
    truth: Mask, prediction: Mask, *, tolerances: Tolerances, spacing_mm: tuple[float, float] | None = None
) -> Score:
    """All metrics of one object by name, the unit in the name; millimetres are NaN where spacing isn't known.

    `nsd_px` and `nsd_mm` are shares; their unit is that of the tolerance.

    Raises
    ------
    ValueError
        If the masks differ in size.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"a truth of {truth.shape} and a prediction of {prediction.shape} pixels")
    window = _union_box(truth, prediction)
    cut_truth, cut_prediction = truth[window], prediction[window]
    in_px, in_mm = _outline_scores(truth, prediction, window, tolerances=tolerances, spacing_mm=spacing_mm)
    return {
        "dice": dice(cut_truth, cut_prediction),
        "iou": iou(cut_truth, cut_prediction),
        "nsd_px": in_px.nsd,
        "nsd_mm": in_mm.nsd,
        "hd95_px": in_px.hd95,
        "hd_px": in_px.hd,
        "hd95_mm": in_mm.hd95,
        "hd_mm": in_mm.hd,
        "area_error_share": area_error_share(cut_truth, cut_prediction),
        "miss": float(is_miss(cut_truth, cut_prediction)),
        "false_region": float(is_false_region(cut_truth, cut_prediction)),
    }


def _outline_scores(
    truth: Mask,
    prediction: Mask,
    window: tuple[slice, slice],
    *,
    tolerances: Tolerances,
    spacing_mm: tuple[float, float] | None,
) -> tuple[OutlineScore, OutlineScore]:
    """The score in pixels and that in millimetres (NaN without spacing); distances are measured once if they can be."""
    unknown = OutlineScore(math.nan, math.nan, math.nan)
    # Distances of a lone mask are the whole image's diagonal; all else lies within the union's box.
    lone = _lone(truth, prediction, spacing=UNIT_SPACING)
    if lone is not None:
        in_mm = None if spacing_mm is None else _lone(truth, prediction, spacing=spacing_mm)
        return lone, in_mm or unknown
    pair = truth[window], prediction[window]
    distances = outline_distances(*pair)
    in_px = distances.score(tolerances.px)
    if spacing_mm is None:
        return in_px, unknown
    square = spacing_mm[0] == spacing_mm[1]
    in_unit = distances.scaled(spacing_mm[0]) if square else outline_distances(*pair, spacing=spacing_mm)
    return in_px, in_unit.score(tolerances.mm)


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _union_box(truth: Mask, prediction: Mask) -> tuple[slice, slice]:
    if not truth.size:
        return slice(0, 0), slice(0, 0)
    x, y, width, height = cv2.boundingRect((truth | prediction).view(np.uint8))
    return slice(y, y + height), slice(x, x + width)
