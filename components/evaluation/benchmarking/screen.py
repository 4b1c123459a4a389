"""A record to tables that a terminal of 80 columns holds, and to the sentences below them.

First what decides, with medians alone; then spreads, batches, parameters and arithmetic. Leaves out: the whole rows,
which pages have (tables.py), and drawing (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator

from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.record import Record, Row
from components.evaluation.benchmarking.rounds import ENOUGH
from components.evaluation.benchmarking.tables import NONE, PAPER, Table, figure, load_of
from components.evaluation.benchmarking.wanted import AT_PX, quickest, students, wanted

DECIDING = ("model", "run by", "encoder\nms", "times", "click\nms", "file to\nmask ms", "MiB", "turns")
BESIDE = ("model", "run by", "encoder ms\n10–90 %", "in\nbatches", "param-\neters M", "GMAC")
SHORT = {"pytorch": "torch", "onnxruntime": "ort", "openvino": "ov"}
LONG = {"torch": "PyTorch", "ort": "ONNX Runtime", "ov": "OpenVINO"}
BOXED = "*"


def deciding(record: Record) -> Iterator[Table]:
    """For each input size what a model takes; then what is wanted of each student."""
    for size_px, rows in _by_size(record):
        yield Table(f"{size_px} x {size_px} px", DECIDING, tuple(_deciding(row) for row in rows))
    yield from _wanted(record)


def beside(record: Record) -> Iterator[Table]:
    """For each input size spreads, images a second in batches, parameters and arithmetic."""
    for size_px, rows in _by_size(record):
        yield Table(f"{size_px} x {size_px} px, beside that", BESIDE, tuple(_beside(row) for row in rows))


def notes(record: Record) -> Iterator[str]:
    """What the columns say, which of the figures have few samples, and what was left out and why."""
    if not record.rows:
        yield "Nothing was measured."
    else:
        yield from _columns(record)
        few = [row for row in record.rows if _turns(row) < ENOUGH]
        if few:
            turns = ", ".join(str(each) for each in sorted({_turns(row) for row in few}))
            yield (
                f"Few turns ({turns}) in {len(few)} of {len(record.rows)} rows, {load_of(record.machine)}: don't rely "
                "on these."
            )
    if any(row.device == "cuda" for row in record.rows):
        yield PAPER
    for each in record.left_out:
        yield f"Left out: {each.key}: {each.reason}"


def _columns(record: Record) -> Iterator[str]:
    settings = record.settings
    has_ratios = any(times.speed_up for row in record.rows for times in row.times)
    missing = "" if has_ratios else ", which wasn't measured"
    yield (
        f"ms: medians over the turns. times: as fast as {settings.reference} run by PyTorch on the CPU at the same "
        f"input{missing}, by the encoder, round by round; of a U-Net, which has no encoder, from file to mask."
    )
    yield (
        f"MiB: memory in one pass, above what the imports take. in batches: images a second of the encoder, "
        f"{settings.batch} a call. GMAC: 10⁹ multiply-accumulates, encoder + click. {NONE}: not measured."
    )
    used = {SHORT[row.runtime] for row in record.rows}
    ways = [f"{short}: {name}" for short, name in LONG.items() if short in used]
    if any(row.folded for row in record.rows):
        ways.append("folded: what depends on no image was computed before (docs/speed.md)")
    if any(row.prompt == "box" for row in record.rows):
        ways.append(f"{BOXED}: asked a box")
    yield "; ".join(ways) + "."


def _by_size(record: Record) -> Iterator[tuple[int, list[Row]]]:
    for size_px in record.settings.sizes_px:
        if rows := [row for row in record.rows if row.input_px == size_px]:
            yield size_px, rows


def _deciding(row: Row) -> tuple[str, ...]:
    times = row.part("file_to_mask" if row.kind == "unet" else "encoder")
    speed_up = None if times is None else times.speed_up
    return (
        row.model,
        short_way(row),
        _encoder(row),
        NONE if speed_up is None else figure(speed_up.median),
        _median(row, "click") + BOXED * (row.prompt == "box"),
        _median(row, "file_to_mask"),
        NONE if row.memory is None else f"{row.memory.running_mib:,.0f}",
        str(_turns(row)),
    )


def _beside(row: Row) -> tuple[str, ...]:
    encoder, batch, counted = row.part("encoder"), row.part("batch"), row.counted
    spread = None if encoder is None or row.kind == "unet" or _turns(row) < ENOUGH else encoder
    return (
        row.model,
        short_way(row),
        NONE if spread is None else f"{figure(spread.p10_ms)}–{figure(spread.p90_ms)}",
        NONE if batch is None or batch.images_per_s is None else figure(batch.images_per_s),
        NONE if counted is None else figure(counted.parameters / 1e6),
        NONE if counted is None else f"{figure(counted.encoder_gmacs)} + {figure(counted.click_gmacs)}",
    )


def _wanted(record: Record) -> Iterator[Table]:
    """What is wanted of each student in its quickest way, medians alone; nothing where nothing was measured."""
    figures = {name: list(wanted(record, name)) for name in students(record)}
    if not any(each.found for of in figures.values() for each in of):
        return
    ways = [quickest(record, name) for name in figures]
    rows = [("run by", "", *(NONE if row is None else short_way(row) for row in ways))]
    for number, each in enumerate(next(iter(figures.values()))):
        found = (of[number].found for of in figures.values())
        rows.append((each.what, each.wanted, *(NONE if one is None else figure(one.median) for one in found)))
    title = f"Students at {AT_PX} px on the CPU unless said, each in its quickest way"
    yield Table(title, ("figure", "wanted", *figures), tuple(rows))


def short_way(row: Row) -> str:
    """How a row was run, in few letters."""
    where = "" if row.device == "cpu" else "GPU" if row.device == "cuda" else row.device
    dtype = {"float32": "", "bfloat16": "bf16"}.get(row.dtype, row.dtype)
    return " ".join(filter(None, (SHORT[row.runtime], "folded" if row.folded else "", where, dtype)))


def _encoder(row: Row) -> str:
    # Of what is no part of a model, as a U-Net's encoder, nothing but the call is measured.
    return NONE if row.kind == "unet" else _median(row, "encoder")


def _median(row: Row, part: Part) -> str:
    times = row.part(part)
    return NONE if times is None else figure(times.median_ms)


def _turns(row: Row) -> int:
    """In how many rounds it ran."""
    return max((len(times.rounds) for times in row.times), default=0)
