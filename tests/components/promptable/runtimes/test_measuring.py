"""Runtimes take turns; one that can't run a model says why."""

from __future__ import annotations

import pytest

from components.promptable.runtimes import measuring
from components.promptable.runtimes.measuring import measure
from tests.components.promptable.conftest import Pair


def test_each_is_timed_and_a_broken_one_is_no_candidate(as_it_starts: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    load = measuring.load_runtime

    def broken(folder, name, *, cache):
        if name == "openvino":
            raise RuntimeError("no such processor\nat all")
        return load(folder, name, cache=cache)

    monkeypatch.setattr(measuring, "load_runtime", broken)
    found = measure(as_it_starts.folder, ("openvino", "onnxruntime", "pytorch"), cache=None, rounds=1)
    assert found["openvino"].failed == "RuntimeError: no such processor"
    for name in ("onnxruntime", "pytorch"):
        assert found[name].failed is None and found[name].embed_ms > 0 and found[name].click_ms > 0
