"""Thyroid under a linear probe: strap muscles, a lobe, trachea and carotid or a long section, and nodules.

Leaves out: isthmus-only views, lymph nodes, Doppler.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from components.phantom.canvas import Canvas, Tissue
from components.phantom.drawing import Drawing
from components.phantom.geometry import Float, ImageGrid, Probe
from components.phantom.physics import Machine
from components.phantom.shapes import Margin, Polygon, blob

NoduleKind = Literal["benign", "cystic", "malignant"]


def thyroid(
    rng: np.random.Generator,
    nodules: tuple[NoduleKind, ...],
    *,
    height_px: int,
    depth_mm: float,
    width_mm: float,
    fan: bool = False,
) -> Drawing:
    """Draw a thyroid lobe with these nodules (one or two); nodule k gets the label k.

    `fan` widens the lower part (virtual convex), else the frame is the probe's rectangle.
    """
    probe = Probe(
        "convex" if fan else "linear",
        depth_mm,
        width_mm=width_mm,
        radius_mm=110.0 if fan else 0.0,
        angle_deg=float(np.rad2deg(width_mm / 110)) if fan else 0.0,
        frequency_mhz=float(rng.uniform(9, 12)),
        focus_mm=depth_mm * float(rng.uniform(0.3, 0.55)),
        f_number=float(rng.uniform(1.8, 2.6)),
        lines=272,
        samples=544,
    )
    canvas = Canvas(ImageGrid.fitting(probe, height_px), rng)
    depth_mm = canvas.size_mm[1]
    straps_mm, lobe_top_mm = _neck(canvas, depth_mm)
    centre, semi = _lobe(canvas, straps_mm, lobe_top_mm, long_section=rng.random() < 0.4)
    outlines: list[Polygon] = []
    for index, kind in enumerate(nodules):
        outlines.append(_nodule(canvas, kind, index, len(nodules), centre, semi))
    machine = Machine(
        dynamic_range_db=float(rng.uniform(48, 62)),
        gain_db=float(rng.uniform(-6, 3)),
        tgc_db_cm_mhz=float(rng.uniform(0.36, 0.48)),
        noise_db=float(rng.uniform(-60, -50)),
        specular=float(rng.uniform(0.5, 1.2)),
        looks=int(rng.integers(2, 5)),
        grey_gamma=float(rng.uniform(1.1, 1.5)),
        mid_grey=float(rng.uniform(0.46, 0.54)),
    )
    numbered = tuple(enumerate(outlines, 1))
    return Drawing(canvas.scene(), probe, canvas.grid, machine, canvas.labels, numbered, " ".join(nodules))


def _neck(canvas: Canvas, depth_mm: float) -> tuple[float, float]:
    """Skin, fascias and strap muscles; deep muscle at the bottom. Returns where straps begin and end."""
    rng = canvas.rng
    straps_mm = float(rng.uniform(2.5, 5))
    lobe_top_mm = straps_mm + float(rng.uniform(2.5, 5))
    canvas.paint(np.ones_like(canvas.echo_db), Tissue(-1, 1, 1.5, 0.5))
    canvas.streaks(1.0, along_mm=12, across_mm=0.6, sd_db=3)
    canvas.undulate(float(rng.uniform(0.3, 0.9)), float(rng.uniform(14, 25)))
    canvas.warp_mm *= np.clip(canvas.z_mm / 6, 0, 1)
    for _ in range(3):
        canvas.line(float(rng.uniform(1, straps_mm)), 0.2, 6)
    canvas.layer(straps_mm, Tissue(float(rng.uniform(-15, -9)), 1.2, 2, 0.45), 0.3)
    strap = np.clip((canvas.z_mm - straps_mm - canvas.warp_mm) / 0.5, 0, 1)
    canvas.streaks(strap, along_mm=8, across_mm=0.5, sd_db=3)
    canvas.line(float(straps_mm), 0.25, 12)
    canvas.line(float(lobe_top_mm), 0.2, 10)
    deep_mm = depth_mm * float(rng.uniform(0.55, 0.75))
    canvas.layer(deep_mm, Tissue(-11, 2, 3, 0.6), 1.5)
    deep = np.clip((canvas.z_mm - deep_mm - canvas.warp_mm) / 2, 0, 1)
    canvas.streaks(deep, along_mm=7, across_mm=1.2, sd_db=4)
    canvas.fibres(deep, along_mm=8, across_mm=1.0, echo_db=8)
    return straps_mm, lobe_top_mm


def _lobe(
    canvas: Canvas, straps_mm: float, top_mm: float, *, long_section: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The lobe and, in a cross section, trachea and carotid beside it. Returns its centre and semi-axes."""
    rng = canvas.rng
    width_mm, height_mm = canvas.size_mm
    thick_mm = float(np.clip(rng.uniform(7, 10), 4, (height_mm * 0.85 - top_mm) / 2))
    side = float(rng.choice([-1, 1]))
    if long_section:
        centre = (width_mm * float(rng.uniform(0.45, 0.55)), top_mm + thick_mm)
        semi = (width_mm * float(rng.uniform(0.5, 0.65)), thick_mm)
        tilt = float(rng.uniform(-0.08, 0.08))
    else:
        centre = (width_mm * (0.5 + side * float(rng.uniform(0.0, 0.06))), top_mm + thick_mm)
        semi = (width_mm * float(rng.uniform(0.27, 0.34)), thick_mm)
        tilt = side * float(rng.uniform(-0.1, 0.25))
    lobe = blob(rng, "lobulated" if rng.random() < 0.5 else "smooth", centre_mm=centre, semi_mm=semi, tilt_rad=tilt)
    tissue = Tissue(float(rng.uniform(-4, 1)), float(rng.uniform(0.6, 1.4)), 3.0, 0.5)
    distance = canvas.body(lobe, tissue, soft_mm=(0.3, 1.5))
    capsule = np.exp(-((distance / 0.3) ** 2)) * np.clip(canvas.noise(6) * 0.6 + 0.3, 0, 1)
    canvas.echo_db += capsule.astype(np.float32) * np.float32(6)
    canvas.streaks(np.clip(-distance / 0.5, 0, 1), along_mm=2.5, across_mm=0.8, sd_db=1.6)
    if not long_section:
        _trachea(canvas, centre[0] - side * (semi[0] + float(rng.uniform(4, 7))), straps_mm + 3)
        _carotid(canvas, centre[0] + side * (semi[0] + float(rng.uniform(1.5, 4))), centre[1] + 1.5)
    return centre, semi


