"""The loop: an interrupted training ends as an uninterrupted one, and early stopping keeps the best weights."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from torch import nn

from components.errors import ParamsError, TrainingError
from components.params import OptimiseParams
from components.training.checkpoints import CHECKPOINT
from components.training.data import Batch, TrainingImages
from components.training.loop import PACE_METRICS, FitResult, Trainer
from components.training.losses import Losses
from components.training.ranks import Ranks
from components.types import Record
from tests.components.training.conftest import AUGMENT, PROMPTS


def optimise(**changes: object) -> OptimiseParams:
    values: dict[str, object] = {
        "seed": 1,
        "epochs": 3,
        "batch_size": 4,
        "accumulate": 1,
        "learning_rate": 1e-2,
        "schedule": "cosine",
        "gamma": 0.98,
        "warmup_steps": 2,
        "weight_decay": 0.01,
        "clip_norm": 1.0,
        "amp": "off",
        "loss": {"dice": 1.0, "focal": 0.0, "focal_gamma": 2.0, "focal_alpha": 0.5, "quality": 0.0},
        "patience_epochs": 5,
        "checkpoint_seconds": 1e-6,
        "loader_workers": 0,
    }
    return OptimiseParams.model_validate({**values, **changes})


@dataclass
class Toy:
    """A network that learns the share of foreground from the mean of the image."""

    network: nn.Module
    scores: list[float] = field(default_factory=list)
    stop_at: int = -1
    calls: int = 0

    def losses(self, batch: Batch) -> Losses:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        share = batch.truth.mean(dim=(1, 2))
        guess = self.network(batch.images.mean(dim=(2, 3)))[batch.prompts.image_index, 0]
        return Losses({"error": (guess - share).square().mean()})

    def validate(self) -> dict[str, float]:
        return {"dice": self.scores.pop(0) if self.scores else 0.5}


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(3, 1)


def trainer(toy: Toy, discs: list[Record], folder: Path, params: OptimiseParams, *, key: str = "k") -> Trainer:
    images = TrainingImages(
        discs, image_size_px=64, augment=AUGMENT, prompts=PROMPTS.train, min_area_px=9, seed=params.seed
    )
    return Trainer(
        toy,
        images,
        params,
        folder=folder,
        fingerprint=key,
        report=lambda metrics, epoch: None,
        device=torch.device("cpu"),
    )


@pytest.mark.parametrize("stop_at", [2, 4, 8])
def test_an_interrupted_training_ends_to_the_bit_as_one_that_was_not(
    discs: list[Record], tmp_path: Path, stop_at: int
) -> None:
    whole = Toy(network(), scores=[0.1, 0.2, 0.3])
    expected = trainer(whole, discs, tmp_path / "a", optimise()).fit()

    broken = Toy(network(), scores=[0.1, 0.2, 0.3], stop_at=stop_at)
    with pytest.raises(KeyboardInterrupt):
        trainer(broken, discs, tmp_path / "b", optimise()).fit()
    resumed = Toy(network(), scores=broken.scores)
    result = trainer(resumed, discs, tmp_path / "b", optimise()).fit()

    assert resumed.calls + stop_at - 1 == whole.calls, "no batch is trained twice"
    assert (result.best_dice, result.steps, result.epochs) == (expected.best_dice, expected.steps, expected.epochs)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


@dataclass
class Stopped(Toy):
    """Interrupted after its forward pass, whose statistics have then moved."""

    def losses(self, batch: Batch) -> Losses:
        before, self.stop_at = self.stop_at, -1
        found = super().losses(batch)
        self.stop_at = before
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return found


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_interruption_after_a_forward_pass_leaves_its_batch_out_of_the_statistics(
    discs: list[Record], tmp_path: Path, accumulate: int
) -> None:
    params = optimise(epochs=2, accumulate=accumulate)
    whole = Toy(nn.Sequential(nn.BatchNorm1d(3), network()))
    trainer(whole, discs, tmp_path / "a", params).fit()

    broken = Stopped(nn.Sequential(nn.BatchNorm1d(3), network()), stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        trainer(broken, discs, tmp_path / "b", params).fit()
    resumed = Toy(nn.Sequential(nn.BatchNorm1d(3), network()))
    trainer(resumed, discs, tmp_path / "b", params).fit()

    saved = torch.load(tmp_path / "b" / CHECKPOINT, weights_only=True)["network"]
    expected = torch.load(tmp_path / "a" / CHECKPOINT, weights_only=True)["network"]
    assert saved.keys() == expected.keys() and "0.running_mean" in saved
    for name, value in expected.items():
        assert torch.equal(saved[name], value), name


def test_an_epoch_that_is_taken_up_at_its_end_has_no_pace(
    discs: list[Record], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Toy) -> dict[str, float]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Toy, "validate", interrupted)
        trainer(Toy(network()), discs, tmp_path, optimise(epochs=2)).fit()
    rows: list[dict[str, float]] = []
    toy = Toy(network())
    resumed = trainer(toy, discs, tmp_path, optimise(epochs=2))
    resumed.report = lambda metrics, epoch: rows.append(metrics)
    with caplog.at_level("INFO", logger="components.training.loop"):
        resumed.fit()
    assert toy.calls == 3, "the first epoch has no batch left"
    assert [set(PACE_METRICS) & row.keys() for row in rows] == [set(), set(PACE_METRICS)]
    first, second = (message for message in caplog.messages if message.startswith("epoch"))
    assert "images/s" not in first and "left" not in first and "images/s" in second


def test_a_checkpoint_of_another_training_is_not_continued(discs: list[Record], tmp_path: Path) -> None:
    trainer(Toy(network()), discs, tmp_path, optimise(), key="old").fit()
    toy = Toy(network())
    assert trainer(toy, discs, tmp_path, optimise(), key="new").fit().steps == 9
    assert toy.calls == 9


def test_a_torn_checkpoint_is_not_continued(discs: list[Record], tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"PK\x03\x04 torn")
    assert trainer(Toy(network()), discs, tmp_path, optimise()).fit().steps == 9


def test_early_stopping_keeps_the_best_weights(discs: list[Record], tmp_path: Path) -> None:
    toy = Toy(network(), scores=[0.4, 0.6, 0.5, 0.5, 0.9])
    result: FitResult = trainer(toy, discs, tmp_path, optimise(epochs=5, patience_epochs=2)).fit()
    assert result.stopped_early
    assert (result.best_dice, result.best_epoch, result.epochs) == (0.6, 1, 4)
    # The second epoch's weights: those of the same training, scored so that it is the second that counts.
    same = Toy(network(), scores=[0.1, 0.9, 0.2, 0.2, 0.2])
    trainer(same, discs, tmp_path / "same", optimise(epochs=5)).fit()
    for one, other in zip(toy.network.parameters(), same.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_training_taken_up_again_does_nothing(discs: list[Record], tmp_path: Path) -> None:
    params = optimise(epochs=5, patience_epochs=1)
    first = Toy(network(), scores=[0.6, 0.5])
    assert trainer(first, discs, tmp_path, params).fit().stopped_early
    again = Toy(network())
    result = trainer(again, discs, tmp_path, params).fit()
    assert again.calls == 0
    assert result.stopped_early
    assert (result.best_dice, result.epochs) == (0.6, 2)


def test_a_rank_that_is_asked_to_stop_does_so_at_the_next_batch_and_goes_on_later(
    discs: list[Record], tmp_path: Path
) -> None:
    toy = Toy(network())
    asked = trainer(toy, discs, tmp_path, optimise())
    asked.ranks = Ranks()
    asked.ranks.ask_to_stop()
    with pytest.raises(KeyboardInterrupt):
        asked.fit()
    assert toy.calls == 0 and (tmp_path / CHECKPOINT).is_file()
    assert trainer(Toy(network()), discs, tmp_path, optimise()).fit().steps == 9


def test_more_processes_than_images_in_a_batch_are_refused(
    discs: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.training.loop.current_ranks", lambda: Ranks(0, 5))
    with pytest.raises(ParamsError, match="batches of 4 images for 5 processes"):
        trainer(Toy(network()), discs, tmp_path, optimise())


def test_a_full_disk_is_an_os_error_and_the_last_checkpoint_stands(
    discs: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer(Toy(network()), discs, tmp_path, optimise(epochs=1)).fit()
    before = (tmp_path / CHECKPOINT).read_bytes()

    def full(state: object, file: BinaryIO) -> None:
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        trainer(Toy(network()), discs, tmp_path, optimise(epochs=2)).fit()
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_accumulating_batches_makes_fewer_steps(discs: list[Record], tmp_path: Path) -> None:
    toy = Toy(network())
    assert trainer(toy, discs, tmp_path, optimise(epochs=1, accumulate=2)).fit().steps == 2
    assert toy.calls == 3


def test_a_gradient_that_is_not_finite_stops_the_training(discs: list[Record], tmp_path: Path) -> None:
    net = network()
    with torch.no_grad():
        next(iter(net.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="learning_rate"):
        trainer(Toy(net), discs, tmp_path, optimise()).fit()


def test_nothing_to_prompt_is_refused(discs: list[Record], tmp_path: Path) -> None:
    images = TrainingImages(discs, image_size_px=64, augment=AUGMENT, prompts=PROMPTS.train, min_area_px=10**6, seed=1)
    with pytest.raises(TrainingError, match="prompted"):
        Trainer(
            Toy(network()),
            images,
            optimise(),
            folder=tmp_path,
            fingerprint="k",
            report=lambda metrics, epoch: None,
            device=torch.device("cpu"),
        )
