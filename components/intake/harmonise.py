"""A raw dataset in its original layout, to the harmonised form: lossless images, instance masks, one manifest.

Images keep their native resolution and decoded pixels (grey where all three channels are equal); masks become
instance masks by the contract's codes. Work goes on in a hidden folder beside the result: each finished image lies in
a spool and is noted in a journal with the digest of its source files, so that an interrupted run goes on where it was;
at the end the spool is sorted into shards, and the whole folder takes its place at once. (The sorting costs a copy on
the disk, beside which decoding and encoding weigh some ten times more; and it makes the shards' bytes the same whatever
was interrupted.) Leaves out: judging the data beyond refusing errors (validate_data).
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PilImage

from components.artefacts import replacing_folder, write_json
from components.contract import CONTRACTS, Contract
from components.engines import ONE_THREAD, Engine, Progress, Unknown
from components.errors import DataFaultsError, LayoutError
from components.intake.faults import acceptance, errors, first_of
from components.intake.form.coco_export import write_coco
from components.intake.form.croissant import to_croissant
from components.intake.form.records import (
    CROISSANT,
    MANIFEST_SCHEMA_VERSION,
    iterate_manifest,
    open_manifest,
    write_manifest_in_order,
)
from components.intake.form.shards import Place, ShardWriter, Spool
from components.intake.judging.rules import judge, warned_of
from components.intake.layouts import Case, read_layout
from components.intake.measuring.facts import case_key, facts_row, work_stamp
from components.intake.measuring.facts_table import Facts
from components.intake.measuring.pixels import CasePixels, read_case
from components.journal import Journal, work_folder
from components.stored_list import StoredList
from components.types import Fault, Image, ObjectTruth, Record, Span

# Level 3 is twice as fast as Pillow's 6 on speckle, and 2 % larger.
PNG_LEVEL = 3
SPOOL = "spool.bin"
UNREADABLE = "unreadable_image"

Encoded = tuple[bytes, bytes]
"""An image and its instance mask, as PNG."""
Made = tuple[dict[str, Any], Encoded | None]
"""A case's facts with what its record needs, and its two PNGs if it has both."""


@dataclass(frozen=True, slots=True)
class Harmonised:
    """A harmonised dataset: its folder, and how many images were taken over from an earlier try."""

    folder: Path
    resumed: int

    @property
    def records(self) -> Sequence[Record]:
        """What it holds, read from its manifest at each call; a list that stands on the disk."""
        return open_manifest(self.folder)


def harmonise(
    contract: Contract,
    raw: Path,
    *,
    out: Path,
    phantom: bool,
    contracts: Path = CONTRACTS,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
) -> Harmonised:
    """Write the harmonised form of the dataset in `raw` to the folder `out`, replacing it in one step.

    Parameters
    ----------
    phantom
        Whether the images were made by the generator; noted in every record.
    contracts
        The folder of contracts, for lists of related images.
    engine
        Who decodes and encodes; the writing stays here.
    progress
        Called with the number of images done, and of all.

    Raises
    ------
    DataFaultsError
        If the dataset has any fault of severity error; `out` then stays as it was.
    LayoutError
        If another process is at this dataset, or the disk is full; what was done is taken up by the next try.
    """
    with _alone(contract, out), _full_disk_told(contract, out):
        _clear_dead(out)
        return _harmonise(
            contract, raw, out=out, phantom=phantom, contracts=contracts, engine=engine, progress=progress
        )