def _trachea(canvas: Canvas, x_mm: float, top_mm: float) -> None:
    """Dark cartilage, the bright front of the air in it, comet tails fading into nothing."""
    rng = canvas.rng
    ring = blob(rng, "smooth", centre_mm=(x_mm, top_mm + 11), semi_mm=(9.5, 11))
    canvas.body(ring, Tissue(-15, 2, 2, 0.5), soft_mm=(0.3, 1.2))
    air = blob(rng, "smooth", centre_mm=(x_mm, top_mm + 13), semi_mm=(8, 11))
    distance = canvas.body(air, Tissue(-16, 2, 2, 1.3), soft_mm=(0.3, 0.8))
    front = np.clip(1 - (canvas.z_mm - top_mm - 2) / 6, 0, 1) * np.clip(canvas.noise(4) * 0.3 + 0.8, 0.1, 1.1)
    canvas.echo_db += (np.exp(-((distance / 0.4) ** 2)) * front).astype(np.float32) * np.float32(20)
    period_mm = float(rng.uniform(1.6, 2.4))
    depth_mm = np.clip(-distance, 0, None)
    tails = np.cos(2 * np.pi * depth_mm / period_mm) * np.exp(-depth_mm / 3) * (distance < 0) * front
    canvas.echo_db += tails.astype(np.float32) * np.float32(12)


def _carotid(canvas: Canvas, x_mm: float, z_mm: float) -> None:
    """An anechoic disc with a bright wall, enhancement behind it."""
    rng = canvas.rng
    radius_mm = float(rng.uniform(2.6, 3.8))
    vessel = blob(rng, "smooth", centre_mm=(x_mm, z_mm), semi_mm=(radius_mm, radius_mm * float(rng.uniform(0.8, 1))))
    canvas.body(vessel, Tissue(-34, 1, 2, 0.12), soft_mm=(0.15, 0.3), wall_db=9, wall_mm=0.4)


