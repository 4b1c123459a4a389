"""The trained baseline's stage writes a U-Net that says where it comes from; an interruption costs nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.params import load_params
from components.unet.model_folder import load_unet
from pipelines.train_unet import train_unet
from pipelines.training import Curve
from tests.pipelines.conftest import Reached, make_job


def test_the_model_says_where_it_comes_from(reached: Reached) -> None:
    root = reached("train_unet")
    network, described = load_unet(root / "models/unet")
    assert network.image_size_px == 64 and network.channels == (8, 8)
    assert (described.kind, described.base, described.trained_on) == ("unet", "scratch", ("busi",))
    assert described.phantom is True and described.provenance["stage"] == "train_unet"
    assert described.exposure.of("busi") == "yes" and described.exposure.of("fugc") == "no"
    assert (root / "reports/training/train_unet.csv").read_text(encoding="utf-8").count("\n") == 2
    assert list((root / ".cache/stages/train_unet").iterdir()) == [], "a finished training leaves no checkpoint"


@pytest.mark.usefixtures("plain_steps")
def test_an_interrupted_training_ends_as_an_unbroken_one(
    reached: Reached, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(reached("train_unet"), root, symlinks=True, ignore=shutil.ignore_patterns("01_raw"))
    params = load_params(root / "params.yaml")
    params = params.model_copy(update={"unet": params.unet.model_copy(update={"epochs": 2})})
    train_unet.function(make_job(train_unet, root, params=params)[0])
    unbroken = (root / "models/unet/weights.safetensors").read_bytes()
    report = Curve.report

    def interrupted(self: Curve, metrics: dict[str, float], epoch: int) -> None:
        report(self, metrics, epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Curve, "report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_unet.function(make_job(train_unet, root, params=params)[0])
    assert (root / ".cache/stages/train_unet/checkpoint.pt").is_file()
    train_unet.function(make_job(train_unet, root, params=params)[0])
    assert (root / "models/unet/weights.safetensors").read_bytes() == unbroken


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b'{"fingerprint": "k", "epo',
        b"\xff\x00",
        b"[" * 100_000,
        b"[]",
        b'{"epochs": {}}',
        b'{"fingerprint": "k", "epochs": {"one": {}}}',
        b'{"fingerprint": "k", "epochs": {"1": {"loss": "low"}}}',
    ],
)
def test_a_damaged_curve_stops_no_training(damaged: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    run = SimpleNamespace(log_metrics=lambda values, step: told.append((step, values)))
    job: Any = SimpleNamespace(scratch=tmp_path, run=run)
    kept = tmp_path / "curve.json"
    Curve(job, "k").report({"loss": 0.5}, 1)
    Curve(job, "k")
    Curve(job, "of another training")
    assert told == [(1, {"loss": 0.5})] * 2
    kept.write_bytes(damaged)
    curve = Curve(job, "k")
    assert f"{kept} is damaged" in caplog.text and (tmp_path / "curve.damaged").read_bytes() == damaged
    curve.report({"loss": 0.25}, 2)
    Curve(job, "k")
    assert told[2:] == [(2, {"loss": 0.25})] * 2
