"""A finished split to what people read of it: counts by side, class and size, what was joined and why, with pictures.

Also how far the sides are from equal shares, beside what other seeds would give. Leaves out: dividing (split.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.artefacts import replacing_folder, write_json, write_text
from components.errors import LayoutError
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import Datasets, assign_sides
from components.intake.sides.joins_sheet import draw_joins
from components.intake.sides.relatives import Join, Key, Relatives
from components.params import SplitParams
from components.types import Record

REPORT, TEXT, JOINS = "report.json", "report.md", "joins.png"
SHOWN_PAIRS, LISTED_JOINS = 24, 100
NO_OBJECT = "no object"
# Other seeds are tried as long as that is cheap beside everything else: images times seeds.
MAX_SEEDS, MAX_TRIED = 200, 400_000


def write_split_report(
    folder: Path, frame: pd.DataFrame, datasets: Datasets, params: SplitParams, relatives: Relatives
) -> dict[str, Any]:
    """Write the report's folder in one piece: report.json, report.md, and joins.png if anything was joined."""
    report = split_report(frame, datasets, params, relatives)
    records = {(r.dataset, r.image_id): r for rs in datasets.values() for r in rs}
    with replacing_folder(folder) as beside:
        write_json(beside / REPORT, report)
        shown = shown_joins(relatives.joins)
        if shown:
            title = f"{len(shown)} of {len(relatives.joins)} joined pairs, the least alike first"
            draw_joins(beside / JOINS, shown, records, _sides_by_key(frame), title=title)
        write_text(beside / TEXT, report_text(report))
    return report


def shown_joins(joins: tuple[Join, ...]) -> list[Join]:
    """The pairs worth a look: near copies, the least alike first, then equal pixels; at most `SHOWN_PAIRS`."""
    ordered = sorted(joins, key=lambda join: (join.reason != "near copy", join.correlation, join.first, join.second))
    return ordered[:SHOWN_PAIRS]


def split_report(frame: pd.DataFrame, datasets: Datasets, params: SplitParams, relatives: Relatives) -> dict[str, Any]:
    """What was split how, as JSON values.

    By dataset and side: images, share, groups, images by class and by quartile of size. Every join with its reason; and
    how far from equal shares this seed is.
    """
    sides = _sides_by_key(frame)
    quartiles = {key: name for records in datasets.values() for key, name in size_quartiles(records).items()}
    report: dict[str, Any] = {
        "schema": 1,
        "seed": params.seed,
        "target_shares": _targets(params),
        "phantom": any(record.phantom for records in datasets.values() for record in records),
        "datasets": {},
        "balance": seed_balance(datasets, params, relatives, quartiles),
        "joins": [
            {
                "first": "/".join(join.first),
                "second": "/".join(join.second),
                "reason": join.reason,
                "correlation": join.correlation,
                "split": sides[join.first],
            }
            for join in relatives.joins
        ],
    }
    for name in sorted(datasets):
        rows = frame[frame["dataset"] == name]
        by_side: dict[str, list[Record]] = {kind: [] for kind in SPLITS}
        for record in datasets[name]:
            by_side[sides[name, record.image_id]].append(record)
        report["datasets"][name] = {"images": len(rows), "groups": int(rows["group"].nunique())} | {
            kind: {
                "images": len(members),
                "share": round(len(members) / len(rows), 4),
                "groups": int(rows[rows["split"] == kind]["group"].nunique()),
                "classes": _counted(record.subject_class for record in members),
                "size_quartiles": _counted(quartiles[name, record.image_id] for record in members),
            }
            for kind, members in by_side.items()
        }
    return report


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name).items()))


def _sides_by_key(frame: pd.DataFrame) -> dict[Key, str]:
    columns = frame[["dataset", "image_id", "split"]].itertuples(index=False)
    return {(dataset, image_id): side for dataset, image_id, side in columns}


def _targets(params: SplitParams) -> dict[str, float]:
    rest = round(1 - params.val_share - params.test_share, 6)
    return {"train": rest, "val": params.val_share, "test": params.test_share}


def size_quartiles(records: Sequence[Record]) -> dict[Key, str]:
    """For each image of a dataset the quartile, Q1 to Q4, of its objects' share of the image; or `no object`."""
    shares = {
        (r.dataset, r.image_id): sum(one.area_px for one in r.objects) / (r.height_px * r.width_px)
        for r in records
        if r.objects
    }
    limits = np.quantile(list(shares.values()), (0.25, 0.5, 0.75)) if shares else np.zeros(3)
    named = {key: f"Q{1 + int(np.searchsorted(limits, share, side='left'))}" for key, share in shares.items()}
    return {(r.dataset, r.image_id): named.get((r.dataset, r.image_id), NO_OBJECT) for r in records}


