"""Hostile and damaged trees: whatever lies in a folder, a check ends soon, with faults or an error for a person."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contract import Contract
from components.errors import LayoutError, SonoForgeError
from components.intake.faults import as_json, as_text
from components.intake.layouts import phantom_notice
from components.intake.validate_data import Checked, check_data, validate_data
from tests.components.intake.layouts.test_coco import OPTIONS, make
from tests.components.intake.raw_trees import BUILDERS, binary, coco_tree, disc, save, speckle

ContractOf = Callable[[str], Contract]
DATASETS = ("busi", "ddti", "tn3k", "udiat", "jnu_ifm", "fh_ps_aop", "coco")
BUSI = "Dataset_BUSI_with_GT"


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clean trees with all tables that their layouts know."""
    top = tmp_path_factory.mktemp("fuzz")
    for name in DATASETS:
        (top / name).mkdir()
        (BUILDERS | {"coco": coco_tree})[name](top / name)
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "Hoja1"
    for row in (("Image", "Type"), *((f"{number:06d}", "Benign") for number in range(1, 5))):
        book.active.append(row)
    book.save(top / "udiat/BUS/DatasetB.xlsx")
    (top / "tn3k/label4test.csv").write_text("0000.jpg,1\n0001.jpg,0\n0002.jpg,0\n")
    return {name: top / name for name in DATASETS}


def contract_for(name: str, contract_of: ContractOf) -> Contract:
    return make(contract_of("udiat"), OPTIONS) if name == "coco" else contract_of(name)


def ends_well(contract: Contract, folder: Path, contracts: Path) -> Checked | None:
    """Check a folder: any exception that isn't one for a person fails the test."""
    try:
        checked = check_data(contract, folder, phantom=True, contracts=contracts)
    except SonoForgeError as error:
        assert error.found and error.expected and error.remedy
        return None
    assert as_text(checked.faults, title="t") and as_json(checked.faults) is not None
    return checked