def _nodule(
    canvas: Canvas,
    kind: NoduleKind,
    index: int,
    count: int,
    lobe_centre: tuple[float, float],
    lobe_semi: tuple[float, float],
) -> Polygon:
    """Paint one nodule inside the lobe and return its outline."""
    rng = canvas.rng
    largest = lobe_semi[1] * (0.95 if count == 1 else 0.6)
    size_mm = float(np.clip(rng.lognormal(np.log(5.4), 0.5), 1.8, largest))
    if kind == "malignant":
        margin: Margin = rng.choice(["irregular", "lobulated", "spiculated"], p=[0.6, 0.25, 0.15])
        semi = (size_mm, size_mm * float(rng.uniform(0.6, 0.95)))
        tilt = float(rng.uniform(0.4, 1.6)) * float(rng.choice([-1, 1]))
    else:
        margin = rng.choice(["smooth", "lobulated"], p=[0.45, 0.55])
        semi = (size_mm * float(rng.uniform(1.05, 1.6)), size_mm * float(rng.uniform(0.7, 0.95)))
        tilt = float(rng.uniform(-0.8, 0.8))
    room = max(lobe_semi[0] - semi[0], 0.0) * 0.75
    shift = (index - (count - 1) / 2) * 1.4 * room if count > 1 else float(rng.uniform(-1, 1)) * room
    rise = float(rng.uniform(-1, 1)) * max(lobe_semi[1] - semi[1], 0.0) * 0.8
    width_mm = canvas.size_mm[0]
    x_mm = float(np.clip(lobe_centre[0] + shift, semi[0] + 1, width_mm - semi[0] - 1))
    outline = blob(rng, margin, centre_mm=(x_mm, lobe_centre[1] + rise), semi_mm=semi, tilt_rad=tilt)
    _NODULES[kind](canvas, outline, index + 1)
    return outline


def _benign(canvas: Canvas, outline: Polygon, label: int) -> None:
    """Iso- to hypoechoic with a dark halo; some spongy."""
    rng = canvas.rng
    level = float(rng.choice([rng.uniform(-11, -6), rng.uniform(-3, -1), rng.uniform(3, 5)], p=[0.65, 0.2, 0.15]))
    distance = canvas.body(
        outline, Tissue(level, 2.0, 1.5, 0.45), soft_mm=(0.15, float(rng.uniform(0.4, 0.8))), label=label
    )
    halo = np.exp(-((distance / 0.45) ** 2)) * np.clip(canvas.noise(4) * 0.4 + 0.9, 0.2, 1.3)
    canvas.echo_db -= halo * np.float32(rng.uniform(6, 9) if level > -4 else rng.uniform(1, 6))
    if rng.random() < 0.35:
        _pores(canvas, distance, level=0.9, grain_mm=1.8)


def _cystic(canvas: Canvas, outline: Polygon, label: int) -> None:
    """Partly or wholly fluid."""
    rng = canvas.rng
    distance = canvas.body(outline, Tissue(-6, 2, 1.5, 0.4), soft_mm=(0.1, 0.4), wall_db=4, wall_mm=0.3, label=label)
    _pores(canvas, distance, level=float(rng.uniform(-1.0, 0.3)), grain_mm=4.0)


def _malignant(canvas: Canvas, outline: Polygon, label: int) -> None:
    """Markedly hypoechoic, blurred rim, microcalcifications, sometimes a shadow."""
    rng = canvas.rng
    loss = float(rng.uniform(0.9, 1.6)) if rng.random() < 0.4 else 0.5
    tissue = Tissue(-float(rng.uniform(8, 15)), 2.5, 1.2, loss)
    distance = canvas.body(outline, tissue, soft_mm=(0.2, float(rng.uniform(0.5, 1.0))), label=label)
    if rng.random() < 0.6:
        canvas.specks(distance, int(rng.integers(3, 15)), echo_db=17, size_mm=0.16, shadow=0.8)


def _pores(canvas: Canvas, distance: Float, *, level: float, grain_mm: float) -> None:
    """Fluid where smooth noise inside the body is above a level."""
    inside = np.clip((-distance - 0.3) / 0.3, 0, 1)
    holes = np.clip((canvas.noise(grain_mm, grain_mm * 0.8) - np.float32(level)) * 3, 0, 1) * inside
    canvas.paint(holes.astype(np.float32), Tissue(float(canvas.rng.uniform(-34, -18)), 1, 2, 0.2))


_NODULES = {"benign": _benign, "cystic": _cystic, "malignant": _malignant}
