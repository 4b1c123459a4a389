"""A reading and the contract's quarantine, to the reading without what reviewers took out, and with what they mended.

An excluded image goes with its masks; an excluded mask or sheet of outlines leaves its images with what else they
have, or without annotation; of any other excluded file nothing is said any more. A corrected file is read from beside
the contract and keeps its published name in every report. Each entry is reported. Leaves out: phantoms, which only
share the names; and reading corrected sheets and tables, which the readers do themselves (`Reader.sheet`,
`Reader.table`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from components.artefacts import sha256_of
from components.contract import Contract, Quarantined
from components.errors import ContractError
from components.intake.faults import fault
from components.intake.layouts.naming import candidates, suggestion
from components.intake.layouts.reading import Case, Corrections, LayoutReading, double_ids, without_annotation
from components.intake.layouts.tree import Tree
from components.stored_list import StoredList
from components.texts import Texts
from components.types import Fault


def corrections(contract: Contract, contracts: Path) -> dict[str, Path]:
    """The files that are read in place of published ones: {`file` of the entry: path of the replacement}.

    Raises
    ------
    ContractError
        If a replacement is missing beside the contract, or isn't the one that was reviewed (sha256).
    """
    found = {}
    for entry in contract.quarantine:
        if entry.replacement is None:
            continue
        path = contracts / entry.replacement
        if not path.is_file():
            raise ContractError(
                f"contract {contract.name}, quarantine of {entry.file}: no file {path}",
                expected=f"the reviewed correction, with sha256 {entry.replacement_sha256}",
                remedy="restore it beside the contract, or remove the entry",
            )
        digest = sha256_of(path)
        if digest != entry.replacement_sha256:
            raise ContractError(
                f"contract {contract.name}, quarantine of {entry.file}: {path} has sha256 {digest}",
                expected=f"replacement_sha256 {entry.replacement_sha256}",
                remedy="restore the reviewed file; or have the new one reviewed, and put in its sha256 and date",
            )
        found[entry.file] = path
    return found


def quarantined(reading: LayoutReading, contract: Contract, tree: Tree, mended: Corrections) -> LayoutReading:
    """Apply a contract's quarantine to what was read in a tree; `mended` are its corrections. The files stay.

    Raises
    ------
    ContractError
        If two entries speak of one file, or two masks of one image would get one name.
    """
    if not contract.quarantine:
        return reading
    folder = tree.top
    entries = _by_path(reading, contract, tree)
    excluded = {path for path, entry in entries.items() if entry.action == "exclude"}
    corrected = {path: mended[entry.file] for path, entry in entries.items() if entry.action == "correct"}
    out = {path.relative_to(folder).as_posix() for path in excluded}
    faults = [one for one in reading.faults if one.file not in out and one.code != "duplicate_image_id"]
    kept: StoredList[Case] = StoredList()
    gone: StoredList[Case] = StoredList()
    for case in reading.cases:
        if case.image in excluded:
            gone.append(case)
            continue
        masks = tuple(path for path in case.masks if path not in excluded)
        if (case.masks and not masks) or case.outlines in excluded:
            found = "its annotation is in quarantine; correct it there, or exclude the image too"
            faults.append(without_annotation(contract, case.image.relative_to(folder).as_posix(), found))
            continue
        kept.append(_corrected(replace(case, masks=masks), corrected, contract))
    faults += double_ids(kept, Texts(case.image_id for case in kept), contract=contract, folder=folder)
    if reading.cases and not kept:
        faults.append(fault("no_images", dataset=contract.name, file=".", found="every image is in quarantine"))
    faults += _reports(contract, entries, tree, reading)
    return replace(reading, cases=kept, faults=tuple(faults), excluded=gone)


def _by_path(reading: LayoutReading, contract: Contract, tree: Tree) -> dict[Path, Quarantined]:
    """Entries by the file they speak of, which is named as in a report, or from the dataset's root."""
    entries: dict[Path, Quarantined] = {}
    for entry in contract.quarantine:
        named = candidates(entry.file, reading.root, tree)
        if not named:
            continue
        path = tree.top / named[0]
        if path in entries:
            raise ContractError(
                f"contract {contract.name}, quarantine: {entries[path].file} and {entry.file} are one file",
                expected="one entry a file",
                remedy="remove one of them",
            )
        entries[path] = entry
    return entries


def _corrected(case: Case, corrected: Mapping[Path, Path], contract: Contract) -> Case:
    """The case with corrections in place of published files, whose names it keeps."""
    changed = tuple((corrected[path], path) for path in (case.image, *case.masks) if path in corrected)
    masks = tuple(corrected.get(path, path) for path in case.masks)
    # What is wrong with a mask is told by its file's name.
    if changed and len({path.name for path in masks}) < len(masks):
        raise ContractError(
            f"contract {contract.name}, quarantine: masks of {case.image.name} would both be called "
            f"{Counter(path.name for path in masks).most_common(1)[0][0]}",
            expected="another name for each mask of an image",
            remedy="rename the replacement",
        )
    return replace(case, image=corrected.get(case.image, case.image), masks=masks, published=changed)


def _reports(
    contract: Contract, entries: Mapping[Path, Quarantined], tree: Tree, reading: LayoutReading
) -> list[Fault]:
    """What was done for each entry, and which entries did nothing."""
    paths = {entry.file: path for path, entry in entries.items()}
    images = {path for case in reading.cases for path in (case.image, *case.masks) if path in entries}
    read = images | {path for path in entries if path in reading.sheets or path in reading.tables}
    faults = []
    for entry in contract.quarantine:
        path = paths.get(entry.file)
        name = entry.file if path is None else path.relative_to(tree.top).as_posix()
        by = f"{entry.reason} ({entry.reviewer}, {entry.date.isoformat()})"
        code, found = "quarantined", f"excluded: {by}"
        if path is None:
            code, found = "quarantine_unused", f"no such file to {entry.action}{suggestion(entry.file, tree)}"
        elif entry.action == "correct" and path in read:
            found = f"corrected by {entry.replacement}: {by}"
        elif entry.action == "correct":
            code, found = "quarantine_unused", "nothing of this file is read, so that it can't be corrected"
        elif path in reading.tables:
            code, found = "quarantine_unused", "its rows are read all the same; correct it instead"
        faults.append(fault(code, dataset=contract.name, file=name, found=found))
    return faults
