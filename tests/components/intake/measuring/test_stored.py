"""How files are stored: format against name, depth, frames; and a limit before anything is read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from components.contract import Contract
from components.errors import ImageTooLargeError
from components.intake.judging.rules import judge
from components.intake.layouts import Case
from components.intake.measuring.facts import collect_facts
from components.intake.measuring.stored import Stored, misnamed, read_bounded, stored_as
from tests.components.intake.measuring.test_identity import dicom
from tests.components.intake.raw_trees import binary, disc, save, speckle

ContractOf = Callable[[str], Contract]
GREY = PilImage.fromarray(speckle(1))


def saved(kind: str, image: PilImage.Image = GREY, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sixteen(channels: int, ending: str) -> bytes:
    """A 16-bit image, as OpenCV writes it."""
    shape = (160, 180) if channels == 1 else (160, 180, channels)
    pixels = np.random.default_rng(0).integers(0, 60_000, shape, dtype=np.uint16)
    return bytes(cv2.imencode(ending, pixels)[1])


@pytest.mark.parametrize(
    ("data", "kind", "mode", "reduced", "several"),
    [
        (saved("PNG"), "PNG", "L", "", False),
        (saved("JPEG"), "JPEG", "L", "", False),
        (saved("BMP", GREY.convert("RGB")), "BMP", "RGB", "", False),
        (saved("TIFF"), "TIFF", "L", "", False),
        (saved("PNG", GREY.convert("P")), "PNG", "P", "", False),
        (sixteen(1, ".png"), "PNG", "I;16", "stretched", False),
        (sixteen(3, ".png"), "PNG", "RGB", "upper 8", False),
        (sixteen(1, ".tiff"), "TIFF", "I;16", "stretched", False),
        (saved("TIFF", save_all=True, append_images=[GREY]), "TIFF", "L", "", True),
        (saved("PNG", save_all=True, append_images=[GREY.rotate(180)]), "PNG", "L", "", True),
        (saved("MPO", save_all=True, append_images=[GREY]), "JPEG", "L", "", True),
        (dicom(), "DICOM", "DICOM", "", False),
        (dicom(BitsStored=12), "DICOM", "DICOM", "stretched", False),
        (dicom(BitsStored=12, SamplesPerPixel=3), "DICOM", "DICOM", "upper 8", False),
    ],
)
def test_what_a_file_says_of_its_pixels(data: bytes, kind: str, mode: str, reduced: str, several: bool) -> None:
    stored = stored_as(data)
    assert (stored.kind, stored.mode, stored.several_frames) == (kind, mode, several)
    assert reduced in stored.reduced and bool(stored.reduced) == bool(reduced)


@pytest.mark.parametrize(
    ("name", "kind", "wrong"),
    [
        ("a.png", "PNG", False),
        ("a.PNG", "PNG", False),
        ("a.jpeg", "JPEG", False),
        ("a.png", "JPEG", True),
        ("a.jpg", "PNG", True),
        ("a.tif", "DICOM", True),
        ("a.0001", "PNG", False),
        ("a", "DICOM", False),
    ],
)
def test_a_name_is_held_against_the_content(name: str, kind: str, wrong: bool) -> None:
    assert bool(misnamed(Path(name), Stored(kind, "L"))) == wrong


def test_a_file_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"12345")
    assert read_bounded(path, max_bytes=5) == b"12345"
    with pytest.raises(ImageTooLargeError, match="5 bytes"):
        read_bounded(path, max_bytes=4)


def test_the_check_names_each_file(tmp_path: Path, contract_of: ContractOf) -> None:
    """A JPEG named .png, a mask of two frames, and an image of 16 bits, each by its own file."""
    (tmp_path / "a.png").write_bytes(saved("JPEG"))
    save(tmp_path / "a_mask.png", binary(disc()))
    (tmp_path / "b.png").write_bytes(sixteen(1, ".png"))
    mask = PilImage.fromarray(binary(disc()))
    (tmp_path / "b_mask.tif").write_bytes(saved("TIFF", mask, save_all=True, append_images=[mask]))
    cases = [
        Case("a", tmp_path / "a.png", (tmp_path / "a_mask.png",), subject_class="benign"),
        Case("b", tmp_path / "b.png", (tmp_path / "b_mask.tif",), subject_class="benign"),
    ]
    contract = contract_of("busi")
    faults = judge(collect_facts(cases, contract, tmp_path), contract)
    told = {(one.code, one.file): (one.severity, one.found) for one in faults if one.code != "only_noise"}
    assert set(told) == {("format_mismatch", "a.png"), ("several_frames", "b_mask.tif"), ("reduced_depth", "b.png")}
    assert told["format_mismatch", "a.png"] == ("warning", "JPEG under the name of PNG")
    assert told["several_frames", "b_mask.tif"][0] == "warning"
    assert told["reduced_depth", "b.png"][0] == "info"
