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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
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
from components.evaluation.scoring.table import Cases, StoredCases
from components.intake.form.records import load_image, load_instances, mask_png
from components.intake.sides.apart import refuse_common
from components.journal import Journal
from components.params import EvaluateParams, PromptParams
from components.promptable import predict
from components.promptable.guard import check_image
from components.promptable.runtimes.runtime import THREADS
from components.stored_list import StoredList
from components.texts import Numbers
from components.types import Record

LIBRARY = Path(__file__).parents[1]
_Sides = tuple[StoredList[Record], StoredList[Record]]


@dataclass(frozen=True)
class ValidationResult:
    """The scored cases (one row for each case, prompt and model), `metrics.json`'s content, and the images scored.

    `scored` stands on the disk; `cases` reads it whole, half a kilobyte a row and more.
    """

    scored: StoredCases
    metrics: dict[str, Any]
    records: Sequence[Record]

    @property
    def cases(self) -> pd.DataFrame:
        """All columns of all scored cases, in memory."""
        return self.scored.read(self.scored.columns)


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
    scored = score_records(
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
    metrics = summarise(scored, ordered, models=models, params=params) | _guard(
        models[SUBJECT], scored, predictor, params
    )
    return ValidationResult(scored=scored, metrics=metrics, records=ordered)


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
) -> StoredCases:
    """The scored cases alone, of any models by any names; arguments as `validate` takes them."""
    ordered = _ordered(records)
    # Keys cover all that the rows depend on, so that the folder itself needs no stamp.
    kept = Journal(partial, {})
    key_of = functools.partial(_image_key, run_key=_run_key(models, prompts, tolerances, device))
    scorer = _Scorer(models, prompts, predictor, tolerances)
    needs = Needs(cpus=THREADS, gpus=int(device.startswith("cuda")))
    if progress is not None:
        progress(0, len(ordered))
    done = engine.mapped(Unknown(key_of, scorer, kept.keys()), ordered, progress=progress, needs=needs)
    return StoredCases(row for key, found in done for row in kept.settled(key, found))


def _guard(student: Contender, cases: Cases, predictor: Predictor, params: EvaluateParams) -> dict[str, Any]:
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


def _ordered(records: Sequence[Record]) -> Sequence[Record]:
    """Records by dataset and id: as they are where they are in that order, as those of manifests are."""
    if all(_place(one) <= _place(following) for one, following in pairwise(records)):
        return records
    return records.ordered(_place) if isinstance(records, StoredList) else sorted(records, key=_place)


def _place(record: Record) -> tuple[str, str]:
    return record.dataset, record.image_id


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


def select_test(records: Iterable[Record], split: pd.DataFrame) -> StoredList[Record]:
    """The records whose part of the split is `test`, each with the split's group.

    The split joins relatives that the manifest doesn't know (near copies), so that its groups are what intervals
    must be resampled by. Neither its groups nor the manifest's may cross. Records are passed over, and held on the
    disk.

    Raises
    ------
    LeakError
        If a group or an image (by its pixels) of theirs is also in `train` or `val`.
    """
    known, joined = _sides(records, split)
    for test, seen in (known, joined):
        refuse_common(test, seen, between="the test images and those of training or validation")
    return joined[0]


def _sides(records: Iterable[Record], split: pd.DataFrame) -> tuple[_Sides, _Sides]:
    """The records of the test side, and those of training and validation: with their own groups, and the split's."""
    names, parts, groups = (split[name].astype("str") for name in ("image_id", "split", "group"))
    places = enumerate(zip(split["dataset"].astype("str"), names, strict=True))
    rows = Numbers((f"{dataset}/{image_id}", at) for at, (dataset, image_id) in places)
    known: _Sides = (StoredList(), StoredList())
    joined: _Sides = (StoredList(), StoredList())
    for record in records:
        at = rows.get(f"{record.dataset}/{record.image_id}")
        if at is not None:
            seen = int(parts.iloc[at] != "test")
            known[seen].append(record)
            joined[seen].append(replace(record, group=str(groups.iloc[at])))
    return known, joined


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
