"""An address to Ray with this process in that cluster; without one, in a new cluster of this machine alone.

Ray joins in a thread of its own: its waiting can't be interrupted, and in the main thread it puts its own handler in
place of what this process does on SIGTERM. Leaves out: the work (cluster.py).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from components.databases import masked
from components.errors import EngineError
from components.processes import mark, started_here

log = logging.getLogger(__name__)
LIBRARY = Path(__file__).parents[1]
# How long a machine may take to answer at all, and a cluster to let this process in.
ANSWER_S, LIMIT_S = 5.0, 120.0
# In how long what an interrupted or failed start leaves is ended.
GRACE_S = 5.0
# Between two looks at whether Ray is there, in which an interrupt is noticed.
LOOK_S = 0.2
# Of a cluster on this machine. Results that wait are encoded images at most; what is more than this goes to the disk.
STORE_BYTES = 512 * 2**20
_ONE_AT_A_TIME = threading.Lock()
# What tells the processes of Ray that were started by this one: some outlive their parents.
STARTED_BY = "SONOFORGE_RAY_STARTED_BY"
_LOCAL = {
    # Ray's name for it, on all systems: everything listens on the loopback address alone.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
}


def joined(address: str | None) -> Any:
    """Ray, with this process in a cluster: the one at `address`, or a new one of this machine alone.

    Raises
    ------
    EngineError
        If Ray isn't installed, no cluster answers there, or none could be started here.
    """
    # Of threads that ask at once the others find that the first has joined.
    with _ONE_AT_A_TIME:
        return _joined(address)


def _joined(address: str | None) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address is None:
        for name, value in _LOCAL.items():
            os.environ.setdefault(name, value)
        os.environ[STARTED_BY] = mark(psutil.Process())
    try:
        import ray
    except ImportError as error:
        raise EngineError(
            f"the parameters ask for Ray, which can't be loaded ({error})",
            expected="the package `ray`, as requirements.lock.txt pins it",
            remedy="install it (`pip install 'sonoforge[ray]'`), or set engine.name: threads",
        ) from None
    if ray.is_initialized():
        return ray
    if address is None:
        log.info("starting Ray on this machine")
    else:
        log.info("joining the Ray cluster at %s", masked(address))
        _knock(address)
    joining = _Joining(ray, address)
    joining.start()
    try:
        why = joining.end()
        if why is not None:
            # Ray's own words repeat the address, with a password where there is one.
            raise _told(address, why) from (why if address is None else None)
    except BaseException:
        if address is None:
            joining.give_up()
        raise
    finally:
        os.environ.pop(STARTED_BY, None)  # what this process starts from now on isn't Ray's
    return ray


class _Joining(threading.Thread):
    """The thread in which Ray joins. It lives on as long as Ray is there: Ray ties its processes on this machine to the
    thread that started them, so that they end with this process, however it ends, and with an attempt that failed."""

    def __init__(self, ray: Any, address: str | None) -> None:
        super().__init__(name="ray", daemon=True)
        self._ray = ray
        self._options: dict[str, Any] = (
            {"include_dashboard": False, "object_store_memory": STORE_BYTES}
            if address is None
            else {"address": address}
        )
        self._done, self._unwanted = threading.Event(), threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Join, and stay."""
        path = os.pathsep.join(filter(None, (str(LIBRARY.parent), os.environ.get("PYTHONPATH"))))
        # That this isn't the main thread is said as a warning.
        logging.getLogger("ray._private.worker").addFilter(_not_of_sigterm)
        try:
            self._ray.init(
                **self._options,
                runtime_env={"env_vars": {"PYTHONPATH": path}},
                log_to_driver=False,
                logging_level="warning",
                namespace="sonoforge",
            )
        except BaseException as error:  # noqa: BLE001 - it is raised where Ray is wanted; some are bare `Exception`s
            self._error = error
            self._done.set()
            return
        self._done.set()
        self._unwanted.wait()

    def end(self) -> BaseException | None:
        """Wait until Ray has joined: None, or why it couldn't."""
        until = time.monotonic() + LIMIT_S
        while not self._done.wait(LOOK_S):
            if time.monotonic() > until:
                return TimeoutError(f"nothing came of it in {LIMIT_S:.0f} s")
        return self._error

    def give_up(self) -> None:
        """End what was started on this machine, and what still is while Ray goes on to start it."""
        self._unwanted.set()
        until = time.monotonic() + GRACE_S
        while (left := list(started_here(STARTED_BY))) or (self.is_alive() and time.monotonic() < until):
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            if time.monotonic() > until:
                break
            self.join(LOOK_S)


def _not_of_sigterm(record: logging.LogRecord) -> bool:
    return "SIGTERM handler is not set" not in record.getMessage()


def _knock(address: str) -> None:
    """Make sure that the machine of an address `host:port` answers: Ray itself would wait for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition("@")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise _told(address, error) from error


def _told(address: str | None, error: BaseException) -> EngineError:
    why = str(error).strip() or type(error).__name__
    if address is None:
        return EngineError(
            f"Ray couldn't be started on this machine: {why}",
            expected="a cluster of this machine alone, which a busy machine may not bring about in Ray's time",
            remedy="try it again when less goes on here, or set engine.name: threads, which comes to the same results",
        )
    return EngineError(
        f"no Ray cluster answers at {masked(address)}: {masked(why)}",
        expected="a cluster of the same versions of Ray and Python",
        remedy="look at engine.address in params.yaml, at RAY_ADDRESS, and at `ray status` on the head",
    )
