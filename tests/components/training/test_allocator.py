"""The allocator keeps what is freed, where it can."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: the setting can't be undone.
SCRIPT = """
import resource, torch
from components.training.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(10_000_000)  # 40 MB, above what glibc keeps by itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
print(keep_freed_memory())
faults()
print(before, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="speaks of glibc")
def test_kept_memory_is_not_cleared_again() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    listened, counts = done.stdout.splitlines()
    if listened == "False":
        pytest.skip("this C library has no mallopt")
    before, after = map(int, counts.split())
    assert before > 5 * 5000  # of 9,800 pages of 4 KB a block
    assert after < 0.5 * before  # one block may still grow the heap


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from components.training import allocator

    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator.keep_freed_memory() is False
