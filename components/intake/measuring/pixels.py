"""Files of one case, to pixels: the image, its instance mask, and what was noticed on the way.

A mask is reduced to grey values, then to objects by the contract's mask codes; polygons are rasterised. A pixel
belongs to a polygon if its centre lies inside (even-odd rule, vertices in the frame whose origin is the top left
corner of the top left pixel), so that the square (0, 0) to (10, 10) covers exactly 10 x 10 pixels. Leaves out:
judgement (components/intake/validate_data.py) and files written (components/intake/harmonise.py).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import UnidentifiedImageError

from components.contract import Contract, MaskCodes
from components.errors import ImageError
from components.intake.layouts import Case, Instance, Polygon
from components.intake.layouts.instances import drawn_runs
from components.intake.measuring.identity import FileTags, read_tags
from components.intake.measuring.metaimage import decode_metaimage, decode_metaimage_mask, is_metaimage
from components.masks import tight_box
from components.preprocess import MAX_IMAGE_PX, decode_image
from components.types import Image, InstanceMask, Mask, ObjectTruth

Grey = NDArray[np.uint8]
"""H W, uint8: a mask's values as they stand in the file."""

MAX_OBJECTS = 255
# Values that JPEG compression leaves between black and white; nearer than this counts as black or white.
NEAR_BLACK, NEAR_WHITE = 5, 250


@dataclass(frozen=True, slots=True)
class MaskFile:
    """One decoded mask file: its name, mode as stored, values, and tags."""

    name: str
    mode: str
    values: Grey
    tags: FileTags = field(default_factory=FileTags)


@dataclass(slots=True)
class CasePixels:
    """All that the pixels of one case say; `image` is None where it couldn't be decoded.

    `objects_found` is the number of `objects`, or one more than an instance mask can hold. `problems` are (code, file
    name, what was found), in the codes of components/intake/faults.py; `tags` those of each file that could be decoded.
    """

    image: Image | None = None
    mode: str = ""
    mask_modes: tuple[str, ...] = ()
    instances: InstanceMask | None = None
    objects: tuple[ObjectTruth, ...] = ()
    objects_found: int = 0
    unknown_codes: tuple[int, ...] = ()
    stray_share: float = 0.0
    specks: int = 0
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    tags: list[tuple[Path, FileTags]] = field(default_factory=list)


def read_case(case: Case, contract: Contract) -> CasePixels:
    """Decode one case. What is wrong with it stands in `problems`; nothing is raised for bad files."""
    pixels = CasePixels()
    try:
        data = case.image.read_bytes()
        if is_metaimage(case.image):
            pixels.image, pixels.mode = decode_metaimage(case.image, max_px=MAX_IMAGE_PX)
        else:
            pixels.image = decode_image(data, name=case.image.name)
            pixels.mode = _mode(data)
        pixels.tags.append((case.image, read_tags(data)))
    except (ImageError, OSError) as error:
        pixels.problems.append(("unreadable_image", case.image.name, _first_line(error)))
        return pixels
    size_hw = pixels.image.shape[:2]
    if contract.mask.kind == "polygons":
        layers = _polygon_layers(case, pixels, size_hw, contract.mask)
    elif contract.mask.kind == "instances":
        layers = _instance_layers(case, pixels, size_hw, contract.mask)
    else:
        files = _mask_files(case, contract, pixels, size_hw)
        layers = _file_layers(files, contract.mask, pixels, size_hw)
    _assemble(pixels, layers, size_hw)
    return pixels


