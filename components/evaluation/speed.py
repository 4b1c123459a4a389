"""Functions to timings that can be compared: interleaved rounds in one process, medians, spread and ratios.

A busy or noisy machine slows every case of a round alike, so the ratios hold where the milliseconds don't. Leaves out:
what is timed (the command line) and any test of a time; times are measured, never asserted.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.cores import read_processor, usable_cores
from components.promptable.runtimes.machine import installed_version

CPU_FLAGS = (
    *("avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "asimd", "asimddp", "fphp", "sve", "i8mm", "bf16"),
)
"""What of a processor's abilities decides how fast networks run: widths of vectors, short number formats, matrices."""
PACKAGES = ("onnxruntime", "openvino", "numpy", "opencv-python-headless", "sam2")


@dataclass(frozen=True, slots=True)
class Timing:
    """One case: median, 10th and 90th percentile over the rounds in milliseconds, and the median ratio, round by
    round, to the first case."""

    name: str
    median_ms: float
    p10_ms: float
    p90_ms: float
    ratio_to_first: float
    rounds: int


def time_interleaved(
    cases: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Timing]:
    """Run every case once a round, in order, after `warm_up` rounds that don't count.

    `clock` counts seconds: with `time.process_time`, and one thread, what a case takes where nothing else runs.

    Raises
    ------
    ValueError
        If there are no cases or no rounds.
    """
    if not cases or rounds < 1:
        raise ValueError("timing needs at least one case and one round")
    for _ in range(warm_up):
        for run in cases.values():
            run()
    times_ms = np.array([[_once_ms(run, clock) for run in cases.values()] for _ in range(rounds)])  # rounds cases
    ratios = np.median(times_ms / times_ms[:, :1], axis=0)
    return [
        Timing(
            name=name,
            median_ms=float(np.median(times_ms[:, index])),
            p10_ms=float(np.percentile(times_ms[:, index], 10)),
            p90_ms=float(np.percentile(times_ms[:, index], 90)),
            ratio_to_first=float(ratios[index]),
            rounds=rounds,
        )
        for index, name in enumerate(cases)
    ]


def _once_ms(run: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (clock() - started) * 1000


def describe_machine() -> dict[str, Any]:
    """Processor, what it can do, cores, memory, accelerator and versions, for the record that a timing stands in."""
    cpu, flags = read_processor()
    return {
        "cpu": cpu,
        "cpu_flags": [flag for flag in CPU_FLAGS if flag in flags],
        "cores": usable_cores(),
        "memory_mib": _memory_mib(),
        "torch_threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "versions": {name: found for name in PACKAGES if (found := installed_version(name)) is not None},
        "system": f"{platform.system()} {platform.machine()}",
    }


def _memory_mib() -> int | None:
    """The machine's memory; None where nothing tells it."""
    total = next((line for line in _lines(Path("/proc/meminfo")) if line.startswith("MemTotal:")), None)
    return None if total is None else int(total.split()[1]) // 1024


def _lines(path: Path) -> Sequence[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()


def as_records(timings: Sequence[Timing]) -> list[dict[str, Any]]:
    """Timings as JSON-ready values."""
    return [asdict(timing) for timing in timings]
