"""The record of sides: rows are added and never changed, and a damaged file is told by its line."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import LayoutError, LeakError
from components.intake.sides import record as module
from components.intake.sides.record import COLUMNS, Row, keep_sides, not_on_record, read_sides, write_sides
from components.types import Record
from tests.components.intake.test_split import record

HEADER = ",".join(COLUMNS) + "\n"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def image(name: str, *, dataset: str = "busi", pixels: str = "", phantom: bool = False) -> Record:
    return record(dataset, name, name, pixels_md5=md5(pixels or f"{dataset}/{name}"), phantom=phantom)


def row(name: str, side: str, dataset: str = "busi") -> Row:
    return Row(dataset, name, md5(f"{dataset}/{name}"), side)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "sides.csv").write_text(HEADER, encoding="utf-8")
    return tmp_path / "sides.csv"


def test_the_shipped_record_is_read(root: Path) -> None:
    assert all(one.split in ("train", "val", "test") for one in read_sides(root / module.SIDES))


def test_rows_come_back_sorted_whatever_their_names(path: Path) -> None:
    rows = [row("b", "val"), row("0007", "test"), row('a "quoted", name', "train"), row("NA", "train"), row("ü", "val")]
    write_sides(path, rows)
    assert tuple(read_sides(path)) == tuple(sorted(rows))
    assert b"\r" not in path.read_bytes()


def test_real_images_are_added_once_and_phantoms_never(path: Path) -> None:
    images = [image("b"), image("a"), image("p", phantom=True)]
    sides = {("busi", "a"): "train", ("busi", "b"): "test", ("busi", "p"): "val"}
    kept = keep_sides(path, sides, images)
    assert kept.added == (row("a", "train"), row("b", "test")) and (kept.known, kept.phantoms) == (0, 1)
    before = path.read_bytes()
    again = keep_sides(path, sides, images)
    assert again.added == () and (again.known, again.phantoms) == (2, 1) and path.read_bytes() == before
    more = keep_sides(path, {**sides, ("busi", "0"): "val"}, [*images, image("0")])
    assert more.added == (row("0", "val"),) and tuple(read_sides(path)) == (row("0", "val"), *kept.added)


def test_rows_of_images_that_are_gone_stay(path: Path) -> None:
    write_sides(path, [row("gone", "test"), row("elsewhere", "val", "tn3k")])
    keep_sides(path, {("busi", "a"): "train"}, [image("a")])
    assert tuple(read_sides(path)) == (row("a", "train"), row("gone", "test"), row("elsewhere", "val", "tn3k"))


def test_pixels_that_were_corrected_leave_the_row_as_it_is(path: Path) -> None:
    write_sides(path, [row("a", "train")])
    assert keep_sides(path, {("busi", "a"): "train"}, [image("a", pixels="corrected")]).added == ()
    assert tuple(read_sides(path)) == (row("a", "train"),)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (image("old"), "busi/old is train in the split and test on record$"),
        (image("new", pixels="busi/old"), r"busi/new is train .* on record \(by its pixels, as busi/old\)$"),
    ],
    ids=["name", "pixels"],
)
def test_a_contradiction_is_named_and_nothing_is_written(new: Record, said: str, path: Path) -> None:
    write_sides(path, [row("old", "test")])
    before = path.read_bytes()
    sides = {("busi", "a"): "val", ("busi", new.image_id): "train"}
    with pytest.raises(LeakError) as refused:
        keep_sides(path, sides, [image("a"), new])
    assert re.search(said, refused.value.found) and "dvc repro split" in refused.value.remedy
    assert path.read_bytes() == before


def test_an_interrupted_write_leaves_the_old_record(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sides(path, [row("a", "train")])
    before = path.read_bytes()

    def broken(rows: object) -> list[Row]:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "sorted", broken, raising=False)
    with pytest.raises(KeyboardInterrupt):
        write_sides(path, [row("a", "train"), row("b", "test")])
    monkeypatch.undo()
    assert path.read_bytes() == before and [one.name for one in path.parent.iterdir()] == ["sides.csv"]


@pytest.mark.parametrize(
    ("content", "found", "expected"),
    [
        (b"", "line 1: nothing", "the header dataset,image_id,pixels_md5,split"),
        (b"dataset,image_id,split\n", "line 1: dataset,image_id,split", "the header"),
        (f"{HEADER}busi,a,{'0' * 32},holdout\n".encode(), "line 2: the side 'holdout'", "train, val, test"),
        (f"{HEADER}busi,a,{'0' * 32},tra".encode(), "line 2: the side 'tra'", "train, val, test"),
        (f"{HEADER}busi,a,{'0' * 32},train\n\n".encode(), "line 3: nothing", "dataset, image id, md5"),
        (f"{HEADER}<<<<<<< HEAD\n".encode(), "line 2: '<<<<<<< HEAD'", "dataset, image id, md5"),
        (f"{HEADER}busi,a,nothing,train\n".encode(), "line 2: 'busi,a,nothing,train'", "md5 of the pixels"),
        (f"{HEADER}busi,,{'0' * 32},train\n".encode(), "line 2: 'busi,,", "image id"),
        (f"{HEADER}busi, a,{'0' * 32},train\n".encode(), "line 2: 'busi, a,", "image id"),
        (f"{HEADER}Busi ,a,{'0' * 32},train\n".encode(), "line 2: 'Busi ,a,", "dataset"),
        (f"{HEADER}busi,\x1b[2Ja,{'0' * 32},train\n".encode(), r"line 2: 'busi,\x1b[2Ja", "image id"),
        (f'{HEADER}busi,"a,{"0" * 32},train\n'.encode(), "can't be read", "a CSV file"),
        (HEADER.encode() + b"busi,\xff\xfe\n", "can't be read", "a CSV file in UTF-8"),
    ],
)
def test_a_damaged_record_is_refused_with_its_line(content: bytes, found: str, expected: str, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(LayoutError) as refused:
        read_sides(path)
    assert found in refused.value.found and expected in refused.value.expected
    assert "from git" in refused.value.remedy


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"sides\.csv is missing") as refused:
        read_sides(tmp_path / "sides.csv")
    assert "git restore" in refused.value.remedy


@pytest.mark.parametrize(("side", "words"), [("test", "as train and as test"), ("train", "both times as train")])
def test_an_image_that_stands_there_twice_is_refused(side: str, words: str, path: Path) -> None:
    write_sides(path, [row("a", "train"), replace(row("a", side), pixels_md5="f" * 32)])
    with pytest.raises(LayoutError, match=f"names busi/a twice, {words}"):
        read_sides(path)


def test_what_isnt_on_record_is_found_by_name_and_side() -> None:
    recorded = module.SidesRecord((row("a", "train"), row("b", "test")))
    sides = {("busi", name): "train" for name in ("a", "b", "c", "p")}
    images = [image("c"), image("a"), image("b"), image("p", phantom=True)]
    assert not_on_record(sides, images, recorded) == (("busi", "b"), ("busi", "c"))


def test_rows_are_found_by_name_and_by_pixels() -> None:
    rows = [row("a", "train"), row("b", "test", "tn3k"), replace(row("c", "val"), pixels_md5=row("a", "x").pixels_md5)]
    recorded = module.SidesRecord(rows)
    assert list(recorded) == rows and len(recorded) == 3
    assert [recorded.named(one.key) for one in rows] == rows
    assert recorded.named(("busi", "b")) is recorded.named(("tn3k", "a")) is None
    assert recorded.with_pixels(rows[0].pixels_md5) == [rows[0], rows[2]]
    assert recorded.with_pixels(rows[1].pixels_md5) == [rows[1]] and recorded.with_pixels("none") == []


def test_git_merges_what_two_branches_added(tmp_path: Path, root: Path) -> None:
    def git(*arguments: str) -> None:
        who = (
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=one",
            "-c",
            "commit.gpgsign=false",
        )
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    path = tmp_path / module.SIDES
    path.parent.mkdir()
    path.write_text(HEADER, encoding="utf-8")
    (tmp_path / ".gitattributes").write_bytes((root / ".gitattributes").read_bytes())
    git("init")
    git("add", ".")
    git("commit", "-m", "shipped")
    git("checkout", "-b", "two")
    both = [row("a", "train"), row("b", "test")]
    write_sides(path, [*both, row("x", "val", "ddti")])
    git("commit", "-am", "ddti and busi")
    git("checkout", "one")
    write_sides(path, [*both, row("y", "train", "tn3k")])
    git("commit", "-am", "tn3k and busi")
    git("merge", "two")
    assert set(read_sides(path)) == {*both, row("x", "val", "ddti"), row("y", "train", "tn3k")}