def _harmonise(
    contract: Contract,
    raw: Path,
    *,
    out: Path,
    phantom: bool,
    contracts: Path,
    engine: Engine,
    progress: Progress | None,
) -> Harmonised:
    cases = _usable(contract, raw, phantom=phantom, contracts=contracts)
    work = work_folder(out)
    stamp = work_stamp(contract, phantom=phantom) | {"manifest_version": MANIFEST_SCHEMA_VERSION}
    journal = Journal(work, stamp)
    make = Unknown(case_key, partial(_make, contract=contract, raw=raw), journal.keys())
    done = _Done()
    with closing(Spool(work / SPOOL)) as spool:

        def one(case: Case, key: str, made: Made | None) -> dict[str, Any]:
            known = journal.get(key) if made is None else None
            if known is not None and _is_whole(known, spool):
                return done.again(known)
            # A crash of the machine may have lost what was noted.
            entry, encoded = made or _make(case, contract=contract, raw=raw)
            if encoded is not None:
                entry["record"] |= {"image": spool.add(encoded[0]), "mask": spool.add(encoded[1])}
            if entry["record"] is not None:
                journal.add(key, entry)
            return done.now(entry)

        making = zip(cases, engine.mapped(make, cases, progress=progress), strict=True)
        # No rule looks at the hashes, which take most of a row.
        facts = Facts((one(case, *made) for case, made in making), without=("perceptual_hash",))
        _refuse(contract, errors(judge(facts, contract)))
        flagged = map(_with_warnings, cases, warned_of(facts, contract))
        _publish(contract, zip(flagged, done.values, strict=True), spool=spool, out=out, phantom=phantom)
    shutil.rmtree(work)
    return Harmonised(out, done.resumed)


def _usable(contract: Contract, raw: Path, *, phantom: bool, contracts: Path) -> Sequence[Case]:
    """The cases of a raw dataset whose layout is sound, but for those whose image is known to be unreadable."""
    reading = read_layout(contract, raw, phantom=phantom, contracts=contracts)
    _refuse(contract, errors(reading.faults))
    if not any(one.code == UNREADABLE for one in contract.accepted_faults):
        return reading.cases
    return StoredList(case for case in reading.cases if not _image_accepted(case, contract, raw))


