"""What was never packed is run by PyTorch, after a warning; what was, by what is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.listing import FILES
from components.promptable.runtimes.sealed import DECODER, ENCODER
from pipelines.commands.unpacked import unpacked_runtime


def test_only_a_folder_that_was_never_packed_is_pytorchs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unpacked_runtime(None) is None, "a Bento goes by its own settings"
    assert unpacked_runtime(tmp_path) == "pytorch"
    assert f"WARNING: {tmp_path} holds no exported networks" in capsys.readouterr().err
    (tmp_path / FILES).write_text("{}")
    assert unpacked_runtime(tmp_path) is None, "an older release isn't quietly run by something else"
    (tmp_path / FILES).unlink()
    for name in (ENCODER, DECODER):
        (tmp_path / name).write_bytes(b"")
    assert unpacked_runtime(tmp_path) is None and capsys.readouterr().err == ""
