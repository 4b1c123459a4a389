"""A harmonised dataset on disk, to records and pixels, and back: the form that all later stages read.

A folder holds `manifest.parquet` (a row for each image, the columns of `MANIFEST_SCHEMA`), tar shards with a PNG for
each image (lossless, native resolution, grey or RGB) and for each instance mask (uint8), `coco.json` and
`croissant.json`. The manifest says in which shard a PNG lies, at which bytes, and what their CRC-32 is: an image is one
read, and what isn't the image that was written is never decoded. Paths in it are relative to the folder, so that it can
be moved. Leaves out: how the folder is made (components/intake/harmonise.py) and
how images get their split (components/intake/split.py).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as PilImage

from components.artefacts import replacing
from components.errors import LayoutError
from components.preprocess import decode_image
from components.stored_list import StoredList
from components.tables import READ_BYTES, ROWS_AT_ONCE, give_back, read_batches, write_rows
from components.types import Image, InstanceMask, ObjectTruth, Record, Span

MANIFEST = "manifest.parquet"
COCO, CROISSANT = "coco.json", "croissant.json"
# 5: keys of the hash have rings; 4: scanner and site are known; 3: each PNG's CRC-32 is known; 2: PNGs lie in shards;
# 1: each was a file of its own.
MANIFEST_SCHEMA_VERSION = 5
SPLIT_COLUMNS = ("dataset", "image_id", "group", "split")
SPLITS = ("train", "val", "test")


# Of few values, in a dataset.
_REPEATED = ("dataset", "role", "subject_class", "official_split", "scanner", "site", "spacing_source")


def _column(name: str, kind: pa.DataType, meaning: str, *, unit: str = "", nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning} | ({"unit": unit} if unit else {}))


_OBJECT = pa.struct(
    [
        _column("index", pa.int32(), "the object's value in the instance mask, from 1"),
        _column("label", pa.string(), "anatomical name by the contract's mask codes"),
        _column("box_xyxy", pa.list_(pa.int32(), 4), "tight half-open box: x0 y0 x1 y1", unit="pixel"),
        _column("area_px", pa.int64(), "number of pixels", unit="pixel"),
    ]
)

MANIFEST_SCHEMA = pa.schema(
    [
        _column("dataset", pa.string(), "name of the dataset's contract"),
        _column("image_id", pa.string(), "unique within the dataset; names both PNGs in the shard"),
        _column("group", pa.string(), "patient, video, case or scene; must never cross a split"),
        _column("role", pa.string(), "internal or external"),
        _column("image_path", pa.string(), "shard that holds the image as PNG, grey or RGB; relative to the manifest"),
        _column("image_offset", pa.int64(), "where the image's PNG begins in its shard", unit="byte"),
        _column("image_size", pa.int64(), "length of the image's PNG", unit="byte"),
        _column("image_crc32", pa.int64(), "CRC-32 of the image's PNG, checked at each reading"),
        _column("mask_path", pa.string(), "shard that holds the instance mask as PNG, uint8; relative to the manifest"),
        _column("mask_offset", pa.int64(), "where the mask's PNG begins in its shard", unit="byte"),
        _column("mask_size", pa.int64(), "length of the mask's PNG", unit="byte"),
        _column("mask_crc32", pa.int64(), "CRC-32 of the mask's PNG, checked at each reading"),
        _column("height_px", pa.int32(), "native height", unit="pixel"),
        _column("width_px", pa.int32(), "native width", unit="pixel"),
        _column("pixels_md5", pa.string(), "md5 of height, width and decoded RGB pixels"),
        _column("perceptual_hash", pa.string(), "keys of small places, base64, 12 characters a key", nullable=True),
        _column("phantom", pa.bool_(), "made by the phantom generator"),
        _column("objects", pa.list_(_OBJECT), "annotated objects; may be empty"),
        _column("subject_class", pa.string(), "class that the authors give the image", nullable=True),
        _column("official_split", pa.string(), "split that the authors give the image", nullable=True),
        _column("scanner", pa.string(), "machine that took the image, as the source states", nullable=True),
        _column("site", pa.string(), "where the image was taken, as the source states", nullable=True),
        _column("spacing_mm", pa.list_(pa.float64()), "a pixel's size: row, column", unit="millimetre", nullable=True),
        _column("spacing_source", pa.string(), "where the spacing comes from", nullable=True),
        _column(
            "flags", pa.list_(pa.string()), "what the authors flag in the image, and codes of warnings about its files"
        ),
    ],
    metadata={"sonoforge.manifest.version": str(MANIFEST_SCHEMA_VERSION)},
)


def write_manifest(folder: Path, records: Sequence[Record]) -> None:
    """Write `manifest.parquet` into a harmonised folder; image and mask paths must lie within it.

    Rows are sorted by image id, so that equal records give equal bytes. A path without a span stands for a whole file.
    """
    write_manifest_in_order(folder, sorted(records, key=lambda record: record.image_id))


def write_manifest_in_order(folder: Path, records: Iterable[Record]) -> None:
    """The same for records that come one by one, sorted already; few of them are held at once."""
    coming = (_to_row(record, folder) for record in _sorted_already(records))
    with replacing(folder / MANIFEST) as beside:
        write_rows(beside, coming, MANIFEST_SCHEMA)


def _sorted_already(records: Iterable[Record]) -> Iterator[Record]:
    last = ""
    for record in records:
        assert last <= record.image_id, "rows are in the order of their ids"
        last = record.image_id
        yield record


def read_manifest(folder: Path) -> list[Record]:
    """Read a harmonised dataset's records, sorted by image id; paths are joined to `folder`.

    Raises
    ------
    LayoutError
        If there is no manifest, or one of another schema version.
    """
    return list(iterate_manifest(folder))


def open_manifest(folder: Path) -> StoredList[Record]:
    """The records of `read_manifest` as a list that stands on the disk: for as many as don't fit the memory."""
    return StoredList(iterate_manifest(folder))


