"""A segmenter in PyTorch: folded, and its threads pinned wherever it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from components.promptable.embedding import PromptBatch
from components.promptable.folding.segmenter import FoldedSegmenter
from components.promptable.runtimes.pytorch import PyTorch, load, of_segmenter
from components.promptable.runtimes.runtime import THREADS
from tests.components.promptable.conftest import SIZE_PX, Pair


def test_every_thread_that_asks_has_the_same_number_of_threads(as_it_starts: Pair) -> None:
    model = of_segmenter(as_it_starts.segmenter)
    assert isinstance(model, PyTorch) and model.device.type == "cpu"

    def ask(_: int) -> int:
        torch.set_num_threads(1)
        with torch.inference_mode():
            model.encode(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask, 0).result() == THREADS


def test_what_is_loaded_is_folded_and_gives_several_masks_at_once_from_any_number_of_threads(
    as_if_trained: Pair,
) -> None:
    model = load(as_if_trained.folder)
    assert isinstance(model.segmenter, FoldedSegmenter)
    generator = torch.Generator().manual_seed(1)
    prompts = PromptBatch(
        image_index=torch.tensor([0, 1, 0]),
        coords=SIZE_PX * torch.rand(3, 2, 2, generator=generator),
        labels=torch.tensor([[2, 3], [1, 0], [2, 3]]),
    )
    images = torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=generator)

    def ask(_: int) -> tuple[torch.Tensor, ...]:
        with torch.inference_mode():
            return model.decode(model.encode(images), prompts)

    with torch.inference_mode():
        expected = as_if_trained.segmenter.decode(as_if_trained.segmenter.encode(images), prompts)
    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(ask, range(6))
    for found, wanted in zip(first, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(*pair) for other in others for pair in zip(first, other, strict=True))
