"""A small project after all stages before the report: real validations of made images, small files for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.artefacts import ModelDescription, write_json
from components.evaluation.reporting.page.results import Results, read_results
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import validate
from tests.components.evaluation.conftest import ThresholdPredictor, dataset_maker

KINDS = ("box", "box_jitter", "box_jitter_20", "click", "box_nothing")
DIGEST = "a" * 64
SAME = {"cases": 4, "worst_share": 0.0, "worst_dice_difference": 0.0}
PACKAGE = {
    "schema": 1,
    "model": {"name": "hiera_mini", "digest": DIGEST},
    "bento": "sonoforge:aaaa",
    "files": {"src/model/weights.safetensors": DIGEST},
    "parity": {"exported": SAME, "service": SAME},
    "latency_ms": {"embed": {"p50": 61.4, "p95": 70.2, "n": 20}, "segment": {"p50": 4.4, "p95": 5.0, "n": 20}},
    "start_s": 3.25,
    "peak_memory_mb": 812.5,
    "unsafe_files": [],
    "machine": {"cpu": "two cores", "accelerator": None},
}
DOCUMENTS = {
    "schema": 1,
    "documents": [
        {
            "name": "CLAIM",
            "path": "reports/document/claim.md",
            "items": 44,
            "filled": 30,
            "not_provided": ["ethics approval"],
            "missing_required": [],
        }
    ],
}
CHECKS = [
    {"id": "leak", "verdict": "PASS", "value": "none", "limit": "none", "reason": "nothing stands on two sides"},
    {"id": "floor:busi", "verdict": "FAIL", "value": 0.4123, "limit": 0.6, "reason": "busi: Dice <too low> & far"},
    {"id": "cases:busi", "verdict": "INSUFFICIENT", "value": 6, "limit": 20, "reason": "busi has 6 test cases"},
]


def describe(phantom: bool) -> dict[str, Any]:
    """A student's `model.json`."""
    record = {"git_sha": "c" * 40, "dirty": [], "params_sha256": "d" * 64, "lock_sha256": "e" * 64}
    described = ModelDescription(
        kind="student",
        name="hiera_mini",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=phantom,
        base="scratch",
        trained_on=("busi",),
        provenance=record | {"data": {"data/02_harmonised/internal": "md5s:1"}, "seeds": {"distil.seed": 12}},
        weights_sha256=DIGEST,
    )
    return described.model_dump(mode="json")


@pytest.fixture(scope="session")
def project(models, prompts, params, tmp_path_factory) -> Path:
    """The project's folder: busi and ddti (with spacing) internal, fugc external, a student that erodes too much."""
    asked = prompts.model_copy(update={"evaluate": prompts.evaluate.model_copy(update={"kinds": KINDS})})
    root = tmp_path_factory.mktemp("page") / "project"
    make_dataset = dataset_maker(root / "data/02_harmonised")
    sets = {
        "internal": make_dataset("busi", 6, radii_px=(6, 9)) + make_dataset("ddti", 4, spacing=True),
        "external": make_dataset("fugc", 2, role="external"),
    }
    for role, records in sets.items():
        done = validate(
            records,
            models={"teacher": models["teacher"], "student": Contender(3, DIGEST, "hiera_mini", phantom=True)},
            prompts=asked,
            params=params,
            device="cpu",
            partial=root.parent / role,
            predictor=ThresholdPredictor(),
        )
        write_json(root / f"reports/{role}/metrics.json", done.metrics)
        done.cases.to_parquet(root / f"reports/{role}/cases.parquet")
    write_json(root / "models/student/model.json", describe(phantom=True))
    write_json(root / "reports/gate.json", {"verdict": "FAIL", "phantom": True, "checks": CHECKS})
    promotion = {"action": "refused", "from": None, "to": None, "reasons": [CHECKS[1]["reason"]]}
    write_json(root / "reports/promotion.json", promotion)
    write_json(root / "reports/package.json", PACKAGE)
    write_json(root / "reports/document/documents.json", DOCUMENTS)
    return root


@pytest.fixture(scope="session")
def results(project: Path) -> Results:
    """What the project came to; tests that change it make another of it."""
    return read_results(project)
