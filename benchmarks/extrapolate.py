"""What a larger collection would take: hours, memory, bytes and money, from the measurements beside this file.

    .venv/bin/python benchmarks/extrapolate.py [--images 280000] [--datasets 43] [--megapixels 0.5] [--cores 16] …

Reads scaling.json (cost an image by the number of images), pixels.json (cost a pixel), near_copies.json (likeness) and
harmonised_form.json (bytes an image). Everything else is an option and is printed with the table: what isn't measured
here is assumed by whoever asks. Prices have no default; without them no money is shown. Processor hours are those of
the machines that measured. Leaves out: trainings, unless their images a second are given as a run logs them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.artefacts import write_text
from pipelines.graph import FOR_EACH_DATASET, STAGES

HERE = Path(__file__).parent
BEGIN, END = "<!-- extrapolated -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: processor or GPU hours, the hours that pass with all workers, and where its figure is from."""

    what: str
    basis: str
    core_hours: float | None = None
    gpu_hours: float | None = None
    hours: float | None = None
    gigabytes: float | None = None
    money: float | None = None


def read(name: str, folder: Path = HERE) -> Any:
    """A committed benchmark."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def pixel_ms(rows: Sequence[dict[str, Any]], step: str) -> float:
    """Processor milliseconds a megapixel: the slope between the smallest and the largest side."""
    of_step = sorted((row for row in rows if row["step"] == step), key=lambda row: row["side_px"])
    least, most = of_step[0], of_step[-1]
    return float(1e6 * (most["cpu_ms_an_image"] - least["cpu_ms_an_image"])) / (
        most["side_px"] ** 2 - least["side_px"] ** 2
    )


def steps(args: argparse.Namespace, folder: Path = HERE) -> list[Row]:
    """The steps that go over all images, by the largest number at which each was measured."""
    scaling, pixels = read("scaling", folder), read("pixels", folder)["rows"]
    rows = []
    for step in ("check", "harmonise", "split", "evaluate"):
        measured = max(
            (row for row in scaling["rows"] if row["step"] == step and row["engine"] == "threads"),
            key=lambda row: row["images"],
        )
        each_ms = measured["cpu_ms_an_image"]
        basis = f"{each_ms:.2f} ms an image at {measured['images']:,} images"
        if step != "split":
            extra_ms = pixel_ms(pixels, step)
            # What was measured has few pixels, which are counted here with the rest.
            each_ms += extra_ms * args.megapixels
            basis += f", {extra_ms:.0f} ms a megapixel"
        images = args.images
        if step == "evaluate":
            images *= args.models
            basis += f"; {args.models} models, {len(scaling['prompts'])} kinds of prompt, networks left out"
        rows.append(_of_cores(step, images * each_ms / 3.6e6, basis, args))
    return rows


def likeness(args: argparse.Namespace, folder: Path = HERE) -> Row:
    """Finding near copies among all images, which grows a little faster than their number."""
    cost = read("near_copies", folder)["cost"]
    largest = max(cost["rows"], key=lambda row: row["images"])
    seconds = largest["cpu_seconds"] * (args.images / largest["images"]) ** cost["growth_exponent"]
    basis = f"{largest['cpu_seconds']:.1f} s for {largest['images']:,}, exponent {cost['growth_exponent']:.2f}"
    # One process does it.
    return Row("near copies, in split", basis, core_hours=seconds / 3600, hours=seconds / 3600)


def starts(args: argparse.Namespace) -> Row:
    """What each stage costs beyond its own work: DVC runs them one after another."""
    stages = len(FOR_EACH_DATASET) * args.datasets + len(STAGES) - len(FOR_EACH_DATASET)
    basis = f"{stages} stages, {args.stage_s:g} s each (docs/operations.md)"
    return Row("starts of stages", basis, core_hours=stages * args.stage_s / 3600, hours=stages * args.stage_s / 3600)


def trainings(args: argparse.Namespace) -> list[Row]:
    """Both trainings, where their speed was given."""
    rows = []
    for name, epochs, speed in (
        ("finetune", args.finetune_epochs, args.finetune_images_per_s),
        ("distil", args.distil_epochs, args.distil_images_per_s),
    ):
        if speed is None:
            rows.append(Row(name, f"not measured: give --{name}-images-per-s, as a run logs it"))
            continue
        hours = args.images * args.train_share * epochs / speed / 3600
        basis = f"{speed:g} images a second on {args.gpus} GPU, {epochs} epochs of {args.train_share:.0%}"
        rows.append(
            Row(name, basis, gpu_hours=hours * args.gpus, hours=hours, money=_paid(hours * args.gpus, args.gpu_hour))
        )
    return rows


def stores(args: argparse.Namespace, folder: Path = HERE) -> list[Row]:
    """What is kept, each once; DVC's cache and its remote hold a copy each."""
    form = read("harmonised_form", folder)
    harmonised_kb = form["size"]["shards"]["bytes"] / form["images"] / 1e3
    raw_gb, harmonised_gb = args.images * args.raw_kb / 1e6, args.images * harmonised_kb / 1e6
    kept = [
        ("raw", f"{args.raw_kb:g} kB an image with its mask", raw_gb),
        ("harmonised", f"{harmonised_kb:.0f} kB an image with its mask (phantoms of BUSI's size)", harmonised_gb),
        ("remote", "raw and harmonised, once", raw_gb + harmonised_gb),
    ]
    rows = [
        Row(
            f"bytes: {what}",
            basis,
            gigabytes=gb,
            money=_paid(gb / 1000, args.terabyte_month) if what == "remote" else None,
        )
        for what, basis, gb in kept
    ]
    outputs = args.images * args.train_share * max(1, args.augment_rounds)
    basis = f"{args.teacher_mb:g} MB an image (docs/training.md), {args.augment_rounds} round(s), if kept"
    rows.append(Row("bytes: teacher's outputs", basis, gigabytes=outputs * args.teacher_mb / 1e3))
    objects = args.images * args.files_an_image
    hours = max(objects / args.objects_per_s, 8e3 * (raw_gb + harmonised_gb) / args.megabits_per_s) / 3600
    basis = f"{objects:,.0f} raw files, {args.objects_per_s:g} a second; {args.megabits_per_s:g} Mbit/s"
    return [*rows, Row("first push", basis, hours=hours)]


