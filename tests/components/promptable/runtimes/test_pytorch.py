"""A segmenter in PyTorch whose threads are pinned wherever it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

from components.promptable.predict import INFERENCE_THREADS
from components.promptable.runtimes.pytorch import PyTorch, of_segmenter
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
        assert pool.submit(ask, 0).result() == INFERENCE_THREADS
