"""Cervix under an endocavity probe: an anterior (upper) and a posterior (lower) lip about a canal.

Bladder before it, amniotic fluid with a bit of the fetal head beyond the inner os.

Leaves out: funnelling, cerclage, polyps.
"""

from __future__ import annotations

import numpy as np

from components.phantom.canvas import Canvas, Tissue
from components.phantom.drawing import Drawing
from components.phantom.geometry import ImageGrid, Probe
from components.phantom.physics import Machine
from components.phantom.shapes import Polygon, band, blob

ANTERIOR, POSTERIOR = 1, 2


def cervix(rng: np.random.Generator, *, height_px: int = 336, width_px: int = 544) -> Drawing:
    """Draw a cervix; labels 1 anterior lip, 2 posterior lip."""
    probe = Probe(
        "convex",
        float(rng.uniform(62, 76)),
        radius_mm=11.0,
        angle_deg=150.0,
        frequency_mhz=float(rng.uniform(5.5, 7)),
        focus_mm=float(rng.uniform(25, 40)),
        f_number=2.6,
        lines=320,
        samples=512,
    )
    canvas = Canvas(ImageGrid.fitting(probe, height_px, width_px), rng)
    _pelvis(canvas)
    outlines = _lips(canvas)
    machine = Machine(
        dynamic_range_db=float(rng.uniform(52, 64)),
        gain_db=float(rng.uniform(-4, 3)),
        tgc_db_cm_mhz=float(rng.uniform(0.44, 0.5)),
        noise_db=float(rng.uniform(-62, -54)),
        specular=float(rng.uniform(0.5, 1.0)),
        looks=int(rng.integers(2, 4)),
        grey_gamma=float(rng.uniform(1.0, 1.3)),
    )
    return Drawing(canvas.scene(), probe, canvas.grid, machine, canvas.labels, outlines, "cervix")


def _pelvis(canvas: Canvas) -> None:
    """Vaginal wall, fat, bladder, amniotic fluid and the fetal head at the inner side (left)."""
    rng = canvas.rng
    width_mm, height_mm = canvas.size_mm
    canvas.paint(np.ones_like(canvas.echo_db), Tissue(0, 2.5, 6, 0.5))
    canvas.undulate(1.5, 25)
    canvas.streaks(1.0, along_mm=9, across_mm=2.0, sd_db=3)
    canvas.fibres(np.ones_like(canvas.echo_db), along_mm=14, across_mm=1.8, echo_db=5)
    fluid = blob(
        rng,
        "irregular",
        centre_mm=(width_mm * float(rng.uniform(0.12, 0.2)), height_mm * float(rng.uniform(0.55, 0.7))),
        semi_mm=(width_mm * 0.17, height_mm * 0.22),
    )
    canvas.body(fluid, Tissue(-36, 2, 4, 0.15), soft_mm=(0.3, 1.0), wall_db=5, wall_mm=0.6)
    if rng.random() < 0.6:
        head = blob(rng, "smooth", centre_mm=(width_mm * 0.08, height_mm * 0.92), semi_mm=(26, 20), tilt_rad=0.3)
        canvas.body(head, Tissue(-16, 2, 4, 0.9), soft_mm=(0.3, 0.6), wall_db=13, wall_mm=0.8)
    if rng.random() < 0.7:
        bladder = blob(
            rng,
            "smooth",
            centre_mm=(width_mm * float(rng.uniform(0.24, 0.34)), height_mm * float(rng.uniform(0.2, 0.27))),
            semi_mm=(float(rng.uniform(8, 14)), float(rng.uniform(3, 6))),
            tilt_rad=-0.4,
        )
        canvas.body(bladder, Tissue(-38, 1, 4, 0.1), soft_mm=(0.3, 0.6), wall_db=7, wall_mm=0.6)


def _lips(canvas: Canvas) -> tuple[tuple[int, Polygon], ...]:
    """Both lips about one bent canal, the canal's mucosa, and the labels."""
    rng = canvas.rng
    width_mm, height_mm = canvas.size_mm
    along = np.linspace(0, 1, 90)
    length_mm = float(rng.uniform(30, 46))
    tilt, bend = float(rng.uniform(-0.3, 0.25)), float(rng.uniform(-5, 5))
    start = np.array([width_mm * rng.uniform(0.26, 0.34), height_mm * rng.uniform(0.48, 0.6)])
    axis = np.stack([along * length_mm, np.sin(np.pi * along) * bend], axis=1)
    axis[:, 1] += 0.4 * np.sin(3 * np.pi * along + rng.uniform(0, 6))
    axis = axis @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) + start
    gap = np.full_like(along, float(rng.uniform(0.5, 0.9)))
    outlines = []
    for label, thick_mm in ((ANTERIOR, float(rng.uniform(8, 13))), (POSTERIOR, float(rng.uniform(8, 14)))):
        # Thin towards the inner os, thickest near the outer one, where it ends round.
        shape = np.clip(along * 3.5 + 0.25, 0, 1) ** 0.7 * np.clip((1 - along) * 6, 0, 1) ** 0.5
        lobes = 1 + 0.12 * np.sin(2 * np.pi * along * rng.uniform(0.6, 1.4) + rng.uniform(0, 6))
        thickness = gap + thick_mm * shape * lobes
        upper = label == ANTERIOR
        outline = band(axis, thickness, -gap) if upper else band(axis, -gap, thickness)
        tissue = Tissue(-float(rng.uniform(6, 10)), 1.2, 3.0, 0.5)
        distance = canvas.body(outline, tissue, soft_mm=(0.3, 1.2), wall_db=5, wall_mm=0.6, label=label)
        canvas.streaks(np.clip(-distance, 0, 1), along_mm=5, across_mm=1.5, sd_db=1.5)
        outlines.append((label, outline))
    canal = band(axis[2:-1], gap[2:-1], gap[2:-1])
    canvas.body(canal, Tissue(float(rng.uniform(3, 7)), 3, 1.5, 0.5), soft_mm=(0.2, 0.6))
    return tuple(outlines)
