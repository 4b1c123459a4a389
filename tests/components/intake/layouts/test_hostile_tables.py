"""Tables, folds, outlines and names from strangers: whatever stands in them, a fault and no crash."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contract import Contract
from components.errors import ContractError
from components.intake.faults import as_json
from components.intake.layouts import read_layout
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import BUILDERS, Tree, ddti_xml

ContractOf = Callable[[str], Contract]
# The tree is built once for each test; only the one file is written anew.
REUSED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Hoja1"
    page.append(["Image", "Type"])
    page.append(["000001", "Benign"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


WORKBOOK = _workbook()


@REUSED
@given(data=st.data())
def test_no_spreadsheet_crashes_the_reader(
    data: st.DataObject, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "udiat"
    if not raw.is_dir():
        BUILDERS["udiat"](raw)
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    victim = data.draw(st.sampled_from(sorted(members)))
    text = bytearray(members[victim])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
        text = text or bytearray(b"x")
    with zipfile.ZipFile(raw / "BUS/DatasetB.xlsx", "w") as damaged:
        for name, content in members.items():
            if name != victim or data.draw(st.booleans()):
                damaged.writestr(name, bytes(text) if name == victim else content)
    reading = read_layout(contract_of("udiat"), raw, contracts=contracts)
    assert len(reading.cases) == 4


@REUSED
@given(content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_csv_and_no_fold_crashes_the_reader(
    content: bytes, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "tn3k"
    if not raw.is_dir():
        BUILDERS["tn3k"](raw)
    for name in ("label4trainval.csv", "tn3k-trainval-fold0.json"):
        (raw / name).write_bytes(content)
    assert len(read_layout(contract_of("tn3k"), raw, contracts=contracts).cases) == 8


@pytest.mark.parametrize(
    "fold",
    ['{"train": [1e999], "val": []}', '{"train": 1, "val": 2}', "[]", '{"train": [[]], "val": []}', "[" * 99_999],
)
def test_a_fold_that_is_none_is_a_fault(fold: str, tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("tn3k")
    (raw / "tn3k-trainval-fold0.json").write_text(fold)
    faults = read_layout(contract_of("tn3k"), raw, contracts=contracts).faults
    assert [(one.code, one.file) for one in faults] == [("fold_mismatch", "tn3k-trainval-fold0.json")]


def test_too_large_a_fold_isn_t_read(
    tree: Tree, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.intake.layouts.paired_folders.MAX_FOLD_BYTES", 10)
    faults = read_layout(contract_of("tn3k"), tree("tn3k"), contracts=contracts).faults
    assert {one.code for one in faults} == {"fold_mismatch"}


@pytest.mark.parametrize("limit", ["MAX_CSV_BYTES", "MAX_CELLS"])
def test_too_large_a_table_isn_t_held(
    limit: str, tree: Tree, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tree("tn3k")
    monkeypatch.setattr(f"components.intake.layouts.tables.{limit}", 1000)
    (raw / "label4trainval.csv").write_text("0000.jpg,1\n" + "," * 1100 + "\n")
    faults = read_layout(contract_of("tn3k"), raw, contracts=contracts).faults
    found = [(one.file, one.found) for one in faults if one.code == "bad_table"]
    assert len(found) == 1 and found[0][0] == "label4trainval.csv" and "more than 1,000" in found[0][1]


def test_a_spreadsheet_of_far_cells_isn_t_held(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(9, 2009)).encode()
    # What says how far the sheet reaches may be missing.
    members[sheet] = re.sub(rb"<dimension[^>]*>", b"", members[sheet])
    members[sheet] = members[sheet].replace(b"</sheetData>", rows + b"</sheetData>")
    assert rows in members[sheet], "each row is of 16,384 cells, 33 million in all"
    with zipfile.ZipFile(raw / "BUS/DatasetB.xlsx", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name, content in members.items():
            bomb.writestr(name, content)
    faults = read_layout(contract_of("udiat"), raw, contracts=contracts).faults
    assert [one.found for one in faults if one.code == "bad_table"] == ["can't be read: more than 10,000,000 cells"]


_REGIONS = st.recursive(
    st.none() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["points", "x", "y", "regionType"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@REUSED
@given(regions=_REGIONS, number=st.text(max_size=4))
def test_no_outline_crashes_the_reader(
    regions: object, number: str, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "ddti"
    if not raw.is_dir():
        BUILDERS["ddti"](raw)
    svg = json.dumps(regions).replace("<", "").replace("&", "")
    (raw / "1.xml").write_bytes(ddti_xml({"1": svg, number: svg}).encode("utf-8", "replace"))
    reading = read_layout(contract_of("ddti"), raw, contracts=contracts)
    assert {"2_1", "2_2"} <= {case.image_id for case in reading.cases}


def test_shadows_and_foreign_folders_are_no_images(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("ddti")
    outside = raw / "__MACOSX"
    outside.mkdir()
    shutil.copy(raw / "1.xml", outside / "._1.xml")
    shutil.copy(raw / "1_1.jpg", outside / "._1_1.jpg")
    (raw / "._2.xml").write_bytes(b"\0\5\26\7")
    reading = read_layout(contract_of("ddti"), raw, contracts=contracts)
    assert len(reading.cases) == 4
    assert [one.code for one in reading.faults] == ["ignored_file"] * 3


def test_names_that_aren_t_utf_8_are_told(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    for folder in ("original", "GT"):
        place = raw / "BUS" / folder
        shutil.copy(place / "000001.png", os.fsdecode(os.fsencode(place) + b"/M\xe4r.png"))
    (raw / "BUS" / os.fsdecode(b"\xff.txt")).write_text("notes")
    (raw / "BUS/original" / os.fsdecode(b"\xfe.png")).write_text("no mask")
    checked = check_data(contract_of("udiat"), raw, phantom=True, contracts=contracts)
    told = {(one.code, one.severity, one.file) for one in checked.faults if one.severity != "info"}
    assert told == {
        ("undecodable_name", "error", "BUS/original/M?r.png"),
        ("undecodable_name", "error", "BUS/GT/M?r.png"),
        ("image_without_mask", "error", "BUS/original/?.png"),
        ("unexpected_file", "warning", "BUS/?.txt"),
    }
    assert len(checked.facts) == 4
    json.dumps(as_json(checked.faults), ensure_ascii=False).encode()


def test_equal_rows_of_a_table_are_one(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("tn3k")
    (raw / "label4test.csv").write_text("0000.jpg,1\n0001.jpg,0\n0002.jpg,0\n0001.jpg,0\n")
    reading = read_layout(contract_of("tn3k"), raw, phantom=True, contracts=contracts)
    assert reading.faults == ()
    assert {case.image_id: case.subject_class for case in reading.cases}["test_0001"] == "benign"


def test_a_spreadsheet_s_numbers_and_texts_are_one_key(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    book = openpyxl.load_workbook(io.BytesIO(WORKBOOK))
    assert book.active is not None
    for row in ((1, "Malignant"), ("000002", "Benign"), ("000003", "Benign"), ("000004", "Benign"), (4, "Benign")):
        book.active.append(row)
    book.save(raw / "BUS/DatasetB.xlsx")
    faults = read_layout(contract_of("udiat"), raw, phantom=True, contracts=contracts).faults
    assert [(one.code, one.severity) for one in faults] == [("bad_table", "error")]
    assert faults[0].found == "1 keys with several values: 000001 is 'benign' and 'malignant'"


def test_a_column_that_stands_twice_is_a_fault(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("jnu_ifm")
    table = raw / "us_data/20190901T000001/frame_label.csv"
    table.write_text("frame_id,frame_label,frame_label\n0,3,4\n1,5,5\n2,6,6\n")
    faults = read_layout(contract_of("jnu_ifm"), raw, phantom=True, contracts=contracts).faults
    assert [one.found for one in faults if one.code == "bad_table"] == ["the column frame_label more than once"]


def test_a_name_of_two_groups_in_the_related_list_is_refused(
    tree: Tree, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    lines = (contracts / "busi_related_groups.csv").read_text().splitlines()
    columns = lines[0].split(",")
    cells = lines[1].split(",")
    cells[columns.index("group")] = "999"
    text = "\n".join([*lines, ",".join(cells)])
    (tmp_path / "busi_related_groups.csv").write_text(text)
    contract = contract_of("busi")
    group = contract.group.model_copy(update={"related_sha256": hashlib.sha256(text.encode()).hexdigest()})
    name = re.escape(cells[columns.index("filename")].casefold())
    with pytest.raises(ContractError, match=rf"{name} stands there as .*related_\d+.* and as .*related_999"):
        read_layout(contract.model_copy(update={"group": group}), tree("busi"), contracts=tmp_path)
