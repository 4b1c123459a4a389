"""A record to the few ratios that this project holds itself to (docs/speed.md), for each student, its quickest way.

All are of one run, round by round. Leaves out: any assertion; these are figures, and a machine may miss them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from components.evaluation.benchmarking.catalogue import LITEMEDSAM_PX
from components.evaluation.benchmarking.passes import DType, Part
from components.evaluation.benchmarking.record import Memory, Record, Row
from components.evaluation.benchmarking.rounds import Spread, ratio, spread

AT_PX = 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """One figure: what it is of, what is wanted, and what was found (None: not measured)."""

    what: str
    wanted: str
    found: Spread | None


def wanted(record: Record, student: str) -> Iterator[Wanted]:
    """The figures of a student in its quickest way: on the CPU, and on a GPU where one was measured.

    LiteMedSAM is in its quickest way, too; the paper's student and SAM2 are as PyTorch runs them, on a GPU at the same
    precision.
    """
    row, small = quickest(record, student, AT_PX), quickest(record, student, LITEMEDSAM_PX)
    paper, sam2 = _row(record, record.settings.reference, AT_PX), _row(record, "sam2.1_large", AT_PX)
    lite = quickest(record, "litemedsam", LITEMEDSAM_PX)
    yield Wanted(f"encoder, times as fast as {record.settings.reference}", "≥ 20", _times_as_fast(row, paper))
    yield Wanted("encoder, times as fast as sam2.1_large", "≥ 500", _times_as_fast(row, sam2))
    yield Wanted("encoder and click, images a second", "≥ 25", None if row is None else _images_a_second(row))
    yield Wanted(f"encoder, times as fast as litemedsam at {LITEMEDSAM_PX} px", "≥ 10", _times_as_fast(small, lite))
    peak = None if row is None or row.memory is None else spread([_peak_mib(row.memory)])
    yield Wanted("peak memory in MiB above the imports", "≤ 250", peak)
    if any(each.device == "cuda" for each in record.rows):
        on_gpu = quickest(record, student, AT_PX, device="cuda")
        same = None if on_gpu is None else _row(record, "sam2.1_large", AT_PX, device="cuda", dtype=on_gpu.dtype)
        yield Wanted("on the GPU, encoder, times as fast as sam2.1_large", "≥ 20", _times_as_fast(on_gpu, same))
        batches = None if on_gpu is None else on_gpu.part("batch")
        per_s = None if batches is None or batches.images_per_s is None else spread([batches.images_per_s])
        yield Wanted("on the GPU, encoder, images a second in batches", "≥ 1,000", per_s)


def students(record: Record) -> tuple[str, ...]:
    """The students of a record, in its order."""
    return tuple(dict.fromkeys(row.model for row in record.rows if row.kind == "student"))


def quickest(record: Record, model: str, input_px: int = AT_PX, *, device: str = "cpu") -> Row | None:
    """The way of running a model whose encoder and click together take least; None where none was measured."""
    rows = [
        (encoder.median_ms + click.median_ms, index, row)
        for index, row in enumerate(record.rows)
        if (row.model, row.input_px, row.device) == (model, input_px, device)
        and (encoder := row.part("encoder"))
        and (click := row.part("click"))
    ]
    return min(rows)[2] if rows else None


def _row(record: Record, model: str, input_px: int, *, device: str = "cpu", dtype: DType = "float32") -> Row | None:
    """A model as PyTorch runs it, as it was built."""
    way = ("pytorch", False, device, dtype)
    for row in record.rows:
        if (row.model, row.input_px) == (model, input_px) and (row.runtime, row.folded, row.device, row.dtype) == way:
            return row
    return None


def _peak_mib(memory: Memory) -> float:
    """The most at any time: loading may take more than running does."""
    return max(memory.loading_mib or 0.0, memory.running_mib)


def _samples(row: Row, part: Part) -> dict[int, float]:
    times = row.part(part)
    return {} if times is None else dict(zip(times.rounds, times.samples_ms, strict=True))


def _times_as_fast(row: Row | None, other: Row | None) -> Spread | None:
    return None if row is None or other is None else ratio(_samples(other, "encoder"), _samples(row, "encoder"))


def _images_a_second(row: Row) -> Spread | None:
    encoder, click = _samples(row, "encoder"), _samples(row, "click")
    both = [encoder[number] + click[number] for number in sorted(encoder.keys() & click.keys())]
    return spread([1e3 / each for each in both]) if both and min(both) > 0 else None
