"""The teacher of a run: SAM2 with CH-Adapters, on base weights.

Leaves out: training (components/training/finetune.py).
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from components.artefacts import ModelDescription
from components.errors import BaseWeightsError
from components.params import ModelParams, TeacherParams
from components.promptable.adapter import adapter_config
from components.promptable.build import TrunkConfig, build_sam2
from components.promptable.model_folder import load_segmenter
from components.promptable.segmenter import Segmenter
from components.teacher.base_weights import OFFICIAL, SCRATCH, check_base, fetch
from components.teacher.hiera import HIERAS

BASE_WEIGHTS = Path("data/base_weights")


def teacher_trunk(params: TeacherParams) -> TrunkConfig:
    """The trunk that the parameters name."""
    return HIERAS[params.hiera]


def build_teacher(
    params: TeacherParams, *, model: ModelParams, seed: int, base_folder: Path = BASE_WEIGHTS
) -> Segmenter:
    """Build the teacher with its base weights, its trainable set declared (the trunk's only from `scratch`).

    New parameters are drawn from `seed`; torch's global generator is left as it was.

    Raises
    ------
    BaseWeightsError
        If the base weights can't be had, aren't the published ones, or don't fit the trunk.
    """
    check_base(params)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sam2 = build_sam2(teacher_trunk(params), image_size_px=model.image_size_px)
        if params.base != SCRATCH:
            _load_base(sam2, params.base, base_folder)
        segmenter = Segmenter(
            sam2,
            adapter=adapter_config(params.adapter),
            image_size_px=model.image_size_px,
            draws_prompts=model.draws_prompts,
        )
    segmenter.set_trainable(trunk=params.base == SCRATCH)
    return segmenter.eval()


def _load_base(sam2: Any, base: str, folder: Path) -> None:
    path = fetch(OFFICIAL[base], folder) if base in OFFICIAL else Path(base)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state = checkpoint.get("model", checkpoint)
        sam2.load_state_dict(state, strict=True)
    except (RuntimeError, KeyError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise BaseWeightsError(
            f"{path}: not the weights of this SAM2 ({str(error).splitlines()[0][:200]})",
            expected="a SAM2.1 checkpoint of the trunk that teacher.hiera names",
            remedy="correct teacher.base or teacher.hiera in params.yaml",
        ) from None


def load_teacher(folder: Path) -> tuple[Segmenter, ModelDescription]:
    """Load a trained teacher and its description from its model folder.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, altered or no teacher.
    """
    return load_segmenter(folder, kind="teacher")
