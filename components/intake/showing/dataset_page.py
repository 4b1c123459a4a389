"""A contract, to the Markdown page that a person reads before they fetch, train on or pass on the dataset.

Everything on a page is taken from the contract, so that page and contract can't differ; `index` sets the datasets
side by side. Leaves out: what is here of a dataset (`sonoforge data list`) and what is wrong with a copy of it
(validate_data).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import yaml

from components.contract import Contract, Place, PublishedFile, Stated, Use, licence_addresses, licence_answer
from components.intake.layouts import READERS

INDEX = "README.md"
_SOURCE = "Written by `sonoforge data page --all` from `data/contracts/`; change the contract, not this page."
_UNSTATED = "not stated"
_UNPINNED = "no published digest found; pinned by the first import"
_FORM = {
    "download": "anybody can download it",
    "account": "needs an account there",
    "request": "on request; a person decides",
    "gone": "answers no more",
}
_USES: Mapping[Use, str] = {
    "train": "Train a model on it",
    "redistribute": "Pass the data on",
    "commercial": "Use it commercially",
}
_SHAPE = {
    "binary": "black and white: each connected area of foreground is one object",
    "codes": "codes: each value is one object of its own kind",
    "polygons": "outlines: each polygon is one object",
    "instances": "COCO annotations: each is one object, of the kind that its category says",
}
_GROUP = {
    "image": "each image is its own group",
    "case": "images of one case stay together",
    "video": "frames of one video stay together",
    "related": "images that a published list names as related stay together",
}


class _Plain(yaml.SafeDumper):
    """YAML without anchors: what is said twice stands there twice."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature is YAML's
        return True


def page(contract: Contract) -> str:
    """The page of one dataset, as Markdown."""
    parts = [
        f"# {contract.name}: {contract.source.title}\n\n{_SOURCE}",
        _table(("", ""), _summary(contract)),
        "## How to get it\n\n" + _obtain(contract),
        "## What may be done with it\n\n" + _licence(contract),
        "## Folder\n\n" + _layout(contract),
        "## Masks\n\n" + _masks(contract),
        "## Groups, splits, spacing\n\n" + _groups(contract),
        "## What must hold\n\n" + _expectations(contract),
        "## Known faults\n\n" + (_list(contract.known_faults) or "None is known."),
        "## Single files\n\n" + _single_files(contract),
    ]
    return "\n\n".join(parts) + "\n"


def index(contracts: Sequence[Contract]) -> str:
    """The table of all datasets, with links to their pages."""
    rows = [
        (
            f"[{one.name}]({one.name}.md)",
            one.anatomy,
            one.role,
            _number(one.expectations.images),
            one.licence.train,
            one.licence.redistribute,
            one.licence.commercial,
            _FORM[one.source.nearest.form],
            one.group.key,
        )
        for one in contracts
    ]
    head = ("Dataset", "Anatomy", "Role", "Images", "Train", "Redistribute", "Commercial", "To get", "Grouped by")
    explained = (
        "`internal` datasets train and test a model, `external` ones only ever test it. Images are those with\n"
        "annotation, as the authors count them. Train, redistribute and commercial are what the licence allows;\n"
        "`unknown` where that isn't known here: the dataset's page says why, and what to read or whom to ask."
    )
    return f"# The datasets\n\n{_SOURCE}\n\n{_table(head, rows)}\n\n{explained}\n"


def pages(contracts: Sequence[Contract]) -> Mapping[str, str]:
    """All files of the folder of pages: {file name: Markdown}."""
    return {INDEX: index(contracts), **{f"{one.name}.md": page(one) for one in contracts}}


def _summary(contract: Contract) -> list[tuple[str, str]]:
    expect = contract.expectations
    classes = ", ".join(f"{number:,} {name}" for name, number in expect.classes.items())
    images = _number(expect.images) + (f" ({classes})" if classes else "")
    return [
        ("Anatomy", contract.anatomy),
        ("Images with annotation", images),
        ("Acquisition", contract.acquisition or _UNSTATED),
        ("Scanner", _stated(contract.scanner)),
        ("Site", _stated(contract.site)),
        ("Role", f"**{contract.role}**: {contract.role_reason}"),
        ("Licence", contract.licence.stated),
        ("Cite", contract.source.citation),
    ]


def _stated(stated: Stated | None) -> str:
    """What the contract says of all images' scanner or site, and who says so."""
    if stated is None:
        return _UNSTATED
    file = f"`{stated.table['file']}`" if stated.table is not None and "file" in stated.table else "a table"
    said = stated.name or f"by image, in {file}"
    return f"{said} (stated by {stated.stated_by})"


def _obtain(contract: Contract) -> str:
    rows = [
        (f"<{one.address}>", _FORM[one.form], one.agreement or "none known", _files(one))
        for one in contract.source.places
    ]
    name = contract.name
    commands = f"    sonoforge data check {name} --source PATH\n    sonoforge data import {name} PATH"
    obtain = contract.source.obtain[0].upper() + contract.source.obtain[1:]
    return f"{_table(('Address', 'Form', 'Agreement', 'Files'), rows)}\n\n{obtain}.\n\n{commands}"


def _files(place: Place) -> str:
    return "; ".join(_file(one) for one in place.files) or _UNPINNED


