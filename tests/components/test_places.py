"""The records lie where the environment says, else in the project, and the signals beside the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.places import audit_folder, signals_folder

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("environment", "audit", "signals"),
    [
        ({}, "/project/audit", "/project/signals"),
        ({"SONOFORGE_AUDIT": "", "SONOFORGE_SIGNALS": ""}, "/project/audit", "/project/signals"),
        ({"SONOFORGE_AUDIT": "/var/log/audit"}, "/var/log/audit", "/var/log/signals"),
        ({"SONOFORGE_SIGNALS": "/var/signals"}, "/project/audit", "/var/signals"),
    ],
)
def test_who_writes_and_who_reads_look_in_one_place(environment: dict[str, str], audit: str, signals: str) -> None:
    found = audit_folder(environment, root=ROOT)
    assert (found, signals_folder(environment, audit=found)) == (Path(audit), Path(signals))
