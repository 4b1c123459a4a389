"""Sessions of ONNX Runtime: how many threads, and on what."""

from __future__ import annotations

from components.promptable.runtimes.onnxruntime import THREADS, Session, providers
from tests.components.promptable.conftest import Pair


def test_sessions_have_a_number_of_threads_of_their_own(pair: Pair) -> None:
    for network in (pair.exported.encoder, pair.exported.decoder):
        assert isinstance(network, Session)
        options = network.session.get_session_options()
        assert options.intra_op_num_threads == THREADS and options.inter_op_num_threads == 1
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert pair.exported.facts.name == "onnxruntime"
    assert pair.exported.facts.told == f"CPU, {THREADS} threads"


def test_a_gpu_is_taken_where_the_installed_build_has_one() -> None:
    here = ["AzureExecutionProvider", "CPUExecutionProvider"]
    assert providers(here) == ["CPUExecutionProvider"]
    gpu = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers([*reversed(gpu)]) == gpu
    assert providers(gpu[1:]) == gpu[1:]