def decode_mask(path: Path, *, max_px: int = MAX_IMAGE_PX) -> MaskFile:
    """Decode a mask file to grey values: 1-bit as 0 and 255, palette as indices, colour as grey without alpha.

    Raises
    ------
    ImageError
        If the file isn't a readable image, or has more than `max_px` pixels.
    """
    if is_metaimage(path):
        values, mode = decode_metaimage_mask(path, max_px=max_px)
        return MaskFile(path.name, mode, values, read_tags(path.read_bytes()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PilImage.DecompressionBombWarning)
            data = path.read_bytes()
            with PilImage.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF", "BMP")) as file:
                if file.width * file.height > max_px:
                    raise ValueError(f"{file.width} x {file.height} pixels")
                file.load()
                mode = file.mode
                grey = np.asarray(file if mode in ("L", "P") else _deep(file), dtype=np.uint8)
    except (
        PilImage.DecompressionBombWarning,
        PilImage.DecompressionBombError,
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
    ) as error:
        raise ImageError(
            f"{path.name}: not a readable mask ({error})", expected="a whole image file", remedy="fetch it again"
        ) from None
    return MaskFile(path.name, mode, grey, read_tags(data))


def _deep(file: PilImage.Image) -> PilImage.Image | Grey:
    """Modes other than 8-bit grey: 16-bit codes are kept where they fit into 8 bits, colour becomes grey."""
    if not file.mode.startswith("I"):
        return file.convert("RGB").convert("L")
    values = np.asarray(file)
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"16-bit values up to {values.max()}")
    return values.astype(np.uint8)


def _mode(data: bytes) -> str:
    if data[128:132] == b"DICM":
        return "DICOM"
    with PilImage.open(io.BytesIO(data)) as file:
        return file.mode


def _mask_files(case: Case, contract: Contract, pixels: CasePixels, size_hw: tuple[int, ...]) -> list[MaskFile]:
    files = []
    modes = []
    for path in case.masks:
        try:
            file = decode_mask(path)
        except (ImageError, OSError) as error:
            pixels.problems.append(("unreadable_mask", path.name, _first_line(error)))
            continue
        modes.append(file.mode)
        pixels.tags.append((path, file.tags))
        if file.values.shape != size_hw:
            turned = file.values.shape == size_hw[::-1]
            found = f"{_size(file.values.shape)} beside an image of {_size(size_hw)}"
            pixels.problems.append(("mask_turned" if turned else "mask_size_mismatch", path.name, found))
            continue
        unknown = unknown_codes(file.values, contract.mask)
        if unknown:
            pixels.unknown_codes = tuple(sorted({*pixels.unknown_codes, *unknown}))
        files.append(file)
    pixels.mask_modes = tuple(modes)
    return files


def unknown_codes(values: Grey, codes: MaskCodes) -> tuple[int, ...]:
    """The mask values that the contract doesn't name; none in lossy masks, where any value may stand."""
    if codes.lossy:
        return ()
    known = {0, 255} if codes.kind == "binary" else {codes.background, *codes.labels}
    present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    return tuple(int(value) for value in present if int(value) not in known)


def _file_layers(
    files: Sequence[MaskFile], codes: MaskCodes, pixels: CasePixels, size_hw: tuple[int, ...]
) -> list[tuple[str, Mask]]:
    """Objects of mask files: (label, mask) in the order of their index."""
    if codes.kind == "codes":
        merged = np.full(size_hw, codes.background, dtype=np.uint8)
        for file in files:
            merged = np.where(file.values != codes.background, file.values, merged)
        layers = [(label, merged == code) for code, label in sorted(codes.labels.items())]
        return _without_specks((layer for layer in layers if layer[1].any()), codes, pixels)
    assert codes.threshold is not None, "the contract's validator asks for it"
    union = np.zeros(size_hw, dtype=bool)
    stray = [0.0]
    for file in files:
        union |= file.values >= codes.threshold
        stray.append(float(np.mean((file.values > NEAR_BLACK) & (file.values < NEAR_WHITE))))
    pixels.stray_share = max(stray)
    number, components = cv2.connectedComponents(union.astype(np.uint8), connectivity=8)
    label = next(iter(codes.labels.values()))
    areas = np.bincount(components.ravel(), minlength=number)
    large = [k for k in range(1, number) if areas[k] >= codes.min_area_px]
    pixels.specks = number - 1 - len(large)
    return [(label, components == k) for k in large[: MAX_OBJECTS + 1]]


def _polygon_layers(
    case: Case, pixels: CasePixels, size_hw: tuple[int, ...], codes: MaskCodes
) -> list[tuple[str, Mask]]:
    label = next(iter(codes.labels.values()))
    layers = ((label, rasterise(polygon, (size_hw[0], size_hw[1]))) for polygon in case.polygons)
    return _small_on_top(_without_specks(layers, codes, pixels))


