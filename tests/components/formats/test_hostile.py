"""No file ends the process, fills the memory or holds it up: each is an image, or an ImageError, soon.

In a process of its own, since a decoder in C could end it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.components.formats.hostile import PLANNED, hostile_files, whole_files

CHILD = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
from components.errors import ImageError
from components.formats import SourceLimits, open_source
from tests.components.formats.hostile import hostile_files

limits = SourceLimits(image_px=4_000_000, frames=2000, inflated_bytes=2**24)
told = {"read": 0, "refused": 0, "slowest_s": 0.0}
for name, data in hostile_files(int(sys.argv[1]), int(sys.argv[2])):
    began_s = time.process_time()
    try:
        source = open_source(data, name=name, limits=limits)
        for index in {0, source.frames - 1}:
            source.frame(index)
        told["read"] += 1
    except ImageError:
        told["refused"] += 1
    told["slowest_s"] = max(told["slowest_s"], time.process_time() - began_s)
# getrusage would tell the peak of the process that started this one, where that is larger.
peak_kib = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
told["peak_bytes"] = int(peak_kib) * 1024
print(json.dumps(told))
"""


def test_hostile_files_are_read_or_refused_soon_and_in_little_memory(root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, "11", "400"], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["read"] + told["refused"] == 400
    assert min(told["read"], told["refused"]) > 40, "both kinds must be among them"
    assert told["slowest_s"] < 3
    assert told["peak_bytes"] < 700 * 2**20, "of which imports and the makers of files take half"


def test_the_same_seed_makes_the_same_files_and_every_plan_comes_up() -> None:
    first = list(hostile_files(3, 60))
    assert first == list(hostile_files(3, 60))
    assert first != list(hostile_files(4, 60))
    names = {name.split("-", 1)[1] for name, _ in hostile_files(5, 400)}
    assert set(PLANNED) <= names and {f"damaged {kind}" for kind in whole_files()} <= names
