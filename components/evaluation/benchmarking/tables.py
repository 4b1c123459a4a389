"""A record to the tables that people read: rows of text for the console, and Markdown for the documentation.

Leaves out: colours and boxes (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.record import Record, Row
from components.evaluation.benchmarking.rounds import ENOUGH, Spread
from components.evaluation.benchmarking.wanted import AT_PX, quickest, students, wanted

NONE = "–"
HEADINGS = (
    "model",
    "run by",
    "encoder ms",
    "times as fast",
    "click ms",
    "file to mask ms",
    "images a second",
    "in batches",
    "MiB",
    "parameters M",
    "GMAC",
)
PAPER = (
    "The paper says of its student 45 FPS and 9,881 MB of GPU memory, of SAM2 33,821 MB, at 1024 px; which GPU, and "
    "what was running, it doesn't say."
)


@dataclass(frozen=True, slots=True)
class Table:
    """A title, headings, and rows of text."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(record: Record) -> Iterator[Table]:
    """One table for each input size, models as they were measured; then what is wanted of each student."""
    for size_px in record.settings.sizes_px:
        rows = tuple(_cells(row) for row in record.rows if row.input_px == size_px)
        if rows:
            yield Table(f"{size_px} x {size_px} px", HEADINGS, rows)
    yield from wanted_table(record)


def wanted_table(record: Record) -> Iterator[Table]:
    """What is wanted of each student, and what was found; nothing where nothing of it was measured."""
    figures = {name: list(wanted(record, name)) for name in students(record)}
    if not any(each.found is not None for of in figures.values() for each in of):
        return
    rows = tuple(
        (each.what, each.wanted, *(_found(of[number].found) for of in figures.values()))
        for number, each in enumerate(next(iter(figures.values())))
    )
    ways = {name: quickest(record, name) for name in figures}
    headings = tuple(name if row is None else f"{name} ({way(row)})" for name, row in ways.items())
    title = f"Students at {AT_PX} px on the CPU unless said, each in its quickest way"
    yield Table(title, ("figure", "wanted", *headings), rows)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.model,
        way(row),
        # Of what is no part of a model, as a U-Net's encoder, nothing but the call is measured.
        NONE if row.kind == "unet" else _spread(row, "encoder"),
        _times_as_fast(row),
        _median(row, "click") + (" (a box)" if row.prompt == "box" else ""),
        _median(row, "file_to_mask"),
        _per_s(row, "file_to_mask"),
        _per_s(row, "batch"),
        NONE if row.memory is None else f"{row.memory.running_mib:,.0f}",
        NONE if row.counted is None else f"{row.counted.parameters / 1e6:.2f}",
        NONE if row.counted is None else f"{row.counted.encoder_gmacs:.2f} + {row.counted.click_gmacs:.2f}",
    )


def way(row: Row) -> str:
    """How a row was run, in words."""
    names = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    where = "" if row.device == "cpu" else row.device.upper()
    dtype = "" if row.dtype == "float32" else row.dtype
    return ", ".join(filter(None, (names[row.runtime], "folded" if row.folded else "", where, dtype)))


def _spread(row: Row, part: Part) -> str:
    times = row.part(part)
    if times is None:
        return NONE
    return _bracketed(times.median_ms, times.p10_ms, times.p90_ms, samples=len(times.rounds))


def _bracketed(median: float, p10: float, p90: float, *, samples: int) -> str:
    """The median, and in brackets the 10th and 90th percentile, if there are enough samples for any."""
    return figure(median) + (f" [{figure(p10)}, {figure(p90)}]" if samples >= ENOUGH else "")


def _median(row: Row, part: Part) -> str:
    times = row.part(part)
    return NONE if times is None else figure(times.median_ms)


def _times_as_fast(row: Row) -> str:
    """The encoder's speed-up; of a U-Net, which has none, that from file to mask."""
    times = row.part("file_to_mask" if row.kind == "unet" else "encoder")
    if times is None or times.speed_up is None:
        return NONE
    ratio = times.speed_up
    found = _bracketed(ratio.median, ratio.p10, ratio.p90, samples=len(times.rounds))
    return f"{found} (file to mask)" if row.kind == "unet" else found


def _per_s(row: Row, part: Part) -> str:
    times = row.part(part)
    return NONE if times is None or times.images_per_s is None else figure(times.images_per_s)


def _found(found: Spread | None) -> str:
    if found is None:
        return "not measured"
    same = found.p10 == found.p90
    return _bracketed(found.median, found.p10, found.p90, samples=0 if same else found.samples)


def figure(value: float) -> str:
    """A number with three digits that count, or as many as it has before its point."""
    if not value or value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def machine_line(record: Record) -> str:
    """The machine and the settings on one line."""
    settings = record.settings
    parts = [
        *machine_parts(record.machine, threads=settings.threads),
        f"at most {settings.rounds} {'round' if settings.rounds == 1 else 'rounds'}, {record.seconds / 60:.1f} minutes",
    ]
    return "; ".join(parts) + ("" if record.complete else "; INTERRUPTED")


def machine_parts(machine: Mapping[str, Any], *, threads: int) -> list[str]:
    """A machine (`describe_machine`, and `load_average`) in words."""
    told = {name: machine[key] for name, key in (("Python", "python"), ("torch", "torch")) if key in machine}
    versions = {**told, **dict(sorted(machine.get("versions", {}).items()))}
    return [
        str(machine["cpu"]),
        f"{machine['cores']} cores, {threads} threads",
        f"flags {', '.join(machine.get('cpu_flags', ())) or 'none told'}",
        f"{machine.get('memory_mib') or 0:,.0f} MiB",
        f"accelerator {machine['accelerator'] or 'none'}",
        load_of(machine),
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]


def load_of(machine: Mapping[str, Any]) -> str:
    """How busy a machine was, in words."""
    load = machine.get("load_average", {})
    start, end = (f"{values[0]:g}" if (values := load.get(when)) else "unknown" for when in ("start", "end"))
    return f"load {start} at the start, {end} at the end"


def markdown(record: Record, *, brief: bool = False) -> str:
    """All tables as Markdown, with the machine above them and what was left out below; or just what is wanted."""
    settings = record.settings
    lines = [f"{machine_line(record)}."]
    if not brief:
        lines += [
            "",
            'Medians and, in brackets, from three rounds on, the 10th and 90th percentile over them. "Times as fast" '
            f'refers to `{settings.reference}` run by PyTorch at the same input, round by round; "in batches" are '
            f"images a second of the encoder with {settings.batch} images a call (on a GPU as the record says). "
            "GMAC: encoder + click.",
        ]
    shown = list(wanted_table(record) if brief else tables(record))
    if brief and not shown:
        lines += ["", f"None of what is wanted of the students ({AT_PX} px) was measured."]
    for table in shown:
        lines += ["", f"**{table.title}**", "", _line(table.headings), _line(_rule(table))]
        lines += [_line(row) for row in table.rows]
    if any(row.device == "cuda" for row in record.rows):
        lines += ["", PAPER]
    if record.left_out and not brief:
        lines += ["", "Left out: " + "; ".join(f"{each.key} ({each.reason})" for each in record.left_out) + "."]
    return "\n".join(lines) + "\n"


def _rule(table: Table) -> list[str]:
    return ["---"] + ["---:"] * (len(table.headings) - 1)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
