"""Cases to facts: one row an image that holds all that later judgement looks at.

Pixels are decoded once; every rule of components/intake/judging/rules.py reads a column of them. `case_key` and
`work_stamp` say what decoded cases depend on, for those who keep them in a journal. Leaves out: what is right and
wrong (rules), and files written (validate_data, harmonise).
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from components.artefacts import code_digest
from components.contract import Contract
from components.engines import ONE_THREAD, Engine, Progress, Unknown
from components.intake.faults import acceptance
from components.intake.layouts import Case
from components.intake.layouts.origins import PROPERTIES, place_of
from components.intake.layouts.reading import some_of
from components.intake.likeness.perceptual_hash import perceptual_hash
from components.intake.measuring.burnt_in import brightest, find_burnt_in
from components.intake.measuring.content import content_of
from components.intake.measuring.facts_table import COLUMNS, Facts
from components.intake.measuring.pixels import CasePixels, pixels_md5, read_case
from components.intake.measuring.stored import MAX_FILE_BYTES, misnamed
from components.intake.measuring.telling_names import DATE, IDENTITY, telling_names
from components.journal import Journal
from components.types import Image, InstanceMask

# All code that decides what is read from a case; work that was begun by other code is thrown away.
LIBRARY = Path(__file__).parents[2]
CODE = tuple(LIBRARY / name for name in ("intake", "contract.py", "masks.py", "preprocess.py", "types.py"))

# Whose pixels, filters and readings the facts are.
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pydicom", "scipy", "simpleitk")

_PROBLEM_COLUMN = {
    "unreadable_image": "image_problem",
    "unreadable_mask": "mask_problem",
    "mask_size_mismatch": "mask_size_problem",
    "mask_turned": "mask_turned_problem",
}
_NAME_COLUMN = {IDENTITY: "identity_names", DATE: "date_names"}
NAME_COLUMNS = tuple(_NAME_COLUMN.values())


def facts_row(case: Case, pixels: CasePixels, contract: Contract, folder: Path) -> dict[str, Any]:
    """The facts of one case; paths are relative to `folder`.

    The columns of problems, names and tags hold one line a file: the file and what was found, parted by a tab;
    `accepted` has the fault's code in front.
    """
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMNS),
        "image_id": case.image_id,
        "image_file": case.name_of(case.image, folder),
        "mask_files": "; ".join(case.name_of(path, folder) for path in case.masks),
        "group": case.group,
        "subject_class": case.subject_class,
        "official_split": case.official_split,
        "scanner": case.scanner,
        "site": case.site,
        **_problems(case, pixels, contract, folder),
        **_names_told(case, contract, folder),
    }
    if pixels.image is None:
        return row
    height_px, width_px = pixels.image.shape[:2]
    row |= {
        "image_mode": pixels.mode,
        "mask_modes": ", ".join(pixels.mask_modes),
        "height_px": height_px,
        "width_px": width_px,
        "short_side_px": min(height_px, width_px),
        "long_side_px": max(height_px, width_px),
        "pixels_md5": pixels_md5(pixels.image),
        "perceptual_hash": perceptual_hash(pixels.image),
        **_tags(case, pixels, folder),
        **_stored(case, pixels, folder),
        **_shown(pixels.image),
    }
    if not (row["mask_problem"] or row["mask_size_problem"] or row["mask_turned_problem"]):
        row |= _annotation(case, pixels, contract, height_px * width_px) | _mask_files(case, pixels, folder)
    return row


def _problems(case: Case, pixels: CasePixels, contract: Contract, folder: Path) -> dict[str, str]:
    texts: dict[str, list[str]] = {column: [] for column in (*_PROBLEM_COLUMN.values(), "accepted")}
    for code, path, found in pixels.problems:
        place, found = in_line(case.name_of(path, folder)), in_line(found)
        if acceptance(code, place, contract) is not None:
            texts["accepted"].append("\t".join((code, place, found)))
        else:
            texts[_PROBLEM_COLUMN[code]].append("\t".join((place, found)))
    return {column: "\n".join(found) for column, found in texts.items()}


def in_line(text: str) -> str:
    """A text with its control characters written out, so that it can stand in a line of fields parted by tabs."""
    return "".join(repr(sign)[1:-1] if unicodedata.category(sign) == "Cc" else sign for sign in text)


def _names_told(case: Case, contract: Contract, folder: Path) -> dict[str, str]:
    texts: dict[str, list[str]] = {column: [] for column in _NAME_COLUMN.values()}
    for path in (case.image, *case.masks):
        for code, place, found in telling_names(PurePosixPath(case.name_of(path, folder))):
            line = "\t".join((in_line(place), found))
            if line not in texts[_NAME_COLUMN[code]]:  # a folder is told of once, not for each of its files
                texts[_NAME_COLUMN[code]].append(line)
    for which in PROPERTIES:
        # A slash parts no folders here. What tells isn't repeated, and where it stands is told once.
        for code, _, found in telling_names(PurePosixPath((getattr(case, which) or "").replace("/", " "))):
            texts[_NAME_COLUMN[code]].append(f"{in_line(place_of(contract, which))}\tas {which}, {found}")
    return {column: "\n".join(lines) for column, lines in texts.items()}


def _tags(case: Case, pixels: CasePixels, folder: Path) -> dict[str, str]:
    told = [(in_line(case.name_of(path, folder)), tags) for path, tags in pixels.tags]
    identity = ["\t".join((name, in_line(", ".join(tags.identity)))) for name, tags in told if tags.identity]
    turned = [f"{name}\tEXIF orientation {tags.orientation}" for name, tags in told if tags.orientation != 1]
    return {"identity_tags": "\n".join(identity), "orientation_problem": "\n".join(turned)}


def _stored(case: Case, pixels: CasePixels, folder: Path) -> dict[str, str]:
    told: dict[str, list[str]] = {"format_problem": [], "frames_problem": [], "depth_problem": []}
    for path, stored in pixels.stored:
        place = in_line(case.name_of(path, folder))
        if other := misnamed(path, stored):
            told["format_problem"].append(f"{place}\t{other}")
        if stored.several_frames:
            told["frames_problem"].append(f"{place}\tseveral frames, of which the first is read")
        # A mask's values are kept, or the mask is refused.
        if stored.reduced and path == case.image:
            told["depth_problem"].append(f"{place}\t{stored.reduced}")
    return {column: "\n".join(lines) for column, lines in told.items()}


def _shown(image: Image) -> dict[str, Any]:
    found = find_burnt_in(image)
    content = content_of(brightest(image))
    return {
        "picture_share": content.picture_share,
        "neighbour_correlation": content.neighbour_correlation,
        "text_glyphs": found.glyphs,
        "caliper_crosses": found.crosses,
        "doppler_share": found.doppler_share,
        "black_share": found.black_share,
    }


def _mask_files(case: Case, pixels: CasePixels, folder: Path) -> dict[str, Any]:
    """Which mask each fact of the annotation is about; missing where outlines stand in a sheet of many images."""
    files = {"mask_file": pixels.mask_file, "stray_file": pixels.stray_file, "speck_file": pixels.speck_file}
    unknown = [
        f"{in_line(case.name_of(path, folder))}\tmask values {some_of(codes)}" for path, codes in pixels.unknown_codes
    ]
    return {
        **{column: in_line(case.name_of(path, folder)) for column, path in files.items() if path is not None},
        "unknown_codes": "\n".join(unknown),
    }


def _annotation(case: Case, pixels: CasePixels, contract: Contract, frame_px: int) -> dict[str, Any]:
    labels = {truth.label for truth in pixels.objects}
    may_be_empty = case.subject_class in contract.expectations.empty_mask_classes
    conflict = ""
    if case.declared is not None:
        declared = {contract.mask.labels[code] for code in case.declared}
        if declared != labels:
            conflict = f"shows {_names(labels)}, declared are {_names(declared)}"
    return {
        "stray_share": pixels.stray_share,
        "foreground_share": sum(truth.area_px for truth in pixels.objects) / frame_px,
        "rim_share": _rim_share(pixels.instances),
        "objects": pixels.objects_found,
        "specks": pixels.specks,
        "covered": pixels.covered,
        "empty_where_required": not pixels.objects and not may_be_empty,
        "lesion_where_none": bool(pixels.objects) and may_be_empty,
        "declared_conflict": conflict,
    }


def _rim_share(instances: InstanceMask | None) -> float:
    """How much of the frame's outermost pixels an instance mask (H W) calls an object."""
    if instances is None:
        return 0.0
    rim = (instances[0], instances[-1], instances[1:-1, 0], instances[1:-1, -1])
    return float(np.concatenate(rim).astype(bool).mean())


