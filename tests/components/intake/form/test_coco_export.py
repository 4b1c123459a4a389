"""COCO: numbering, categories in the contract's order, and annotations that say what the masks say."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from components.contract import Contract
from components.intake.form.coco_export import to_coco
from components.intake.form.records import load_image, load_instances, read_manifest
from components.intake.harmonise import harmonise
from components.preprocess import decode_image
from tests.components.intake.raw_trees import Tree

ContractOf = Callable[[str], Contract]


def test_the_order_of_records_does_not_matter_and_ids_are_unique(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract, out = contract_of("jnu_ifm"), tmp_path / "out"
    harmonise(contract, tree("jnu_ifm"), out=out, phantom=True, contracts=contracts)
    records = read_manifest(out)
    coco = to_coco(records, contract)
    assert coco == to_coco(records[::-1], contract) == json.loads(json.dumps(coco))
    assert coco == json.loads((out / "coco.json").read_text(encoding="utf-8")), "the file was written image by image"
    assert [image["id"] for image in coco["images"]] == list(range(1, len(records) + 1))
    assert [one["id"] for one in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    assert [one["name"] for one in coco["categories"]] == list(dict.fromkeys(contract.mask.labels.values()))
    assert {image["group"] for image in coco["images"]} == {record.group for record in records}
    assert all(image["phantom"] for image in coco["images"])
    assert coco["info"]["description"].startswith("PHANTOMS, no patient data")
    real = to_coco([replace(record, phantom=False) for record in records], contract)
    assert real["info"]["description"] == contract.source.title
    assert real["licenses"][0]["name"] == contract.licence.stated
    assert len(coco["annotations"]) < 2 * len(records), "an image without an object has no annotation"


def test_an_annotation_is_its_objects_mask(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract, out = contract_of("ddti"), tmp_path / "out"
    harmonise(contract, tree("ddti"), out=out, phantom=True, contracts=contracts)
    coco = to_coco(read_manifest(out), contract)
    by_number = dict(enumerate(read_manifest(out), 1))
    drawn = {number: np.zeros_like(load_instances(record)) for number, record in by_number.items()}
    for one in coco["annotations"]:
        mask = coco_mask.decode(one["segmentation"]).astype(bool)
        x, y, width, height = one["bbox"]
        assert one["area"] == mask.sum() == mask[y : y + height, x : x + width].sum()
        drawn[one["image_id"]][mask] += 1
    for number, record in by_number.items():
        assert np.array_equal(drawn[number], load_instances(record) > 0)


def test_pycocotools_loads_the_file_and_draws_the_same_masks(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "out"
    harmonise(contract_of("jnu_ifm"), tree("jnu_ifm"), out=out, phantom=True, contracts=contracts)
    loaded = COCO(str(out / "coco.json"))
    for number, record in enumerate(read_manifest(out), 1):
        (image,) = loaded.loadImgs(number)
        assert (image["width"], image["height"]) == (record.width_px, record.height_px)
        annotations = loaded.loadAnns(loaded.getAnnIds(imgIds=number))
        assert len(annotations) == len(record.objects)
        drawn = sum((loaded.annToMask(one) for one in annotations), np.zeros((record.height_px, record.width_px)))
        assert np.array_equal(drawn, load_instances(record) > 0)
    names = [one["name"] for one in loaded.loadCats(loaded.getCatIds())]
    assert names == list(dict.fromkeys(contract_of("jnu_ifm").mask.labels.values()))


def test_file_names_are_those_of_the_unpacked_shards(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    out = tmp_path / "out"
    harmonise(contract_of("busi"), tree("busi"), out=out, phantom=True, contracts=contracts)
    coco = json.loads((out / "coco.json").read_text())
    for shard in sorted({image["shard"] for image in coco["images"]}):
        with tarfile.open(out / shard) as file:
            file.extractall(tmp_path / "unpacked", filter="data")
    by_id = {record.image_id: record for record in read_manifest(out)}
    for image in coco["images"]:
        unpacked = (tmp_path / "unpacked" / image["file_name"]).read_bytes()
        assert np.array_equal(decode_image(unpacked, name="unpacked"), load_image(by_id[image["image_id"]]))
