"""What a check costs: images a second on a folder, and seconds and memory over many small images.

    .venv/bin/python benchmarks/checking.py speed DATASET FOLDER [--workers N] [--out FILE]
    .venv/bin/python benchmarks/checking.py memory [--images 100000] [--out FILE]

`speed` checks a folder in the dataset's original layout. `memory` writes pairs of 64 x 64 pixels into a temporary
folder, checks them with two threads, and gives the peak of resident memory on the way. Leaves out: the report.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from components.artefacts import write_json
from components.contract import load_contract
from components.engines import Threads
from components.evaluation.speed import describe_machine
from components.intake.validate_data import check_data

CONTRACTS = Path(__file__).parents[1] / "data/contracts"
SIDE_PX = 64
# A file can't have links without end.
LINKS = 30_000
NOTED_IMAGES = 10_000


def peak_mb() -> int:
    """The peak of this process's resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def speed(dataset: str, folder: Path, workers: int) -> dict[str, Any]:
    """Images a second, wall clock and processor."""
    start, cpu = time.perf_counter(), time.process_time()
    checked = check_data(
        load_contract(dataset, CONTRACTS), folder, phantom=True, contracts=CONTRACTS, engine=Threads(workers)
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    images = len(checked.facts)
    return {
        "dataset": dataset,
        "images": images,
        "workers": workers,
        "images_a_second": round(images / seconds, 1),
        "cpu_ms_an_image": round(1000 * cpu_seconds / images, 1),
        "peak_mb": peak_mb(),
    }


def write_pairs(folder: Path, images: int) -> None:
    """Speckle images, all different, with one mask by hard links, in UDIAT's layout."""
    for kind in ("original", "GT"):
        (folder / "BUS" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    mask[20:40, 20:44] = 255
    for number in range(images):
        # Grains as large as ultrasound's, else each image would be flagged as noise.
        pixels = cv2.GaussianBlur(rng.integers(1, 255, (SIDE_PX, SIDE_PX), dtype=np.uint8), (5, 5), 1.0)
        cv2.imwrite(str(folder / f"BUS/original/{number:06d}.png"), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        path = folder / f"BUS/GT/{number:06d}.png"
        if number % LINKS == 0:
            cv2.imwrite(str(path), mask)
            first = path
        else:
            os.link(first, path)


def memory(images: int) -> dict[str, Any]:
    """Seconds and peak of memory of a check, as it goes on."""
    contract = load_contract("udiat", CONTRACTS)
    small = contract.expectations.model_copy(update={"min_side_px": SIDE_PX // 2})
    contract = contract.model_copy(update={"expectations": small})
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        write_pairs(Path(scratch), images)
        before_mb, start = peak_mb(), time.perf_counter()

        def note(done: int, _total: int) -> None:
            if done % NOTED_IMAGES == 0:
                rows.append({"images": done, "seconds": round(time.perf_counter() - start, 1), "peak_mb": peak_mb()})

        checked = check_data(
            contract, Path(scratch), phantom=True, contracts=CONTRACTS, engine=Threads(2), progress=note
        )
        seconds = round(time.perf_counter() - start, 1)
    return {
        "images": len(checked.facts),
        "seconds": seconds,
        "peak_before_mb": before_mb,
        "peak_mb": peak_mb(),
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    quick = what.add_parser("speed")
    quick.add_argument("dataset")
    quick.add_argument("folder", type=Path)
    quick.add_argument("--workers", type=int, default=2)
    many = what.add_parser("memory")
    many.add_argument("--images", type=int, default=100_000)
    for one in (quick, many):
        one.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = speed(given.dataset, given.folder, given.workers) if given.what == "speed" else memory(given.images)
    result = {"schema": 1, "machine": describe_machine(), given.what: found}
    print(result)
    if given.out is not None:
        write_json(given.out, result)


if __name__ == "__main__":
    main()
