"""A DICOM loop: its frames, its millimetres, its objects, and what became of them in the service's log."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Route, expect
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

from components.audit.entries import Feedback
from components.audit.reading import read
from components.masks import from_rle
from serving.bedside import Bedside as Service
from tests.serving.web.acting import Bedside

FRAMES, HEIGHT, WIDTH = 5, 60, 90
X_MM, Y_MM = 0.2, 0.1


@pytest.fixture(scope="module")
def loop() -> bytes:
    """An ultrasound loop whose frame n is a disc on grey 30 n, calibrated but for its lowest rows."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    disc = (rows - 30) ** 2 + (columns - 45) ** 2 < 250
    frames = np.stack([np.where(disc, 200, 30 * n) for n in range(FRAMES)]).astype(np.uint8)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.PatientName, data.PatientID, data.Modality = "Doe^Jane", "1950", "US"
    data.StudyID = data.AccessionNumber = data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = ""
    data.SeriesNumber, data.InstanceNumber, data.FrameTime = 1, 1, 40
    data.NumberOfFrames, data.Rows, data.Columns = FRAMES, HEIGHT, WIDTH
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = WIDTH - 1, 49
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = X_MM / 10, Y_MM / 10  # centimetres
    data.SequenceOfUltrasoundRegions = [region]
    data.PixelData = frames.tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def looped(bedside: Bedside, loop: bytes) -> Bedside:
    """The page with that loop."""
    bedside.open(loop, "loop.dcm")
    return bedside


def grey(opened: Bedside) -> float:
    """The grey value that is shown in the image's corner."""
    x, y = opened.at(4, 4)
    stage = opened.page.locator("#canvas").bounding_box()
    assert stage is not None
    return float(opened.pixels()[int(y - stage["y"]), int(x - stage["x"])].mean())


def test_frames_are_leafed_through_and_each_is_asked_for_once(looped: Bedside) -> None:
    page = looped.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    told = page.locator("#frame-told")
    expect(told).to_have_text("1 / 5")
    for keys, frame in (
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("End", 5),
        ("ArrowLeft", 4),
        ("ArrowLeft", 3),
        ("Home", 1),
    ):
        looped.press(keys)
        expect(told).to_have_text(f"{frame} / 5")
        assert grey(looped) == pytest.approx(30 * (frame - 1), abs=2)
    assert asked.count("preview") == 4
    page.mouse.move(*looped.at(45, 30))
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 100)
    page.keyboard.up("Shift")
    expect(told).to_have_text("2 / 5")
    page.fill("#frame", "4")
    expect(told).to_have_text("4 / 5")
    looped.press("k")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "true")
    expect(told).not_to_have_text("4 / 5")
    looped.press("k")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")
    assert asked.count("preview") == 4


def test_an_object_belongs_to_its_frame(looped: Bedside) -> None:
    page = looped.page
    looped.press("ArrowRight")
    expect(page.locator("#frame-told")).to_have_text("2 / 5")
    looped.box(30, 15, 60, 45)
    looped.press("ArrowRight")
    expect(page.locator("#frame-told")).to_have_text("3 / 5")
    expect(page.locator("#export")).to_be_disabled()
    looped.box(20, 5, 70, 45)
    assert looped.session()["image"]["frame"] == 2
    expect(page.locator("#objects small").first).to_contain_text("frame 2")
    page.locator("#objects .pick").first.click()
    expect(page.locator("#frame-told")).to_have_text("2 / 5")
    expect(page.locator("#objects .chosen .name")).to_have_text("Object 1")
    assert [each["name"] for each in looped.session()["objects"]] == ["Object 1"]


