"""Harmonising that is killed, doubled or starved, and shards and manifests that aren't what was written.

Whatever happens, a reader gets the pixels that were written or an error that says what to do, and the next try ends
with the same bytes as an undisturbed one.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components import artefacts
from components.contract import Contract
from components.errors import LayoutError
from components.intake import harmonise as module
from components.intake.form.records import (
    MANIFEST,
    MANIFEST_SCHEMA,
    MANIFEST_SCHEMA_VERSION,
    load_image,
    load_instances,
    read_manifest,
)
from components.intake.form.shards import ShardWriter, Spool
from components.intake.harmonise import harmonise
from components.journal import Journal
from components.types import Record
from tests.components.intake.raw_trees import Tree, save, speckle

ContractOf = Callable[[str], Contract]
Run = Callable[[Path], object]


@pytest.fixture
def raw(tree: Tree) -> Path:
    """A raw UDIAT of four images."""
    return tree("udiat")


@pytest.fixture
def run(raw: Path, contract_of: ContractOf, contracts: Path) -> Run:
    """Harmonise it to a folder."""
    return lambda out: harmonise(contract_of("udiat"), raw, out=out, phantom=False, contracts=contracts)


@pytest.fixture
def out(run: Run, tmp_path: Path) -> Path:
    """A harmonised dataset, whole."""
    run(tmp_path / "udiat")
    return tmp_path / "udiat"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def after(calls: int, owner: Any, name: str, *, then: Callable[[], object]) -> None:
    """Make a function do something else at its `calls`-th call, once it has done its work."""
    real, made = getattr(owner, name), [0]

    def counted(*given: Any, **named: Any) -> Any:
        result = real(*given, **named)
        made[0] += 1
        if made[0] == calls:
            then()
        return result

    setattr(owner, name, counted)


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


KILLED_AFTER = {
    "the first image in the spool": (1, Spool, "add"),
    "a mask in the spool": (4, Spool, "add"),
    "an entry of the journal": (2, Journal, "add"),
    "the first image in a shard": (1, ShardWriter, "add"),
    "the last image in a shard": (4, ShardWriter, "add"),
    "the manifest": (1, module, "write_manifest_in_order"),
    "COCO": (1, module, "write_coco"),
    "Croissant": (1, module, "write_json"),
    "the old set stepped aside": (1, Path, "rename"),
    "the new set took its place": (2, Path, "rename"),
}


@pytest.mark.parametrize(
    ("point", "before"),
    [
        *((point, "an older set") for point in KILLED_AFTER),
        *((point, "nothing") for point in ("an entry of the journal", "the manifest")),
    ],
)
def test_a_kill_leaves_a_whole_set_or_none_and_the_next_try_is_as_if_nothing_had_been(
    point: str, before: str, run: Run, raw: Path, tmp_path: Path
) -> None:
    out, fresh = tmp_path / "sets/udiat", tmp_path / "fresh"
    if before == "an older set":
        run(out)
        save(raw / "BUS/original/000002.png", speckle(999))
    old = files_of(out) if out.exists() else None

    def child() -> None:
        calls, owner, name = KILLED_AFTER[point]
        after(calls, owner, name, then=kill_me)
        run(out)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    run(fresh)
    if out.exists():
        assert files_of(out) in (old, files_of(fresh)), "a set that is neither the old nor the new one"
    else:
        # In the instant between two renamings there is none; the old one lies beside.
        assert old is None or point == "the old set stepped aside"
    run(out)
    assert files_of(out) == files_of(fresh)
    assert hidden(out.parent) == []


def test_two_at_once_are_refused_and_the_first_is_not_disturbed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real, refused = tmp_path / "sets/udiat", module._make, []

    def meets_another(*given: Any, **named: Any) -> Any:
        with pytest.raises(LayoutError, match="udiat is being harmonised") as caught:
            run(out)
        refused.append(caught.value.remedy)
        return real(*given, **named)

    monkeypatch.setattr(module, "_make", meets_another)
    run(out)
    monkeypatch.setattr(module, "_make", real)
    assert len(refused) == 4 and "wait until it has ended" in refused[0]
    run(tmp_path / "fresh")
    assert files_of(out) == files_of(tmp_path / "fresh") and hidden(out.parent) == []


@pytest.mark.parametrize(
    "point",
    ["add to the spool", "add to a shard", "write_manifest_in_order", "write_coco", "write_json", "a half shard"],
)
def test_a_full_disk_is_told_nothing_half_stays_and_what_is_done_is_kept(
    point: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "sets/udiat"
    full = OSError(errno.ENOSPC, "No space left on device")

    def fails(*_: Any, **__: Any) -> None:
        raise full

    with monkeypatch.context() as patched:
        if point == "add to the spool":
            real, made = Spool.add, []

            def third(self: Spool, data: bytes) -> Any:
                made.append(1)
                if len(made) == 5:
                    self._file.write(data[:100])
                    raise full
                return real(self, data)

            patched.setattr(Spool, "add", third)
        elif point == "add to a shard":
            patched.setattr(ShardWriter, "add", fails)
        elif point == "a half shard":
            patched.setattr(ShardWriter, "_finish", fails)
        else:
            patched.setattr(module, point, fails)
        with pytest.raises(LayoutError, match="the disk is full: udiat couldn't be written") as caught:
            run(out)
    assert "free some space" in caught.value.remedy
    assert not out.exists() and hidden(out.parent) == [".udiat.partial.tmp"]
    done: Any = run(out)
    assert done.resumed == (2 if point == "add to the spool" else 4)
    run(tmp_path / "fresh")
    assert files_of(out) == files_of(tmp_path / "fresh")


def test_other_errors_of_the_system_are_not_called_a_full_disk(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "write_manifest_in_order", denied)
    with pytest.raises(PermissionError):
        run(tmp_path / "udiat")


def read_all(records: list[Record]) -> None:
    for record in records:
        load_image(record)
        load_instances(record)


def test_any_altered_bit_of_a_png_is_noticed(out: Path) -> None:
    records = read_manifest(out)
    shard = out / "shards/000000.tar"
    whole = shard.read_bytes()
    rng = np.random.default_rng(5)
    for record in records:
        for span, load in ((record.image_span, load_image), (record.mask_span, load_instances)):
            assert span is not None
            for at in (0, span.size_bytes - 1, *rng.integers(0, span.size_bytes, 20)):
                altered = bytearray(whole)
                altered[span.offset_bytes + at] ^= 1 << int(rng.integers(8))
                shard.write_bytes(altered)
                with pytest.raises(LayoutError, match="holds something else than udiat/") as caught:
                    load(record)
                assert "dvc pull" in caught.value.remedy
    shard.write_bytes(whole)
    read_all(records)


def test_members_that_changed_places_are_noticed(out: Path) -> None:
    first, second, *_ = read_manifest(out)
    shard = out / "shards/000000.tar"
    data = bytearray(shard.read_bytes())
    assert first.image_span and second.image_span
    a, b = first.image_span, second.image_span
    size = max(a.size_bytes, b.size_bytes)
    at_a, at_b = (bytes(data[one.offset_bytes : one.offset_bytes + size]) for one in (a, b))
    data[a.offset_bytes : a.offset_bytes + size], data[b.offset_bytes : b.offset_bytes + size] = at_b, at_a
    shard.write_bytes(data)
    for record in (first, second):
        with pytest.raises(LayoutError, match="something else"):
            load_image(record)


def test_a_shard_cut_by_a_byte_or_gone_is_told(out: Path) -> None:
    *_, last = read_manifest(out)
    shard = out / "shards/000000.tar"
    assert last.mask_span
    shard.write_bytes(shard.read_bytes()[: last.mask_span.offset_bytes + last.mask_span.size_bytes - 1])
    load_image(last)
    with pytest.raises(LayoutError, match="ends before udiat/"):
        load_instances(last)
    shard.unlink()
    with pytest.raises(LayoutError, match=r"000000\.tar can't be read for udiat/.*: No such file"):
        load_image(last)


def rewritten(path: Path, *, version: object = MANIFEST_SCHEMA_VERSION, **changed: Any) -> None:
    table = pq.read_table(path)
    for name, values in changed.items():
        position = table.column_names.index(name)
        table = table.set_column(
            position, MANIFEST_SCHEMA.field(name), pa.array(values, MANIFEST_SCHEMA.field(name).type)
        )
    pq.write_table(table.replace_schema_metadata({"sonoforge.manifest.version": str(version)}), path)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [(6, "update SonoForge, which wrote"), (40, "update SonoForge"), (3, "run `dvc repro"), ("x", "run")],
)
def test_a_manifest_of_another_version_is_refused_with_what_to_do(out: Path, version: object, remedy: str) -> None:
    rewritten(out / MANIFEST, version=version)
    with pytest.raises(LayoutError, match=f"manifest version {version}") as caught:
        read_manifest(out)
    assert caught.value.remedy.startswith(remedy) and "harmonise@udiat" in caught.value.remedy


def test_an_altered_byte_of_a_manifest_is_refused_or_changes_nothing(out: Path) -> None:
    data, whole = (out / MANIFEST).read_bytes(), read_manifest(out)
    told = 0
    for place in range(4, len(data), 37):
        (out / MANIFEST).write_bytes(data[:place] + bytes([data[place] ^ 0xA5]) + data[place + 1 :])
        try:
            assert read_manifest(out) == whole, place
        except LayoutError as error:
            told += 1
            assert "dvc repro harmonise@udiat" in error.remedy
    assert told > len(data) / 37 / 2


def test_a_manifest_that_lacks_a_column_or_is_cut_is_refused(out: Path) -> None:
    whole = (out / MANIFEST).read_bytes()
    table = pq.read_table(out / MANIFEST)
    pq.write_table(table.drop_columns(["image_crc32"]), out / MANIFEST)
    with pytest.raises(LayoutError, match="other columns"):
        read_manifest(out)
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        (out / MANIFEST).write_bytes(whole[:length])
        with pytest.raises(LayoutError, match="can't be read"):
            read_manifest(out)


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/shards/000000.tar"])
def test_a_manifest_leads_nowhere_else(out: Path, path: str) -> None:
    rewritten(out / MANIFEST, image_path=[path] * 4)
    with pytest.raises(LayoutError, match="a path within its folder"):
        read_manifest(out)


@pytest.mark.parametrize(("offset", "size"), [(-1, 10), (10**12, 10), (0, 10), (512, 10**9)])
def test_a_manifest_with_other_places_gives_an_error_and_no_pixels(out: Path, offset: int, size: int) -> None:
    rewritten(out / MANIFEST, image_offset=[offset] * 4, image_size=[size] * 4)
    for record in read_manifest(out):
        with pytest.raises(LayoutError):
            load_image(record)


def test_files_are_written_beside_and_renamed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = artefacts.take_place

    def looks(beside: Path, folder: Path) -> None:
        seen.append(folder.exists())
        read_all(read_manifest(beside))
        real(beside, folder)

    monkeypatch.setattr(artefacts, "take_place", looks)
    run(tmp_path / "udiat")
    assert seen == [False]
