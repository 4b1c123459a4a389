"""A run's data to sentences: where images come from, what was left out, how they were divided, what is known of them.

Of a dataset whose images are phantoms the contract describes the original that they imitate; every sentence says so.
Leaves out: models (about_model.py) and results (about_results.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from components.intake.form.records import SPLITS
from components.release.documents.run_files import EXTERNAL, Run
from components.release.documents.statements import NOT_PROVIDED

SIDES = (*SPLITS, EXTERNAL)
_BY_GROUP = {
    "image": "each image is a group of its own, so that two images of one person may stand on two sides",
    "case": "all images of a case",
    "video": "all frames of a video",
    "related": "images that a published list names as related",
}


def listed(parts: Iterable[str]) -> str:
    """Parts of a sentence, separated; a dash where there are none."""
    return "; ".join(parts) or "–"


def sources(run: Run) -> str:
    """Where each dataset's images come from."""
    return listed(f"{name} ({run.role(name)}): {origin(run, name)}" for name in run.names)


def origin(run: Run, name: str) -> str:
    """Where one dataset's images come from."""
    contract, params = run.contracts[name], run.params.datasets[name]
    if params.phantom is not None:
        return (
            f"phantoms in the layout of {contract.source.title}, drawn by components/phantom from seed "
            f"{params.phantom.seed}; no person was imaged"
        )
    return f"{contract.source.title}, {contract.source.address}, from {params.source}"


def acquisition(run: Run) -> tuple[str, bool]:
    """With what and where the images were taken, and whether that isn't known of a dataset of real images."""
    told = {name: taken(run, name) for name in run.names}
    return listed(f"{name}: {words}" for name, words in told.items()), any(NOT_PROVIDED in one for one in told.values())


def taken(run: Run, name: str) -> str:
    """With what and where one dataset's images were taken, as published, and by the images' own scanners and sites."""
    if run.is_phantom(name):
        return "drawn, not taken"
    origins = [_origins(run, name, kind) for kind in ("scanner", "site")]
    return ". ".join(part for part in (run.contracts[name].acquisition, *origins) if part) or NOT_PROVIDED


def _origins(run: Run, name: str, kind: str) -> str:
    """How many images each scanner, or each site, took; empty where none is stated."""
    counts = Counter(getattr(record, kind) for record in run.records[name])
    stated = sorted((value, count) for value, count in counts.items() if value is not None)
    lacking = [f"not stated {counts[None]}"] if counts[None] else []
    return f"Images by {kind}: {', '.join([f'{value} {count}' for value, count in stated] + lacking)}" if stated else ""


def eligibility(run: Run) -> str:
    """Which images take part, and what was left out."""
    least = run.params.prompts.min_area_px
    return (
        "Every image of each source that its contract lets in takes part. "
        + listed(f"{name}: {left_out(run, name)}" for name in run.names)
        + f". Objects of fewer than {least} pixels get no prompt and are no case."
    )


def left_out(run: Run, name: str) -> str:
    """How many of a dataset's images were judged and kept, and which files its contract leaves out where they are."""
    contract, kept = run.contracts[name], len(run.records[name])
    told = [f"{run.faults[name]['images']} images judged, {kept} harmonised"]
    if not run.is_phantom(name) and (contract.accepted_faults or contract.quarantine):
        told.append(
            f"listed in the contract: {len(contract.accepted_faults)} known to be broken, {len(contract.quarantine)} "
            "in quarantine"
        )
    return ", ".join(told)


def partition(run: Run) -> str:
    """How the internal images were divided."""
    split = run.params.split
    counts = listed(f"{name}: {_side_counts(run, name)}" for name in run.names)
    return (
        "Internal images were divided into train, val and test by group, stratified by class and size, with seed "
        f"{split.seed} and the aims val {100 * split.val_share:g} %, test {100 * split.test_share:g} %; a division "
        f"that the authors give, and sides on record, hold. External datasets are for testing alone. Images: {counts}"
    )


def _side_counts(run: Run, name: str) -> str:
    counts = Counter(run.side(record) for record in run.records[name])
    return ", ".join(f"{counts[side]} {side}" for side in SIDES if counts[side])


