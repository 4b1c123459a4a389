"""A run's models and trainings to sentences: what is trained, from what, how, and how its weights were chosen.

Leaves out: data (about_data.py) and results (about_results.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from components.artefacts import ModelDescription
from components.params import OptimiseParams
from components.release.documents.run_files import Run

UNKNOWN = "unknown"


def model(run: Run) -> str:
    """What the model is made of."""
    student, config = run.student, run.student.config
    return (
        f"{student.name}, a promptable segmenter: {_trunk(config)} "
        f"{_adapters(config)}, a neck, SAM2's prompt encoder and mask decoder. Input: one image "
        f"stretched to {student.image_size_px} px square, boxes or clicks. Output: for each object one mask at the "
        f"image's own size and an estimate of its IoU. Weights sha256 {student.digest}"
    )


def _trunk(config: Mapping[str, object]) -> str:
    """Which trunk; the first models stated a Hiera's fields as `hiera`."""
    stated = config.get("trunk", config.get("hiera", {}))
    name = "a trunk of re-parameterised convolutions" if _is_convolutional(config) else "SAM2's Hiera trunk"
    fields = {key: value for key, value in stated.items() if key != "kind"} if isinstance(stated, dict) else stated
    return f"{name} ({_parts(fields)})"


def _is_convolutional(config: Mapping[str, object]) -> bool:
    stated = config.get("trunk")
    return isinstance(stated, dict) and stated.get("kind") == "rep"


def _adapters(config: Mapping[str, object]) -> str:
    values = config.get("adapter", {})
    branches = "an edge branch" if _is_convolutional(config) else "a context-edge adapter"
    if isinstance(values, dict) and values.get("variant") == "none":
        return "without adapters"
    return f"with {branches} in each block ({_parts(values)})"


def _parts(values: object) -> str:
    """A part of a model's configuration, as it stands in model.json."""
    if not isinstance(values, dict):
        return str(values)
    return ", ".join(f"{key} {value}" for key, value in sorted(values.items())) or "as built in"


def software(run: Run) -> str:
    """On which code and packages the model was trained."""
    record = run.student.provenance
    versions = ", ".join(f"{name} {version}" for name, version in sorted((record.get("versions") or {}).items()))
    return (
        f"{versions or UNKNOWN}; all packages pinned in requirements.lock.txt (sha256 "
        f"{record.get('lock_sha256', UNKNOWN)}); commit {record.get('git_sha', UNKNOWN)}, {_changed(run.student)}; "
        f"device {record.get('device', UNKNOWN)}"
    )


def _changed(description: ModelDescription) -> str:
    dirty = description.provenance.get("dirty")
    if description.provenance.get("git_sha", UNKNOWN) == UNKNOWN or dirty is None:
        return "whether files were changed beside it isn't known"
    return f"with {len(dirty)} files changed beside it" if dirty else "no file changed beside it"


def initial_weights(run: Run) -> str:
    """What the trainings began with."""
    known = run.teacher.pretraining_exposure
    seen = ", ".join(f"{name} {exposure}" for name, exposure in sorted(known.datasets.items()))
    return (
        f"Teacher: {run.teacher.base}; student: {run.student.base}. What the base weights had seen: {known.basis} "
        f"({f'{seen}, ' if seen else ''}any other {known.otherwise})"
    )


def training(run: Run) -> str:
    """How teacher and student were trained."""
    params = run.params
    prompts = params.prompts.train
    shares = ", ".join(
        f"{100 * share:g} % {kind}"
        for kind, share in (
            ("box", prompts.box_share),
            ("jittered box", prompts.box_jitter_share),
            ("click", prompts.click_share),
            ("box with click", prompts.box_click_share),
        )
    )
    trunk = "its trunk trained too" if params.teacher.base == "scratch" else "its trunk frozen"
    return (
        f"First the teacher ({run.teacher.name}, {trunk}): {_schedule(params.finetune)}. Then the student, by "
        f"distillation of the teacher's features at strides {', '.join(map(str, params.distil.levels))} with the mask "
        f"loss weighed {params.distil.mask_weight:g}: {_schedule(params.distil)}. Prompts drawn: {shares}. "
        f"Augmentation: {', '.join(f'{key} {value:g}' for key, value in params.augment.model_dump().items())}"
    )


def _schedule(params: OptimiseParams) -> str:
    return (
        f"epochs at most {params.epochs}, batches of {params.batch_size}"
        + (f" x {params.accumulate}" if params.accumulate > 1 else "")
        + f", learning rate {params.learning_rate:g} ({params.schedule}), weight decay {params.weight_decay:g}, seed "
        f"{params.seed}"
    )


def chosen_by(run: Run) -> str:
    """How the weights were chosen."""
    return (
        "Of each training the epoch with the best mean Dice on the val side; no training reads the test side. Whether "
        "people chose parameters after seeing test results (reports, `sonoforge ablate`) isn't recorded. A training "
        f"ends early after {run.params.distil.patience_epochs} epochs (teacher: "
        f"{run.params.finetune.patience_epochs}) without a better one"
    )


def preprocessing(run: Run) -> str:
    """What is done to images before the model sees them."""
    return (
        "Files are decoded to RGB and kept without loss at their own resolution; for the model an image is stretched "
        f"to {run.student.image_size_px} px square, its aspect ratio not kept, and normalised with ImageNet's mean "
        f"and deviation (preprocessing version {run.student.preprocess_version}, the same in training, testing and "
        "serving). Masks go back to the image's own pixels, where they are scored"
    )
