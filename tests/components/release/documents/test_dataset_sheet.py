"""A sheet tells of the images that are here, and of the original what its contract says."""

from __future__ import annotations

from components.release.documents.dataset_sheet import dataset_sheet
from tests.components.release.documents.conftest import MakeRun


def test_real_images_have_source_licence_and_counts(make_run: MakeRun) -> None:
    text = dataset_sheet(make_run(real=True), "busi").markdown()
    assert "Al-Dhabyani W" in text and "600 women" in text
    assert "training unknown (not known here" in text
    assert "| all | 3 | 4 | 3 | 10 |" in text
    assert "the model was trained on it" in text
    assert "data/02_harmonised/internal/busi/croissant.json" in text


def test_of_phantoms_the_contract_speaks_of_the_original(make_run: MakeRun) -> None:
    sheet = dataset_sheet(make_run(), "fugc")
    text = sheet.markdown()
    assert "**The images of fugc in this run are phantoms" in text
    assert "of the original: " in text
    assert "the model wasn't trained on it" in text
    assert {item.number for item in sheet.items if item.status == "not applicable"} == {"13", "14", "15"}
    assert sheet.name == "datasets/fugc"
