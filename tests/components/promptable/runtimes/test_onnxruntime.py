"""Sessions of ONNX Runtime: how many threads, and on what."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.errors import ParamsError
from components.promptable.runtimes import onnxruntime as runtime
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.onnxruntime import Session
from components.promptable.runtimes.runtime import THREADS
from tests.components.promptable.conftest import Pair


def test_sessions_have_a_number_of_threads_of_their_own(pair: Pair) -> None:
    for network in (pair.exported.encoder, pair.exported.decoder):
        assert isinstance(network, Session)
        options = network.session.get_session_options()
        assert options.intra_op_num_threads == THREADS and options.inter_op_num_threads == 1
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert pair.exported.facts.name == "onnxruntime"
    assert pair.exported.facts.told == f"CPU, {THREADS} threads"


def test_what_it_gives_lies_in_no_memory_of_the_session(pair: Pair) -> None:
    size_px = pair.exported.image_size_px
    maps = pair.exported.encode(np.zeros((1, 3, size_px, size_px), dtype=np.float32))
    assert all(each.flags.owndata for each in (maps.s4, maps.s8, maps.s16))


def test_a_gpu_is_taken_only_when_asked_for_and_then_in_full_float32(
    as_it_starts: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[object]] = []

    session = runtime.onnxruntime.InferenceSession

    class Told:
        def __init__(self, *given: object, providers: list[object]) -> None:
            asked.append(providers)
            self.get_inputs = session(*given, providers=["CPUExecutionProvider"]).get_inputs

        def get_providers(self) -> list[str]:
            return [each if isinstance(each, str) else each[0] for each in asked[-1]]  # type: ignore[index]

    monkeypatch.setattr(runtime.onnxruntime, "InferenceSession", Told)
    known = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(runtime.onnxruntime, "get_available_providers", lambda: known)
    load_runtime(as_it_starts.folder, "onnxruntime")
    assert asked == [["CPUExecutionProvider"]] * 2
    model = load_runtime(as_it_starts.folder, "onnxruntime", device="cuda")
    assert asked[2:] == [[("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]] * 2
    assert model.facts.told == f"CUDA, {THREADS} threads"
    with pytest.raises(ParamsError, match="pytorch on 'cuda'"):
        load_runtime(as_it_starts.folder, "pytorch", device="cuda")


@pytest.mark.parametrize("known", [["CPUExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]])
def test_a_gpu_that_isnt_there_is_refused(
    as_it_starts: Pair, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime itself would go on with the CPU after a warning."""
    open_session = runtime.onnxruntime.InferenceSession
    monkeypatch.setattr(runtime.onnxruntime, "get_available_providers", lambda: known)
    monkeypatch.setattr(
        runtime.onnxruntime,
        "InferenceSession",
        lambda *given, providers: open_session(*given, providers=providers[-1:]),
    )
    with pytest.raises(ParamsError, match="doesn't run on 'cuda' here"):
        load_runtime(as_it_starts.folder, "onnxruntime", device="cuda")


def test_a_process_that_runs_a_model_leaves_nothing_of_telemetry(as_it_starts: Pair, tmp_path: Path) -> None:
    """With it on, the import alone writes a number of the machine and a database, and calls its maker."""
    code = (
        "import sys; from pathlib import Path; from components.promptable.runtimes.loading import load_runtime;"
        "load_runtime(Path(sys.argv[1]), 'onnxruntime'); print('loaded')"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(as_it_starts.folder)],
        cwd=Path(runtime.__file__).parents[3],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == "loaded\n" and not list(tmp_path.rglob("*"))
