"""Where `sonoforge segment` may write, and what it writes: masks, and outlines in the forms of other programs.

Leaves out: how outlines come about (segment.py), and the forms themselves (components/findings).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from components.types import Image, Mask

if TYPE_CHECKING:
    from components.findings.finding import Finding, Origin

OF_DICOM = ("--seg", "--sr")


@dataclass(frozen=True, slots=True)
class Places:
    """The files to write, by the option that names them; the mask's always."""

    by_option: Mapping[str, Path]

    def check(self, image: Path) -> None:
        """Refuse places that would cost the image or each other, or that can't take a file, before any work.

        Raises
        ------
        typer.BadParameter
            If there is one.
        """
        for option, path in self.by_option.items():
            _check_place(path, image, option)
        resolved: dict[Path, str] = {}
        for option, path in self.by_option.items():
            other = resolved.setdefault(path.resolve(), option)
            if other != option:
                raise _bad(f"{path} is the file of {other}, too", remedy="name another file", option=option)

    def check_kind(self, kind: str) -> None:
        """Refuse what only a DICOM image can have.

        Raises
        ------
        typer.BadParameter
            If it was asked for of another.
        """
        for option in OF_DICOM:
            if option in self.by_option and kind != "dicom":
                raise typer.BadParameter(
                    f"the image is a {kind.upper()}; expected: a DICOM image, whose patient and study the file "
                    "repeats; ask for --overlay or --coco",
                    param_hint=option,
                )


def make_files(
    places: Places, findings: Sequence[Finding], origin: Origin, *, pixels: Image, source: bytes, frame: int
) -> dict[str, bytes]:
    """All that was asked for beside the mask, by option; nothing is written.

    Raises
    ------
    ImageError
        If the DICOM image can't be referred to.
    """
    from components.findings.coco import to_coco
    from components.findings.measurement_report import to_report
    from components.findings.overlay import to_overlay
    from components.findings.segmentation import to_segmentation

    made: dict[str, bytes] = {}
    if "--overlay" in places.by_option:
        made["--overlay"] = to_overlay(pixels, findings, origin)
    if "--coco" in places.by_option:
        size_hw = (pixels.shape[0], pixels.shape[1])
        told = to_coco(findings, origin, file_name="image", size_hw=size_hw, frame=frame)
        made["--coco"] = (json.dumps(told, ensure_ascii=False) + "\n").encode("utf-8")
    if "--seg" in places.by_option:
        made["--seg"] = to_segmentation(source, findings, origin, frame=frame)
    if "--sr" in places.by_option:
        made["--sr"] = to_report(source, findings, origin, frame=frame, segmentation=made.get("--seg"))
    return made


def make_mask(masks: Sequence[Mask], *, about: Mapping[str, str]) -> bytes:
    """Masks as one 8-bit PNG: 0 and 255 for one object, else object numbers, later ones on top.

    `about` goes into text chunks `sonoforge:KEY`, by which `sonoforge trace` finds the model again.
    """
    from PIL import Image as PilImage

    from components.findings.png import numbered, to_png

    return to_png(PilImage.fromarray(numbered(masks)), about)


def write_file(path: Path, data: bytes, *, option: str) -> None:
    """Write a file in one piece.

    Raises
    ------
    typer.BadParameter
        If it can't be written.
    """
    from components.artefacts import replacing

    try:
        with replacing(path) as beside:
            beside.write_bytes(data)
    except OSError as error:
        why = f"{path} can't be written: {error.strerror or error}"
        raise _bad(why, remedy="name a file elsewhere", option=option) from None


def _check_place(path: Path, image: Path, option: str) -> None:
    try:
        if path.exists() and image.exists() and path.samefile(image):
            raise _bad(
                f"{path} is the image itself", remedy="name another file; the image is kept as it is", option=option
            )
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no ordinary file"
            raise _bad(f"{path} is {what}", remedy="name a file", option=option)
        if not path.parent.is_dir():
            why = f"there is no folder {path.parent}"
            raise _bad(why, remedy="make it first, or name a file elsewhere", option=option)
    except OSError as error:
        raise _bad(f"{path}: {error.strerror or error}", remedy="name a file elsewhere", option=option) from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _bad(f"{path.parent} is write-protected", remedy="name a file elsewhere", option=option)


def _bad(found: str, *, remedy: str, option: str) -> typer.BadParameter:
    what = {"--out": "a PNG", "--overlay": "a PNG", "--coco": "a JSON file"}.get(option, "a DICOM file")
    return typer.BadParameter(f"{found}; expected: {what} to write; {remedy}", param_hint=option)
