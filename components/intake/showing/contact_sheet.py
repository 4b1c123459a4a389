"""Tiles to one picture: images of a dataset side by side, outlines of their objects, and what is known of each.

Outlines run along pixel corners, so that they enclose exactly the mask's pixels. Equal tiles give equal bytes. Leaves
out: which images are shown (components/intake/showing/tiles.py, pipelines/commands/data_show.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from components.artefacts import replacing
from components.intake.showing.tiles import Tile, TilePixels
from components.masks import to_polygons
from components.types import Image

# Okabe and Ito's colours, which people with colour deficiencies can tell apart; all are bright on grey speckle.
OUTLINES = ("#56b4e9", "#e69f00", "#f0e442", "#cc79a7", "#009e73", "#d55e00")
PAGE, PANEL, TEXT, FAINT, WARNING, PHANTOM = "#101214", "#000000", "#f2f2f2", "#a8adb3", "#ffb347", "#ffcf33"
COLUMNS = 5
PANEL_W_PX, PANEL_H_PX = 300, 244
GAP_PX, HEADER_PX, FOOTER_PX = 16, 60, 40
LINE_PX, LINES, TEXT_PX, TITLE_PX = 17, 5, 13, 22
TILE_H_PX = PANEL_H_PX + 6 + LINES * LINE_PX
# cv2 takes coordinates in 1/16 pixels.
SHIFT = 4
HALO_OPACITY = 0.55


@dataclass(frozen=True, slots=True)
class Shown:
    """What a sheet came to show of one tile: the tile, the image's size (None if undecodable) and its objects."""

    tile: Tile
    size_hw: tuple[int, int] | None
    pixels: TilePixels

    def as_json(self) -> dict[str, Any]:
        """The tile as JSON values."""
        tile = self.tile
        return {
            "image_id": tile.image_id,
            "group": tile.group,
            "subject_class": tile.subject_class,
            "split": tile.split,
            "phantom": tile.phantom,
            "spacing_mm": list(tile.spacing_mm) if tile.spacing_mm else None,
            "notes": list(tile.notes),
            "height_px": self.size_hw[0] if self.size_hw else None,
            "width_px": self.size_hw[1] if self.size_hw else None,
            "problem": self.pixels.problem or None,
            "file": tile.file or None,
            "name_withheld": bool(tile.hidden),
            "text_covered": self.pixels.covered,
            "objects": [
                {"label": o.label, "box_xyxy": list(o.box_xyxy), "area_px": o.area_px} for o in self.pixels.objects
            ],
        }


def label_colours(labels: Sequence[str]) -> dict[str, str]:
    """An outline's colour for each anatomical name, in the contract's order."""
    return {label: OUTLINES[place % len(OUTLINES)] for place, label in enumerate(dict.fromkeys(labels))}


