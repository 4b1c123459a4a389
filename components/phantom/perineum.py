"""Fetal head and pubic symphysis under a transperineal convex probe, as one slow clip.

The head descends along the birth canal with the phase of the clip; everything else stays.

Leaves out: caput, moulding, Doppler, the second patient of a twin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.phantom.canvas import Canvas, Tissue
from components.phantom.drawing import Drawing
from components.phantom.geometry import Float, ImageGrid, Probe
from components.phantom.physics import Machine
from components.phantom.shapes import Polygon, blob

SYMPHYSIS, HEAD = 7, 8


@dataclass(frozen=True, slots=True)
class Moment:
    """What a frame shows: the clip's phase (0 to 1) and which of the two structures are in the plane."""

    phase: float
    symphysis: bool = True
    head: bool = True


def perineum(rng: np.random.Generator, moment: Moment, *, height_px: int = 513, width_px: int = 648) -> Drawing:
    """Draw one frame; labels 7 symphysis, 8 head. The same `rng` state gives the same woman at every moment."""
    probe = Probe(
        "convex",
        float(rng.uniform(118, 135)),
        radius_mm=58.0,
        angle_deg=float(rng.uniform(66, 74)),
        frequency_mhz=float(rng.uniform(3.2, 4.2)),
        focus_mm=float(rng.uniform(50, 75)),
        f_number=2.8,
        lines=224,
        samples=512,
    )
    canvas = Canvas(ImageGrid.fitting(probe, height_px, width_px), rng)
    _soft_tissue(canvas)
    head, symphysis = _outlines(canvas, rng, moment.phase)
    outlines: list[tuple[int, Polygon]] = []
    if moment.head:
        _head(canvas, head)
        outlines.append((HEAD, head))
    if moment.symphysis:
        _symphysis(canvas, symphysis)
        outlines.insert(0, (SYMPHYSIS, symphysis))
    for label, outline in outlines:
        canvas.mark(outline, label)
    machine = Machine(
        dynamic_range_db=float(rng.uniform(54, 66)),
        gain_db=float(rng.uniform(-3, 3)),
        tgc_db_cm_mhz=float(rng.uniform(0.44, 0.5)),
        noise_db=float(rng.uniform(-66, -58)),
        specular=float(rng.uniform(0.5, 1.0)),
        looks=2,
        grey_gamma=float(rng.uniform(1.0, 1.3)),
    )
    return Drawing(canvas.scene(), probe, canvas.grid, machine, canvas.labels, tuple(outlines), "transperineal")


def _soft_tissue(canvas: Canvas) -> None:
    """Labia, fat and pelvic floor in layers that follow the probe's face."""
    rng = canvas.rng
    canvas.paint(np.ones_like(canvas.echo_db), Tissue(0, 2, 8, 0.5))
    canvas.undulate(3.0, 40)
    canvas.streaks(1.0, along_mm=22, across_mm=3.5, sd_db=3)
    canvas.fibres(np.ones_like(canvas.echo_db), along_mm=25, across_mm=3, echo_db=6)
    canvas.layer(float(rng.uniform(75, 95)), Tissue(-8, 3, 8, 0.55), 8)


def _outlines(canvas: Canvas, rng: np.random.Generator, phase: float) -> tuple[Polygon, Polygon]:
    """Head and symphysis at this phase. Draws the same random numbers whatever the phase."""
    x0_mm, z0_mm = canvas.grid.face_xz_mm
    start = np.array([x0_mm + rng.uniform(-6, 8), z0_mm + rng.uniform(86, 96)])
    way = np.array([rng.uniform(4, 12), -rng.uniform(6, 16)])
    semi = (float(rng.uniform(44, 52)), float(rng.uniform(34, 40)))
    tilt, roll = float(rng.uniform(-0.9, 0.1)), float(rng.uniform(-0.25, 0.25))
    centre = start + way * phase
    head = blob(
        rng, "smooth", centre_mm=(float(centre[0]), float(centre[1])), semi_mm=semi, tilt_rad=tilt + roll * phase
    )
    pubis = (x0_mm - float(rng.uniform(22, 30)), z0_mm + float(rng.uniform(24, 34)))
    symphysis = blob(
        rng,
        "smooth",
        centre_mm=pubis,
        semi_mm=(float(rng.uniform(14, 19)), float(rng.uniform(6, 8.5))),
        tilt_rad=float(rng.uniform(0.2, 0.9)),
    )
    return head, symphysis


def _head(canvas: Canvas, outline: Polygon) -> None:
    """Skull with a bright near arc, dark brain behind bone, a faint midline."""
    distance = canvas.body(outline, Tissue(-13, 2, 7, 0.62), soft_mm=(0.6, 1.4))
    skull = np.exp(-(((distance + 1.2) / 1.3) ** 2)).astype(np.float32)
    arc = skull * _facing(distance) * np.clip(canvas.noise(14) * 0.3 + 0.9, 0.3, 1.2)
    canvas.echo_db += arc * np.float32(32) + skull * np.float32(8)
    canvas.impedance += arc * np.float32(0.1)
    canvas.attenuation += skull * np.float32(1.4)


def _facing(distance: Float) -> Float:
    """How far an outline's edge turns towards the top: 1 facing the probe, 0 facing away (H W)."""
    down, right = np.gradient(distance)
    slope = down / (np.abs(right) + np.abs(down) + 1e-6)
    return np.clip(-slope * 1.3, 0, 1).astype(np.float32)


def _symphysis(canvas: Canvas, outline: Polygon) -> None:
    """An oval of cartilage with a bright capsule and a weak shadow."""
    rng = canvas.rng
    distance = canvas.body(outline, Tissue(-8, 2, 4, 0.85), soft_mm=(0.5, 1.2))
    capsule = np.exp(-(((distance + 0.3) / 0.9) ** 2)) * np.clip(canvas.noise(8) * 0.4 + 0.8, 0.1, 1.2)
    canvas.echo_db += capsule * np.float32(rng.uniform(13, 18))
    canvas.impedance += capsule * np.float32(0.04)
