"""One frame of a long ultrasound cine beside all of its frames, in every coding that stores cines.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/frames.py [--frames 100] [--rounds 5] [--out FILE]

Speckle of 800 x 600 pixels, grey; JPEG in colour as scanners write it. For each coding: opening the file, one frame
of it, and the whole file decoded by pydicom at once (the first decoder that it finds), with the memory that Python's
objects take at most. A colour frame is larger by three. Rounds take turns in one process, one core; processor time.
Leaves out: reading from disk, and lossless JPEG, which is written by no library here that can be trusted.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from components.artefacts import write_json  # noqa: E402
from components.evaluation.speed import describe_machine  # noqa: E402
from components.formats import open_source  # noqa: E402
from tests.components.formats import files  # noqa: E402

HEIGHT_PX, WIDTH_PX = 600, 800


def cine(frames: int) -> NDArray[np.uint8]:
    """Frames of smooth speckle, N H W."""
    import cv2

    rng = np.random.default_rng(1)
    made = np.empty((frames, HEIGHT_PX, WIDTH_PX), dtype=np.uint8)
    for frame in made:
        speckle = cv2.GaussianBlur(rng.rayleigh(1.0, (HEIGHT_PX, WIDTH_PX)), (0, 0), 1.5)
        frame[:] = np.clip(speckle * 90, 0, 255)
    return made


def cines(frames: int) -> dict[str, bytes]:
    """The cine in each coding, as a file."""
    grey = cine(frames)
    colour = np.repeat(grey[..., None], 3, axis=-1)
    jpegs = [files.pillow_file(frame, "JPEG", quality=90) for frame in colour]
    return {
        "uncompressed": files.dicom(grey),
        "RLE": files.by_pydicom(grey, files.RLE),
        "JPEG baseline, colour": files.compressed(files.dataset(colour, "YBR_FULL_422"), files.JPEG, jpegs),
        "JPEG-LS": files.by_pydicom(grey, files.JPEG_LS),
        "JPEG 2000, lossless": files.by_pydicom(grey, files.JPEG_2000),
    }


def whole(data: bytes) -> object:
    """All frames at once, by pydicom."""
    import pydicom

    return pydicom.pixels.pixel_array(pydicom.dcmread(io.BytesIO(data)), raw=False)


def _peak_mib(work: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def measure(data: bytes, frames: int, rounds: int) -> dict[str, Any]:
    """Milliseconds and memory of one file's three ways."""
    source = open_source(data, name="cine")
    assert source.frames == frames, "the file was made here"
    works: Mapping[str, Callable[[], object]] = {
        "open": lambda: open_source(data, name="cine"),
        "one_frame": lambda: source.frame(frames // 2),
        "all_frames": lambda: whole(data),
    }
    took_ms: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            began = time.process_time()
            work()
            took_ms[name].append((time.process_time() - began) * 1e3)
    # The first round imports decoders.
    medians_ms = {name: statistics.median(values[1:]) for name, values in took_ms.items()}
    return {
        "file_mib": round(len(data) / 2**20, 1),
        "ms": {name: round(value, 2) for name, value in medians_ms.items()},
        "all_over_one": round(medians_ms["all_frames"] / (medians_ms["open"] + medians_ms["one_frame"]), 1),
        "peak_mib": {name: round(_peak_mib(work), 1) for name, work in works.items()},
    }


def main() -> None:
    """Measure and print; write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = {name: measure(data, asked.frames, asked.rounds) for name, data in cines(asked.frames).items()}
    result = {
        "machine": describe_machine(), "frames": asked.frames, "size": [WIDTH_PX, HEIGHT_PX], "codings": found,
    }  # fmt: skip
    print(json.dumps(result, indent=2))
    if asked.out:
        write_json(asked.out, result)


if __name__ == "__main__":
    main()
