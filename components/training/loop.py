"""The training loop that all trainings share: batches to the best weights by validation Dice.

It can be stopped at any moment: a checkpoint (everything needed to go on, with the place in the epoch) is written
after every epoch, at least every so many seconds, and on Ctrl-C. The same task taken up again continues there; a
checkpoint of another task (other data, parameters or code versions) is set aside with a log line.

Leaves out: what is trained and how it is scored (finetune.py, distil.py, unet.py), and where metrics go (`report`).
"""

from __future__ import annotations

import logging
import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from components.artefacts import replacing
from components.errors import TrainingError
from components.params import FitParams
from components.training.allocator import keep_freed_memory
from components.training.data import Batch, TrainingImages, ahead, training_loader

log = logging.getLogger(__name__)
Report = Callable[[dict[str, float], int], None]
CHECKPOINT = "checkpoint.pt"


class Task(Protocol):
    """What a training has to say: its network, its losses by name, and its validation metrics with `dice`."""

    @property
    def network(self) -> nn.Module:
        """What trains."""
        ...

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted losses of a batch; their sum is minimised."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on `val`; `dice` chooses the weights."""
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


def autocast(amp: str, device: torch.device) -> AbstractContextManager[object]:
    """Automatic mixed precision as `FitParams.amp` says: `bf16`, `off`, or `auto`."""
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if amp == "bf16" or (amp == "auto" and has_bf16):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def learning_rate_factor(step: int, *, steps_per_epoch: int, params: FitParams) -> float:
    """The factor on the learning rate at a step: linear warm-up, then cosine to zero or gamma each epoch."""
    if step < params.warmup_steps:
        return (step + 1) / params.warmup_steps
    if params.schedule == "exponential":
        return params.gamma ** (step // steps_per_epoch)
    total = max(1, steps_per_epoch * params.epochs - params.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - params.warmup_steps) / total)))


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
        self.loader, self.sampler = training_loader(images, batch_size=params.batch_size, workers=params.loader_workers)
        self.params = params
        self.folder = folder
        self.fingerprint = fingerprint
        self.report = report
        self.device = device
        trained = [p for p in task.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            trained, lr=params.learning_rate, weight_decay=params.weight_decay, fused=True
        )
        self.trained = trained
        self.progress = _Progress()
        self.best: dict[str, Tensor] = {}
        self.saved_at = time.monotonic()
        self.updating = False

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
        done, started, seen = self.progress, time.monotonic(), 0
        self.task.network.train()
        self.sampler.go_to(epoch=done.epoch, start=done.batch * self.params.batch_size)
        # A loader with processes of its own is ahead already.
        batches = self.loader if self.params.loader_workers else ahead(self.loader)
        for group in _grouped(batches, self.params.accumulate):
            self._step(group)
            seen += sum(len(batch.images) for batch in group)
            if time.monotonic() - self.saved_at > self.params.checkpoint_seconds:
                self._save()
        self._finish_epoch(images_per_second=seen / max(1e-9, time.monotonic() - started))

    def _step(self, group: list[Batch]) -> None:
        done = self.progress
        factor = learning_rate_factor(done.step, steps_per_epoch=self.steps_per_epoch, params=self.params)
        for settings in self.optimiser.param_groups:
            settings["lr"] = self.params.learning_rate * factor
        sums: dict[str, float] = {}
        for batch in group:
            with autocast(self.params.amp, self.device):
                losses = self.task.losses(batch.to(self.device))
            total = torch.stack(list(losses.values())).sum() / len(group)
            total.backward()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / len(group)
        norm = torch.nn.utils.clip_grad_norm_(self.trained, self.params.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise TrainingError(
                f"the gradient isn't finite in epoch {done.epoch + 1}, step {done.step}",
                expected="finite numbers",
                remedy="lower learning_rate or clip_norm, or set amp to `off`, and run again",
            )
        self.updating = True
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        done.sums = {name: done.sums.get(name, 0.0) + value for name, value in sums.items()}
        done.step += 1
        done.batch += len(group)
        self.updating = False

    def _finish_epoch(self, *, images_per_second: float) -> None:
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
            "images_per_second": images_per_second,
        }
        self.updating = True
        if scores["dice"] > done.best_dice:
            done.best_dice, done.best_epoch = scores["dice"], done.epoch
            self.best = {name: value.detach().clone() for name, value in self.task.network.state_dict().items()}
        done.epoch, done.batch, done.sums = done.epoch + 1, 0, {}
        self.updating = False
        left_s = (self.params.epochs - done.epoch) * len(self.images) / max(1e-9, images_per_second)
        log.info(
            "epoch %d/%d: loss %.4f, val Dice %.4f (best %.4f), %.1f images/s, about %.0f s left",
            *(done.epoch, self.params.epochs, metrics["train_loss"], scores["dice"], done.best_dice),
            *(images_per_second, left_s),
        )
        # Told first: a kill before the checkpoint repeats the epoch's end, one after it loses nothing.
        self.report(metrics, done.epoch)
        self._save()

    def _save(self) -> None:
        self.saved_at = time.monotonic()
        done = self.progress
        state = {
            "fingerprint": self.fingerprint,
            "network": self.task.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "progress": {name: getattr(done, name) for name in _Progress.__slots__},
            "torch_rng": torch.get_rng_state(),
        }
        # Through a file object a full disk is an OSError; given a path, torch would raise one of its own.
        with replacing(self.folder / CHECKPOINT) as beside, beside.open("wb") as file:
            torch.save(state, file)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return
        state = _read_checkpoint(path)
        if state is None or state["fingerprint"] != self.fingerprint:
            log.warning("%s belongs to another training or can't be read; starting afresh", path)
            path.unlink()
            return
        self.task.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best = state["best"]
        self.progress = _Progress(**state["progress"])
        torch.set_rng_state(state["torch_rng"])
        log.info("resuming in epoch %d at batch %d", self.progress.epoch + 1, self.progress.batch)


def _read_checkpoint(path: Path) -> dict[str, Any] | None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError):
        return None
    return state if isinstance(state, dict) and "fingerprint" in state else None


def _grouped(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group
