"""What the finder of near copies costs and finds: synthetic hashes, changed images, BUSI's published groups.

    .venv/bin/python benchmarks/near_copies.py cost [--sizes 10000 50000 100000 500000] [--out FILE]
    .venv/bin/python benchmarks/near_copies.py changes FOLDER... [--out FILE]
    .venv/bin/python benchmarks/near_copies.py busi FOLDER [--out FILE]
    .venv/bin/python benchmarks/near_copies.py proof FOLDER... [--out FILE]
    .venv/bin/python benchmarks/near_copies.py chance FOLDER [--sizes 10000 30000 100000] [--out FILE]

`cost` draws hashes as a collection of datasets would give them, with what makes a naive index quadratic: words burnt
into thousands of frames, videos of a thousand near-equal frames, as many such frames without a group, constant images.
`changes` takes PNG and JPEG images (masks left out by name), changes each in thirteen ways, and asks whether hash and
proof still find it. `busi` joins the images of a BUSI folder without the published list, and compares with it. `proof`
measures pairs a second, decoding included, with one and two workers, by turns; each image stands in six pairs. `chance`
counts pairs of different images that share a key all the same (benchmarks/scaling.py makes such a folder).
`--out` keeps what an earlier run of another kind wrote there. Leaves out: reading and hashing images, which costs each
image the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as PilImage

from components.artefacts import write_json
from components.contract import load_contract
from components.engines import Threads
from components.evaluation.speed import describe_machine
from components.intake.form.records import load_image
from components.intake.harmonise import harmonise
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.perceptual_hash import (
    KEY_BITS,
    MAX_RING_APART,
    RING_BITS,
    keys_of_text,
    keys_to_text,
    perceptual_hash,
)
from components.intake.likeness.proof import Proofs
from components.intake.likeness.shared_keys import pairs_sharing_keys
from components.intake.measuring.pixels import pixels_md5, read_image
from components.intake.sides.relatives import find_relatives, fine_correlation
from components.types import Image, Record

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"
KEYS = 80
PLANTED_KEYS = (1, 2, 4, 8)


def synthetic(count: int, seed: int) -> tuple[list[str | None], np.ndarray, dict[tuple[int, int], int]]:
    """Hashes and groups of `count` images, and the planted copies (first, second) with the keys that they share."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 2**KEY_BITS, (count, KEYS), dtype=np.uint64)
    groups = np.arange(count)
    words = rng.integers(0, 2**KEY_BITS, 200, dtype=np.uint64)
    with_words = rng.permutation(count)[: count // 2]
    keys[with_words, :3] = words[np.minimum(rng.zipf(1.3, (len(with_words), 3)) - 1, 199)]
    videos = count // 100_000 + 1
    for video in range(2 * videos):
        frames = slice(1000 * video, 1000 * (video + 1))
        keys[frames, 10:] = np.where(rng.random((1000, KEYS - 10)) < 0.85, keys[1000 * video, 10:], keys[frames, 10:])
        if video < videos:  # the others have no key that tells that they are one video
            groups[frames] = 1000 * video
    first = 2000 * videos
    constant = np.arange(first, first + count // 100)
    free = rng.permutation(np.arange(first + count // 100, count))
    planted = {}
    for index in range(count // 100):
        one, other = sorted((int(free[2 * index]), int(free[2 * index + 1])))
        shared = PLANTED_KEYS[index % len(PLANTED_KEYS)]
        keys[other, KEYS - shared :] = keys[one, KEYS - shared :]
        planted[one, other] = shared
    # Equal keys are those of equal places here, whose rings are equal, too.
    rings = (keys * np.uint64(0xD6E8FEB86659FD93) >> np.uint64(64 - RING_BITS)).astype(np.uint32)
    texts: list[str | None] = [keys_to_text(*row) for row in zip(keys, rings, strict=True)]
    for index in constant:
        texts[index] = ""
    return texts, groups, planted


def cost_once(count: int) -> dict[str, Any]:
    """Seconds, memory and pairs for one size."""
    texts, groups, planted = synthetic(count, seed=1)
    before_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    wanted = np.array([one * count + other for one, other in planted])
    shared = np.array(list(planted.values()))
    digests = [hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in range(count)]
    start, start_cpu = time.perf_counter(), time.process_time()
    found = pairs_sharing_keys(texts, groups, digests)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    hit = np.isin(wanted, found[:, 0] * count + found[:, 1])
    return {
        "images": count,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_before_mb": round(before_bytes / 2**20),
        "pairs_an_image": round(len(found) / count, 2),
        "planted_found": {str(s): [int(hit[shared == s].sum()), int((shared == s).sum())] for s in PLANTED_KEYS},
    }


def cost(sizes: list[int]) -> dict[str, Any]:
    """Each size in a process of its own, so that each has its own peak of memory."""
    rows = []
    for size in sizes:
        command = [sys.executable, str(Path(__file__)), "cost", "--one", str(size)]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(rows[-1], file=sys.stderr)
    first, last = rows[0], rows[-1]
    # By the processor's time, as the search has one thread, and other work would lengthen the clock's.
    growth = math.log(last["cpu_seconds"] / first["cpu_seconds"]) / math.log(last["images"] / first["images"])
    return {"rows": rows, "growth_exponent": round(growth, 3), "keys_an_image": KEYS}


def _compressed(grey: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def _cut(grey: np.ndarray, top: float, bottom: float, left: float, right: float) -> np.ndarray:
    height, width = grey.shape
    return np.ascontiguousarray(
        grey[int(height * top) : height - int(height * bottom), int(width * left) : width - int(width * right)]
    )


def _gain(grey: np.ndarray, factor: float, offset: float) -> np.ndarray:
    return np.clip(np.rint(grey * factor + offset), 0, 255).astype(np.uint8)


def _marked(grey: np.ndarray) -> np.ndarray:
    marked = grey.copy()
    height, width = grey.shape
    for y, x in ((0.3, 0.3), (0.3, 0.7), (0.6, 0.4), (0.5, 0.6)):
        cv2.drawMarker(marked, (int(x * width), int(y * height)), 255, cv2.MARKER_CROSS, 13, 1)
    cv2.putText(marked, "RT 2 UOQ", (width // 10, height - 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    return marked


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gain 1.15": lambda grey: _gain(grey, 1.15, 6),
    "gamma 0.8": lambda grey: (255 * (grey / 255) ** 0.8).astype(np.uint8),
    "JPEG 75": lambda grey: _compressed(grey, 75),
    "JPEG 50": lambda grey: _compressed(grey, 50),
    "cut 4 % a side": lambda grey: _cut(grey, 0.04, 0.04, 0.04, 0.04),
    "cut 8 % a side": lambda grey: _cut(grey, 0.08, 0.08, 0.08, 0.08),
    "cut unevenly": lambda grey: _cut(grey, 0.08, 0, 0.03, 0.07),
    "cut, gain, JPEG 80": lambda grey: _compressed(_gain(_cut(grey, 0.08, 0.05, 0.07, 0.03), 0.85, 10), 80),
    "calipers and words": _marked,
    "256 x 256": lambda grey: cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA),
    "224 x 224, linear": lambda grey: cv2.resize(grey, (224, 224), interpolation=cv2.INTER_LINEAR),
    "0.7 times": lambda grey: cv2.resize(grey, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
    "1.4 times": lambda grey: cv2.resize(grey, None, fx=1.4, fy=1.4, interpolation=cv2.INTER_CUBIC),
}


def as_record(grey: np.ndarray, path: Path, name: str) -> Record:
    """A grey image as a record with a file of its own."""
    PilImage.fromarray(grey).save(path)
    image: Image = np.repeat(grey[..., None], 3, axis=2)
    return Record(
        dataset="bench",
        image_id=name,
        group=name,
        role="internal",
        image_path=path,
        mask_path=path,
        height_px=grey.shape[0],
        width_px=grey.shape[1],
        pixels_md5=pixels_md5(image),
        phantom=False,
        perceptual_hash=perceptual_hash(image),
    )


def changes(folders: list[Path]) -> dict[str, Any]:
    """For each change: copies that share a key and that the proof accepts; pairs of different images that share one."""
    files = _image_files(folders)
    greys = [cv2.cvtColor(np.asarray(PilImage.open(path).convert("RGB")), cv2.COLOR_RGB2GRAY) for path in files]
    with tempfile.TemporaryDirectory() as scratch:
        originals = [as_record(grey, Path(scratch) / f"{k}.png", f"{k}") for k, grey in enumerate(greys)]
        rows, apart = {}, []
        for name, change in CHANGES.items():
            shared, proved = 0, 0
            for k, grey in enumerate(greys):
                copy = as_record(change(grey), Path(scratch) / f"copy_{name}_{k}.png", f"copy {name} {k}")
                apart.append(_signs_apart(originals[k], copy))
                sharing = bool((apart[-1] <= MAX_RING_APART).any())
                shared += sharing
                proved += sharing and fine_correlation(originals[k], copy) >= MIN_CORRELATION
            rows[name] = {"images": len(greys), "share_a_key": shared, "proved": proved}
            print(name, rows[name], file=sys.stderr)
    least = [_signs_apart(*pair).min(initial=RING_BITS + 1) for pair in combinations(originals, 2)]
    return {
        "changes": rows,
        "max_ring_apart": MAX_RING_APART,
        "keys_by_signs_apart": np.bincount(np.concatenate(apart)).tolist(),
        "copies_by_least_signs_apart": np.bincount([one.min(initial=RING_BITS + 1) for one in apart]).tolist(),
        "pairs_of_different_images": len(least),
        "of_which_share_a_key": int(sum(one <= RING_BITS for one in least)),
        "and_its_ring": int(sum(one <= MAX_RING_APART for one in least)),
        "keys_an_image": round(float(np.mean([len(_keys(one)) for one in originals])), 1),
    }


def _image_files(folders: list[Path]) -> list[Path]:
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in {".png", ".jpg"} and "mask" not in str(path.relative_to(folder)).lower()
    )


def proof(folders: list[Path]) -> dict[str, Any]:
    """Pairs a second of the proof on pixels: the median of five runs each, by turns."""
    files = _image_files(folders)
    images = [read_image(path) for path in files]
    digests, sides_px = [pixels_md5(image) for image in images], [max(image.shape[:2]) for image in images]
    pairs = np.array([[k, (k + step) % len(files)] for step in (1, 2, 3) for k in range(len(files))], dtype=np.int64)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(5):
        for workers, measured in seconds.items():
            start = time.perf_counter()
            proofs = Proofs(digests, sides_px, lambda number: read_image(files[number]), engine=Threads(workers))
            done = sum(1 for _ in proofs.proved(pairs))
            measured.append(time.perf_counter() - start)
            assert done == len(pairs)
    by_workers = {f"{k}": round(len(pairs) / statistics.median(measured), 1) for k, measured in seconds.items()}
    return {"images": len(files), "pairs": len(pairs), "pairs_a_second_by_workers": by_workers}


def _keys(record: Record) -> dict[int, int]:
    """An image's keys, and the ring of each."""
    keys, rings = keys_of_text(record.perceptual_hash or "")
    return dict(zip(keys.tolist(), rings.tolist(), strict=True))


def _signs_apart(one: Record, other: Record) -> np.ndarray:
    """In how many signs the rings around each key that two images share differ."""
    first, second = _keys(one), _keys(other)
    return np.array([(first[key] ^ second[key]).bit_count() for key in first.keys() & second.keys()], dtype=np.int64)


def by_chance(folder: Path, sizes: list[int]) -> dict[str, Any]:
    """Pairs of the first so many images of a folder, all different, that share a key, and whose rings agree."""
    files = _image_files([folder])[: max(sizes)]
    hashes = [perceptual_hash(read_image(path)) for path in files]
    rows = []
    for size in sizes:
        numbers = [np.arange(size), [f"{number:032x}" for number in range(size)]]
        with_ring = len(pairs_sharing_keys(hashes[:size], *numbers))
        blank = [keys_to_text(keys, np.zeros_like(rings)) for keys, rings in map(keys_of_text, hashes[:size])]
        rows.append(
            {"images": size, "share_a_key": len(pairs_sharing_keys(blank, *numbers)), "and_its_ring": with_ring}
        )
        print(rows[-1], file=sys.stderr)
    return {"rows": rows}


def busi(folder: Path) -> dict[str, Any]:
    """Pairs of related images by the published list and by the finder, which isn't given the list."""
    with tempfile.TemporaryDirectory() as scratch:
        # The published list alone, without what a steward added to it.
        contract = load_contract("busi", CONTRACTS)
        contract = contract.model_copy(update={"group": contract.group.model_copy(update={"together": ()})})
        done = harmonise(contract, folder, out=Path(scratch) / "busi", phantom=False, contracts=CONTRACTS)
        records = [replace(record, group=record.image_id) for record in done.records]
        published = {record.image_id: record.group for record in done.records}
        found = find_relatives({"busi": records})
        pairs = list(combinations(records, 2))
        proofs = Proofs(
            [record.pixels_md5 for record in records],
            [max(record.height_px, record.width_px) for record in records],
            lambda number: load_image(records[number]),
            engine=Threads(2),
        )
        all_pairs = np.array(list(combinations(range(len(records)), 2)), dtype=np.int64)
        proved = [place for place, correlation in proofs.proved(all_pairs) if correlation >= MIN_CORRELATION]
        above = {(pairs[place][0].image_id, pairs[place][1].image_id) for place in proved}
    related = {(a.image_id, b.image_id) for a, b in pairs if published[a.image_id] == published[b.image_id]}
    joined = {
        (a.image_id, b.image_id)
        for a, b in pairs
        if found.cluster["busi", a.image_id] == found.cluster["busi", b.image_id]
    }
    return {
        "images": len(records),
        "pairs": len(pairs),
        "published": len(related),
        "joined": len(joined),
        "joined_and_published": len(joined & related),
        "precision": round(len(joined & related) / len(joined), 4) if joined else None,
        "recall": round(len(joined & related) / len(related), 4) if related else None,
        "published_not_joined": sorted(related - joined),
        "joined_not_published": sorted(joined - related),
        "all_pairs_above_the_threshold": len(above),
        "of_which_joined": len(above & joined),
    }


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "changes", "busi", "proof", "chance"))
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 50_000, 100_000, 500_000])
    parser.add_argument("--one", type=int)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(cost_once(asked.one)))
        return
    if asked.what != "cost" and not asked.folders:
        parser.error(f"`{asked.what}` needs a folder of images")
    run: dict[str, Callable[[], dict[str, Any]]] = {
        "cost": lambda: cost(asked.sizes),
        "changes": lambda: changes(asked.folders),
        "busi": lambda: busi(asked.folders[0]),
        "proof": lambda: proof(asked.folders),
        "chance": lambda: by_chance(asked.folders[0], asked.sizes),
    }
    result = {"schema": 1, "machine": describe_machine(), asked.what: run[asked.what]()}
    if asked.out is not None:
        earlier = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.is_file() else {}
        write_json(asked.out, earlier | result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
