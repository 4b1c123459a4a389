"""An image with its outlines drawn on it, and below it who outlined what, to a PNG.

Each outline is the mask's own border pixels, so that nothing outside an object is called inside. Words stand below
the image, never on it, but for each object's number. The PNG's text chunks say which model it was. Leaves out: any
tag of the source; what was burnt into the pixels themselves stays in them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from components.findings.finding import Finding, Origin, labels, measured
from components.findings.measure import Line
from components.findings.outline import trace
from components.findings.png import about, to_png
from components.masks import tight_box
from components.types import Image

# Okabe and Ito's colours, told apart with any colour vision, somewhat brighter and in the page's order (marks.js), so
# that an object has one colour on the screen and in the file.
COLOURS = ((86, 180, 233), (230, 159, 0), (0, 178, 130), (240, 228, 66), (214, 132, 176), (235, 110, 30))
PAPER, INK, ALARM = (18, 18, 18), (235, 235, 235), (255, 92, 92)
LEAST_WIDTH_PX = 480
MARGIN_PX = 8

Colour = tuple[int, int, int]


def to_overlay(image: Image, findings: Sequence[Finding], origin: Origin) -> bytes:
    """Draw objects on their image (H W 3): a PNG whose top left H x W pixels are the image with the outlines.

    A canvas narrower than the words need is padded on the right. Outlines get as many pixels as the image's size
    needs to be seen, at least one.
    """
    size_px = int(np.clip(max(image.shape[:2]) / 40, 12, 40))
    stroke_px = max(1, round(max(image.shape[:2]) / 500))
    drawn = _with_outlines(image, findings, stroke_px=stroke_px)
    lines = _lines(findings, origin)
    font = ImageFont.load_default(size_px)
    width_px = max(image.shape[1], LEAST_WIDTH_PX)
    wrapped = [(row, colour) for text, colour in lines for row in _wrap(text, font, width_px - 2 * MARGIN_PX)]
    row_px = round(1.35 * size_px)
    canvas = PilImage.new("RGB", (width_px, image.shape[0] + len(wrapped) * row_px + 2 * MARGIN_PX), PAPER)
    canvas.paste(PilImage.fromarray(drawn), (0, 0))
    pen = ImageDraw.Draw(canvas)
    for number, finding in enumerate(findings, start=1):
        _mark(pen, finding, number, font=font, size_hw=(image.shape[0], image.shape[1]))
    for row, (text, colour) in enumerate(wrapped):
        pen.text((MARGIN_PX, image.shape[0] + MARGIN_PX + row * row_px), text, fill=colour, font=font)
    return to_png(canvas, about(findings, origin))


def _with_outlines(image: Image, findings: Sequence[Finding], *, stroke_px: int) -> Image:
    drawn = image.copy()
    for number, finding in enumerate(findings):
        box = tight_box(finding.mask)
        if box is None:
            continue
        x0, y0, x1, y1 = max(box[0] - 1, 0), max(box[1] - 1, 0), box[2] + 1, box[3] + 1
        mask, part = finding.mask[y0:y1, x0:x1].astype(np.uint8), drawn[y0:y1, x0:x1]
        kernel = np.ones((3, 3), dtype=np.uint8)
        # Beyond the image is no object: there an outline closes, too.
        inner = cv2.erode(mask, kernel, iterations=stroke_px, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        part[cv2.dilate(mask, kernel) != mask] = 0
        part[inner != mask] = COLOURS[number % len(COLOURS)]
    return drawn


def _mark(
    pen: ImageDraw.ImageDraw,
    finding: Finding,
    number: int,
    *,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size_hw: tuple[int, int],
) -> None:
    """Draw an object's two diameters, and its number beside the largest part."""
    outline, box = trace(finding.mask), tight_box(finding.mask)
    if box is None:
        return
    top, right_px = box[1], box[2]
    if outline is not None:
        top, right_px = int(outline.hull_xy[:, 1].min()), int(outline.hull_xy[:, 0].max())
    colour = COLOURS[(number - 1) % len(COLOURS)]
    for line in (finding.measurements.longest, finding.measurements.perpendicular):
        _draw(pen, line, colour)
    tag = f"{number}!" if finding.warning else str(number)
    left, above, right, bottom = pen.textbbox((0, 0), tag, font=font)
    x = min(right_px + 2, size_hw[1] - (right - left) - 2)
    y = max(min(top, size_hw[0] - (bottom - above) - 2), 0)
    pen.text((x - left, y - above), tag, fill=colour, font=font, stroke_width=1, stroke_fill=(0, 0, 0))


def _draw(pen: ImageDraw.ImageDraw, line: Line | None, colour: Colour) -> None:
    if line is None:
        return
    middle = np.add(line.from_xy, line.to_xy) / 2
    # An end on the edge between two pixels is drawn on that which is nearer to the line's middle.
    ends = [np.floor(end + np.sign(middle - end) / 4) for end in (line.from_xy, line.to_xy)]
    pen.line([(float(x), float(y)) for x, y in ends], fill=colour, width=1)


def _lines(findings: Sequence[Finding], origin: Origin) -> list[tuple[str, Colour]]:
    """The words below the image, each with its colour."""
    lines: list[tuple[str, Colour]] = [(caution, ALARM) for caution in origin.cautions]
    lines.append((f"Model: {origin.told}; SonoForge {origin.software_version}", INK))
    for number, (finding, label) in enumerate(zip(findings, labels(findings), strict=True), start=1):
        sure = "" if finding.confidence is None else f", confidence {finding.confidence:.2f}"
        became = "" if finding.became is None else f", {finding.became}"
        colour = COLOURS[(number - 1) % len(COLOURS)]
        lines.append((f"{number}  {label}: {measured(finding)}{sure}{became}", colour))
        found = finding.measurements
        if found.why is not None and found.area_px:
            lines.append((f"    {'no millimetres: ' if found.spacing is None else ''}{found.why}", INK))
        if finding.warning is not None:
            lines.append((f"    WARNING: {finding.warning}", ALARM))
    return lines


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> list[str]:
    """A text in rows that fit, cut between words, and within a word that is wider than a row."""
    indent = text[: len(text) - len(text.lstrip())]
    rows = [indent]
    for word in _writable(text).split():
        longer = f"{rows[-1]} {word}" if rows[-1].strip() else rows[-1] + word
        if font.getlength(longer) <= width_px:
            rows[-1] = longer
            continue
        rows += [indent] if rows[-1].strip() else []
        for each in word:
            fits = font.getlength(rows[-1] + each) <= width_px
            rows[-1:] = [rows[-1] + each] if fits else [rows[-1], indent + each]
    return rows


def _writable(text: str) -> str:
    """A text in the characters that Pillow's own font has, which are ASCII: accents go, others are question marks."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(each for each in parts if not unicodedata.combining(each)).encode("ascii", "replace").decode("ascii")
