"""The bytes of a file to frames of RGB pixels, and to the millimetres that it states of them.

Bytes come from anywhere, so everything here is bounded: a file is told by how it begins, its sizes and counts are read
and judged before any pixel is decoded, one frame is decoded at a time, and whatever is wrong is an ImageError. Leaves
out: what a model sees of a frame (components/preprocess.py), and who the patient is: only what goes back to the user in
a file of his own study reads that (components/findings/dicom_source.py).
"""

from components.formats.limits import MAX_IMAGE_PX, READABLE, SourceLimits
from components.formats.regions import Region, Spacing, spacing_at
from components.formats.source import Source, open_source

__all__ = ["MAX_IMAGE_PX", "READABLE", "Region", "Source", "SourceLimits", "Spacing", "open_source", "spacing_at"]
