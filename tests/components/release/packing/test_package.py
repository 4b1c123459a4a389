"""A candidate isn't made of what can't be judged. What it is made of otherwise: tests/pipelines/test_package.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.errors import ArtefactError, ReleaseError
from components.promptable.calibration import write_calibration as save_calibration
from components.promptable.reference import Reference, to_table, write_reference
from components.release.packing import package
from components.release.packing.golden import GoldenCase, GoldenImage
from components.release.packing.package import allowed_runtimes, assemble, runtime_agreement
from components.types import Prompt
from tests.components.promptable.calibrations import make_calibration

EMPTY = np.zeros((4, 5), dtype=bool)
GOLDEN = [
    GoldenImage(
        "busi", "a", True, np.zeros((4, 5, 3), np.uint8), (GoldenCase("busi/a/1", "box", Prompt((0, 0, 1, 1)), EMPTY),)
    )
]


def test_without_golden_cases_nothing_can_be_compared(tmp_path: Path, make_model, write_calibration) -> None:
    model = make_model(1)
    write_calibration(model)
    with pytest.raises(ReleaseError, match="no golden case"):
        assemble(tmp_path / "candidate", model=model, calibration=model / "calibration.json", golden=[])


def test_without_its_own_calibration_there_is_no_candidate(tmp_path: Path, make_model) -> None:
    model, folder = make_model(1), tmp_path / "calibration"
    folder.mkdir()
    with pytest.raises(ReleaseError, match=r"no .*calibration\.json") as caught:
        assemble(tmp_path / "candidate", model=model, calibration=folder / "calibration.json", golden=GOLDEN)
    assert "dvc repro calibrate" in caught.value.remedy
    save_calibration(folder, make_calibration("e" * 64))
    with pytest.raises(ArtefactError, match="is the calibration of the weights eeeeeeeeeeee"):
        assemble(tmp_path / "candidate", model=model, calibration=folder / "calibration.json", golden=GOLDEN)
    assert not (tmp_path / "candidate").exists()


def test_another_models_reference_makes_no_candidate(tmp_path: Path, make_model, write_calibration) -> None:
    model = make_model(1)
    write_calibration(model)
    none = to_table([], [])
    write_reference(model, Reference(model_digest="e" * 64, phantom=True, kinds=(), images=none, outlines=none))
    with pytest.raises(ArtefactError, match=r"reference\.json is of the weights eeeeeeeeeeee"):
        assemble(tmp_path / "candidate", model=model, calibration=model / "calibration.json", golden=GOLDEN)


def test_altered_weights_make_no_candidate(tmp_path: Path, make_model, write_calibration) -> None:
    model = make_model(1)
    write_calibration(model)
    with (model / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ReleaseError, match="sha256"):
        assemble(tmp_path / "candidate", model=model, calibration=model / "calibration.json", golden=GOLDEN)


def test_every_runtime_that_the_setting_may_take_is_compared(make_model, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(1)
    assert allowed_runtimes(model, "auto") == ("pytorch",), "it holds no exported networks"
    for name in ("encoder.onnx", "decoder.onnx"):
        (model / name).touch()
    assert allowed_runtimes(model, "auto")[0] == "onnxruntime" and "pytorch" in allowed_runtimes(model, "auto")
    assert allowed_runtimes(model, "openvino") == ("openvino",)
    masks = {"openvino": ~EMPTY, "pytorch": EMPTY}
    monkeypatch.setattr(package, "masks_by", lambda _, runtime, __: iter([masks[runtime]]))
    shares = {name: runtime_agreement(model, GOLDEN, name).worst_share for name in ("openvino", "pytorch")}
    assert shares == {"openvino": 1.0, "pytorch": 0.0}
