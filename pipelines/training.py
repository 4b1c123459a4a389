"""What the trainings share: the split's records, curves that survive an interruption, a fingerprint.

Leaves out: the training itself (components/training).
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from matplotlib.figure import Figure
from pydantic import BaseModel, ValidationError

from components.artefacts import replacing, write_json
from components.errors import LayoutError, first_fault
from components.intake.form.records import read_manifest, read_split
from components.params import FitParams, Params
from components.params.training import without_how
from components.training.loop import PACE_METRICS, FitResult, Report
from components.training.teacher_outputs import CACHE_METRICS
from components.types import Record
from pipelines.ranks import train_on_ranks
from pipelines.runtime.stage import Job
from pipelines.runtime.steps import step

INTERNAL = Path("data/02_harmonised/internal")
SPLIT = Path("data/03_splits/internal.csv")
# What a training takes of `prompts`; val is scored at jittered boxes whatever kinds the validations draw.
PROMPTS = ("prompts.min_area_px", "prompts.train", "prompts.evaluate.jitter", "prompts.evaluate.seed")

# Where work is done; imported or not by the engine in use, which no byte of a result depends on.
ENGINES = "components.engines"

log = logging.getLogger(__name__)


class Run(Protocol):
    """Where metrics go."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics at a step."""
        ...


class Place(Protocol):
    """What a training needs of a stage's job; one of several processes (ranks.py) has no more."""

    @property
    def root(self) -> Path:
        """The project."""
        ...

    @property
    def scratch(self) -> Path:
        """The folder of what an interrupted training leaves."""
        ...

    @property
    def params(self) -> Params:
        """The parameters."""
        ...

    @property
    def run(self) -> Run:
        """Where metrics go."""
        ...


def records_of(root: Path, side: str) -> list[Record]:
    """The records that the split gives to `train`, `val` or `test`, in the split's order."""
    frame = read_split(root / SPLIT)
    wanted = frame[frame["split"] == side]
    found = {
        (record.dataset, record.image_id): record
        for name in wanted["dataset"].unique()
        for record in read_manifest(root / INTERNAL / name)
    }
    return [found[dataset, image_id] for dataset, image_id in zip(wanted["dataset"], wanted["image_id"], strict=True)]


@step(timeout_s=600, retries=2)
def read_records(job: Job) -> tuple[list[Record], list[Record]]:
    """Read the records of train and val, as `sides_of`."""
    return sides_of(job.root, least_px=job.params.prompts.min_area_px, who=job.stage)


def sides_of(root: Path, *, least_px: int, who: str) -> tuple[list[Record], list[Record]]:
    """The records of train and val; `who` reads them, for errors.

    Raises
    ------
    LayoutError
        If one of them has no object of `least_px` pixels or more, as a prompt needs.
    """
    sides = records_of(root, "train"), records_of(root, "val")
    for name, records in zip(("train", "val"), sides, strict=True):
        if not any(one.area_px >= least_px for record in records for one in record.objects):
            raise LayoutError(
                f"{who}: none of the {len(records)} {name} images has an object of {least_px} pixels or more",
                expected="at least one, to train and to choose the weights by",
                remedy="bring in more images, raise split.val_share, or lower prompts.min_area_px",
            )
    return sides


def fingerprint(job: Job) -> str:
    """Names the data, parameters and code of a training; a checkpoint of another one must not be continued."""
    digest = hashlib.sha256()
    params = without_how(job.params.model_dump(mode="json"))
    said = {"params": params, "data": job.provenance.data, "device": job.provenance.device}
    digest.update(json.dumps(said, sort_keys=True).encode())
    for name in sorted(name for name in sys.modules if name == "components" or name.startswith("components.")):
        if name == ENGINES or name.startswith(f"{ENGINES}."):
            continue
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None:
            digest.update(f"{name}\n".encode() + Path(file).read_bytes())
    return digest.hexdigest()


class _KeptCurve(BaseModel):
    """What `Curve` keeps of a training that goes on, by epoch."""

    fingerprint: str
    epochs: dict[int, dict[str, float]]


