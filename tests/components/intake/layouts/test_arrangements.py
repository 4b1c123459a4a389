"""The forms in which one dataset is in circulation: whichever it is, the same images with the same annotation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from components.contract import Contract
from components.errors import ContractError
from components.intake.arrival.archives import unpack
from components.intake.form.records import load_image, load_instances
from components.intake.harmonise import harmonise
from components.intake.layouts import LayoutReading, read_layout
from components.intake.measuring.pixels import read_case
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import Tree, binary, ddti_637, disc, save, speckle

ContractOf = Callable[[str], Contract]
BUSI = "Dataset_BUSI_with_GT"


def _seen(reading: LayoutReading) -> list[tuple[str, str, tuple[str, ...], str | None, str | None]]:
    """What a reading says of its images, without where they lie."""
    return [
        (
            case.image_id,
            case.image.name,
            tuple(path.name for path in case.masks),
            case.subject_class,
            case.official_split,
        )
        for case in reading.cases
    ]


def _kaggle(raw: Path) -> None:
    """As Kaggle's archive unpacks on a Mac: one folder more, and a shadow of each file, here and there."""
    inner = raw / "archive"
    inner.mkdir()
    (raw / BUSI).rename(inner / BUSI)
    shadow = raw / "__MACOSX/archive" / BUSI / "benign/._benign (1).png"
    shadow.parent.mkdir(parents=True)
    shadow.write_bytes(b"\0\5\26\7")
    (inner / BUSI / "benign/._benign (1).png").write_bytes(b"\0\5\26\7")
    (inner / BUSI / ".DS_Store").write_bytes(b"Bud1")


def _as_it_is(raw: Path) -> None:
    pass


def _class_folders_only(raw: Path) -> None:
    for folder in (raw / BUSI).iterdir():
        folder.rename(raw / folder.name)
    (raw / BUSI).rmdir()


def _capitals(raw: Path) -> None:
    for folder in (raw / BUSI).iterdir():
        folder.rename(folder.with_name(folder.name.title()))


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "gztar"])
@pytest.mark.parametrize("arranged", [_as_it_is, _kaggle, _class_folders_only, _capitals])
def test_busi_reads_the_same_in_every_form(
    arranged: Callable[[Path], None],
    form: str,
    tree: Tree,
    tmp_path: Path,
    contract_of: ContractOf,
    contracts: Path,
) -> None:
    contract = contract_of("busi")
    raw = tree("busi")
    original = _seen(read_layout(contract, raw, contracts=contracts))
    arranged(raw)
    place = raw
    if form != "folder":
        place = tmp_path / "unpacked"
        place.mkdir()
        unpack(Path(shutil.make_archive(str(tmp_path / "archive"), form, raw)), place)
    reading = read_layout(contract, place, contracts=contracts)
    assert _seen(reading) == original
    assert len(original) == 6
    kaggle = {"ignored_file"} if arranged is _kaggle else set()
    # Six images of 780: most of what is said of related ones speaks of others, whatever the names' capitals.
    assert {one.code for one in reading.faults} == {"related_absent", "flagged_in_list", "together_unused", *kaggle}


def _by_split(raw: Path) -> None:
    train = raw / "dataset/train"
    (train / "labeled_data/images").rename(train / "images")
    (train / "labeled_data/labels").rename(train / "labels")
    for image in (train / "unlabeled_data/images").iterdir():
        image.rename(train / "images" / f"9{image.name}")
    shutil.rmtree(train / "unlabeled_data")
    shutil.rmtree(train / "labeled_data")


def _flat(raw: Path) -> None:
    for part, number in (("train/labeled_data", 0), ("val", 1), ("test", 2)):
        for kind in ("images", "labels"):
            for path in (raw / "dataset" / part / kind).iterdir():
                place = raw / kind / f"{number}{path.name}"
                place.parent.mkdir(exist_ok=True)
                path.rename(place)
    for path in (raw / "dataset/train/unlabeled_data/images").iterdir():
        path.rename(raw / "images" / f"9{path.name}")
    shutil.rmtree(raw / "dataset")


