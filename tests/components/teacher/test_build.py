"""The teacher: base weights load, the trunk freezes, scratch trains everything, seeds decide."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.artefacts import sha256_of
from components.errors import BaseWeightsError
from components.params import ModelParams, TeacherParams
from components.promptable.build import build_sam2
from components.teacher.build import build_teacher
from components.teacher.hiera import HIERAS

MODEL = ModelParams(image_size_px=64, draws_prompts=False)


def teacher_params(base: str) -> TeacherParams:
    adapter = {"variant": "as_drawn", "context": True, "edge": True, "scale": 0.5}
    pinned = None if base == "scratch" else sha256_of(Path(base))
    return TeacherParams.model_validate({"hiera": "micro", "base": base, "base_sha256": pinned, "adapter": adapter})


def test_from_scratch_the_trunk_trains_and_the_seed_decides() -> None:
    first = build_teacher(teacher_params("scratch"), model=MODEL, seed=1)
    again = build_teacher(teacher_params("scratch"), model=MODEL, seed=1)
    other = build_teacher(teacher_params("scratch"), model=MODEL, seed=2)
    weight = first.trunk.hiera.blocks[0].attn.qkv.weight
    assert weight.requires_grad
    assert torch.equal(weight, again.trunk.hiera.blocks[0].attn.qkv.weight)
    assert not torch.equal(weight, other.trunk.hiera.blocks[0].attn.qkv.weight)


def test_building_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    build_teacher(teacher_params("scratch"), model=MODEL, seed=1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_checkpoint_by_path_loads_and_freezes_the_trunk(tmp_path: Path, wrapped: bool) -> None:
    torch.manual_seed(4)
    sam2 = build_sam2(HIERAS["micro"], image_size_px=64)
    path = tmp_path / "base.pt"
    torch.save({"model": sam2.state_dict()} if wrapped else sam2.state_dict(), path)
    teacher = build_teacher(teacher_params(str(path)), model=MODEL, seed=1)
    assert torch.equal(
        teacher.trunk.hiera.blocks[0].attn.qkv.weight, sam2.image_encoder.trunk.blocks[0].attn.qkv.weight
    )
    assert torch.equal(teacher.no_memory, sam2.no_mem_embed)
    assert not any(p.requires_grad for p in teacher.trunk.hiera.parameters())
    assert all(p.requires_grad for p in teacher.trunk.adapters.parameters())


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "base.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(BaseWeightsError, match="not the weights"):
        build_teacher(teacher_params(str(path)), model=MODEL, seed=1)


def test_a_pickle_that_runs_code_is_refused_unopened(tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "sprung"),))  # type: ignore[return-value]

    path = tmp_path / "base.pt"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BaseWeightsError):
        build_teacher(teacher_params(str(path)), model=MODEL, seed=1)
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_trunk_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "base.pt"
    torch.save({"model": build_sam2(HIERAS["tiny"], image_size_px=64).state_dict()}, path)
    with pytest.raises(BaseWeightsError, match=r"teacher\.hiera"):
        build_teacher(teacher_params(str(path)), model=MODEL, seed=1)
