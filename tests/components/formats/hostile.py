"""Files that lie, end early or ask for far more than they hold: material to throw at whatever reads images.

    hostile_files(seed, count) -> names and bytes, the same for the same seed

Half are made to a plan, each aimed at one reader; half are whole files of every kind with a few bytes changed, cut, put
in or doubled. Leaves out: what a reader should say; only that it says something, soon, within little memory.
"""

from __future__ import annotations

import functools
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tests.components.formats import files

WIDTH_PX, HEIGHT_PX, FRAMES = 48, 40, 3


def hostile_files(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """So many hostile files, each with a name that says what it is."""
    rng = random.Random(seed)
    whole, planned = whole_files(), list(PLANNED)
    for number in range(count):
        turn = number // 2
        if number % 2:
            kind = planned[turn % len(planned)]
            yield f"{number}-{kind}", PLANNED[kind](rng)
        else:
            kind = list(whole)[turn % len(whole)]
            yield f"{number}-damaged {kind}", damaged(whole[kind], rng)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file with one to six changes, most of them near its beginning, where headers are."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        near = min(len(changed), rng.choice((64, 512, 2048, len(changed))))
        if near == 0:
            break
        at = rng.randrange(near)
        how = rng.random()
        if how < 0.55:
            changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif how < 0.7:
            changed[at : at + 4] = struct.pack(rng.choice("<>") + "L", rng.choice((0, 2**31, 2**32 - 1, 65535)))
        elif how < 0.8:
            del changed[at : at + rng.randint(1, 64)]
        elif how < 0.9:
            changed[at:at] = rng.randbytes(rng.randint(1, 64))
        elif how < 0.95:
            del changed[at:]
        else:
            changed[at:at] = changed[at : at + rng.randint(1, 4096)]
    return bytes(changed)


@functools.cache
def whole_files() -> Mapping[str, bytes]:
    """A small sound file of each kind and coding."""
    rng = np.random.default_rng(5)
    grey = rng.integers(0, 256, (FRAMES, HEIGHT_PX, WIDTH_PX), dtype=np.uint8)
    smooth = (np.add.outer(np.arange(HEIGHT_PX), np.arange(WIDTH_PX)) * 2 + np.zeros((FRAMES, 1, 1))).astype(np.uint8)
    colour = np.stack([smooth, smooth[:, ::-1], grey], axis=-1)
    deep = smooth.astype(np.uint16) * 13
    made = {
        "PNG": files.pillow_file(colour[0], "PNG"),
        "PNG of 16 bits": files.pillow_file(deep[0], "PNG"),
        "JPEG": files.pillow_file(colour[0], "JPEG"),
        "progressive JPEG": files.pillow_file(colour[0], "JPEG", progressive=True),
        "BMP": files.pillow_file(colour[0], "BMP"),
        "TIFF": files.tiff_of_pages(list(colour)),
        "DICOM": files.dicom(grey, SequenceOfUltrasoundRegions=[files.region((0, 0, 20, 20), (0.01, 0.01))]),
        "colour DICOM": files.dicom(colour, "RGB"),
        "deep DICOM": files.dicom(deep),
        "deflated DICOM": files.written(files.dataset(grey), files.DEFLATED),
        "big-endian DICOM": files.written(files.dataset(deep), files.BIG_ENDIAN),
        "implicit DICOM": files.written(files.dataset(grey), files.SYNTAX),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"):
        made[f"TIFF by {compression}"] = files.pillow_file(colour[0], "TIFF", compression=compression)
    for syntax, name in ((files.RLE, "RLE"), (files.JPEG_LS, "JPEG-LS"), (files.JPEG_2000, "JPEG 2000")):
        made[f"DICOM by {name}"] = files.by_pydicom(smooth, syntax)
        made[f"colour DICOM by {name}"] = files.by_pydicom(colour, syntax, "RGB")
    jpegs = [files.pillow_file(frame, "JPEG", quality=90) for frame in colour]
    made["DICOM by JPEG"] = files.compressed(files.dataset(colour, "YBR_FULL_422"), files.JPEG, jpegs, fragments=2)
    jpegs = [files.lossless_jpeg(frame[..., None], 8) for frame in smooth]
    made["DICOM by lossless JPEG"] = files.compressed(files.dataset(smooth), files.JPEG_LOSSLESS, jpegs)
    jpegs = [files.extended_jpeg(frame) for frame in deep]
    twelve = files.dataset(deep, BitsStored=12)
    made["DICOM by JPEG of 12 bits"] = files.compressed(twelve, files.JPEG_EXTENDED, jpegs)
    return made


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width_px: int, height_px: int, *between: bytes, body: bytes = b"\0") -> bytes:
    """A PNG that claims a size, with chunks before its pixels."""
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0))
    end = _png_chunk(b"IDAT", zlib.compress(body)) + _png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + end