def test_an_object_is_chosen_once_its_frame_is_shown(looped: Bedside) -> None:
    page = looped.page
    looped.box(30, 15, 60, 45)
    looped.press("End")
    expect(page.locator("#frame-told")).to_have_text("5 / 5")
    before = looped.page.locator("#objects small").first.inner_text()
    page.evaluate("async () => { (await import('/web/lru.js')).Lru.prototype.get = () => undefined; }")
    held: list[Route] = []
    page.route("**/v1/preview", lambda route: held.append(route))
    with page.expect_request("**/v1/preview"):
        page.locator("#objects .pick").first.click()
    looped.painted()
    expect(page.locator("#frame-told")).to_have_text("5 / 5")
    expect(page.locator("#objects .chosen")).to_have_count(0)
    for keys in (".", "ArrowUp", "a", "b"):
        looped.press(keys)
    page.get_by_role("button", name="Grow").click()
    expect(looped.status).to_contain_text("Choose an outlined object")
    looped.drag((40, 30), (50, 30))
    looped.press("Delete")
    looped.press("p")
    looped.click(45, 30)
    expect(looped.rows).to_have_count(2)
    expect(page.locator("#objects small").nth(1)).to_contain_text("frame 5")
    assert page.locator("#objects small").first.inner_text() == before
    page.mouse.move(*looped.at(10, 10))
    page.mouse.down()
    page.mouse.move(*looped.at(60, 50))
    held[0].continue_()
    expect(page.locator("#frame-told")).to_have_text("1 / 5")
    page.mouse.up()  # what was begun on one frame doesn't end on another
    looped.settled()
    expect(looped.rows).to_have_count(2)
    expect(page.locator("#objects .chosen .name")).to_have_text("Object 1")
    prompt = looped.prompt()
    assert prompt["box"] == pytest.approx([30, 15, 60, 45], abs=0.1)
    assert prompt["points"] == [] and prompt["mask"] is None


def test_the_status_tells_of_what_is_shown(looped: Bedside) -> None:
    looped.box(30, 15, 60, 45)
    expect(looped.status).to_contain_text("Object 1 outlined")
    looped.press("b")
    looped.drag((40, 25), (52, 30))
    expect(looped.status).to_have_text("")
    looped.press("Control+z")
    expect(looped.status).to_have_text("Undone: correction of Object 1 by hand.")
    looped.press("ArrowRight")
    expect(looped.page.locator("#frame-told")).to_have_text("2 / 5")
    expect(looped.status).to_have_text("")


def test_what_isnt_drawn_takes_no_click(looped: Bedside) -> None:
    page = looped.page
    looped.box(30, 15, 60, 45)
    page.get_by_role("button", name="Hide Object 1").click()
    looped.press(".")
    expect(looped.status).to_contain_text("Nothing to take")
    looped.click(45, 30)
    expect(looped.status).to_contain_text("Object 1 isn't drawn")
    page.get_by_role("button", name="Hide Object 1").click()
    assert looped.prompt()["points"] == []


def test_all_is_all_of_the_frame_that_is_shown(looped: Bedside) -> None:
    page = looped.page
    looped.box(30, 15, 60, 45)
    looped.press("End")
    expect(page.locator("#frame-told")).to_have_text("5 / 5")
    looped.box(30, 15, 60, 45)
    expect(page.locator("#accept-all")).to_be_hidden()
    looped.box(10, 15, 30, 45)
    page.click("#accept-all")
    expect(looped.status).to_contain_text("2 outlines accepted")
    assert "accepted" not in page.locator("#objects small").first.inner_text()


def by_hand(looped: Bedside) -> None:
    """An object whose outline a hand drew from (20, 8) to (44, 8), well within the calibrated rows."""
    looped.box(30, 15, 60, 45)
    looped.press("e")
    looped.page.fill("#brush", "60")
    looped.drag((5, 30), (85, 30))
    looped.press("b")
    looped.page.fill("#brush", "4")
    looped.drag((24, 20), (40, 20))


