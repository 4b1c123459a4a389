"""Records to a COCO file (instance masks as compressed RLE), so that other tools can read a harmonised dataset.

Leaves out: reading COCO files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.contract import Contract
from components.intake.form.records import load_instances
from components.intake.form.shards import SHARDS, image_member
from components.masks import to_rle
from components.types import Record


def to_coco(records: Sequence[Record], contract: Contract) -> dict[str, Any]:
    """The COCO description of a harmonised dataset.

    Categories are numbered by the contract's order of labels, images by their ids' order; `bbox` is x, y, width,
    height in pixels. `file_name` is the image's name within its shard, so that the shards unpacked into one folder are
    that of the images. `image_id`, `group`, `phantom` and `shard` of an image go beside COCO's own keys.
    """
    categories = {label: number for number, label in enumerate(dict.fromkeys(contract.mask.labels.values()), 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in enumerate(sorted(records, key=lambda r: r.image_id), 1):
        images.append(
            {
                "id": number,
                "file_name": image_member(record.image_id),
                "width": record.width_px,
                "height": record.height_px,
                "image_id": record.image_id,
                "group": record.group,
                "phantom": record.phantom,
                "shard": f"{SHARDS}/{record.image_path.name}",
            }
        )
        instances = load_instances(record)
        for truth in record.objects:
            x0, y0, x1, y1 = truth.box_xyxy
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": categories[truth.label],
                    "segmentation": to_rle(instances == truth.index),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": truth.area_px,
                    "iscrowd": 0,
                }
            )
    phantom = any(record.phantom for record in records)
    title = f"PHANTOMS, no patient data, in the layout of {contract.source.title}" if phantom else contract.source.title
    licence = "Apache-2.0" if phantom else contract.licence.stated
    return {
        "info": {"description": title, "url": contract.source.address, "version": "1"},
        "licenses": [{"id": 1, "name": licence, "url": contract.source.address}],
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
        "images": images,
        "annotations": annotations,
    }
