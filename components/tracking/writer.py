"""Lines of JSON to MLflow: the process that imports MLflow so that no stage has to.

Each line is one request, `{"op": …}`; `start`, `artifact` and `end` are answered by one line. A connection that
ends without `end` is a stage that died: its run is closed as KILLED. Serves one stage over its standard input,
or, with `--socket`, a whole pass over a Unix socket. Leaves out: what a stage records (runs.py).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import signal
import socketserver
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from components.databases import is_lost_connection, masked
from components.errors import StoreError
from components.tracking.store import only_one, open_client

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PARENT = "mlflow.parentRunId"
PASS = "sonoforge.pass"
MARK = "sonoforge.mark"
"""The tag by which the writer that asked for a run finds it again."""
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Between tries to reach a database that was there before: a minute for its restart."""

T = TypeVar("T")


class Journal:
    """The project's MLflow records, opened once, written by one request at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._opened: tuple[MlflowClient, str] | None = None

    def open(self) -> tuple[MlflowClient, str]:
        """The client and the experiment's id; the first call takes seconds."""
        with self._lock:
            if self._opened is None:
                self._opened = open_client(self._root)
            return self._opened

    def serve(self, requests: IO[str], answers: IO[str]) -> None:
        """Record one stage from its first line to its last."""
        try:
            client, experiment = self.open()
        except StoreError as error:
            _answer(answers, None, _told(error))
            return
        run = _Run(client, experiment, self._root)
        for line in requests:
            try:
                request = json.loads(line)
            except ValueError:
                # A stage that was killed while it wrote leaves half a line, and nothing after it.
                break
            answer = self._handle(run, request)
            if answer is not None:
                # A stage that was killed while it waited can't hear this; that it died is recorded below.
                _answer(answers, *answer)
            if request["op"] == "end":
                return
        with self._lock:
            run.end("KILLED", error="the stage's process ended without a word")

    def _handle(self, run: _Run, request: dict[str, Any]) -> tuple[Any, dict[str, str] | None] | None:
        """Do what a line asks; its result and the run's first fault, or None where nobody waits for an answer."""
        operation = request.pop("op")
        with self._lock:
            try:
                result = patiently(functools.partial(getattr(run, operation), **request))
            except Exception as error:  # noqa: BLE001 - the stage is told; this process serves others too
                run.faults.append(_told(error, operation))
                result = None
        request["op"] = operation
        if operation not in {"start", "artifact", "end"}:
            return None
        return result, run.faults[0] if run.faults else None


def patiently(operation: Callable[[], T], waits_s: Sequence[float] = WAITS_S) -> T:
    """The result of an operation, tried again while its database can't be reached: hours of training outlive that."""
    for wait_s in waits_s:
        try:
            return operation()
        except Exception as error:
            if not is_lost_connection(error):
                raise
            time.sleep(wait_s)
    return operation()


def _told(error: Exception, operation: str = "open") -> dict[str, str]:
    """A fault as the stage is told it: never with a password."""
    if isinstance(error, StoreError):
        return {"found": error.found, "expected": error.expected, "remedy": error.remedy}
    return {"found": f"{operation}: {masked(str(error))}"}


def _answer(answers: IO[str], result: Any, fault: dict[str, str] | None) -> None:
    answers.write(json.dumps({"result": result, "fault": fault}) + "\n")
    answers.flush()


