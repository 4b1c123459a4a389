"""Pixels to the bytes of files, of each kind and coding that components/formats reads, by other code than its own."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image as PilImage
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

SYNTAX = "1.2.840.10008.1.2"
JPEG, JPEG_EXTENDED, JPEG_LOSSLESS = f"{SYNTAX}.4.50", f"{SYNTAX}.4.51", f"{SYNTAX}.4.70"
JPEG_LS, JPEG_2000, HTJ2K, RLE = f"{SYNTAX}.4.80", f"{SYNTAX}.4.90", f"{SYNTAX}.4.201", f"{SYNTAX}.5"
DEFLATED, BIG_ENDIAN = f"{SYNTAX}.1.99", f"{SYNTAX}.2"

Pixels = NDArray[np.generic]


def pillow_file(pixels: Pixels, kind: str, **options: object) -> bytes:
    """Pixels (H W or H W 3) as a file that Pillow writes."""
    buffer = io.BytesIO()
    PilImage.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def dataset(frames: Pixels, photometric: str = "MONOCHROME2", **changes: object) -> FileDataset:
    """Frames (N H W or N H W 3) as an uncompressed dataset, with a patient's name that nobody is to find again."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["sonoforge"])
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.PatientName, made.Modality = "Quellmalz^Zacharias", "US"
    made.NumberOfFrames, (made.Rows, made.Columns) = len(frames), frames.shape[1:3]
    made.SamplesPerPixel = 1 if frames.ndim == 3 else 3
    if frames.ndim == 4:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = made.BitsStored = 8 * frames.itemsize
    made.PixelRepresentation = int(frames.dtype.kind == "i")
    made.PixelData = frames.tobytes()
    made["PixelData"].VR = "OB" if frames.itemsize == 1 else "OW"
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    made.HighBit = made.BitsStored - 1
    return made


def dicom(frames: Pixels, photometric: str = "MONOCHROME2", **changes: object) -> bytes:
    """Frames (N H W or N H W 3) as an uncompressed file."""
    return written(dataset(frames, photometric, **changes))


