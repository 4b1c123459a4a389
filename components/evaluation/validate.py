"""Images, models and prompts to scored cases and their summary: one function for internal and external validation.

Both validations call `validate`; they differ in the records that they hand over. `select_test` picks the internal
test images by the split. Leaves out: what external images must not share (components/intake/sides/apart.py), files
that people read (components/evaluation/reporting/report.py) and any verdict (components/release/gate.py).
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from components.artefacts import code_digest
from components.engines import ONE_THREAD, Engine, Needs, Progress, Unknown
from components.evaluation.comparing.confidence_tables import Tried, guard_findings
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.summary import bootstrap_of, summarise
from components.evaluation.not_ultrasound import KINDS, draw_not_ultrasound
from components.evaluation.prompting.corrective import Predictor
from components.evaluation.prompting.prompts import draw_prompts
from components.evaluation.scoring.appearance import has_calipers, object_contrast
from components.evaluation.scoring.cases import Contender, Row, score_image
from components.evaluation.scoring.metrics import Tolerances
from components.intake.form.records import load_image, load_instances, mask_png
from components.intake.sides.apart import refuse_common
from components.journal import Journal
from components.params import EvaluateParams, PromptParams
from components.promptable import predict
from components.promptable.guard import check_image
from components.promptable.runtimes.runtime import THREADS
from components.types import Record

LIBRARY = Path(__file__).parents[1]
ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class ValidationResult:
    """The scored cases (one row for each case, prompt and model), `metrics.json`'s content, and the images scored."""

    cases: pd.DataFrame
    metrics: dict[str, Any]
    records: tuple[Record, ...]


def validate(
    records: Sequence[Record],
    *,
    models: Mapping[str, Contender],
    prompts: PromptParams,
    params: EvaluateParams,
    device: str,
    partial: Path,
    predictor: Predictor = predict,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
) -> ValidationResult:
    """Score models on images, at native resolution, and summarise by dataset, prompt and model.

    Parameters
    ----------
    records
        The images; those without an object large enough for a prompt give no case, and are counted.
    models
        By role (`student`, `teacher`, `champion`, a peer's name); the baselines are added by themselves. `student`
        must be there.
    device
        Where the models are (`cpu`, `cuda`): masks differ in single pixels from one to the other, so that rows of a
        run on one aren't taken up on the other.
    partial
        A folder for the rows of a run under way; an interrupted run continues from it. It is deleted by
        `finish`, once the results are safe.
    engine
        Who scores; threads do one image after the other, as the model has threads of its own.
    progress
        Called with the numbers of images done and of all.
    """
    ordered = _ordered(records)
    cases = score_records(
        ordered,
        models=models,
        prompts=prompts,
        tolerances=Tolerances(px=params.nsd_tolerance_px, mm=params.nsd_tolerance_mm),
        device=device,
        partial=partial,
        predictor=predictor,
        engine=engine,
        progress=progress,
    )
    metrics = summarise(cases, ordered, models=models, params=params) | _guard(
        models[SUBJECT], cases, predictor, params
    )
    return ValidationResult(cases=cases, metrics=metrics, records=tuple(ordered))


