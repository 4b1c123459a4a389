"""How often drift is called where nothing changed, and where something did, on a finished run's own images.

    .venv/bin/python benchmarks/drift.py [PROJECT] [--windows 60] [--nulls 1000] [--out FILE]

PROJECT is where the graph ran (by default here); nothing in it is changed. Its student describes the validation side,
as the reference, and the test side, as traffic: as it is, with changes planted in the pixels, and the external images
as other anatomy. A window is so many groups of that traffic, drawn anew each time, one image of each. For false alarms,
reference and window are drawn from the groups of both sides together, so that nothing differs but chance.
Leaves out: traffic before (tests/components/monitoring/test_drift.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from components.artefacts import read_description, write_json
from components.evaluation.calibrating.reference import describe
from components.evaluation.speed import describe_machine
from components.intake.form.records import load_image, load_instances, read_manifests, read_split
from components.monitoring.drift import Judgement, judge_units
from components.monitoring.reading import Units, Window
from components.params import Params, load_params
from components.promptable.calibration import find_calibration
from components.promptable.signals import Row
from components.students import load_student
from components.types import Image, InstanceMask, Record

Change = Callable[[Any], Any]
SIZES = (40, 80, 120)
STUDENT = Path("models/student")


def gain(by: float) -> Change:
    """Grey values times `by`, cut off at white."""
    return lambda image: np.clip(by * image, 0, 255).astype(np.uint8)


def blur(sigma_px: float) -> Change:
    """A Gaussian of so many pixels."""
    return lambda image: cv2.GaussianBlur(image, (0, 0), sigma_px)


PIXELS: Mapping[str, Change] = {
    **{f"gain {100 * by - 100:+.0f} %": gain(by) for by in (1.1, 1.15, 1.2, 1.3, 0.9, 0.8, 0.7)},
    **{f"blur {sigma:g} px": blur(sigma) for sigma in (0.5, 0.75, 1.0, 1.5)},
}
PLACES: Mapping[str, Change] = {
    "upside down": lambda picture: np.ascontiguousarray(picture[::-1]),
    "turned by 90 degrees": lambda picture: np.ascontiguousarray(np.rot90(picture)),
}


@dataclass(frozen=True, slots=True)
class Described:
    """A record's group, and the rows of its image and outlines."""

    group: str
    image: Row
    outlines: Sequence[Row]


def sides(project: Path) -> tuple[list[Record], list[Record], list[Record]]:
    """The records of val, test and the external datasets, with the groups of the split."""
    table = read_split(project / "data/03_splits/internal.csv")
    columns = (table[name].astype(str) for name in ("dataset", "image_id", "split", "group"))
    known = {(dataset, image): (side, group) for dataset, image, side, group in zip(*columns, strict=True)}
    found: dict[str, list[Record]] = {"val": [], "test": [], "train": []}
    for records in read_manifests(project / "data/02_harmonised/internal").values():
        for record in records:
            side, group = known[record.dataset, record.image_id]
            found[side].append(replace(record, group=group))
    external = read_manifests(project / "data/02_harmonised/external").values()
    return found["val"], found["test"], [record for records in external for record in records]


def described(
    project: Path, params: Params, records: Sequence[Record], pixels: Change | None = None, place: Change | None = None
) -> list[Described]:
    """Describe records as the service would, with changes of the grey values, or of image and truth alike."""
    student, description = load_student(project / STUDENT)
    calibration = find_calibration(project / STUDENT, model_digest=description.digest)
    if calibration is None:
        sys.exit(f"{project / STUDENT} isn't calibrated: run the graph first")
    found = []
    for record in records:
        image, instances = load_image(record), load_instances(record)
        if place is not None:
            image, instances = place(image), place(instances)
        row, outlines = describe(
            student,
            calibration,
            record=record,
            image=_as_image(image if pixels is None else pixels(image)),
            instances=_as_instances(instances),
            prompts=params.prompts,
            params=params.calibrate,
        )
        found.append(Described(f"{record.dataset}/{record.group}", row, outlines))
    return found


def _as_image(value: Any) -> Image:
    return np.asarray(value, dtype=np.uint8)


def _as_instances(value: Any) -> InstanceMask:
    return np.asarray(value, dtype=np.uint8)


