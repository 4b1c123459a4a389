"""A cluster that doesn't come about is told of at once, and leaves nothing behind; real ones are in test_cluster.py."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from components.engines import joining
from components.engines.joining import joined
from components.errors import EngineError


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts a Ray in the place of the real one that joins by the given function."""
    for name in (joining.STARTED_BY, "RAY_USAGE_STATS_ENABLED", *joining._LOCAL):
        monkeypatch.setenv(name, "")

    def put(init: Callable[..., Any]) -> None:
        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init, is_initialized=lambda: False))

    return put


def test_a_start_that_takes_too_long_for_ray_has_a_remedy_of_its_own(
    ray: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    def slow(**_: Any) -> None:
        raise Exception("The current node timed out during startup.")

    ray(slow)
    with (
        caplog.at_level(logging.INFO, logger="components"),
        pytest.raises(EngineError, match=r"timed out during startup(.|\n)*try it again(.|\n)*engine\.name: threads"),
    ):
        joined(None)
    assert "starting Ray on this machine" in caplog.text


def test_an_address_at_which_nothing_listens_is_told_before_ray_is_asked(ray: Callable[..., None]) -> None:
    asked: list[object] = []
    ray(lambda **_: asked.append("Ray would wait for minutes"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"no Ray cluster answers at {address}"):
            joined(address)
        with pytest.raises(EngineError, match="Connection refused"):
            joined(f"ray://bob:pw@{address}")
    assert asked == []


def test_a_password_in_an_address_is_told_to_nobody(ray: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*, address: str, **_: Any) -> None:
        raise ConnectionError(f"failed to connect to {address}")

    ray(refuse)
    with caplog.at_level(logging.INFO, logger="components"), pytest.raises(EngineError) as refused:
        joined("ray://bob:hu sh@head")
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    assert str(refused.value).count("ray://bob:***@head") == 2 and "sh@" not in str(refused.value) + caplog.text


def test_an_address_that_says_nothing_is_given_up(ray: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "LIMIT_S", 0.3)
    over = threading.Event()
    ray(lambda **_: over.wait(60))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"answers at {address}: nothing came of it"):
            joined(address)
    over.set()


def test_an_interrupted_start_leaves_no_process(ray: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "GRACE_S", 1.0)
    begun, over, started = threading.Event(), threading.Event(), []

    def start(**_: Any) -> None:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        begun.set()
        over.wait(60)

    def interrupted(_: Any) -> None:
        assert begun.wait(30)
        raise KeyboardInterrupt

    ray(start)
    monkeypatch.setattr(joining._Joining, "end", interrupted)
    before_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        joined(None)
    over.set()
    assert time.monotonic() - before_s < 30
    assert started[0].wait(10) == -signal.SIGKILL


def test_threads_that_ask_at_once_get_one_cluster(ray: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def init(**options: Any) -> None:
        asked.append(options)
        time.sleep(0.2)
        monkeypatch.setattr(sys.modules["ray"], "is_initialized", lambda: True)

    ray(init)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(joined, [None] * 3))
    assert len(asked) == 1 and found == [sys.modules["ray"]] * 3
