"""Small promptable segmenters, one file each, found by name.

A student's file states `NAME` and `trunk(params) -> TrunkConfig`. Leaves out: training
(components/training/distil.py).
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import torch

from components.artefacts import ModelDescription
from components.errors import ParamsError
from components.params import ModelParams, StudentParams
from components.promptable.adapter import AdapterConfig, adapter_config
from components.promptable.build import TrunkConfig, build_segmenter
from components.promptable.decoder import DecoderConfig
from components.promptable.model_folder import load_segmenter
from components.promptable.segmenter import Segmenter


def _students() -> dict[str, ModuleType]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.NAME: module for module in modules}


def student_names() -> tuple[str, ...]:
    """The names of all students, sorted."""
    return tuple(sorted(_students()))


def student_trunk(params: StudentParams) -> TrunkConfig:
    """The trunk of the student that the parameters name.

    Raises
    ------
    ParamsError
        If there is no such student.
    """
    students = _students()
    if params.name not in students:
        raise ParamsError(
            f"params.yaml: student.name is {params.name!r}",
            expected=f"one of {', '.join(sorted(students))}",
            remedy="correct student.name, or add components/students/<name>.py",
        )
    config: TrunkConfig = students[params.name].trunk(params)
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
        If there is no such student.
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
