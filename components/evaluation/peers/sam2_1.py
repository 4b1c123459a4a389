"""SAM2.1 as published, in its four sizes: what the teacher is without what this project adds.

The same preprocessing, prompts and decoding as for our own models (components/promptable/predict.py), at its own 1024
pixels, without adapters and without drawn prompts; clicks are answered too. Ravi et al., SAM 2 (arXiv 2408.00714).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_sam2
from components.promptable.predict import embed, segment_embedded, segment_unprompted
from components.promptable.segmenter import Segmenter
from components.teacher.base_weights import OFFICIAL
from components.teacher.hiera import HIERAS

__all__ = ["NAMES", "NEEDS_BOX", "embed", "load", "segment_embedded", "segment_unprompted"]

NAMES = tuple(OFFICIAL)
NEEDS_BOX = False
INPUT_PX = 1024


def load(name: str, state: Mapping[str, Tensor]) -> Segmenter:
    """Build SAM2.1 of a size with its weights.

    Raises
    ------
    RuntimeError
        If the weights aren't those of this size.
    """
    sam2 = build_sam2(HIERAS[OFFICIAL[name].hiera], image_size_px=INPUT_PX)
    sam2.load_state_dict(state, strict=True)
    adapter = AdapterConfig(variant="none", context=False, edge=False, scale=1.0)
    return Segmenter(sam2, adapter=adapter, image_size_px=INPUT_PX).eval()
