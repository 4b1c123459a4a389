"""Contact sheets: outlines where the masks are, captions that fit, equal bytes for equal tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from PIL import ImageDraw

from components.intake.showing.contact_sheet import (
    GAP_PX,
    HEADER_PX,
    OUTLINES,
    PANEL_H_PX,
    PANEL_W_PX,
    _font,
    fitted,
    label_colours,
    panel,
    write_sheet,
)
from components.intake.showing.tiles import Tile, TilePixels
from components.types import ObjectTruth

COLOURS = {"lesion": "#56b4e9"}
BLUE = np.array([0x56, 0xB4, 0xE9])


def disc(size_hw: tuple[int, int], box_xyxy: tuple[int, int, int, int], *, grey: int = 90) -> TilePixels:
    """A grey image with one rectangular object."""
    x0, y0, x1, y1 = box_xyxy
    instances = np.zeros(size_hw, np.uint8)
    instances[y0:y1, x0:x1] = 1
    truth = ObjectTruth(1, "lesion", box_xyxy, int((instances == 1).sum()))
    return TilePixels(np.full((*size_hw, 3), grey, np.uint8), instances, (truth,))


def tile(image_id: str, pixels: TilePixels, **changes: object) -> Tile:
    told: dict[str, object] = {
        "group": image_id,
        "subject_class": "benign",
        "phantom": False,
        "spacing_mm": None,
        "notes": (),
        "split": None,
    }
    return Tile(image_id=image_id, load=lambda: pixels, **{**told, **changes})  # type: ignore[arg-type]


def coloured(picture: np.ndarray) -> np.ndarray:
    return np.abs(picture.astype(int) - BLUE).sum(axis=-1) < 120


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_the_outline_runs_along_the_objects_border(scale: int) -> None:
    size_hw = (PANEL_H_PX * scale, PANEL_W_PX * scale)
    box = (60 * scale, 40 * scale, 200 * scale, 180 * scale)
    found = np.argwhere(coloured(panel(disc(size_hw, box), COLOURS)))
    low, high = found.min(axis=0), found.max(axis=0)
    assert np.abs(low - (40, 60)).max() <= 1
    assert np.abs(high - (180, 200)).max() <= 1
    inside = panel(disc(size_hw, box), COLOURS)[60:160, 80:180]
    assert (inside == 90).all(), "the object itself stays visible"


def test_images_keep_their_aspect_and_are_centred() -> None:
    tall = panel(disc((800, 200), (10, 10, 100, 100), grey=200), {"lesion": "#d55e00"})
    columns = np.flatnonzero((tall == 200).all(axis=-1).any(axis=0))
    assert columns[-1] - columns[0] + 1 == PANEL_H_PX * 200 // 800
    assert abs((columns[0] + columns[-1]) / 2 - (PANEL_W_PX - 1) / 2) <= 1
    assert not panel(TilePixels(None, problem="x.png: cut off"), COLOURS).any()


def test_equal_tiles_give_equal_bytes_and_the_file_is_whole(tmp_path: Path) -> None:
    tiles = [tile(f"image_{k}", disc((100, 140), (20, 20, 60, 60)), phantom=bool(k % 2)) for k in range(7)]
    for name in ("a.png", "b.png"):
        shown = write_sheet(tmp_path / name, tiles, title="busi", subtitle="page 1 of 1", colours=COLOURS)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.png", "b.png"]
    with PilImage.open(tmp_path / "a.png") as sheet:
        assert sheet.width == 5 * (PANEL_W_PX + GAP_PX) + GAP_PX
        assert sheet.info == {}
    assert [one.tile.image_id for one in shown] == [f"image_{k}" for k in range(7)]
    assert shown[0].as_json()["objects"] == [{"label": "lesion", "box_xyxy": [20, 20, 60, 60], "area_px": 1600}]
    assert shown[0].as_json()["width_px"] == 140


def test_phantoms_flags_and_faults_are_marked(tmp_path: Path) -> None:
    plain, pixels = tmp_path / "plain.png", disc((100, 140), (20, 20, 60, 60))
    write_sheet(plain, [tile("a", pixels)], title="busi", subtitle="", colours=COLOURS)
    before = np.asarray(PilImage.open(plain))
    for name, changes, colour in (
        ("phantom", {"phantom": True}, (0xFF, 0xCF, 0x33)),
        ("flag", {"notes": ("multiclass", "empty_mask")}, (0xFF, 0xB3, 0x47)),
    ):
        path = tmp_path / f"{name}.png"
        write_sheet(path, [tile("a", pixels, **changes)], title="busi", subtitle="", colours=COLOURS)
        after = np.asarray(PilImage.open(path))
        assert (before == colour).all(axis=-1).sum() == 0
        assert (after == colour).all(axis=-1).sum() > 10
        top = HEADER_PX
        assert np.array_equal(after[top : top + PANEL_H_PX], before[top : top + PANEL_H_PX]), "no text on the image"


def test_captions_stay_within_their_tile(tmp_path: Path) -> None:
    long, pixels = "x" * 200, disc((100, 140), (20, 20, 60, 60))
    changes = {"group": long, "subject_class": long, "phantom": True, "notes": (long,), "split": "train"}
    tiles = [tile(long, pixels, **changes), tile("b", pixels)]
    write_sheet(tmp_path / "s.png", tiles, title=long, subtitle="images 1–2 of 2", colours=COLOURS)
    sheet = np.asarray(PilImage.open(tmp_path / "s.png")).astype(int)
    gap = sheet[HEADER_PX:-40, GAP_PX + PANEL_W_PX + 1 : GAP_PX + PANEL_W_PX + GAP_PX - 1]
    assert (gap == (0x10, 0x12, 0x14)).all()


def test_a_shortened_text_keeps_both_ends() -> None:
    draw = ImageDraw.Draw(PilImage.new("RGB", (10, 10)))
    font = _font(13)
    assert fitted(draw, "short", font, 300) == "short"
    cut = fitted(draw, "20190830T115515_and_very_much_more_of_it_0007", font, 120)
    assert cut.startswith("2019") and cut.endswith("007") and "…" in cut
    assert draw.textlength(cut, font=font) <= 120
    assert fitted(draw, "anything", font, 1) == "…"


def test_a_text_is_shortened_between_words() -> None:
    draw = ImageDraw.Draw(PilImage.new("RGB", (10, 10)))
    told = "benign (2).png: benign/benign (2).png (cut off at the end), unreadable_image"
    cuts = {fitted(draw, told, _font(13), room_px) for room_px in range(230, 330)}
    for cut in cuts - {told}:
        head, tail = cut.split("…")
        assert " " in (head[-1], told[len(head)]) or head[-1] == "/"
        before = told[-len(tail) - 1]
        assert " " in (before, tail[0]) or before == "/"
        assert told.startswith(head) and told.endswith(tail)
    assert "unreadable_image" in fitted(draw, told, _font(13), 300)


def test_labels_get_colours_in_their_order() -> None:
    assert label_colours(["lip", "head", "lip"]) == {"lip": OUTLINES[0], "head": OUTLINES[1]}
    assert len(label_colours([str(k) for k in range(20)])) == 20
