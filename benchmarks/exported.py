"""The student by ONNX Runtime beside PyTorch: encoder and decoder, taking turns in one process.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/exported.py [--sizes 192 512] [--rounds 21] [--out FILE]

Weights are random, so this says what a call costs and nothing of its mask. Everything runs on one core, and processor
time is given: what it takes where nothing else runs. The decoder gets a box and a click. Leaves out: several threads,
of which PyTorch's wait longer for one another where other work is under way, and the service around the model.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from components.artefacts import write_json
from components.evaluation.speed import as_records, describe_machine, time_interleaved
from components.params import Params, load_params
from components.promptable.export import export_onnx
from components.promptable.exported import DECODER, ENCODER, Exported, open_session, unsealed
from components.promptable.predict import Promptable
from components.promptable.segmenter import Embedding, PromptBatch
from components.students import build_student

ROOT = Path(__file__).parents[1]


def measure(params: Params, size_px: int, rounds: int) -> dict[str, Any]:
    """Timings of one image size, PyTorch first, and what export and loading took."""
    model = params.model.model_copy(update={"image_size_px": size_px})
    segmenter = build_student(params.student, model=model, seed=1).eval()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        started = time.process_time()
        export_onnx(segmenter, folder)
        exported = time.process_time()
        encoder, decoder = (open_session(unsealed(folder / name), threads=1) for name in (ENCODER, DECODER))
        loaded = time.process_time()
        sizes = {name: (folder / name).stat().st_size for name in (ENCODER, DECODER)}
    models: dict[str, Promptable] = {"PyTorch": segmenter, "ONNX Runtime": Exported(encoder, decoder, size_px)}
    image = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    low, high = 0.25 * size_px, 0.75 * size_px
    prompt = PromptBatch(
        image_index=torch.zeros(1, dtype=torch.int64),
        coords=torch.tensor([[[low, low], [high, high], [size_px / 2, size_px / 2]]]),
        labels=torch.tensor([[2, 3, 1]]),
    )
    with torch.inference_mode():
        embedding = segmenter.encode(image)
        encode = {name: _encode(each, image) for name, each in models.items()}
        decode = {name: _decode(each, embedding, prompt) for name, each in models.items()}
        return {
            "image_size_px": size_px,
            "export_s": round(exported - started, 2),
            "load_s": round(loaded - exported, 2),
            "file_bytes": sizes,
            "encoder": _timed(encode, rounds),
            "decoder": _timed(decode, rounds),
        }


def _encode(model: Promptable, image: torch.Tensor) -> Callable[[], object]:
    return lambda: model.encode(image)


def _decode(model: Promptable, embedding: Embedding, prompt: PromptBatch) -> Callable[[], object]:
    return lambda: model.decode(embedding, prompt)


def _timed(cases: Mapping[str, Callable[[], object]], rounds: int) -> list[dict[str, Any]]:
    return as_records(time_interleaved(cases, rounds=rounds, warm_up=3, clock=time.process_time))


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 512])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: processor time is that of one core")
    torch.set_num_threads(1)
    params = load_params(ROOT / "params.yaml")
    result = {
        "schema": 1,
        "machine": {**describe_machine(), "onnxruntime": onnxruntime.__version__},
        "student": params.student.name,
        "window_spec": list(params.student.window_spec),
        "sizes": [measure(params, size_px, asked.rounds) for size_px in asked.sizes],
    }
    if asked.out is not None:
        write_json(asked.out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
