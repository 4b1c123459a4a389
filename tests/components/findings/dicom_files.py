"""Ultrasound files as scanners write them, of nobody, and what validates files that are made from them."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.components.findings.conftest import HEIGHT_PX, WIDTH_PX

ULTRASOUND, ULTRASOUND_FRAMES = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
STUDY, SERIES, IMAGE = "1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"


def make_source(*, frames: int = 1, rgb: bool = False, implicit: bool = False, **values: Any) -> bytes:
    """A DICOM image of HEIGHT_PX x WIDTH_PX; `values` by keyword replace its own, None takes one away."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID, made.SOPInstanceUID = (ULTRASOUND_FRAMES if frames > 1 else ULTRASOUND), IMAGE
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = made.SOPClassUID, IMAGE
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, SERIES
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Nobody^Ölaf", "ID 7", "19010203", "O"
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20250102", "101112.5", "S1", "A1"
    made.ReferringPhysicianName, made.Modality = "Noone^Ann", "US"
    made.Rows, made.Columns, made.BitsAllocated, made.BitsStored, made.HighBit = HEIGHT_PX, WIDTH_PX, 8, 8, 7
    made.SamplesPerPixel, made.PixelRepresentation = (3 if rgb else 1), 0
    made.PhotometricInterpretation = "RGB" if rgb else "MONOCHROME2"
    if rgb:
        made.PlanarConfiguration = 0
    if frames > 1:
        made.NumberOfFrames = frames
    made.PixelData = bytes(frames * made.SamplesPerPixel * HEIGHT_PX * WIDTH_PX)
    private = made.private_block(0x0009, "SOMEBODY'S SCANNER", create=True)
    private.add_new(1, "UN", np.arange(64, dtype=np.uint8).tobytes())
    for keyword, value in values.items():
        if value is None:
            del made[keyword]
        else:
            setattr(made, keyword, value)
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def complaints(made: bytes, tmp_path: Path) -> list[str]:
    """What dicom3tools' validator finds wrong; skips where it isn't installed.

    It knows public coding schemes only, and warns of all private ones.
    """
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("dciodvfy of dicom3tools isn't installed")
    file = tmp_path / "made.dcm"
    file.write_bytes(made)
    found = subprocess.run([validator, str(file)], capture_output=True, text=True, timeout=60, check=False)
    lines = (found.stdout + found.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Warning")) and "<99SONOFORGE>" not in line]