class Curve:
    """A training's metrics by epoch: told to the tracking run, kept beside the checkpoint, written at the end.

    `under` comes before the metrics' names in the run, for a stage that trains several models.
    """

    def __init__(self, job: Place, key: str, *, under: str = "") -> None:
        self._job = job
        self._under = under
        self._path = job.scratch / "curve.json"
        self._key = key
        self._rows: dict[int, dict[str, float]] = {}
        self.catch_up()

    def catch_up(self) -> None:
        """Tell the run what stands in the kept curve and wasn't told yet: an earlier session's, or other processes'."""
        for epoch, row in self._kept().items():
            if epoch not in self._rows:
                self._rows[epoch] = row
                self.log(row, step=epoch)

    def _kept(self) -> dict[int, dict[str, float]]:
        """The kept curve's epochs; none where it is another training's. A damaged one is set aside: it only tells how
        the training went, and stops none."""
        if not self._path.is_file():
            return {}
        try:
            kept = _KeptCurve.model_validate_json(self._path.read_bytes())
        except ValidationError as error:
            aside = self._path.with_suffix(".damaged")
            with contextlib.suppress(FileNotFoundError):  # another process of the same training was first
                self._path.replace(aside)
            why = first_fault(error)
            log.warning("%s is damaged (%s): it is %s now; the curve lacks what was kept", self._path, why, aside.name)
            return {}
        return kept.epochs if kept.fingerprint == self._key else {}

    def log(self, metrics: dict[str, float], step: int = 0) -> None:
        """Tell the tracking run metrics that don't stand in the curve itself."""
        self._job.run.log_metrics({f"{self._under}{name}": value for name, value in metrics.items()}, step=step)

    def report(self, metrics: dict[str, float], epoch: int) -> None:
        """Take an epoch's metrics."""
        self._rows[epoch] = metrics
        write_json(self._path, {"fingerprint": self._key, "epochs": self._rows})
        self.log(metrics, step=epoch)

    def write(self, path: Path) -> None:
        """Write the whole curve as CSV, a row for each epoch."""
        names = self._names()
        with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["epoch", *names])
            for epoch, row in sorted(self._rows.items()):
                table.writerow([epoch, *(f"{row[name]:.6g}" if name in row else "" for name in names)])

    def figure(self, title: str) -> Figure:
        """Losses on train and scores on val, by epoch."""
        figure = Figure(figsize=(9, 4), layout="constrained")
        figure.suptitle(title)
        losses, scores = figure.subplots(1, 2)
        for axes, prefix, label in ((losses, "train_", "loss on train"), (scores, "val_", "score on val")):
            axes.set(xlabel="epoch", ylabel=label)
            for name in (name for name in self._names() if name.startswith(prefix)):
                points = {epoch: row[name] for epoch, row in sorted(self._rows.items()) if name in row}
                axes.plot(list(points), list(points.values()), marker=".", label=name.removeprefix(prefix))
            axes.legend()
        scores.set_ylim(0, 1)
        return figure

    def _names(self) -> list[str]:
        return sorted({name for row in self._rows.values() for name in row} - {*PACE_METRICS, *CACHE_METRICS})


def conclude(
    job: Job,
    result: FitResult,
    curve: Curve,
    *,
    train: Sequence[Record],
    val: Sequence[Record],
    path: Path | None = None,
) -> None:
    """Write the curve (to `reports/training/<stage>.csv` unless said otherwise), and record the result."""
    path = path or job.root / "reports/training" / f"{job.stage}.csv"
    curve.write(path)
    job.run.log_artifact(path)
    job.run.log_figure(curve.figure(path.stem), f"{path.stem}.png")
    curve.log({"best_val_dice": result.best_dice, "best_epoch": result.best_epoch + 1, "steps": result.steps})
    curve.log({"train_images": len(train), "val_images": len(val), "seconds": result.seconds})
    log.info("best val Dice %.4f in epoch %d of %d", result.best_dice, result.best_epoch + 1, result.epochs)


def fit_with_curve(
    job: Job, records: tuple[list[Record], list[Record]], fit: Callable[[str, Report], FitResult], *, how: FitParams
) -> FitResult:
    """Train by `fit`, which is given the training's fingerprint and whom to tell each epoch, and record it as a stage's
    one training."""
    key = fingerprint(job)
    curve = Curve(job, key)
    result = fit_anywhere(job, fit, curve, how=how, module=f"pipelines.{job.stage}", key=key)
    conclude(job, result, curve, train=records[0], val=records[1])
    return result


def fit_anywhere(
    job: Job, fit: Callable[[str, Report], FitResult], curve: Curve, *, how: FitParams, module: str, key: str
) -> FitResult:
    """Train by `fit` in this process, or on as many as the parameters ask for, by the `fit` of the stage's module; this
    process then takes up the finished checkpoint, and has nothing left to learn."""
    if how.machine.processes * how.machine.nodes == 1:
        return fit(key, curve.report)
    seconds = train_on_ranks(job, how.machine, module=module, key=key, heard=curve.catch_up)
    result = fit(key, curve.report)
    return replace(result, seconds=result.seconds + seconds)


def leave_model(job: Job, folder: Path, digest: str) -> None:
    """Tell the run which model it made, and drop the checkpoint, which has then done its service."""
    job.run.log_tags({"sonoforge.weights_sha256": digest})
    job.run.log_artifact(job.root / folder / "model.json")
    clear_scratch(job)


def clear_scratch(job: Job) -> None:
    """Delete the checkpoint and the kept curve: a forced rerun must train again, not find itself finished."""
    for path in sorted(job.scratch.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
