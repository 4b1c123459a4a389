"""Maps and prompts as tensors and as arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from components.promptable.embedding import Array, Embedding, PromptBatch, to_array, together

CPU = torch.device("cpu")


def test_an_embedding_takes_as_many_bytes_either_way() -> None:
    arrays = [np.zeros((1, channels, side, side), np.float32) for channels, side in ((32, 16), (64, 8), (256, 4))]
    expected = 4 * (32 * 256 + 64 * 64 + 256 * 16)
    assert Embedding(*arrays).nbytes == Embedding(*map(torch.from_numpy, arrays)).nbytes == expected


@pytest.mark.parametrize("previous", [None, np.ones((2, 4, 4), np.float32)])
def test_prompts_become_tensors_of_the_same_numbers(previous: Array | None) -> None:
    arrays = PromptBatch(np.array([0, 1]), np.ones((2, 3, 2), np.float32), np.array([[2, 3, 1]] * 2), previous)
    tensors = arrays.to(CPU)
    assert tensors.labels.dtype == torch.int64 and tensors.coords.dtype == torch.float32
    assert (tensors.previous is None) == (previous is None)
    for name in ("image_index", "coords", "labels"):
        assert np.array_equal(to_array(getattr(tensors, name)), getattr(arrays, name))
    assert tensors.to(CPU).coords.data_ptr() == tensors.coords.data_ptr(), "nothing is copied that is there"


def test_what_is_put_together_stays_what_it_is() -> None:
    one, other = np.ones((1, 2)), np.zeros((2, 2))
    found = together([one, other])
    assert isinstance(found, np.ndarray) and found.shape == (3, 2)
    joined = together([torch.from_numpy(one), torch.from_numpy(other)])
    assert isinstance(joined, torch.Tensor) and np.array_equal(joined.numpy(), found)
    assert to_array(torch.ones(2, requires_grad=True)).tolist() == [1, 1]