def _png_too_large(rng: random.Random) -> bytes:
    return png_of(rng.choice((50_000, 2**31 - 1)), rng.choice((50_000, 2**31 - 1)))


def _png_of_text(rng: random.Random) -> bytes:
    text = b"a\0\0" + zlib.compress(bytes(rng.choice((2**20, 2**24))))
    return png_of(8, 8, *[_png_chunk(rng.choice((b"zTXt", b"iCCP")), text)] * rng.randint(1, 90))


def _png_of_chunks(rng: random.Random) -> bytes:
    return png_of(8, 8, _png_chunk(b"abCd", b"") * rng.choice((1000, 300_000)))


def _jpeg_of_segments(rng: random.Random) -> bytes:
    whole = files.pillow_file(np.zeros((64, 64), dtype=np.uint8), "JPEG")
    between = rng.choice((files.segment(0xE5, b""), b"\0", b"\xff", files.segment(0xE1, b"Exif\0\0II*\0")))
    return whole[:2] + between * rng.choice((1000, 300_000)) + whole[2:]


def _jpeg_of_scans(rng: random.Random) -> bytes:
    whole = files.pillow_file(np.zeros((64, 64), dtype=np.uint8), "JPEG", progressive=True)
    start = whole.index(b"\xff\xc2")
    size = struct.pack(">HH", rng.choice((6000, 60_000)), rng.choice((600, 6000)))
    whole = whole[: start + 5] + size + whole[start + 9 :]
    scan = whole.index(b"\xff\xda")
    return whole[:-2] + whole[scan:-2] * rng.randint(20, 400) + b"\xff\xd9"


def tiff(tags: Mapping[int, tuple[int, int, int]], *, following: int = 0, pages: int = 1) -> bytes:
    """A little-endian TIFF of directories with these tags (kind, count, value), after 64 bytes of pixels."""
    size = 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, *said) for tag, said in sorted(tags.items()))
    directory = struct.pack("<H", len(tags)) + entries
    thens = [*(72 + number * size for number in range(1, pages)), following]
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + b"".join(directory + struct.pack("<I", one) for one in thens)


SOUND_TAGS: Mapping[int, tuple[int, int, int]] = {
    256: (4, 1, 8), 257: (4, 1, 8), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8), 277: (3, 1, 1),
    278: (4, 1, 8), 279: (4, 1, 64),
}  # fmt: skip


def _tiff_that_loops(rng: random.Random) -> bytes:
    return tiff(SOUND_TAGS, following=rng.choice((72, 8, 4, 71, 2**32 - 1)), pages=rng.randint(1, 5))


def _tiff_of_pages(rng: random.Random) -> bytes:
    return tiff(SOUND_TAGS, pages=rng.choice((500, 12_000)))


def _tiff_that_claims(rng: random.Random) -> bytes:
    said = (rng.choice((1, 2, 3, 4, 5, 12)), rng.choice((1, 2**20, 2**32 - 1)), rng.choice((0, 1, 8, 2**16, 2**32 - 1)))
    return tiff({**SOUND_TAGS, rng.choice((*SOUND_TAGS, 317, 320, 322, 323, 324, 325, 338, 700, 34675)): said})


