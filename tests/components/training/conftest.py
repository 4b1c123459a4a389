"""A harmonised dataset of discs on noise, made in code: small, quick to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.intake.form.records import read_manifest, write_manifest
from components.params import AugmentParams, EvaluatePrompts, PromptParams, TrainPrompts
from components.types import ObjectTruth, Record

AUGMENT = AugmentParams(
    hflip=0.5,
    vflip=0.0,
    scale=0.1,
    shift=0.05,
    rotate_deg=5.0,
    brightness=0.1,
    contrast=0.1,
    gamma=0.1,
    blur=0.1,
)
PROMPTS = PromptParams(
    min_area_px=9,
    train=TrainPrompts(
        box_share=0.25, box_jitter_share=0.25, click_share=0.25, box_click_share=0.25, jitter=0.1, max_objects=2
    ),
    evaluate=EvaluatePrompts(kinds=("box_jitter",), jitter=0.1, seed=1),
)


def write_discs(folder: Path, count: int) -> list[Record]:
    """Write `count` images (48 to 71 high, 64 to 87 wide) with one or two dark discs each."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    records = []
    for index in range(count):
        rng = np.random.default_rng(index)
        height, width = 48 + int(rng.integers(24)), 64 + int(rng.integers(24))
        pixels = rng.normal(140, 20, (height, width))
        instances = np.zeros((height, width), np.uint8)
        yy, xx = np.mgrid[:height, :width]
        objects = []
        for place in range(1 + index % 2):
            x, y, radius = width * (0.3 + 0.4 * place), height / 2, 7 + int(rng.integers(4))
            disc = (xx - x) ** 2 + (yy - y) ** 2 <= radius**2
            pixels[disc] -= 80
            instances[disc] = place + 1
            rows, columns = np.nonzero(disc)
            box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            objects.append(ObjectTruth(place + 1, "disc", box, int(disc.sum())))
        image_path, mask_path = folder / "images" / f"{index:03}.png", folder / "masks" / f"{index:03}.png"
        PilImage.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(image_path)
        PilImage.fromarray(instances).save(mask_path)
        records.append(
            Record(
                dataset="discs",
                image_id=f"{index:03}",
                group=f"{index:03}",
                role="internal",
                image_path=image_path,
                mask_path=mask_path,
                height_px=height,
                width_px=width,
                pixels_md5=f"{index:032}",
                phantom=True,
                objects=tuple(objects),
            )
        )
    write_manifest(folder, records)
    return read_manifest(folder)


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    return write_discs(tmp_path_factory.mktemp("discs") / "set", 12)
