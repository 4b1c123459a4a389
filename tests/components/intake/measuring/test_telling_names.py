"""Names that may hold patient data, and names of datasets that don't."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from components.intake.measuring.telling_names import DATE, IDENTITY, telling_names
from tests.components.intake.raw_trees import BUILDERS, Tree


@pytest.mark.parametrize(
    ("path", "code", "found"),
    [
        ("a/Mueller_Hans.png", IDENTITY, "Lastname_Firstname"),
        ("a/MUELLER_HANS_0001.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller, Hans.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller_Hans_mask.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller_Hans (11).png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller_Hans (11)_mask_1.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller_Hans_1/7.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller.Hans/7.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller.Hans", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller.Hans.png", IDENTITY, "Lastname_Firstname"),
        ("a/Mueller.Hans.12.png", IDENTITY, "Lastname_Firstname"),
        ("a/pat_Hans_mask.png", IDENTITY, "name after a word"),
        ("a/mueller^hans.dcm", IDENTITY, "Lastname_Firstname"),
        ("a/Müller_Jörg.png", IDENTITY, "Lastname_Firstname"),
        ("a/case_dob_1961-03-27.png", IDENTITY, "date of birth"),
        ("a/geb_27.03.1961.png", IDENTITY, "date of birth"),
        ("a/MRN1234567.png", IDENTITY, "long number"),
        ("a/MRN_1234567.png", IDENTITY, "long number"),
        ("a/48151623.png", IDENTITY, "long number"),
        ("a/123-45-6789.png", IDENTITY, "long number"),
        ("a/1.2.840.113619.2.55.3.604688119.dcm", IDENTITY, "DICOM UID"),
        ("a/1.2.840.113619.2.55", IDENTITY, "DICOM UID"),
        ("a/1_2_840_113619_2_55_3.png", IDENTITY, "DICOM UID"),
        ("a/patient_john_smith.png", IDENTITY, "name after a word"),
        ("a/Patient_Smith_3.png", IDENTITY, "name after a word"),
        ("a/pat_mueller-hans_mask.png", IDENTITY, "name after a word"),
        ("a/John Smith.png", IDENTITY, "Lastname_Firstname"),
        ("a/SMITH^JOHN/1.png", IDENTITY, "Lastname_Firstname"),
        ("a/pat-123456.png", IDENTITY, "long number"),
        ("a/patient_id_0123456.png", IDENTITY, "long number"),
        ("a/MRN00123.png", IDENTITY, "long number"),
        ("a/accession-20931.png", IDENTITY, "long number"),
        ("a/A1234567.png", IDENTITY, "long number"),
        ("a/12345678Z.png", IDENTITY, "long number"),
        ("a/j.smith@clinic.example/1.png", IDENTITY, "e-mail"),
        ("a/dob19800102.png", IDENTITY, "date of birth"),
        ("a/born_1980.png", IDENTITY, "date of birth"),
        ("a/1980-01-02.png", DATE, "a date"),
        ("a/02.01.1980.png", DATE, "a date"),
        ("a/02.01.80/1.png", DATE, "a date"),
        ("a/2-Jan-1980.png", DATE, "a date"),
        ("a/scan 02mar1980.png", DATE, "a date"),
        ("a/March 2, 1980.png", DATE, "a date"),
        ("a/1961-03-27/7.png", DATE, "a date"),
        ("a/scan_19610327.png", DATE, "a date"),
        ("a/27-3-1961.png", DATE, "a date"),
        ("us_data/20190909T155747/image/20190909T155747_10.png", DATE, "a date and time of day"),
        ("a/20190909155747.png", DATE, "a date and time of day"),
    ],
)
def test_a_telling_name_is_found_once(path: str, code: str, found: str) -> None:
    told = telling_names(PurePosixPath(path))
    assert [(one[0], found in one[2]) for one in told] == [(code, True)], told
    assert path.startswith(told[0][1])


@pytest.mark.parametrize(
    "path",
    [
        "Dataset_BUSI_with_GT/benign/benign (1)_mask_1.png",
        "archive/197_2.jpg",
        "trainval-image/0000.jpg",
        "tn3k-trainval-fold0.json",
        "Dataset B/BUS/original/000001.png",
        "FUGC (Dataset)/dataset/train/labeled_data/images/0001.png",
        "Pubic Symphysis-Fetal Head Segmentation and Angle of Progression/image_mha/00001.mha",
        "PSFHS/label_mha/03744.mha",
        "BUSBRA/Images/bus_0001-l.png",
        "mini_test/images/1-malignant_0010-r.png",
        "BUS_UCLM/Benign_Left_003.png",
        "images/COCO_train2014_000000123456.jpg",
        "d41d8cd98f00b204e9800998ecf84271234567890.png",
        "1_or_data/image/0000.PNG",
        "Thyroid_Nodule/Trans_View/a.png",
        "patient0001/patient0001_2CH_ED.png",
        "patient_00123.png",
        "patient_data/patient_list.csv",
        "Patient_Left_Breast.png",
        "bus_data.csv",
        "5-fold-cv.csv",
        "BUSBRA/Masks/mask_0001-l.png",
        "Curated BUSI/images/benign_id_20.png",
        "mapping_curated_BUSI.csv",
        "us_data/mask_enhance/frame_label.csv",
        "New Folder/image 12.png",
        "Breast Lesions USG/case001.png",
        "Dataset B/BUS/DatasetB.xlsx",
        "v1.2.3.4/readme.txt",
        "march_1.png",
        "IMG_20.png",
        "US43d/annotations/all__coco.json",
        "License_Agreement.txt",
        "Data_Dictionary.xlsx",
        "Reader_Notes.Docx",
        "Samsung_Medison/image (3).png",
        "patient_left_mask.png",
        "Thumbs.db",
        ".DS_Store",
        "Ethics_Approval.PDF",
        "stage1/tnscui_1234.png",
    ],
)
def test_names_that_datasets_use_are_let_be(path: str) -> None:
    assert telling_names(PurePosixPath(path)) == []


@pytest.mark.parametrize("dataset", sorted(BUILDERS))
def test_the_names_of_known_layouts_tell_nothing(dataset: str, tree: Tree) -> None:
    """But for JNU-IFM's videos, which are named by date and time."""
    raw = tree(dataset)
    told = [one for path in raw.rglob("*") for one in telling_names(PurePosixPath(path.relative_to(raw).as_posix()))]
    assert {code for code, _, _ in told} == ({DATE} if dataset == "jnu_ifm" else set())


def test_the_names_of_real_samples_tell_nothing(samples: Path) -> None:
    names = [PurePosixPath(path.relative_to(samples).as_posix()) for path in samples.rglob("*")]
    assert len(names) > 300 and not [one for name in names for one in telling_names(name)]


def test_what_a_folder_tells_is_said_of_the_folder() -> None:
    told = telling_names(PurePosixPath("us_data/20190909T155747/image/20190909T155747_10.png"))
    assert [place for _, place, _ in told] == ["us_data/20190909T155747"]


def test_the_finding_never_repeats_the_identity() -> None:
    for path in ("Mueller_Hans.png", "MRN1234567.png", "1961-03-27.png"):
        for _, _, found in telling_names(PurePosixPath(path)):
            assert not set(path.removesuffix(".png").split("_")) & set(found.split())
