"""The bytes of a DICOM file, with or without its preamble, to its frames and regions.

Leaves out: video (MPEG, HEVC), pixels that aren't whole numbers, and what else a file says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from components.errors import ImageError
from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.fragments import Fragments, check_native, find_fragments
from components.formats.dicom.header import NATIVE, Header, has_prefix, looks_headless, read_header
from components.formats.dicom.pixels import DECODERS, decode_compressed, decode_native
from components.formats.dicom.ultrasound import regions_of
from components.formats.limits import SourceLimits, check_frames, check_size, one_line
from components.formats.regions import Region
from components.types import Image


@dataclass(frozen=True, slots=True)
class Dicom:
    """An opened DICOM file."""

    header: Header = field(repr=False)
    fragments: Fragments | None = field(repr=False)
    regions: tuple[Region, ...]
    name: str

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.header.frames

    @property
    def size_hw(self) -> tuple[int, int]:
        """The size of each frame in pixels."""
        return self.header.rows, self.header.columns

    def frame(self, index: int) -> Image:
        """One frame, H W 3.

        Raises
        ------
        ImageError
            If its bytes are damaged.
        """
        with _dicom_errors(self.name):
            if self.fragments is None:
                return decode_native(self.header, index, name=self.name)
            return decode_compressed(self.header, self.fragments.frame(index), name=self.name)


def is_dicom(data: bytes) -> bool:
    """Whether a file begins as DICOM: with the preamble and its prefix, or at once with the first elements."""
    return has_prefix(data) or looks_headless(data)


def open_dicom(data: bytes, *, name: str, limits: SourceLimits) -> Dicom:
    """Read the header, and find where frames lie.

    Raises
    ------
    ImageError
        If it can't be read; ImageTooLargeError, if it states too many pixels; TooManyFramesError, if too many frames.
    """
    with _dicom_errors(name):
        header = read_header(data, name=name, limits=limits)
        check_size(header.columns, header.rows, name=name, limits=limits)
        check_frames(header.frames, name=name, limits=limits)
        if header.syntax in NATIVE:
            check_native(header)
            return Dicom(header, None, regions_of(header), name)
        if header.syntax not in DECODERS:
            raise BrokenDicom(f"it is in a transfer syntax that isn't read here: {_syntax_name(header.syntax)}")
        return Dicom(header, find_fragments(header), regions_of(header), name)


def _syntax_name(syntax: str) -> str:
    from pydicom.uid import UID  # half a second, and few images are DICOM

    return UID(syntax[:64]).name


@contextmanager
def _dicom_errors(name: str) -> Iterator[None]:
    """Turn whatever readers and decoders raise on damaged bytes into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001 - pydicom and decoders raise many kinds on hostile input
        raise ImageError(
            f"{name}: not a readable DICOM image ({one_line(error)})",
            expected="a DICOM image, uncompressed, deflated, RLE, JPEG, JPEG-LS or JPEG 2000",
            remedy="export the frame as PNG, or as uncompressed DICOM",
        ) from None
