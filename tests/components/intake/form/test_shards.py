"""Shards: tar files that every tool reads, places that hold, bytes that depend on the images alone."""

from __future__ import annotations

import hashlib
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.form.shards import Place, ShardWriter, Spool, image_member, mask_member

Files = dict[str, tuple[bytes, bytes]]


def files(count: int, *, size_bytes: int = 900, seed: int = 0) -> Files:
    rng = random.Random(seed)
    return {
        f"image_{k:05}": (rng.randbytes(rng.randrange(1, size_bytes)), rng.randbytes(rng.randrange(1, 99)))
        for k in range(count)
    }


def written(folder: Path, content: Files, **limits: int) -> dict[str, Place]:
    folder.mkdir()
    with ShardWriter(folder, **limits) as shards:
        places = {name: shards.add(name, *pair) for name, pair in content.items()}
    for shard, sha256 in shards.digests.items():
        assert hashlib.sha256((folder / shard).read_bytes()).hexdigest() == sha256
    assert set(shards.digests) == {place.shard for place in places.values()}
    return places


def at(folder: Path, shard: str, span: tuple[int, int]) -> bytes:
    return (folder / shard).read_bytes()[span[0] : span[0] + span[1]]


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 600)), max_size=20),
    name=st.text("abcAZ09._-", min_size=1, max_size=140),
)
def test_places_and_members_hold_what_was_added(
    sizes: list[tuple[int, int]], name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards") / "set"
    content = {f"{name}{k}": (bytes([k]) * image, bytes([99]) * mask) for k, (image, mask) in enumerate(sizes)}
    places = written(folder, content, limit_bytes=12_000, min_bytes=4_000)
    found: dict[str, bytes] = {}
    for shard in sorted({place.shard for place in places.values()}):
        assert (folder / shard).stat().st_size <= 12_000
        with tarfile.open(folder / shard) as file:
            for member in file.getmembers():
                assert (member.uid, member.gid, member.uname, member.mtime, member.mode) == (0, 0, "", 0, 0o644)
                opened = file.extractfile(member)
                assert opened is not None
                found[member.name] = opened.read()
    for image_id, (image, mask) in content.items():
        place = places[image_id]
        assert at(folder, place.shard, place.image_span) == image == found.pop(image_member(image_id))
        assert at(folder, place.shard, place.mask_span) == mask == found.pop(mask_member(image_id))
    assert found == {}


def test_a_sample_of_webdataset_is_an_image_and_its_mask() -> None:
    for image_id in ("benign_1", "1.2.840.10008", "a-b"):
        keys = {name(image_id).split(".", 1)[0] for name in (image_member, mask_member)}
        assert len(keys) == 1
        assert keys.pop().replace("%2E", ".") == image_id
        assert [name(image_id).split(".", 1)[1] for name in (image_member, mask_member)] == ["image.png", "mask.png"]


def test_an_image_less_leaves_the_other_shards_as_they_were(tmp_path: Path) -> None:
    content = files(6000, size_bytes=400)
    limits = {"limit_bytes": 2_000_000, "min_bytes": 300_000}
    before = written(tmp_path / "a", content, **limits)
    shards = {hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "a/shards").iterdir()}
    assert len(shards) > 8
    for number, gone in enumerate(("image_00003", "image_03000")):
        folder = tmp_path / f"b{number}"
        written(folder, {name: pair for name, pair in content.items() if name != gone}, **limits)
        again = {hashlib.sha256(path.read_bytes()).digest() for path in (folder / "shards").iterdir()}
        assert len(again - shards) <= 2, f"{gone} stood in {before[gone].shard}"


def test_an_image_over_the_limit_gets_a_shard_of_its_own(tmp_path: Path) -> None:
    content = {"a": (b"1" * 10, b"2"), "b": (b"3" * 9000, b"4"), "c": (b"5", b"6")}
    places = written(tmp_path / "set", content, limit_bytes=6000, min_bytes=3000)
    assert [places[name].shard for name in "abc"] == [f"shards/{k:06}.tar" for k in range(3)]


def test_no_image_gives_no_shard(tmp_path: Path) -> None:
    assert written(tmp_path / "set", {}) == {}
    assert list((tmp_path / "set/shards").iterdir()) == []


def test_a_spool_keeps_what_it_got_and_knows_what_it_lost(tmp_path: Path) -> None:
    path = tmp_path / "spool.bin"
    first = Spool(path)
    blobs = [first.add(data) for data in (b"one", b"", b"three")]
    first.close()
    again = Spool(path)
    blobs.append(again.add(b"four"))
    assert [again.get(blob) for blob in blobs] == [b"one", b"", b"three", b"four"]
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"X" + content[5:-1])
    assert [again.get(blob) for blob in blobs] == [b"one", b"", None, None]
    again.close()
