"""Organs: labels come from the anatomy, in the image's own coordinates."""

import numpy as np
import pytest
from scipy import ndimage

from components.phantom.breast import breast
from components.phantom.cervix import ANTERIOR, POSTERIOR, cervix
from components.phantom.drawing import Drawing
from components.phantom.perineum import HEAD, SYMPHYSIS, Moment, perineum
from components.phantom.shapes import rasterise
from components.phantom.thyroid import thyroid


def draw_breast(seed: int, *lesions: str) -> Drawing:
    return breast(np.random.default_rng(seed), lesions, height_px=320, depth_mm=36.0, width_mm=40.0)


def draw_thyroid(seed: int, *nodules: str) -> Drawing:
    return thyroid(np.random.default_rng(seed), nodules, height_px=320, depth_mm=34.0, width_mm=42.0)


def ellipse_dice(mask: np.ndarray) -> float:
    """Dice of the ellipse inscribed in the mask's exact box."""
    rows, cols = np.nonzero(mask)
    y0, y1, x0, x1 = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    ellipse = ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 <= 1
    return float(2 * (ellipse & mask).sum() / (ellipse.sum() + mask.sum()))


def grey_of(drawing: Drawing, seed: int) -> np.ndarray:
    return drawing.look(np.random.default_rng(seed)).image


def test_a_cyst_is_black_and_what_is_behind_it_is_brighter_than_beside() -> None:
    differences = []
    for seed in range(6):
        drawing = draw_breast(seed, "cyst")
        image, mask = grey_of(drawing, seed).astype(float), drawing.labels == 1
        core = ndimage.binary_erosion(mask, iterations=8)
        if not core.any():
            continue
        assert image[core].mean() < 20
        rows, cols = np.nonzero(mask)
        behind = slice(rows.max() + 6, rows.max() + 40)
        middle = slice(int(np.percentile(cols, 35)), int(np.percentile(cols, 65)) + 1)
        beside = np.r_[max(cols.min() - 50, 0) : max(cols.min() - 15, 0), cols.max() + 15 : cols.max() + 50]
        beside = beside[beside < image.shape[1]]
        differences.append(image[behind, middle].mean() - image[behind][:, beside].mean())
    assert len(differences) >= 4
    assert np.mean(differences) > 5


@pytest.mark.parametrize(
    ("draw", "kind"), [(draw_breast, "malignant"), (draw_breast, "benign"), (draw_thyroid, "malignant")]
)
def test_solid_lesions_are_seen_against_their_surroundings_but_not_cut_out(draw, kind: str) -> None:
    contrasts, overlaps = [], []
    for seed in range(8):
        drawing = draw(seed, kind)
        image, mask = grey_of(drawing, seed).astype(float), drawing.labels == 1
        ring = ndimage.binary_dilation(mask, iterations=14) & ~ndimage.binary_dilation(mask, iterations=3)
        contrasts.append(image[ring].mean() - image[mask].mean())
        window = ndimage.binary_dilation(mask, iterations=14)
        threshold = (image[ring].mean() + image[mask].mean()) / 2
        dark = (image < threshold) & window
        overlaps.append(2 * (dark & mask).sum() / (dark.sum() + mask.sum()))
    assert np.mean(contrasts) > 15
    assert np.mean(overlaps) < 0.9  # a threshold alone must not solve it


def test_lesions_are_not_upright_ellipses() -> None:
    kinds = ["cyst", "benign", "malignant"]
    dices = [ellipse_dice(draw_breast(seed, kinds[seed % 3]).labels == 1) for seed in range(30)]
    kinds[0] = "cystic"
    dices += [ellipse_dice(draw_thyroid(seed, kinds[seed % 3]).labels == 1) for seed in range(30)]
    assert 0.80 <= np.mean(dices) <= 0.90


def test_the_label_is_the_outline_drawn_on_the_pixels() -> None:
    drawing = draw_breast(3, "benign", "cyst")
    grid = drawing.grid
    for label, outline in drawing.outlines_px():
        mask = rasterise(outline, grid.height_px, grid.width_px, 1.0)
        assert ((drawing.labels == label) ^ mask).sum() <= 0.02 * mask.sum()
    assert set(np.unique(drawing.labels)) == {0, 1, 2}


def test_a_normal_breast_has_no_label() -> None:
    assert not draw_breast(1).labels.any()


@pytest.mark.parametrize("seed", range(6))
def test_the_anterior_lip_lies_above_the_posterior_one(seed: int) -> None:
    drawing = cervix(np.random.default_rng(seed))
    assert drawing.labels.shape == (336, 544)
    rows = {label: np.nonzero(drawing.labels == label)[0].mean() for label in (ANTERIOR, POSTERIOR)}
    assert rows[ANTERIOR] < rows[POSTERIOR]
    in_view = drawing.look(np.random.default_rng(0)).in_view
    assert in_view[drawing.labels > 0].mean() > 0.99


def test_the_head_moves_through_a_clip_and_the_symphysis_stays() -> None:
    first, last = (perineum(np.random.default_rng(4), Moment(phase)) for phase in (0.0, 1.0))
    centres = [np.argwhere(d.labels == HEAD).mean(axis=0) * d.grid.spacing_mm for d in (first, last)]
    assert np.linalg.norm(centres[1] - centres[0]) > 3
    overlap = (first.labels == SYMPHYSIS) & (last.labels == SYMPHYSIS)
    assert overlap.sum() > 0.9 * (first.labels == SYMPHYSIS).sum()


def test_consecutive_frames_share_their_speckle() -> None:
    frames = []
    for phase in (0.0, 0.1):
        rng = np.random.default_rng(4)
        frames.append(perineum(rng, Moment(phase, head=False)).look(rng).image.astype(float))
    assert np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1] > 0.95


def test_the_skull_is_brightest_where_it_faces_the_probe() -> None:
    drawing = perineum(np.random.default_rng(2), Moment(0.5))
    image = grey_of(drawing, 0).astype(float)
    outline = drawing.outlines_px()[-1][1]
    top = outline[outline[:, 1].argmin()].astype(int)
    near = image[top[1] - 2 : top[1] + 12, top[0] - 20 : top[0] + 20].max(axis=0).mean()
    assert near > image[drawing.labels == HEAD].mean() + 80
