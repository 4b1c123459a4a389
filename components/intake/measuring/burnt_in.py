"""Pixels of an image, to what a console or an editor drew over it: text, calipers, colour Doppler, black rectangles.

Plain morphology: glyphs are thin bright components of one height in a row, calipers bright crosses with dark
quadrants, Doppler a coherent saturated region, blacked-out parts exactly black rectangles with a corner in the
picture. These are flags for a person to look at; what they find and miss was measured (docs/data.md): small and faint
marks, letters over bright tissue and words of two letters are missed. Leaves out: reading the text, cleaning the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from components.types import Image

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BurntIn:
    """What was found: glyphs in lines of text, caliper crosses, and shares of the frame."""

    glyphs: int
    crosses: int
    doppler_share: float
    black_share: float


def find_burnt_in(image: Image) -> BurntIn:
    """Look for what was drawn over an image (H W 3, RGB)."""
    bright = brightest(image)
    return BurntIn(
        glyphs=count_glyphs(bright),
        crosses=count_crosses(bright),
        doppler_share=0.0 if _is_grey(image) else doppler_share(image),
        black_share=black_share(bright),
    )


def brightest(image: Image) -> Grey:
    """The greatest of each pixel's three values (H W)."""
    return np.asarray(cv2.extractChannel(image, 0) if _is_grey(image) else _extremes(image)[1])


def _extremes(image: Image) -> tuple[Grey, Grey]:
    """The least and the greatest of a pixel's three values (H W each); far faster than NumPy's, along a short axis."""
    red, green, blue = cv2.split(image)
    return cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)


def _is_grey(image: Image) -> bool:
    return np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2])


# Strokes are thinner than this, in pixels; glyphs have these heights.
STROKE_PX = 9
GLYPH_HEIGHT_PX = (7, 40)
GLYPH_CONTRAST = 70
GLYPHS_A_LINE = 3
TEXT_MARGIN = 1.5
COVER_GREY = 96
# No console writes more letters; a pattern has any number of parts, and each is held against each.
MAX_GLYPHS = 500


def count_glyphs(bright: Grey) -> int:
    """The number of glyphs that stand in lines of at least `GLYPHS_A_LINE`; `bright` is H W."""
    return sum(len(line) for line in _lines(bright))


def text_boxes(bright: Grey) -> list[tuple[int, int, int, int]]:
    """A box (x0 y0 x1 y1, half-open) around each line of text, with a margin for letters that weren't found.

    At both ends it is `TEXT_MARGIN` times the line's height, as the first and last letters are those that are missed.
    """
    height_px, width_px = bright.shape
    boxes = []
    for line in _lines(bright):
        (x0, y0), (x1, y1) = line[:, :2].min(axis=0), line[:, 2:].max(axis=0)
        beside_px, above_px = round(TEXT_MARGIN * (y1 - y0)), round(0.3 * (y1 - y0)) + 1
        boxes.append(
            (
                max(0, int(x0) - beside_px),
                max(0, int(y0) - above_px),
                min(width_px, int(x1) + beside_px),
                min(height_px, int(y1) + above_px),
            )
        )
    return boxes


def without_text(image: Image) -> tuple[Image, int]:
    """An image (H W 3) with its lines of burnt-in text covered, and how many these are."""
    boxes = text_boxes(brightest(image))
    if boxes:
        image = image.copy()
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = COVER_GREY
    return image, len(boxes)


