"""What it costs to list and pair a dataset's files, before the first image is opened.

    .venv/bin/python benchmarks/listing.py [--images 100000] [--rounds 3] [--against CHECKOUT] [--out FILE]

Writes empty files in two layouts into a temporary folder, reads each at a tenth of the images and at all, and gives the
least of the rounds' processor seconds, and how far the peak of memory rose for each image. With `--against`, another
checkout of this project (such as `git worktree add` makes) reads the same folders in turns with this one, each in a
process of its own.
Leaves out: pixels (checking.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from components.artefacts import write_json
from components.evaluation.speed import describe_machine

ROOT = Path(__file__).parents[1]
LAYOUTS = {"udiat": "paired_folders", "busi": "class_folders"}
READ = """
import json, sys, time
from pathlib import Path
from components.contract import load_contract
from components.intake.layouts import read_layout
name, folder, contracts = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
def peak_kb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
contract, before_kb, start = load_contract(name, contracts), peak_kb(), time.process_time()
cases = len(read_layout(contract, folder, phantom=True, contracts=contracts).cases)
seconds = time.process_time() - start
grown = round((peak_kb() - before_kb) / cases, 2)
print(json.dumps({"images": cases, "seconds": seconds, "peak_kb_an_image": grown}))
"""


def write_empty(folder: Path, name: str, images: int) -> None:
    """Empty images with a mask each, in the layout of a dataset."""
    for number in range(images):
        if name == "udiat":
            pair = [f"BUS/{part}/{number:06d}.png" for part in ("original", "GT")]
        else:
            kind = ("benign", "malignant", "normal")[number % 3]
            pair = [f"Dataset_BUSI_with_GT/{kind}/{kind} ({number}){end}.png" for end in ("", "_mask")]
        for place in pair:
            if number < 3:
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).touch()


def read_once(checkout: Path, name: str, folder: Path) -> dict[str, Any]:
    """Read a folder with the code of a checkout, in a new process."""
    command = [sys.executable, "-c", READ, name, str(folder), str(checkout / "data/contracts")]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(images: int, rounds: int, against: Path | None) -> list[dict[str, Any]]:
    """One row for each layout and size: images and seconds, and those of the other checkout."""
    rows = []
    for name, layout in LAYOUTS.items():
        for number in (images // 10, images):
            with tempfile.TemporaryDirectory() as scratch:
                write_empty(Path(scratch), name, number)
                tries = [
                    [read_once(checkout, name, Path(scratch)) for checkout in (ROOT, against) if checkout is not None]
                    for _ in range(rounds)
                ]
            best = [min(column, key=lambda one: one["seconds"]) for column in zip(*tries, strict=True)]
            row = {"layout": layout, **best[0], "seconds": round(best[0]["seconds"], 3)}
            if against is not None:
                row |= {
                    "other_seconds": round(best[1]["seconds"], 3),
                    "other_peak_kb_an_image": best[1]["peak_kb_an_image"],
                    "times_as_fast": round(best[1]["seconds"] / best[0]["seconds"], 1),
                }
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    against = given.against.resolve() if given.against is not None else None
    rows = measure(given.images, given.rounds, against)
    for row in rows:
        print(row)
    if given.out is not None:
        write_json(given.out, {"schema": 1, "machine": describe_machine(), "listing": rows})


if __name__ == "__main__":
    main()
