"""Small promptable segmenters, one file each, found by name.

A student's file is called as the student is, and states `trunk(params) -> TrunkConfig`. Leaves out: training
(components/training/distil.py).
"""

from __future__ import annotations

import importlib
from pathlib import Path

import torch

from components.artefacts import ModelDescription
from components.params import ModelParams, StudentParams, student_names
from components.promptable.adapter import AdapterConfig, adapter_config
from components.promptable.build import TrunkConfig, build_segmenter
from components.promptable.decoder import DecoderConfig
from components.promptable.model_folder import load_segmenter
from components.promptable.segmenter import Segmenter

__all__ = [
    "build_student",
    "load_student",
    "student_adapter",
    "student_decoder",
    "student_names",
    "student_trunk",
]


def student_trunk(params: StudentParams) -> TrunkConfig:
    """The trunk of the student that the parameters name."""
    config: TrunkConfig = importlib.import_module(f"{__name__}.{params.name}").trunk(params)
    return config


def student_adapter(params: StudentParams) -> AdapterConfig:
    """The student's adapter, as the parameters describe it."""
    return adapter_config(params.adapter)


def student_decoder(params: StudentParams) -> DecoderConfig:
    """The student's decoder, as the parameters describe it."""
    return DecoderConfig(**params.decoder.model_dump())


def build_student(params: StudentParams, *, model: ModelParams, seed: int) -> Segmenter:
    """Build a student with random weights drawn from `seed`, all of which train.

    Raises
    ------
    ParamsError
        If the student can't have such an adapter.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        segmenter = build_segmenter(
            student_trunk(params),
            student_adapter(params),
            image_size_px=model.image_size_px,
            draws_prompts=model.draws_prompts,
            decoder=student_decoder(params),
        )
    segmenter.set_trainable(trunk=True)
    return segmenter


def load_student(folder: Path) -> tuple[Segmenter, ModelDescription]:
    """Load a trained student and its description from its model folder.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, altered or no student.
    """
    return load_segmenter(folder, kind="student")