def _bmp_of_runs(rng: random.Random) -> bytes:
    width_px, height_px = rng.choice(((40_000_000, 1), (6000, 6000), (1, 40_000_000), (-5, 7)))
    info = struct.pack("<IiiHHIIiiII", 40, width_px, height_px, 1, 8, rng.choice((1, 2)), 0, 0, 0, 256, 0)
    runs = rng.choice((b"\0\2\xff\xff", b"\1\1\0\0", b"\0\0")) * rng.randint(1, 2000)
    start = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + info + bytes(1024) + runs


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    return head + (b"\0\0" + struct.pack("<I", len(value)) if vr in (b"OB", b"OW", b"SQ", b"UN") else
                   struct.pack("<H", len(value))) + value  # fmt: skip


def _sequence(tag: int, inside: bytes, *, closed: bool = True) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + b"SQ\0\0" + b"\xff" * 4
    return head + inside + (struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if closed else b"")


def raw_dicom(pixels: bytes, syntax: str, *, before: bytes = b"", **changes: int | str) -> bytes:
    """A DICOM file byte by byte: `before` comes before the pixel data (the whole element), the rest can be changed."""
    said: dict[str, int | str] = {
        "samples": 1, "photometric": "MONOCHROME2", "frames": "1", "rows": HEIGHT_PX, "columns": WIDTH_PX,
        "allocated": 8, "stored": 8, "signed": 0,
    } | changes  # fmt: skip
    tags = {
        "samples": 0x00280002, "photometric": 0x00280004, "frames": 0x00280008, "rows": 0x00280010,
        "columns": 0x00280011, "allocated": 0x00280100, "stored": 0x00280101, "signed": 0x00280103,
    }  # fmt: skip
    body = _element(0x00080060, b"CS", b"US")
    body += before if before[:2] < b"\x28" else b""
    for name, value in said.items():
        as_bytes = value.encode() if isinstance(value, str) else struct.pack("<H", value)
        vr = {"photometric": b"CS", "frames": b"IS"}.get(name, b"US")
        body += _element(tags[name], vr, as_bytes)
    meta = _element(0x00020010, b"UI", syntax.encode())
    return bytes(128) + b"DICM" + meta + body + pixels


def _items(*fragments: bytes, table: bytes = b"") -> bytes:
    """Compressed pixel data of these fragments."""
    head = struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + b"\xff" * 4
    parts = (struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (table, *fragments))
    return head + b"".join(parts) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def _dicom_that_claims(rng: random.Random) -> bytes:
    pixels = _element(0x7FE00010, b"OW", bytes(WIDTH_PX * HEIGHT_PX))
    changes: list[dict[str, int | str]] = [
        {"rows": 65535, "columns": 65535}, {"rows": 0}, {"frames": "999999999"}, {"frames": "-3"}, {"frames": "1e9"},
        {"frames": "9" * 900}, {"samples": 65535}, {"allocated": 65535}, {"allocated": 16}, {"stored": 0},
        {"photometric": "PALETTE COLOR"}, {"photometric": "RGB", "samples": 3}, {"allocated": 1, "stored": 1},
        {"photometric": "YBR_FULL_422", "samples": 3}, {"signed": 7}, {"allocated": 64, "stored": 64},
    ]  # fmt: skip
    return raw_dicom(pixels, f"{files.SYNTAX}.1", **rng.choice(changes))


def _dicom_of_sequences(rng: random.Random) -> bytes:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, rng.choice((0, 0, 2**32 - 1)))
    inside = rng.choice((item * 50_000, _sequence(0x00081140, item, closed=False) * 200, b"\xff" * 64))
    pixels = _element(0x7FE00010, b"OW", bytes(WIDTH_PX * HEIGHT_PX))
    return raw_dicom(pixels, f"{files.SYNTAX}.1", before=_sequence(rng.choice((0x00081140, 0x00186011)), inside))


@functools.cache
def _deflated_zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    one = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)  # after which the next begins anew
    return one * mebibytes + packer.flush()