def drawn(of: Sequence[Described], rng: np.random.Generator) -> list[Described]:
    """One image of each group, in any order."""
    groups: dict[str, list[Described]] = {}
    for one in of:
        groups.setdefault(one.group, []).append(one)
    chosen = [members[int(rng.integers(len(members)))] for members in groups.values()]
    return [chosen[place] for place in rng.permutation(len(chosen))]


def units(of: Sequence[Described]) -> Units:
    """What a window holds of them: of each the image, and the first outline of each prompt."""
    first = {
        kind: [row for one in of for row in [next((o for o in one.outlines if o["first"] == kind), None)] if row]
        for kind in ("box", "click")
    }
    return {"image": [one.image for one in of], "box": first["box"], "click": first["click"], "outline": first["box"]}


def judged(place: int, now: Sequence[Described], built_on: Sequence[Described], params: Params) -> Judgement:
    """The judgement of a window, against a reference alone."""
    window = Window(place, params.monitor.window_days)
    return judge_units(window, units(now), validation=units(built_on), earlier={}, params=params.monitor)


def found_share(
    of: Sequence[Described], built_on: Sequence[Described], params: Params, *, size: int, windows: int
) -> tuple[float, dict[str, float]]:
    """The share of windows of a size that are called DRIFT, and in which share each signal is named."""
    found = [
        judged(place, drawn(of, np.random.default_rng([7, place]))[:size], built_on, params) for place in range(windows)
    ]
    names = [one.signal.name for judgement in found for one in judgement.drifted]
    share = {name: names.count(name) / windows for name in sorted(set(names), key=names.count, reverse=True)[:3]}
    return sum(one.verdict == "DRIFT" for one in found) / windows, share


def false_alarms(of: Sequence[Described], params: Params, *, size: int, nulls: int) -> float:
    """The share of windows called DRIFT that are of one source with their reference, as large as the validation's."""
    alarms = 0
    for place in range(nulls):
        everybody = drawn(of, np.random.default_rng([9, place]))
        before, now = everybody[:size], everybody[size : size + 100]
        alarms += judged(place, now, before, params).verdict == "DRIFT"
    return alarms / nulls


def main() -> None:
    """Measure, print a table, and write the numbers where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=Path())
    parser.add_argument("--windows", type=int, default=60)
    parser.add_argument("--nulls", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    # Two threads wait for each other most of the time where others use the cores too; no mask is kept here.
    torch.set_num_threads(1)
    project, params = arguments.project, load_params(Path(__file__).parents[1] / "params.yaml")
    val, test, external = sides(project)
    built_on, usual = (described(project, params, records) for records in (val, test))
    reference = drawn(built_on, np.random.default_rng(1))
    planted: dict[str, list[Described]] = {"nothing": usual}
    planted |= {name: described(project, params, test, pixels=change) for name, change in PIXELS.items()}
    planted |= {name: described(project, params, test, place=change) for name, change in PLACES.items()}
    planted["other anatomy"] = described(project, params, external)
    table = Table("change", *(f"{size} units" for size in SIZES), "named first")
    rows = []
    for name, traffic in planted.items():
        most = len({one.group for one in traffic})
        sizes = [size for size in SIZES if size <= most]
        shares = {size: found_share(traffic, reference, params, size=size, windows=arguments.windows) for size in sizes}
        named = list(shares[sizes[-1]][1]) if sizes else []
        table.add_row(name, *(f"{shares[size][0]:.2f}" if size in shares else "–" for size in SIZES), ", ".join(named))
        rows.append({"change": name, "groups": most, "found": {str(size): one[0] for size, one in shares.items()}})
        rows[-1]["named"] = named
    rate = false_alarms([*built_on, *usual], params, size=len(reference), nulls=arguments.nulls)
    Console().print(table)
    Console().print(f"false alarms: {rate:.3f} of {arguments.nulls} windows, declared {params.monitor.level:.3f}")
    if arguments.out is not None:
        digest = read_description(project / STUDENT).digest
        alarms = {"share": rate, "windows": arguments.nulls, "level": params.monitor.level}
        told = {"schema": 1, "model": digest, "reference_groups": len(reference), "windows": arguments.windows}
        write_json(arguments.out, {**told, "changes": rows, "false_alarms": alarms, "machine": describe_machine()})


if __name__ == "__main__":
    main()
