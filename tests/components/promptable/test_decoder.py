"""A decoder of other sizes: what it is made of, that it learns, and that a folder and an export keep it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_sam2, build_segmenter
from components.promptable.decoder import DecoderConfig
from components.promptable.export import export_onnx
from components.promptable.model_folder import load_segmenter
from components.promptable.runtimes.loading import load_runtime
from components.promptable.segmenter import PromptBatch, Segmenter
from tests.components.promptable.conftest import SIZE_PX, TINY, saved

NARROW = DecoderConfig(width=64, heads=2, mlp=96, layers=1)
PROMPT = PromptBatch(
    torch.zeros(1, dtype=torch.int64), torch.tensor([[[8.0, 8.0], [40.0, 48.0]]]), torch.tensor([[2, 3]])
)


@pytest.fixture(scope="module")
def narrow() -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return build_segmenter(TINY, AdapterConfig(), image_size_px=SIZE_PX, draws_prompts=True, decoder=NARROW)


def image() -> torch.Tensor:
    return torch.linspace(-1, 1, 3 * SIZE_PX**2).reshape(1, 3, SIZE_PX, SIZE_PX)


def test_sam2s_own_sizes_are_sam2s_own_decoder() -> None:
    sam2 = build_sam2(TINY, image_size_px=SIZE_PX)
    segmenter = Segmenter(sam2, adapter=AdapterConfig(), image_size_px=SIZE_PX)
    assert segmenter.decoder_config == DecoderConfig() == DecoderConfig(width=256, heads=8, mlp=2048, layers=2)
    assert not list(segmenter.to_cells.parameters())


def test_all_maps_are_as_narrow_as_the_decoder(narrow: Segmenter) -> None:
    with torch.inference_mode():
        maps = narrow.encode(image())
        logits, quality = narrow.decode(maps, PROMPT)
    assert [tuple(each.shape[1:]) for each in (maps.s4, maps.s8, maps.s16)] == [(8, 16, 16), (16, 8, 8), (64, 4, 4)]
    assert logits.shape == (1, 16, 16) and quality.shape == (1,)
    assert narrow.decoder_config == NARROW


def test_every_weight_learns(narrow: Segmenter) -> None:
    narrow.set_trainable(trunk=True)
    logits, quality = narrow.decode(narrow.encode(image()), PROMPT)
    (logits.square().mean() + quality.square().mean()).backward()
    learns = {name for name, value in narrow.named_parameters() if value.grad is not None and value.grad.any()}
    narrow.zero_grad(set_to_none=True)
    assert {"to_cells.weight", "mask_decoder.conv_s0.weight", "mask_decoder.conv_s1.weight"} <= learns
    assert any(name.startswith("mask_decoder.transformer.layers.0") for name in learns)


def test_a_frozen_trunk_leaves_the_way_to_the_cells_to_learn(narrow: Segmenter) -> None:
    narrow.set_trainable(trunk=False)
    assert all(parameter.requires_grad for parameter in narrow.to_cells.parameters())


def test_a_folder_and_an_export_keep_it(narrow: Segmenter, tmp_path: Path) -> None:
    saved(tmp_path, narrow, TINY)
    export_onnx(narrow, tmp_path)
    loaded, _ = load_segmenter(tmp_path, kind="student")
    exported = load_runtime(tmp_path, "onnxruntime")
    assert loaded.decoder_config == NARROW
    with torch.inference_mode():
        expected = narrow.decode(narrow.encode(image()), PROMPT)[0]
        assert torch.equal(loaded.decode(loaded.encode(image()), PROMPT)[0], expected)
    found = exported.decode(exported.encode(image()), PROMPT)[0]
    assert torch.allclose(torch.as_tensor(found), expected, atol=1e-4 * float(expected.abs().max()))
