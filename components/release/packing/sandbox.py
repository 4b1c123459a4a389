"""A command to a process apart from everything else here, its memory measured, and surely gone afterwards.

It runs in a session of its own, in an empty folder that is its home, with a bare environment: no credentials, no proxy,
no path to the project's modules. Its keeper (keeper.py) ends it should this process be killed, and on Linux it ends
with its keeper. What leaves its parent there is the keeper's to end; only who does so as that is killed may escape.
This is no boundary against a hostile program: it has this user's rights, and the network that this machine has.

Leaves out: what the command is and what is asked of it (trial.py).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from components.release.packing import keeper

_SAMPLE_S = 0.05
_LOG_CHARACTERS = 2000
# Where compiled libraries are found is part of the machine, not of the project.
_KEPT = ("LD_LIBRARY_PATH", "LANG", "SYSTEMROOT")


class Sandbox:
    """A running command; `peak_memory_bytes` is the most that it and all that it started held at once.

    That is the sum of what stays resident of each process. Pages that several share are counted in each, so that the
    sum is too large rather than too small.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._over = threading.Event()
        self._seen: dict[tuple[int, float], psutil.Process] = {}
        self.peak_memory_bytes = 0
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._sampler.start()

    @property
    def session(self) -> int:
        """The session of the command and its keeper, in which nobody else is."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the command hasn't ended."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The end of what the command printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:].strip()

    def stop(self) -> None:
        """End the command, and all that it started."""
        self._over.set()
        self._sampler.join()
        assert self._process.stdin is not None
        self._descendants()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=3 * keeper.GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # What a keeper that was killed has left. psutil knows a process by its start too: its number may be reused.
        keeper.kill_at(list(self._seen.values()), until_s=time.monotonic())

    def _descendants(self) -> list[psutil.Process]:
        """The command and all that it started; they are remembered, as nobody knows them once the keeper is gone."""
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self._process.pid).children(recursive=True)
            for one in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._seen.setdefault((one.pid, one.create_time()), one)
            return found
        return []

    def _sample(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.peak_memory_bytes = max(self.peak_memory_bytes, sum(map(_resident_bytes, self._descendants())))


def _resident_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


@contextmanager
def sandboxed(command: Sequence[str], *, environment: Mapping[str, str]) -> Iterator[Sandbox]:
    """Run a command in a sandbox; it and all that it started are gone when the block ends, on any error too."""
    with tempfile.TemporaryDirectory(prefix="sonoforge-sandbox-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        log = Path(folder) / "log.txt"
        bare = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath.lstrip(os.pathsep)])
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, *command],
                cwd=home,
                env={**bare, "PATH": path, "HOME": str(home), "TMPDIR": str(home), **environment},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        sandbox = Sandbox(process, log)
        try:
            yield sandbox
        finally:
            sandbox.stop()
