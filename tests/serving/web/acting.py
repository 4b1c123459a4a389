"""What a user does with the page, and what it shows: in the image's own pixels, through pointer, keys and files."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as PilImage
from playwright.sync_api import Locator, Page, expect

EDGE_PX = 12  # between a fitted image and the stage, as in serving/web/geometry.js
EXPORT_MS = 40_000  # the first DICOM file waits for its library, which takes seconds to import
Place = tuple[float, float]


@dataclass(slots=True)
class Bedside:
    """A page with an image on it, and what went wrong in it so far."""

    page: Page
    size_wh: tuple[int, int] = (90, 60)
    faults: list[str] = field(default_factory=list)

    def open(self, data: bytes, name: str = "scan.png") -> None:
        """Open a file and wait until prompts can be asked."""
        self.page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
        expect(self.status).to_contain_text("ready")

    @property
    def status(self) -> Locator:
        """The line that says what happened."""
        return self.page.locator("#status")

    @property
    def rows(self) -> Locator:
        """The objects in the list."""
        return self.page.locator("#objects > li")

    def at(self, x: float, y: float) -> Place:
        """Where a place of the fitted image lies on the screen."""
        stage = self.page.locator("#canvas").bounding_box()
        assert stage is not None
        width, height = self.size_wh
        scale = min((stage["width"] - 2 * EDGE_PX) / width, (stage["height"] - 2 * EDGE_PX) / height)
        left = stage["x"] + (stage["width"] - width * scale) / 2
        return left + x * scale, stage["y"] + (stage["height"] - height * scale) / 2 + y * scale

    def drag(self, start: Place, end: Place) -> None:
        """Drag from one place of the image to another."""
        mouse = self.page.mouse
        mouse.move(*self.at(*start))
        mouse.down()
        mouse.move(*self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        mouse.move(*self.at(*end))
        mouse.up()
        self.painted()

    def box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draw a box and wait for its outline."""
        count = self.rows.count()
        self.drag((x0, y0), (x1, y1))
        expect(self.rows).to_have_count(count + 1)
        self.settled()

    def click(self, x: float, y: float, *, beside: bool = False) -> None:
        """Click on the object, or beside it, and wait for the outline."""
        if beside:
            self.page.keyboard.down("Shift")
        self.page.mouse.click(*self.at(x, y))
        if beside:
            self.page.keyboard.up("Shift")
        self.settled()

    def settled(self) -> None:
        """Wait until no outline is asked for."""
        self.painted()
        expect(self.page.locator("#objects")).not_to_contain_text("asking")

    def press(self, keys: str) -> None:
        """Press a key on the stage."""
        self.page.locator("#canvas").press(keys)
        self.painted()

    def painted(self) -> None:
        """Wait for the next frame, which shows what was done."""
        self.page.evaluate("() => new Promise(requestAnimationFrame)")

    def session(self) -> dict[str, Any]:
        """What the page exports of itself: prompts, answers, corrections."""
        told: dict[str, Any] = json.loads(self.export("json"))
        return told

    def export(self, form: str) -> bytes:
        """Export in a format, and the file's bytes."""
        self.page.click("#export")
        with self.page.expect_download(timeout=EXPORT_MS) as download:
            self.page.click(f"#formats [data-format={form}]")
        return download.value.path().read_bytes()

    def prompt(self, index: int = 0) -> dict[str, Any]:
        """What was asked about an object."""
        prompt: dict[str, Any] = self.session()["objects"][index]["prompt"]
        return prompt

    def pixels(self) -> np.ndarray:
        """The stage as it is painted (H W 3)."""
        png = self.page.locator("#canvas").screenshot()
        return np.asarray(PilImage.open(io.BytesIO(png)).convert("RGB"))

    def number(self, text: str) -> float:
        """The first number in a text."""
        found = re.search(r"\d[\d,]*\.?\d*", text)
        assert found is not None, text
        return float(found[0].replace(",", ""))