def write_sheet(
    path: Path, tiles: Sequence[Tile], *, title: str, subtitle: str, colours: Mapping[str, str]
) -> list[Shown]:
    """Draw the tiles, in their order, as a PNG file; returns what was shown.

    Parameters
    ----------
    title, subtitle
        The header's left and right text.
    colours
        The outlines' colour by the objects' label.
    """
    columns = min(COLUMNS, max(1, len(tiles)))
    rows = -(-len(tiles) // columns)
    # A narrow sheet must still hold its header.
    width = max(columns, 2) * (PANEL_W_PX + GAP_PX) + GAP_PX
    sheet = PilImage.new("RGB", (width, HEADER_PX + rows * (TILE_H_PX + GAP_PX) + FOOTER_PX), PAGE)
    draw = ImageDraw.Draw(sheet)
    _header(draw, width, title, subtitle, phantom=any(tile.phantom for tile in tiles))
    shown = []
    for place, tile in enumerate(tiles):
        pixels = tile.load()
        x = GAP_PX + (place % columns) * (PANEL_W_PX + GAP_PX)
        y = HEADER_PX + (place // columns) * (TILE_H_PX + GAP_PX)
        sheet.paste(PilImage.fromarray(panel(pixels, colours)), (x, y))
        if pixels.image is None:
            _placeholder(draw, (x, y), tile)
        size_hw = None if pixels.image is None else (pixels.image.shape[0], pixels.image.shape[1])
        shown.append(Shown(tile, size_hw, replace(pixels, image=None, instances=None)))
        _caption(draw, (x, y + PANEL_H_PX + 6), shown[-1])
    _legend(draw, (GAP_PX, sheet.height - FOOTER_PX + 4), colours)
    with replacing(path) as beside:
        sheet.save(beside, format="PNG", compress_level=6)
    return shown


def panel(pixels: TilePixels, colours: Mapping[str, str]) -> Image:
    """One image with its outlines, scaled to fit the panel and centred on black."""
    canvas = np.zeros((PANEL_H_PX, PANEL_W_PX, 3), dtype=np.uint8)
    if pixels.image is None:
        return canvas
    height_px, width_px = pixels.image.shape[:2]
    scale = min(PANEL_W_PX / width_px, PANEL_H_PX / height_px)
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    small = cv2.resize(pixels.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if pixels.instances is not None:
        small = _outlined(small, pixels, colours, (size[0] / width_px, size[1] / height_px))
    left, top = (PANEL_W_PX - size[0]) // 2, (PANEL_H_PX - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas


def _outlined(small: Image, pixels: TilePixels, colours: Mapping[str, str], scale_xy: tuple[float, float]) -> Image:
    """The scaled image with a thin line around each object, and a faint dark one under it to part it from bright
    tissue."""
    assert pixels.instances is not None
    rings = {
        truth.index: [_scaled(ring, scale_xy) for ring in to_polygons(pixels.instances == truth.index)]
        for truth in pixels.objects
    }
    halo = small.copy()
    for several in rings.values():
        cv2.polylines(halo, several, True, (0, 0, 0), 3, cv2.LINE_AA, SHIFT)
    drawn = cv2.addWeighted(halo, HALO_OPACITY, small, 1 - HALO_OPACITY, 0)
    for truth in pixels.objects:
        colour = _rgb(colours[truth.label])
        cv2.polylines(drawn, rings[truth.index], True, colour, 1, cv2.LINE_AA, SHIFT)
    return np.asarray(drawn, dtype=np.uint8)


def _scaled(ring: Sequence[float], scale_xy: tuple[float, float]) -> NDArray[np.int32]:
    """A ring along pixel corners in the scaled image, whose pixels cv2 addresses by their centres."""
    corners = np.asarray(ring, dtype=np.float64).reshape(-1, 2) * scale_xy - 0.5
    return np.rint(corners * 2**SHIFT).astype(np.int32)


def _header(draw: ImageDraw.ImageDraw, width: int, title: str, subtitle: str, *, phantom: bool) -> None:
    y = HEADER_PX // 2
    right = width - GAP_PX
    small, bold = _font(TEXT_PX + 1), _font(TITLE_PX, bold=True)
    draw.text((right, y), subtitle, fill=FAINT, font=small, anchor="rm")
    room = right - draw.textlength(subtitle, font=small) - 2 * GAP_PX - GAP_PX
    if phantom:
        room -= _badge_width(draw) + GAP_PX
    title = fitted(draw, title, bold, room)
    draw.text((GAP_PX, y), title, fill=TEXT, font=bold, anchor="lm")
    if phantom:
        _badge(draw, GAP_PX + draw.textlength(title, font=bold) + GAP_PX, y)


def _caption(draw: ImageDraw.ImageDraw, corner_xy: tuple[int, int], shown: Shown) -> None:
    x, y = corner_xy
    tile, bold, plain = shown.tile, _font(TEXT_PX, bold=True), _font(TEXT_PX)
    middle = y + LINE_PX // 2
    room = float(PANEL_W_PX)
    if tile.phantom:
        room -= _badge_width(draw) + 8
        _badge(draw, x + PANEL_W_PX - _badge_width(draw), middle)
    draw.text((x, middle), fitted(draw, tile.hidden or tile.image_id, bold, room), fill=TEXT, font=bold, anchor="lm")
    kind = tile.subject_class or "no class"
    group = _group(tile)
    lines = [(" · ".join(filter(None, (kind, tile.split))), FAINT), (group, FAINT), (_measures(shown), FAINT)]
    covered = covered_words(shown.pixels.covered)
    if notes := ", ".join(filter(None, (shown.pixels.problem, covered, *tile.notes))):
        lines.append((notes, WARNING))
    for number, (line, colour) in enumerate(lines, 1):
        place = (x, middle + number * LINE_PX)
        draw.text(place, fitted(draw, line, plain, PANEL_W_PX), fill=colour, font=plain, anchor="lm")


def covered_words(lines: int) -> str:
    """How many lines of text were covered, without promising that these are all."""
    return f"{lines} line{'' if lines == 1 else 's'} covered, others may stand there" if lines else ""


def _group(tile: Tile) -> str:
    if tile.group in ("", tile.image_id):
        return "a group of its own" if tile.group else ""
    return "group withheld" if tile.hidden else f"group {tile.group}"


def _placeholder(draw: ImageDraw.ImageDraw, corner_xy: tuple[int, int], tile: Tile) -> None:
    """What is wrong and with which file, where there is no picture."""
    font = _font(TEXT_PX)
    lines = [("not shown", FAINT), *((note, WARNING) for note in tile.notes)]
    lines += [(part, TEXT) for part in ((tile.hidden,) if tile.hidden else PurePosixPath(tile.file).parts)]
    left, top = corner_xy
    for number, (line, colour) in enumerate(lines[: PANEL_H_PX // LINE_PX - 2], 1):
        place = (left + 8, top + 8 + number * LINE_PX)
        draw.text(place, fitted(draw, line, font, PANEL_W_PX - 16), fill=colour, font=font, anchor="lm")


def _measures(shown: Shown) -> str:
    if shown.size_hw is None:
        return "no picture"
    spacing = shown.tile.spacing_mm
    count = len(shown.pixels.objects)
    return " · ".join(
        (
            f"{shown.size_hw[1]} × {shown.size_hw[0]} px",
            "no spacing" if spacing is None else f"{spacing[0]:.3g} × {spacing[1]:.3g} mm a pixel",
            f"{count or 'no'} object{'' if count == 1 else 's'}",
        )
    )


def _legend(draw: ImageDraw.ImageDraw, corner_xy: tuple[int, int], colours: Mapping[str, str]) -> None:
    x, y = float(corner_xy[0]), corner_xy[1] + TEXT_PX // 2
    font = _font(TEXT_PX)
    for label, colour in colours.items():
        draw.line([(x, y), (x + 26, y)], fill=colour, width=2)
        draw.text((x + 34, y), label, fill=FAINT, font=font, anchor="lm")
        x += 34 + draw.textlength(label, font=font) + 2 * GAP_PX


BADGE = "PHANTOM"


def _badge_width(draw: ImageDraw.ImageDraw) -> float:
    return draw.textlength(BADGE, font=_font(TEXT_PX - 3, bold=True)) + 12


def _badge(draw: ImageDraw.ImageDraw, left: float, middle: float) -> None:
    box = [(left, middle - 8), (left + _badge_width(draw), middle + 8)]
    draw.rounded_rectangle(box, radius=4, fill=PHANTOM)
    draw.text((left + 6, middle), BADGE, fill=PAGE, font=_font(TEXT_PX - 3, bold=True), anchor="lm")


def fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, room_px: float) -> str:
    """The text, its middle replaced by an ellipsis where it is wider than `room_px`: ids differ at both ends.

    It is cut between words, unless that would cost more than half of what fits.
    What isn't printable becomes a question mark: signs that turn the direction of writing make Pillow fail.
    """
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    if draw.textlength(text, font=font) <= room_px:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head, tail = text[: (kept + 1) // 2], text[len(text) - kept // 2 :]
        if draw.textlength(f"{head}…{tail}", font=font) <= room_px:
            words = _between_words(draw, text, font, room_px)
            return "…".join(words if 2 * len("".join(words)) >= kept else (head, tail))
    return "…"


def _between_words(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, room_px: float
) -> tuple[str, str]:
    """The longest beginning and end of whole words that fit together; empty where none do."""
    cuts = [at for at in range(1, len(text)) if " " in text[at - 1 : at + 1] or text[at - 1] == "/"]
    best = ("", "")
    for head in (text[:at] for at in cuts):
        for tail in (text[at:] for at in cuts if at > len(head)):
            longer = len(head) + len(tail) > len("".join(best))
            if longer and draw.textlength(f"{head}…{tail}", font=font) <= room_px:
                best = head, tail
    return best


@lru_cache
def _font(size_px: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Matplotlib brings DejaVu, so that a sheet doesn't depend on the fonts of a machine."""
    # Stages that may have nothing to draw import this module.
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf" / name, size_px)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
