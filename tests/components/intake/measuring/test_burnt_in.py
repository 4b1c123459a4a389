"""Marks over an image: drawn ones are found, and what looks a little like them isn't taken for them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from components.intake.judging.rules import MAX_BLACK_SHARE, MAX_DOPPLER_SHARE
from components.intake.measuring.burnt_in import (
    MAX_GLYPHS,
    BurntIn,
    black_share,
    count_crosses,
    count_glyphs,
    doppler_share,
    find_burnt_in,
    text_boxes,
)
from components.preprocess import decode_image

Grey = NDArray[np.uint8]
HEIGHT_PX, WIDTH_PX = 320, 400


def tissue(seed: int = 0, *, level: int = 90) -> Grey:
    """Correlated speckle about a grey level, nowhere black."""
    noise = np.random.default_rng(seed).normal(0, 1, (HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigmaX=2.5, sigmaY=1.0)
    return np.clip(level + 35 * smooth / smooth.std(), 1, 200).astype(np.uint8)


def rgb(grey: Grey) -> NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("seed", range(8))
def test_speckle_alone_is_clean(seed: int) -> None:
    assert find_burnt_in(rgb(tissue(seed, level=60 + 10 * seed))) == BurntIn(0, 0, 0.0, 0.0)


@pytest.mark.parametrize("words", ["RT BREAST", "LOB IZQ", "RT AXILLA", "HELLO 12"])
@pytest.mark.parametrize("scale", [0.4, 0.6, 1.0])
def test_words_over_dark_tissue_are_text(words: str, scale: float) -> None:
    image = tissue(level=40)
    cv2.putText(image, words, (30, 200), cv2.FONT_HERSHEY_SIMPLEX, scale, 230, 1, cv2.LINE_AA)
    assert count_glyphs(image) >= 3


def test_a_pattern_of_a_hundred_thousand_strokes_takes_little_memory() -> None:
    pattern = np.zeros((2400, 2400), np.uint8)
    for row in range(0, 2390, 12):
        for column in range(0, 2395, 6):
            pattern[row : row + 9, column : column + 2] = 230
    tracemalloc.start()
    try:
        found = count_glyphs(pattern)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 3 <= found <= MAX_GLYPHS
    assert peak_bytes < 300e6


def test_words_of_two_letters_are_missed() -> None:
    """A limit that the docs name."""
    image = tissue(level=40)
    cv2.putText(image, "LD", (30, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 230, 1, cv2.LINE_AA)
    assert count_glyphs(image) == 0


@pytest.mark.parametrize("kind", [cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS])
@pytest.mark.parametrize("thickness_px", [1, 2])
def test_both_crosses_of_a_caliper_are_found(kind: int, thickness_px: int) -> None:
    image = tissue()
    for at in ((100, 150), (220, 170)):
        cv2.drawMarker(image, at, 235, kind, markerSize=11, thickness=thickness_px)
    assert count_crosses(image) == 2


def test_coloured_calipers_are_calipers_and_no_doppler() -> None:
    image = rgb(tissue())
    for at in ((100, 150), (220, 170)):
        cv2.drawMarker(image, at, (255, 255, 0), cv2.MARKER_CROSS, markerSize=13, thickness=2)
    cv2.rectangle(image, (60, 60), (300, 250), (200, 200, 0), 1)
    found = find_burnt_in(image)
    assert (found.crosses, found.doppler_share) == (2, 0.0)


def test_lines_and_corners_are_no_calipers() -> None:
    image = tissue()
    cv2.rectangle(image, (60, 60), (300, 250), 235, 1)
    cv2.line(image, (0, 20), (399, 60), 235, 2)
    assert count_crosses(image) == 0


def test_a_coloured_region_is_doppler_and_a_tint_is_not() -> None:
    image = rgb(tissue())
    cv2.ellipse(image, (200, 160), (40, 15), 20, 0, 360, (220, 40, 20), -1)
    cv2.ellipse(image, (240, 180), (20, 10), 20, 0, 360, (20, 60, 220), -1)
    assert doppler_share(image) == pytest.approx((np.pi * (40 * 15 + 20 * 10)) / image[..., 0].size, rel=0.15)
    assert doppler_share(image) > MAX_DOPPLER_SHARE
    sepia = np.stack([tissue(level=150), tissue(level=110) // 2, tissue(level=60) // 4], axis=2)
    assert doppler_share(sepia) == 0.0


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(100, 140), slice(100, 200)),
        (slice(0, 40), slice(0, 90)),
        (slice(280, 320), slice(310, 400)),
        (slice(0, 30), slice(150, 260)),
    ],
)
def test_a_blacked_out_rectangle_is_found_wherever_it_stands(rows: slice, columns: slice) -> None:
    image = tissue()
    image[rows, columns] = 0
    area_px = (rows.stop - rows.start) * (columns.stop - columns.start)
    assert black_share(image) == pytest.approx(area_px / image.size, rel=0.1)
    assert black_share(image) > MAX_BLACK_SHARE


def test_black_that_belongs_to_the_picture_is_let_be() -> None:
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    fan = tissue()
    fan[np.abs(columns - WIDTH_PX / 2) > 60 + 0.5 * rows] = 0
    framed = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    framed[20:300, 40:350] = tissue()[:280, :310]
    cyst = tissue()
    cyst[(rows - 150) ** 2 + ((columns - 200) / 1.4) ** 2 < 1600] = 0
    shadow = tissue()
    fade = np.clip(1 - (rows - 120) / 60, 0, 1) * (np.abs(columns - 200) < 50) + (np.abs(columns - 200) >= 50)
    shadow = (shadow * np.where(rows < 120, 1, fade)).astype(np.uint8)
    for image in (fan, framed, cyst):
        assert black_share(image) == 0.0
    assert black_share(shadow) <= 0.4  # a shadow with edges like a knife's is taken for a rectangle, at most as such
    assert black_share(np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)) == 0.0


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 200), (8, 8), (200, 3)])
def test_tiny_images_are_no_trouble(size_hw: tuple[int, int]) -> None:
    for value in (0, 255):
        found = find_burnt_in(np.full((*size_hw, 3), value, np.uint8))
        assert (found.glyphs, found.crosses, found.doppler_share) == (0, 0, 0.0)


TEXT = (
    {f"benign ({k})" for k in (1, 2, 3, 4, 19)}
    | {f"malignant ({k})" for k in (2, 10, 11, 12, 13, 15)}
    | {"normal (25)"}
)
CALIPERS = {f"benign ({k})" for k in (5, 6, 9, 11, 14, 22)} | {f"malignant ({k})" for k in (2, 10, 12, 14, 15)}


def test_on_real_images_recall_and_false_alarms_are_those_of_the_docs(samples: Path) -> None:
    text, calipers = set(), set()
    for path in (samples / "busi").rglob("*.png"):
        if "mask" in path.name:
            continue
        found = find_burnt_in(decode_image(path.read_bytes(), name=path.name))
        text |= {path.stem} if found.glyphs else set()
        calipers |= {path.stem} if found.crosses else set()
    assert (len(text & TEXT), len(TEXT), len(text - TEXT)) == (10, 12, 0)
    assert (len(calipers & CALIPERS), len(CALIPERS), calipers - CALIPERS) == (11, 11, {"benign (19)"})


def test_a_box_around_text_covers_all_of_its_ink() -> None:
    bright = np.full((200, 320), 30, np.uint8)
    cv2.putText(bright, "SMITH JOHN", (60, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 235, 1, cv2.LINE_AA)
    boxes = text_boxes(bright)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= 320 and 0 <= y0 < y1 <= 200
        bright[y0:y1, x0:x1] = 30
    assert boxes and bright.max() == 30
    assert text_boxes(np.zeros((200, 320), np.uint8)) == []