def disjoint(run: Run) -> str:
    """At which level the sides are apart."""
    internal = [name for name in run.names if run.role(name) == "internal"]
    groups = listed(f"{name}: {_BY_GROUP[run.contracts[name].group.key]}" for name in internal)
    joined = len(run.split["joins"])
    return (
        f"No group stands on two sides. A group is, {groups}. Beyond these groups, images with equal pixels and near "
        f"copies were joined ({joined} pairs here). An external image that is or nearly copies an internal one stops "
        "the run"
    )


def participants_flow(run: Run) -> str:
    """From images to scored cases."""
    told = []
    for _, metrics in run.validations:
        for name, found in metrics["datasets"].items():
            told.append(
                f"{name}: {len(run.records[name])} images, {_side_counts(run, name)}; tested with {found['images']} "
                f"images in {found['groups']} groups, {found['cases']} cases; {found['images_without_case']} test "
                "images gave no case"
            )
    return listed(told)


def by_class_and_side(run: Run, name: str) -> list[tuple[str, ...]]:
    """A dataset's images by class (rows) and side (columns), with a head and a sum, as cells of a table."""
    counts = Counter((record.subject_class or "none given", run.side(record)) for record in run.records[name])
    classes = sorted({kind for kind, _ in counts})
    present = [side for side in SIDES if any(counts[kind, side] for kind in classes)]
    rows = [
        (kind, *(str(counts[kind, side]) for side in present), str(sum(counts[kind, side] for side in present)))
        for kind in classes
    ]
    sums = [sum(counts[kind, side] for kind in classes) for side in present]
    return [("class", *present, "all"), *rows, ("all", *map(str, sums), str(sum(sums)))]


def classes(run: Run) -> str:
    """How many images of each class and side there are."""
    told = []
    for name in run.names:
        head, *rows, _ = by_class_and_side(run, name)
        each = [(row[0], zip(row[1:-1], head[1:-1], strict=True)) for row in rows]
        told.append(f"{name}: " + ", ".join(f"{kind} ({', '.join(map(' '.join, cells))})" for kind, cells in each))
    return listed(told)


def objects(run: Run, name: str) -> str:
    """How many objects a dataset's images have, by anatomical name."""
    counts = Counter(found.label for record in run.records[name] for found in record.objects)
    empty = sum(not record.objects for record in run.records[name])
    named = ", ".join(f"{count} {label}" for label, count in sorted(counts.items())) or "none"
    return f"{sum(counts.values())} ({named}); {empty} images without any"


def image_sizes(run: Run, name: str) -> str:
    """The span of a dataset's image sizes."""
    heights = [record.height_px for record in run.records[name]]
    widths = [record.width_px for record in run.records[name]]
    return f"{min(widths)} to {max(widths)} pixels wide, {min(heights)} to {max(heights)} high"


def spacing(run: Run, name: str) -> str:
    """Of which share of a dataset's images the pixel spacing is known."""
    records = run.records[name]
    known = sum(record.spacing_mm is not None for record in records)
    share = f"known of {known} of {len(records)} images ({100 * known / len(records):.0f} %)"
    return f"{share}; contract: {run.contracts[name].spacing_source}"


def flags(run: Run, name: str) -> str:
    """What the authors flag and what was warned of, with the number of images."""
    counts = Counter(flag for record in run.records[name] for flag in record.flags)
    return ", ".join(f"{flag} {count}" for flag, count in sorted(counts.items())) or "none"


def burnt_in(run: Run, name: str) -> str:
    """In how many files the finder saw calipers and text."""
    codes = Counter(fault["code"] for fault in run.faults[name]["faults"])
    return f"files with calipers {codes['calipers']}, with text {codes['burnt_in_text']}; the finder misses some"


def missing_data(run: Run) -> str:
    """What becomes of images without what a case needs."""
    return (
        "Images without a mask are refused unless the contract ignores them; images without an object give no case: "
        + listed(
            f"{name} {found['images_without_case']} of its test images"
            for _, metrics in run.validations
            for name, found in metrics["datasets"].items()
        )
        + ". Undefined metrics stay undefined and are counted beside each mean; nothing is imputed"
    )


def exposure(run: Run, name: str) -> str:
    """Whether the model had seen a dataset or its people, and how that is known."""
    why = ["trained on it"] if name in run.student.trained_on else []
    why += [part for part in run.exposure.basis.split("; ") if part.startswith(f"{name} counts")]
    return listed([run.exposure.of(name), *why, f"base weights: {run.student.pretraining_exposure.basis}"])
