"""Variants to trained networks, one after another: a finished one isn't trained again, a begun one goes on.

Each variant has a folder of its own below the work folder, named by all that its training depends on: parameters, data,
code, device, and for a student the weights of its teacher. While it trains, the folder holds the loop's checkpoint;
once done, `model/` and then `finished.json`. Leaves out: scoring and comparison (table.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artefacts import ModelDescription, code_digest, load_tensors, read_description, write_json
from components.errors import ArtefactError
from components.params import Params
from components.params.training import without_how
from components.promptable.adapter import adapter_config
from components.promptable.model_folder import load_segmenter, save_segmenter
from components.promptable.segmenter import Segmenter
from components.promptable.summary import count_parameters
from components.students import build_student, student_adapter, student_trunk
from components.teacher.base_weights import pretraining_exposure
from components.teacher.build import build_teacher, teacher_trunk
from components.training.ablation.progress import Clock, Tell
from components.training.ablation.variants import TEACHER, Variant
from components.training.checkpoints import CHECKPOINT
from components.training.distil import distil
from components.training.finetune import finetune
from components.training.loop import FitResult, Report
from components.types import Record

log = logging.getLogger(__name__)
MODEL, FINISHED = "model", "finished.json"
LIBRARY = Path(__file__).parents[2]
# What a trained network depends on; how variants are chosen and compared changes none of it.
CODE = (
    *sorted((LIBRARY / "training").glob("*.py")),
    LIBRARY / "promptable",
    LIBRARY / "students",
    LIBRARY / "teacher",
    LIBRARY / "evaluation/prompting",
    LIBRARY / "intake/form/records.py",
    LIBRARY / "preprocess.py",
    LIBRARY / "types.py",
)
SECTIONS = {
    "teacher": ("model", "augment", "teacher", "finetune"),
    "student": ("model", "augment", "student", "distil"),
}


@dataclass(frozen=True, slots=True)
class Data:
    """What all variants learn from: the sides of the split, and a digest of the split and its truth."""

    train: Sequence[Record]
    val: Sequence[Record]
    digest: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A variant's training: its folder, its model, its parameters, and how it went.

    `best_epoch` counts from 1; `seconds` are those of the session that finished it.
    """

    variant: Variant
    folder: Path
    description: ModelDescription
    parameters_total: int
    parameters_trainable: int
    best_val_dice: float
    best_epoch: int
    epochs: int
    seconds: float

    def load(self) -> Segmenter:
        """The trained network, on the CPU."""
        return load_segmenter(self.folder / MODEL, kind=self.variant.kind)[0]


def train_variants(
    variants: Sequence[Variant],
    params: Params,
    data: Data,
    *,
    work: Path,
    base_folder: Path,
    device: str,
    tell: Tell,
) -> list[Trained]:
    """Train the variants in order, each from wherever it was left; `TEACHER` must come before any student.

    Parameters
    ----------
    params
        The run's; each variant applies its change to them.
    work
        The folder that keeps what is finished and what is begun, from one call to the next.
    base_folder
        Where base weights are, or are downloaded to.
    device
        The device's name: what trained on another one isn't taken for the same.
    tell
        Called when a training begins and after each of its epochs.

    Raises
    ------
    TrainingError
        If nothing can be prompted, or a gradient isn't finite.
    ParamsError
        If a variant's change and the parameters contradict each other.
    KeyboardInterrupt
        On Ctrl-C; a checkpoint of the training under way is written first.
    """
    each = [(variant, variant.applied(params)) for variant in variants]
    clock = Clock([(own.finetune if v.kind == "teacher" else own.distil).epochs for v, own in each], tell)
    code = code_digest(*CODE)
    done: list[Trained] = []
    for number, (variant, own) in enumerate(each):
        teacher = next((one for one in done if one.variant.name == TEACHER), None)
        key = _key(variant, own, [data.digest, code, device], teacher=teacher)
        folder = work / f"{variant.name}-{key[:16]}"
        found = _finished(folder, variant)
        if found is None:
            report = clock.reporter(number, variant.name)
            if variant.kind == "teacher":
                network, result = _teach(own, data, folder=folder, key=key, base_folder=base_folder, report=report)
            else:
                assert teacher is not None, "students come after their teacher"
                network, result = _distil(variant, own, data, teacher, folder=folder, key=key, report=report)
            found = _keep(folder, variant, own, data, network, result)
        else:
            log.info("%s: trained before, and taken as it is", variant.name)
        clock.done(number)
        done.append(found)
    return done