class _Done:
    """What the records of the cases need, in their order, and how many cases were done before."""

    def __init__(self) -> None:
        self.values: StoredList[dict[str, Any]] = StoredList()
        self.resumed = 0

    def again(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Note what an earlier try has done; its facts."""
        self.resumed += 1
        return self.now(entry)

    def now(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Note what is done; its facts."""
        self.values.append(entry["record"])
        facts: dict[str, Any] = entry["facts"]
        return facts


@contextmanager
def _alone(contract: Contract, out: Path) -> Iterator[None]:
    """Hold the dataset for one process: two would write into one spool. The system frees it, even after a kill."""
    place = out.with_name(f".{out.name}.lock.tmp")
    place.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with place.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LayoutError(
                    f"{contract.name} is being harmonised to {out} by another process",
                    expected="one process at a time for each dataset",
                    remedy="wait until it has ended; if nothing has changed, nothing is left to do then",
                ) from None
            # The last holder may have removed the file between opening and locking; another would then get a new one.
            if place.exists() and os.fstat(file.fileno()).st_ino == place.stat().st_ino:
                try:
                    yield
                finally:
                    place.unlink(missing_ok=True)
                return


def _clear_dead(out: Path) -> None:
    """Remove what killed tries left beside `out` under the names of components/artefacts.py; the work folder stays."""
    dead = re.compile(rf"\.{re.escape(out.name)}\.[0-9a-f]{{8}}(\.old)?\.tmp")
    for path in out.parent.iterdir():
        if dead.fullmatch(path.name):
            shutil.rmtree(path)


@contextmanager
def _full_disk_told(contract: Contract, out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise LayoutError(
            f"the disk is full: {contract.name} couldn't be written to {out} ({error.strerror})",
            expected="room for the images and masks as PNG, twice while they are put into shards",
            remedy="free some space and run it again; the images that are done are kept",
        ) from None


def _with_warnings(case: Case, codes: Sequence[str]) -> Case:
    """A case with the codes of its warnings beside the authors' flags."""
    flags = tuple(dict.fromkeys((*case.flags, *codes)))
    return replace(case, flags=flags) if flags != case.flags else case


def _is_whole(entry: dict[str, Any], spool: Spool) -> bool:
    return all(spool.get(Span(*entry["record"][kind])) is not None for kind in ("image", "mask"))


def _refuse(contract: Contract, found: Sequence[Fault]) -> None:
    if found:
        raise DataFaultsError(
            f"{contract.name}: {first_of(found)}",
            expected="no fault of severity error",
            remedy=f"run `sonoforge data check {contract.name}` for the whole list, and mend them",
        )


def _image_accepted(case: Case, contract: Contract, raw: Path) -> bool:
    """Whether the contract leaves this image out because it knows that it can't be read."""
    known = acceptance(UNREADABLE, case.name_of(case.image, raw), contract)
    return known is not None and read_case(case, contract).image is None


def _make(case: Case, *, contract: Contract, raw: Path) -> Made:
    """Decode and encode one case; returns its facts with what its record needs, and its two PNGs if it has both."""
    pixels = read_case(case, contract)
    facts = facts_row(case, pixels, contract, raw)
    if pixels.image is None or pixels.instances is None:
        return {"facts": facts, "record": None}, None
    encoded = _png(as_stored(pixels.image)), _png(pixels.instances)
    return {"facts": facts, "record": _record_values(pixels, facts)}, encoded


def as_stored(image: Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """An image as it is stored: H W where its three channels are equal, else H W 3."""
    grey = image[..., 0]
    same = np.array_equal(grey, image[..., 1]) and np.array_equal(grey, image[..., 2])
    return np.ascontiguousarray(grey) if same else image


def _record_values(pixels: CasePixels, facts: dict[str, Any]) -> dict[str, Any]:
    assert pixels.image is not None
    return {
        "height_px": pixels.image.shape[0],
        "width_px": pixels.image.shape[1],
        "pixels_md5": facts["pixels_md5"],
        "perceptual_hash": facts["perceptual_hash"],
        "objects": [[o.index, o.label, list(o.box_xyxy), o.area_px] for o in pixels.objects],
    }


def _publish(
    contract: Contract,
    done: Iterable[tuple[Case, dict[str, Any]]],
    *,
    spool: Spool,
    out: Path,
    phantom: bool,
) -> None:
    """Write shards, manifest, COCO and Croissant files, and put the finished folder into place.

    `done` are the cases, in the order of their ids, with what their records need; few of them are held at a time. The
    work stays as it was: a failure costs no decoding.
    """
    with replacing_folder(out) as beside:
        with ShardWriter(beside) as shards:

            def record(case: Case, values: dict[str, Any]) -> Record:
                place = _pack(case, values, spool, shards)
                return _record(case, values, place, contract=contract, folder=beside, phantom=phantom)

            write_manifest_in_order(beside, starmap(record, done))
        write_coco(beside, contract)
        told = to_croissant(iterate_manifest(beside), contract, folder=beside, shards=shards.digests)
        write_json(beside / CROISSANT, told)


def _pack(case: Case, values: dict[str, Any], spool: Spool, shards: ShardWriter) -> Place:
    image, mask = spool.get(Span(*values["image"])), spool.get(Span(*values["mask"]))
    assert image is not None and mask is not None, "the spool was checked or written in this run"
    return shards.add(case.image_id, image, mask)


def _record(
    case: Case, values: dict[str, Any], place: Place, *, contract: Contract, folder: Path, phantom: bool
) -> Record:
    objects = tuple(
        ObjectTruth(index, label, (box[0], box[1], box[2], box[3]), area)
        for index, label, box, area in values["objects"]
    )
    return Record(
        dataset=contract.name,
        image_id=case.image_id,
        group=case.group,
        role=contract.role,
        image_path=folder / place.shard,
        mask_path=folder / place.shard,
        height_px=values["height_px"],
        width_px=values["width_px"],
        pixels_md5=values["pixels_md5"],
        perceptual_hash=values["perceptual_hash"],
        phantom=phantom,
        objects=objects,
        subject_class=case.subject_class,
        official_split=case.official_split,
        spacing_mm=contract.spacing_mm,
        spacing_source=contract.spacing_source if contract.spacing_mm else None,
        flags=case.flags,
        scanner=case.scanner,
        site=case.site,
        image_span=place.image_span,
        mask_span=place.mask_span,
    )


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    with io.BytesIO() as file:
        PilImage.fromarray(pixels).save(file, format="PNG", compress_level=PNG_LEVEL)
        return file.getvalue()