def test_lengths_are_millimetres_where_the_file_calibrates_them(looped: Bedside) -> None:
    page = looped.page
    expect(page.locator("#spacing")).to_contain_text("mm from DICOM ultrasound region 1")
    looped.press("m")
    looped.drag((10, 10), (40, 40))
    length = page.locator("#calipers b")
    expect(length).to_contain_text("mm")
    assert looped.number(length.inner_text()) == pytest.approx(np.hypot(30 * X_MM, 30 * Y_MM), abs=0.1)
    looped.drag((40, 40), (40, 55))
    expect(length).to_contain_text("px")
    expect(page.locator("#calipers small")).to_have_text("pixels: not wholly inside one calibrated region")
    looped.press("p")
    looped.box(36, 20, 66, 58)
    expect(page.locator("#objects .source")).to_contain_text("pixels:")
    expect(page.locator("#spacing")).to_contain_text("pixels:")


def test_what_a_hand_measures_is_millimetres_only_within_the_region(looped: Bedside) -> None:
    page = looped.page
    by_hand(looped)
    expect(page.locator("#objects .source")).to_have_text("mm from DICOM ultrasound region 1")
    looped.press("m")
    line = looped.session()["objects"][0]["measurements"]["longest"]
    looped.drag(tuple(line["to"]), (70, 30))
    values = page.locator("#objects .measures b")
    moved = looped.session()["objects"][0]["moved"]["longest"]
    expected = np.subtract(moved["to"], moved["from"]) * (X_MM, Y_MM)
    assert looped.number(values.nth(1).inner_text()) == pytest.approx(float(np.hypot(*expected)), abs=0.06)
    report = looped.export("sr")
    assert f"{float(np.hypot(*expected)):.1f}" in {
        f"{float(each.MeasuredValueSequence[0].NumericValue):.1f}"
        for each in numbers(pydicom.dcmread(io.BytesIO(report)))
    }, "the length that a hand set is the one that leaves"
    looped.drag(tuple(moved["to"]), (70, 56))
    expect(values.nth(1)).to_contain_text("px")
    expect(page.locator("#objects .measures small")).to_have_text("pixels: not wholly inside one calibrated region")
    expect(values.nth(2)).to_contain_text("mm")


def test_a_region_without_a_scale_takes_millimetres_away(looped: Bedside, loop: bytes) -> None:
    page = looped.page
    data = pydicom.dcmread(io.BytesIO(loop))
    inset = copy.deepcopy(data.SequenceOfUltrasoundRegions[0])
    inset.RegionLocationMinX0, inset.RegionLocationMinY0 = 0, 30
    inset.RegionLocationMaxX1, inset.RegionLocationMaxY1 = 20, 45
    inset.PhysicalUnitsXDirection, inset.PhysicalUnitsYDirection = 4, 7  # seconds, and centimetres a second
    data.SequenceOfUltrasoundRegions.append(inset)
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    looped.open(buffer.getvalue(), "inset.dcm")
    expect(page.locator("#spacing")).to_contain_text("1 of 2 regions calibrated")
    looped.press("m")
    looped.drag((10, 10), (40, 25))
    expect(page.locator("#calipers b")).to_contain_text("mm")
    looped.drag((5, 20), (30, 35))
    expect(page.locator("#calipers b").nth(1)).to_contain_text("px")
    expect(page.locator("#calipers small")).to_contain_text("pixels: DICOM ultrasound region 2:")
    looped.press("p")
    by_hand(looped)
    expect(page.locator("#objects .source")).to_contain_text("mm from DICOM ultrasound region 1")
    looped.drag((5, 20), (24, 36))
    expect(page.locator("#objects .source")).to_contain_text("pixels: DICOM ultrasound region 2:")
    page.click("#export")
    expect(page.locator("#export-calipers")).to_contain_text("in the session JSON alone")


def numbers(content: Dataset) -> Iterator[Dataset]:
    """Every measured value in a report."""
    for each in content.get("ContentSequence", []):
        if each.get("ValueType") == "NUM" and each.MeasuredValueSequence:
            yield each
        yield from numbers(each)