def memory(args: argparse.Namespace, folder: Path = HERE) -> list[str]:
    """What a process holds at that many images, for steps that were measured at two numbers at least."""
    scaling = read("scaling", folder)
    told = []
    for step in ("check", "harmonise", "split", "evaluate"):
        grown = [one for one in scaling["findings"] if one["step"] == step and one["engine"] == "threads"]
        if not grown:
            continue
        last = max(grown, key=lambda one: one["images"][1])
        peak = next(
            row["peak_mb"]
            for row in scaling["rows"]
            if (row["step"], row["engine"], row["images"]) == (step, "threads", last["images"][1])
        )
        # A dataset is checked and harmonised by itself; the largest is what counts.
        images = args.largest_dataset if step in {"check", "harmonise"} else args.images
        whole = peak + last["kb_an_image"] * (images - last["images"][1]) / 1024
        told.append(f"{step} {whole / 1000:.1f} GB for {images:,} ({last['kb_an_image']:.1f} kB an image)")
    return told


def _of_cores(what: str, core_hours: float, basis: str, args: argparse.Namespace) -> Row:
    busy = core_hours / (args.cores * args.machines * args.efficiency)
    alone = core_hours if what == "split" else busy
    return Row(
        what, basis, core_hours=core_hours, hours=alone, money=_paid(core_hours / args.efficiency, args.core_hour)
    )


def _paid(amount: float, price: float | None) -> float | None:
    return None if price is None else amount * price


def told(rows: Sequence[Row], *, with_money: bool) -> str:
    """The rows as a table of Markdown."""
    head = ["", "core h", "GPU h", "hours", "GB", *(["money"] if with_money else []), "from"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        money = [_number(row.money)] if with_money else []
        cells = [_number(row.core_hours), _number(row.gpu_hours), _number(row.hours), _number(row.gigabytes), *money]
        lines.append("| " + " | ".join([row.what, *cells, row.basis]) + " |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 20 else f"{value:.2g}"


def parser() -> argparse.ArgumentParser:
    """The options, which are the assumptions."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--images", type=int, default=280_000)
    made.add_argument("--datasets", type=int, default=43)
    made.add_argument("--largest-dataset", type=int, default=50_000, help="images of the largest dataset")
    made.add_argument("--megapixels", type=float, default=0.5, help="of an image, mean")
    made.add_argument("--raw-kb", type=float, default=200, help="of an image with its mask, as published, mean")
    made.add_argument("--files-an-image", type=float, default=2)
    made.add_argument("--stage-s", type=float, default=2.3, help="that a stage costs beyond its work")
    made.add_argument("--models", type=int, default=3, help="validated beside each other")
    made.add_argument("--cores", type=int, default=16, help="of each machine")
    made.add_argument("--machines", type=int, default=1)
    made.add_argument("--efficiency", type=float, default=0.8, help="share of the cores' time that does this work")
    made.add_argument("--gpus", type=int, default=1)
    made.add_argument("--train-share", type=float, default=0.7)
    made.add_argument("--finetune-epochs", type=int, default=50)
    made.add_argument("--distil-epochs", type=int, default=100)
    made.add_argument("--finetune-images-per-s", type=float, help="with all GPUs, as a run logs it")
    made.add_argument("--distil-images-per-s", type=float, help="with all GPUs, as a run logs it")
    made.add_argument("--teacher-mb", type=float, default=71, help="of outputs an image: Hiera-L at 1024 px in float16")
    made.add_argument("--augment-rounds", type=int, default=1, help="of distil.augment_rounds")
    made.add_argument("--objects-per-s", type=float, default=300, help="that the object store takes")
    made.add_argument("--megabits-per-s", type=float, default=1000)
    made.add_argument("--core-hour", type=float, help="price")
    made.add_argument("--gpu-hour", type=float, help="price")
    made.add_argument("--terabyte-month", type=float, help="price of a month of the remote")
    made.add_argument("--json", action="store_true")
    made.add_argument("--into", type=Path, help=f"a page of Markdown: write the table between {BEGIN} and {END}")
    return made


def main() -> None:
    args = parser().parse_args()
    rows = [*steps(args), likeness(args), starts(args), *trainings(args), *stores(args)]
    assumed = {name: value for name, value in vars(args).items() if value is not None and name not in {"json", "into"}}
    if args.json:
        print(json.dumps({"assumed": assumed, "rows": [asdict(row) for row in rows], "memory": memory(args)}, indent=2))
        return
    table = told(rows, with_money=any(row.money is not None for row in rows))
    held = "; ".join(memory(args)) or "not measured at two numbers yet"
    said = ", ".join(f"{name} {value:g}" for name, value in assumed.items())
    text = f"{table}\n\nMemory of the process: {held}.\n\nAssumed: {said}."
    if args.into is None:
        print(text)
        return
    before, rest = args.into.read_text(encoding="utf-8").split(BEGIN)
    write_text(args.into, f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
