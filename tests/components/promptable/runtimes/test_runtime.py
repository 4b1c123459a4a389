"""What is said of a runtime."""

from __future__ import annotations

from components.promptable.runtimes.runtime import Facts


def test_facts_are_told_in_one_line() -> None:
    assert str(Facts("onnxruntime", "1.2.3", "CPU, 2 threads")) == "onnxruntime 1.2.3 (CPU, 2 threads)"
