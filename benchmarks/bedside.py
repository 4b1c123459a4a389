"""A bedside page for benchmarks/page.py and page_figures.py: a phantom, a running service, and somebody at the page.

Leaves out: what is timed, and what is drawn.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from components.phantom.breast import breast

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]
READY_S = 180
EDGE_PX = 12  # as in serving/web/geometry.js
SEED = 4
FRAMES = 6
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Phantom:
    """A calibrated loop of a drawn breast as a DICOM file, its size, and the boxes around its lesions."""

    dicom: bytes
    size_wh: tuple[int, int]
    boxes: tuple[tuple[float, float, float, float], ...]


def phantom() -> Phantom:
    """The phantom of all figures and timings."""
    drawing = breast(np.random.default_rng(SEED), ("benign", "cyst"), height_px=480, depth_mm=34.0, width_mm=42.0)
    frames = np.stack([drawing.look(np.random.default_rng(n)).image for n in range(FRAMES)])
    height_px, width_px = frames.shape[1:]
    boxes = []
    for _, outline in drawing.outlines_px():
        low, high = outline.min(0) - 4, outline.max(0) + 4
        boxes.append((float(low[0]), float(low[1]), float(high[0]), float(high[1])))
    dicom = _loop(frames, mm_a_pixel=drawing.grid.spacing_mm)
    return Phantom(dicom, (width_px, height_px), tuple(boxes))


def _loop(frames: NDArray[np.uint8], *, mm_a_pixel: float) -> bytes:
    """Frames (N H W) as an ultrasound loop with one calibrated region."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.10.1"
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.FrameTime, data.PhotometricInterpretation = "US", 100, "MONOCHROME2"
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    region = Dataset()
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = frames.shape[2] - 1, frames.shape[1] - 1
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = mm_a_pixel / 10  # centimetres
    data.SequenceOfUltrasoundRegions = [region]
    data.PixelData = frames.tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@contextmanager
def served(model: str) -> Iterator[str]:
    """The address of a service of a model, which ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("sonoforge")), "serve", "--model", model, "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log.txt").open("w+b") as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENTOML_HOME": f"{folder}/bentoml"}
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(f"http://127.0.0.1:{port}", server, Path(folder) / "log.txt")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if server.poll() is not None:
            break
        try:
            if httpx.get(f"{address}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"the service isn't ready:\n{log.read_text(encoding='utf-8')}")


@dataclass(slots=True)
class User:
    """Somebody at the page: works in the image's pixels."""

    page: Page
    size_wh: tuple[int, int]

    def open(self, data: bytes, name: str) -> None:
        """Open a file, and wait until it can be asked about."""
        self.page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
        expect(self.page.locator("#status")).to_contain_text("ready", timeout=60_000)

    def at(self, x: float, y: float) -> Place:
        """Where a place of the fitted image lies on the screen."""
        stage = self.page.locator("#canvas").bounding_box()
        assert stage is not None
        wide, high = self.size_wh
        scale = min((stage["width"] - 2 * EDGE_PX) / wide, (stage["height"] - 2 * EDGE_PX) / high)
        left, top = (stage["width"] - wide * scale) / 2, (stage["height"] - high * scale) / 2
        return stage["x"] + left + x * scale, stage["y"] + top + y * scale

    def drag(self, start: Place, end: Place) -> None:
        """Drag from one place of the image to another."""
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        self.page.mouse.move(*self.at(*end))
        self.page.mouse.up()

    def box(self, box: Sequence[float]) -> None:
        """Draw a box and wait for its outline."""
        self.drag((box[0], box[1]), (box[2], box[3]))
        expect(self.page.locator("#objects .item.chosen")).to_be_visible()
        self.settled()

    def click(self, x: float, y: float) -> None:
        """Click, and wait for the outline."""
        self.page.mouse.click(*self.at(x, y))
        self.settled()

    def settled(self) -> None:
        """Wait until nothing is asked for."""
        self.page.evaluate("() => new Promise(requestAnimationFrame)")
        expect(self.page.locator("#objects")).not_to_contain_text("asking")
        self.page.wait_for_timeout(60)  # the frame after the answer


def open_page(browser: Browser, address: str, size_wh: tuple[int, int], **options: Any) -> User:
    """A new page on a screen."""
    options = {"viewport": {"width": 1280, "height": 800}, **options}
    page = browser.new_context(**options).new_page()
    page.goto(address)
    expect(page.locator("#model code")).to_be_visible()
    return User(page, size_wh)


@contextmanager
def browsing(model: str) -> Iterator[tuple[Browser, str]]:
    """A browser, and the address of a service of a model folder."""
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine; on Debian: apt-get install chromium")
    with served(str(Path(model).resolve())) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser, address
        browser.close()
