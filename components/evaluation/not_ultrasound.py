"""Seeds to images that aren't ultrasound: what the guard of the endpoint must stop, drawn by our own code.

Each kind is something that reaches a bedside service by mistake (a page of text, a screenshot, a photograph, another
modality), or an input that says nothing (noise, a pattern, one grey). The generators are simple: a photograph is noise
whose power falls with the frequency as that of natural scenes does (Field 1987), an X-ray-like slice is the head
phantom of Shepp and Logan (1974) with its ellipses moved a little. No image comes from anywhere else. Leaves out:
whether the guard stops them (components/evaluation/comparing/confidence.py).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from components.types import Image

SIZE_HW = (480, 640)
Grey = NDArray[np.float64]

# Shepp and Logan, IEEE Trans. Nucl. Sci. 21 (1974), with the contrast that Toft (1996) gives it: grey value, half axes,
# centre, angle in degrees; of a square from -1 to 1.
HEAD = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)


def draw_not_ultrasound(kind: str, *, seed: int) -> Image:
    """An image (480 640 3) of a kind of KINDS; equal seeds give equal images.

    Raises
    ------
    KeyError
        If there is no such kind.
    """
    return KINDS[kind](np.random.default_rng([seed, sorted(KINDS).index(kind)]))


def _text_page(rng: np.random.Generator) -> Image:
    """Dark lines of words on white paper."""
    page = np.full((*SIZE_HW, 3), 255, dtype=np.uint8)
    step_px = int(rng.integers(14, 24))
    for y in range(30, SIZE_HW[0] - 20, step_px):
        _write_line(page, y, x0=30, x1=SIZE_HW[1] - 40, scale=step_px / 40, colour=(20, 20, 20), rng=rng)
    return page


def _screenshot(rng: np.random.Generator) -> Image:
    """A window with a title bar, a side panel with buttons, and a table."""
    page = np.full((*SIZE_HW, 3), int(rng.integers(225, 250)), dtype=np.uint8)
    accent = [int(value) for value in rng.integers(40, 200, size=3)]
    cv2.rectangle(page, (0, 0), (SIZE_HW[1], 36), accent, -1)
    cv2.rectangle(page, (0, 36), (150, SIZE_HW[0]), (205, 208, 214), -1)
    for y in range(60, SIZE_HW[0] - 30, 44):
        cv2.rectangle(page, (14, y), (136, y + 28), accent if rng.random() < 0.3 else (245, 245, 245), -1)
        _write_line(page, y + 19, x0=24, x1=125, scale=0.4, colour=(40, 40, 40), rng=rng)
    for y in range(70, SIZE_HW[0] - 20, 26):
        cv2.line(page, (165, y + 8), (SIZE_HW[1] - 15, y + 8), (200, 200, 200), 1)
        _write_line(page, y, x0=170, x1=SIZE_HW[1] - 30, scale=0.42, colour=(30, 30, 60), rng=rng)
    return page


def _write_line(
    page: Image, y: int, *, x0: int, x1: int, scale: float, colour: tuple[int, int, int], rng: np.random.Generator
) -> None:
    """Words of random letters from `x0` to `x1`, on the base line `y`, into a page."""
    x = x0
    while x < x1:
        word = "".join(chr(97 + int(letter)) for letter in rng.integers(26, size=int(rng.integers(2, 9))))
        (width_px, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        if x + width_px > x1:
            break
        cv2.putText(page, word, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
        x += width_px + max(4, int(12 * scale))


def _photograph(rng: np.random.Generator) -> Image:
    """Three correlated planes of noise with amplitudes that fall as one over the frequency."""
    shared, own = _one_over_f(rng), [_one_over_f(rng) for _ in range(3)]
    return np.stack([_to_bytes(shared + 0.6 * plane) for plane in own], axis=2)


def _grey_photograph(rng: np.random.Generator) -> Image:
    """The same in grey."""
    return _as_rgb(_to_bytes(_one_over_f(rng)))


def _one_over_f(rng: np.random.Generator) -> Grey:
    rows, columns = np.fft.fftfreq(SIZE_HW[0])[:, None], np.fft.rfftfreq(SIZE_HW[1])[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    phases = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    plane = np.fft.irfft2(phases / frequency, s=SIZE_HW)
    return np.asarray(plane / plane.std(), dtype=np.float64)


def _gradient(rng: np.random.Generator) -> Image:
    """Grey that rises evenly in one direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIZE_HW[0] * 1j, -1 : 1 : SIZE_HW[1] * 1j]
    ramp = np.cos(angle) * x + np.sin(angle) * y
    return _as_rgb(np.asarray(255 * (ramp - ramp.min()) / (ramp.max() - ramp.min()), dtype=np.uint8))


def _ct_slice(rng: np.random.Generator) -> Image:
    """The Shepp-Logan head on black, its ellipses moved a little, with noise."""
    y, x = np.mgrid[1 : -1 : SIZE_HW[0] * 1j, -1 : 1 : SIZE_HW[0] * 1j]
    grey = np.zeros(x.shape)
    for value, half_x, half_y, centre_x, centre_y, degrees in HEAD:
        turn = np.deg2rad(degrees + rng.normal(0, 2))
        dx, dy = x - centre_x - rng.normal(0, 0.01), y - centre_y - rng.normal(0, 0.01)
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        grey += value * ((along / half_x) ** 2 + (across / half_y) ** 2 <= 1)
    side = (SIZE_HW[1] - SIZE_HW[0]) // 2
    wide = np.pad(grey, ((0, 0), (side, SIZE_HW[1] - SIZE_HW[0] - side)))
    noisy = 220 * np.clip(wide, 0, 1) + rng.normal(0, 4, size=SIZE_HW)
    return _as_rgb(np.clip(noisy, 0, 255).astype(np.uint8))


def _white_noise(rng: np.random.Generator) -> Image:
    """Every pixel a grey value of its own."""
    return _as_rgb(rng.integers(256, size=SIZE_HW, dtype=np.uint8))


def _checkerboard(rng: np.random.Generator) -> Image:
    """Squares of two greys."""
    side = int(rng.integers(8, 64))
    dark, bright = int(rng.integers(0, 80)), int(rng.integers(150, 256))
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]] // side
    return _as_rgb(np.where((x + y) % 2 == 0, dark, bright).astype(np.uint8))


def _constant(rng: np.random.Generator) -> Image:
    """One grey."""
    return np.full((*SIZE_HW, 3), int(rng.integers(256)), dtype=np.uint8)


def _to_bytes(plane: Grey) -> NDArray[np.uint8]:
    """Mean 120 and standard deviation 45, cut off at black and white."""
    return np.clip(120 + 45 * (plane - plane.mean()) / plane.std(), 0, 255).astype(np.uint8)


def _as_rgb(grey: NDArray[np.uint8]) -> Image:
    return np.repeat(grey[..., None], 3, axis=2)


KINDS: dict[str, Callable[[np.random.Generator], Image]] = {
    "text_page": _text_page,
    "screenshot": _screenshot,
    "photograph": _photograph,
    "grey_photograph": _grey_photograph,
    "gradient": _gradient,
    "ct_slice": _ct_slice,
    "white_noise": _white_noise,
    "checkerboard": _checkerboard,
    "constant": _constant,
}
"""What isn't ultrasound, by name."""
