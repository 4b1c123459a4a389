"""The C library's allocator, told to keep what a training frees.

By default glibc hands every large block back to the system as soon as it is free, and asks for it again in the next
step; the system then clears each page anew. On the demo's trainings that is 6,000 page faults a step and a sixth of
the processor's time (benchmarks/training_step.py measures it). Kept memory goes back when the process ends; its peak
stays what the training needs. Leaves out: GPUs, whose memory torch keeps itself.
"""

from __future__ import annotations

import ctypes
import sys

# From malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1
# The largest block that is kept; single tensors above it are rare enough.
_LARGEST_BYTES = 2**30


def keep_freed_memory() -> bool:
    """Tell the allocator; says whether it listened. Other systems than Linux with glibc are left as they are."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))
