"""What it costs to enter predictions in the audit log so that each is on the disk, and to verify a long log.

    .venv/bin/python benchmarks/audit.py [--seconds 3] [--rounds 3] [--lines 1000000] [--folder FOLDER] [--out FILE]

Appends from 1, 8 and 32 threads, in turns with the naive way on the same disk: one lock, and for each line a write and
an fsync of its own, without a digest or a kept end. Then verifies and reads a log of many lines in a process of its own
and gives by how much its memory grew (Linux). The disk decides the rates; compare the ratios. Leaves out: the service
around it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.anchor import START, leave_ends
from components.artefacts import write_json
from components.audit.entries import (
    ImageSeen,
    ModelUsed,
    NewFile,
    Outlined,
    PointGiven,
    Prediction,
    PromptGiven,
    new_prediction_id,
)
from components.audit.lines import file_name, seal
from components.audit.log import MAX_FILE_BYTES, AuditLog
from components.evaluation.speed import describe_machine

THREADS = (1, 8, 32)
AT = "2026-01-01T00:00:00.000Z"
VERIFY = """
import json, sys, time
from pathlib import Path
from components.audit.reading import read
from components.audit.verifying import verify
def peak_kb():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
# The peak so far is that of the imports; it begins anew here.
Path("/proc/self/clear_refs").write_text("5")
folder, first_kb = Path(sys.argv[1]), peak_kb()
begun = time.perf_counter()
found = verify(folder)
verify_s = time.perf_counter() - begun
begun = time.perf_counter()
hits = sum(1 for _ in read(folder, containing=["f" * 32]))
find_s = time.perf_counter() - begun
grown_kb = peak_kb() - first_kb
print(json.dumps({"sound": found.is_sound, "lines": found.entries, "files": found.files, "verify_s": verify_s,
                  "find_s": find_s, "found": hits, "memory_grown_mb": grown_kb / 1024}))
"""


def prediction() -> Prediction:
    """An entry of a usual size: one object with a box and two clicks."""
    points = tuple(PointGiven(x=100.5 + x, y=80.25, positive=True) for x in range(2))
    prompt = PromptGiven(box=(12.0, 30.5, 200.0, 180.0), points=points)
    outlined = Outlined(prompt=prompt, mask_sha256="c" * 64, area_px=12_345, quality=0.9123, confidence=0.87)
    return Prediction(
        prediction=new_prediction_id(),
        who="anna",
        role="use",
        model=ModelUsed(name="hiera_mini", version="3", digest="a" * 64),
        image=ImageSeen(id="b" * 64, pixels_sha256="e" * 64),
        objects=(outlined,),
    )


def rate(append: Callable[[], object], threads: int, seconds: float) -> tuple[float, float]:
    """Appends a second of some threads, and the 95th percentile of how long one took, in ms."""
    until_s, took_ms = time.perf_counter() + seconds, [list[float]() for _ in range(threads)]

    def work(mine: list[float]) -> None:
        while (begun_s := time.perf_counter()) < until_s:
            append()
            mine.append((time.perf_counter() - begun_s) * 1e3)

    begun_s = time.perf_counter()
    workers = [threading.Thread(target=work, args=(mine,)) for mine in took_ms]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    every = sorted(ms for mine in took_ms for ms in mine)
    return len(every) / (time.perf_counter() - begun_s), every[int(0.95 * (len(every) - 1))]


def chained(folder: Path, threads: int, seconds: float) -> tuple[float, float]:
    """Through the audit log."""
    with AuditLog.open(folder) as log:
        return rate(lambda: log.append(prediction()), threads, seconds)


def naive(path: Path, threads: int, seconds: float) -> tuple[float, float]:
    """A lock, a write and an fsync for each line."""
    lock = threading.Lock()
    with path.open("ab", buffering=0) as file:

        def append() -> None:
            line = prediction().model_dump_json().encode() + b"\n"
            with lock:
                file.write(line)
                os.fsync(file.fileno())

        return rate(append, threads, seconds)


def appends(folder: Path, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """One row for each number of threads: medians of the rounds, and of their ratios."""
    rows = []
    for threads in THREADS:
        pairs = []
        for number in range(rounds):
            ours = chained(folder / f"audit-{threads}-{number}", threads, seconds)
            pairs.append((ours, naive(folder / f"naive-{threads}-{number}", threads, seconds)))
        rows.append(
            {
                "threads": threads,
                "appends_per_s": round(statistics.median(ours[0] for ours, _ in pairs), 1),
                "p95_ms": round(statistics.median(ours[1] for ours, _ in pairs), 2),
                "naive_appends_per_s": round(statistics.median(plain[0] for _, plain in pairs), 1),
                "naive_p95_ms": round(statistics.median(plain[1] for _, plain in pairs), 2),
                "times_naive": round(statistics.median(ours[0] / plain[0] for ours, plain in pairs), 2),
            }
        )
        print(rows[-1])
    return rows


def write_long(folder: Path, lines: int) -> None:
    """A log of many lines, as the service would have written it, without waiting for the disk."""
    folder.mkdir()
    entry, begun = prediction().model_dump_json().encode(), 0
    n, digest, number, file = 0, START, 0, None
    while n < lines:
        if file is None or begun >= MAX_FILE_BYTES:
            if file is not None:
                file.close()
            number, begun = number + 1, 0
            file = (folder / file_name(number)).open("wb")
            first = NewFile(log="d" * 32, file=number).model_dump_json().encode()
            raw, digest = seal(first, n=n + 1, previous=digest, at=AT)
        else:
            raw, digest = seal(entry, n=n + 1, previous=digest, at=AT)
        n, begun = n + 1, begun + file.write(raw)
    if file is not None:
        file.close()
    leave_ends(folder / file_name(1), (n, digest))


def verified(folder: Path, lines: int) -> dict[str, Any]:
    """How long it takes to verify a long log and to find one id in it, and the memory that this takes."""
    write_long(folder / "long", lines)
    command = [sys.executable, "-c", VERIFY, str(folder / "long")]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to write; the disk that is measured")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        rows = appends(Path(scratch), given.seconds, given.rounds)
        long = verified(Path(scratch), given.lines)
    print(long)
    if given.out is not None:
        write_json(given.out, {"schema": 1, "machine": describe_machine(), "appends": rows, "long_log": long})


if __name__ == "__main__":
    main()
