"""What larger images cost check, harmonise and evaluation: processor time an image, by the side of the image.

    .venv/bin/python benchmarks/pixels.py [--images 40] [--sides 64 256 1024] [--out FILE]

The images and steps of benchmarks/scaling.py, which varies their number at one size; here the number stays. Processor
time is the measure, with one thread. Leaves out: networks (benchmarks/bench_*.json).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import psutil
import scaling

from components.artefacts import write_json
from components.engines import engine_of
from components.evaluation.speed import describe_machine
from components.params import EngineParams

OUT = Path(__file__).with_suffix(".json")
STEPS = ("check", "harmonise", "evaluate")


def measure(work: Path, side_px: int, images: int) -> list[dict[str, Any]]:
    """All steps at one size: processor milliseconds an image, and bytes an image of what was written."""
    scaling.SIDE_PX = side_px
    scaling.write_raw(work / "raw", images)
    engine = engine_of(EngineParams.model_validate({"name": "threads"}), workers=1)
    rows = []
    for step in STEPS:
        before_s = _processor_s()
        scaling.STEPS[step](work, engine)
        cost_ms = 1000 * (_processor_s() - before_s) / images
        rows.append({"step": step, "side_px": side_px, "images": images, "cpu_ms_an_image": round(cost_ms, 2)})
    return rows


def _processor_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        # The first use of a library costs what no later image pays again.
        measure(Path(scratch) / "warm", 64, 8)
        for side_px in args.sides:
            rows += measure(Path(scratch) / str(side_px), side_px, args.images)
            print(*rows[-len(STEPS) :], sep="\n", flush=True)
    record = {"machine": describe_machine(), "load": round(os.getloadavg()[0], 1), "rows": rows}
    write_json(args.out, record | {"prompts": list(scaling.KINDS)})


if __name__ == "__main__":
    main()
