"""Objects to a PNG of their masks, and what every PNG that leaves says of itself in its text chunks.

Leaves out: the picture with outlines (overlay.py).
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo

from components.findings.finding import Finding, Origin
from components.types import Mask

MAX_OBJECTS = 255


def to_mask_png(findings: Sequence[Finding], origin: Origin) -> bytes:
    """Masks of one image as one 8-bit PNG: 0 and 255 for one object, else the objects' numbers, later ones on top."""
    assert 0 < len(findings) <= MAX_OBJECTS, "numbers of 8 bits"
    return to_png(PilImage.fromarray(numbered([each.mask for each in findings])), about(findings, origin))


def numbered(masks: Sequence[Mask]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Masks (H W each) as one image (H W, uint8): 0 and 255 for one, else their numbers from 1, later ones on top."""
    values = np.zeros(masks[0].shape, dtype=np.uint8)
    for number, mask in enumerate(masks, start=1):
        values[mask] = 255 if len(masks) == 1 else number
    return values


def about(findings: Sequence[Finding], origin: Origin) -> Mapping[str, str]:
    """Which model outlined, with which cautions, and the answers in the audit log that the objects come from."""
    predictions = sorted({finding.prediction for finding in findings if finding.prediction is not None})
    return {
        "model_name": origin.model_name,
        "model_version": origin.model_version,
        "model_digest": origin.model_digest,
        "software_version": origin.software_version,
        "caution": ". ".join(origin.cautions),
        "prediction": " ".join(predictions),
    }


def text_chunks(told: Mapping[str, str]) -> PngInfo:
    """Text chunks `sonoforge:KEY`, by which `sonoforge trace` finds a file's model and answers again."""
    chunks = PngInfo()
    for key, value in told.items():
        chunks.add_itxt(f"sonoforge:{key}", value)
    return chunks


def to_png(canvas: PilImage.Image, told: Mapping[str, str]) -> bytes:
    """A picture as PNG, with what it says of itself."""
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", pnginfo=text_chunks(told))
    return buffer.getvalue()
