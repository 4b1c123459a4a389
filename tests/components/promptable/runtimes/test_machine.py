"""What a measured choice belongs to."""

from __future__ import annotations

from importlib import metadata

import pytest

from components.promptable.runtimes import machine


def test_the_machine_is_told_with_what_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "VERSIONED", ("numpy", "no_such_package"))
    told = machine.describe_machine()
    assert told["numpy"] == metadata.version("numpy") and told["no_such_package"] is None
    assert isinstance(told["cores"], int) and told["cores"] >= 1
    assert told["cpu"] and told == machine.describe_machine()
