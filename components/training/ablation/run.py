"""Variants to their comparison: all trained on the same data, all scored in one validation with the same prompts.

Leaves out: which variants there are (variants.py), and how a result is told (table.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from components.engines import Progress
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.metrics import Tolerances
from components.evaluation.validate import finish, score_records
from components.params import Params
from components.promptable.predict import pick_device, pin_threads
from components.training.ablation.progress import Tell
from components.training.ablation.table import compare_variants, write_ablation
from components.training.ablation.trainings import Data, Trained, train_variants
from components.training.ablation.variants import Variant
from components.types import Record

ROWS = "rows"


def ablate(
    variants: Sequence[Variant],
    params: Params,
    data: Data,
    test: Sequence[Record],
    *,
    work: Path,
    base_folder: Path,
    device: str,
    out: Path,
    tell: Tell,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, score and compare variants, and write the three files to `out`; returns the content of `ablation.json`.

    Parameters
    ----------
    test
        The internal test images; none of them may be in `data`.
    work
        What is finished or begun is kept here for the next call; its scored rows go once the files are written.
    device
        As `train_variants` takes it.
    tell, progress
        Told of the trainings' epochs, and of images scored and all.

    Raises
    ------
    TrainingError, ParamsError, KeyboardInterrupt
        As `train_variants`.
    """
    trained = train_variants(variants, params, data, work=work, base_folder=base_folder, device=device, tell=tell)
    cases = _scored(trained, params, test, work=work, progress=progress)
    found = compare_variants(trained, cases, test, data, params)
    write_ablation(out, found, cases)
    finish(work / ROWS)
    return found


def _scored(
    trained: Sequence[Trained], params: Params, test: Sequence[Record], *, work: Path, progress: Progress | None
) -> pd.DataFrame:
    pin_threads()
    place = pick_device()
    scored = score_records(
        test,
        models={one.variant.name: _contender(one, place) for one in trained},
        prompts=params.prompts,
        tolerances=Tolerances(px=params.evaluate.nsd_tolerance_px, mm=params.evaluate.nsd_tolerance_mm),
        device=str(place),
        partial=work / ROWS,
        progress=progress,
    )
    return scored.read(scored.columns)


def _contender(one: Trained, place: torch.device) -> Contender:
    description = one.description
    return Contender(one.load().to(place), description.digest, one.variant.name, description.phantom)