def _instance_layers(
    case: Case, pixels: CasePixels, size_hw: tuple[int, ...], codes: MaskCodes
) -> list[tuple[str, Mask]]:
    """Objects of a COCO file, each by its own annotation, so that two that touch stay two."""
    stated = {instance.size_hw for instance in case.instances} - {size_hw}
    if stated:
        found = f"annotated as {_size(min(stated))}, in the file {_size(size_hw)}"
        pixels.problems.append(("mask_size_mismatch", case.image.name, found))
        return []
    layers = ((codes.labels[one.code], drawn(one)) for one in case.instances)
    return _small_on_top(_without_specks(layers, codes, pixels))


def _small_on_top(layers: list[tuple[str, Mask]]) -> list[tuple[str, Mask]]:
    """Where outlines overlap the smaller object lies on top, so that none disappears under a larger one."""
    return sorted(layers, key=lambda layer: -int(layer[1].sum()))


def drawn(instance: Instance) -> Mask:
    """The mask (H W) of one annotated object: run lengths decoded, polygons filled as in `rasterise`."""
    if instance.runs is not None:
        return drawn_runs(instance)
    mask = np.zeros(instance.size_hw, dtype=bool)
    for ring in instance.rings:
        filled = rasterise(tuple(zip(ring[::2], ring[1::2], strict=True)), instance.size_hw)
        mask = mask ^ filled if instance.even_odd else mask | filled
    return mask


def _without_specks(layers: Iterable[tuple[str, Mask]], codes: MaskCodes, pixels: CasePixels) -> list[tuple[str, Mask]]:
    """The layers that are objects, up to one more than a mask can hold: that is too many, however many more come."""
    large: list[tuple[str, Mask]] = []
    for layer in layers:
        if int(layer[1].sum()) < codes.min_area_px:
            pixels.specks += 1
            continue
        large.append(layer)
        if len(large) > MAX_OBJECTS:
            break  # masks of whole frames are large, and there may be any number of outlines
    return large


def rasterise(polygon: Polygon, size_hw: tuple[int, int]) -> Mask:
    """Fill a polygon (vertices x, y in pixels; closed by itself) by the even-odd rule at pixel centres.

    Parts outside the image are cut off.
    """
    height_px, width_px = size_hw
    # Each crossing of a row's centre line flips all pixels to its right; a running parity then fills the row.
    flips = np.zeros((height_px, width_px + 1), dtype=np.uint8)
    vertices = np.asarray(polygon, dtype=np.float64)  # N 2
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        low, high = min(y0, y1), max(y0, y1)
        first = int(np.clip(np.ceil(low - 0.5), 0, height_px))
        last = int(np.clip(np.ceil(high - 0.5), 0, height_px))
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        columns = np.clip(np.ceil(x - 0.5), 0, width_px).astype(np.int64)
        flips[rows, columns] ^= 1
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :width_px].astype(bool)


def _assemble(pixels: CasePixels, layers: list[tuple[str, Mask]], size_hw: tuple[int, ...]) -> None:
    """Put the objects into one instance mask; objects that others cover wholly aren't there any more."""
    too_many = len(layers) > MAX_OBJECTS
    layers = layers[:MAX_OBJECTS]
    drawn = np.zeros(size_hw, dtype=np.uint8)
    for index, (_, mask) in enumerate(layers, 1):
        drawn[mask] = index
    instances = np.zeros(size_hw, dtype=np.uint8)
    objects: list[ObjectTruth] = []
    for index, (label, _) in enumerate(layers, 1):
        mask = drawn == index
        box = tight_box(mask)
        if box is None:
            continue
        truth = ObjectTruth(len(objects) + 1, label, box, int(mask.sum()))
        instances[mask] = truth.index
        objects.append(truth)
    pixels.instances = instances
    pixels.objects = tuple(objects)
    pixels.objects_found = MAX_OBJECTS + 1 if too_many else len(objects)


def pixels_md5(image: Image) -> str:
    """The md5 of an image's height, width and RGB pixels (not of its file)."""
    digest = hashlib.md5(f"{image.shape[0]}x{image.shape[1]};".encode(), usedforsecurity=False)
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[0]} pixels"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
