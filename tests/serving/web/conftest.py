"""One service and one Chromium for all tests of the page; each test gets a page of its own.

A page may ask nobody but its service, and nothing in it may fail: both are looked at after each test.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from components.artefacts import ModelDescription
from components.promptable.runtimes.pytorch import PyTorch
from serving.bedside import Bedside as Service
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from tests.serving.small import SETTINGS, recorded

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed: the page isn't tested")

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright  # noqa: E402

from tests.serving.web.acting import Bedside  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Without the network flags Chromium looks for its maker's hosts at every start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 800}
WAIT_MS = 10_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one these tests are skipped."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium): the page isn't tested")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def service(loaded: tuple[PyTorch, ModelDescription], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service with a student of random weights, and a log of its own."""
    with recorded(Service.of(SETTINGS), tmp_path_factory.mktemp("page")) as service:
        service.models.install(Predictor(*loaded, settings=SETTINGS))
        yield service


@pytest.fixture(scope="package")
def address(service: Service) -> Iterator[str]:
    """Where that service answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(build_app(service), port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until_s = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until_s, "the service didn't start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@contextmanager
def watched(browser: Browser, address: str, **options: Any) -> Iterator[tuple[BrowserContext, Bedside]]:
    """A tab of its own, not opened yet; what fails in it, and whom it asks, is held against it at the end."""
    context = browser.new_context(**{"viewport": DESKTOP, "accept_downloads": True, **options})
    context.set_default_timeout(WAIT_MS)
    bedside = Bedside(context.new_page())
    host = urlsplit(address).netloc

    def heard(message: ConsoleMessage) -> None:
        # The browser itself reports each status above 399, which a test may have asked for.
        if message.type == "error" and "Failed to load resource" not in message.text:
            bedside.faults.append(message.text)

    bedside.page.on("console", heard)
    bedside.page.on("pageerror", lambda error: bedside.faults.append(str(error)))
    asked: set[str] = set()
    context.on("request", lambda request: asked.add(request.url))
    yield context, bedside
    context.close()
    outside = {url for url in asked if not url.startswith(("blob:", "about:")) and urlsplit(url).netloc != host}
    assert not outside, "the page asked somebody else"
    assert not bedside.faults


@pytest.fixture(scope="package")
def shared(browser: Browser, address: str) -> Iterator[Bedside]:
    """One tab for all tests that don't need one of their own: a new one costs more than what most of them do."""
    with watched(browser, address) as (_, bedside):
        yield bedside


@pytest.fixture
def unopened(shared: Bedside) -> Iterator[Bedside]:
    """The tab before the page's first request in this test."""
    yield shared
    shared.page.unroute_all(behavior="ignoreErrors")
    shared.page.evaluate("() => sessionStorage.clear()")
    shared.page.goto("about:blank")
    faults, shared.faults = shared.faults, []
    assert not faults


@pytest.fixture
def bedside(unopened: Bedside, address: str) -> Bedside:
    """The page, without an image."""
    unopened.page.goto(address)
    return unopened


@pytest.fixture
def opened(bedside: Bedside, png: bytes) -> Bedside:
    """The page with an image of 90 x 60 pixels."""
    bedside.open(png)
    return bedside


@pytest.fixture(scope="module")
def modules(shared: Bedside, address: str) -> Page:
    """A page in which the page's modules can be imported."""
    shared.page.goto(address)
    return shared.page
