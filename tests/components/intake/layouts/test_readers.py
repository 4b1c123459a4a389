# ruff: noqa: E501 - the table of faults reads best with one fault a line
"""Each reader on a clean tree, and on the same tree broken in one place: which fault, in which file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.contract import Contract, load_contract
from components.errors import ContractError, LayoutError
from components.intake.layouts import read_layout
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import SQUARE, Tree, binary, ddti_xml, disc, region, save, save_mha, speckle

ContractOf = Callable[[str], Contract]
BUSI = "Dataset_BUSI_with_GT"
VIDEO = "us_data/20190901T000001"


@pytest.mark.parametrize(
    ("name", "cases", "groups", "objects"),
    [
        ("busi", 6, 6, 5),
        ("ddti", 4, 2, 6),
        ("tn3k", 8, 8, 8),
        ("udiat", 4, 4, 4),
        ("fugc", 6, 6, 12),
        ("jnu_ifm", 6, 2, 6),
        ("busi_curated", 4, 4, 3),
        ("busi_listed", 4, 4, 4),
        ("ddti_637", 3, 3, 3),
        ("tg3k", 4, 4, 4),
        ("fh_ps_aop", 3, 3, 6),
        ("psfhs", 3, 3, 6),
        ("bus_bra", 4, 3, 4),
    ],
)
def test_a_clean_tree_has_no_fault(
    name: str, cases: int, groups: int, objects: int, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    checked = check_data(contract_of(name), tree(name), phantom=True, contracts=contracts)
    assert [one for one in checked.faults if one.severity != "info"] == []
    assert len(checked.facts) == cases
    assert checked.facts.frame()["group"].nunique() == groups
    assert checked.facts.frame()["objects"].sum() == objects


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _mask_of_another_size(path: Path) -> None:
    save(path, binary(disc(height=100, width=100)))


def _grey_in_mask(path: Path) -> None:
    save(path, np.where(disc(), 200, 0).astype(np.uint8))


def _empty(path: Path) -> None:
    with PilImage.open(path) as image:
        size = image.size
    save(path, np.zeros((size[1], size[0]), dtype=np.uint8))


def _inverted(path: Path) -> None:
    save(path, np.full((160, 180), 255, np.uint8))


def _rewrite(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def _tiny(path: Path) -> None:
    save(path, speckle(1, height=40, width=50))


def _many_components(path: Path) -> None:
    mask = np.zeros((160, 180), np.uint8)
    for row in range(0, 154, 6):
        for column in range(0, 174, 6):
            mask[row : row + 5, column : column + 5] = 255
    save(path, mask)


def _blue(path: Path) -> None:
    mask = np.zeros((512, 512, 3), np.uint8)
    mask[100:200, 100:200, 2] = 255
    save(path, mask)


def _copy_of(name: str) -> Callable[[Path], None]:
    return lambda path: shutil.copy(path.with_name(name), path) and None


def _renamed(name: str) -> Callable[[Path], None]:
    def rename(path: Path) -> None:
        for folder in (path.parent, path.parent.with_name("masks")):
            (folder / name).rename(folder / path.name)

    return rename


_ENTITY = '<!DOCTYPE case [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><case><number>&b;</number></case>'
_EXTERNAL = '<!DOCTYPE case [<!ENTITY x SYSTEM "file:///etc/passwd">]><case><tirads>&x;</tirads></case>'
_CUT = ddti_xml({"1": json.dumps([SQUARE])[:40], "2": json.dumps([SQUARE])})

BROKEN: list[tuple[str, str, Callable[[Path], None], str, str, str]] = [
    # dataset, file or folder, what is done to it, code, severity, file that the fault names
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", Path.unlink, "image_without_mask", "error", "benign (1).png"),
    ("busi", f"{BUSI}/benign/benign (1).png", Path.unlink, "mask_without_image", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/normal", shutil.rmtree, "missing_folder", "error", "."),
    ("busi", f"{BUSI}/benign/benign (1).png", _truncate, "unreadable_image", "error", "benign (1).png"),
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", _truncate, "unreadable_mask", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/benign/benign (1).png", _rewrite("no image"), "unreadable_image", "error", "benign (1).png"),
    ("busi", f"{BUSI}/benign/benign (2)_mask_1.png", _mask_of_another_size, "mask_size_mismatch", "error", "_mask_1.png"),
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", _grey_in_mask, "unknown_mask_code", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", _empty, "empty_mask", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", _inverted, "foreground_share", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/benign/benign (1)_mask.png", _many_components, "too_many_objects", "error", "benign (1)_mask.png"),
    ("busi", f"{BUSI}/normal/normal (1)_mask.png", lambda p: save(p, binary(disc())), "unexpected_lesion", "warning", "normal (1)_mask.png"),
    ("busi", f"{BUSI}/benign/notes.txt", _rewrite("?"), "unexpected_file", "warning", "notes.txt"),
    ("busi", f"{BUSI}/.DS_Store", _rewrite("?"), "ignored_file", "info", ".DS_Store"),
    ("busi", "PHANTOM.txt", _rewrite("phantoms"), "phantom_as_real", "error", "PHANTOM.txt"),
    ("busi", f"{BUSI}/PHANTOM.txt", _rewrite("phantoms"), "phantom_as_real", "error", f"{BUSI}/PHANTOM.txt"),
    ("ddti", "1.xml", _rewrite("<case>"), "bad_xml", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(_ENTITY), "bad_xml", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(_EXTERNAL), "bad_xml", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(_CUT), "truncated_polygons", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": "{}"})), "truncated_polygons", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": ""})), "mark_without_polygon", "warning", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": "[" * 100_000})), "truncated_polygons", "error", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"7": json.dumps([SQUARE])})), "mark_without_image", "warning", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": json.dumps([region((1, 1), (2, 2))])})), "degenerate_polygon", "warning", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": '[{"points": [{"x": NaN, "y": 1}]}]'})), "degenerate_polygon", "warning", "1.xml"),
    ("ddti", "1.xml", _rewrite(ddti_xml({"1": json.dumps([region((900, 900), (950, 900), (950, 950))])})), "empty_mask", "error", "1_1.jpg"),
    ("ddti", "1.xml", Path.unlink, "image_without_mask", "error", "1_1.jpg"),
    ("ddti", "1_2.jpg", Path.unlink, "mark_without_image", "warning", "1.xml"),
    ("ddti", "1_2.jpg", _truncate, "unreadable_image", "error", "1_2.jpg"),
    ("tn3k", "test-mask", shutil.rmtree, "missing_folder", "error", "."),
    ("tn3k", "test-mask", shutil.rmtree, "image_without_mask", "error", "test-image/0000.jpg"),
    ("tn3k", "test-image/0001.jpg", Path.unlink, "mask_without_image", "error", "test-mask/0001.jpg"),
    ("tn3k", "trainval-mask/0001.jpg", _empty, "empty_mask", "error", "trainval-mask/0001.jpg"),
    ("tn3k", "trainval-mask/0001.jpg", lambda p: save(p, speckle(1)), "stray_mask_values", "warning", "0001.jpg"),
    ("tn3k", "tn3k-trainval-fold0.json", Path.unlink, "missing_file", "warning", "."),
    ("tn3k", "tn3k-trainval-fold0.json", _rewrite("{"), "fold_mismatch", "warning", "fold0.json"),
    ("tn3k", "tn3k-trainval-fold0.json", _rewrite('{"train": [0, 1, 2, 9], "val": [3, 4]}'), "fold_mismatch", "warning", "fold0.json"),
    ("tn3k", "label4trainval.csv", _rewrite("0000.jpg,1\n"), "label_missing", "warning", "trainval-image/0001.jpg"),
    ("tn3k", "label4test.csv", _rewrite("name,label\n0000.jpg,1\n0001.jpg,0\n0002.jpg,0\n0099.jpg,0\n"), "label_without_image", "warning", "label4test.csv"),
    ("udiat", "BUS/GT/000001.png", Path.unlink, "image_without_mask", "error", "BUS/original/000001.png"),
    ("udiat", "BUS/original/000001.png", Path.unlink, "mask_without_image", "error", "BUS/GT/000001.png"),
    ("udiat", "BUS/original/000001.png", _tiny, "image_size", "error", "000001.png"),
    ("udiat", "BUS/DatasetB.xlsx", _rewrite("no workbook"), "bad_table", "error", "DatasetB.xlsx"),
    ("busi_listed", "mapping_curated_BUSI.csv", Path.unlink, "missing_file", "error", BUSI),
    ("busi_curated", "Curated BUSI/masks/benign_id_20_mask.png", Path.unlink, "image_without_mask", "error", "benign_id_20.png"),
    ("busi_curated", "Curated BUSI/images/benign_id_20.png", Path.unlink, "mask_without_image", "error", "benign_id_20_mask.png"),
    ("busi_curated", "Curated BUSI/notes.txt", _rewrite("?"), "unexpected_file", "warning", "notes.txt"),
    ("ddti_637", "DDTI/1_or_data/mask/0001.PNG", Path.unlink, "image_without_mask", "error", "1_or_data/image/0001.PNG"),
    ("ddti_637", "DDTI/1_or_data/mask/0001.PNG", _grey_in_mask, "unknown_mask_code", "error", "DDTI/1_or_data/mask/0001.PNG"),
    ("ddti_637", "DDTI/1_or_data/image", shutil.rmtree, "missing_folder", "error", "."),
    ("tg3k", "tg3k/thyroid-mask/0002.jpg", Path.unlink, "image_without_mask", "error", "thyroid-image/0002.jpg"),
    ("tg3k", "tg3k/tg3k-trainval.json", _rewrite('{"train": [0, 1], "val": [3]}'), "fold_mismatch", "warning", "tg3k-trainval.json"),
    ("fh_ps_aop", "image_mha/00002.mha", _truncate, "unreadable_image", "error", "image_mha/00002.mha"),
    ("fh_ps_aop", "label_mha/00002.mha", _truncate, "unreadable_mask", "error", "label_mha/00002.mha"),
    ("fh_ps_aop", "label_mha/00002.mha", lambda p: save_mha(p, np.full((256, 256), 7, np.uint8)), "unknown_mask_code", "error", "label_mha/00002.mha"),
    ("fh_ps_aop", "label_mha/00002.mha", lambda p: save_mha(p, np.ones((256, 128), np.uint8)), "mask_size_mismatch", "error", "label_mha/00002.mha"),
    ("psfhs", "label_mha/00002.mha", Path.unlink, "image_without_mask", "error", "image_mha/00002.mha"),
    ("bus_bra", "mini_test/masks/benign_0849-l.png", Path.unlink, "image_without_mask", "error", "images/benign_0849-l.png"),
    ("bus_bra", "mini_test/masks/benign_0849-l.png", _blue, "unknown_mask_code", "error", "mini_test/masks/benign_0849-l.png"),
    ("bus_bra", "mini_test/images/other.png", _copy_of("benign_0849-l.png"), "unexpected_file", "warning", "images/other.png"),
    ("bus_bra", "mini_test/images/cyst_0849-l.png", _renamed("benign_0849-l.png"), "label_missing", "warning", "images/cyst_0849-l.png"),
    ("fugc", "dataset/val/labels/0001.png", _grey_in_mask, "unknown_mask_code", "error", "dataset/val/labels/0001.png"),
    ("fugc", "dataset/val/labels/0001.png", _empty, "empty_mask", "error", "dataset/val/labels/0001.png"),
    ("fugc", "dataset/val/labels", shutil.rmtree, "missing_folder", "error", "."),
    ("jnu_ifm", "us_data", shutil.rmtree, "missing_folder", "error", "."),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", Path.unlink, "missing_file", "error", "."),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", _rewrite("a,b\n1,2\n"), "bad_table", "error", "frame_label.csv"),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", _rewrite("frame_id,frame_label\n0,3\n1,9\n2,6\n"), "bad_table", "error", "frame_label.csv"),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", _rewrite("frame_id,frame_label\n0,3\n1,4\n2,6\n"), "label_conflict", "warning", "_1_mask.png"),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", _rewrite("frame_id,frame_label\n0,3\n1,5\n"), "label_missing", "warning", "_2.png"),
    ("jnu_ifm", f"{VIDEO}/image/20190901T000001_1.png", Path.unlink, "mask_without_image", "error", "_1_mask.png"),
    ("jnu_ifm", f"{VIDEO}/frame_label.csv", _rewrite("frame_id,frame_label\n0,3\n1,5\n2,6\n7,6\n"), "label_without_image", "warning", "frame_label.csv"),
    ("jnu_ifm", f"{VIDEO}/mask/20190901T000001_1_mask.png", Path.unlink, "unlabelled_image", "info", "_1.png"),
    ("jnu_ifm", f"{VIDEO}/mask/20190901T000001_1_mask.png", _grey_in_mask, "unknown_mask_code", "error", "20190901T000001_1_mask.png"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "spoil", "code", "severity", "named"), BROKEN)
def test_a_broken_tree_has_this_fault(
    name: str,
    file: str,
    spoil: Callable[[Path], None],
    code: str,
    severity: str,
    named: str,
    tree: Tree,
    contract_of: ContractOf,
    contracts: Path,
) -> None:
    folder = tree(name)
    spoil(folder / file)
    checked = check_data(contract_of(name), folder, phantom=code != "phantom_as_real", contracts=contracts)
    found = [one for one in checked.faults if one.code == code and one.file.endswith(named)]
    assert found, [(one.code, one.file) for one in checked.faults]
    assert {one.severity for one in found} == {severity}
    assert all(one.dataset == name and one.found and one.expected and one.remedy for one in found)
    assert checked.sound == (severity != "error")


def test_every_file_is_used_ignored_or_reported(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    folder = tree("jnu_ifm")
    viewing = folder / VIDEO / "mask_enhance/20190901T000001_0_mask_enhance.png"
    save(viewing, speckle(1))
    stray = folder / VIDEO / "image/20190901T000001_0.bmp"
    save(stray, speckle(1))
    faults = read_layout(contract_of("jnu_ifm"), folder, phantom=True, contracts=contracts).faults
    assert {(one.code, Path(one.file).name) for one in faults} == {
        ("ignored_file", viewing.name),
        ("unexpected_file", stray.name),
    }


def test_an_unpaired_tree_says_that_no_pair_is_there(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    folder = tree("tn3k")
    shutil.rmtree(folder / "trainval-mask")
    shutil.rmtree(folder / "test-image")
    faults = read_layout(contract_of("tn3k"), folder, phantom=True, contracts=contracts).faults
    said = next(one for one in faults if one.code == "no_images").found
    assert said == "not one image with its annotation; 2 missing_folder; 5 image_without_mask; 3 mask_without_image"


@pytest.mark.parametrize("wrapped", ["", "archive", "a/b"])
def test_the_root_is_found_within_the_folders_that_an_archive_adds(
    wrapped: str, tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    outer = tmp_path / "outer"
    (outer / wrapped).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(tree("tn3k"), outer / wrapped)
    checked = check_data(contract_of("tn3k"), outer, phantom=True, contracts=contracts)
    assert len(checked.facts) == 8
    assert checked.sound


def test_an_accepted_fault_leaves_the_file_out_and_says_why(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    folder = tree("busi")
    for name in ("benign (4).png", "benign (4)_mask.png", "benign (4)_mask_1.png"):
        source = name.replace("(4)", "(2)")
        shutil.copy(folder / BUSI / "benign" / source, folder / BUSI / "benign" / name)
    contract = contract_of("busi")
    before = check_data(contract, folder, phantom=True, contracts=contracts)
    assert before.facts.frame().set_index("image_id").loc["benign_4", "objects"] == 2  # a sound file is used
    _mask_of_another_size(folder / BUSI / "benign/benign (4)_mask_1.png")
    checked = check_data(contract, folder, phantom=True, contracts=contracts)
    known = [one for one in checked.faults if one.code == "mask_size_mismatch"]
    assert [(one.severity, Path(one.file).name) for one in known] == [("warning", "benign (4)_mask_1.png")]
    assert contract.accepted_faults[0].reason in known[0].remedy
    assert checked.sound
    assert checked.facts.frame().set_index("image_id").loc["benign_4", "objects"] == 1


def test_the_known_cut_off_case_is_left_out(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    folder = tree("ddti")
    (folder / "1.xml").unlink()
    for k in (1, 2):
        (folder / f"1_{k}.jpg").rename(folder / f"197_{k}.jpg")
    (folder / "197.xml").write_text(_CUT)
    checked = check_data(contract_of("ddti"), folder, phantom=True, contracts=contracts)
    assert checked.sound
    assert {(one.code, one.severity, one.file) for one in checked.faults} == {
        ("truncated_polygons", "warning", "197.xml"),
        ("unlabelled_image", "warning", "197_1.jpg"),
    }
    assert set(checked.facts.frame()["image_id"]) == {"197_2", "2_1", "2_2"}


def test_published_relatives_count_for_real_images_only(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    folder = tree("busi")
    for suffix in ("", "_mask"):
        shutil.copy(
            folder / BUSI / f"benign/benign (2){suffix}.png", folder / BUSI / f"benign/benign (318){suffix}.png"
        )
    contract = contract_of("busi")
    real = {c.image_id: c.group for c in read_layout(contract, folder, contracts=contracts).cases}
    phantom = {c.image_id: c.group for c in read_layout(contract, folder, phantom=True, contracts=contracts).cases}
    assert real["benign_1"] == real["benign_318"] == "related_0"
    assert phantom["benign_1"] != phantom["benign_318"]


def test_an_altered_list_of_relatives_is_refused(
    tree: Tree, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    altered = (contracts / "busi_related_groups.csv").read_text().replace("benign (318)", "benign (319)", 1)
    (tmp_path / "busi_related_groups.csv").write_text(altered)
    with pytest.raises(ContractError, match="sha256"):
        read_layout(contract_of("busi"), tree("busi"), contracts=tmp_path)


def test_two_files_of_one_id_are_reported(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    folder = tree("busi")
    for suffix in ("", "_mask"):
        place = folder / BUSI / "benign"
        shutil.copy(place / f"benign (1){suffix}.png", place / f"benign [1]{suffix}.png")
    faults = read_layout(contract_of("busi"), folder, phantom=True, contracts=contracts).faults
    assert [one.code for one in faults] == ["duplicate_image_id"]


def test_a_missing_folder_and_wrong_options_are_clear_errors(
    tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract = contract_of("busi")
    with pytest.raises(LayoutError, match="no folder"):
        read_layout(contract, tmp_path / "nowhere", contracts=contracts)
    strange = contract.model_copy(update={"layout": contract.layout.model_copy(update={"options": {"clases": {}}})})
    with pytest.raises(ContractError, match="clases"):
        read_layout(strange, tmp_path, contracts=contracts)
    unknown = contract.model_copy(update={"layout": contract.layout.model_copy(update={"reader": "nope"})})
    with pytest.raises(ContractError, match="class_folders"):
        read_layout(unknown, tmp_path, contracts=contracts)


def test_a_test_set_under_another_word_is_refused(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    """Only the word `test` keeps the authors' test set out of training."""
    contract = contract_of("tn3k")
    parts = [{**part, "split": "Test"} for part in contract.layout.options["parts"]]
    layout = contract.layout.model_copy(update={"options": contract.layout.options | {"parts": parts}})
    with pytest.raises(ContractError, match=r"split: 'Test'\n  expected: .*'trainval' or 'test'"):
        read_layout(contract.model_copy(update={"layout": layout}), tree("tn3k"), contracts=contracts)


