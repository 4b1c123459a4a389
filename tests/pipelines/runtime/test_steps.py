"""What is tried again, and what isn't."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from components.errors import BaseWeightsError, BaseWeightsUnreachableError, ImageError
from pipelines.runtime.steps import step, worth_retrying


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(errno.EIO, "input/output error"), True),
        (ConnectionResetError("reset"), True),
        (TimeoutError("slow"), True),
        (OSError(errno.ENOSPC, "no space"), False),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
        (ImageError("a.png is cut off", expected="an image", remedy="fetch it again"), False),
        (BaseWeightsUnreachableError("no answer", expected="one", remedy="run again"), True),
        (BaseWeightsError("another sha256", expected="the published", remedy="delete it"), False),
        (ValueError("a fault of the code"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_passing_io_errors_are_tried_again(error: BaseException, again: bool) -> None:
    assert worth_retrying(error) is again


def test_a_step_keeps_its_name_and_limits() -> None:
    @step(timeout_s=7, retries=2)
    def read(path: Path) -> str:
        """Read a file."""
        return path.name

    assert read.task.name == "read"
    assert (read.task.timeout_seconds, read.task.retries, read.task.persist_result) == (7, 2, False)
    assert read.function(Path("a/b")) == "b"
