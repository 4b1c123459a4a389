"""The training loop that all trainings share: batches to the best weights by validation Dice.

It can be stopped at any moment: a checkpoint (everything needed to go on, with the place in the epoch) is written
after every epoch, at least every so many seconds, and on Ctrl-C. The same task taken up again continues there, with
any number of processes; a checkpoint of another task (other data, parameters or code versions) is deleted, with a log
line. Where several processes train together (ranks.py), each learns from its share of every batch, and the first one
alone reports and writes.

Leaves out: what is trained and how it is scored (finetune.py, distil.py, unet.py), and where metrics go (`report`).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from components.errors import ParamsError, TrainingError
from components.params import FitParams
from components.training.allocator import keep_freed_memory
from components.training.batch_norm import running_statistics, share_batch_norm
from components.training.checkpoints import drop_foreign_checkpoint, read_checkpoint, write_checkpoint
from components.training.data import Batch, TrainingImages
from components.training.loading import ahead, grouped, training_loader
from components.training.losses import Losses
from components.training.pace import LEAST_S, Pace, in_words
from components.training.ranks import current_ranks
from components.training.stepping import autocast, learning_rate_factor

log = logging.getLogger(__name__)
Report = Callable[[dict[str, float], int], None]
# Metrics that say how the machine did; they come out otherwise each time.
PACE_METRICS = ("images_per_second", "waiting_share")


class Task(Protocol):
    """What a training has to say: its network, its losses by name, and its validation metrics with `dice`."""

    @property
    def network(self) -> nn.Module:
        """What trains."""
        ...

    def losses(self, batch: Batch) -> Losses:
        """The weighted losses of a batch; their sum is minimised."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on `val`, the same on all ranks; `dice` chooses the weights."""
        ...


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a training went: best validation Dice and its epoch, epochs run, steps, seconds in this session."""

    best_dice: float
    best_epoch: int
    epochs: int
    steps: int
    seconds: float
    stopped_early: bool


@dataclass(slots=True)
class _Progress:
    """Where a training stands; what a checkpoint holds beside weights and optimiser."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_dice: float = -1.0
    best_epoch: int = -1
    sums: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Share:
    """A rank's share of a batch's images and objects, 0 to 1; the whole batch's images, and its longest prompt."""

    of_images: float
    of_objects: float
    images: int
    points: int


