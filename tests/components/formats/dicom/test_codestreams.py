"""What makes OpenJPEG take far more memory than an image needs is seen in the codestream's headers."""

from __future__ import annotations

import numpy as np
import pytest
from openjpeg.utils import encode_array

from components.formats.dicom.codestreams import check_jpeg2000
from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.header import Header, read_header
from components.formats.limits import SourceLimits
from tests.components.formats import files

GREY = (np.add.outer(np.arange(64), np.arange(96)) % 256).astype(np.uint8)
STREAM = bytes(encode_array(GREY))
COD = STREAM.index(b"\xff\x52")


def header() -> Header:
    return read_header(files.dicom(GREY[None]), name="x", limits=SourceLimits())


def changed(at: int, value: bytes) -> bytes:
    return STREAM[:at] + value + STREAM[at + len(value) :]


def test_a_sound_codestream_passes_alone_and_out_of_its_box() -> None:
    assert check_jpeg2000(STREAM, header()) == STREAM
    boxed = bytes(encode_array(GREY, codec_format=1))
    assert boxed.startswith(b"\0\0\0\x0cjP")
    assert check_jpeg2000(boxed, header()).startswith(b"\xff\x4f\xff\x51")


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (changed(24, (1).to_bytes(4, "big") * 2), "tiles"),
        (changed(24, bytes(8)), "contradict"),
        (changed(8, (2**31).to_bytes(4, "big")), "in a file of"),
        (changed(43, b"\2\2"), "different sizes"),
        (changed(42, b"\x1f"), "bits in a file"),
        (changed(COD + 10, b"\0\0"), "code-blocks"),
        (changed(COD + 9, b"\x40"), "code-blocks"),
        (STREAM[:30], "ends in its header"),
        (STREAM[:COD] + b"\xff\x53\0\x09\0\0\5\0\0\0\1" + STREAM[COD:], "code-blocks"),
        (STREAM[:COD] + b"\xff\x52\0\x0f\1\0\0\1\0\2\4\4\0\1" + b"\0\0\0" + STREAM[COD:], "precincts"),
        (b"no codestream", "isn't JPEG 2000"),
    ],
)
def test_what_asks_for_too_much_is_refused(damaged: bytes, why: str) -> None:
    with pytest.raises(BrokenDicom, match=why):
        check_jpeg2000(damaged, header())


def test_the_headers_of_tiles_are_looked_at_too() -> None:
    tile = STREAM.index(b"\xff\x93")
    with pytest.raises(BrokenDicom, match="code-blocks"):
        check_jpeg2000(STREAM[:tile] + b"\xff\x53\0\x09\0\0\5\0\0\0\1" + STREAM[tile:], header())
