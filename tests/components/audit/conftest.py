"""Logs for the tests of the audit log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.audit.log import AuditLog
from tests.components.audit.predictions import predicted


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed log of twelve predictions over some files; not to be changed."""
    folder = tmp_path_factory.mktemp("written") / "audit"
    with AuditLog.open(folder, max_file_bytes=4_000) as log:
        for number in range(12):
            log.append(predicted(number))
    assert len(list(folder.glob("audit-*.jsonl"))) > 2
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of that log."""
    shutil.copytree(written.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "audit"
