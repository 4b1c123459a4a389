"""Files of one case, to pixels: the image, its instance mask, and what was noticed on the way.

A mask is reduced to grey values, then to objects by the contract's mask codes; outlines are filled (layers.py). However
many mask files or objects a case has, one of them is held at a time. Leaves out: judgement
(components/intake/validate_data.py) and files written (components/intake/harmonise.py).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.contract import Contract, MaskCodes
from components.errors import ImageError
from components.formats.limits import one_line
from components.intake.layouts import Case
from components.intake.measuring.content import histogram
from components.intake.measuring.identity import FileTags, read_tags
from components.intake.measuring.layers import MAX_OBJECTS, Layers, drawn, filled, numbered
from components.intake.measuring.metaimage import decode_metaimage, decode_metaimage_mask, is_metaimage
from components.intake.measuring.stored import FORMATS, Stored, read_bounded, stored_as
from components.preprocess import MAX_IMAGE_PX, decode_image
from components.types import Image, InstanceMask, ObjectTruth

Grey = NDArray[np.uint8]
"""H W, uint8: a mask's values as they stand in the file."""

# Values that JPEG compression leaves between black and white; nearer than this counts as black or white.
NEAR_BLACK, NEAR_WHITE = 5, 250


@dataclass(frozen=True, slots=True)
class MaskFile:
    """One decoded mask file: its name, how it is stored, values, and tags."""

    name: str
    stored: Stored
    values: Grey
    tags: FileTags = field(default_factory=FileTags)


@dataclass(slots=True)
class CasePixels:
    """All that the pixels of one case say; `image` is None where it couldn't be decoded.

    `covered` counts objects that lie wholly under others, and so are none; `objects_found` is the number of `objects`,
    or one more than an instance mask can hold. `problems` are (code, file, what was found), in the codes of
    components/intake/faults.py; `tags` and `stored` are those of each file that could be decoded, `unknown_codes` those
    of each mask that has some. `mask_file` is the mask with most foreground,
    `stray_file` that of `stray_share`, `speck_file` that of the first speck; None where no file is to be named.
    """

    image: Image | None = None
    mask_modes: tuple[str, ...] = ()
    instances: InstanceMask | None = None
    objects: tuple[ObjectTruth, ...] = ()
    objects_found: int = 0
    unknown_codes: list[tuple[Path, tuple[int, ...]]] = field(default_factory=list)
    stray_share: float = 0.0
    specks: int = 0
    covered: int = 0
    mask_file: Path | None = None
    stray_file: Path | None = None
    speck_file: Path | None = None
    problems: list[tuple[str, Path, str]] = field(default_factory=list)
    tags: list[tuple[Path, FileTags]] = field(default_factory=list)
    stored: list[tuple[Path, Stored]] = field(default_factory=list)

    @property
    def mode(self) -> str:
        """How the image is stored; "" where it couldn't be decoded."""
        return self.stored[0][1].mode if self.image is not None else ""


def read_case(case: Case, contract: Contract) -> CasePixels:
    """Decode one case. What is wrong with it stands in `problems`; nothing is raised for bad files."""
    pixels = CasePixels()
    try:
        data = read_bounded(case.image)
        pixels.image, stored = _decoded(case.image, data)
    except (ImageError, OSError) as error:
        pixels.problems.append(("unreadable_image", case.image, _first_line(error)))
        return pixels
    pixels.stored.append((case.image, stored))
    pixels.tags.append((case.image, read_tags(data)))
    del data
    size_hw = (pixels.image.shape[0], pixels.image.shape[1])
    if contract.mask.kind == "codes":
        _read_codes(case, contract.mask, pixels, size_hw)
    elif contract.mask.kind == "binary":
        _read_binary(case, contract.mask, pixels, size_hw)
    else:
        _draw_outlines(case, contract.mask, pixels, size_hw)
    return pixels


