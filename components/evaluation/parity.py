"""Scored cases and a model loaded again to one number: in how many pixels their masks differ.

The masks that were scored stand in the cases; the same prompts are given to the loaded model. Leaves out: how
many pixels may differ (components/release/checks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.prompting.corrective import Predictor, predict_all
from components.evaluation.scoring.cases import mask_of_row, prompt_from_json
from components.intake.form.records import load_image
from components.promptable import predict
from components.types import Record


@dataclass(frozen=True, slots=True)
class Parity:
    """How many cases were compared, and the largest share of pixels in which one of them differs."""

    cases: int
    worst_share: float


def golden_parity(
    cases: pd.DataFrame,
    records: Sequence[Record],
    segmenter: Any,
    *,
    images_per_dataset: int = 2,
    who: str = SUBJECT,
    predictor: Predictor = predict,
) -> Parity:
    """Give a model the prompts of the first images of each dataset, and compare with the masks that were scored.

    `cases` are a validation's, `records` must hold their images, `who` is whose scored masks are compared.
    """
    by_key = {(record.dataset, record.image_id): record for record in records}
    ours = cases[cases["model"] == who]
    compared, worst = 0, 0.0
    for dataset, of_dataset in ours.groupby("dataset"):
        for image_id in sorted(of_dataset["image_id"].unique())[:images_per_dataset]:
            rows = of_dataset[of_dataset["image_id"] == image_id]
            record = by_key[str(dataset), str(image_id)]
            prompts = [prompt_from_json(text) for text in rows["prompt_json"]]
            size_hw = (record.height_px, record.width_px)
            embedding = predictor.embed(segmenter, load_image(record))
            found = predict_all(predictor, segmenter, embedding, size_hw, prompts)
            for (_, row), prediction in zip(rows.iterrows(), found, strict=True):
                differing = np.count_nonzero(mask_of_row(row.to_dict()) != prediction.mask)
                worst = max(worst, differing / prediction.mask.size)
            compared += len(rows)
    return Parity(compared, worst)
