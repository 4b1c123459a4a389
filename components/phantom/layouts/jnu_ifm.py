"""JNU-IFM: `us_data/<video>/{image,mask,mask_enhance}/<video>_<frame>…png`, `us_data/<video>/frame_label.csv`.

Masks are grey, 7 symphysis and 8 head; frame labels 3 none, 4 symphysis only, 5 head only, 6 both. Oddities kept:
toolbar rectangles blacked out, frames with one structure or none, `mask_enhance` for viewing only.
Differs from the real set: frames have half the edge (648 x 513), for speed.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.phantom.files import save_png, stream
from components.phantom.perineum import HEAD, SYMPHYSIS, Moment, perineum
from components.phantom.physics import Drift

_LABELS = {(False, False): 3, (True, False): 4, (False, True): 5, (True, True): 6}
_STEP = 5  # frames of the film between two kept ones


@dataclass(frozen=True, slots=True)
class Item:
    """One frame of one video."""

    video: int
    number: int
    moment: Moment
    seed: int
    images: int = 1

    @property
    def video_name(self) -> str:
        """The real set's form: date, T, time."""
        month, day = 9 + self.video // 28 % 3, 1 + self.video % 28
        return f"2019{month:02d}{day:02d}T{8 + self.video % 9:02d}{self.video % 60:02d}30"

    @property
    def frame_number(self) -> int:
        """The number in the file's name."""
        return 3 + self.number * _STEP


def plan(images: int, seed: int) -> list[Item]:
    """Videos of about six frames. Most show both structures; some lose the symphysis, and a few show neither."""
    choose = stream("jnu_ifm", seed)
    videos = max(1, round(images / 6))
    items: list[Item] = []
    for video, frames in enumerate(np.array_split(np.arange(images), videos)):
        habit = choose.choice(["both", "loses symphysis", "late"], p=[0.6, 0.25, 0.15])
        for number in range(len(frames)):
            phase = number / max(len(frames) - 1, 1)
            symphysis = not (habit == "loses symphysis" and phase > 0.5) and not (habit == "late" and number == 0)
            items.append(Item(video, number, Moment(phase, symphysis, not (habit == "late" and number == 0)), seed))
    return items


def write(item: Item, root: Path) -> None:
    """Draw one frame: the video's scatterers, a little of the frame's own, the toolbar blacked out."""
    rng = stream("jnu_ifm", item.seed, 1, item.video)
    drawing = perineum(rng, item.moment)
    own = stream("jnu_ifm", item.seed, 2, item.video, item.number)
    seen = drawing.look(rng, drift=Drift(0.15, own))
    image = seen.image.copy()
    labels = np.where(seen.in_view, drawing.labels, 0).astype(np.uint8)
    for rows, cols in ((slice(0, 40), slice(0, 90)), (slice(0, 26), slice(560, 648)), (slice(470, 513), slice(0, 120))):
        image[rows, cols] = 0
    folder = root / "us_data" / item.video_name
    stem = f"{item.video_name}_{item.frame_number}"
    save_png(image, folder / "image" / f"{stem}.png")
    save_png(labels, folder / "mask" / f"{stem}_mask.png")
    save_png(_enhanced(labels), folder / "mask_enhance" / f"{stem}_mask.png")


def _enhanced(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Symphysis red, head green (H W 3)."""
    out = np.zeros((*labels.shape, 3), np.uint8)
    out[labels == SYMPHYSIS, 0] = 255
    out[labels == HEAD, 1] = 255
    return out


def finish(root: Path, items: list[Item]) -> None:
    """Each video's table of frames: an index without a name, the frame's number, its label."""
    for video in dict.fromkeys(item.video for item in items):
        frames = [item for item in items if item.video == video]
        path = root / "us_data" / frames[0].video_name / "frame_label.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["", "frame_id", "frame_label"])
            for row, item in enumerate(frames):
                table.writerow([row, item.frame_number, _LABELS[item.moment.symphysis, item.moment.head]])