def _key(variant: Variant, params: Params, others: list[str], *, teacher: Trained | None) -> str:
    """All that a training depends on, as one digest."""
    prompts = params.prompts
    said = [
        variant.kind,
        variant.takes_over,
        {name: without_how(getattr(params, name).model_dump(mode="json")) for name in SECTIONS[variant.kind]},
        [prompts.min_area_px, prompts.train.model_dump(mode="json"), prompts.evaluate.jitter, prompts.evaluate.seed],
        others,
        teacher.description.digest if teacher is not None and variant.kind == "student" else None,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _finished(folder: Path, variant: Variant) -> Trained | None:
    """What was trained before in this folder; None where there is nothing, or its model isn't as it was."""
    path = folder / FINISHED
    if not path.is_file():
        return None
    try:
        description = read_description(folder / MODEL)
        load_tensors(folder / MODEL, description)
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Trained(variant=variant, folder=folder, description=description, **kept)
    except (ArtefactError, ValueError, TypeError) as error:
        why = error.found if isinstance(error, ArtefactError) else f"{path} can't be read ({error})"
        log.warning("%s was trained before, but %s; training it again", variant.name, why)
        return None


def _teach(
    params: Params, data: Data, *, folder: Path, key: str, base_folder: Path, report: Report
) -> tuple[Segmenter, FitResult]:
    network = build_teacher(params.teacher, model=params.model, seed=params.finetune.seed, base_folder=base_folder)
    result = finetune(
        network,
        data.train,
        data.val,
        params.finetune,
        prompts=params.prompts,
        augment=params.augment,
        checkpoint_folder=folder,
        fingerprint=key,
        report=report,
    )
    return network, result


def _distil(
    variant: Variant, params: Params, data: Data, teacher: Trained, *, folder: Path, key: str, report: Report
) -> tuple[Segmenter, FitResult]:
    network = build_student(params.student, model=params.model, seed=params.distil.seed)
    result = distil(
        network,
        teacher.load(),
        data.train,
        data.val,
        params.distil,
        prompts=params.prompts,
        augment=params.augment,
        checkpoint_folder=folder,
        fingerprint=key,
        report=report,
        takes_over=variant.takes_over,
    )
    return network, result


def _keep(folder: Path, variant: Variant, params: Params, data: Data, network: Segmenter, result: FitResult) -> Trained:
    """Write the model, then that it is finished; the checkpoint has then done its service."""
    teaches = variant.kind == "teacher"
    description = save_segmenter(
        folder / MODEL,
        network,
        kind=variant.kind,
        name=params.teacher.hiera if teaches else params.student.name,
        trunk=teacher_trunk(params.teacher) if teaches else student_trunk(params.student),
        adapter=adapter_config(params.teacher.adapter) if teaches else student_adapter(params.student),
        phantom=any(record.phantom for record in data.train),
        base=params.teacher.base if teaches else f"the ablation's {TEACHER}",
        trained_on=tuple(sorted({record.dataset for record in data.train})),
        pretraining_exposure=pretraining_exposure(params.teacher),
        provenance={"ablation": variant.name},
    )
    kept: dict[str, Any] = {
        "parameters_total": count_parameters(network),
        "parameters_trainable": sum(one.numel() for one in network.parameters() if one.requires_grad),
        "best_val_dice": result.best_dice,
        "best_epoch": result.best_epoch + 1,
        "epochs": result.epochs,
        "seconds": result.seconds,
    }
    write_json(folder / FINISHED, kept)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return Trained(variant=variant, folder=folder, description=description, **kept)