def iterate_manifest(folder: Path) -> Iterator[Record]:
    """The records of `read_manifest` one by one, few of which are held at once; raises as that does, on first use."""
    path = folder / MANIFEST
    if not path.is_file():
        raise LayoutError(
            f"{folder} holds no {MANIFEST}",
            expected="a harmonised dataset",
            remedy="run the stage `harmonise` for it, or name another folder",
        )
    shared = _Shared(folder)
    for batch in _batches(path):
        for row in batch.to_pylist():
            yield _to_record(row, shared)
    give_back()


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a manifest, some at a time."""
    try:
        # By a buffer, as the columns of all rows would be held else.
        with pq.ParquetFile(path, buffer_size=READ_BYTES, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            version = (schema.metadata or {}).get(b"sonoforge.manifest.version", b"none").decode(errors="replace")
            _check_version(path, version)
            if not schema.equals(MANIFEST_SCHEMA):
                raise LayoutError(
                    f"{path} has other columns than version {version}",
                    expected="the columns and types of docs/manifest-schema.md",
                    remedy=_again(path.parent),
                )
            yield from read_batches(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise LayoutError(
            f"{path} can't be read: {' '.join(str(error).split())}",
            expected="a Parquet file",
            remedy=_again(path.parent),
        ) from None


def _check_version(path: Path, version: str) -> None:
    if version == str(MANIFEST_SCHEMA_VERSION):
        return
    newer = version.isdigit() and int(version) > MANIFEST_SCHEMA_VERSION
    raise LayoutError(
        f"{path} has manifest version {version}",
        expected=f"version {MANIFEST_SCHEMA_VERSION}, which this SonoForge writes",
        remedy=("update SonoForge, which wrote this one in a later version; or " if newer else "")
        + _again(path.parent),
    )


def _again(folder: Path) -> str:
    return f"run `dvc repro harmonise@{folder.name}`, or fetch it again (`dvc pull`)"


def read_manifests(folder: Path) -> dict[str, list[Record]]:
    """Read all harmonised datasets under `folder` (`data/02_harmonised/<role>`), by name, sorted by name."""
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))
    return {path.name: read_manifest(path) for path in found}


def load_image(record: Record) -> Image:
    """Decode a record's image: H W 3, uint8, RGB."""
    return decode_image(image_png(record), name=f"{record.dataset}/{record.image_id}")


def load_instances(record: Record) -> InstanceMask:
    """Decode a record's instance mask: H W, uint8; value k is the object with index k, 0 is background."""
    with PilImage.open(io.BytesIO(mask_png(record)), formats=("PNG",)) as image:
        return np.asarray(image, dtype=np.uint8)


def image_png(record: Record) -> bytes:
    """The bytes of a record's image as PNG."""
    return _stored(record.image_path, record.image_span, record)


def mask_png(record: Record) -> bytes:
    """The bytes of a record's instance mask as PNG."""
    return _stored(record.mask_path, record.mask_span, record)


def _stored(path: Path, span: Span | None, record: Record) -> bytes:
    """Read what stands in a file at a span; LayoutError unless it is what the manifest says was written there."""
    try:
        if span is None:
            return path.read_bytes()
        with path.open("rb") as file:
            file.seek(span.offset_bytes)
            data = file.read(span.size_bytes)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _not_as_written(f"{path} can't be read for {record.dataset}/{record.image_id}: {reason}", span) from None
    if len(data) != span.size_bytes:
        raise _not_as_written(f"{path} ends before {record.dataset}/{record.image_id}", span)
    if zlib.crc32(data) != span.crc32:
        raise _not_as_written(f"{path} holds something else than {record.dataset}/{record.image_id}", span)
    return data


def _not_as_written(found: str, span: Span | None) -> LayoutError:
    where = f"{span.size_bytes} bytes from byte {span.offset_bytes} on, of CRC-32 {span.crc32:08x}" if span else "a PNG"
    return LayoutError(
        found, expected=where, remedy="fetch the shard again (`dvc pull`), or run the stage `harmonise` again"
    )


