"""Numbers to small vector pictures: one panel with two axes, and marks that differ in shape and in colour.

Colours are names of classes, which the page's style sheet turns into colours for light and dark, screen and paper
(Okabe and Ito's, which people with colour deficiencies tell apart). Every shape differs too, so that a picture holds
without any colour. Leaves out: what is drawn (charts.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

LEFT, RIGHT, TOP, BOTTOM = 46.0, 24.0, 8.0, 36.0
SHAPES = ("circle", "square", "up", "diamond", "down", "cross", "plus", "bar")


LETTER_PX = 6.0
"""About how wide a letter of a label is."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: what it says, the span that it covers, where its ticks are and what they are called."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How somebody is drawn: the class of their colour, and their shape."""

    colour: str
    shape: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A finished picture: its heading, the words for whoever can't see it, and the SVG."""

    title: str
    words: str
    svg: Markup


@dataclass(slots=True)
class Canvas:
    """A panel under way: marks are added in the units of its axes. `left` is the room for the y axis' words, in px."""

    x: Axis
    y: Axis
    width: float = 320.0
    height: float = 230.0
    left: float = LEFT
    marks: list[Markup] = field(default_factory=list)

    def place_x(self, value: float) -> float:
        """The horizontal place of a value, in px of the picture."""
        return self.left + (value - self.x.low) / (self.x.high - self.x.low) * (self.width - self.left - RIGHT)

    def place_y(self, value: float) -> float:
        """The vertical place of a value, in px of the picture, which count downwards."""
        return self.height - BOTTOM - (value - self.y.low) / (self.y.high - self.y.low) * (self.height - TOP - BOTTOM)

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, kind: str = "line") -> None:
        """Draw a line through points; `kind` is the class of its stroke (`line`, `span`, `rule`, `dashes`)."""
        path = " ".join(f"{self.place_x(x):.1f},{self.place_y(y):.1f}" for x, y in points)
        self.marks.append(Markup('<polyline class="{} {}" points="{}"/>').format(kind, colour, path))

    def dots(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Draw many small dots as one path, so that thousands of them stay small."""
        path = "".join(f"M{self.place_x(x):.1f} {self.place_y(y):.1f}h0" for x, y in points)
        self.marks.append(Markup('<path class="dots {}" d="{}"/>').format(colour, path))

    def mark(self, x: float, y: float, style: Style, *, words: str, size: float = 4.0) -> None:
        """Draw one mark; `words` appear where a pointer rests on it."""
        shape = _shape(style.shape, self.place_x(x), self.place_y(y), size)
        text = Markup('<g class="mark {}"><title>{}</title>{}</g>').format(style.colour, words, shape)
        self.marks.append(text)

    def finished(self, title: str, *, words: str) -> Panel:
        """The panel, with its axes below all marks."""
        head = Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(self.width, self.height, words)
        return Panel(title, words, head + self._axes() + Markup("").join(self.marks) + Markup("</svg>"))

    def _axes(self) -> Markup:
        right, floor = self.width - RIGHT, self.height - BOTTOM
        parts = []
        for value, text in self.x.ticks:
            x = self.place_x(value)
            parts.append(Markup('<path class="grid" d="M{0:.1f} {1:.1f}V{2:.1f}"/>').format(x, TOP, floor))
            # A label at the right end would be cut off if it stood in the middle of its tick.
            at_end = x + LETTER_PX * len(text) / 2 > self.width
            parts.append(_text(self.width - 1 if at_end else x, floor + 14, text, "end" if at_end else "middle"))
        for value, text in self.y.ticks:
            y = self.place_y(value)
            parts.append(Markup('<path class="grid" d="M{0:.1f} {1:.1f}H{2:.1f}"/>').format(self.left, y, right))
            parts.append(_text(self.left - 5, y + 3.5, text, "end"))
        parts.append(_text((self.left + right) / 2, self.height - 5, self.x.label, "middle"))
        if self.y.label:
            middle = (TOP + floor) / 2
            turned = Markup('<text class="label" text-anchor="middle" transform="translate(11 {:.1f}) rotate(-90)">{}')
            parts.append(turned.format(middle, self.y.label) + Markup("</text>"))
        return Markup("").join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _shape(shape: str, x: float, y: float, r: float) -> Markup:
    """A shape of about the same weight whatever it is, round its centre."""
    corners = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "up": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
        "down": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "bar": ((-0.4, -1.4), (0.4, -1.4), (0.4, 1.4), (-0.4, 1.4)),
    }
    if shape == "circle":
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(x, y, r)
    if shape in ("cross", "plus"):
        ends = ((-1, -1, 1, 1), (-1, 1, 1, -1)) if shape == "cross" else ((-1.3, 0, 1.3, 0), (0, -1.3, 0, 1.3))
        path = "".join(f"M{x + a * r:.1f} {y + b * r:.1f}L{x + c * r:.1f} {y + d * r:.1f}" for a, b, c, d in ends)
        return Markup('<path class="open" d="{}"/>').format(path)
    points = " ".join(f"{x + a * r:.1f},{y + b * r:.1f}" for a, b in corners[shape])
    return Markup('<polygon points="{}"/>').format(points)


def swatch(style: Style) -> Markup:
    """The mark of a style alone, for a legend."""
    return Markup('<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true"><g class="mark {}">{}</g></svg>').format(
        style.colour, _shape(style.shape, 7, 7, 4)
    )


def numbered(label: str, low: float, high: float, *, count: int = 5, decimals: int | None = None) -> Axis:
    """An axis over at least `low` to `high`, with about `count` ticks at round numbers."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if decimals is None else decimals
    digits += 1 if decimals is None and round(step / power, 3) == 2.5 and step < 10 else 0
    # Adding 0.0 turns a negative zero into zero.
    ticks = tuple((n * step, f"{n * step + 0.0:,.{digits}f}".replace(",", " ")) for n in range(first, last + 1))
    return Axis(label, first * step, last * step, ticks)


def named(names: Sequence[str]) -> Axis:
    """An axis with a row for each name, the first on top; row k is at -k."""
    return Axis("", -len(names) + 0.5, 0.5, tuple((-float(row), name) for row, name in enumerate(names)))
