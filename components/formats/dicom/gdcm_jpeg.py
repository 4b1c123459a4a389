"""A JPEG frame of 12 bits to its samples, by GDCM. Leaves out: colours, and what pydicom does with any samples."""

from __future__ import annotations

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.header import Header


def decode_12_bit(header: Header, frame: bytes) -> bytes:
    """The samples of a frame, 16 bits each, lower bytes first, colours by pixel.

    Raises
    ------
    BrokenDicom
        If GDCM can't decode it, or it comes out in another size.
    """
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(header.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(header.syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(header.samples, 16, 12, 11, int(header.signed)))
    # GDCM hands bytes over as text.
    decoded = image.GetBuffer().encode("utf-8", "surrogateescape")
    if len(decoded) != header.rows * header.columns * header.samples * 2:
        raise BrokenDicom("a JPEG of 12 bits that can't be decoded")
    return bytes(decoded)