def test_the_real_busi_sample_has_no_error(samples: Path, contract_of: ContractOf, contracts: Path) -> None:
    checked = check_data(contract_of("busi"), samples / "busi", contracts=contracts)
    assert checked.sound
    assert len(checked.facts) == 73
    by_code = {one.code for one in checked.faults}
    assert by_code == {
        "class_count",
        "image_count",
        "related_absent",
        "together",
        "flagged_in_list",
        "mask_size_mismatch",
        "specks",
        "burnt_in_text",
        "calipers",
    }
    groups = checked.facts.frame().set_index("image_id")["group"]
    assert groups["malignant_4"] == groups["malignant_9"] != groups["malignant_10"]


def test_the_real_tn3k_sample_is_reported_as_unpaired(samples: Path, contract_of: ContractOf, contracts: Path) -> None:
    reading = read_layout(contract_of("tn3k"), samples / "tn3k", contracts=contracts)
    codes = [one.code for one in reading.faults]
    assert not reading.cases
    assert (codes.count("image_without_mask"), codes.count("mask_without_image")) == (32, 100)
    assert (codes.count("missing_folder"), codes.count("no_images"), codes.count("fold_mismatch")) == (2, 1, 5)


def test_a_seventh_dataset_of_a_known_shape_is_one_file(tmp_path: Path, contracts: Path) -> None:
    text = (contracts / "udiat.yaml").read_text()
    start, end = text.index("layout:"), text.index("mask:")
    layout = """layout:
  reader: paired_folders
  options:
    parts:
      - {images: "scans/{patient}/{stem}.png", masks: "outlines/{patient}/{stem}_seg.png", split: test}
    ignore: {"*.md": the authors' notes}
"""
    text = (text[:start] + layout + text[end:]).replace("name: udiat", "name: seventh")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/seventh.yaml").write_text(text)
    raw = tmp_path / "raw"
    for patient in ("p1", "p2"):
        save(raw / f"scans/{patient}/a.png", speckle(int(patient[1])))
        save(raw / f"outlines/{patient}/a_seg.png", binary(disc()))
    (raw / "README.md").write_text("notes")
    contract = load_contract("seventh", tmp_path / "contracts")
    reading = read_layout(contract, raw, contracts=tmp_path / "contracts")
    assert [(case.image_id, case.official_split) for case in reading.cases] == [("p1_a", "test"), ("p2_a", "test")]
    assert [one.code for one in reading.faults] == ["ignored_file"]
    assert check_data(contract, raw, phantom=True, contracts=tmp_path / "contracts").sound