class Trainer:
    """One training: `fit` runs it to its end, from wherever a checkpoint in `folder` left it."""

    def __init__(
        self,
        task: Task,
        images: TrainingImages,
        params: FitParams,
        *,
        folder: Path,
        fingerprint: str,
        report: Report,
        device: torch.device,
    ) -> None:
        self.task = task
        self.images = images
        if len(images) == 0:
            raise TrainingError(
                "no training image holds an object that could be prompted",
                expected="annotated objects of at least prompts.min_area_px",
                remedy="lower prompts.min_area_px, or look at the datasets with `sonoforge data check`",
            )
        self.ranks = current_ranks()
        if params.batch_size < self.ranks.size:
            raise ParamsError(
                f"params.yaml: batches of {params.batch_size} images for {self.ranks.size} processes",
                expected="at least one image for each process",
                remedy="raise batch_size, or lower machine.processes or machine.nodes",
            )
        self.loader, self.sampler = training_loader(
            images,
            batch_size=params.batch_size,
            workers=params.loader_workers,
            pinned=device.type == "cuda",
        )
        self.params = params
        self.folder = folder
        self.fingerprint = fingerprint
        self.report = report
        self.device = device
        if self.ranks.size > 1:
            share_batch_norm(task.network, self.ranks)
        trained = [p for p in task.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            trained, lr=params.learning_rate, weight_decay=params.weight_decay, fused=True
        )
        self.trained = trained
        self.progress = _Progress()
        self.best: dict[str, Tensor] = {}
        self.saved_at = time.monotonic()
        self.updating = False
        self.before_step: list[tuple[Tensor, Tensor]] = []

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in an epoch."""
        batches = math.ceil(len(self.images) / self.params.batch_size)
        return math.ceil(batches / self.params.accumulate)

    def fit(self) -> FitResult:
        """Train until the last epoch, or until `patience_epochs` brought nothing better; the network ends with the
        best weights."""
        started = time.monotonic()
        keep_freed_memory()
        self._resume()
        stopped_early = self.progress.epoch > 0 and self._since_best() >= self.params.patience_epochs
        try:
            while self.progress.epoch < self.params.epochs and not stopped_early:
                self._epoch()
                stopped_early = self._since_best() >= self.params.patience_epochs
        except KeyboardInterrupt:
            # Within an update weights and optimiser may be half changed: then the last checkpoint stands.
            if not self.updating:
                self._undo_forward()
                self._save()
            log.info("interrupted in epoch %d; the checkpoint is in %s", self.progress.epoch + 1, self.folder)
            raise
        self.task.network.load_state_dict(self.best)
        done = self.progress
        return FitResult(
            done.best_dice, done.best_epoch, done.epoch, done.step, time.monotonic() - started, stopped_early
        )

    def _since_best(self) -> int:
        return self.progress.epoch - 1 - self.progress.best_epoch

    def _epoch(self) -> None:
        done = self.progress
        self.task.network.train()
        start = done.batch * self.params.batch_size
        self.sampler.go_to(epoch=done.epoch, start=start)
        pace = Pace(
            f"epoch {done.epoch + 1}/{self.params.epochs}",
            images=len(self.images),
            begun=start,
            later=(self.params.epochs - done.epoch - 1) * len(self.images),
            speaks=self.ranks.first,
        )
        # A loader with processes of its own is ahead already.
        batches = self.loader if self.params.loader_workers else ahead(self.loader)
        for group in grouped(pace.timed(batches), self.params.accumulate):
            pace.learnt(self._step(group))
            if time.monotonic() - self.saved_at > self.params.checkpoint_seconds:
                self._save()
        self._finish_epoch({name: float(getattr(pace, name)) for name in PACE_METRICS if pace.known})

    def _step(self, group: list[Batch]) -> int:
        """One step of the optimiser; returns the images that it learnt from, those of all ranks."""
        done = self.progress
        self.before_step = [(moved, moved.clone()) for moved in running_statistics(self.task.network)]
        factor = learning_rate_factor(done.step, steps_per_epoch=self.steps_per_epoch, params=self.params)
        for settings in self.optimiser.param_groups:
            settings["lr"] = self.params.learning_rate * factor
        sums: dict[str, float] = {}
        seen = 0
        for place, batch in enumerate(group):
            share = self._share(batch, done.batch + place)
            seen += share.images
            with autocast(self.params.amp, self.device):
                losses = self.task.losses(batch.padded(share.points).to(self.device))
            values = losses.weighed(of_images=share.of_images, of_objects=share.of_objects)
            each = torch.stack(list(values.values()))
            (each.sum() / len(group)).backward()
            # All at once: each number that is asked of a GPU waits for it.
            for name, value in zip(values, each.tolist(), strict=True):
                sums[name] = sums.get(name, 0.0) + value / len(group)
        self.ranks.add_gradients(self.trained)
        norm = torch.nn.utils.clip_grad_norm_(self.trained, self.params.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise TrainingError(
                f"the gradient isn't finite in epoch {done.epoch + 1}, step {done.step}",
                expected="finite numbers",
                remedy="lower learning_rate or clip_norm, or set amp to `off`, and run again",
            )
        sums = dict(zip(sums, self.ranks.summed(list(sums.values())), strict=True))
        self.updating = True
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        done.sums = {name: done.sums.get(name, 0.0) + value for name, value in sums.items()}
        done.step += 1
        done.batch += len(group)
        self.before_step = []
        self.updating = False
        return seen

    @torch.no_grad()
    def _undo_forward(self) -> None:
        """Put back the running statistics that a step's forward passes moved, if its update never came."""
        for moved, before in self.before_step:
            moved.copy_(before)

    def _share(self, batch: Batch, number: int) -> _Share:
        """What this rank's batch is of all ranks', the epoch's `number`th.

        A last, short batch may have fewer images than there are ranks: the others go through one that counts nothing.

        Raises
        ------
        KeyboardInterrupt
            On every rank, if one was asked to stop.
        """
        ranks = self.ranks
        ranks.counted = ranks.rank < len(self.images) - number * self.params.batch_size
        images, objects = ranks.counted * len(batch.images), ranks.counted * len(batch.truth)
        each = ranks.each([images, objects, batch.prompts.labels.shape[1], ranks.stop_asked])
        all_images, all_objects, points, stop = zip(*each, strict=True)
        if any(stop):
            raise KeyboardInterrupt
        return _Share(images / sum(all_images), objects / sum(all_objects), int(sum(all_images)), int(max(points)))

    def _finish_epoch(self, pace: dict[str, float]) -> None:
        """Validate, report and save; `pace` holds PACE_METRICS, or nothing where they aren't known."""
        done = self.progress
        self.task.network.eval()
        scores = self.task.validate()
        steps = max(1, self.steps_per_epoch)
        train = {f"train_{name}": value / steps for name, value in sorted(done.sums.items())}
        metrics = {
            **train,
            "train_loss": sum(train.values()),
            **{f"val_{name}": value for name, value in scores.items()},
            "learning_rate": float(self.optimiser.param_groups[0]["lr"]),
            **pace,
        }
        self.updating = True
        if scores["dice"] > done.best_dice:
            done.best_dice, done.best_epoch = scores["dice"], done.epoch
            self.best = {name: value.detach().clone() for name, value in self.task.network.state_dict().items()}
        done.epoch, done.batch, done.sums = done.epoch + 1, 0, {}
        self.updating = False
        if not self.ranks.first:
            return
        how_fast = ""
        if pace:
            left_s = (self.params.epochs - done.epoch) * len(self.images) / max(LEAST_S, pace["images_per_second"])
            how_fast = f", {pace['images_per_second']:.1f} images/s, about {in_words(left_s)} left"
        log.info(
            "epoch %d/%d: loss %.4f, val Dice %.4f (best %.4f)%s",
            *(done.epoch, self.params.epochs, metrics["train_loss"], scores["dice"], done.best_dice, how_fast),
        )
        # Told first: a kill before the checkpoint repeats the epoch's end, one after it loses nothing.
        self.report(metrics, done.epoch)
        self._save()

    def _save(self) -> None:
        self.saved_at = time.monotonic()
        if not self.ranks.first:
            return
        done = self.progress
        state = {
            "fingerprint": self.fingerprint,
            "network": self.task.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "progress": {name: getattr(done, name) for name in _Progress.__slots__},
            "torch_rng": torch.get_rng_state(),
        }
        write_checkpoint(self.folder, state)

    def _resume(self) -> None:
        if self.ranks.first:
            drop_foreign_checkpoint(self.folder, self.fingerprint)
        self.ranks.wait_for_all()
        state = read_checkpoint(self.folder, self.fingerprint)
        if state is not None:
            self.task.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.best = state["best"]
            self.progress = _Progress(**state["progress"])
            torch.set_rng_state(state["torch_rng"])
            if self.ranks.first:
                log.info("resuming in epoch %d at batch %d", self.progress.epoch + 1, self.progress.batch)
        steps = self.ranks.gathered(self.progress.step)
        if len(set(steps)) > 1:
            raise TrainingError(
                f"the processes read checkpoints of different steps: {', '.join(map(str, steps))}",
                expected=f"one and the same folder for all of them: {self.folder}",
                remedy="put the project on storage that all machines share, or delete their checkpoints",
            )
        self.ranks.start_alike(self.task.network)
