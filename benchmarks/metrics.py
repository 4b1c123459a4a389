"""What scoring costs: Dice, HD95 and NSD of one case beside MONAI's and surface-distance's, and the cluster bootstrap.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/metrics.py cases [--rounds 9] [--surface-distance FOLDER] [--out FILE]
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/metrics.py bootstrap [--rounds 5] [--cases 10000] [--columns 10]

`cases` draws pairs of masks in an image of 1024 x 1024 pixels and lets the implementations take turns. Everything runs
on one core, and processor time is given: what it takes where nothing else runs. Beside the times stand the numbers
that each gives: ours and MONAI's are one definition, surface-distance weighs pieces of outline between pixels.
surface-distance isn't installed here (its last release is of 2024, and it fails where NumPy 2 meets an empty mask);
FOLDER is where `pip install --no-deps --target FOLDER surface-distance` put it. Distance maps, the other ways to the
same numbers, are timed too, and OpenCV's is held against the exact one. `bootstrap` times the intervals of a table's
columns, all at once and one by one, against gathering the values of each column, as it was done before. Leaves out:
the models.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from components.artefacts import write_json
from components.evaluation.comparing.statistics import Bootstrap, cluster_mean, cluster_means
from components.evaluation.scoring.metrics import Tolerances, boundary, outline_distances, score_case
from components.evaluation.speed import describe_machine
from components.types import Mask

SIDE_PX = 1024
TOLERANCE = 3.0
DISTRIBUTIONS = ("numpy", "scipy", "monai", "opencv-python-headless", "surface-distance")
Pair = tuple[Mask, Mask]


def ellipse(x: int, y: int, width_px: int, height_px: int) -> Mask:
    """A filled ellipse."""
    mask = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    cv2.ellipse(mask, (x, y), (width_px // 2, height_px // 2), 0, 0, 360, 1, -1)
    return mask.astype(bool)


def ragged(mask: Mask, seed: int, *, grain_px: float) -> Mask:
    """The same with an outline that wanders by some 12 pixels; fine grains fray it into islands and holes."""
    noise = np.random.default_rng(seed).normal(size=mask.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), grain_px)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(inside - outside + 12 * noise / noise.std() > 0)


def specks(count: int, seed: int) -> Mask:
    """Single pixels all over the image."""
    mask = np.zeros(SIDE_PX * SIDE_PX, dtype=bool)
    mask[np.random.default_rng(seed).choice(mask.size, count, replace=False)] = True
    return mask.reshape(SIDE_PX, SIDE_PX)


def pairs() -> dict[str, Pair]:
    """Truth and prediction of each kind of case."""
    large, moved = ellipse(512, 512, 700, 500), ellipse(522, 522, 700, 500)
    return {
        "lesion of 100 x 80 px, moved by 10 px": (ellipse(300, 300, 100, 80), ellipse(310, 310, 100, 80)),
        "ellipse of 700 x 500 px, moved by 10 px": (large, moved),
        "ragged 700 x 500 px, moved by 10 px": (ragged(large, 1, grain_px=4), ragged(moved, 2, grain_px=4)),
        "frayed 700 x 500 px, moved by 10 px": (ragged(large, 1, grain_px=1.5), ragged(moved, 2, grain_px=1.5)),
        "ellipse of 700 x 500 px, 5,000 specks predicted": (large, specks(5000, 3)),
        "ellipse of 700 x 500 px, noise predicted": (large, specks(SIDE_PX * SIDE_PX // 2, 4)),
    }


def ours(truth: Mask, prediction: Mask) -> dict[str, float]:
    """All our metrics, of which three are compared."""
    score = score_case(truth, prediction, tolerances=Tolerances(px=TOLERANCE, mm=1.0))
    return {"dice": score["dice"], "hd95": score["hd95_px"], "nsd": score["nsd_px"]}


def monais(truth: Mask, prediction: Mask) -> dict[str, float]:
    """MONAI's functions for the same."""
    y, y_hat = (torch.from_numpy(mask)[None, None].float() for mask in (truth, prediction))  # 1 1 H W
    return {
        "dice": float(compute_dice(y_hat, y)),
        "hd95": float(compute_hausdorff_distance(y_hat, y, include_background=True, percentile=95)),
        "nsd": float(compute_surface_dice(y_hat, y, [TOLERANCE], include_background=True)),
    }


def deepminds(package: Any) -> Callable[[Mask, Mask], dict[str, float]]:
    """surface-distance's functions for the same."""

    def score(truth: Mask, prediction: Mask) -> dict[str, float]:
        found = package.compute_surface_distances(truth, prediction, spacing_mm=(1.0, 1.0))
        return {
            "dice": float(package.compute_dice_coefficient(truth, prediction)),
            "hd95": float(package.compute_robust_hausdorff(found, 95)),
            "nsd": float(package.compute_surface_dice_at_tolerance(found, TOLERANCE)),
        }

    return score


def taking_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Processor milliseconds, the median of `rounds` rounds after one that doesn't count, and the median of the
    ratios to the first, round by round."""
    times_ms: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            times_ms[name].append(1000 * (time.process_time() - start))
    first = next(iter(times_ms.values()))[1:]
    return {
        name: {
            "median_ms": round(statistics.median(times[1:]), 2),
            "least_ms": round(min(times[1:]), 2),
            "ratio_to_first": round(statistics.median(t / f for t, f in zip(times[1:], first, strict=True)), 2),
        }
        for name, times in times_ms.items()
    }


def _by_map(distance_map: Callable[[Mask], np.ndarray]) -> Callable[[Mask, Mask], tuple[np.ndarray, np.ndarray]]:
    """Distances between outlines read from two distance maps of the union's box."""

    def distances(truth: Mask, prediction: Mask) -> tuple[np.ndarray, np.ndarray]:
        x, y, width, height = cv2.boundingRect((truth | prediction).view(np.uint8))
        one, other = (boundary(mask[y : y + height, x : x + width]) for mask in (truth, prediction))
        return distance_map(one)[other], distance_map(other)[one]

    return distances


