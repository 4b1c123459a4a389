"""Breast under a linear probe: skin, fat lobules, glandular tissue, muscle, ribs; and lesions.

Lesions: cyst (anechoic, enhancement), fibroadenoma-like (oval, capsule), carcinoma-like (irregular or
spiculated, halo, shadow, microcalcifications), in every case with an outline that isn't an upright ellipse.

Leaves out: axilla, implants, Doppler.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from components.phantom.canvas import Canvas, Tissue
from components.phantom.drawing import Drawing
from components.phantom.geometry import Float, ImageGrid, Probe
from components.phantom.physics import Machine
from components.phantom.shapes import Margin, Polygon, blob

LesionKind = Literal["cyst", "benign", "malignant"]


def breast(
    rng: np.random.Generator, lesions: tuple[LesionKind, ...], *, height_px: int, depth_mm: float, width_mm: float
) -> Drawing:
    """Draw a breast with these lesions (none: a normal one); lesion k gets the label k.

    The frame is as wide as the probe; `height_px` spans `depth_mm`.
    """
    probe = Probe(
        "linear",
        depth_mm,
        width_mm=width_mm,
        frequency_mhz=float(rng.uniform(8, 11)),
        focus_mm=depth_mm * float(rng.uniform(0.35, 0.6)),
        f_number=float(rng.uniform(1.8, 2.6)),
        lines=288,
        samples=576,
    )
    canvas = Canvas(ImageGrid.fitting(probe, height_px), rng)
    _tissue(canvas, depth_mm)
    outlines: list[Polygon] = []
    for index, kind in enumerate(lesions):
        outlines.append(_lesion(canvas, kind, index, len(lesions), depth_mm))
    machine = Machine(
        dynamic_range_db=float(rng.uniform(50, 64)),
        gain_db=float(rng.uniform(-5, 4)),
        tgc_db_cm_mhz=float(rng.uniform(0.38, 0.5)),
        noise_db=float(rng.uniform(-58, -48)),
        specular=float(rng.uniform(0.5, 1.1)),
        reverberation=float(rng.uniform(0.1, 0.3)),
        looks=int(rng.integers(2, 5)),
        grey_gamma=float(rng.uniform(1.0, 1.3)),
        mid_grey=float(rng.uniform(0.46, 0.55)),
    )
    numbered = tuple(enumerate(outlines, 1))
    return Drawing(canvas.scene(), probe, canvas.grid, machine, canvas.labels, numbered, " ".join(lesions))


def _tissue(canvas: Canvas, depth_mm: float) -> None:
    """Skin, fat with septa, gland with streaks and ducts, muscle with fibres, sometimes ribs."""
    rng = canvas.rng
    skin_mm = float(rng.uniform(1.0, 2.2))
    fat_mm = skin_mm + depth_mm * float(rng.uniform(0.05, 0.28))
    muscle_mm = depth_mm * float(rng.uniform(0.6, 0.98))
    canvas.paint(np.ones_like(canvas.echo_db), Tissue(3, 1, 1.0, 0.5))
    canvas.streaks(1.0, along_mm=12, across_mm=0.6, sd_db=2.5)
    canvas.line(skin_mm, 0.3, 5)
    canvas.undulate(float(rng.uniform(0.2, 0.8)), float(rng.uniform(9, 18)))
    # Displacements fade towards the probe, which presses the skin flat.
    canvas.warp_mm *= np.clip((canvas.z_mm - skin_mm) / 4, 0, 1)
    under = np.clip((canvas.z_mm - skin_mm) / 0.5, 0, 1)
    canvas.layer(skin_mm + 0.3, Tissue(float(rng.uniform(-13, -7)), 1.5, 2.5, 0.5), 0.5)
    canvas.streaks(under, along_mm=4, across_mm=1.2, sd_db=1.5)
    _septa(canvas, under, float(rng.uniform(8, 13)), 6)
    gland_top = fat_mm + canvas.noise(9, 40)[:1] * np.float32(rng.uniform(0.4, 1.8))
    dense = float(rng.uniform(-4, 3))
    canvas.layer(gland_top, Tissue(dense, 2.0, 2.5, 0.5), 0.6)
    below = np.clip((canvas.z_mm - gland_top - canvas.warp_mm) / 1.5, 0, 1)
    _lobules(canvas, below, dense)
    canvas.streaks(below, along_mm=float(rng.uniform(3, 6)), across_mm=float(rng.uniform(0.6, 1.1)), sd_db=3.2)
    canvas.fibres(below, along_mm=float(rng.uniform(4, 8)), across_mm=float(rng.uniform(0.7, 1.2)), echo_db=6)
    muscle_top = muscle_mm + canvas.noise(25, 40)[:1] * np.float32(0.8)
    canvas.layer(muscle_top, Tissue(-13, 1.5, 2.5, 0.55), 0.6)
    canvas.line(muscle_top, 0.35, 9)
    deep = np.clip((canvas.z_mm - muscle_top - canvas.warp_mm) / 1.0, 0, 1)
    canvas.streaks(deep, along_mm=9, across_mm=0.7, sd_db=3)
    canvas.fibres(deep, along_mm=10, across_mm=0.6, echo_db=7)
    if rng.random() < 0.25:
        _ribs(canvas, muscle_mm + float(rng.uniform(3, 6)))


def _septa(canvas: Canvas, where: Float, along_mm: float, echo_db: float) -> None:
    """Thin curved sheets between fat lobules (Cooper's ligaments)."""
    field = canvas.warped(canvas.noise(along_mm, along_mm * 0.5) + canvas.noise(2.5, 1.2) * np.float32(0.12))
    alive = np.clip(canvas.noise(4, 2) * 0.7 + 0.45, 0, 1.2)
    sheet = np.exp(-((field / 0.12) ** 2)) * alive * where
    canvas.echo_db += sheet * np.float32(echo_db)
    canvas.impedance += sheet * np.float32(0.008)


def _lobules(canvas: Canvas, where: Float, dense: float) -> None:
    """Fat islands and ducts, darker than the gland about them."""
    rng = canvas.rng
    islands = canvas.warped(canvas.noise(float(rng.uniform(5, 10)), float(rng.uniform(2, 4))))
    weight = np.clip((islands - rng.uniform(0.3, 1.1)) * 2.2, 0, 1) * where
    canvas.paint(weight.astype(np.float32), Tissue(dense - 7, 1.5, 2.0, 0.5))


def _ribs(canvas: Canvas, depth_mm: float) -> None:
    """Bright arcs, convex to the probe, with nothing behind them."""
    rng = canvas.rng
    width_mm, _ = canvas.size_mm
    for x_mm in (rng.uniform(0.05, 0.3) * width_mm, rng.uniform(0.7, 0.95) * width_mm):
        rib = blob(rng, "smooth", centre_mm=(x_mm, depth_mm + 4), semi_mm=(5.5, 3.5))
        canvas.body(rib, Tissue(-8, 1, 2, 3.0), soft_mm=(0.2, 0.4), wall_db=12, wall_mm=0.4)


def _place(canvas: Canvas, index: int, count: int, size: tuple[float, float], depth_mm: float) -> tuple[float, float]:
    """A centre within the frame; several lesions stand side by side."""
    rng = canvas.rng
    width_mm, _ = canvas.size_mm
    if count > 1:
        slot = width_mm / count
        return slot * (index + float(rng.uniform(0.4, 0.6))), depth_mm * float(rng.uniform(0.3, 0.6))
    margin = min(size[0] * 1.1 + 1, width_mm * 0.45)
    x_mm = float(rng.uniform(margin, width_mm - margin))
    lowest = max(size[1] + 3.0, depth_mm * 0.62 - size[1] * 0.4)
    return x_mm, float(rng.uniform(min(size[1] + 3.0, lowest), lowest))


def _lesion(canvas: Canvas, kind: LesionKind, index: int, count: int, depth_mm: float) -> Polygon:
    """Paint one lesion and return its outline."""
    rng = canvas.rng
    long_mm = float(np.clip(rng.lognormal(np.log(6.5), 0.4), 2.5, 0.3 * depth_mm)) / (1 if count == 1 else 1.6)
    if kind == "malignant":
        margin: Margin = rng.choice(["irregular", "spiculated", "lobulated"], p=[0.5, 0.35, 0.15])
        semi = (long_mm, long_mm * float(rng.uniform(0.65, 1.2)))
        tilt = float(rng.uniform(-0.9, 0.9))
    else:
        margin = rng.choice(["smooth", "lobulated"], p=[0.8, 0.2] if kind == "cyst" else [0.5, 0.5])
        semi = (long_mm, long_mm * float(rng.uniform(0.45, 0.75)))
        tilt = float(rng.uniform(-0.7, 0.7)) if kind == "benign" else float(rng.uniform(-0.9, 0.9))
    centre = _place(canvas, index, count, semi, depth_mm)
    outline = blob(rng, margin, centre_mm=centre, semi_mm=semi, tilt_rad=tilt)
    if kind == "cyst":
        canvas.body(outline, Tissue(-48, 1, 3, 0.05), soft_mm=(0.08, 0.3), wall_db=6, wall_mm=0.35, label=index + 1)
    elif kind == "benign":
        _solid_benign(canvas, outline, index + 1)
    else:
        _solid_malignant(canvas, outline, index + 1)
    return outline


def _solid_benign(canvas: Canvas, outline: Polygon, label: int) -> None:
    """Hypoechoic, fairly even, thin capsule, a little enhancement."""
    rng = canvas.rng
    around = _level_about(canvas, outline)
    tissue = Tissue(around - float(rng.uniform(6, 14)), float(rng.uniform(0.8, 2)), 1.5, float(rng.uniform(0.3, 0.48)))
    distance = canvas.body(
        outline, tissue, soft_mm=(0.1, float(rng.uniform(0.3, 0.9))), wall_db=4, wall_mm=0.3, label=label
    )
    if rng.random() < 0.3:
        canvas.fibres(np.clip(-distance / 0.5, 0, 1), along_mm=5, across_mm=1.5, echo_db=6)


def _solid_malignant(canvas: Canvas, outline: Polygon, label: int) -> None:
    """Echogenic halo, uneven dark inside, partly blurred rim, shadow, sometimes microcalcifications."""
    rng = canvas.rng
    around = _level_about(canvas, outline)
    halo = np.clip(1 - np.abs(canvas.distance_mm(outline) - 0.9) / 1.3, 0, 1) * np.clip(canvas.noise(4) + 0.5, 0, 1)
    canvas.echo_db += halo * np.float32(rng.uniform(1, 5))
    shadowing = float(rng.uniform(0.9, 1.6)) if rng.random() < 0.65 else float(rng.uniform(0.4, 0.6))
    tissue = Tissue(around - float(rng.uniform(6, 13)), float(rng.uniform(1.5, 3)), 1.8, shadowing)
    distance = canvas.body(outline, tissue, soft_mm=(0.2, float(rng.uniform(0.7, 1.5))), label=label)
    if rng.random() < 0.4:
        canvas.specks(distance, int(rng.integers(3, 14)), echo_db=16, size_mm=0.18, shadow=1.0)


def _level_about(canvas: Canvas, outline: Polygon) -> float:
    """Mean echo of the tissue in a ring about an outline, in dB, within what lesions are seen against."""
    distance = canvas.distance_mm(outline)
    ring = (distance > 0) & (distance < 3)
    return float(np.clip(canvas.echo_db[ring].mean(), -6, 3)) if ring.any() else 0.0
