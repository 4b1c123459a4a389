"""The figures of the page in docs/endpoint.md, on phantoms and a page of print.

.venv/bin/python benchmarks/page_figures.py --model REF --out docs/figures
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Sequence
from pathlib import Path

from bedside import Phantom, User, browsing, open_page, phantom
from PIL import Image as PilImage
from PIL import ImageDraw
from playwright.sync_api import Browser, expect


def page_of_text() -> bytes:
    """What isn't ultrasound: lines of print."""
    sheet = PilImage.new("L", (620, 520), 245)
    pen = ImageDraw.Draw(sheet)
    words = ["this", "is", "a", "page", "of", "print", "and", "no", "image", "of", "anybody", "at", "all"]
    for row in range(23):
        line = " ".join(words[(row * 5 + n) % len(words)] for n in range(27))
        pen.text((28, 22 + 21 * row), line, fill=25)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def draw_figures(browser: Browser, address: str, folder: Path) -> None:
    """The pictures of docs/endpoint.md."""
    scan = phantom()
    user = open_page(browser, address, scan.size_wh)
    _two_objects(user, scan)
    shoot(user, folder / "endpoint_page.png")
    user.page.click("#night")
    shoot(user, folder / "endpoint_night.png")
    user.page.click("#night")
    _measured(user, scan.boxes[1])
    shoot(user, folder / "endpoint_measurements.png")
    tablet = open_page(browser, address, scan.size_wh, viewport={"width": 768, "height": 1024}, has_touch=True)
    _two_objects(tablet, scan)
    shoot(tablet, folder / "endpoint_tablet.png")
    text = open_page(browser, address, (620, 520))
    text.open(page_of_text(), "print.png")
    text.box((60, 60, 420, 300))
    shoot(text, folder / "endpoint_warning.png")


def _two_objects(user: User, scan: Phantom) -> None:
    user.open(scan.dicom, "phantom.dcm")
    user.page.keyboard.press("ArrowRight")
    expect(user.page.locator("#frame-told")).to_have_text(re.compile("^2 /"))
    user.page.wait_for_timeout(600)  # the frame is made ready
    for box, name in zip(scan.boxes, ("Fibroadenoma", "Cyst"), strict=True):
        user.box(box)
        user.page.keyboard.press("F2")
        user.page.keyboard.type(name)
        user.page.keyboard.press("Enter")
    x0, y0, x1, y1 = scan.boxes[0]
    user.page.locator("#objects .pick").first.click()
    user.click((x0 + x1) / 2, (y0 + y1) / 2)


def _measured(user: User, box: Sequence[float]) -> None:
    page = user.page
    page.locator("#objects .pick").nth(1).click()
    page.get_by_role("button", name="Accept Cyst").click()
    expect(page.locator("#status")).to_contain_text("accepted")
    page.keyboard.press("m")
    _pull_longest(user)
    x0, y0, x1, y1 = box
    user.drag((x0, y1 + 40), (x1 + 30, y1 + 60))
    for _ in range(3):
        page.mouse.move(*user.at((x0 + x1) / 2, (y0 + y1) / 2))
        page.mouse.wheel(0, -160)


def _pull_longest(user: User) -> None:
    """Move an end of the longest diameter by hand."""
    page = user.page
    page.locator("#canvas").focus()
    while "longest diameter, second end" not in page.locator("#status").inner_text():
        page.keyboard.press(".")
    page.keyboard.press("ArrowLeft")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowUp")
    expect(page.locator("#objects .measures em")).to_have_text("moved by hand")
    page.wait_for_timeout(600)  # until the keys rest
    page.keyboard.press("Escape")


def shoot(user: User, path: Path) -> None:
    """The page as a picture."""
    user.page.mouse.move(2, 2)
    user.page.locator("#canvas").blur()
    user.page.wait_for_timeout(300)
    PilImage.open(io.BytesIO(user.page.screenshot())).convert("RGB").save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} kB")


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model folder")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with browsing(given.model) as (browser, address):
        draw_figures(browser, address, given.out)


if __name__ == "__main__":
    main()
