"""How much of a file is accepted, and the errors that say that it is too much. Leaves out: reading any file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from components.errors import ImageError, ImageTooLargeError, TooManyFramesError

MAX_IMAGE_PX = 40_000_000
READABLE = "PNG, JPEG, TIFF, BMP or DICOM"


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What one file may be at most: pixels a frame, frames, and bytes of a deflated DICOM once inflated."""

    image_px: int = MAX_IMAGE_PX
    frames: int = 10_000
    inflated_bytes: int = 128 * 2**20


def check_size(width_px: int, height_px: int, *, name: str, limits: SourceLimits) -> None:
    """Refuse a size, as a file states it, of no pixel or of too many.

    Raises
    ------
    ImageError
        If a side is less than a pixel; ImageTooLargeError, if there are more than `limits.image_px`.
    """
    if width_px < 1 or height_px < 1:
        raise ImageError(f"{name}: {width_px} x {height_px} pixels", expected=READABLE, remedy="export it again")
    if width_px * height_px > limits.image_px:
        raise too_large(name, limits)


def check_frames(frames: int, *, name: str, limits: SourceLimits) -> None:
    """Refuse a number of frames, as a file states it, below one or over the limit.

    Raises
    ------
    ImageError
        If it is below one; TooManyFramesError, if it is over `limits.frames`.
    """
    if frames < 1:
        raise ImageError(f"{name}: {frames} frames", expected="at least one", remedy="export it again")
    if frames > limits.frames:
        raise TooManyFramesError(
            f"{name}: more than {limits.frames:,} frames",
            expected=f"at most {limits.frames:,} frames",
            remedy="cut the sequence into shorter ones",
        )


def too_large(name: str, limits: SourceLimits) -> ImageTooLargeError:
    """The error for a frame over the limit of pixels."""
    return ImageTooLargeError(
        f"{name}: too many pixels", expected=f"at most {limits.image_px:,} pixels", remedy="crop or shrink the image"
    )


def not_readable(name: str, why: str) -> ImageError:
    """The error for bytes that no reader makes an image of."""
    return ImageError(
        f"{name}: not a readable image ({why})",
        expected=READABLE,
        remedy="export the image again, or convert it to PNG",
    )


def one_line(error: Exception) -> str:
    """An error's text without line breaks and addresses in memory, at most 200 characters."""
    text = re.sub(r"<_io\.BytesIO object at 0x[0-9a-f]+>", "these bytes", " ".join(str(error).split()))
    return text[:200] or type(error).__name__