def _lines(bright: Grey) -> list[NDArray[np.int32]]:
    """The lines of text, each as its glyphs' boxes (N 4: x0 y0 x1 y1).

    Of more than `MAX_GLYPHS` candidates, which are texture rather than text, only the uppermost are looked at.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (STROKE_PX, STROKE_PX))
    thin = cv2.morphologyEx(bright, cv2.MORPH_TOPHAT, kernel)
    _, _, stats, _ = cv2.connectedComponentsWithStats((thin >= GLYPH_CONTRAST).astype(np.uint8), connectivity=8)
    left, top, width, height, area = stats[1:].T
    fill = area / (width * height)
    # An upright stroke (I, l) fills its box; two letters may touch.
    letter = (width <= 2 * height) & (fill >= 0.15) & (fill <= 0.85)
    stroke = (width <= 0.4 * height) & (fill >= 0.6)
    high = (height >= GLYPH_HEIGHT_PX[0]) & (height <= GLYPH_HEIGHT_PX[1])
    fits = high & (width >= 2) & (letter | stroke)
    boxes = np.stack([left, top, left + width, top + height], axis=1)[fits][:MAX_GLYPHS]  # N 4, from the top down
    if len(boxes) < GLYPHS_A_LINE:
        return []
    number, line_of = connected_components(_neighbours(boxes), directed=False)
    lines = [boxes[line_of == line] for line in range(number)]
    return [line for line in lines if len(line) >= GLYPHS_A_LINE]


def _neighbours(boxes: NDArray[np.int32]) -> coo_array:
    """Which boxes (N 4: x0 y0 x1 y1) stand side by side on one line (N N)."""
    x0, y0, x1, y1 = boxes.T.astype(np.float64)
    height = y1 - y0
    gap = x0[None, :] - x1[:, None]  # from the right side of i to the left side of j
    tall = np.maximum(height[:, None], height[None, :])
    near = (gap >= -1) & (gap <= 0.9 * tall)
    # A letter with a tail has only its top in line.
    slack = 0.12 * tall
    level = (np.abs(y1[:, None] - y1[None, :]) <= slack) | (np.abs(y0[:, None] - y0[None, :]) <= slack)
    alike = np.abs(height[:, None] - height[None, :]) <= 0.3 * tall
    return coo_array(near & level & alike)


ARM_PX = 3
CROSS_CONTRAST = 50
# Speckle crosses by chance, but in a single pixel and not as sharply.
CROSS_CENTRE_PX, SHARP_CONTRAST = 2, 90


def _cross_kernels() -> tuple[tuple[Grey, NDArray[np.float32]], ...]:
    """For an upright and a slanted cross: its arms, and the quadrants between them (weights summing to 1)."""
    size = 2 * ARM_PX + 1
    upright = np.zeros((size, size), np.uint8)
    upright[ARM_PX, :] = upright[:, ARM_PX] = 1
    between = np.zeros((size, size), np.float32)
    rows, columns = np.mgrid[-ARM_PX : ARM_PX + 1, -ARM_PX : ARM_PX + 1]
    between[(np.abs(rows) >= 2) & (np.abs(columns) >= 2)] = 1
    slanted = (np.abs(rows) == np.abs(columns)).astype(np.uint8)
    beside = np.abs(np.abs(rows) - np.abs(columns)) >= 2
    return (upright, between / between.sum()), (slanted, beside.astype(np.float32) / beside.sum())


_CROSSES = _cross_kernels()


def count_crosses(bright: Grey) -> int:
    """The number of upright and slanted crosses: bright along both arms, dark between them; `bright` is H W."""
    found = 0
    for arms, between in _CROSSES:
        darkest_arm = cv2.erode(bright, arms, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        around = cv2.filter2D(bright, cv2.CV_8U, between, borderType=cv2.BORDER_REPLICATE)
        contrast = cv2.subtract(darkest_arm, around)  # not under 0
        crosses = contrast >= CROSS_CONTRAST
        if not crosses.any():
            continue
        number, labels, stats, _ = cv2.connectedComponentsWithStats(crosses.astype(np.uint8), connectivity=8)
        sharp = np.zeros(number, dtype=bool)
        sharp[labels[contrast >= SHARP_CONTRAST]] = True
        found += int((sharp | (stats[:, cv2.CC_STAT_AREA] >= CROSS_CENTRE_PX))[1:].sum())
    return found


# Of 255; grey images that were saved as colour JPEG stay far below.
COLOUR_CHROMA = 60
COHERENT_PX = 9
# Above this share the whole picture is tinted, which is no Doppler.
TINTED_SHARE = 0.6


def doppler_share(image: Image) -> float:
    """The share of the frame that coherent, strongly coloured regions cover; 0 for a wholly tinted image.

    Lines, glyphs and crosses are thinner than `COHERENT_PX` and don't count.
    """
    least, greatest = _extremes(image)
    chroma = greatest - least  # H W
    kernel = np.ones((COHERENT_PX, COHERENT_PX), np.uint8)
    coloured = cv2.morphologyEx((chroma >= COLOUR_CHROMA).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    share = float(coloured.mean())
    return share if share < TINTED_SHARE else 0.0


# Resampling and compression leave a frame's outermost pixels not quite black.
EDGE_PX = 4
# How bright the picture is beside a blacked-out part, on average; shadows fade into black instead.
PICTURE_GREY = 25
BESIDE_PX = 3


def black_share(bright: Grey) -> float:
    """The share of the frame that the largest exactly black rectangle covers that cuts into the picture.

    `bright` is H W. A black region counts where a right angle of it, with both sides free and beside picture, stands in
    the frame: so a fan's corners, a black frame around the picture, shadows and anechoic lesions don't.
    """
    height_px, width_px = bright.shape
    least_px = max(8, min(height_px, width_px) // 64)
    black = cv2.copyMakeBorder((bright == 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    solid = cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((least_px, least_px), np.uint8))
    if not solid.any():
        return 0.0
    outlines, _ = cv2.findContours(solid, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    areas = [area for outline in outlines for area in _angles(outline[:, 0, :].astype(np.int64) - 1, bright, least_px)]
    return max(areas, default=0.0) / (height_px * width_px)


def _angles(ring_xy: NDArray[np.int64], bright: Grey, least_px: int) -> list[float]:
    """The areas in px that the sides of an outline's (N 2) convex, free right angles span."""
    before = ring_xy - np.roll(ring_xy, 1, axis=0)
    after = np.roll(ring_xy, -1, axis=0) - ring_xy
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    x, y = ring_xy.T
    signed_area = float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    right = (before == 0).any(axis=1) & (after == 0).any(axis=1) & (turn * signed_area > 0)
    first_px, second_px = np.abs(before).max(axis=1), np.abs(after).max(axis=1)
    large = (np.minimum(first_px, second_px) >= least_px) & (np.maximum(first_px, second_px) >= 2 * least_px)
    areas = []
    for k in np.flatnonzero(right & large):
        out_of_first, out_of_second = -np.sign(after[k]), np.sign(before[k])
        sides = ((ring_xy[k] - before[k], ring_xy[k], out_of_first), (ring_xy[k], ring_xy[k] + after[k], out_of_second))
        if all(_beside(bright, *side) >= PICTURE_GREY for side in sides):
            areas.append(float(first_px[k] * second_px[k]))
    return areas


def _beside(bright: Grey, start_xy: NDArray[np.int64], end_xy: NDArray[np.int64], out_xy: NDArray[np.int64]) -> float:
    """The mean grey beside a side; 0 where the frame ends there."""
    (x0, y0), (x1, y1) = np.sort([start_xy, end_xy], axis=0) + BESIDE_PX * out_xy
    height_px, width_px = bright.shape
    if not (x1 >= EDGE_PX and x0 < width_px - EDGE_PX and y1 >= EDGE_PX and y0 < height_px - EDGE_PX):
        return 0.0
    return float(bright[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1].mean())
