"""A small harmonised dataset, and models that need no network: thresholds of the image, moved or eroded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from scipy import ndimage

from components.evaluation.scoring.cases import Contender
from components.intake.form.records import read_manifest, write_manifest
from components.params import EvaluateParams, EvaluatePrompts, PromptParams
from components.types import Image, ObjectTruth, Prediction, Prompt, Record, Role

SIZE_HW = (72, 90)
MakeDataset = Callable[..., list[Record]]


@dataclass
class ThresholdPredictor:
    """Segments whatever is bright under the prompt; a model is the number of pixels by which to erode that."""

    embedded: list[str] = field(default_factory=list)
    fail_after: int | None = None

    def embed(self, segmenter: Any, image: Image) -> Any:
        if self.fail_after is not None and len(self.embedded) >= self.fail_after:
            raise KeyboardInterrupt
        self.embedded.append(str(segmenter))
        return image[..., 0] > 128

    def segment_embedded(
        self, segmenter: Any, embedding: Any, size_hw: tuple[int, int], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        assert embedding.shape == size_hw
        labelled, _ = ndimage.label(embedding)
        predictions = []
        for prompt in prompts:
            if prompt.points:
                x, y = prompt.points[0].x, prompt.points[0].y
            else:
                assert prompt.box_xyxy is not None
                x, y = (prompt.box_xyxy[0] + prompt.box_xyxy[2]) / 2, (prompt.box_xyxy[1] + prompt.box_xyxy[3]) / 2
            mask = labelled == labelled[int(y), int(x)]
            if segmenter:
                mask = ndimage.binary_erosion(mask, iterations=int(segmenter))
            predictions.append(Prediction(mask=np.asarray(mask, dtype=bool), quality=0.9))
        return predictions


@pytest.fixture
def predictor() -> ThresholdPredictor:
    return ThresholdPredictor()


@pytest.fixture(scope="session")
def models() -> dict[str, Contender]:
    return {
        "student": Contender(1, "a" * 64, "hiera_mini", phantom=True),
        "teacher": Contender(0, "b" * 64, "micro", phantom=True),
    }


@pytest.fixture(scope="session")
def prompts() -> PromptParams:
    train = {
        "box_share": 1,
        "box_jitter_share": 0,
        "click_share": 0,
        "box_click_share": 0,
        "jitter": 0.1,
        "max_objects": 4,
    }
    evaluate = EvaluatePrompts(kinds=("box", "box_jitter", "click"), jitter=0.1, seed=5)
    return PromptParams(min_area_px=25, train=train, evaluate=evaluate)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def params() -> EvaluateParams:
    return EvaluateParams(
        bootstrap_resamples=200,
        confidence=0.95,
        seed=3,
        figure_cases=2,
        nsd_tolerance_px=2.0,
        nsd_tolerance_mm=0.3,
        min_groups=2,
        subgroup_min_groups=2,
    )


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write a harmonised dataset under `harmonised` in the test's folder, and read it back."""
    return dataset_maker(tmp_path / "harmonised")


def dataset_maker(place: Path) -> MakeDataset:
    """What writes harmonised datasets of bright, notched blobs on noise to a folder, and reads them back."""

    def make(
        name: str,
        images: int,
        *,
        role: Role = "internal",
        spacing: bool = False,
        seed: int = 0,
        radii_px: tuple[float, float] = (14, 22),
    ) -> list[Record]:
        folder = place / role / name
        for sub in ("images", "masks"):
            (folder / sub).mkdir(parents=True)
        rng = np.random.default_rng([seed, len(name), ord(name[0])])
        records = [
            _record(folder, name, index, role=role, spacing=spacing, radii_px=radii_px, rng=rng)
            for index in range(images)
        ]
        write_manifest(folder, records)
        return read_manifest(folder)

    return make


def _record(
    folder: Path,
    name: str,
    index: int,
    *,
    role: Role,
    spacing: bool,
    radii_px: tuple[float, float],
    rng: np.random.Generator,
) -> Record:
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]] + 0.5
    cx, cy = rng.uniform(35, 55), rng.uniform(30, 42)
    angle = np.arctan2(y - cy, x - cx)
    radius = rng.uniform(*radii_px) * (1 + 0.3 * np.cos(3 * angle + rng.uniform(0, 6)))
    truth = (np.hypot(x - cx, y - cy) <= radius).astype(np.uint8)
    truth[:2, :2] = 2  # a speck, which must get no prompt
    image = np.where(truth == 1, 190, 60) + rng.integers(-30, 30, SIZE_HW)
    image_id = f"{name}_{index:02d}"
    PilImage.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{image_id}.png")
    PilImage.fromarray(truth).save(folder / "masks" / f"{image_id}.png")
    rows, columns = np.nonzero(truth == 1)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return Record(
        dataset=name,
        image_id=image_id,
        group=f"g{index // 2}",
        role=role,
        image_path=folder / "images" / f"{image_id}.png",
        mask_path=folder / "masks" / f"{image_id}.png",
        height_px=SIZE_HW[0],
        width_px=SIZE_HW[1],
        pixels_md5=f"{name}{index}",
        phantom=True,
        objects=(ObjectTruth(1, "lesion", box, int((truth == 1).sum())), ObjectTruth(2, "lesion", (0, 0, 2, 2), 4)),
        subject_class="benign" if index % 2 else None,
        spacing_mm=(0.1, 0.2) if spacing else None,
        spacing_source="contract" if spacing else None,
    )
