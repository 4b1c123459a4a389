"""A record to the tables that people read: rows of text for the console, and Markdown for the documentation.

Leaves out: colours and boxes (the command line).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.record import Record, Row
from components.evaluation.benchmarking.rounds import Spread
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
    """The median, and in brackets the 10th and 90th percentile."""
    times = row.part(part)
    return NONE if times is None else f"{figure(times.median_ms)} [{figure(times.p10_ms)}, {figure(times.p90_ms)}]"


def _median(row: Row, part: Part) -> str:
    times = row.part(part)
    return NONE if times is None else figure(times.median_ms)


def _times_as_fast(row: Row) -> str:
    """The encoder's speed-up; of a U-Net, which has none, that from file to mask."""
    times = row.part("file_to_mask" if row.kind == "unet" else "encoder")
    if times is None or times.speed_up is None:
        return NONE
    ratio = times.speed_up
    found = f"{figure(ratio.median)} [{figure(ratio.p10)}, {figure(ratio.p90)}]"
    return f"{found} (file to mask)" if row.kind == "unet" else found


def _per_s(row: Row, part: Part) -> str:
    times = row.part(part)
    return NONE if times is None or times.images_per_s is None else figure(times.images_per_s)


def _found(found: Spread | None) -> str:
    if found is None:
        return "not measured"
    same = found.p10 == found.p90
    return figure(found.median) + ("" if same else f" [{figure(found.p10)}, {figure(found.p90)}]")


def figure(value: float) -> str:
    """A number with three digits that count, or as many as it has before its point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def machine_line(record: Record) -> str:
    """The machine and the settings on one line."""
    machine, settings = record.machine, record.settings
    load = machine.get("load_average", {})
    versions = ", ".join(f"{name} {version}" for name, version in sorted(machine.get("versions", {}).items()))
    parts = [
        str(machine["cpu"]),
        f"{machine['cores']} cores, {settings.threads} threads",
        f"flags {', '.join(machine.get('cpu_flags', ())) or 'none told'}",
        f"{machine.get('memory_mib') or 0:,.0f} MiB",
        f"accelerator {machine['accelerator'] or 'none'}",
        f"load {_load(load.get('start', ()))} at the start, {_load(load.get('end', ()))} at the end",
        versions,
        f"at most {settings.rounds} rounds, {record.seconds / 60:.1f} minutes",
    ]
    return "; ".join(parts) + ("" if record.complete else "; INTERRUPTED")


def _load(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if values else "unknown"


def markdown(record: Record, *, brief: bool = False) -> str:
    """All tables as Markdown, with the machine above them and what was left out below; or just what is wanted."""
    settings = record.settings
    lines = [f"{machine_line(record)}."]
    if not brief:
        lines += [
            "",
            'Medians and, in brackets, the 10th and 90th percentile over the rounds. "Times as fast" refers to '
            f'`{settings.reference}` run by PyTorch at the same input, round by round; "in batches" are images a '
            f"second of the encoder with {settings.batch} images a call (on a GPU as many as the record says). "
            "GMAC: encoder + click.",
        ]
    for table in wanted_table(record) if brief else tables(record):
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
