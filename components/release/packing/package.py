"""A student, its calibration and scored cases to what would be released, and to the record of how that behaves.

The candidate (`models/candidate`) is a model folder: weights, description, calibration, the reference that traffic is
held against, the network as ONNX, and golden cases in a folder of their own, which never goes further: they are images
of datasets, whose licences may forbid to pass them on. Its Bento is built, started and asked; `reports/package.json`
says what came of it and lists the Bento's files by sha256, so that a release can be held against what was judged.

Leaves out: whether that is good enough (checks), and releasing it (promote.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.artefacts import DESCRIPTION, WEIGHTS, ModelDescription, replacing_folder
from components.errors import ReleaseError
from components.evaluation.speed import describe_machine
from components.listing import MODEL
from components.params.serving import RUNTIME_NAMES, RuntimeChoice, RuntimeName
from components.promptable.calibration import read_calibration
from components.promptable.export import export_onnx
from components.promptable.predict import segment
from components.promptable.reference import REFERENCE, find_reference
from components.promptable.runtimes.loading import load_runtime, runnable
from components.promptable.self_check import write_self_check
from components.release.files import CALIBRATION, bento_files, package_digest, unsafe_files
from components.release.packing.golden import Agreement, GoldenImage, agreement, write_golden
from components.release.packing.packaged import GOLDEN
from components.release.packing.self_checks import make_self_check
from components.release.packing.trial import Trial
from components.release.records.released import checked_description
from components.students import load_student
from components.types import Mask


def assemble(
    folder: Path,
    *,
    model: Path,
    calibration: Path,
    golden: Sequence[GoldenImage],
    runtime: RuntimeName = "onnxruntime",
) -> ModelDescription:
    """Write the candidate's folder in one piece; `calibration` is the file of that name; a reference may lie beside it.

    The self-check's masks are those of `runtime`, which shall serve it.

    Raises
    ------
    ReleaseError
        If the weights were altered, there is no calibration, or there is no golden case.
    ArtefactError
        If the model folder is incomplete, or the calibration or the reference is broken or another model's.
    """
    description = checked_description(model)
    if not golden:
        raise ReleaseError(
            "no golden case: no scored case has a prompt that names something",
            expected="test images with boxes or clicks in the validations' cases.parquet",
            remedy="have more images, and a kind of prompt other than `none` in prompts.evaluate.kinds",
        )
    if read_calibration(calibration.parent, model_digest=description.digest) is None:
        raise ReleaseError(f"no {calibration}", expected="the model's calibration", remedy="`dvc repro calibrate`")
    watched = find_reference(calibration.parent, model_digest=description.digest) is not None
    segmenter, _ = load_student(model)
    with replacing_folder(folder) as beside:
        for name in (WEIGHTS, DESCRIPTION):
            shutil.copy2(model / name, beside / name)
        shutil.copy2(calibration, beside / CALIBRATION)
        if watched:
            shutil.copy2(calibration.with_name(REFERENCE), beside / REFERENCE)
        export_onnx(segmenter, beside)
        write_self_check(beside, make_self_check(load_runtime(beside, runtime), description.digest))
        write_golden(beside / GOLDEN, golden)
    return description


def masks_by(folder: Path, runtime: RuntimeName, golden: Sequence[GoldenImage]) -> Iterator[Mask]:
    """The masks (H W) that a model folder's network gives for the golden cases in a runtime, in order."""
    model = load_runtime(folder, runtime)
    for one in golden:
        for prediction in segment(model, one.image, [case.prompt for case in one.cases]):
            yield prediction.mask


def exported_agreement(folder: Path, golden: Sequence[GoldenImage]) -> Agreement:
    """Hold what the exported network (ONNX) of a folder answers against the masks that were scored."""
    return runtime_agreement(folder, golden, "onnxruntime")


def runtime_agreement(folder: Path, golden: Sequence[GoldenImage], runtime: RuntimeName) -> Agreement:
    """Hold what a folder answers in a runtime against the masks that were scored."""
    scored = (case.mask for one in golden for case in one.cases)
    return agreement(zip(masks_by(folder, runtime, golden), scored, strict=True))


def allowed_runtimes(folder: Path, choice: RuntimeChoice) -> tuple[RuntimeName, ...]:
    """What may run a folder where a service is set so; with `auto` any that is installed here."""
    return runnable(folder) if choice == "auto" else (choice,)


def served_agreement(folder: Path, golden: Sequence[GoldenImage], trial: Trial) -> Agreement:
    """Hold what the service answered against the same runtime's answers without a service around it.

    Raises
    ------
    ReleaseError
        If the service names a runtime that isn't known here.
    """
    if trial.runtime not in RUNTIME_NAMES:
        raise ReleaseError(
            f"the service says that {trial.runtime!r} runs its model",
            expected=f"one of {', '.join(RUNTIME_NAMES)}",
            remedy="pack the model again with this code: `dvc repro package`",
        )
    return agreement(zip(trial.masks, masks_by(folder, trial.runtime, golden), strict=True))


def package_record(
    description: ModelDescription,
    *,
    tag: str,
    bento: Path,
    golden: Sequence[GoldenImage],
    exported: Agreement,
    runtimes: Mapping[RuntimeName, Agreement],
    served: Agreement,
    trial: Trial,
) -> dict[str, Any]:
    """What `reports/package.json` holds; `tag` and `bento` are those of the built Bento, and where it lies.

    `runtimes` are all that may run the model as the service is set.
    """
    files = bento_files(bento)
    unsafe = {MODEL + name for name in unsafe_files(bento / MODEL)} | set(unsafe_files(bento, model_only=False))
    return {
        "schema": 1,
        "model": {"name": description.name, "digest": description.digest},
        "phantom": description.phantom or any(one.phantom for one in golden),
        "bento": tag,
        "files": files,
        "package_sha256": package_digest(files),
        "unsafe_files": sorted(unsafe),
        "golden": {"images": len(golden), "cases": sum(len(one.cases) for one in golden)},
        "runtime": trial.runtime,
        "runtime_told": trial.runtime_told,
        "parity": {"exported": asdict(exported), "service": asdict(trial.agreement)},
        "served": asdict(served),
        "runtimes": {name: asdict(found) for name, found in runtimes.items()},
        "latency_ms": {
            name: {"p50": found.p50_ms, "p95": found.p95_ms, "n": found.n}
            for name, found in (("embed", trial.embed), ("segment", trial.segment))
        },
        "start_s": round(trial.start_s, 3),
        "peak_memory_mb": round(trial.peak_memory_bytes / 1e6, 1),
        "machine": describe_machine(),
    }