def written(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A dataset as a file in an uncompressed syntax; deflated too."""
    made.file_meta.TransferSyntaxUID = UID(syntax)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def compressed(
    made: Dataset, syntax: str, encoded: Sequence[bytes], *, fragments: int = 1, table: bool = True
) -> bytes:
    """A dataset with frames that are already compressed, each cut into so many fragments."""
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.PixelData = encapsulate(list(encoded), fragments_per_frame=fragments, has_bot=table)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def by_pydicom(frames: Pixels, syntax: str, photometric: str = "MONOCHROME2", **changes: object) -> bytes:
    """Frames compressed by pydicom's encoders (RLE, JPEG-LS, JPEG 2000)."""
    made = dataset(frames, photometric, **changes)
    made.compress(UID(syntax))
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def region(box: tuple[int, int, int, int], deltas_cm: tuple[float, float], **changes: object) -> Dataset:
    """An item of the sequence of ultrasound regions; the box includes its last pixel, as the standard has it."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 0
    corners = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
    for keyword, value in zip(corners, box, strict=True):
        setattr(made, keyword, value)
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX, made.PhysicalDeltaY = deltas_cm
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    return made


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG codestream."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


class Bits:
    """Bits to bytes with the stuffing of JPEG."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, value: int, bits: int) -> None:
        """Append the lowest bits of a number."""
        self.text += format(value & ((1 << bits) - 1), f"0{bits}b") if bits else ""

    def add_difference(self, difference: int, *, prefix: int = 0) -> None:
        """Append a number as JPEG codes it: 8 bits of size (`prefix` above it), then so many bits."""
        size = abs(difference).bit_length()
        self.add(prefix << 4 | size, 8)
        self.add(difference if difference > 0 else difference - 1, 0 if size == 16 else size)

    def done(self) -> bytes:
        """All bits as bytes, filled up with ones."""
        text = self.text + "1" * (-len(self.text) % 8)
        data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
        return data.replace(b"\xff", b"\xff\0")


# Every symbol up to 0xFE has its own number as its code of 8 bits.
_FLAT_TABLE = bytes([0] * 7 + [255] + [0] * 8) + bytes(range(255))


def lossless_jpeg(pixels: NDArray[np.integer], depth: int, *, predictor: int = 1, restart_rows: int = 0) -> bytes:
    """Pixels (H W S) as a lossless JPEG (ITU-T T.81, annex H), written the slow way, sample by sample."""
    height_px, width_px, samples = pixels.shape
    frame = struct.pack(">BHHB", depth, height_px, width_px, samples)
    frame += b"".join(bytes([number + 1, 0x11, 0]) for number in range(samples))
    scan = bytes([samples]) + b"".join(bytes([number + 1, 0]) for number in range(samples)) + bytes([predictor, 0, 0])
    stream = b"\xff\xd8" + segment(0xC3, frame) + segment(0xC4, b"\0" + _FLAT_TABLE)
    if restart_rows:
        stream += segment(0xDD, struct.pack(">H", restart_rows * width_px))
    stream += segment(0xDA, scan)
    rows = restart_rows or height_px
    for part, first in enumerate(range(0, height_px, rows)):
        bits = Bits()
        band = pixels[first : first + rows].astype(int)
        for y, x, sample in np.ndindex(*band.shape):
            expected = _prediction(band[..., sample], y, x, predictor, 1 << (depth - 1))
            difference = (band[y, x, sample] - expected + 2**15 - 1) % 2**16 - 2**15 + 1
            bits.add_difference(int(difference))
        stream += (b"" if part == 0 else bytes([0xFF, 0xD0 + (part - 1) % 8])) + bits.done()
    return stream + b"\xff\xd9"


def _prediction(plane: NDArray[np.integer], y: int, x: int, predictor: int, origin: int) -> int:
    if y == 0 or x == 0:
        return origin if y == x == 0 else int(plane[y, x - 1] if y == 0 else plane[y - 1, x])
    a, b, c = (int(value) for value in (plane[y, x - 1], plane[y - 1, x], plane[y - 1, x - 1]))
    return (a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1)[predictor - 1]


def extended_jpeg(pixels: NDArray[np.integer], depth: int = 12) -> bytes:
    """Pixels (H W, sides multiples of 8) as a sequential JPEG of so many bits, quantised by 1."""
    from scipy.fft import dctn

    height_px, width_px = pixels.shape
    zigzag = sorted(np.ndindex(8, 8), key=lambda at: (sum(at), at[(sum(at) + 1) % 2]))
    bits, previous = Bits(), 0
    for y, x in np.ndindex(height_px // 8, width_px // 8):
        block = pixels[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].astype(float) - (1 << (depth - 1))
        values = [round(float(value)) for value in (dctn(block, norm="ortho")[at] for at in zigzag)]
        bits.add_difference(values[0] - previous)
        previous, run = values[0], 0
        for value in values[1:]:
            if value == 0:
                run += 1
                continue
            while run > 15:
                bits.add(0xF0, 8)
                run -= 16
            bits.add_difference(value, prefix=run)
            run = 0
        if run:
            bits.add(0, 8)
    frame = struct.pack(">BHHB", depth, height_px, width_px, 1) + bytes([1, 0x11, 0])
    tables = segment(0xC4, b"\0" + _FLAT_TABLE) + segment(0xC4, b"\x10" + _FLAT_TABLE)
    head = b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC1, frame) + tables
    return head + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + bits.done() + b"\xff\xd9"


def tiff_of_pages(pages: Sequence[Pixels]) -> bytes:
    """Several pages as a TIFF."""
    images = [PilImage.fromarray(page) for page in pages]
    buffer = io.BytesIO()
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:])
    return buffer.getvalue()
