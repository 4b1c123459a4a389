"""What shards cost and save beside a PNG file for each image and mask: files, bytes, writing, reading, hashing.

    .venv/bin/python benchmarks/harmonised_form.py [--images 120] [--rounds 5] [--out FILE]

Draws phantoms, then lets both forms take turns in one process, so that whatever else the machine does hits them alike;
the ratios hold where the images a second don't. "A file each" is written as it was until manifest version 1: beside its
place, renamed, hard-linked into the finished folder. Cold reads come after the system was told to drop the files from
its cache. Leaves out: the network, where a request for each file is what costs most.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from components.artefacts import replacing, replacing_folder, write_json
from components.contract import Contract, load_contract
from components.engines import Threads
from components.evaluation.speed import Timing, as_records, describe_machine, time_interleaved
from components.intake.form.coco_export import to_coco
from components.intake.form.records import (
    image_png,
    load_image,
    load_instances,
    mask_png,
    read_manifest,
    write_manifest,
)
from components.intake.form.shards import Place
from components.intake.harmonise import _make, _record, harmonise
from components.intake.layouts import read_layout
from components.intake.measuring.facts import case_key
from components.journal import Journal, work_folder
from components.phantom import write_dataset
from components.types import Record, Span

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"
Form = tuple[str, Sequence[Record], Path]


def a_file_each(contract: Contract, raw: Path, out: Path) -> None:
    """Harmonise to a PNG file for each image and mask, resumable, as until manifest version 1."""
    shutil.rmtree(out, ignore_errors=True)
    work = work_folder(out)
    journal = Journal(work, {})
    reading = read_layout(contract, raw, phantom=True, contracts=CONTRACTS)
    for kind in ("images", "masks"):
        (work / kind).mkdir(exist_ok=True)

    def one(case: Any) -> tuple[str, dict[str, Any]]:
        entry, encoded = _make(case, contract, raw)
        assert encoded is not None
        for kind, png in zip(("images", "masks"), encoded, strict=True):
            with replacing(work / kind / f"{case.image_id}.png") as beside:
                beside.write_bytes(png)
        return case_key(case), entry

    entries = []
    for key, entry in Threads().mapped(one, reading.cases):
        journal.add(key, entry)
        entries.append(entry)
    with replacing_folder(out) as beside:
        for kind in ("images", "masks"):
            (beside / kind).mkdir()
            for case in reading.cases:
                (beside / kind / f"{case.image_id}.png").hardlink_to(work / kind / f"{case.image_id}.png")
        records = [_loose(case, entry, contract, beside) for case, entry in zip(reading.cases, entries, strict=True)]
        write_manifest(beside, records)
        write_json(beside / "coco.json", to_coco(records, contract))
    shutil.rmtree(work)


def _loose(case: Any, entry: dict[str, Any], contract: Contract, folder: Path) -> Record:
    nowhere = Place("", Span(0, 0, 0), Span(0, 0, 0))
    record = _record(case, entry["record"], nowhere, contract=contract, folder=folder, phantom=True)
    image, mask = (folder / kind / f"{case.image_id}.png" for kind in ("images", "masks"))
    return replace(record, image_path=image, mask_path=mask, image_span=None, mask_span=None)


def shards(contract: Contract, raw: Path, out: Path) -> None:
    """Harmonise as the graph does."""
    shutil.rmtree(out, ignore_errors=True)
    harmonise(contract, raw, out=out, phantom=True, contracts=CONTRACTS)


def read_all(records: Sequence[Record], read: Callable[[Record], object], *, seed: int = 0) -> None:
    """Read all records in an order that has nothing to do with where they lie."""
    for place in np.random.default_rng(seed).permutation(len(records)):
        read(records[place])


def both_pngs(record: Record) -> None:
    """The bytes of image and mask."""
    image_png(record)
    mask_png(record)


def decoded(record: Record) -> None:
    """The pixels of image and mask."""
    load_image(record)
    load_instances(record)


def cold(folder: Path, records: Sequence[Record]) -> None:
    """Read after the folder's files were dropped from the system's cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)
    read_all(records, both_pngs)


def hash_all(folder: Path) -> None:
    """What DVC does to find out what changed: list, and take the md5 of every file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def size_of(folder: Path) -> dict[str, int]:
    """Files, their bytes, and what they take on the disk."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return {
        "files": len(files),
        "bytes": sum(stat.st_size for stat in files),
        "bytes_on_disk": sum(512 * stat.st_blocks for stat in files),
    }


def main() -> None:
    """Measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/harmonised_form.json")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sonoforge-bench-") as scratch:
        record = measure(Path(scratch), wanted.images, wanted.rounds)
    write_json(wanted.out, record)
    print(json.dumps(record, indent=2))


def measure(scratch: Path, images: int, rounds: int) -> dict[str, Any]:
    """Both forms of one set of phantoms: their size, then all timings."""
    contract = load_contract("busi", CONTRACTS)
    raw = write_dataset("busi", scratch / "raw", images=images, seed=1, workers=2).root
    a_file_each(contract, raw, scratch / "loose/busi")
    shards(contract, raw, scratch / "shards/busi")
    forms: list[Form] = [
        (name, read_manifest(scratch / folder / "busi"), scratch / folder / "busi")
        for name, folder in (("a file each", "loose"), ("shards", "shards"))
    ]
    (_, loose, _), (_, packed, _) = forms
    assert [mask_png(record) for record in loose] == [mask_png(record) for record in packed]
    jobs: dict[str, Callable[[Form], Callable[[], object]]] = {
        "read the bytes, warm cache": lambda form: partial(read_all, form[1], both_pngs),
        "read the bytes, cold cache": lambda form: partial(cold, form[2], form[1]),
        "read and decode, warm cache": lambda form: partial(read_all, form[1], decoded),
        "list and hash all files": lambda form: partial(hash_all, form[2]),
    }
    tables = {
        "harmonise": time_interleaved(
            {
                "a file each": partial(a_file_each, contract, raw, scratch / "again/loose"),
                "shards": partial(shards, contract, raw, scratch / "again/shards"),
            },
            rounds=rounds,
        ),
        **{
            name: time_interleaved({form[0]: job(form) for form in forms}, rounds=2 * rounds)
            for name, job in jobs.items()
        },
    }
    return {
        "schema": 1,
        "machine": describe_machine(),
        "images": len(packed),
        "size": {name: size_of(folder) for name, _, folder in forms},
        "tables": {name: as_records(timings) for name, timings in tables.items()},
        "images_per_s": {name: {row.name: _rate(row, len(packed)) for row in rows} for name, rows in tables.items()},
    }


def _rate(row: Timing, images: int) -> float:
    return round(1000 * images / row.median_ms, 1)


if __name__ == "__main__":
    main()
