"""A real service in a folder of its own: `sonoforge serve`, its memory, and its processes while it runs.

What the load measurements share. Leaves out: what is asked of it.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image as PilImage

from components.audit.verifying import verify
from components.evaluation.speed import describe_machine
from components.places import AUDIT
from components.types import Image

ROOT = Path(__file__).parents[1]
START = "from pipelines.cli import main; main()"
READY_S = 180.0
WATCH_S = 0.5
SIZE_HW = (480, 640)


@dataclass
class Running:
    """A service: its address, the folder that it runs in, seconds from its start until it was ready."""

    url: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    ready_s: float = 0.0

    def processes(self) -> dict[int, int]:
        """Resident bytes of each of its processes by their ids, which are numbers that a restart would change."""
        found: dict[int, int] = {}
        try:
            main = psutil.Process(self.process.pid)
            for each in (main, *main.children(recursive=True)):
                found[each.pid] = each.memory_info().rss
        except psutil.Error:
            pass
        return found

    def memory_mib(self) -> float:
        """Resident MiB of all its processes."""
        return sum(self.processes().values()) / 2**20

    def client(self, **options: Any) -> httpx.Client:
        """A client that takes as long as it takes."""
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False, **options)


@contextmanager
def running(folder: Path, arguments: list[str], environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A service that `sonoforge serve` starts in `folder`, ready; it is told to end afterwards, and must."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {**os.environ, "PYTHONPATH": str(ROOT), "BENTOML_HOME": str(folder / "bentoml"), **(environment or {})}
    command = [sys.executable, "-c", START, "serve", "--port", str(port), *arguments]
    begun_s = time.monotonic()
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=told, stdout=log, stderr=log, start_new_session=True)
    service = Running(f"http://127.0.0.1:{port}", port, folder, process)
    try:
        _wait(service)
        service.ready_s = time.monotonic() - begun_s
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _wait(service: Running) -> None:
    until_s = time.monotonic() + READY_S
    with service.client() as client:
        while time.monotonic() < until_s:
            if service.process.poll() is not None:
                raise RuntimeError(f"it ended:\n{(service.folder / 'log.txt').read_text()[-3000:]}")
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
    raise RuntimeError(f"not ready within {READY_S:g} s")


@dataclass
class Watch:
    """The most memory that a service had, looked at twice a second; `with Watch(service) as watch`."""

    service: Running
    peak_mib: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.peak_mib = max(self.peak_mib, self.service.memory_mib())
            if self._over.wait(WATCH_S):
                return


def scan(number: int) -> bytes:
    """A PNG of speckle and a dark ellipse, another one for each number."""
    height_px, width_px = SIZE_HW
    rng = np.random.default_rng((20261122, number))
    pixels: Image = rng.integers(40, 160, (height_px, width_px), dtype=np.uint8)
    rows, columns = np.ogrid[:height_px, :width_px]
    centre = (height_px / 2 + rng.uniform(-60, 60), width_px / 2 + rng.uniform(-60, 60))
    pixels[((rows - centre[0]) / 70) ** 2 + ((columns - centre[1]) / 100) ** 2 < 1] //= 4
    buffer = io.BytesIO()
    PilImage.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def audit_of(folder: Path) -> dict[str, Any]:
    """What `sonoforge audit verify` finds in the log of a service that has ended."""
    found = verify(folder / AUDIT)
    return {"sound": found.is_sound, "entries": found.entries}


def conditions() -> dict[str, Any]:
    """The machine, and what else it does: the mean numbers of processes that wanted to run lately."""
    machine = describe_machine() | {"note": "the clients run on the same cores as the service"}
    return machine | {"load_average": [round(each, 2) for each in os.getloadavg()]}


def write(path: Path, result: Mapping[str, Any], tell: Callable[[str], None] = print) -> None:
    """Write a result as JSON, and tell where."""
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    tell(f"wrote {path}")