def test_verdicts_reach_the_services_log(looped: Bedside, service: Service) -> None:
    page = looped.page
    looped.box(30, 15, 60, 45)
    looped.press("a")
    expect(looped.status).to_contain_text("accepted, and written to the service's log")
    expect(page.locator("#objects small")).to_contain_text("accepted")
    looped.press("b")
    looped.drag((35, 20), (50, 20))
    expect(page.locator("#objects small")).to_have_text("frame 1, corrected by hand")
    page.get_by_role("button", name="Accept Object 1").click()
    expect(page.locator("#objects small")).to_contain_text("accepted as corrected by hand")
    looped.press("p")
    looped.box(5, 5, 25, 25)
    page.get_by_role("button", name="Reject Object 2").click()
    expect(looped.status).to_contain_text("Object 2 rejected")
    assert [each["name"] for each in looped.session()["objects"]] == ["Object 1"]
    assert service.records is not None
    entries = [each.line.entry for each in read(service.records.audit.folder, kinds=["feedback"])]
    judged = [each.objects[0] for each in entries if isinstance(each, Feedback)]
    assert [each.verdict for each in judged[-3:]] == ["accepted", "edited", "rejected"]


def blue(looped: Bedside) -> int:
    """How many pixels of the stage have the first object's colour, strong or faint; the image itself is grey."""
    pixels = looped.pixels().astype(int)
    return int((pixels[..., 2] - pixels[..., 0] > 30).sum())


def test_a_verdict_can_be_changed_and_is_no_step(looped: Bedside, service: Service) -> None:
    page = looped.page
    told = page.locator("#objects small").first
    looped.box(30, 15, 60, 45)
    looped.press("m")
    looped.drag((10, 10), (40, 8))
    looped.press("a")
    expect(told).to_contain_text("✓ accepted")
    looped.press("Control+z")
    expect(looped.status).to_have_text("Undone: caliper.")
    expect(page.locator("#calipers b")).to_have_count(0)
    expect(told).to_contain_text("✓ accepted")
    looped.press("Control+Shift+z")
    expect(looped.status).to_have_text("Redone: caliper.")
    expect(told).to_contain_text("✓ accepted")
    looped.press("Control+z")
    looped.press("p")
    expect(page.get_by_role("button", name="Accept Object 1")).to_be_disabled()
    solid = blue(looped)
    page.get_by_role("button", name="Reject Object 1").click()
    expect(told).to_contain_text("✗ rejected")
    expect(page.locator("#export")).to_be_disabled()
    assert 0 < blue(looped) < solid / 2, "a rejected outline is dashed, and without its fill"
    looped.press("n")
    expect(page.locator("#objects .chosen")).to_have_count(0)
    assert blue(looped) == 0, "it is drawn only while it is chosen"
    page.locator("#objects .pick").click()
    page.get_by_role("button", name="Accept Object 1").click()
    expect(told).to_contain_text("✓ accepted")
    expect(page.locator("#export")).to_be_enabled()
    assert service.records is not None
    entries = [each.line.entry for each in read(service.records.audit.folder, kinds=["feedback"])]
    judged = [each.objects[0].verdict for each in entries if isinstance(each, Feedback)]
    assert judged[-3:] == ["accepted", "rejected", "accepted"]


def test_outlines_leave_as_dicom_without_the_page_knowing_a_name(looped: Bedside) -> None:
    looped.press("ArrowRight")
    expect(looped.page.locator("#frame-told")).to_have_text("2 / 5")
    looped.box(30, 15, 60, 45)
    looped.press("b")
    looped.drag((40, 25), (52, 30))
    mask = np.asarray(from_rle(looped.session()["objects"][0]["mask"]))
    seg = pydicom.dcmread(io.BytesIO(looped.export("seg")))
    assert seg.Modality == "SEG"
    np.testing.assert_array_equal(np.squeeze(seg.pixel_array).astype(bool), mask)
    assert pydicom.dcmread(io.BytesIO(looped.export("sr"))).Modality == "SR"
    coco = json.loads(looped.export("coco"))
    assert coco["annotations"][0]["area"] == int(mask.sum())
    assert looped.export("overlay").startswith(b"\x89PNG")
