"""Folders and names to models that run; what can't is said."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from components.errors import ArtefactError, ParamsError
from components.params.serving import RUNTIME_NAMES, RuntimeChoice
from components.promptable.predict import segment
from components.promptable.runtimes import loading
from components.promptable.runtimes.loading import PACKAGES, load_runtime, open_exported, runnable
from components.promptable.runtimes.sealed import DECODER, ENCODER
from components.types import Prompt
from tests.components.promptable.conftest import Pair

IMAGE = np.random.default_rng(0).integers(0, 256, size=(50, 90, 3), dtype=np.uint8)
PROMPTS = [Prompt(box_xyxy=(10.0, 5.0, 60.0, 40.0)), Prompt(mask=np.pad(np.ones((20, 30), bool), ((5, 25), (9, 51))))]


def test_every_name_has_its_package_and_auto_is_no_runtime() -> None:
    assert set(PACKAGES) == set(RUNTIME_NAMES) == set(get_args(RuntimeChoice)) - {"auto"}


def test_all_runtimes_outline_alike(as_if_trained: Pair, compiled: Path) -> None:
    expected = segment(as_if_trained.segmenter, IMAGE, PROMPTS)
    for name in runnable(as_if_trained.folder):
        model = load_runtime(as_if_trained.folder, name, cache=compiled)
        assert model.facts.name == name and model.facts.version and model.image_size_px == 64
        for found, wanted in zip(segment(model, IMAGE, PROMPTS), expected, strict=True):
            assert np.mean(found.mask != wanted.mask) < 1e-3
            assert found.quality == pytest.approx(wanted.quality, abs=1e-4)


def test_a_folder_without_exports_runs_in_pytorch_alone_and_says_so(as_it_starts: Pair, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(as_it_starts.folder, tmp_path / "older"))
    assert set(runnable(folder)) >= {"onnxruntime", "pytorch"}
    (folder / DECODER).unlink()
    (folder / ENCODER).unlink()
    assert runnable(folder) == ("pytorch",)
    with pytest.raises(ArtefactError, match=r"(?s)lacks encoder\.onnx.*`pytorch`"):
        load_runtime(folder, "onnxruntime")
    assert load_runtime(folder, "pytorch").facts.name == "pytorch"


def test_what_isnt_there_is_refused(as_it_starts: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match="no runtime 'tflite'"):
        load_runtime(as_it_starts.folder, "tflite")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="runs no ONNX"):
        open_exported(b"", b"", 64, name="pytorch")
    monkeypatch.setitem(loading.PACKAGES, "openvino", "no_such_package")
    assert "openvino" not in runnable(as_it_starts.folder)
    with pytest.raises(ParamsError, match="openvino isn't installed"):
        load_runtime(as_it_starts.folder, "openvino")


def test_what_is_installed_and_cant_be_imported_is_said(as_it_starts: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an installation, or a library that the system lacks."""
    monkeypatch.delattr("components.promptable.runtimes.onnxruntime")
    monkeypatch.setitem(sys.modules, "components.promptable.runtimes.onnxruntime", None)
    with pytest.raises(ParamsError, match="onnxruntime is installed and can't be imported"):
        load_runtime(as_it_starts.folder, "onnxruntime")
