"""The segmenter: SAM2's own numbers where adapters are silent, shapes, and the exact trainable set."""

from __future__ import annotations

from dataclasses import replace

import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_sam2
from components.promptable.segmenter import NO_PREVIOUS, PromptBatch, Segmenter
from tests.components.promptable.conftest import SIZE_PX, TINY


def box_prompts(count: int) -> PromptBatch:
    corners = torch.tensor([[[8.0, 8.0], [40.0, 48.0]]]).repeat(count, 1, 1)
    return PromptBatch(torch.zeros(count, dtype=torch.int64), corners, torch.tensor([[2, 3]]).repeat(count, 1))


def test_shapes(tiny: Segmenter) -> None:
    embedding = tiny.encode(torch.randn(2, 3, SIZE_PX, SIZE_PX))
    assert embedding.s4.shape == (2, 32, 16, 16)
    assert embedding.s8.shape == (2, 64, 8, 8)
    assert embedding.s16.shape == (2, 256, 4, 4)
    assert embedding.nbytes == 4 * 2 * (32 * 256 + 64 * 64 + 256 * 16)
    logits, quality = tiny.decode(embedding, box_prompts(3))
    assert logits.shape == (3, 16, 16)
    assert quality.shape == (3,)
    assert bool(((quality >= 0) & (quality <= 1)).all())


def test_without_adapters_it_computes_what_sam2_computes() -> None:
    torch.manual_seed(5)
    sam2 = build_sam2(TINY, image_size_px=SIZE_PX).eval()
    images = torch.randn(1, 3, SIZE_PX, SIZE_PX)
    prompts = box_prompts(1)
    with torch.inference_mode():
        features = sam2.forward_image(images)["backbone_fpn"]
        top = features[-1] + sam2.no_mem_embed.reshape(1, -1, 1, 1)
        sparse, dense = sam2.sam_prompt_encoder(points=(prompts.coords, prompts.labels), boxes=None, masks=None)
        expected, _, _, _ = sam2.sam_mask_decoder(
            image_embeddings=top,
            image_pe=sam2.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
            high_res_features=features[:2],
        )
        segmenter = Segmenter(sam2, adapter=AdapterConfig(variant="none"), image_size_px=SIZE_PX).eval()
        logits, _ = segmenter.decode(segmenter.encode(images), prompts)
    torch.testing.assert_close(logits, expected[:, 0], rtol=1e-5, atol=1e-5)


def test_adapters_change_what_comes_out_and_each_branch_does() -> None:
    images = torch.randn(1, 3, SIZE_PX, SIZE_PX)
    outputs = {}
    for name, config in {
        "none": AdapterConfig(variant="none"),
        "context": AdapterConfig(edge=False),
        "edge": AdapterConfig(context=False),
        "both": AdapterConfig(),
    }.items():
        torch.manual_seed(7)
        sam2 = build_sam2(TINY, image_size_px=SIZE_PX)
        torch.manual_seed(8)
        with torch.inference_mode():
            outputs[name] = Segmenter(sam2, adapter=config, image_size_px=SIZE_PX).eval().encode(images).s16
    names = list(outputs)
    for first in names:
        for second in names[names.index(first) + 1 :]:
            assert not torch.allclose(outputs[first], outputs[second], atol=1e-7), (first, second)


def test_the_exact_trainable_set_on_a_frozen_trunk(tiny: Segmenter) -> None:
    tiny.set_trainable(trunk=False)
    trainable = {name for name, parameter in tiny.named_parameters() if parameter.requires_grad}
    expected = {
        name
        for name, _ in tiny.named_parameters()
        if name.startswith(("trunk.adapters.", "trunk.edge_stem.", "neck_convs.", "mask_decoder."))
    }
    assert trainable == expected
    assert len(tiny.trunk.adapters) == 5
    assert not any(name.startswith(("trunk.hiera.", "prompt_encoder.")) for name in trainable)


def test_from_scratch_everything_trains_but_the_unused_mask_input(tiny: Segmenter) -> None:
    tiny.set_trainable(trunk=True)
    frozen = {name for name, parameter in tiny.named_parameters() if not parameter.requires_grad}
    assert frozen
    assert all(name.startswith("prompt_encoder.mask_downscaling.") for name in frozen)


def test_every_trainable_parameter_of_the_trunk_gets_a_gradient(tiny: Segmenter) -> None:
    tiny.set_trainable(trunk=False)
    logits, quality = tiny.decode(tiny.encode(torch.randn(1, 3, SIZE_PX, SIZE_PX)), box_prompts(2))
    (logits.square().mean() + quality.mean()).backward()
    without = {
        name
        for name, parameter in tiny.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not bool(parameter.grad.abs().sum() > 0))
    }
    # One mask is asked for, so SAM2's heads for three masks and for a present object aren't reached.
    unused = ("mask_decoder.output_hypernetworks_mlps.", "mask_decoder.pred_obj_score_head.")
    assert {name for name in without if not name.startswith(unused)} == set()
    assert not any(name.startswith("mask_decoder.output_hypernetworks_mlps.0.") for name in without)


@torch.inference_mode()
def test_a_previous_mask_is_sam2s_mask_prompt_and_rows_without_one_keep_their_bits(tiny: Segmenter) -> None:
    embedding = tiny.encode(torch.randn(1, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(2)))
    plain = box_prompts(3)
    mask = (torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(3)) > 0.5).float()
    mask[1] = NO_PREVIOUS
    found, quality = tiny.decode(embedding, replace(plain, previous=mask))
    expected, expected_quality = tiny.decode(embedding, plain)
    assert torch.equal(found[1], expected[1]) and torch.equal(quality[1], expected_quality[1])
    # SAM2's own way from a mask to its prompt: logits of 20 m - 10, then its prompt encoder.
    sparse, dense = tiny.prompt_encoder(
        points=(plain.coords[:1], plain.labels[:1]), boxes=None, masks=20 * mask[:1, None] - 10
    )
    by_hand, _, _, _ = tiny.mask_decoder(
        image_embeddings=embedding.s16,
        image_pe=tiny.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
        repeat_image=False,
        high_res_features=[embedding.s4, embedding.s8],
    )
    torch.testing.assert_close(found[0], by_hand[0, 0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[0], expected[0], atol=1e-4)
    none = tiny.decode(embedding, replace(plain, previous=torch.full_like(mask, NO_PREVIOUS)))
    assert torch.equal(none[0], expected) and torch.equal(none[1], expected_quality)