def score_records(
    records: Sequence[Record],
    *,
    models: Mapping[str, Contender],
    prompts: PromptParams,
    tolerances: Tolerances,
    device: str,
    partial: Path,
    predictor: Predictor = predict,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The scored cases alone, of any models by any names; arguments as `validate` takes them."""
    ordered = _ordered(records)
    # Keys cover all that the rows depend on, so that the folder itself needs no stamp.
    kept = Journal(partial, {})
    key_of = functools.partial(_image_key, run_key=_run_key(models, prompts, tolerances, device))
    scorer = _Scorer(models, prompts, predictor, tolerances)
    needs = Needs(cpus=THREADS, gpus=int(device.startswith("cuda")))
    if progress is not None:
        progress(0, len(ordered))
    tables: list[pd.DataFrame] = []
    rows: list[Row] = []
    for key, found in engine.mapped(Unknown(key_of, scorer, kept.keys()), ordered, progress=progress, needs=needs):
        rows += kept.settled(key, found)
        # A table holds a row in a fraction of the memory that a dict takes.
        if len(rows) >= ROWS_AT_ONCE:
            tables.append(to_frame(rows))
            rows = []
    return pd.concat([*tables, to_frame(rows)], ignore_index=True)


def _guard(student: Contender, cases: pd.DataFrame, predictor: Predictor, params: EvaluateParams) -> dict[str, Any]:
    """`guard`: the student's guard tried on what isn't ultrasound and on these images; nothing without a
    calibration."""
    if student.calibration is None:
        return {}
    use = student.predictor or predictor
    tried = []
    for kind in KINDS:
        images = [draw_not_ultrasound(kind, seed=seed) for seed in range(params.not_ultrasound_images)]
        found = [check_image(student.calibration.guard, one, use.embed(student.segmenter, one)) for one in images]
        tried.append(Tried(kind, len(found), sum(one.flagged for one in found)))
    return {"guard": guard_findings(cases, student, who=SUBJECT, tried=tried, bootstrap=bootstrap_of(params))}


def _ordered(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.dataset, record.image_id))


def finish(partial: Path) -> None:
    """Delete what `validate` kept for resuming, once its results are written."""
    shutil.rmtree(partial, ignore_errors=True)


@dataclass(frozen=True)
class _Scorer:
    """One record to its rows."""

    models: Mapping[str, Contender]
    prompts: PromptParams
    predictor: Predictor
    tolerances: Tolerances

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Called where it arrives in another process, whose masks must be the same to the bit."""
        self.__dict__.update(state)
        predict.pin_threads()

    def __call__(self, record: Record) -> list[Row]:
        instances = load_instances(record)
        asked = self.prompts.evaluate
        drawn = draw_prompts(
            record,
            instances,
            kinds=asked.kinds,
            jitter=asked.jitter,
            seed=asked.seed,
            min_area_px=self.prompts.min_area_px,
        )
        if not drawn:
            return []
        image = load_image(record)
        rows = score_image(
            record,
            image,
            instances,
            drawn,
            models=self.models,
            predictor=self.predictor,
            tolerances=self.tolerances,
        )
        calipers = float(has_calipers(image))
        objects = {one.object_index for one in drawn} - {0}
        contrasts = {index: object_contrast(image, instances, index) for index in objects}
        return [row | {"contrast": contrasts.get(row["object_index"]), "calipers": calipers} for row in rows]


def to_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows to a table with the columns of CASE_COLUMNS in their types, also where there is no row."""
    frame = pd.DataFrame(list(rows), columns=list(CASE_COLUMNS))
    return frame.astype(CASE_COLUMNS)


CASE_COLUMNS = {
    "case_id": "str",
    "dataset": "str",
    "image_id": "str",
    "group": "str",
    "object_index": "int64",
    "label": "str",
    "subject_class": "str",
    "scanner": "str",
    "site": "str",
    "prompt": "str",
    "prompt_json": "str",
    "model": "str",
    "model_digest": "str",
    "dice": "float64",
    "iou": "float64",
    "nsd_px": "float64",
    "nsd_mm": "float64",
    "hd95_px": "float64",
    "hd_px": "float64",
    "hd95_mm": "float64",
    "hd_mm": "float64",
    "area_error_share": "float64",
    "miss": "float64",
    "false_region": "float64",
    "fallback": "float64",
    "quality": "float64",
    "confidence": "float64",
    "guard_score": "float64",
    "abstain": "float64",
    "contrast": "float64",
    "calipers": "float64",
    "area_px": "int64",
    "predicted_area_px": "int64",
    "height_px": "int64",
    "width_px": "int64",
    "spacing_row_mm": "float64",
    "spacing_column_mm": "float64",
    "phantom": "bool",
    "flags": "str",
    "mask_counts": "str",
}
"""Columns of cases.parquet and their types; `mask_counts` are COCO run lengths of the predicted mask."""


def select_test(records: Sequence[Record], split: pd.DataFrame) -> list[Record]:
    """The records whose part of the split is `test`, each with the split's group.

    The split joins relatives that the manifest doesn't know (near copies), so that its groups are what intervals
    must be resampled by. Neither its groups nor the manifest's may cross.

    Raises
    ------
    LeakError
        If a group or an image (by its pixels) of theirs is also in `train` or `val`.
    """
    columns = (split[name].astype(str) for name in ("dataset", "image_id", "split", "group"))
    rows = {(dataset, image_id): (part, group) for dataset, image_id, part, group in zip(*columns, strict=True)}
    placed = [(rows[key], record) for record in records if (key := (record.dataset, record.image_id)) in rows]
    known = [record for (part, _), record in placed if part == "test"]
    test = [replace(record, group=group) for (part, group), record in placed if part == "test"]
    seen = [record for (part, _), record in placed if part in ("train", "val")]
    joined = [replace(record, group=group) for (part, group), record in placed if part in ("train", "val")]
    for some, others in ((known, seen), (test, joined)):
        refuse_common(some, others, between="the test images and those of training or validation")
    return test


def _run_key(models: Mapping[str, Contender], prompts: PromptParams, tolerances: Tolerances, device: str) -> str:
    """What all rows of a run depend on: weights, calibrations, prompts, tolerances, device, the code that makes and
    scores masks."""
    digests = [
        [who, model.digest, None if model.calibration is None else model.calibration.model_dump_json()]
        for who, model in models.items()
    ]
    drawn = {"evaluate": prompts.evaluate.model_dump(mode="json"), "min_area_px": prompts.min_area_px}
    return _digest(
        json.dumps([digests, drawn, asdict(tolerances), device, code_digest(LIBRARY)], sort_keys=True).encode()
    )


def _image_key(record: Record, *, run_key: str) -> str:
    identity = repr((record.dataset, record.image_id, record.group, record.objects, record.spacing_mm, record.flags))
    truth = _digest(mask_png(record))
    told = repr((record.subject_class, record.scanner, record.site))
    return _digest(f"{run_key}|{identity}|{told}|{record.pixels_md5}|{truth}".encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