def _names(labels: set[str]) -> str:
    return " and ".join(sorted(labels)) or "nothing"


def collect_facts(
    cases: Sequence[Case],
    contract: Contract,
    folder: Path,
    *,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> Facts:
    """Decode all cases and return their facts, in the order of `cases`; those that `journal` holds aren't decoded."""
    measured = partial(_measured, contract=contract, folder=folder)
    if journal is None:
        return Facts(engine.mapped(measured, cases, progress=progress))
    found = engine.mapped(Unknown(case_key, measured, journal.keys()), cases, progress=progress)
    return Facts(journal.settled(key, row) for key, row in found)


def _measured(case: Case, *, contract: Contract, folder: Path) -> dict[str, Any]:
    return facts_row(case, read_case(case, contract), contract, folder)


def case_key(case: Case) -> str:
    """A digest of all that a case's facts and pixels depend on beside `work_stamp`: file contents and what was read."""
    digest = hashlib.sha256()
    told = (case.image_id, case.group, case.subject_class, case.official_split, case.scanner, case.site)
    digest.update(repr(told).encode() + repr((case.polygons, case.declared, case.instances)).encode())
    for path in (case.image, *case.masks):
        digest.update(path.as_posix().encode() + _content_digest(path))
    return digest.hexdigest()


def _content_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Larger ones are refused unread.
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes > MAX_FILE_BYTES:
                return str(size_bytes).encode()
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:  # that a file can't be opened is a fact too; it changes as soon as it can
        return b""


def work_stamp(contract: Contract, *, phantom: bool) -> dict[str, Any]:
    """What must be equal for cases that were decoded before to be usable.

    Of the contract quarantine and `group.together` stand in the cases' keys; severities and known faults change no
    fact.
    """
    left_out: dict[str, Any] = {"quarantine": True, "severity": True, "known_faults": True, "group": {"together"}}
    said = contract.model_dump(mode="json", exclude=left_out)
    text = json.dumps(said, sort_keys=True)
    return {
        "contract_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "code_sha256": code_digest(*CODE),
        "libraries": {name: version(name) for name in LIBRARIES},
        "phantom": phantom,
    }
