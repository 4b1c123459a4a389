"""A file of pixels, to its bytes and to how they are stored: format, mode, depth, number of frames.

A file is refused by its size before it is read, so that no folder can fill the memory. Leaves out: decoding (pixels.py,
metaimage.py) and what else a file says (identity.py).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path, PurePath

from PIL import Image as PilImage

from components.errors import ImageTooLargeError
from components.preprocess import MAX_IMAGE_PX

# The largest image, with four bytes a pixel and nothing compressed.
MAX_FILE_BYTES = 4 * MAX_IMAGE_PX
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_FORMAT_OF = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".dcm": "DICOM",
    ".mha": "MetaImage",
}
_STRETCHED = "more than 8 bits a grey value, stretched from the darkest to the brightest to 0 to 255"
_CUT = "16 bits a colour value, of which the upper 8 are kept"
_TIFF_BITS, _PNG_DEPTH_AT = 258, 24


@dataclass(frozen=True, slots=True)
class Stored:
    """How pixels are stored: the format that the content has, the mode, how a greater depth is reduced, frames."""

    kind: str
    mode: str
    reduced: str = ""
    several_frames: bool = False


def read_bounded(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a file of pixels.

    Raises
    ------
    ImageTooLargeError
        If it has more than `max_bytes`; nothing of it is read then.
    OSError
        If it can't be read.
    """
    size_bytes = path.stat().st_size
    if size_bytes > max_bytes:
        raise ImageTooLargeError(
            f"{path.name}: a file of {size_bytes:,} bytes",
            expected=f"at most {max_bytes:,} bytes",
            remedy="crop or shrink the image, or store it compressed",
        )
    return path.read_bytes()


def stored_as(data: bytes) -> Stored:
    """How an image file that can be decoded is stored."""
    if data[128:132] == b"DICM":
        return _dicom(data)
    with PilImage.open(io.BytesIO(data), formats=FORMATS) as file:
        kind = "JPEG" if file.format == "MPO" else str(file.format)
        several = _goes_on(file) if kind == "TIFF" else getattr(file, "n_frames", 1) > 1
        return Stored(kind, file.mode, _reduced(file, kind, data), several)


def _goes_on(file: PilImage.Image) -> bool:
    """Whether a TIFF has a second frame; counting them all would take time by the square of their number."""
    try:
        file.seek(1)
    except EOFError:
        return False
    except Exception:  # noqa: BLE001 - Pillow's readers raise many kinds on damaged files
        return True  # there is one, though damaged
    file.seek(0)
    return True


def _reduced(file: PilImage.Image, kind: str, data: bytes) -> str:
    if file.mode.startswith("I") or file.mode == "F":
        return _STRETCHED
    if kind == "PNG":
        return _CUT if data[_PNG_DEPTH_AT] > 8 else ""
    bits = getattr(file, "tag_v2", {}).get(_TIFF_BITS, 8) if kind == "TIFF" else 8
    return _CUT if max(bits if isinstance(bits, tuple) else (bits,)) > 8 else ""


def _dicom(data: bytes) -> Stored:
    import pydicom  # half a second, and few datasets hold DICOM

    dataset = pydicom.dcmread(
        io.BytesIO(data), stop_before_pixels=True, specific_tags=["BitsStored", "SamplesPerPixel"]
    )
    deep = int(dataset.get("BitsStored", 8) or 8) > 8
    grey = int(dataset.get("SamplesPerPixel", 1) or 1) == 1
    return Stored("DICOM", "DICOM", (_STRETCHED if grey else _CUT) if deep else "")


def misnamed(path: Path, stored: Stored) -> str:
    """What a file's content is where its name says something else; "" where they agree, or the name says nothing."""
    said = _FORMAT_OF.get(path.suffix.lower())
    return f"{stored.kind} under the name of {said}" if said not in (None, stored.kind) else ""


def may_be_an_image(name: PurePath) -> bool:
    """Whether a file is named like one of pixels."""
    return name.suffix.lower() in _FORMAT_OF
