"""What the machine needs changes how a trunk is computed, and no gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from components.errors import ParamsError
from components.params import MachineParams
from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_segmenter
from components.promptable.segmenter import Segmenter
from components.promptable.trunks.rep import RepConfig
from components.training.machine import as_the_machine_needs
from tests.components.training.test_finetune import tiny_segmenter


def gradients(segmenter: Segmenter) -> tuple[dict[str, Tensor], int]:
    """Gradients of a loss on the trunk's features by parameter, and the bytes that were kept for the way back."""
    segmenter.zero_grad(set_to_none=True)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = torch.stack([stage.total.square().mean() for stage in segmenter.stages(images)]).sum()
    loss.backward()
    found = {name: one.grad.clone() for name, one in segmenter.named_parameters() if one.grad is not None}
    return found, sum(kept.values())


@pytest.mark.parametrize("from_scratch", [True, False])
def test_recomputed_blocks_give_the_same_gradients_to_the_bit(from_scratch: bool) -> None:
    segmenter = tiny_segmenter(1)
    segmenter.set_trainable(trunk=from_scratch)
    plain, kept = gradients(segmenter)
    with as_the_machine_needs(segmenter, MachineParams(checkpointing=True)):
        recomputed, kept_less = gradients(segmenter)
    assert plain.keys() == recomputed.keys() and plain
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)
    assert kept_less < 0.5 * kept
    assert gradients(segmenter)[1] == kept, "afterwards all is as before"


def test_a_trunk_that_counts_batches_is_not_computed_twice() -> None:
    rep = build_segmenter(
        RepConfig(widths=(8, 8, 16, 16), depths=(1, 1, 1, 1)), AdapterConfig(), image_size_px=64, draws_prompts=False
    )
    with (
        pytest.raises(ParamsError, match="checkpointing"),
        as_the_machine_needs(rep, MachineParams(checkpointing=True)),
    ):
        pass


def test_compiling_stands_in_for_the_trunk_and_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = tiny_segmenter(1)
    monkeypatch.setattr(torch, "compile", lambda function: lambda images: ["compiled", function.__name__])
    with as_the_machine_needs(segmenter, MachineParams(compile=True)):
        assert segmenter.stages(torch.zeros(1, 3, 64, 64)) == ["compiled", "forward"]
    assert len(segmenter.stages(torch.zeros(1, 3, 64, 64))) == 4
