"""The bytes of an image file to a source of frames: what is in it, and any one frame of it.

Leaves out: how each kind of file is read (stills.py, tiff.py, dicom/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from components.errors import FrameError
from components.formats.dicom.source import is_dicom, open_dicom
from components.formats.limits import SourceLimits, not_readable
from components.formats.regions import Region
from components.formats.stills import STILL_STARTS, open_still
from components.formats.tiff import is_tiff, open_tiff
from components.types import Image

Kind = Literal["png", "jpeg", "tiff", "bmp", "dicom"]


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file: its kind, how many frames of what size it holds, and the scale that it states.

    `size_hw` is the first frame's size; only the pages of a TIFF may differ from it. Holds the file's bytes and nothing
    decoded, so that many threads may ask for frames at once.
    """

    kind: Kind
    frames: int
    size_hw: tuple[int, int]
    regions: tuple[Region, ...]
    name: str
    _decode: Callable[[int], Image] = field(repr=False)

    def frame(self, index: int) -> Image:
        """Decode one frame to H W 3 uint8 RGB; no other frame is decoded.

        Grey deeper than 8 bits is scaled by the frame's own range; palette, grey, 1-bit and CMYK are converted, alpha
        is dropped. The pixels are taken as they lie in the file: an orientation that EXIF asks for isn't applied.

        Raises
        ------
        FrameError
            If the file has no such frame.
        ImageError
            If the frame's bytes are damaged; ImageTooLargeError, if it has too many pixels.
        """
        if not 0 <= index < self.frames:
            raise FrameError(
                f"{self.name}: frame {index} of {self.frames}",
                expected=f"a frame from 0 to {self.frames - 1}",
                remedy="name a frame that the file has",
            )
        return self._decode(index)


def open_source(data: bytes, *, name: str, limits: SourceLimits | None = None) -> Source:
    """Tell what the bytes of a file are and how much they hold; decodes no pixel.

    Parameters
    ----------
    data
        The whole file: PNG, JPEG, TIFF, BMP or DICOM, told from how it begins.
    name
        What errors call it.
    limits
        What is accepted; the defaults of `SourceLimits` where None.

    Raises
    ------
    ImageError
        If it isn't a readable image of these kinds.
    ImageTooLargeError
        If its header states more pixels than allowed; TooManyFramesError, if more frames.
    """
    accepted = limits or SourceLimits()
    if is_dicom(data):
        dicom = open_dicom(data, name=name, limits=accepted)
        return Source("dicom", dicom.frames, dicom.size_hw, dicom.regions, name, dicom.frame)
    if is_tiff(data):
        tiff = open_tiff(data, name=name, limits=accepted)
        return Source("tiff", tiff.frames, tiff.size_hw, (), name, tiff.frame)
    for start, kind in STILL_STARTS.items():
        if data.startswith(start):
            still = open_still(data, kind, name=name, limits=accepted)
            return Source(kind, 1, still.size_hw, (), name, still.frame)
    raise not_readable(name, "it begins like none of these kinds")
