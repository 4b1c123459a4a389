"""What it costs to measure an outline, beside trying all pairs of its corners, and to write each of the files.

    .venv/bin/python benchmarks/measuring.py [--rounds 7] [--out FILE]

Shapes are drawn at 1024 x 1024 px, from a lesion to the worst that a mask can be. Gives the least of the rounds'
processor milliseconds; all pairs only of a single part whose pairs fit into memory. Files are of three objects on a
frame of a multi-frame DICOM image, once their libraries are imported. Leaves out: models.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from components.artefacts import write_json
from components.evaluation.speed import describe_machine
from components.findings.coco import to_coco
from components.findings.finding import Finding, Origin
from components.findings.measure import measure
from components.findings.measurement_report import to_report
from components.findings.outline import Outline, trace
from components.findings.overlay import to_overlay
from components.findings.segmentation import to_segmentation
from components.formats import Spacing
from components.types import Mask

SIDE_PX = 1024
PAIRS_CORNERS = 9000
SPACING = Spacing(0.11, 0.13, "benchmark")


def shapes() -> dict[str, Mask]:
    """Masks of 1024 x 1024 px by name."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
    angle = np.arctan2(rows - 512, columns - 512)
    rng = np.random.default_rng(7)
    return {
        "lesion": ((columns - 500) / 220) ** 2 + ((rows - 480) / 140) ** 2 < 1,
        "lobed": np.hypot(columns - 512, rows - 512) < 350 + 60 * np.sin(9 * angle),
        "whole image": np.ones((SIDE_PX, SIDE_PX), dtype=bool),
        "25,000 specks": rng.random((SIDE_PX, SIDE_PX)) < 0.025,
        "comb of 51 teeth": (columns % 20 < 10) | (rows > 1000),
    }


def corners_of(outline: Outline) -> NDArray[np.float64]:
    """All corners of an outline's edges (N 2)."""
    ends = [outline.across_xy, outline.across_xy + (1, 0), outline.down_xy, outline.down_xy + (0, 1)]  # noqa: RUF005
    return np.unique(np.concatenate(ends), axis=0).astype(np.float64)


def least_ms(what: Callable[[], Any], rounds: int) -> float:
    """The least processor time of some rounds."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        what()
        spent.append(1000 * (time.process_time() - start))
    return round(min(spent), 3)


def measured(rounds: int) -> dict[str, dict[str, Any]]:
    """By shape: edges of the outline, our time, that of all pairs, and how many times as long that is."""
    found = {}
    for name, mask in shapes().items():
        outline = trace(mask)
        assert outline is not None
        corners = corners_of(outline)
        ours = least_ms(lambda mask=mask: measure(mask, SPACING), rounds)
        pairs = None
        if outline.parts == 1 and len(corners) <= PAIRS_CORNERS:
            pairs = least_ms(lambda corners=corners: pdist(corners).max(), rounds)
        ratio = None if pairs is None else round(pairs / ours, 1)
        found[name] = {
            "parts": outline.parts,
            "corners": len(corners),
            "ms": ours,
            "all_pairs_longest_ms": pairs,
            "ratio": ratio,
        }
    return found


def written(rounds: int) -> dict[str, dict[str, float]]:
    """By kind of file: time and size."""
    from tests.components.findings.dicom_files import make_source

    masks = [mask for name, mask in shapes().items() if name in ("lesion", "lobed")]
    findings = [Finding(f"object {n}", mask, measure(mask, SPACING)) for n, mask in enumerate([*masks, ~masks[0]])]
    origin = Origin("hiera_mini", "1", "a" * 64, "0.1.0", phantom=True)
    source = make_source(frames=2, Rows=SIDE_PX, Columns=SIDE_PX, PixelData=bytes(2 * SIDE_PX**2))
    pixels = np.zeros((SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    makers: dict[str, Callable[[], bytes]] = {
        "overlay": lambda: to_overlay(pixels, findings, origin),
        "coco": lambda: json.dumps(to_coco(findings, origin, file_name="image", size_hw=(SIDE_PX, SIDE_PX))).encode(),
        "seg": lambda: to_segmentation(source, findings, origin, frame=1),
        "sr": lambda: to_report(source, findings, origin, frame=1),
    }
    for make in makers.values():
        make()  # imports
    return {name: {"ms": least_ms(make, rounds), "bytes": len(make())} for name, make in makers.items()}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    found = {
        "schema": 1,
        "machine": describe_machine(),
        "measure": measured(given.rounds),
        "write": written(given.rounds),
    }
    write_json(given.out, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
