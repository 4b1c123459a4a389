"""One stage's run: parameters, metrics by step, figures and files, sent to the writer process.

Nothing here waits for MLflow except the start's answer, files and the end. Leaves out: MLflow itself (writer.py)
and what a stage decides to record.
"""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from components.errors import SonoForgeError
from components.tracking.address import FOLDER
from components.tracking.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FLUSH_S = 1.0
_FLUSH_ENTRIES = 500


class TrackingError(SonoForgeError):
    """The writer process didn't record what it was sent."""


class StageRun:
    """A stage's run in progress. Safe to use from several threads."""

    def __init__(self, requests: IO[str], answers: IO[str], root: Path) -> None:
        self._requests = requests
        self._answers = answers
        self._root = root
        self._lock = threading.RLock()
        self._pending: list[tuple[str, float, int, int]] = []
        self._flushed_at = time.monotonic()
        self.run_id = ""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record metrics at a step; sent in batches. NaN is recorded as NaN, infinity as the largest number."""
        now_ms = int(time.time() * 1000)
        with self._lock:
            self._pending += [(key, float(value), now_ms, step) for key, value in values.items()]
            if len(self._pending) >= _FLUSH_ENTRIES or time.monotonic() - self._flushed_at > _FLUSH_S:
                self._flush()

    def log_tags(self, values: Mapping[str, str]) -> None:
        """Record tags."""
        self._send("tags", values={key: str(value) for key, value in values.items()})

    def log_figure(self, figure: Figure, name: str) -> None:
        """Record a matplotlib figure as `figures/<name>`."""
        with tempfile.TemporaryDirectory(dir=self._root / FOLDER) as folder:
            path = Path(folder) / name
            figure.savefig(path)
            self.log_artifact(path, under="figures")

    def log_artifact(self, path: Path, under: str | None = None) -> None:
        """Record a copy of a file or folder; done when this returns."""
        self._send("artifact", path=str(path.resolve()), under=under)
        self._hear()

    def _flush(self) -> None:
        with self._lock:
            if self._pending:
                self._send("metrics", entries=self._pending)
                self._pending = []
            self._flushed_at = time.monotonic()

    def _send(self, operation: str, **values: Any) -> None:
        # JSON has no NaN, Python's dialect of it has, and both ends are Python.
        with self._lock:
            self._requests.write(json.dumps({"op": operation, **values}) + "\n")
            self._requests.flush()

    def _hear(self) -> Any:
        line = self._answers.readline()
        answer = json.loads(line) if line else {"fault": {"found": "it ended"}, "result": None}
        if fault := answer["fault"]:
            raise TrackingError(
                f"the tracking writer failed: {fault['found']}",
                expected=fault.get("expected") or f"a record under {self._root / FOLDER}",
                remedy=fault.get("remedy")
                or f"look at {FOLDER}/writer.log; free disk space, or move {FOLDER}/ away to start a new record",
            )
        return answer["result"]

    def begin(self, *, name: str, provenance: Provenance, params: Mapping[str, Any]) -> None:
        """Open the run; done when this returns."""
        with self._lock:
            self._send(
                "start",
                name=name,
                pass_id=provenance.pass_id,
                params=flatten(params),
                tags=provenance.as_tags(),
            )
            self.run_id = self._hear()

    def end(self, status: str, error: str | None = None) -> None:
        """Close the run; done when this returns."""
        with self._lock:
            self._flush()
            self._send("end", status=status, error=error)
            self._hear()


@contextmanager
def stage_run(
    stage: str,
    *,
    root: Path,
    provenance: Provenance,
    params: Mapping[str, Any] | None = None,
    socket_path: Path | None = None,
) -> Iterator[StageRun]:
    """Record a stage's run under its pass's parent run.

    The run ends FINISHED, FAILED on an exception, KILLED on Ctrl-C, and KILLED also if this process is killed.
    `socket_path` is that of a running writer; without one a writer is started for this run alone.

    Raises
    ------
    TrackingError
        If something could not be recorded.
    """
    with _writer(root, socket_path) as (requests, answers):
        run = StageRun(requests, answers, root)
        run.begin(name=stage, provenance=provenance, params=params or {})
        try:
            yield run
        except (KeyboardInterrupt, SystemExit):
            run.end("KILLED", "interrupted")
            raise
        except BaseException as error:
            run.end("FAILED", f"{type(error).__name__}: {error}")
            raise
        run.end("FINISHED")


@contextmanager
def _writer(root: Path, socket_path: Path | None) -> Iterator[tuple[IO[str], IO[str]]]:
    (root / FOLDER).mkdir(exist_ok=True)
    if socket_path is not None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(socket_path))
            with connection.makefile("w", encoding="utf-8") as requests, connection.makefile("r") as answers:
                yield requests, answers
        return
    with (root / FOLDER / "writer.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "components.tracking.writer", "--root", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process.stdin, process.stdout
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=120)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings to dotted keys, everything else to text."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = f"{value:g}" if isinstance(value, float) and not math.isnan(value) else str(value)
    return flat
