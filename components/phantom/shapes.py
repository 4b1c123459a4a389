"""Outlines of anatomy as closed polygons in millimetres: smooth, lobulated, irregular, spiculated, bent.

A polygon has shape (n, 2), columns x and z, not repeated at its end. `rasterise` is the only place where
a polygon becomes pixels, so that labels, echoes and written polygons agree.

Leaves out: what the outlines are made of.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
Margin = Literal["smooth", "lobulated", "irregular", "spiculated"]

_ANGLES = np.linspace(0, 2 * np.pi, 200, endpoint=False)
# Relative amplitude of the radial harmonics, by their order.
_HARMONICS: dict[str, dict[int, float]] = {
    "smooth": {2: 0.03, 3: 0.05, 4: 0.02},
    "lobulated": {3: 0.09, 4: 0.07, 5: 0.06, 6: 0.04},
    "irregular": {2: 0.10, 3: 0.12, 4: 0.08, 5: 0.08, 7: 0.05, 9: 0.04, 12: 0.02},
    "spiculated": {2: 0.08, 3: 0.10, 5: 0.06, 8: 0.03},
}


def blob(
    rng: np.random.Generator,
    margin: Margin,
    *,
    centre_mm: tuple[float, float],
    semi_mm: tuple[float, float],
    tilt_rad: float = 0.0,
) -> Polygon:
    """A star-shaped outline about an ellipse of semi-axes `semi_mm`, turned by `tilt_rad`, with a margin's lobes."""
    radius = np.ones_like(_ANGLES)
    for order, amplitude in _HARMONICS[margin].items():
        radius += amplitude * rng.uniform(0.5, 1.4) * np.cos(order * _ANGLES + rng.uniform(0, 2 * np.pi))
    if margin == "spiculated":
        for _ in range(int(rng.integers(6, 12))):
            off = np.angle(np.exp(1j * (_ANGLES - rng.uniform(0, 2 * np.pi))))
            radius += rng.uniform(0.2, 0.6) * np.exp(-((off / rng.uniform(0.10, 0.20)) ** 2))
        radius /= 1.1
    points = np.stack([semi_mm[0] * radius * np.cos(_ANGLES), semi_mm[1] * radius * np.sin(_ANGLES)], axis=1)
    return turned(points, tilt_rad) + np.asarray(centre_mm)


def turned(polygon: Polygon, angle_rad: float) -> Polygon:
    """The polygon turned about the origin, clockwise on the screen (z points down)."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return polygon @ np.array([[c, s], [-s, c]])


def band(axis: Polygon, above_mm: NDArray[np.float64], below_mm: NDArray[np.float64]) -> Polygon:
    """The strip about an open curve that reaches `above_mm` and `below_mm` (one number each a point) from it."""
    tangent = np.gradient(axis, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)  # towards smaller z where the curve runs right
    upper = axis + normal * above_mm[:, None]
    lower = axis - normal * below_mm[:, None]
    return np.concatenate([upper, lower[::-1]])


def rasterise(polygon: Polygon, height_px: int, width_px: int, spacing_mm: float) -> NDArray[np.bool_]:
    """Pixels whose centres lie inside the polygon (H W, bool), to a sixth of a pixel."""
    fine = 3
    canvas = np.zeros((height_px * fine, width_px * fine), np.uint8)
    bits = 6
    # OpenCV puts whole numbers at pixel centres.
    points = np.round((polygon / spacing_mm * fine - 0.5) * (1 << bits)).astype(np.int32)
    cv2.fillPoly(canvas, [points], 1, lineType=cv2.LINE_8, shift=bits)
    return canvas[fine // 2 :: fine, fine // 2 :: fine].astype(bool)


def signed_distance_mm(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """Distance to the mask's edge, negative inside (H W)."""
    inside = mask.astype(np.uint8)
    distance_px = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5) - cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return cv2.GaussianBlur(distance_px, (0, 0), 1.0) * np.float32(spacing_mm)
