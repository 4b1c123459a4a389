"""A process is known by its mark while it runs, and those that it started by that mark in their environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from components.processes import lives, mark, started_here

VARIABLE = "SONOFORGE_TEST_STARTED_BY"
OWN = psutil.Process()


@pytest.fixture
def orphan() -> Iterator[psutil.Process]:
    """A process that says by whom it was started, and whose parent has ended."""
    done = subprocess.run(
        ["sh", "-c", "sleep 60 >/dev/null & echo $!"],
        env={**os.environ, VARIABLE: mark(OWN)},
        stdout=subprocess.PIPE,
        check=True,
    )
    process = psutil.Process(int(done.stdout))
    yield process
    process.kill()


def test_who_was_started_here_is_found_also_without_its_parent(orphan: psutil.Process) -> None:
    assert orphan.ppid() != OWN.pid
    assert list(started_here(VARIABLE)) == [orphan]
    assert list(started_here(f"{VARIABLE}_TOO")) == []


def test_who_was_started_elsewhere_is_not(monkeypatch: pytest.MonkeyPatch, orphan: psutil.Process) -> None:
    # An earlier process of the same number.
    monkeypatch.setattr("components.processes.mark", lambda process: f"{process.pid}-12.34")
    assert list(started_here(VARIABLE)) == []


def test_a_mark_stays_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before, booted_s = mark(OWN), psutil.boot_time()
    for module in ("psutil", "psutil._pslinux"):
        monkeypatch.setattr(f"{module}.boot_time", lambda: booted_s + 3600)
    assert psutil.Process().create_time() > booted_s + 3600
    assert mark(psutil.Process()) == before and lives(before)


def test_a_process_lives_until_it_ends_even_if_nobody_asks_for_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        its = mark(psutil.Process(child.pid))
        assert lives(its) and lives(mark(OWN))
        assert not lives(f"{child.pid}-12.34"), "an earlier process of the same number"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE and not lives(its)
    assert not lives(its)
    with pytest.raises(ValueError, match="invalid literal"):
        lives(".DS_Store")
