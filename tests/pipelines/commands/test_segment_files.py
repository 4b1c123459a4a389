"""Files lie where they were asked for, whole or not at all, and hold what was outlined."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image as PilImage
from pydicom import dcmread

from components.errors import ImageError
from components.findings.finding import Finding, Origin
from components.findings.measure import measure
from pipelines.commands.segment_files import Places, make_files, make_mask, write_file
from tests.components.findings.dicom_files import make_source

ORIGIN = Origin("hiera_mini", "released", "0618a767" * 8, "0.1.0", phantom=True)


def test_a_mask_is_black_and_white_or_holds_object_numbers() -> None:
    left, right = np.zeros((2, 4), dtype=bool), np.zeros((2, 4), dtype=bool)
    left[:, :3], right[:, 2:] = True, True
    one = PilImage.open(io.BytesIO(make_mask([left], about={"model_digest": "a" * 64})))
    assert one.info["sonoforge:model_digest"] == "a" * 64
    np.testing.assert_array_equal(np.asarray(one)[0], [255, 255, 255, 0])
    two = PilImage.open(io.BytesIO(make_mask([left, right], about={})))
    np.testing.assert_array_equal(np.asarray(two)[0], [1, 1, 2, 2])


def test_a_write_that_fails_is_told_with_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(typer.BadParameter, match="No space left on device") as caught:
        write_file(tmp_path / "o.dcm", b"", option="--seg")
    assert caught.value.param_hint == "--seg"
    assert not list(tmp_path.iterdir())


def test_no_two_files_share_a_place_and_none_is_the_image(tmp_path: Path) -> None:
    image = tmp_path / "scan.dcm"
    image.write_bytes(b"image")
    with pytest.raises(typer.BadParameter, match="is the image itself"):
        Places({"--out": tmp_path / "o.png", "--seg": image}).check(image)
    with pytest.raises(typer.BadParameter, match="is the file of --out, too") as caught:
        Places({"--out": tmp_path / "o", "--seg": tmp_path / "x" / ".." / "o"}).check(made(tmp_path / "x", image))
    assert caught.value.param_hint == "--seg"
    Places({"--out": tmp_path / "o.png", "--seg": tmp_path / "o.dcm"}).check(image)


def made(folder: Path, image: Path) -> Path:
    folder.mkdir()
    return image


@pytest.mark.parametrize("option", ["--seg", "--sr"])
def test_only_dicom_images_have_what_dicom_files_repeat(option: str, tmp_path: Path) -> None:
    places = Places({"--out": tmp_path / "o.png", option: tmp_path / "o.dcm"})
    with pytest.raises(typer.BadParameter, match="the image is a PNG"):
        places.check_kind("png")
    places.check_kind("dicom")
    Places({"--overlay": tmp_path / "o.png"}).check_kind("png")


def test_every_form_holds_the_outline(tmp_path: Path) -> None:
    mask = np.zeros((48, 64), dtype=bool)
    mask[10:20, 30:50] = True
    finding = Finding("cyst", mask, measure(mask))
    options = ("--overlay", "--coco", "--seg", "--sr")
    places = Places({option: tmp_path / option for option in options})
    pixels = np.zeros((48, 64, 3), dtype=np.uint8)
    files = make_files(places, [finding], ORIGIN, pixels=pixels, source=make_source(frames=3), frame=2)
    assert tuple(files) == options
    assert np.asarray(PilImage.open(io.BytesIO(files["--overlay"])))[10, 30].any()
    coco = json.loads(files["--coco"])
    assert coco["annotations"][0]["bbox"] == [30, 10, 20, 10] and coco["images"][0]["frame"] == 2
    segmentation, report = (dcmread(io.BytesIO(files[option])) for option in ("--seg", "--sr"))
    assert (segmentation.pixel_array.astype(bool) == mask).all()
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    named = {each.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for each in evidence}
    assert segmentation.SOPInstanceUID in named
    assert make_files(Places({}), [finding], ORIGIN, pixels=pixels, source=b"", frame=0) == {}


def test_a_source_that_cannot_be_referred_to_leaves_no_file(tmp_path: Path) -> None:
    mask = np.ones((48, 64), dtype=bool)
    places = Places({"--overlay": tmp_path / "o.png", "--seg": tmp_path / "o.dcm"})
    source = make_source(StudyInstanceUID=None)
    with pytest.raises(ImageError, match="UID of its study"):
        make_files(
            places,
            [Finding("cyst", mask, measure(mask))],
            ORIGIN,
            pixels=np.zeros((48, 64, 3), dtype=np.uint8),
            source=source,
            frame=0,
        )
    assert not list(tmp_path.iterdir())
