"""What check, harmonise, split and evaluation cost an image, and how much memory, from a thousand images on.

    .venv/bin/python benchmarks/scaling.py [--images 1000 10000 100000] [--engine threads] [--work FOLDER]

Each step runs in a process of its own on images of 64 x 64 pixels, all different, in UDIAT's layout: what is measured
is what grows with the number of images, so that pixels are few and the model of the evaluation is none (it answers
each box with an ellipse; a network's own time is the same for each image). Processor time is the measure, as wall clock
says what else the machine was doing. Memory is the peak of the process, and with Ray the sum over it and its workers.
What is done stays in benchmarks/scaling.json and in the folder, so that the command goes on where it was; `--again`
measures anew. Leaves out: networks (benchmarks/bench_*.json) and Great Expectations, which looks at a table once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from components.artefacts import write_json
from components.contract import Contract, load_contract
from components.engines import Engine, engine_of
from components.evaluation.reporting.report import write_validation
from components.evaluation.scoring.cases import Contender
from components.evaluation.speed import describe_machine
from components.evaluation.validate import validate
from components.intake.form.records import open_manifest, write_split
from components.intake.harmonise import harmonise
from components.intake.sides.images import Images
from components.intake.sides.record import NOTHING_ON_RECORD
from components.intake.sides.relatives import find_relatives
from components.intake.sides.split_report import write_split_report
from components.intake.split import split
from components.intake.validate_data import check_data
from components.params import EngineParams, load_params
from components.types import Image, Prediction, Prompt

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"
OUT = Path(__file__).with_suffix(".json")
SIDE_PX = 64
KINDS = ("box", "box_jitter", "click")
# Of so small images two threads wait for each other more than they work: up to twice the processor time an image where
# two cores are free, none more where one is.
WORKERS = 1


class Ellipse:
    """A model that answers a box, or a click, with an ellipse; it costs next to nothing."""

    def embed(self, _: Any, image: Image) -> Any:
        """What is kept of an image."""
        return image.shape

    def segment_embedded(
        self,
        _: Any,
        __: Any,
        size_hw: tuple[int, int],
        prompts: Sequence[Prompt],
    ) -> list[Prediction]:
        """The ellipse in each box, or of twenty pixels around the first click."""
        return [Prediction(_ellipse(one, size_hw), 0.9) for one in prompts]


def _ellipse(prompt: Prompt, size_hw: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
    else:
        x0, y0 = prompt.points[0].x - 10, prompt.points[0].y - 10
        x1, y1 = x0 + 20, y0 + 20
    rows, columns = np.ogrid[: size_hw[0], : size_hw[1]]
    across, down = (columns - (x0 + x1) / 2) / max(1.0, (x1 - x0) / 2), (rows - (y0 + y1) / 2) / max(1.0, (y1 - y0) / 2)
    return np.asarray(across**2 + down**2 <= 1)


def contract() -> Contract:
    """UDIAT's, with images as small as these allowed."""
    read = load_contract("udiat", CONTRACTS)
    small = read.expectations.model_copy(update={"min_side_px": SIDE_PX // 2})
    return read.model_copy(update={"expectations": small})


def write_raw(folder: Path, images: int) -> None:
    """Speckle images and rectangles, all different; those that are there already stay."""
    for kind in ("original", "GT"):
        (folder / "BUS" / kind).mkdir(parents=True, exist_ok=True)
    for number in range(images):
        paths = [folder / f"BUS/{kind}/{number:06d}.png" for kind in ("original", "GT")]
        if paths[1].exists():
            continue
        rng = np.random.default_rng(number)
        # Grains as large as ultrasound's, else each image would be flagged as noise.
        pixels = cv2.GaussianBlur(rng.integers(1, 255, (SIDE_PX, SIDE_PX), dtype=np.uint8), (5, 5), 1.0)
        mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        top, left = rng.integers(4, 24, 2)
        mask[top : top + rng.integers(12, 30), left : left + rng.integers(12, 30)] = 255
        for path, drawn in zip(paths, (pixels, mask), strict=True):
            cv2.imwrite(str(path), drawn, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def check(work: Path, engine: Engine) -> None:
    """What `sonoforge data check` does."""
    check_data(contract(), work / "raw", phantom=True, contracts=CONTRACTS, engine=engine)


def harmonised(work: Path, engine: Engine) -> None:
    """The stage harmonise."""
    harmonise(contract(), work / "raw", out=work / "udiat", phantom=True, contracts=CONTRACTS, engine=engine)


def divided(work: Path, _: Engine) -> None:
    """The stage split, its report included."""
    params = load_params(ROOT / "params.yaml").split
    datasets = Images({"udiat": open_manifest(work / "udiat")})
    relatives = find_relatives(datasets, workers=WORKERS)
    frame = split(datasets, params, relatives=relatives)
    write_split(work / "split.csv", frame)
    write_split_report(work / "split", frame, datasets, params=params, relatives=relatives, recorded=NOTHING_ON_RECORD)


def evaluated(work: Path, engine: Engine) -> None:
    """A validation of all images, its report included."""
    params = load_params(ROOT / "params.yaml")
    asked = params.prompts.evaluate.model_copy(update={"kinds": KINDS})
    with tempfile.TemporaryDirectory(dir=work) as rows:
        found = validate(
            open_manifest(work / "udiat"),
            models={"student": Contender(None, "a" * 64, "ellipse", phantom=True)},
            prompts=params.prompts.model_copy(update={"evaluate": asked}),
            params=params.evaluate,
            device="cpu",
            partial=Path(rows) / "rows",
            predictor=Ellipse(),
            engine=engine,
        )
        write_validation(work / "internal", found, role="internal", figure_cases=params.evaluate.figure_cases)


STEPS: dict[str, Callable[[Path, Engine], None]] = {
    "check": check,
    "harmonise": harmonised,
    "split": divided,
    "evaluate": evaluated,
}


def measure(step: str, work: Path, images: int, engine: str) -> dict[str, Any]:
    """One step in this process: seconds, processor time and the peak of memory."""
    me = psutil.Process()
    before_mb, before_s, start = _peak_mb([me]), _processor_s([me]), time.perf_counter()
    STEPS[step](work, engine_of(EngineParams.model_validate({"name": engine}), workers=WORKERS))
    seconds = time.perf_counter() - start
    whole = [me, *(one for one in me.children(recursive=True) if one.name().startswith("ray::"))]
    return {
        "images": images,
        "step": step,
        "engine": engine,
        "wall_ms_an_image": round(1000 * seconds / images, 3),
        "cpu_ms_an_image": round(1000 * (_processor_s(whole) - before_s) / images, 3),
        "peak_mb": _peak_mb(whole),
        "peak_before_mb": before_mb,
        "load": round(os.getloadavg()[0], 1),
    }


def _measured(own: Sequence[str]) -> dict[str, Any]:
    """What a process of its own says of a step."""
    told = subprocess.check_output([sys.executable, __file__, *own], text=True)
    row: dict[str, Any] = json.loads(told.splitlines()[-1])
    return row


def _median(runs: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The run of the median processor time, the greater of the middle two, with the highest peak of all."""
    ordered = sorted(runs, key=lambda row: float(row["cpu_ms_an_image"]))
    return ordered[len(ordered) // 2] | {"peak_mb": max(row["peak_mb"] for row in ordered), "runs": len(ordered)}


def _processor_s(processes: Sequence[psutil.Process]) -> float:
    return float(sum(one.cpu_times().user + one.cpu_times().system for one in processes))


def _peak_mb(processes: Sequence[psutil.Process]) -> int:
    """The sum of the peaks of resident memory: at least what they held together."""
    lines = [Path(f"/proc/{one.pid}/status").read_text(encoding="ascii", errors="replace") for one in processes]
    return sum(int(text.split("VmHWM:")[1].split()[0]) for text in lines) // 1024


def findings(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By step, from one number of images to the next: how many times the cost an image and the peak, and by how much
    the peak grew an image."""
    found = []
    for step, engine in sorted({(row["step"], row["engine"]) for row in rows}):
        same = sorted((r for r in rows if (r["step"], r["engine"]) == (step, engine)), key=lambda row: row["images"])
        found += [
            {
                "step": step,
                "engine": engine,
                "images": [fewer["images"], more["images"]],
                "cost_ratio": round(more["cpu_ms_an_image"] / fewer["cpu_ms_an_image"], 2),
                "peak_ratio": round(more["peak_mb"] / fewer["peak_mb"], 2),
                "kb_an_image": round(_grown_kb(fewer, more), 2),
            }
            for fewer, more in pairwise(same)
        ]
    return found


def _grown_kb(fewer: dict[str, Any], more: dict[str, Any]) -> float:
    return 1024 * (more["peak_mb"] - fewer["peak_mb"]) / (more["images"] - fewer["images"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--engine", choices=("threads", "ray"), default="threads")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "sonoforge-scaling")
    parser.add_argument("--runs", type=int, default=1, help="of each step; the one of the median processor time counts")
    parser.add_argument("--again", action="store_true", help="measure what is measured already, too")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(measure(args.only, args.work, args.images[0], args.engine)))
        return
    kept = json.loads(OUT.read_text(encoding="utf-8"))["rows"] if OUT.is_file() else []
    rows = {(row["engine"], row["step"], row["images"]): row for row in kept}
    for images in args.images:
        folder = args.work / str(images)
        write_raw(folder / "raw", images)
        for step in args.steps:
            if (args.engine, step, images) in rows and not args.again:
                continue
            own = ["--only", step, "--images", str(images), "--engine", args.engine, "--work", str(folder)]
            row = _median(_measured(own) for _ in range(args.runs))
            rows[args.engine, step, images] = row
            print(row, flush=True)
            ordered = [rows[key] for key in sorted(rows, key=lambda key: (key[0], list(STEPS).index(key[1]), key[2]))]
            write_json(
                OUT,
                {
                    "machine": describe_machine(),
                    "side_px": SIDE_PX,
                    "prompts": list(KINDS),
                    "workers": WORKERS,
                    "rows": ordered,
                    "findings": findings(ordered),
                },
            )


if __name__ == "__main__":
    main()
