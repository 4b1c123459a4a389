"""Scored cases to golden ones: a few images, their prompts, and the masks that were scored, to hold others against.

Leaves out: who else answers these prompts (package.py, trial.py), and how far answers may differ (checks).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as PilImage

from components.artefacts import write_json
from components.errors import ReleaseError
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.evaluation.scoring.metrics import dice
from components.intake.form.records import load_image
from components.masks import to_rle
from components.types import Image, Mask, Prompt, Record


@dataclass(frozen=True, slots=True)
class GoldenCase:
    """A prompt and the mask (H W) that was scored for it."""

    case_id: str
    kind: str
    prompt: Prompt
    mask: Mask


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """An image (H W 3) with its golden cases."""

    dataset: str
    image_id: str
    phantom: bool
    image: Image
    cases: tuple[GoldenCase, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over how many cases masks were compared; of the worst, in what share of the pixels and in how much Dice (one
    minus that of both masks) they differ."""

    cases: int
    worst_share: float
    worst_dice_difference: float


def choose_golden(
    cases: pd.DataFrame, records: Sequence[Record], *, per_dataset: int, who: str = SUBJECT
) -> list[GoldenImage]:
    """The first images of each dataset, with the prompts that name something: what an endpoint can be asked.

    `cases` are those of validations, `records` must hold their images, `who` is whose scored masks are golden.

    Raises
    ------
    ReleaseError
        If there is no case that an endpoint can be asked, or an image that no record holds.
    """
    by_key = {(record.dataset, record.image_id): record for record in records}
    ours = cases[cases["model"] == who]
    chosen = []
    for dataset, of_dataset in ours.groupby("dataset"):
        for image_id in sorted(of_dataset["image_id"].unique())[:per_dataset]:
            rows = of_dataset[of_dataset["image_id"] == image_id]
            asked = [
                GoldenCase(str(row["case_id"]), str(row["prompt"]), prompt, mask_of_row(row))
                for row in rows.to_dict("records")
                if (prompt := prompt_from_json(row["prompt_json"])) != Prompt()
            ]
            record = by_key.get((str(dataset), str(image_id)))
            if record is None:
                raise _unlike(f"the scored cases name the image {image_id} of {dataset}, which no manifest holds")
            if asked:
                image = load_image(record)
                chosen.append(GoldenImage(str(dataset), str(image_id), record.phantom, image, tuple(asked)))
    if not chosen:
        raise _unlike(f"the scored cases hold no prompt of {who} that a service can be asked")
    return chosen


def _unlike(found: str) -> ReleaseError:
    return ReleaseError(
        found,
        expected="scored cases of the images in data/02_harmonised, some of them with boxes or clicks",
        remedy="run `dvc repro`, which validates again what changed; prompts.evaluate.kinds says what is asked",
    )


def write_golden(folder: Path, images: Sequence[GoldenImage]) -> None:
    """Write golden cases: `cases.json`, and each image as PNG."""
    folder.mkdir(parents=True)
    listed = []
    for index, golden in enumerate(images):
        name = f"{golden.dataset}_{index}.png"
        PilImage.fromarray(golden.image).save(folder / name)
        about = {"file": name, "dataset": golden.dataset, "image_id": golden.image_id, "phantom": golden.phantom}
        listed.append(about | {"cases": [_as_json(case) for case in golden.cases]})
    write_json(folder / "cases.json", {"schema": 1, "images": listed})


def _as_json(case: GoldenCase) -> dict[str, object]:
    prompt = {"box": case.prompt.box_xyxy, "points": [asdict(point) for point in case.prompt.points]}
    return {"case_id": case.case_id, "kind": case.kind, "prompt": prompt, "mask": to_rle(case.mask)}


def agreement(pairs: Iterable[tuple[Mask, Mask]]) -> Agreement:
    """How far masks (H W) differ, pair by pair; two empty ones don't."""
    count, share, difference = 0, 0.0, 0.0
    for one, other in pairs:
        count += 1
        share = max(share, float(np.count_nonzero(one != other) / one.size))
        if one.any() or other.any():
            difference = max(difference, 1.0 - dice(one, other))
    return Agreement(count, share, difference)
