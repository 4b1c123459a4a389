"""OpenVINO, where it is installed: the same numbers, from its cache too, and nothing told to its maker."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from components.promptable.embedding import PromptBatch
from components.promptable.runtimes import openvino
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.loading import is_installed
from components.promptable.runtimes.openvino import open_model
from components.promptable.runtimes.sealed import DECODER, ENCODER, LOGITS, unsealed
from tests.components.promptable.conftest import SIZE_PX, Pair

if not is_installed("openvino"):
    pytest.skip("OpenVINO isn't installed", allow_module_level=True)
INPUT = np.random.default_rng(1).standard_normal((1, 3, SIZE_PX, SIZE_PX)).astype(np.float32)


def opened(pair: Pair, cache: Path) -> Exported:
    encoder, decoder = (unsealed(pair.folder / name) for name in (ENCODER, DECODER))
    return open_model(encoder, decoder, SIZE_PX, cache=cache)


def prompt(points: int) -> PromptBatch:
    coords = np.random.default_rng(points).random((1, points, 2), dtype=np.float32) * SIZE_PX
    return PromptBatch(np.zeros(1, np.int64), coords, np.ones((1, points), np.int64))


def test_numbers_are_onnx_runtimes_and_the_same_from_every_thread(as_if_trained: Pair, compiled: Path) -> None:
    model = opened(as_if_trained, compiled)
    embedding, expected = model.encode(INPUT), as_if_trained.exported.encode(INPUT)
    for level in ("s4", "s8", "s16"):
        np.testing.assert_allclose(getattr(embedding, level), getattr(expected, level), atol=2e-4)
    for points in (1, 3, 2):
        found = model.decode(embedding, prompt(points))
        for one, other in zip(found, as_if_trained.exported.decode(expected, prompt(points)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)
    with ThreadPoolExecutor(4) as pool:
        each = list(pool.map(lambda _: model.encode(INPUT).s4.tobytes(), range(8)))
    assert set(each) == {embedding.s4.tobytes()}
    assert "f32" in model.facts.told


def test_what_was_compiled_is_kept_for_its_precision_and_gives_the_same_bits(
    as_if_trained: Pair, compiled: Path
) -> None:
    first = opened(as_if_trained, compiled).encode(INPUT)
    (folder,) = compiled.iterdir()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert folder.name.endswith("-f32") and len(kept) >= 2
    assert np.array_equal(opened(as_if_trained, compiled).encode(INPUT).s16, first.s16)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == kept, "nothing was compiled again"
    assert sys.modules["openvino_telemetry"] is None, "its maker isn't told of an import"


def test_a_cache_that_cant_be_made_is_said_and_done_without(
    as_if_trained: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    decoder = unsealed(as_if_trained.folder / DECODER)
    network = openvino.compiled(decoder, precision="f32", cache=tmp_path / "file/cache", threads=2)
    assert LOGITS in {name for output in network.model.outputs for name in output.names}
    assert "the next start compiles again" in caplog.text
    opened(as_if_trained, tmp_path / "made")
    (folder,) = (tmp_path / "made").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
