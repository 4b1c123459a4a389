"""Outlined objects of one image to the JSON of COCO's instances, as pycocotools and labelling tools read it.

Masks are compressed run lengths, which hold holes and several parts; boxes are x, y, width, height. Beside COCO's
own keys stand what is known of each object, and of the model. Leaves out: the pixels, and dates, so that the same
objects give the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.findings.finding import RESEARCH_ONLY, Finding, Origin, labels
from components.masks import tight_box, to_rle


def to_coco(
    findings: Sequence[Finding], origin: Origin, *, file_name: str, size_hw: tuple[int, int], frame: int = 0
) -> dict[str, Any]:
    """Objects as a COCO data set of one image.

    `file_name` is what the image is called there: it leaves the program, and a file's own name may name a patient.
    `frame` counts from 0. Objects of one name are one category. An empty mask stays, with no area and an empty box.
    """
    names = labels(findings)
    categories = {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
    return {
        "info": {
            "description": "Outlines by a promptable segmentation model. " + ". ".join(origin.cautions),
            "version": "1.0",
            "contributor": f"SonoForge {origin.software_version}",
            "model": {
                "name": origin.model_name,
                "version": origin.model_version,
                "digest": origin.model_digest,
                "phantom": origin.phantom,
            },
        },
        "licenses": [{"id": 1, "name": RESEARCH_ONLY, "url": ""}],
        "images": [
            {"id": 1, "file_name": file_name, "height": size_hw[0], "width": size_hw[1], "license": 1, "frame": frame}
        ],
        "annotations": [
            _annotation(finding, number, categories[name])
            for number, (finding, name) in enumerate(zip(findings, names, strict=True), start=1)
        ],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
    }


def _annotation(finding: Finding, number: int, category: int) -> dict[str, Any]:
    x0, y0, x1, y1 = tight_box(finding.mask) or (0, 0, 0, 0)
    return {
        "id": number,
        "image_id": 1,
        "category_id": category,
        "iscrowd": 0,
        "segmentation": to_rle(finding.mask),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": finding.measurements.area_px,
        "attributes": {
            "measurements": finding.measurements.as_json(),
            "quality": finding.quality,
            "confidence": finding.confidence,
            "abstain": finding.abstain,
            "warning": finding.warning,
            "prediction": finding.prediction,
            "verdict": finding.verdict,
            "corrected": finding.corrected,
        },
    }