def _deflate_bomb(rng: random.Random) -> bytes:
    packed = _deflated_zeros(rng.choice((8, 300)))
    return bytes(128) + b"DICM" + _element(0x00020010, b"UI", files.DEFLATED.encode()) + packed


def _rle_bomb(rng: random.Random) -> bytes:
    offsets = [64, *(rng.choice((0, 64, 2**32 - 1)) for _ in range(14))]
    frame = struct.pack("<16L", rng.choice((1, 1, 15, 2**32 - 1)), *offsets)
    frame += rng.choice((b"\x81\0", b"\x80", b"\x7f", b"\0\0")) * rng.choice((10, 200_000))
    return raw_dicom(_items(frame), files.RLE)


def _fragments_that_lie(rng: random.Random) -> bytes:
    jpeg = files.pillow_file(np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint8), "JPEG")
    table = struct.pack("<3L", *(rng.choice((0, 1, len(jpeg) + 8, 2**32 - 1)) for _ in range(3)))
    fragments = rng.choice(((), (jpeg,), (jpeg,) * 2, (jpeg,) * 4, (b"",) * 5000, (jpeg[:99], jpeg[99:]) * 3))
    pixels = _items(*fragments, table=rng.choice((table, b"", b"abc")))
    if rng.random() < 0.4:
        pixels = pixels[: rng.randrange(len(pixels))]
    return raw_dicom(pixels, files.JPEG, frames="3")


def _codestream_of_another_size(rng: random.Random) -> bytes:
    syntax = rng.choice((files.JPEG, files.JPEG_LOSSLESS, files.JPEG_LS, files.JPEG_2000, files.JPEG_EXTENDED))
    whole = {
        files.JPEG: "DICOM by JPEG", files.JPEG_LOSSLESS: "DICOM by lossless JPEG", files.JPEG_LS: "DICOM by JPEG-LS",
        files.JPEG_2000: "DICOM by JPEG 2000", files.JPEG_EXTENDED: "DICOM by JPEG of 12 bits",
    }[syntax]  # fmt: skip
    data = whole_files()[whole]
    size = struct.pack(">HH", HEIGHT_PX, WIDTH_PX)
    if syntax == files.JPEG_2000:
        size = struct.pack(">LL", WIDTH_PX, HEIGHT_PX)
        wrong = struct.pack(">LL", rng.choice((WIDTH_PX, 2**31)), rng.choice((1, 2**31)))
        return data.replace(size, wrong, rng.choice((1, 2, 6)))
    return data.replace(size, struct.pack(">HH", 65500, rng.choice((WIDTH_PX, 65500))))


PLANNED: Mapping[str, Callable[[random.Random], bytes]] = {
    "nothing": lambda rng: b"",
    "noise": lambda rng: rng.randbytes(rng.randint(1, 4096)),
    "beginning and noise": lambda rng: (
        rng.choice(
            (
                b"\x89PNG\r\n\x1a\n",
                b"\xff\xd8\xff\xe0",
                b"II*\0",
                b"MM\0*",
                b"BM",
                bytes(128) + b"DICM",
                b"\x08\0\x05\0",
            )
        )
        + rng.randbytes(rng.randint(0, 2048))
    ),
    "PNG too large": _png_too_large,
    "PNG of text": _png_of_text,
    "PNG of chunks": _png_of_chunks,
    "JPEG of scans": _jpeg_of_scans,
    "JPEG of segments": _jpeg_of_segments,
    "TIFF that loops": _tiff_that_loops,
    "TIFF of pages": _tiff_of_pages,
    "TIFF that claims": _tiff_that_claims,
    "BMP of runs": _bmp_of_runs,
    "DICOM that claims": _dicom_that_claims,
    "DICOM of sequences": _dicom_of_sequences,
    "deflate bomb": _deflate_bomb,
    "RLE bomb": _rle_bomb,
    "fragments that lie": _fragments_that_lie,
    "codestream of another size": _codestream_of_another_size,
}
