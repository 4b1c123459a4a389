"""An image, outlines and a prompt to one small vector picture over exactly the pixels that were scored.

Outlines run along pixel corners, in the image's own pixels; the truth is a full line, the prediction a dashed one, so
that they differ without colour too. Leaves out: which cases are drawn (gallery.py, ways.py).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from PIL import Image as PilImage

from components.masks import to_polygons
from components.types import Image, Mask, Prompt

LONGEST_PX = 280


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of an image a picture shows (left, top, width, height, in its px), and the markup of that part."""

    view: tuple[int, int, int, int]
    pixels: Markup


def whole_image(image: Image, *, name: str) -> tuple[Markup, Frame]:
    """The image to stand in the page once, under a name, and the frame of pictures that show it from there."""
    height, width = image.shape[:2]
    once = Markup('<svg class="once" aria-hidden="true"><defs><g id="{}">{}</g></defs></svg>').format(
        name, _pixels(image, (0, 0, width, height))
    )
    return once, Frame((0, 0, width, height), Markup('<use href="#{}"/>').format(name))


def around(image: Image, masks: Sequence[Mask]) -> Frame:
    """The square round all masks, half wider, with its pixels; what lies beyond the image is left dark."""
    top, left, side = _window(masks, image.shape[:2])
    bottom, right = min(top + side, image.shape[0]), min(left + side, image.shape[1])
    crop = np.ascontiguousarray(image[max(top, 0) : bottom, max(left, 0) : right])
    spot = (max(left, 0), max(top, 0), crop.shape[1], crop.shape[0])
    return Frame((left, top, side, side), _pixels(crop, spot))


def draw(frame: Frame, truth: Mask, predicted: Mask, prompt: Prompt, *, alt: str) -> Markup:
    """The picture; `alt` says what it shows to whoever can't see it."""
    parts = [
        Markup('<svg class="case" viewBox="{} {} {} {}" role="img" aria-label="{}">').format(*frame.view, alt),
        frame.pixels,
        *_outlines(truth, "truth"),
        *_outlines(predicted, "predicted"),
        *_pointers(prompt, radius=max(frame.view[2:]) / 60),
    ]
    return Markup("").join(parts) + Markup("</svg>")


def _pointers(prompt: Prompt, *, radius: float) -> Iterator[Markup]:
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        box = Markup('<rect class="prompt" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        yield box.format(x0, y0, x1 - x0, y1 - y0)
    for point in prompt.points:
        kind = "prompt point" if point.positive else "prompt point not"
        yield Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(kind, point.x, point.y, radius)


def _outlines(mask: Mask, kind: str) -> Iterator[Markup]:
    path = "".join(_ring(ring[0::2], ring[1::2]) for ring in to_polygons(mask))
    if path:
        # The first, wide and dark, lets the second be seen on bright tissue too.
        for name in ("halo", f"outline {kind}"):
            yield Markup('<path class="{}" d="{}"/>').format(name, path)


def _ring(x: Sequence[float], y: Sequence[float]) -> str:
    """A ring as a path; steps along a row or column, which almost all are, take three characters."""
    steps = []
    for dx, dy in zip(np.diff(x), np.diff(y), strict=True):
        steps.append(f"h{dx:g}" if dy == 0 else f"v{dy:g}" if dx == 0 else f"l{dx:g} {dy:g}")
    return f"M{x[0]:g} {y[0]:g}{''.join(steps)}z"


def _window(masks: Sequence[Mask], size_hw: tuple[int, int]) -> tuple[int, int, int]:
    """Top, left and side in px of a square round all masks, half wider, moved into the image where it fits."""
    either = np.logical_or.reduce(list(masks))
    rows, columns = np.flatnonzero(either.any(axis=1)), np.flatnonzero(either.any(axis=0))
    side = int(1.6 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1, 20))
    side = min(side, max(size_hw))
    ends = []
    for middle, size in ((rows[0] + rows[-1] + 1, size_hw[0]), (columns[0] + columns[-1] + 1, size_hw[1])):
        begin = middle // 2 - side // 2
        ends.append((size - side) // 2 if side >= size else int(np.clip(begin, 0, size - side)))
    return ends[0], ends[1], side


def _pixels(crop: Image, spot: tuple[int, int, int, int]) -> Markup:
    """A crop (left, top, width, height in the image's px) as a PNG in an address of its own, made smaller where it is
    large, and of one channel where all three are equal."""
    grey = bool((crop == crop[..., :1]).all())
    picture = PilImage.fromarray(crop[..., 0] if grey else crop)
    if max(picture.size) > LONGEST_PX:
        picture.thumbnail((LONGEST_PX, LONGEST_PX), PilImage.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    data = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return Markup('<image x="{}" y="{}" width="{}" height="{}" href="{}" preserveAspectRatio="none"/>').format(
        *spot, data
    )
