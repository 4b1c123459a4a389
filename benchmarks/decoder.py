"""What a click costs, and encoding an image: the networks folded beside the same ones as they were trained.

    OMP_NUM_THREADS=2 .venv/bin/python benchmarks/decoder.py [--sizes 512 1024] [--rounds 21] [--out FILE]

Both by ONNX Runtime, in turns in one process; weights are random. `wall` is what two threads take, on a busy machine
mostly waiting; `one_core` is processor time on one thread, which others' work changes little; `fastest_nodes_ms` is of
ONNX Runtime's own profile on two threads each node at its fastest of all rounds, summed, which nears what a quiet
machine takes, and is given by parts of the network too.
Leaves out: other runtimes, and everything around the networks (`sonoforge bench`).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.artefacts import write_json
from components.evaluation.speed import as_records, describe_machine, time_interleaved
from components.params import Params, load_params
from components.promptable.embedding import LEVEL_STRIDES, NO_PREVIOUS, Array
from components.promptable.export import export_onnx
from components.promptable.runtimes.onnxruntime import onnxruntime
from components.promptable.runtimes.sealed import COORDS, DECODER, ENCODER, IMAGE, LABELS, LEVELS, PREVIOUS
from components.students import build_student

ROOT = Path(__file__).parents[1]
THREADS = 2
PROMPTS: dict[str, tuple[int, ...]] = {"click": (1,), "box and 2 clicks": (2, 3, 1, 0)}
CHANNELS = (32, 64, 256)
# A node's name begins with the module that it is of.
PARTS = ("prompts", "among_tokens", "look", "answer", "mlp", "norms", "upscaling", "hypernetwork", "judge")


def prompt(labels: tuple[int, ...], size_px: int) -> dict[str, Array]:
    """A decoder's inputs on random maps."""
    generator = np.random.default_rng(1)
    cells = size_px // LEVEL_STRIDES[0]
    maps = {
        name: generator.standard_normal((1, channels, size_px // stride, size_px // stride), dtype=np.float32)
        for name, channels, stride in zip(LEVELS, CHANNELS, LEVEL_STRIDES, strict=True)
    }
    return {
        **maps,
        COORDS: generator.uniform(0, size_px, (1, len(labels), 2)).astype(np.float32),
        LABELS: np.array([labels], dtype=np.int64),
        PREVIOUS: np.full((1, cells, cells), NO_PREVIOUS, dtype=np.float32),
    }


def session(model: Path, *, threads: int = THREADS, profile: Path | None = None) -> onnxruntime.InferenceSession:
    """A network, by default on as many threads as the service gives it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def fastest_nodes(model: Path, given: dict[str, Array], rounds: int) -> dict[str, Any]:
    """Each node's fastest time in milliseconds, summed: over all, and over the parts of a decoder that has such."""
    with tempfile.TemporaryDirectory() as place:
        profiled = session(model, profile=Path(place) / "profile")
        for _ in range(rounds):
            profiled.run(None, given)
        events = json.loads(Path(profiled.end_profiling()).read_text(encoding="utf-8"))
    fastest: defaultdict[str, float] = defaultdict(lambda: float("inf"))
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            fastest[event["name"]] = min(fastest[event["name"]], event["dur"] / 1000)
    parts: defaultdict[str, float] = defaultdict(float)
    for name, ms in fastest.items():
        parts[next((part for part in PARTS if f"/{part}/" in name), "else")] += ms
    return {
        "nodes": len(fastest),
        "fastest_nodes_ms": round(sum(fastest.values()), 2),
        **({"parts_ms": {part: round(ms, 2) for part, ms in parts.items()}} if len(parts) > 1 else {}),
    }


def compared(models: dict[str, Path], given: dict[str, Array], rounds: int) -> dict[str, Any]:
    """Both networks in turns, by three ways of telling what they take."""
    return {
        "wall": timed({name: session(model) for name, model in models.items()}, given, rounds, time.perf_counter),
        "one_core": timed(
            {name: session(model, threads=1) for name, model in models.items()}, given, rounds, time.process_time
        ),
        "profile": {name: fastest_nodes(model, given, rounds) for name, model in models.items()},
    }


def timed(
    sessions: Mapping[str, onnxruntime.InferenceSession],
    given: dict[str, Array],
    rounds: int,
    clock: Callable[[], float],
) -> list[dict[str, Any]]:
    """The sessions in turns."""
    # `each` is bound as the function is made.
    cases = {name: lambda each=each: each.run(None, given) for name, each in sessions.items()}
    return as_records(time_interleaved(cases, rounds=rounds, warm_up=2, clock=clock))


def measure(params: Params, name: str, size_px: int, rounds: int) -> dict[str, Any]:
    """One student at one image size."""
    model = params.model.model_copy(update={"image_size_px": size_px})
    student = params.student.model_copy(update={"name": name})
    segmenter = build_student(student, model=model, seed=1).eval()
    with tempfile.TemporaryDirectory() as place:
        folders = {"as trained": Path(place) / "trained", "folded": Path(place) / "folded"}
        for folder in folders.values():
            folder.mkdir()
            export_onnx(segmenter, folder, folds=folder.name == "folded")
        encoders, decoders = ({case: folder / file for case, folder in folders.items()} for file in (ENCODER, DECODER))
        image = np.random.default_rng(2).standard_normal((1, 3, size_px, size_px), dtype=np.float32)
        return {
            "student": name,
            "image_size_px": size_px,
            "file_bytes": {
                case: {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
                for case, folder in folders.items()
            },
            "encoder": compared(encoders, {IMAGE: image}, rounds),
            "decoder": {kind: compared(decoders, prompt(labels, size_px), rounds) for kind, labels in PROMPTS.items()},
        }


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", nargs="+", default=["rep_mini"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(THREADS)
    params = load_params(ROOT / "params.yaml")
    load_1min = os.getloadavg()[0]
    result = {
        "schema": 1,
        "machine": {**describe_machine(), "load_1min": round(load_1min, 1)},
        "draws_prompts": params.model.draws_prompts,
        "cases": [measure(params, name, size_px, asked.rounds) for name in asked.students for size_px in asked.sizes],
    }
    if asked.out is not None:
        write_json(asked.out, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
