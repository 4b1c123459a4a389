"""Checkpoints: read by the training that wrote them, and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.training.checkpoints import CHECKPOINT, drop_foreign_checkpoint, read_checkpoint, write_checkpoint


def test_a_training_reads_its_own(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path, "mine") is None
    write_checkpoint(tmp_path, {"fingerprint": "mine", "weights": torch.arange(3)})
    drop_foreign_checkpoint(tmp_path, "mine")
    state = read_checkpoint(tmp_path, "mine")
    assert state is not None and torch.equal(state["weights"], torch.arange(3))
    assert read_checkpoint(tmp_path, "another") is None


@pytest.mark.parametrize("torn", [False, True])
def test_anothers_or_a_torn_one_is_dropped_with_a_word(
    tmp_path: Path, torn: bool, caplog: pytest.LogCaptureFixture
) -> None:
    write_checkpoint(tmp_path, {"fingerprint": "mine"})
    if torn:
        (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:20])
    drop_foreign_checkpoint(tmp_path, "mine" if torn else "another")
    assert not (tmp_path / CHECKPOINT).exists() and "starting afresh" in caplog.text