class _Run:
    """One stage's run under its pass's parent run."""

    def __init__(self, client: MlflowClient, experiment: str, root: Path) -> None:
        self._client = client
        self._experiment = experiment
        self._root = root
        self._run_id = ""
        self._mark = ""
        self._parent_id = ""
        self.faults: list[dict[str, str]] = []

    def start(self, *, name: str, pass_id: str, params: Mapping[str, str], tags: Mapping[str, str]) -> str:
        # Two stages of one pass may start at once, also on two machines.
        with only_one(self._root):
            self._parent_id = self._find_or_make_parent(pass_id, tags)
        self._client.update_run(self._parent_id, status="RUNNING")
        if not self._run_id:  # Asked again after a lost connection, it goes on with the run that is there.
            self._run_id = self._find_or_make({**tags, PARENT: self._parent_id, "sonoforge.stage": name}, name)
        self.params(values=params)
        return self._run_id

    def _find_or_make(self, tags: Mapping[str, str], name: str) -> str:
        # The connection may have been lost after the run was made and before its id came: its mark finds it then.
        asked_before, self._mark = self._mark, self._mark or uuid.uuid4().hex
        if asked_before:
            found = self._client.search_runs([self._experiment], f"tags.`{MARK}` = '{self._mark}'", max_results=1)
            if found:
                return str(found[0].info.run_id)
        run = self._client.create_run(self._experiment, tags={**tags, MARK: self._mark}, run_name=name)
        return str(run.info.run_id)

    def _find_or_make_parent(self, pass_id: str, tags: Mapping[str, str]) -> str:
        # The tag alone isn't enough: children carry the provenance too, under other keys, but no PASS tag.
        found = self._client.search_runs([self._experiment], f"tags.`{PASS}` = '{pass_id}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        shared = {key: value for key, value in tags.items() if not key.startswith("sonoforge.data.")}
        run = self._client.create_run(
            self._experiment, tags={**shared, PASS: pass_id, "sonoforge.stage": "pass"}, run_name=f"pass {pass_id}"
        )
        return str(run.info.run_id)

    def params(self, *, values: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        entries = [Param(key, value[:6000]) for key, value in values.items()]
        for first in range(0, len(entries), 100):
            self._client.log_batch(self._run_id, params=entries[first : first + 100])

    def metrics(self, *, entries: list[list[Any]]) -> None:
        """`entries`: key, value, time in milliseconds, step."""
        from mlflow.entities import Metric

        metrics = [Metric(key, value, time_ms, step) for key, value, time_ms, step in entries]
        for first in range(0, len(metrics), 1000):
            self._client.log_batch(self._run_id, metrics=metrics[first : first + 1000])

    def tags(self, *, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            self._client.set_tag(self._run_id, key, value[:5000])

    def artifact(self, *, path: str, under: str | None) -> None:
        if Path(path).is_dir():
            self._client.log_artifacts(self._run_id, path, under)
        else:
            self._client.log_artifact(self._run_id, path, under)

    def end(self, status: str, error: str | None = None) -> None:
        if not self._run_id:
            return
        if error:
            self.tags(values={"sonoforge.error": error})
        self._client.set_terminated(self._run_id, status)
        self._client.set_terminated(self._parent_id, status)


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        journal: Journal = self.server.journal  # type: ignore[attr-defined]
        reader = self.connection.makefile("r", encoding="utf-8")
        writer = self.connection.makefile("w", encoding="utf-8")
        try:
            journal.serve(reader, writer)
        except (BrokenPipeError, ConnectionResetError):
            return


class _Server(socketserver.ThreadingUnixStreamServer):
    # On shutdown the runs in progress are still closed: handler threads are waited for.
    daemon_threads = False


def serve_socket(root: Path, path: Path) -> None:
    """Serve stages on a Unix socket until SIGTERM; the runs in progress are closed first."""
    with _Server(str(path), _Connection) as server:
        server.journal = Journal(root)  # type: ignore[attr-defined]
        # `shutdown` waits for the serving loop, which this very thread runs.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        threading.Thread(target=server.journal.open, daemon=True).start()  # type: ignore[attr-defined]
        server.serve_forever(poll_interval=0.2)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--socket", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's; its run is closed here afterwards.
    if arguments.socket:
        serve_socket(arguments.root, arguments.socket)
    else:
        answers = sys.stdout
        # MLflow prints where a run is to be seen; the stage would take it for an answer.
        with contextlib.redirect_stdout(sys.stderr):
            Journal(arguments.root).serve(sys.stdin, answers)


if __name__ == "__main__":
    _main()