def _opencvs(outline: Mask) -> np.ndarray:
    return cv2.distanceTransform((~outline).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _opencvs_rounded(outline: Mask) -> np.ndarray:
    # Squares of distances between pixels are whole numbers, so that rounding mends what single precision lost.
    return np.asarray(np.sqrt(np.rint(_opencvs(outline).astype(np.float64) ** 2)))


def _scipys(outline: Mask) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~outline))


MAPS = {"OpenCV's precise map": _opencvs, "SciPy's exact map": _scipys}


def cases(rounds: int, surface_distance: Path | None) -> dict[str, Any]:
    """Times and numbers of each kind of case."""
    scorers: dict[str, Callable[[Mask, Mask], dict[str, float]]] = {"ours": ours, "monai": monais}
    if surface_distance is not None:
        sys.path.insert(0, str(surface_distance))
        scorers["surface-distance"] = deepminds(importlib.import_module("surface_distance"))
    rows = {}
    for name, pair in pairs().items():
        print(name, file=sys.stderr)
        ways: dict[str, Callable[[Mask, Mask], object]] = {
            "k-d tree": outline_distances,
            **{words: _by_map(how) for words, how in MAPS.items()},
        }
        rows[name] = {
            "boundary_pixels": [int(boundary(mask).sum()) for mask in pair],
            "timings": taking_turns({who: _call(score, pair) for who, score in scorers.items()}, rounds),
            "numbers": {who: _rounded(score(*pair)) for who, score in scorers.items()},
            "distances_alone": taking_turns({words: _call(way, pair) for words, way in ways.items()}, rounds),
        }
    return {
        "image_px": [SIDE_PX, SIDE_PX],
        "tolerance_px": TOLERANCE,
        "versions": {name: version(name) for name in DISTRIBUTIONS[: 4 if surface_distance is None else 5]},
        "rows": rows,
        "opencv_against_exact_px": _opencvs_error(),
    }


def _call(run: Callable[[Mask, Mask], object], pair: Pair) -> Callable[[], object]:
    return lambda: run(*pair)


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in numbers.items()}


def _opencvs_error() -> dict[str, float]:
    """The largest error of OpenCV's map anywhere in the image, as it comes and rounded to whole squares."""
    outlines = [boundary(ellipse(300, 300, 100, 80)), boundary(ellipse(512, 512, 700, 500))]
    errors = {
        words: max(float(np.abs(how(outline) - _scipys(outline)).max()) for outline in outlines)
        for words, how in (("as it comes", _opencvs), ("rounded", _opencvs_rounded))
    }
    return {words: float(f"{error:.3g}") for words, error in errors.items()}


def bootstrap(rounds: int, count: int, columns: int) -> dict[str, Any]:
    """Times of the intervals of a whole table: 10,000 resamples, each case a group of its own, and ten to a group."""
    values = np.random.default_rng(0).random((count, columns))
    how = Bootstrap(resamples=10_000, confidence=0.95, seed=1)
    rows = {}
    for words, size in (("a group for each case", 1), ("ten cases to a group", 10)):
        print(words, file=sys.stderr)
        groups = (np.arange(count) // size).tolist()
        ways: dict[str, Callable[[], object]] = {
            "all columns at once": partial(cluster_means, values, groups, bootstrap=how),
            "one by one": partial(_each, cluster_mean, values, groups, how),
            "one by one, values gathered": partial(_each, _gathered, values, groups, how),
        }
        rows[words] = taking_turns(ways, rounds)
    return {"cases": count, "columns": columns, "resamples": how.resamples, "rows": rows}


def _each(estimate: Callable[..., object], values: np.ndarray, groups: list[int], how: Bootstrap) -> list[object]:
    return [estimate(column, groups, bootstrap=how) for column in values.T]


def _gathered(values: np.ndarray, groups: list[int], *, bootstrap: Bootstrap) -> np.ndarray:
    """The interval as it was computed before: the values themselves are gathered, resample by resample."""
    members: dict[int, list[float]] = {}
    for value, group in zip(values.tolist(), groups, strict=True):
        members.setdefault(group, []).append(value)
    means = np.array([np.mean(of) for of in members.values()])
    rng = np.random.default_rng(bootstrap.seed)
    step = max(1, 4_000_000 // means.size)
    out = np.empty(bootstrap.resamples)
    for start in range(0, bootstrap.resamples, step):
        stop = min(start + step, bootstrap.resamples)
        out[start:stop] = means[rng.integers(means.size, size=(stop - start, means.size), dtype=np.int32)].mean(axis=1)
    return np.quantile(out, [0.025, 0.975])


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cases", "bootstrap"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--surface-distance", type=Path)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: processor time is that of one core")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    found = (
        cases(asked.rounds, asked.surface_distance)
        if asked.what == "cases"
        else bootstrap(asked.rounds, asked.cases, asked.columns)
    )
    before = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out and asked.out.is_file() else {}
    result = {**before, "schema": 1, asked.what: {"machine": describe_machine(), **found}}
    if asked.out is not None:
        write_json(asked.out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
