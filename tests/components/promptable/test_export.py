"""ONNX Runtime gives PyTorch's numbers, and what would give others isn't written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor

from components.artefacts import read_description
from components.errors import ArtefactError
from components.preprocess import PREPROCESS_VERSION
from components.promptable import export
from components.promptable.export import OPSET, export_onnx
from components.promptable.folding.segmenter import FoldedSegmenter, fold
from components.promptable.runtimes.sealed import DECODER, ENCODER
from components.promptable.segmenter import NO_PREVIOUS, Embedding, PromptBatch, Segmenter
from tests.components.promptable.conftest import SIZE_PX, Pair

BOX, CLICKS = [2, 3], [1, 0, 1, 1, 0, 1, 0, 1]


def prompt(labels: list[int], seed: int) -> PromptBatch:
    coords = torch.rand(1, len(labels), 2, generator=torch.Generator().manual_seed(seed)) * SIZE_PX
    return PromptBatch(torch.zeros(1, dtype=torch.int64), coords, torch.tensor([labels]))


@torch.inference_mode()
def test_the_embedding_is_pytorchs(pair: Pair) -> None:
    images = torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(7))
    found, expected = pair.exported.encode(images), pair.segmenter.encode(images)
    for level in ("s4", "s8", "s16"):
        torch.testing.assert_close(
            torch.as_tensor(getattr(found, level)), getattr(expected, level), atol=1e-4, rtol=1e-4
        )


@torch.inference_mode()
def test_logits_and_quality_are_pytorchs_whatever_the_prompt(pair: Pair) -> None:
    embedding = pair.segmenter.encode(torch.randn(1, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(8)))
    kinds = (
        [CLICKS[:count] for count in range(1, 9)] + [BOX + CLICKS[:count] for count in range(7)] + [[-1], [2, 3, -1]]
    )
    seen: list[Tensor] = []
    for seed, labels in enumerate(kinds):
        batch = prompt(labels, seed)
        expected = pair.segmenter.decode(embedding, batch)
        found = pair.exported.decode(embedding, batch)
        torch.testing.assert_close(tuple(map(torch.as_tensor, found)), expected, atol=1e-4, rtol=1e-4)
        seen.append(expected[0])
    assert min(float((one - other).abs().max()) for one, other in pairwise(seen)) > 1e-3


@torch.inference_mode()
def test_previous_masks_give_pytorchs_numbers_too(pair: Pair) -> None:
    embedding = pair.segmenter.encode(torch.randn(1, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(8)))
    shares = torch.rand(3, SIZE_PX // 4, SIZE_PX // 4, generator=torch.Generator().manual_seed(6)).round()
    shares[1] = NO_PREVIOUS
    coords = torch.rand(3, 3, 2, generator=torch.Generator().manual_seed(1)) * SIZE_PX
    labels = torch.tensor([[2, 3, 0], [2, 3, 1], [-1, -1, -1]])
    batch = PromptBatch(torch.zeros(3, dtype=torch.int64), coords, labels, shares)
    found, expected = pair.exported.decode(embedding, batch), pair.segmenter.decode(embedding, batch)
    torch.testing.assert_close(tuple(map(torch.as_tensor, found)), expected, atol=1e-4, rtol=1e-4)
    without = pair.segmenter.decode(embedding, replace(batch, previous=None))[0]
    assert float((without[0] - expected[0][0]).abs().max()) > 1e-3 and torch.equal(without[1], expected[0][1])


@torch.inference_mode()
def test_prompts_of_a_batch_are_decoded_on_their_own_images(pair: Pair) -> None:
    images = torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(9))
    embedding = pair.segmenter.encode(images)
    coords = torch.rand(3, 3, 2, generator=torch.Generator().manual_seed(1)) * SIZE_PX
    batch = PromptBatch(torch.tensor([1, 0, 1]), coords, torch.tensor([[2, 3, -1], [2, 3, 1], [1, 0, -1]]))
    found = pair.exported.decode(embedding, batch)
    torch.testing.assert_close(
        tuple(map(torch.as_tensor, found)), pair.segmenter.decode(embedding, batch), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("name", [ENCODER, DECODER])
def test_the_file_passes_onnxs_checker_and_says_what_it_is(pair: Pair, name: str) -> None:
    model = onnx.load(pair.folder / name, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert len(facts.pop("content_sha256")) == 64
    assert facts == {
        "weights_sha256": read_description(pair.folder).digest,
        "image_size_px": str(SIZE_PX),
        "preprocess_version": str(PREPROCESS_VERSION),
        "opset": str(OPSET),
    }
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert {tensor.data_location for tensor in model.graph.initializer} == {onnx.TensorProto.DEFAULT}
    assert str(Path(__file__).parents[3]).encode() not in (pair.folder / name).read_bytes()


def test_a_branch_that_the_trace_would_freeze_is_refused(tiny: Segmenter, tmp_path: Path) -> None:
    plain = tiny.decode_each

    def branching(
        embedding: Embedding, coords: Tensor, labels: Tensor, previous: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        logits, quality = plain(embedding, coords, labels, previous)
        return logits + (1.0 if labels.shape[1] > 3 else 0.0), quality

    tiny.decode_each = branching  # type: ignore[method-assign]
    with pytest.raises(ArtefactError, match="differ from PyTorch"):
        export_onnx(tiny, tmp_path, folds=False)
    assert list(tmp_path.iterdir()) == []
    assert not any(module.training for module in tiny.modules())


def test_a_folding_that_changes_a_number_is_refused(
    tiny: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(segmenter: Segmenter) -> FoldedSegmenter:
        folded = fold(segmenter)
        folded.decoder.position *= 1.1
        return folded

    monkeypatch.setattr(export, "fold", wrong)
    with pytest.raises(ArtefactError, match="differ from PyTorch"):
        export_onnx(tiny, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_folded_unless_it_is_told_not_to(as_it_starts: Pair, tmp_path: Path) -> None:
    export_onnx(as_it_starts.segmenter, tmp_path, folds=False)
    nodes = {folder: len(onnx.load(folder / DECODER).graph.node) for folder in (tmp_path, as_it_starts.folder)}
    assert nodes[as_it_starts.folder] < 0.8 * nodes[tmp_path]