def mutated(data: bytes, draw: Callable[[st.SearchStrategy[int]], int], how: str) -> bytes:
    """The bytes flipped, cut off, doubled in part, or with text put in."""
    place = draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        return data[:place]
    if how == "flip":
        changed = bytearray(data)
        for _ in range(draw(st.integers(1, 8))):
            changed[draw(st.integers(0, max(0, min(len(data), 400) - 1)))] = draw(st.integers(0, 255))
        return bytes(changed)
    if how == "double":
        return data[:place] + data[place // 2 :]
    return data[:place] + bytes([draw(st.integers(0, 255))] * draw(st.integers(1, 40))) + data[place:]


@pytest.mark.parametrize("name", DATASETS)
@settings(max_examples=12, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damaged_file_stops_a_check(
    name: str, data: st.DataObject, trees: dict[str, Path], contract_of: ContractOf, contracts: Path
) -> None:
    files = sorted(path for path in trees[name].rglob("*") if path.is_file())
    tables = [path for path in files if path.suffix in (".xml", ".csv", ".json", ".xlsx")]
    path = data.draw(st.sampled_from(tables if tables and data.draw(st.booleans()) else files))
    kept = path.read_bytes()
    path.write_bytes(mutated(kept, data.draw, data.draw(st.sampled_from(["cut", "flip", "double", "insert"]))))
    try:
        ends_well(contract_for(name, contract_of), trees[name], contracts)
    finally:
        path.write_bytes(kept)


LAUGHS = "<!DOCTYPE case [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{k} '{f'&a{k - 1};' * 10}'>" for k in range(1, 12))
HOSTILE_XML = {
    "billion laughs": f"{LAUGHS}]><case><number>&a11;</number></case>",
    "quadratic": f"<!DOCTYPE case [<!ENTITY a '{'x' * 50_000}'>]><case><number>{'&a;' * 5_000}</number></case>",
    "external": '<!DOCTYPE case [<!ENTITY x SYSTEM "file:///etc/passwd">]><case><tirads>&x;</tirads></case>',
    "external DTD": '<!DOCTYPE case SYSTEM "http://127.0.0.1:9/x.dtd"><case><tirads>4</tirads></case>',
    "parameter": '<!DOCTYPE case [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><case/>',
    "deep": "<case>" * 100_000 + "</case>" * 100_000,
    "another encoding": '<?xml version="1.0" encoding="x-nothing"?><case/>',
    "no characters": "\0" * 1000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE_XML)
def test_hostile_xml_is_a_fault(kind: str, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    BUILDERS["ddti"](tmp_path)
    (tmp_path / "1.xml").write_text(HOSTILE_XML[kind])
    checked = ends_well(contract_of("ddti"), tmp_path, contracts)
    assert checked is not None
    found = [one for one in checked.faults if one.file in ("1.xml", "1_1.jpg")]
    assert found and not any("root:" in one.found for one in checked.faults)


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def claimed_png(width_px: int, height_px: int, *, rows: int = 0, extra: bytes = b"") -> bytes:
    """A grey PNG whose header claims a size, with pixels for `rows` rows only."""
    header = width_px.to_bytes(4, "big") + height_px.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(bytes(rows * (width_px + 1)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def claimed_jpeg(side_px: int) -> bytes:
    frame = bytes([8]) + side_px.to_bytes(2, "big") * 2 + bytes([1, 1, 0x11, 0])
    return (
        b"\xff\xd8\xff\xc0"
        + (len(frame) + 2).to_bytes(2, "big")
        + frame
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\xff\xd9"
    )


BOMB_TEXT = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
BOMBS = {
    "claimed png": claimed_png(60_000, 60_000),
    "claimed and packed png": claimed_png(30_000, 30_000, rows=3_000),
    "just over the limit": claimed_png(8_000, 5_001),
    "claimed jpeg": claimed_jpeg(60_000),
    "negative png": claimed_png(2**31, 2**31),
    "empty png": claimed_png(0, 0),
    "text png": claimed_png(160, 180, rows=0, extra=BOMB_TEXT),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("place", ["benign (1).png", "benign (1)_mask.png"])
def test_a_bomb_is_an_unreadable_file(
    kind: str, place: str, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    BUILDERS["busi"](tmp_path)
    (tmp_path / BUSI / "benign" / place).write_bytes(BOMBS[kind])
    checked = ends_well(contract_of("busi"), tmp_path, contracts)
    assert checked is not None
    code = "unreadable_mask" if "mask" in place else "unreadable_image"
    assert [one.code for one in checked.faults if one.file.endswith(place)] == [code]


def test_a_huge_flat_picture_of_the_allowed_size_is_still_read(
    tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    BUILDERS["busi"](tmp_path)
    (tmp_path / BUSI / "benign/benign (1).png").write_bytes(claimed_png(5_000, 4_000, rows=4_000))
    checked = ends_well(contract_of("busi"), tmp_path, contracts)
    assert checked is not None
    assert {"mask_size_mismatch", "image_size"} <= {one.code for one in checked.faults}


def test_links_lead_nowhere_strange(tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    raw, outside = tmp_path / "raw", tmp_path / "outside"
    raw.mkdir()
    outside.mkdir()
    BUILDERS["busi"](raw)
    save(outside / "secret.png", speckle(1))
    (outside / "secret.txt").write_text("secret")
    benign = raw / BUSI / "benign"
    (benign / "loop").symlink_to(raw)
    (benign / "away").symlink_to(outside)
    (benign / "benign (3).png").symlink_to(outside / "secret.txt")
    (benign / "benign (3)_mask.png").symlink_to(outside / "secret.png")
    (benign / "benign (4).png").symlink_to(outside / "nothing.png")
    (raw / "self").symlink_to("self")
    checked = ends_well(contract_of("busi"), raw, contracts)
    assert checked is not None
    assert len(checked.cases) == 6
    links = ("away", "benign (3).png", "benign (3)_mask.png", "benign (4).png", "loop")
    told = [one.file for one in checked.faults if (one.code, one.severity) == ("link_outside", "error")]
    assert sorted(told) == sorted([*(f"{BUSI}/benign/{name}" for name in links), "self"])
    assert not any("secret" in f"{one.file} {one.found}" for one in checked.faults)


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree with folders within folders, as deep as a path may be long; removed by a program that copes with it."""
    raw = tmp_path / "raw"
    raw.mkdir()
    BUILDERS["udiat"](raw)
    path = raw
    for _ in range(1100):  # mkdir(parents=True) itself ends at the interpreter's limit of recursion
        path /= "d"
        path.mkdir()
    yield raw
    subprocess.run(["rm", "-rf", str(raw)], check=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["udiat", "ddti"])
def test_folders_without_end_are_no_end(name: str, deep: Path, contract_of: ContractOf, contracts: Path) -> None:
    with pytest.raises(LayoutError, match="folders within one another"):
        check_data(contract_of(name), deep, phantom=phantom_notice(deep), contracts=contracts)


def printed(text: str) -> str:
    """A text with its control characters written out."""
    return text.replace("\t", "\\t").replace("\r", "\\r")


NAMELESS = "ü🙂"  # nothing is left of it that an image's id may hold
STRANGE = [
    "a\nb",
    "a\tb",
    "a\rb",
    "a; b",
    "-rf",
    "$(x)",
    "a" * 200,
    NAMELESS,
    "\u202eabc",
    "%s{0}",
    "<script>",
    "`x`|y",
]


@pytest.mark.parametrize("stem", STRANGE)
def test_strange_names_are_told_as_they_are(
    stem: str, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tmp_path / "raw"
    BUILDERS["busi"](raw)
    benign = raw / BUSI / "benign"
    save(benign / f"{stem}.png", speckle(7))
    save(benign / f"{stem}_mask.png", binary(disc(height=90)))
    (benign / f"{stem}x.png").write_bytes(b"no image")
    (benign / f"{stem}x_mask.png").write_bytes(b"no mask")
    checked = ends_well(contract_of("busi"), raw, contracts)
    assert checked is not None
    told = {one.code: one.file for one in checked.faults}
    if "\n" in stem:  # the layout's pattern of masks ends with a line
        assert set(told) == {"image_without_mask"}
        return
    if stem == NAMELESS:
        assert told["undecodable_name"].endswith(f"{stem}.png")
    else:
        assert told["mask_size_mismatch"].endswith(f"{printed(stem)}_mask.png")
    assert told["unreadable_image"].endswith(f"{printed(stem)}x.png")


def test_strange_names_come_through_to_the_report(tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    raw = tmp_path / "raw"
    BUILDERS["busi"](raw)
    for stem in STRANGE:
        if len(stem) < 100:
            (raw / BUSI / "benign" / f"{stem.replace('/', '')}.png").write_bytes(b"no image")
            (raw / BUSI / "benign" / f"{stem.replace('/', '')}_mask.png").write_bytes(b"no mask")
    checked = validate_data(contract_of("busi"), raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    # One name is too long, one makes no id, and the layout's pattern of masks doesn't know the one of two lines.
    assert sum(one.code == "unreadable_image" for one in checked.faults) == len(STRANGE) - 3
    assert "<script>" not in (tmp_path / "out/docs/index.html").read_text()


def test_a_file_that_may_not_be_read_is_a_fault(tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    BUILDERS["busi"](tmp_path)
    path = tmp_path / BUSI / "benign/benign (1).png"
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    checked = ends_well(contract_of("busi"), tmp_path, contracts)
    assert checked is not None and "unreadable_image" in {one.code for one in checked.faults}


def test_a_tree_that_changes_under_the_check_ends_well(
    tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.intake.measuring import facts

    BUILDERS["busi"](tmp_path)
    real = facts.read_case
    monkeypatch.setattr(facts, "read_case", lambda *given: (shutil.rmtree(tmp_path / BUSI, True), real(*given))[1])
    checked = ends_well(contract_of("busi"), tmp_path, contracts)
    assert checked is not None and not checked.sound
    assert np.all(checked.facts.frame()["height_px"].isna())