def read_image(path: Path) -> Image:
    """Decode an image's file alone, to the pixels that `read_case` gives.

    Raises
    ------
    ImageError
        If the file isn't a readable image, or is too large.
    OSError
        If it can't be opened.
    """
    return _decoded(path, read_bounded(path))[0]


def _decoded(path: Path, data: bytes) -> tuple[Image, Stored]:
    if is_metaimage(path):
        image, mode = decode_metaimage(path, max_px=MAX_IMAGE_PX)
        return image, Stored("MetaImage", mode)
    return decode_image(data, name=path.name), stored_as(data)


def decode_mask(path: Path, *, max_px: int = MAX_IMAGE_PX) -> MaskFile:
    """Decode a mask file to grey values: 1-bit as 0 and 255, palette as indices, colour as grey without alpha.

    Raises
    ------
    ImageError
        If the file isn't a readable image, is too large, or has more than `max_px` pixels.
    OSError
        If it can't be read.
    """
    data = read_bounded(path)
    if is_metaimage(path):
        values, mode = decode_metaimage_mask(path, max_px=max_px)
        return MaskFile(path.name, Stored("MetaImage", mode), values, read_tags(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PilImage.DecompressionBombWarning)
            with PilImage.open(io.BytesIO(data), formats=FORMATS) as file:
                if file.width * file.height > max_px:
                    raise ValueError(f"{file.width} x {file.height} pixels")
                file.load()
                grey = np.asarray(file if file.mode in ("L", "P") else _deep(file), dtype=np.uint8)
            stored = stored_as(data)
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise many kinds on hostile input
        raise ImageError(
            f"{path.name}: not a readable mask ({one_line(error)})",
            expected="a whole image file",
            remedy="fetch it again",
        ) from None
    return MaskFile(path.name, stored, grey, read_tags(data))


def _deep(file: PilImage.Image) -> PilImage.Image | Grey:
    """Modes other than 8-bit grey: 16-bit codes are kept where they fit into 8 bits, colour becomes grey."""
    if not file.mode.startswith("I"):
        return file.convert("RGB").convert("L")
    values = np.asarray(file)
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"16-bit values up to {values.max()}")
    return values.astype(np.uint8)


def _mask_files(
    case: Case, codes: MaskCodes, pixels: CasePixels, size_hw: tuple[int, int]
) -> Iterator[tuple[Path, Grey, NDArray[np.int64]]]:
    """The case's masks of the image's size, one at a time, with how often each value stands in them."""
    most_px = -1
    for path in case.masks:
        try:
            file = decode_mask(path)
        except (ImageError, OSError) as error:
            pixels.problems.append(("unreadable_mask", path, _first_line(error)))
            continue
        pixels.mask_modes += (file.stored.mode,)
        pixels.tags.append((path, file.tags))
        pixels.stored.append((path, file.stored))
        if file.values.shape != size_hw:
            turned = file.values.shape == size_hw[::-1]
            found = f"{_size(file.values.shape)} beside an image of {_size(size_hw)}"
            pixels.problems.append(("mask_turned" if turned else "mask_size_mismatch", path, found))
            continue
        counts = histogram(file.values)
        if unknown := unknown_codes(counts, codes):
            pixels.unknown_codes.append((path, unknown))
        foreground_px = int(
            counts[codes.threshold :].sum() if codes.threshold else file.values.size - counts[codes.background]
        )
        if foreground_px > most_px:
            most_px, pixels.mask_file = foreground_px, path
        yield path, file.values, counts


def unknown_codes(counts: NDArray[np.int64], codes: MaskCodes) -> tuple[int, ...]:
    """The mask values that the contract doesn't name, of how often each stands in a mask.

    None in lossy masks, where any value may stand.
    """
    if codes.lossy:
        return ()
    known = {0, 255} if codes.kind == "binary" else {codes.background, *codes.labels}
    return tuple(int(value) for value in np.flatnonzero(counts) if int(value) not in known)