def seed_balance(
    datasets: Datasets, params: SplitParams, relatives: Relatives, quartiles: Mapping[Key, str]
) -> dict[str, Any]:
    """How far sides are from the target shares in each stratum, with this seed and with others.

    A stratum is a class or a quartile of size within a dataset. `deviation` is the share of images that would have to
    change sides for all strata to have the target shares: classes and quartiles weigh the same.
    """
    count = min(MAX_SEEDS, MAX_TRIED // max(1, len(relatives.cluster)))
    found = {params.seed: _deviation(datasets, params, relatives, quartiles)}
    for seed in range(count):
        try:
            found[seed] = _deviation(datasets, params.model_copy(update={"seed": seed}), relatives, quartiles)
        except LayoutError:  # with so few groups, this seed leaves a side empty
            continue
    own, best = found[params.seed], min(found, key=lambda seed: found[seed])
    return {
        "deviation": round(own, 4),
        "seeds_tried": len(found),
        "median_of_seeds": round(float(np.median(list(found.values()))), 4),
        "better_seeds": sum(other < own for other in found.values()),
        "best_seed": best,
        "deviation_of_best": round(found[best], 4),
    }


def _deviation(datasets: Datasets, params: SplitParams, relatives: Relatives, quartiles: Mapping[Key, str]) -> float:
    sides = assign_sides(datasets, params, relatives)
    counts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for name, records in datasets.items():
        for record in records:
            key = (name, record.image_id)
            side = sides[relatives.cluster[key]]
            counts[name, "class", record.subject_class or ""][side] += 1
            counts[name, "size", quartiles[key]][side] += 1
    targets = _targets(params)
    moved = sum(
        sum(abs(count[side] - target * count.total()) for side, target in targets.items()) / 2
        for count in counts.values()
    )
    return moved / sum(count.total() for count in counts.values())


def report_text(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    targets = ", ".join(f"{side} {100 * share:g} %" for side, share in report["target_shares"].items())
    parts = ["# The split"]
    if report["phantom"]:
        parts.append("**PHANTOM.** Images here are made by a generator.")
    parts += [
        f"Seed {report['seed']}; target shares: {targets}. A group never crosses: patients, videos, related images, "
        "and whatever was joined to them below. An image's side follows from its group's name and the seed alone, so "
        "that it never moves when unrelated images are added (a new copy or near copy can move those that it joins); "
        "the price is that shares are right on average, not exactly.",
        "## Sides",
        _sides_table(report),
        *_strata_tables(report, "classes", "By class", "class"),
        *_strata_tables(
            report, "size_quartiles", "By size of the objects (quartiles of their share of the image)", "size"
        ),
        "## How even",
        _balance_words(report["balance"]),
        "## What was joined, and why",
        _joins_words(report["joins"]),
    ]
    return "\n\n".join(parts) + "\n"


def _sides_table(report: Mapping[str, Any]) -> str:
    lines = [_line(["dataset", "images", "groups", *SPLITS]), _line(["---"] * 6)]
    for name, dataset in report["datasets"].items():
        cells = [f"{dataset[side]['images']} ({100 * dataset[side]['share']:.1f} %)" for side in SPLITS]
        lines.append(_line([name, str(dataset["images"]), str(dataset["groups"]), *cells]))
    return "\n".join(lines)


def _strata_tables(report: Mapping[str, Any], key: str, heading: str, column: str) -> list[str]:
    lines = [_line(["dataset", column, "images", *SPLITS]), _line(["---"] * 6)]
    for name, dataset in report["datasets"].items():
        for stratum in sorted({one for side in SPLITS for one in dataset[side][key]}):
            counts = [dataset[side][key].get(stratum, 0) for side in SPLITS]
            cells = [f"{count} ({100 * count / sum(counts):.0f} %)" for count in counts]
            lines.append(_line([name, stratum, str(sum(counts)), *cells]))
    return [f"## {heading}", "\n".join(lines)] if len(lines) > 2 else []


def _balance_words(balance: Mapping[str, Any]) -> str:
    own = (
        f"For exact target shares in every class and every quartile of size, {100 * balance['deviation']:.1f} % of the "
    )
    if balance["seeds_tried"] == 1:
        return own + "images would have to change sides. No other seeds were tried, as there are too many images."
    return (
        f"{own}images would have to change sides. Of {balance['seeds_tried']} seeds {balance['better_seeds']} are more "
        f"even; half of them give {100 * balance['median_of_seeds']:.1f} % or less, the best (seed "
        f"{balance['best_seed']}) {100 * balance['deviation_of_best']:.1f} %. A seed may be chosen by this before "
        "anything is trained, never after: a new seed moves images between sides."
    )


def _joins_words(joins: list[Mapping[str, Any]]) -> str:
    if not joins:
        return "Nothing: beyond the groups of the contracts no equal pixels and no near copies were found."
    reasons = Counter(join["reason"] for join in joins)
    counts = ", ".join(f"{count} by {reason}" for reason, count in sorted(reasons.items()))
    lines = [
        f"{len(joins)} pairs join groups of the contracts: {counts}. The correlation is that of fine structure "
        "(speckle), 1 for equal pixels.",
        f"![Joined pairs, the least alike first]({JOINS})",
        _line(["first", "second", "reason", "correlation", "side"]) + "\n" + _line(["---"] * 5),
    ]
    rows = [
        _line([join["first"], join["second"], join["reason"], f"{join['correlation']:.2f}", join["split"]])
        for join in sorted(joins, key=lambda join: (join["correlation"], join["first"]))[:LISTED_JOINS]
    ]
    lines[-1] += "\n" + "\n".join(rows)
    if len(joins) > LISTED_JOINS:
        lines.append(f"and {len(joins) - LISTED_JOINS} more in {REPORT}.")
    return "\n\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
