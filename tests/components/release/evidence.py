"""Made-up evidence about a candidate that passes: scored cases, metrics, package, documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from components.evaluation.scoring.table import to_frame
from components.release.files import MODEL


def make_cases(
    means: dict[str, float],
    *,
    datasets: tuple[str, ...] = ("busi", "ddti"),
    n: int = 30,
    digest: str = "",
    jitter_loss: float = 0.05,
) -> pd.DataFrame:
    """Cases of `box_jitter` whose Dice is each contender's mean plus what all share, and beside them the student's with
    the exact box and the sloppiest one."""
    rng = np.random.default_rng(0)
    rows, further = [], []
    for dataset in datasets:
        for index, shared in enumerate(rng.normal(0, 0.02, n)):
            for who, mean in means.items():
                dice = float(np.clip(mean + shared + rng.normal(0, 0.005), 0, 1))
                row = {
                    "case_id": f"{dataset}/{index}/1",
                    "dataset": dataset,
                    "image_id": str(index),
                    "group": f"g{index}",
                    "object_index": 1,
                    "label": "lesion",
                    "subject_class": "",
                    "prompt": "box_jitter",
                    "prompt_json": "{}",
                    "model": who,
                    "model_digest": {"champion": digest, "teacher": TEACHER}.get(who, ""),
                    "dice": dice,
                    "iou": dice / (2 - dice),
                    "nsd_px": dice - 0.2,
                    "miss": 0.0,
                    "quality": dice / (2 - dice),
                    "area_px": index + 1,
                    "predicted_area_px": 1,
                    "height_px": 1,
                    "width_px": 1,
                    "phantom": True,
                    "flags": "",
                    "mask_counts": "",
                }
                rows.append(row)
                if who == "student":
                    further += [row | {"prompt": "box", "dice": min(dice + 0.02, 1.0)}]
                    further += [row | {"prompt": "box_jitter_20", "dice": max(dice + 0.02 - jitter_loss, 0.0)}]
    return to_frame(rows + further)


TEACHER = "7" * 64
GOOD = {"student": 0.85, "teacher": 0.86, "ellipse": 0.75}


CALIBRATED = "c" * 64


def good_metrics(digest: str, *, ece: float = 0.04) -> dict[str, Any]:
    """What the gate reads of `metrics.json`."""
    confidence = {"confidence": {"box_jitter": {"student": {"ece": {"mean": ece}}}}}
    return {
        "model": {"digest": digest},
        "calibration": {"student": CALIBRATED},
        "datasets": dict.fromkeys(("busi", "ddti"), confidence),
    }


def good_package(digest: str) -> dict[str, Any]:
    """A record of a package that behaves."""
    same = {"cases": 8, "worst_share": 0.0002, "worst_dice_difference": 0.001}
    return {
        "schema": 1,
        "model": {"name": "hiera_mini", "digest": digest},
        "bento": "sonoforge:0123456789ab",
        "package_sha256": "c" * 64,
        "files": {f"{MODEL}calibration.json": CALIBRATED},
        "unsafe_files": [],
        "runtime": "onnxruntime",
        "parity": {"exported": same, "service": same},
        "served": same | {"worst_share": 0.0},
        "runtimes": {"onnxruntime": same, "openvino": same},
        "latency_ms": {"embed": {"p50": 90.0, "p95": 120.0, "n": 8}, "segment": {"p50": 20.0, "p95": 30.0, "n": 8}},
        "start_s": 8.5,
        "peak_memory_mb": 700.0,
    }


def good_documents(digest: str) -> dict[str, Any]:
    """A list of documents in which nothing is owed."""
    card = {"name": "model card", "path": "reports/document/model_card.md", "items": 3, "filled": 3}
    listed = [card | {"missing_required": []}]
    return {"schema": 1, "model": {"digest": digest}, "documents": listed, "missing_required": [], "required": []}


def signed(cases: pd.DataFrame, digest: str) -> pd.DataFrame:
    """The cases, in which the student's rows name its weights, but for those that name others."""
    blank = (cases["model"] == "student") & (cases["model_digest"] == "")
    return cases.assign(model_digest=cases["model_digest"].mask(blank, digest))
