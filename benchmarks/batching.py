"""What it gains, and what it changes, to embed several images in one call, or to decode several clicks in one.

    .venv/bin/python benchmarks/batching.py --model FOLDER [--rounds 15] [--out FILE]

Sizes of a call alternate in short stretches, so that whatever else the machine does hits them alike; given are medians
and their ratios to one item a call. Every mask and map is held against the one of a call of its own. Images are drawn
phantoms. Leaves out: lanes and threads (benchmarks/lanes.py), and GPUs.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pipelines  # noqa: F401  (sets how OpenMP waits, before torch is loaded)

# isort: split
import numpy as np
import torch

from components.masks import tight_box
from components.phantom.breast import LesionKind, breast
from components.promptable.predict import pin_threads
from components.promptable.segmenter import Embedding, Segmenter
from components.students import load_student
from components.types import Image, Point, Prediction, Prompt
from serving.engine.batching import Click, embed_all, segment_all

ROOT = Path(__file__).parents[1]
SIZES = (1, 2, 4, 8)
SEED = 20261122
PHANTOMS = 8
LESIONS: tuple[LesionKind, ...] = ("benign", "malignant", "cyst")
Asked = tuple[Image, tuple[Prompt, ...]]


def phantoms() -> list[Asked]:
    """Drawn breasts, each with four boxes about its lesion, the later ones looser, and four clicks in it."""
    found: list[Asked] = []
    for number in range(PHANTOMS):
        rng = np.random.default_rng((SEED, number))
        lesion = LESIONS[number % len(LESIONS)]
        drawing = breast(rng, (lesion,), height_px=384, depth_mm=40.0, width_mm=38.0)
        image = np.repeat(drawing.look(rng).image[..., None], 3, axis=2)
        height_px, width_px = image.shape[:2]
        box = tight_box(drawing.labels == 1)
        assert box is not None
        x0, y0, x1, y1 = (float(side) for side in box)
        boxes = [
            Prompt((max(0.0, x0 - m), max(0.0, y0 - m), min(width_px, x1 + m), min(height_px, y1 + m)))
            for m in (0.0, 3.0, 6.0, 12.0)
        ]
        shares = ((0.5, 0.5), (0.4, 0.5), (0.5, 0.6), (0.6, 0.4))
        clicks = [Prompt(None, (Point(x0 + u * (x1 - x0), y0 + v * (y1 - y0)),)) for u, v in shares]
        found.append((image, (*boxes, *clicks)))
    return found


def medians(calls: dict[int, Callable[[], object]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds an item by the size of a call, and how many items a second against one item a call."""
    taken: dict[int, list[float]] = {size: [] for size in calls}
    for number in range(rounds + 2):
        for size, call in calls.items():
            begun_s = time.perf_counter()
            call()
            if number >= 2:
                taken[size].append((time.perf_counter() - begun_s) * 1e3 / size)
    one = statistics.median(taken[1])
    return {
        str(size): {"ms_an_item": statistics.median(ms), "throughput_ratio": one / statistics.median(ms)}
        for size, ms in taken.items()
    }


def map_changes(single: Sequence[Embedding], together: Sequence[Embedding]) -> dict[str, Any]:
    """In how many embeddings a bit differs, and by how much at most."""
    pairs = list(zip(single, together, strict=True))
    worst = max(
        float((getattr(a, name) - getattr(b, name)).abs().max()) for a, b in pairs for name in ("s4", "s8", "s16")
    )
    same = sum(all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("s4", "s8", "s16")) for a, b in pairs)
    return {"embeddings": len(pairs), "bit_equal": same, "largest_difference": worst}


def mask_changes(single: Sequence[Prediction], together: Sequence[Prediction]) -> dict[str, Any]:
    """How many masks differ, by how many pixels at most, and how much the estimates of their IoU do."""
    pairs = list(zip(single, together, strict=True))
    moved_px = [int((a.mask != b.mask).sum()) for a, b in pairs]
    ious = [float((a.mask & b.mask).sum() / max(1, (a.mask | b.mask).sum())) for a, b in pairs]
    return {
        "masks": len(pairs),
        "masks_that_differ": sum(px > 0 for px in moved_px),
        "most_pixels": max(moved_px),
        "least_iou": min(ious),
        "qualities_that_differ": sum(a.quality != b.quality for a, b in pairs),
    }


def encoder(segmenter: Segmenter, asked: Sequence[Asked], *, rounds: int) -> dict[str, Any]:
    """Images a call: time, and what it changes in embeddings and in masks decoded from them one by one."""
    images = [image for image, _ in asked]
    single = [embed_all(segmenter, [image])[0] for image in images]
    changes: dict[str, Any] = {}
    for size in SIZES:
        together = [each for at in range(0, PHANTOMS, size) for each in embed_all(segmenter, images[at : at + size])]
        masks = [decoded(segmenter, asked, maps, size=1) for maps in (single, together)]
        changes[str(size)] = map_changes(single, together) | mask_changes(*masks)
    times = medians({size: functools.partial(embed_all, segmenter, images[:size]) for size in SIZES}, rounds=rounds)
    return {size: times[size] | changes[size] for size in times}


def clicks_of(asked: Sequence[Asked], maps: Sequence[Embedding]) -> list[Click]:
    """All clicks, those of one kind beside each other, so that they go into one call."""
    clicks = [
        Click(embedding, (image.shape[0], image.shape[1]), prompt)
        for (image, prompts), embedding in zip(asked, maps, strict=True)
        for prompt in prompts
    ]
    return sorted(clicks, key=lambda click: str(click.kind))


def decoded(segmenter: Segmenter, asked: Sequence[Asked], maps: Sequence[Embedding], *, size: int) -> list[Prediction]:
    """Every click's answer, so many of them a call."""
    clicks = clicks_of(asked, maps)
    return [each for at in range(0, len(clicks), size) for each in segment_all(segmenter, clicks[at : at + size])]


def decoder(segmenter: Segmenter, asked: Sequence[Asked], *, rounds: int) -> dict[str, Any]:
    """Clicks a call: time, and what it changes in masks."""
    maps = [embed_all(segmenter, [image])[0] for image, _ in asked]
    clicks, single = clicks_of(asked, maps), decoded(segmenter, asked, maps, size=1)
    changes = {str(size): mask_changes(single, decoded(segmenter, asked, maps, size=size)) for size in SIZES}
    # Every eighth is of another image.
    spread = clicks[:: len(clicks) // 2 // PHANTOMS][:PHANTOMS]
    times = medians({size: functools.partial(segment_all, segmenter, spread[:size]) for size in SIZES}, rounds=rounds)
    return {size: times[size] | changes[size] for size in times}


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a student's model folder")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/batching.json")
    wanted = parser.parse_args()
    pin_threads()
    segmenter, description = load_student(wanted.model)
    asked = phantoms()
    found = {
        "encoder": encoder(segmenter, asked, rounds=wanted.rounds),
        "decoder": decoder(segmenter, asked, rounds=wanted.rounds),
    }
    for part, sizes in found.items():
        for size, one in sizes.items():
            told = f"{one['masks_that_differ']}/{one['masks']} masks differ, by {one['most_pixels']} px at most"
            print(f"{part} {size} a call: {one['ms_an_item']:6.1f} ms, {one['throughput_ratio']:.2f} of one; {told}")
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    model = {"digest": description.digest, "image_size_px": description.image_size_px}
    result = {"schema": 1, "machine": machine, "torch": torch.__version__, "model": model, "rounds": wanted.rounds}
    wanted.out.write_text(json.dumps(result | found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
