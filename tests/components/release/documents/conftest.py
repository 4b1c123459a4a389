"""A finished run without any training: two datasets, hand-made results, empty statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.artefacts import ModelDescription, PretrainingExposure
from components.contract import load_contract
from components.evaluation.exposure import by_patients
from components.params import Params, load_params
from components.release.documents.run_files import Run
from components.release.documents.statements import LABELS
from components.types import ObjectTruth, Record

DIGEST = "d" * 64
MakeRun = Callable[..., Run]


def estimate(mean: float, *, groups: int = 30) -> dict[str, Any]:
    """A mean with an interval of 0.1 around it, over so many groups."""
    return {
        "mean": mean,
        "ci95": [mean - 0.05, mean + 0.05],
        "n": groups,
        "undefined": 0,
        "groups": groups,
        "sufficient": groups >= 20,
    }


def metrics(name: str, *, groups: int = 30, **more: Any) -> dict[str, Any]:
    """A validation's `metrics.json` of one dataset with jittered boxes."""
    scored = {"dice": estimate(0.8, groups=groups), "hd95": estimate(9.0, groups=groups)}
    scored["miss_rate"] = {**estimate(0.1, groups=groups), "count": 3}
    worst = {"kind": "size", "name": "smallest", "cases": 9, "groups": groups, "models": {"student": scored}}
    pairs = {f"student-{who}": {"dice": estimate(0.03), "hd95": estimate(-1.0)} for who in ("ellipse", "teacher")}
    tests = {pair: {"signed_rank_p_holm": 0.2, "misses_p_holm": None} for pair in pairs}
    return {
        "model": {"name": "hiera_mini", "digest": DIGEST, "phantom": True},
        "models": {who: {"name": who, "digest": DIGEST, "phantom": True} for who in ("student", "teacher")},
        "phantom": True,
        "confidence": 0.95,
        "nsd_tolerance": {"px": 3.0, "mm": 1.0},
        "datasets": {
            name: {
                "images": groups,
                "groups": groups,
                "cases": groups,
                "images_without_case": 1,
                "phantom": True,
                "prompts": {"box_jitter": {"student": scored}},
                "differences": {"box_jitter": pairs},
                "checks": {"box_jitter": tests},
                "subgroups": {
                    "box_jitter": {"worst": {"kind": "size", "name": "smallest"}, "each": [worst]},
                },
                **more,
            }
        },
    }


def record(dataset: str, number: int) -> Record:
    """One image with one object; every fifth has none."""
    objects = () if number % 5 == 0 else (ObjectTruth(1, "lesion", (1, 1, 5, 5), 16),)
    return Record(
        dataset=dataset,
        image_id=f"i{number}",
        group=f"g{number}",
        role="internal" if dataset == "busi" else "external",
        image_path=Path("shard.tar"),
        mask_path=Path("shard.tar"),
        height_px=40 + number,
        width_px=60,
        pixels_md5="m",
        phantom=True,
        objects=objects,
        subject_class="benign" if number % 2 else None,
        flags=("axilla",) if number == 3 else (),
    )


STUDENT = ModelDescription(
    kind="student",
    name="hiera_mini",
    config={"hiera": {"embed_dim": 16}, "adapter": {"variant": "as_drawn"}},
    image_size_px=64,
    preprocess_version=1,
    phantom=True,
    base="teacher",
    trained_on=("busi",),
    pretraining_exposure=PretrainingExposure(basis="from scratch", otherwise="no"),
    provenance={
        "git_sha": "a" * 40,
        "dirty": [],
        "params_sha256": "p",
        "lock_sha256": "l",
        "seeds": {"s": 1},
        "versions": {"torch": "2"},
    },
    weights_sha256=DIGEST,
)


def finished_run(root: Path, params: Params, *, real: bool = False, **changes: Any) -> Run:
    """A run on phantoms with empty statements, but for what is changed; `real` makes its images real."""
    params = params.model_copy(update={"datasets": {name: params.datasets[name] for name in ("busi", "fugc")}})
    if real:
        sourced = {
            name: one.model_copy(update={"source": f"data/imports/{name}", "phantom": None})
            for name, one in params.datasets.items()
        }
        params = params.model_copy(update={"datasets": sourced})
    faults = {"images": 10, "counts": {"error": 0, "warning": 1, "info": 2}, "faults": [{"code": "calipers"}]}
    seen: dict[str, Any] = {"exposure": {"student": "no"}, "exposure_basis": "from scratch", "counts_as_external": True}
    run = Run(
        params=params,
        statements=dict.fromkeys(LABELS, ""),
        student=STUDENT,
        teacher=STUDENT.model_copy(update={"kind": "teacher", "name": "micro", "base": "scratch"}),
        champion=None,
        internal=metrics("busi"),
        external=metrics("fugc", **seen),
        split={"joins": []},
        sides={("busi", f"i{number}"): ("train", "val", "test")[number % 3] for number in range(1, 11)},
        records={name: tuple(record(name, number) for number in range(1, 11)) for name in params.datasets},
        contracts={name: load_contract(name, root / "data/contracts") for name in params.datasets},
        faults=dict.fromkeys(params.datasets, faults),
        exposure=by_patients(STUDENT.exposure, ()),
        package=None,
        calibration=None,
    )
    return replace(run, **changes)


@pytest.fixture(scope="session")
def make_run(root: Path) -> MakeRun:
    """Make a finished run, as `finished_run` does."""
    params = load_params(root / "params.yaml")
    return lambda **changes: finished_run(root, params, **changes)