def _zenodo(raw: Path) -> None:
    outer = raw / "FUGC (Dataset)"
    outer.mkdir()
    (raw / "dataset").rename(outer / "dataset")


def _bare(raw: Path) -> None:
    for part in (raw / "dataset").iterdir():
        part.rename(raw / part.name)
    (raw / "dataset").rmdir()


@pytest.mark.parametrize("arranged", [_as_it_is, _zenodo, _bare, _by_split, _flat])
def test_fugc_reads_in_its_arrangements(
    arranged: Callable[[Path], None], tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("fugc")
    arranged(raw)
    checked = check_data(contract_of("fugc"), raw, phantom=True, contracts=contracts)
    assert checked.sound
    assert [one.code for one in checked.faults] == ["unlabelled_image"] * 2
    assert checked.facts.frame()["objects"].tolist() == [2] * 6
    splits = checked.facts.frame()["official_split"].dropna().tolist()
    assert splits == ([] if arranged is _flat else ["test"] * 2 + ["train"] * 2 + ["val"] * 2)


def _spreadsheet(path: Path, rows: list[list[object]], sheet: str = "Hoja1") -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(path)


_LEGEND: list[object] = [None, "FA", "fibroadenoma"]  # columns F and G hold the diagnoses' legend
UDIAT_ROWS: list[list[object]] = [
    ["Image", "Type", "Diagnosis", *_LEGEND],
    ["000001", "Benign", "FA", *_LEGEND],
    ["000002", "Malignant", "IDC", *_LEGEND],
    ["000003", "Benign", "CYST"],
    ["000004", "Malignant", "DCIS"],
    [None, None, None, *_LEGEND],
]
NUMBERS = [[int(str(row[0])) if str(row[0]).isdigit() else row[0], *row[1:]] for row in UDIAT_ROWS]


@pytest.mark.parametrize(
    ("rows", "sheet"),
    [
        (UDIAT_ROWS, "Hoja1"),
        (NUMBERS, "Hoja1"),  # saved again by a spreadsheet, which drops the zeros
        ([["Dataset B"], [], *UDIAT_ROWS], "Hoja1"),
        (UDIAT_ROWS, "Sheet1"),
    ],
)
@pytest.mark.parametrize("folders", [("original", "GT"), ("Original", "gt"), ("ORIGINAL", "Gt")])
def test_udiat_reads_with_its_spreadsheet_in_any_case(
    folders: tuple[str, str],
    rows: list[list[object]],
    sheet: str,
    tree: Tree,
    contract_of: ContractOf,
    contracts: Path,
) -> None:
    raw = tree("udiat")
    for old, new in zip(("original", "GT"), folders, strict=True):
        (raw / "BUS" / old).rename(raw / "BUS" / new)
    _spreadsheet(raw / "BUS/DatasetB.xlsx", rows, sheet)
    reading = read_layout(contract_of("udiat"), raw, contracts=contracts)
    assert reading.faults == ()
    classes = [(case.image.name, case.masks[0].name, case.subject_class) for case in reading.cases]
    assert classes == [
        (f"00000{k}.png", f"00000{k}.png", kind) for k, kind in enumerate(("benign", "malignant") * 2, 1)
    ]


@pytest.mark.parametrize(
    ("rows", "sheet", "code"),
    [
        ([["Bild", "Art"], ["000001", "Benign"]], "Hoja1", "bad_table"),
        (UDIAT_ROWS[:2], "Hoja1", "label_missing"),
        ([*UDIAT_ROWS, ["000099", "Benign", "FA"]], "Hoja1", "label_without_image"),
    ],
)
def test_a_spreadsheet_that_doesn_t_fit_is_reported(
    rows: list[list[object]], sheet: str, code: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    _spreadsheet(raw / "BUS/DatasetB.xlsx", rows, sheet)
    faults = read_layout(contract_of("udiat"), raw, contracts=contracts).faults
    assert {one.code for one in faults} == {code}


def test_a_spreadsheet_that_unpacks_to_too_much_isn_t_opened(
    tree: Tree, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tree("udiat")
    _spreadsheet(raw / "BUS/DatasetB.xlsx", UDIAT_ROWS)
    monkeypatch.setattr("components.intake.layouts.tables.MAX_XLSX_BYTES", 1000)
    faults = read_layout(contract_of("udiat"), raw, contracts=contracts).faults
    assert [(one.code, "more than 1,000" in one.found) for one in faults] == [("bad_table", True)]


def test_tn3k_keeps_its_parts_apart_and_proves_its_folds(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("tn3k")
    reading = read_layout(contract_of("tn3k"), raw, contracts=contracts)
    assert reading.faults == ()
    ids = {case.image_id: case.official_split for case in reading.cases}
    # Test numbering starts again at 0000: the part belongs to the id.
    assert (ids["trainval_0000"], ids["test_0000"]) == ("trainval", "test")
    lists = [json.loads((raw / f"tn3k-trainval-fold{fold}.json").read_text()) for fold in range(5)]
    assert sorted(number for one in lists for number in one["val"]) == list(range(5))
    both = raw / "tn3k-trainval-fold3.json"
    both.write_text(json.dumps({"train": [0, 1, 2, 3, 4], "val": [3]}))
    found = read_layout(contract_of("tn3k"), raw, contracts=contracts).faults
    assert [(one.code, one.file, one.found) for one in found] == [
        ("fold_mismatch", both.name, "1 images in train and in val: 3")
    ]


@pytest.mark.parametrize(("name", "images"), [("tn3k", 8), ("tg3k", 4), ("ddti_637", 3)])
def test_each_of_three_datasets_reads_out_of_their_common_archive(
    name: str, images: int, tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    whole = tmp_path / "whole"
    (whole / "Thyroid Dataset").mkdir(parents=True)
    for one in ("tn3k", "tg3k"):
        raw = tree(one)
        inner = raw / one if (raw / one).is_dir() else raw
        shutil.move(inner, whole / "Thyroid Dataset" / one)
    ddti_637(whole / "Thyroid Dataset/DDTI dataset/DDTI", "1_or_data/image", "1_or_data/mask")
    checked = check_data(contract_of(name), whole, phantom=True, contracts=contracts)
    assert len(checked.facts) == images
    assert {one.code for one in checked.faults} == {"ignored_file"}, "the two others, with the contract's reason"
    (whole / "Thyroid Dataset/new").mkdir()
    (whole / "Thyroid Dataset/new/a.txt").write_text("unknown")
    checked = check_data(contract_of(name), whole, phantom=True, contracts=contracts)
    assert [one.file for one in checked.faults if one.code == "unexpected_file"] == ["Thyroid Dataset/new/a.txt"]


@pytest.mark.parametrize("here", ["1_or_data", "stage1", "both"])
def test_the_637_of_ddti_read_from_either_folder(
    here: str, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tmp_path / "Thyroid Dataset/DDTI dataset/DDTI"
    if here != "stage1":
        ddti_637(raw, "1_or_data/image", "1_or_data/mask")
    if here != "1_or_data":
        ddti_637(raw, "2_preprocessed_data/stage1/p_image", "2_preprocessed_data/stage1/p_mask")
    (raw / "category.csv").write_text("0,1\n1,0\n2,1\n")
    reading = read_layout(contract_of("ddti_637"), tmp_path, contracts=contracts)
    top = "2_preprocessed_data" if here == "stage1" else "1_or_data"
    assert [case.image.relative_to(raw).parts[0] for case in reading.cases] == [top] * 3
    assert [(case.subject_class, case.group) for case in reading.cases] == [
        (None, f"000{k}") for k in range(3)
    ]  # the classes are forged, the patients lost
    assert [one.code for one in reading.faults] == ["ignored_file"] * (7 if here == "both" else 1)
    if here == "both":
        assert "the main one is read" in reading.faults[0].found + reading.faults[-1].found


@pytest.mark.parametrize("arranged", ["as published", "flat", "by class"])
def test_the_curated_busi_reads_in_its_arrangements(
    arranged: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi_curated") / "Curated BUSI"
    for path in list(raw.rglob("*.png")) if arranged != "as published" else []:
        place = raw if arranged == "flat" else raw / path.name.split("_")[0]
        place.mkdir(exist_ok=True)
        path.rename(place / path.name)
    for emptied in ("images", "masks") if arranged != "as published" else ():
        (raw / emptied).rmdir()
    reading = read_layout(contract_of("busi_curated"), raw.parent, contracts=contracts)
    assert [row[1:4] for row in _seen(reading)] == [
        (f"{kind}_id_{number}.png", (f"{kind}_id_{number}_mask.png",), kind)
        for kind, number in (("benign", 20), ("benign", 7), ("malignant", 3), ("normal", 1))
    ]
    assert [one.code for one in reading.faults] == ["ignored_file"]


@pytest.mark.parametrize("place", ["", BUSI])
def test_a_curated_list_chooses_from_the_original_busi(
    place: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi_listed")
    sheet = raw / place / "mapping_curated_BUSI.csv"
    (raw / sheet.name).rename(sheet)
    contract = contract_of("busi_listed")
    reading = read_layout(contract, raw, contracts=contracts)
    assert [case.image.name for case in reading.cases] == [
        "benign (2).png",
        "malignant (1).png",
        "malignant (2).png",
        "normal (1).png",
    ]
    assert len(reading.cases[0].masks) == 2
    assert [(one.code, Path(one.file).name) for one in reading.faults] == [
        *(("ignored_file", f"{name}{mask}.png") for name in ("benign (1)", "normal (2)") for mask in ("", "_mask")),
        ("related_absent", ""),
        ("flagged_in_list", "normal (1).png"),
    ]
    sheet.write_text(sheet.read_text() + "benign;99\n")
    (more,) = (one for one in read_layout(contract, raw, contracts=contracts).faults if one.severity != "info")
    assert (more.code, more.file, more.found) == (
        "label_without_image",
        sheet.relative_to(raw).as_posix(),
        "1 listed images aren't read: benign (99)",
    )
    sheet.write_text("class,id\nbenign,1\n")
    assert "bad_table" in {one.code for one in read_layout(contract, raw, contracts=contracts).faults}
    sheet.unlink()
    without = read_layout(contract, raw, contracts=contracts)
    assert not without.cases
    assert {one.code for one in without.faults if one.severity == "error"} == {"missing_file", "no_images"}


def test_patients_and_classes_come_from_names(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    reading = read_layout(contract_of("bus_bra"), tree("bus_bra"), contracts=contracts)
    assert reading.faults == ()
    assert [(case.image_id, case.group, case.subject_class) for case in reading.cases] == [
        ("1-malignant_0010_r", "0010", "malignant"),
        ("benign_0849_l", "0849", "benign"),
        ("benign_0849_r", "0849", "benign"),
        ("malignant_0261_s", "0261", "malignant"),
    ]


def test_the_real_bus_bra_sample_is_sound(samples: Path, contract_of: ContractOf, contracts: Path) -> None:
    checked = check_data(contract_of("bus_bra"), samples / "bus-bra-512", contracts=contracts)
    assert checked.sound
    assert (len(checked.facts), checked.facts.frame()["group"].nunique()) == (12, 12)
    assert checked.facts.frame()["objects"].tolist() == [1] * 12
    assert checked.facts.frame()["subject_class"].value_counts().to_dict() == {"benign": 6, "malignant": 6}


def _class_folders(base: Contract, **options: object) -> Contract:
    layout = {"reader": "class_folders", "options": base.layout.options | options}
    return Contract.model_validate(base.model_dump() | {"layout": layout, "group": {"key": "case", "reason": "test"}})


def test_class_folders_take_the_group_from_names(tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    for kind in ("benign", "malignant", "normal"):
        for seed, name in enumerate(("p1-a", "p1-b", "p2-a")):
            save(tmp_path / f"{kind}/{kind}{name}.png", speckle(seed))
            save(tmp_path / f"{kind}/{kind}{name}_mask.png", binary(disc()))
    named = _class_folders(contract_of("busi"), stems="{patient}-{view}", group="{patient}")
    reading = read_layout(named, tmp_path, contracts=contracts)
    assert reading.faults == ()
    assert sorted({case.group for case in reading.cases}) == [
        f"{kind}p{number}" for kind in ("benign", "malignant", "normal") for number in (1, 2)
    ]
    save(tmp_path / "benign/plain.png", speckle(9))
    save(tmp_path / "benign/plain_mask.png", binary(disc()))
    (fault,) = read_layout(named, tmp_path, contracts=contracts).faults
    assert (fault.code, fault.severity, fault.file) == ("group_missing", "error", "benign/plain.png")
    lowered = named.model_copy(update={"severity": {"group_missing": "warning"}})
    with pytest.raises(ContractError, match="group_missing can't be less than an error"):
        read_layout(lowered, tmp_path, contracts=contracts)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "group.key case and layout.options.group None"),
        ({"group": "{patient}"}, "`stems` lacks the blanks patient"),
        ({"group": "{stem}", "subject_class": {"text": "{stem}", "names": {"a": "b"}}}, "the folders give the class"),
    ],
)
def test_a_group_key_and_its_name_go_together(
    options: dict[str, object], said: str, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    with pytest.raises(ContractError, match=said):
        read_layout(_class_folders(contract_of("busi"), **options), tmp_path, contracts=contracts)


@pytest.mark.parametrize("number", ["../../etc/passwd", "a/b", "x" * 300, "\u0000"])
def test_a_hostile_number_in_an_xml_file_names_no_path(
    number: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("ddti")
    text = (raw / "1.xml").read_text().replace("<image>1</image>", f"<image>{number}</image>")
    (raw / "1.xml").write_text(text)
    codes = {one.code for one in read_layout(contract_of("ddti"), raw, contracts=contracts).faults}
    assert codes & {"mark_without_image", "bad_xml"}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("fh_ps_aop", {"pubic symphysis", "fetal head"}),
        ("bus_bra", {"benign breast lesion", "malignant breast lesion"}),
        ("ddti_637", {"thyroid nodule"}),
    ],
)
def test_they_reach_the_harmonised_form(
    name: str,
    labels: set[str],
    tree: Tree,
    tmp_path: Path,
    contract_of: ContractOf,
    contracts: Path,
) -> None:
    contract = contract_of(name)
    raw = tree(name)
    done = harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    assert {one.label for record in done.records for one in record.objects} == labels
    first = done.records[0]
    truth = first.objects[0]
    instances = load_instances(first)
    assert int((instances == truth.index).sum()) == truth.area_px == int(disc().sum())
    case = next(
        case for case in read_layout(contract, raw, contracts=contracts).cases if case.image_id == first.image_id
    )
    assert np.array_equal(load_image(first), read_case(case, contract).image)


def test_a_folder_that_may_not_be_read_is_passed_by(
    tree: Tree, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tree("udiat")
    (raw / "locked").mkdir()
    iterdir = Path.iterdir

    def guarded(self: Path) -> Iterator[Path]:
        if self.name == "locked":
            raise PermissionError(13, "Permission denied")
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", guarded)
    assert len(read_layout(contract_of("udiat"), raw, contracts=contracts).cases) == 4
