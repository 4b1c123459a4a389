"""The student in each runtime, taking turns in one process: encoder, click, and an image's pixels to its mask.

    OMP_WAIT_POLICY=PASSIVE .venv/bin/python benchmarks/runtimes.py [--sizes 512 1024] [--model FOLDER] [--out FILE]

Weights are random where no model folder is named, so this says what a call costs and nothing of its mask. Times are
wall-clock, with the threads that each runtime has in the service; on a busy machine go by the ratios. `lanes` asks one
ONNX Runtime model from several threads at once, with one and with two threads a session. `start` is a fresh process
from nothing to its first mask.

    OMP_WAIT_POLICY=PASSIVE .venv/bin/python benchmarks/runtimes.py --parity models/candidate [--out FILE]

holds each runtime's masks, and those of OpenVINO in bfloat16, against the scored ones of a candidate's golden cases.
Leaves out: the service around the model (endpoint.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.artefacts import read_description, write_json
from components.evaluation.speed import as_records, time_interleaved
from components.masks import from_rle
from components.params import Params, load_params
from components.preprocess import decode_image, to_native, to_native_arrays, to_planes
from components.promptable.adapter import adapter_config
from components.promptable.embedding import Promptable
from components.promptable.export import export_onnx
from components.promptable.model_folder import save_segmenter
from components.promptable.predict import embed, segment, segment_embedded
from components.promptable.runtimes import onnxruntime, openvino
from components.promptable.runtimes.loading import load_runtime, runnable
from components.promptable.runtimes.machine import describe_machine
from components.promptable.runtimes.sealed import DECODER, ENCODER, unsealed
from components.release.packing.golden import agreement
from components.release.packing.packaged import GOLDEN
from components.students import build_student, student_trunk
from components.types import Image, Mask, Point, Prompt

ROOT = Path(__file__).parents[1]
SIZE_HW = (768, 1024)
PROMPT = Prompt(box_xyxy=(256.0, 192.0, 768.0, 576.0))
LANES = ((1, 1), (1, 2), (2, 1), (2, 2))
"""Threads that ask at once, and threads of a session."""
START = """
import sys, time
from pathlib import Path
begun_s = time.perf_counter()
import numpy as np
from components.promptable.predict import segment
from components.promptable.runtimes.loading import load_runtime
from components.types import Prompt
model = load_runtime(Path(sys.argv[1]), sys.argv[2], cache=Path(sys.argv[3]))
segment(model, np.zeros((768, 1024, 3), np.uint8), [Prompt((256.0, 192.0, 768.0, 576.0))])
seconds = time.perf_counter() - begun_s
peak_kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds, int(peak_kib) / 1024, "torch" in sys.modules)
"""


def measure(folder: Path, size_px: int, rounds: int, cache: Path) -> dict[str, Any]:
    """Timings of one model folder in all runtimes; ONNX Runtime, the default, comes first."""
    image = np.random.default_rng(0).integers(0, 256, size=(*SIZE_HW, 3), dtype=np.uint8)
    names = runnable(folder)
    loads: dict[str, float] = {}
    models = {}
    for name in names:
        # Twice: what OpenVINO has compiled is kept from the first time on.
        for key in (f"{name}_first", name):
            begun_s = time.perf_counter()
            models[name] = load_runtime(folder, name, cache=cache)
            loads[key] = round(time.perf_counter() - begun_s, 3)
    embeddings = {name: embed(model, image) for name, model in models.items()}
    embeds = {name: partial(embed, model, image) for name, model in models.items()}
    clicks = {name: partial(segment_embedded, models[name], embeddings[name], SIZE_HW, [PROMPT]) for name in names}
    whole = {name: partial(segment, model, image, [PROMPT]) for name, model in models.items()}
    expected = segment(models["pytorch"], image, [PROMPT])[0].mask
    differing = {name: float(np.mean(run()[0].mask != expected)) for name, run in whole.items()}
    return {
        "image_size_px": size_px,
        "runtimes": {name: str(model.facts) for name, model in models.items()},
        "load_s": loads,
        "encoder": _timed(embeds, rounds),
        "click": _timed(clicks, rounds),
        "pixels_to_mask": _timed(whole, rounds),
        "lanes": _lanes(folder, size_px, image, rounds),
        "share_of_pixels_unlike_pytorch": differing,
        "start": {name: _start(folder, name, cache) for name in names},
    }


def _timed(cases: Mapping[str, Callable[[], object]], rounds: int) -> list[dict[str, Any]]:
    return as_records(time_interleaved(cases, rounds=rounds, warm_up=2))


def _lanes(folder: Path, size_px: int, image: Image, rounds: int) -> list[dict[str, Any]]:
    """New images with a click each, a second, from so many threads at once: medians of rounds that take turns."""
    files = [unsealed(folder / name) for name in (ENCODER, DECODER)]
    models = {threads: onnxruntime.open_model(*files, size_px, threads=threads) for _, threads in LANES}
    each = 4
    rates: dict[tuple[int, int], list[float]] = {lane: [] for lane in LANES}
    for _ in range(max(3, rounds // 3)):
        for askers, threads in LANES:
            with ThreadPoolExecutor(askers) as pool:
                begun_s = time.perf_counter()
                list(pool.map(lambda _, model=models[threads]: segment(model, image, [PROMPT]), range(each)))
                rates[askers, threads].append(each / (time.perf_counter() - begun_s))
    first = np.median(rates[LANES[0]])
    return [
        {
            "askers": askers,
            "session_threads": threads,
            "images_per_s": round(float(np.median(found)), 2),
            "ratio_to_first": round(float(np.median(found) / first), 3),
        }
        for (askers, threads), found in rates.items()
    ]


def _start(folder: Path, name: str, cache: Path) -> dict[str, Any]:
    """A fresh process from nothing to its first mask: seconds, peak MiB, and whether it has imported PyTorch."""
    ran = subprocess.run(
        [sys.executable, "-c", START, str(folder), name, str(cache)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, mebibytes, imported = ran.stdout.split()
    return {"seconds": round(float(seconds), 2), "peak_mib": round(float(mebibytes)), "torch": imported == "True"}


def _around(size_px: int, rounds: int) -> list[dict[str, Any]]:
    """What is done before the encoder and after the decoder, on one thread."""
    image = np.random.default_rng(0).integers(0, 256, size=(*SIZE_HW, 3), dtype=np.uint8)
    logits = np.random.default_rng(1).standard_normal((1, size_px // 4, size_px // 4)).astype(np.float32)
    tensor = torch.from_numpy(logits)
    cases = {
        f"preprocess {SIZE_HW[1]} x {SIZE_HW[0]} to {size_px}": partial(to_planes, image, size_px),
        "logits to mask, PyTorch": lambda: (to_native(tensor, SIZE_HW) > 0).numpy(),
        "logits to mask, arrays": lambda: to_native_arrays(logits, SIZE_HW) > 0,
    }
    return as_records(time_interleaved(cases, rounds=3 * rounds, warm_up=3, clock=time.process_time))


def parity(folder: Path, cache: Path) -> dict[str, Any]:
    """How far each runtime's masks are from the scored ones, of a candidate's golden cases."""
    size_px = read_description(folder).image_size_px
    files = [unsealed(folder / name) for name in (ENCODER, DECODER)]
    models: dict[str, Promptable] = {name: load_runtime(folder, name, cache=cache) for name in runnable(folder)}
    if "openvino" in models:
        models["openvino in bf16"] = openvino.open_model(*files, size_px, precision="bf16", cache=cache)
    images = json.loads((folder / GOLDEN / "cases.json").read_text(encoding="utf-8"))["images"]
    return {name: asdict(agreement(_pairs(model, folder / GOLDEN, images))) for name, model in models.items()}


def _pairs(model: Promptable, folder: Path, images: list[dict[str, Any]]) -> Iterator[tuple[Mask, Mask]]:
    for one in images:
        pixels = decode_image((folder / one["file"]).read_bytes(), name=one["file"])
        prompts = [
            Prompt(box and tuple(box), tuple(Point(**point) for point in points))
            for box, points in ((case["prompt"]["box"], case["prompt"]["points"]) for case in one["cases"])
        ]
        for case, found in zip(one["cases"], segment(model, pixels, prompts), strict=True):
            yield found.mask, from_rle(case["mask"])


def _exported(params: Params, size_px: int, place: Path) -> Path:
    """A student of this size with random weights, as a package holds it."""
    model = params.model.model_copy(update={"image_size_px": size_px})
    segmenter = build_student(params.student, model=model, seed=1).eval()
    folder = place / f"student-{size_px}"
    save_segmenter(
        folder,
        segmenter,
        kind="student",
        name=params.student.name,
        trunk=student_trunk(params.student),
        adapter=adapter_config(params.student.adapter),
        phantom=True,
        base="scratch",
        trained_on=("nothing",),
        provenance={},
    )
    export_onnx(segmenter, folder)
    return folder


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 512, 1024])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--model", type=Path, help="a model folder with exported networks, in place of random weights")
    parser.add_argument("--parity", type=Path, help="a candidate's folder, whose golden cases are compared; no timing")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if os.environ.get("OMP_WAIT_POLICY") != "PASSIVE":
        parser.error("set OMP_WAIT_POLICY=PASSIVE, as the service does for PyTorch's threads")
    if asked.parity is not None:
        with tempfile.TemporaryDirectory() as place:
            _tell({"parity": parity(asked.parity, Path(place))}, asked.out)
        return
    params = load_params(ROOT / "params.yaml")
    torch.set_num_threads(2)
    found = []
    with tempfile.TemporaryDirectory() as place:
        folders = (
            {read_description(asked.model).image_size_px: asked.model}
            if asked.model is not None
            else {size_px: _exported(params, size_px, Path(place)) for size_px in asked.sizes}
        )
        for size_px, folder in folders.items():
            found.append(measure(folder, size_px, asked.rounds, Path(place) / "cache"))
            found[-1]["around"] = _around(size_px, asked.rounds)
    student = params.student.name if asked.model is None else read_description(asked.model).name
    _tell({"student": student, "sizes": found}, asked.out)


def _tell(found: Mapping[str, Any], out: Path | None) -> None:
    result = {"schema": 1, "machine": {**describe_machine(), "load_average": os.getloadavg()[0]}, **found}
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
