"""Segmenters small enough for unit tests, and two of them exported."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from components.promptable.adapter import AdapterConfig
from components.promptable.build import HieraConfig, build_segmenter
from components.promptable.export import export_onnx
from components.promptable.model_folder import save_segmenter
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.loading import load_runtime
from components.promptable.segmenter import Segmenter

SIZE_PX = 64
TINY = HieraConfig(
    "sam2.1_hiera_t.yaml", embed_dim=16, stages=(1, 1, 2, 1), global_att_blocks=(3,), window_spec=(8, 4, 4, 2)
)
# Maps are 16, 8, 4 and 2 tokens wide: two of these windows don't divide them.
PADDED = replace(TINY, window_spec=(8, 6, 7, 2))


@pytest.fixture
def tiny() -> Segmenter:
    """A tiny segmenter with adapters, weights drawn from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_segmenter(TINY, AdapterConfig(), image_size_px=SIZE_PX, draws_prompts=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """A segmenter, the model folder that it was saved and exported into, and what was loaded from there."""

    segmenter: Segmenter
    folder: Path
    exported: Exported


@pytest.fixture(scope="session")
def as_it_starts(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A model exported with its first weights."""
    return _exported(_padded(draws_prompts=False), tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="session")
def as_if_trained(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A model exported that draws its prompts, all weights of which have moved; its logits are some units large."""
    segmenter = _padded(draws_prompts=True)
    generator = torch.Generator().manual_seed(5)
    for parameter in segmenter.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return _exported(segmenter, tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="session", params=["as_it_starts", "as_if_trained"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Each of the two exported models."""
    found: Pair = request.getfixturevalue(request.param)
    return found


def _padded(*, draws_prompts: bool) -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return build_segmenter(PADDED, AdapterConfig(), image_size_px=SIZE_PX, draws_prompts=draws_prompts)


def saved(folder: Path, segmenter: Segmenter, trunk: HieraConfig) -> Path:
    """A model folder of a segmenter on this trunk."""
    save_segmenter(
        folder,
        segmenter,
        kind="student",
        name="tiny",
        trunk=trunk,
        adapter=AdapterConfig(),
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={"git_sha": "unknown"},
    )
    return folder


def _exported(segmenter: Segmenter, folder: Path) -> Pair:
    saved(folder, segmenter, PADDED)
    export_onnx(segmenter, folder)
    exported = load_runtime(folder, "onnxruntime")
    assert isinstance(exported, Exported)
    return Pair(segmenter, folder, exported)
