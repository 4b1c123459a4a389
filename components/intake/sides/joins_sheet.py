"""Joined pairs of images to one picture: side by side, each with the reason, the correlation and the side.

Reports are passed on, so burnt-in text is covered as far as it is found, and a name that may tell of a person is
withheld: its row in the dataset's manifest stands for it. Leaves out: which images are joined (relatives.py) and what
is written about it (split_report.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from components.artefacts import replacing
from components.intake.form.records import load_image
from components.intake.measuring.burnt_in import without_text
from components.intake.measuring.telling_names import NAME_CODES
from components.intake.sides.images import Key
from components.intake.sides.relatives import Join
from components.types import Record

COLUMNS = 3
PANEL_PX, GAP_PX, TITLE_PX, CAPTION_PX, TEXT_PX = 200, 12, 54, 60, 13
PAGE, TEXT, FAINT, PHANTOM = "#101214", "#f2f2f2", "#a8adb3", "#ffcf33"


def draw_joins(
    path: Path, joins: Sequence[Join], records: Mapping[Key, Record], sides: Mapping[Key, str], *, title: str
) -> None:
    """Write a PNG of pairs, `COLUMNS` a row; equal input gives equal bytes.

    Parameters
    ----------
    joins
        The pairs to show; at least one.
    sides
        train, val or test by image.
    """
    columns = min(COLUMNS, len(joins))
    rows = -(-len(joins) // columns)
    pair_width, pair_height = 2 * PANEL_PX + 2 * GAP_PX, PANEL_PX + CAPTION_PX + GAP_PX
    page = PilImage.new("RGB", (columns * pair_width + GAP_PX, TITLE_PX + rows * pair_height), PAGE)
    pen = ImageDraw.Draw(page)
    small, large = ImageFont.load_default(TEXT_PX), ImageFont.load_default(TEXT_PX + 5)
    pen.text((GAP_PX, GAP_PX), title, font=large, fill=TEXT)
    if any(records[key].phantom for join in joins for key in (join.first, join.second)):
        pen.text((GAP_PX, GAP_PX + TEXT_PX + 10), "PHANTOM images", font=small, fill=PHANTOM)
    for index, join in enumerate(joins):
        left = GAP_PX + (index % columns) * pair_width
        top = TITLE_PX + (index // columns) * pair_height
        for place, key in enumerate((join.first, join.second)):
            x = left + place * (PANEL_PX + 2)
            thumbnail = PilImage.fromarray(without_text(load_image(records[key]))[0])
            thumbnail.thumbnail((PANEL_PX, PANEL_PX), PilImage.Resampling.LANCZOS)
            page.paste(thumbnail, (x + (PANEL_PX - thumbnail.width) // 2, top + (PANEL_PX - thumbnail.height) // 2))
            pen.text((x, top + PANEL_PX + 4), _short(name_shown(key, records)), font=small, fill=TEXT)
            pen.text((x, top + PANEL_PX + 20), _short(records[key].subject_class or ""), font=small, fill=FAINT)
        said = f"{join.reason}, correlation {join.correlation:.2f}: {sides[join.first]}"
        pen.text((left, top + PANEL_PX + 36), said, font=small, fill=TEXT)
    with replacing(path) as beside:
        page.save(beside, format="PNG")


def name_shown(key: Key, records: Mapping[Key, Record]) -> str:
    """What a picture calls an image: its id, or its row in the manifest where the name may tell of a person."""
    if set(NAME_CODES).isdisjoint(records[key].flags):
        return "/".join(key)
    number = sum(other[0] == key[0] and other <= key for other in records)
    return f"{key[0]} {number}, name withheld"


def _short(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"
