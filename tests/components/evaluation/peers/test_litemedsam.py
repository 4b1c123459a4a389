"""LiteMedSAM: the published weights give the expected numbers, on a formula's image and on real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PilImage

from components.artefacts import sha256_of
from components.evaluation.peers import litemedsam, load_peer
from components.evaluation.peers.networks.sam1 import Sam1
from components.evaluation.peers.networks.tiny_vit import TinyViT
from components.evaluation.prompting.prompts import exact_box
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.metrics import dice
from components.params import PeerParams
from components.types import Point, Prompt

SHA256 = "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76"


@pytest.fixture(scope="module")
def weights(root: Path) -> Path:
    """The folder of published weights, which aren't part of the project; tests that need them are skipped without."""
    folder = root.parent / "shared" / "weights"
    if not (folder / "lite_medsam.pth").is_file():
        pytest.skip("no published weights beside the project")
    return folder


@pytest.fixture(scope="module")
def reference(weights: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((weights / "lite_medsam.reference.json").read_text())
    return found


@pytest.fixture(scope="module")
def peer(weights: Path) -> Contender:
    assert sha256_of(weights / "lite_medsam.pth") == SHA256
    params = PeerParams(model="litemedsam", weights=str(weights / "lite_medsam.pth"), sha256=SHA256)
    return load_peer("litemedsam", params, root=Path("/nowhere"), device="cpu")


def assert_probed(found: torch.Tensor, expected: dict[str, Any]) -> None:
    assert list(found.shape) == list(expected["shape"])[-found.ndim :]
    assert found.flatten()[expected["probe_index"]].tolist() == pytest.approx(expected["probe_value"], abs=1e-4)
    assert (float(found.mean()), float(found.std())) == pytest.approx((expected["mean"], expected["std"]), abs=1e-3)


@torch.inference_mode()
def test_the_numbers_of_a_formulas_image(peer: Contender, reference: dict[str, Any]) -> None:
    expected = reference["synthetic"]
    i, j = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    image = torch.stack([((3 * i + 5 * j + 37 * c) % 256) / 255 for c in range(3)])[None].float()
    embedding = peer.segmenter.encode(image)
    assert_probed(embedding, expected["image_embedding"])
    logits, quality = peer.segmenter.decode(embedding, torch.tensor(expected["box_xyxy_in_256_frame"]).float())
    assert_probed(logits, expected["low_res_logits"])
    assert float(quality) == pytest.approx(expected["iou_prediction"][0], abs=1e-4)


def test_the_masks_of_real_images(peer: Contender, reference: dict[str, Any], samples: Path) -> None:
    known = [case for case in reference["cases"] if (samples / case["image"]).is_file()]
    assert known, "none of the reference's images is among the samples"
    for case in known:
        with PilImage.open(samples / case["image"]) as picture:
            image = np.asarray(picture.convert("RGB"))
        with PilImage.open(samples / case["mask"]) as picture:
            truth = np.asarray(picture.convert("L")) > 127
        embedding = litemedsam.embed(peer.segmenter, image)
        assert list(embedding.inner_hw) == case["resized_hw"]
        prompt = Prompt(box_xyxy=exact_box(truth))
        (found,) = litemedsam.segment_embedded(peer.segmenter, embedding, truth.shape, [prompt])
        assert int(found.mask.sum()) == pytest.approx(case["predicted_pixels"], abs=3)
        assert dice(truth, found.mask) == pytest.approx(case["dice"], abs=1e-4)
        assert found.quality == pytest.approx(case["iou_prediction"], abs=1e-4)


def test_the_parameters_are_those_of_the_published_file(weights: Path) -> None:
    keys = json.loads((weights / "lite_medsam.keys.json").read_text())
    with torch.device("meta"):
        ours = Sam1(TinyViT(), input_px=256).state_dict()
    assert len(ours) == len(keys) == 435
    encoder = {name: list(tensor.shape) for name, tensor in ours.items() if name.startswith("image_encoder.")}
    assert encoder == {name: of["shape"] for name, of in keys.items() if name.startswith("image_encoder.")}


@pytest.mark.parametrize(
    ("size_hw", "inner_hw"), [((100, 50), (256, 128)), ((50, 101), (127, 256)), ((1, 900), (1, 256))]
)
def test_the_longest_side_becomes_256_and_the_rest_is_zero(size_hw, inner_hw) -> None:
    image = np.random.default_rng(1).integers(20, 200, (*size_hw, 3), dtype=np.uint8)
    planes, found_hw, scale = litemedsam.to_input(image)
    assert planes.shape == (1, 3, 256, 256) and found_hw == inner_hw
    assert scale == 256 / max(size_hw)
    inside = planes[..., : inner_hw[0], : inner_hw[1]]
    assert (float(inside.min()), float(inside.max())) == (0.0, 1.0)
    assert float(planes.sum()) == pytest.approx(float(inside.sum()), rel=1e-6)


def test_without_weights_it_answers_boxes_at_the_images_own_size_and_leaves_clicks_out() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Sam1(TinyViT(), input_px=256).eval()
    image = np.random.default_rng(1).integers(0, 256, (40, 90, 3), dtype=np.uint8)
    box = Prompt(box_xyxy=(5.0, 5.0, 60.0, 30.0))
    both = Prompt(box_xyxy=box.box_xyxy, points=(Point(20.5, 20.5),))
    one, other = litemedsam.segment_embedded(network, litemedsam.embed(network, image), (40, 90), [box, both])
    assert one.mask.shape == (40, 90) and np.array_equal(one.mask, other.mask)
