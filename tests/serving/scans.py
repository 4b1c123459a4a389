"""Ultrasound DICOM files of made-up pixels and a made-up patient."""

from __future__ import annotations

import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from components.types import Image

US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
PATIENT = "DOE^JANE"


def cine(
    image: Image,
    *,
    frames: int,
    mm: tuple[float, float] | None = None,
    curve: tuple[int, int, int, int] | None = None,
) -> bytes:
    """A multi-frame file of an image (H W 3) that moves 3 pixels a frame; `mm` a pixel, right and down, if stated.

    `curve` is the half-open box of a Doppler curve over the calibrated picture.
    """
    grey = image[..., 0]
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = US_MULTIFRAME, generate_uid(entropy_srcs=["instance", str(frames)])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    dataset.PatientName, dataset.PatientID, dataset.Modality = PATIENT, "12345", "US"
    dataset.Rows, dataset.Columns = grey.shape
    dataset.NumberOfFrames, dataset.SamplesPerPixel, dataset.PhotometricInterpretation = frames, 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.stack([np.roll(grey, 3 * frame, axis=1) for frame in range(frames)]).tobytes()
    dataset["PixelData"].VR = "OB"
    if mm is not None:
        stated = [_region((0, 0, grey.shape[1], grey.shape[0]), mm)]
        if curve is not None:
            stated.append(_region(curve, mm))
            stated[-1].RegionSpatialFormat = stated[-1].RegionDataType = 3
        dataset.SequenceOfUltrasoundRegions = Sequence(stated)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _region(box: tuple[int, int, int, int], mm: tuple[float, float]) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = box[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = box[2] - 1, box[3] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = mm[0] / 10, mm[1] / 10
    return region