def read_split(path: Path) -> pd.DataFrame:
    """Read a split file: text columns dataset, image_id, group, split (train, val or test).

    Raises
    ------
    LayoutError
        If the file is missing or damaged, has other columns, names an unknown split, or an image twice: it could stand
        in training and in test.
    """
    if not path.is_file():
        raise LayoutError(f"no split file {path}", expected="a CSV file", remedy="run the stage `split`")
    try:
        # Everything is text: an image id such as 0007 must keep its zeros, and a group `NA` is a name.
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise LayoutError(
            f"{path} can't be read: {' '.join(str(error).split())}",
            expected="a CSV file in UTF-8",
            remedy="run the stage `split` again",
        ) from None
    if tuple(frame.columns) != SPLIT_COLUMNS:
        raise LayoutError(
            f"{path} has the columns {', '.join(frame.columns)}",
            expected=", ".join(SPLIT_COLUMNS),
            remedy="run the stage `split` again",
        )
    unknown = sorted(set(frame["split"]) - set(SPLITS))
    if unknown:
        raise LayoutError(
            f"{path} names the splits {', '.join(name or 'of no name, where it may be cut' for name in unknown)}",
            expected=", ".join(SPLITS),
            remedy="run the stage `split` again",
        )
    if (twice := frame.duplicated(["dataset", "image_id"])).any():
        first = frame[twice].iloc[0]
        raise LayoutError(
            f"{path} names {first['dataset']}/{first['image_id']} twice",
            expected="one row an image",
            remedy="run the stage `split` again; don't edit its file by hand",
        )
    return frame


def write_split(path: Path, frame: pd.DataFrame) -> None:
    """Write a split file, sorted by dataset and image id."""
    ordered = frame.loc[:, list(SPLIT_COLUMNS)]
    # Sorting takes several times the table's memory, and `split` gives its rows in order.
    keys = zip(ordered["dataset"], ordered["image_id"], strict=True)
    if not all(one <= other for one, other in pairwise(keys)):
        ordered = ordered.sort_values(["dataset", "image_id"])
    with replacing(path) as beside:
        ordered.to_csv(beside, index=False, lineterminator="\n", chunksize=ROWS_AT_ONCE)


def _to_row(record: Record, folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(record, name, None) for name in MANIFEST_SCHEMA.names}
    for kind, path, span in (
        ("image", record.image_path, record.image_span),
        ("mask", record.mask_path, record.mask_span),
    ):
        row[f"{kind}_path"] = path.relative_to(folder).as_posix()
        row[f"{kind}_offset"], row[f"{kind}_size"], row[f"{kind}_crc32"] = span or _whole(path)
    row["flags"] = list(record.flags)
    row["objects"] = [
        {"index": o.index, "label": o.label, "box_xyxy": list(o.box_xyxy), "area_px": o.area_px} for o in record.objects
    ]
    return row


def _whole(path: Path) -> Span:
    data = path.read_bytes()
    return Span(0, len(data), zlib.crc32(data))


class _Shared:
    """What many records of a folder have in common, once: each would hold its own copy else, half of its memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Any, Any] = {}
        self._group = ""

    def one(self, value: Any) -> Any:
        """The first value that was equal to this one."""
        return self._known.setdefault(value, value)

    def group(self, name: str) -> str:
        """The group of the record before where it is the same: groups are many, and their images stand together."""
        if name != self._group:
            self._group = name
        return self._group

    def path(self, relative: str) -> Path:
        """The path of a shard within the folder."""
        found: Path | None = self._known.get((Path, relative))
        if found is None:
            found = self._known[Path, relative] = _within(self._folder, relative)
        return found


def _to_record(row: dict[str, Any], shared: _Shared) -> Record:
    objects = tuple(
        ObjectTruth(o["index"], shared.one(o["label"]), (b[0], b[1], b[2], b[3]), o["area_px"])
        for o in row["objects"]
        for b in [o["box_xyxy"]]
    )
    spacing = row["spacing_mm"]
    places = {
        f"{kind}_span": Span(*(row.pop(f"{kind}_{part}") for part in ("offset", "size", "crc32")))
        for kind in ("image", "mask")
    }
    changed = {
        "group": row["image_id"] if row["group"] == row["image_id"] else shared.group(row["group"]),
        "image_path": shared.path(row["image_path"]),
        "mask_path": shared.path(row["mask_path"]),
        "objects": objects,
        "spacing_mm": None if spacing is None else shared.one((spacing[0], spacing[1])),
        "flags": shared.one(tuple(row["flags"])),
    }
    return Record(**{**row, **changed, **{name: shared.one(row[name]) for name in _REPEATED}, **places})


def _within(folder: Path, relative: str) -> Path:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise LayoutError(
            f"{folder / MANIFEST} names {relative!r}", expected="a path within its folder", remedy=_again(folder)
        )
    return folder / path