def _file(one: PublishedFile) -> str:
    digests = [f"{kind} `{digest}`" for kind, digest in (("sha256", one.sha256), ("md5", one.md5)) if digest]
    size = [f"{one.size_bytes:,} bytes"] if one.size_bytes else []
    stated = [f"stated by {one.stated_by}"] if one.stated_by else []
    return f"`{one.name}` ({', '.join([*size, *(digests or [_UNPINNED]), *stated])})"


def _licence(contract: Contract) -> str:
    licence = contract.licence
    rows = [(what, f"**{getattr(licence, use)}**", licence_answer(contract, use)) for use, what in _USES.items()]
    read = " or ".join(f"<{address}>" for address in licence_addresses(contract))
    where = f"\n\nThe licence's text is to be read at {read}." if read else ""
    return f"Stated: {licence.stated}.\n\n{_table(('Use', 'Allowed', 'So'), rows)}{where}"


def _layout(contract: Contract) -> str:
    options = yaml.dump(contract.layout.options, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=76)
    shape = (sys.modules[READERS[contract.layout.reader].__module__].__doc__ or "").splitlines()[0]
    seen = contract.layout.seen or "not stated"
    return f"{shape}\n\nSeen by whoever wrote this: {seen}.\n\nIts options:\n\n```yaml\n{options.rstrip()}\n```"


def _masks(contract: Contract) -> str:
    mask = contract.mask
    rows = [
        ("Kind", _SHAPE[mask.kind]),
        ("Objects", ", ".join(f"{code} = {name}" for code, name in mask.labels.items())),
    ]
    if mask.kind == "binary":
        rows.append(("Threshold", f"foreground where the grey value is **{mask.threshold}** or more"))
    if mask.kind == "codes":
        rows.append(("Background", str(mask.background)))
    rows += [
        ("Smallest object", f"{mask.min_area_px} pixels; smaller areas are specks, not objects"),
        ("Lossy files", "yes; values between black and white may occur" if mask.lossy else "no"),
        ("Why so", mask.reason),
    ]
    return _table(("", ""), rows)


def _groups(contract: Contract) -> str:
    group, official = contract.group, contract.official_splits
    rows = [("Groups", f"{_GROUP.get(group.key, f'images of one {group.key} stay together')}: {group.reason}")]
    if group.related:
        rows.append(("List of relatives", f"`data/contracts/{group.related}`, sha256 `{group.related_sha256}`"))
    rows += [
        ("Official splits", official.stated if official else "none"),
        *([("Use of them", official.use)] if official else []),
        ("Same source as", _same_source(contract)),
        ("Pixel spacing", _spacing(contract)),
    ]
    return _table(("", ""), rows) + _together(contract)


def _together(contract: Contract) -> str:
    rows = [
        (", ".join(f"`{file}`" for file in one.files), one.reason, one.reviewer, one.date.isoformat())
        for one in contract.group.together
    ]
    return f"\n\nOne group by review:{_after(_table(('Images', 'Reason', 'Reviewer', 'Date'), rows))}" if rows else ""


def _same_source(contract: Contract) -> str:
    names = ", ".join(contract.same_source_as)
    return f"{names}: the same patients, so they must never meet across a test" if names else "no other dataset here"


def _spacing(contract: Contract) -> str:
    if contract.spacing_mm is None:
        return f"{contract.spacing_source}, so lengths are in pixels"
    row_mm, column_mm = contract.spacing_mm
    return f"{row_mm:g} mm a row, {column_mm:g} mm a column ({contract.spacing_source})"


def _expectations(contract: Contract) -> str:
    expect = contract.expectations
    rows = [
        ("Images", _number(expect.images)),
        *((f"Images of class {name}", _number(number)) for name, number in expect.classes.items()),
        ("Sides", f"{expect.min_side_px:,} to {expect.max_side_px:,} pixels"),
        ("Foreground", f"at most {expect.max_foreground_share:.0%} of the frame"),
        ("Empty masks", "only in " + ", ".join(expect.empty_mask_classes) if expect.empty_mask_classes else "nowhere"),
        ("Images without mask", "left out" if expect.unlabelled == "ignore" else "refused"),
    ]
    text = _table(("", ""), rows)
    if contract.severity:
        severities = [(f"`{code}`", level) for code, level in sorted(contract.severity.items())]
        text += "\n\nOther severities than the catalogue's:\n\n" + _table(("Fault", "Severity"), severities)
    return text


def _single_files(contract: Contract) -> str:
    accepted = [(f"`{one.file}`", f"`{one.code}`", one.reason) for one in contract.accepted_faults]
    reviewed = [
        (
            f"`{one.file}`",
            "excluded" if one.action == "exclude" else f"corrected by `data/contracts/{one.replacement}`",
            one.reason,
            one.reviewer,
            one.date.isoformat(),
        )
        for one in contract.quarantine
    ]
    first = _table(("File", "Fault", "Reason"), accepted) if accepted else "none"
    second = _table(("File", "What", "Reason", "Reviewer", "Date"), reviewed) if reviewed else "none"
    return (
        f"Known to be wrong in the original, and left out:{_after(first)}\n\nIn quarantine by review:{_after(second)}"
    )


def _after(text: str) -> str:
    """A table on its own lines, a word within the sentence."""
    return f"\n\n{text}" if text.startswith("|") else f" {text}."


def _number(number: int | None) -> str:
    return _UNSTATED if number is None else f"{number:,}"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