def _read_codes(case: Case, codes: MaskCodes, pixels: CasePixels, size_hw: tuple[int, int]) -> None:
    """Masks whose values say which structure a pixel belongs to; each structure is one object."""
    merged = np.full(size_hw, codes.background, dtype=np.uint8)
    drawn_codes: set[int] = set()
    for _, values, counts in _mask_files(case, codes, pixels, size_hw):
        drawn_codes.update(code for code in codes.labels if counts[code])
        np.copyto(merged, values, where=values != codes.background)
    areas_px = histogram(merged)
    there = [(code, label) for code, label in sorted(codes.labels.items()) if areas_px[code]]
    large = [(code, label) for code, label in there if areas_px[code] >= codes.min_area_px]
    pixels.specks, pixels.speck_file = len(there) - len(large), pixels.mask_file
    pixels.covered = len(drawn_codes) - len(there)
    pixels.instances, pixels.objects = numbered(merged, large, levels=256)
    pixels.objects_found = len(large)


def _read_binary(case: Case, codes: MaskCodes, pixels: CasePixels, size_hw: tuple[int, int]) -> None:
    """Masks of foreground and background, united; each connected part is one object."""
    assert codes.threshold is not None, "the contract's validator asks for it"
    files: list[Path] = []
    first_of = np.zeros(size_hw, dtype=np.uint16)  # H W: the first file that has a pixel, 0 where none has
    for path, values, counts in _mask_files(case, codes, pixels, size_hw):
        files.append(path)
        first_of[(first_of == 0) & (values >= codes.threshold)] = min(len(files), np.iinfo(np.uint16).max)
        stray = float(counts[NEAR_BLACK + 1 : NEAR_WHITE].sum() / values.size)
        if stray > pixels.stray_share:
            pixels.stray_share, pixels.stray_file = stray, path
    number, parts = cv2.connectedComponents((first_of > 0).astype(np.uint8), connectivity=8)
    areas_px = histogram(parts, levels=number)
    large = [part for part in range(1, number) if areas_px[part] >= codes.min_area_px]
    pixels.specks = number - 1 - len(large)
    if pixels.specks:
        speck = next(part for part in range(1, number) if areas_px[part] < codes.min_area_px)
        pixels.speck_file = files[first_of.flat[int(np.argmax(parts == speck))] - 1]
    label = next(iter(codes.labels.values()))
    chosen = [(part, label) for part in large[:MAX_OBJECTS]]
    pixels.instances, pixels.objects = numbered(np.asarray(parts), chosen, levels=number)
    pixels.objects_found = min(len(large), MAX_OBJECTS + 1)


def _draw_outlines(case: Case, codes: MaskCodes, pixels: CasePixels, size_hw: tuple[int, int]) -> None:
    """Polygons, or the objects of a COCO file, each by its own annotation, so that two that touch stay two."""
    layers = Layers(size_hw, min_area_px=codes.min_area_px)
    stated = {instance.size_hw for instance in case.instances} - {size_hw}
    if stated:
        found = f"annotated as {_size(min(stated))}, in the file {_size(size_hw)}"
        pixels.problems.append(("mask_size_mismatch", case.image, found))
    else:
        label = next(iter(codes.labels.values()))
        outlines = ((label, filled(polygon, size_hw)) for polygon in case.polygons)
        annotated = ((codes.labels[one.code], drawn(one)) for one in case.instances)
        for name, patch in annotated if codes.kind == "instances" else outlines:
            layers.add(name, patch)
            if layers.full:
                break  # there may be any number of outlines
    pixels.instances, pixels.objects, pixels.objects_found = layers.result()
    pixels.specks, pixels.covered = layers.specks, layers.covered


def pixels_md5(image: Image) -> str:
    """The md5 of an image's height, width and RGB pixels (not of its file)."""
    digest = hashlib.md5(f"{image.shape[0]}x{image.shape[1]};".encode(), usedforsecurity=False)
    digest.update(np.ascontiguousarray(image).reshape(-1).data)
    return digest.hexdigest()


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[0]} pixels"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
