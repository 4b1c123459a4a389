"""Records to a COCO file (instance masks as compressed RLE), so that other tools can read a harmonised dataset.

The file is written image by image from the manifest: a large dataset's annotations would fill the memory. Leaves out:
reading COCO files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from components.artefacts import write_json_streamed
from components.contract import Contract
from components.intake.form.records import COCO, iterate_manifest, load_instances
from components.intake.form.shards import SHARDS, image_member
from components.masks import to_rle
from components.types import Record


def write_coco(folder: Path, contract: Contract) -> None:
    """Write `coco.json` into a harmonised folder, from its manifest and shards: what `to_coco` says of its records."""
    categories = _categories(contract)
    phantom = any(record.phantom for record in iterate_manifest(folder))
    told: dict[str, Any] = _head(contract, categories, phantom=phantom)
    told |= {
        "images": _images(iterate_manifest(folder)),
        "annotations": _annotations(iterate_manifest(folder), categories),
    }
    write_json_streamed(folder / COCO, told)


def to_coco(records: Sequence[Record], contract: Contract) -> dict[str, Any]:
    """The COCO description of a harmonised dataset.

    Categories are numbered by the contract's order of labels, images by their ids' order; `bbox` is x, y, width,
    height in pixels. `file_name` is the image's name within its shard, so that the shards unpacked into one folder are
    that of the images. `image_id`, `group`, `phantom` and `shard` of an image go beside COCO's own keys.
    """
    ordered = sorted(records, key=lambda record: record.image_id)
    categories = _categories(contract)
    return _head(contract, categories, phantom=any(record.phantom for record in records)) | {
        "images": list(_images(ordered)),
        "annotations": list(_annotations(ordered, categories)),
    }


def _categories(contract: Contract) -> dict[str, int]:
    return {label: number for number, label in enumerate(dict.fromkeys(contract.mask.labels.values()), 1)}


def _head(contract: Contract, categories: Mapping[str, int], *, phantom: bool) -> dict[str, Any]:
    title = f"PHANTOMS, no patient data, in the layout of {contract.source.title}" if phantom else contract.source.title
    licence = "Apache-2.0" if phantom else contract.licence.stated
    return {
        "info": {"description": title, "url": contract.source.address, "version": "1"},
        "licenses": [{"id": 1, "name": licence, "url": contract.source.address}],
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }


def _images(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(records, 1):
        yield {
            "id": number,
            "file_name": image_member(record.image_id),
            "width": record.width_px,
            "height": record.height_px,
            "image_id": record.image_id,
            "group": record.group,
            "phantom": record.phantom,
            "shard": f"{SHARDS}/{record.image_path.name}",
        }


def _annotations(records: Iterable[Record], categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    ids = count(1)
    for number, record in enumerate(records, 1):
        instances = load_instances(record)
        for truth in record.objects:
            x0, y0, x1, y1 = truth.box_xyxy
            yield {
                "id": next(ids),
                "image_id": number,
                "category_id": categories[truth.label],
                "segmentation": to_rle(instances == truth.index),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": truth.area_px,
                "iscrowd": 0,
            }
