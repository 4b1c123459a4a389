"""A candidate in a project: a tiny model folder, scored cases, a registry in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from components.artefacts import ModelDescription, PretrainingExposure, save_model, write_json
from components.evaluation.comparing.statistics import Bootstrap
from components.evaluation.parity import Parity
from components.listing import MODEL, list_files
from components.params import GateParams
from components.promptable.calibration import write_calibration as save_calibration
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.recount import Recount
from components.release.files import package_digest
from components.release.records.ledger import LEDGER, read_ledger
from components.release.verdict import expected_checks
from components.tracking import RegisteredVersion
from tests.components.promptable.calibrations import make_calibration
from tests.components.release.evidence import (
    GOOD,
    TEACHER,
    good_documents,
    good_metrics,
    good_package,
    make_cases,
    signed,
)

MakeModel = Callable[..., Path]
PROVENANCE = {
    "git_sha": "0123456789abcdef0123456789abcdef01234567",
    "dirty": [],
    "params_sha256": "p" * 64,
    "judging_sha256": "j" * 64,
    "lock_sha256": "l" * 64,
    "data": {"data/03_splits/internal.csv": "md5:1"},
    "seeds": {"distil": 12},
    "pass_id": "abcd",
}


@dataclass
class MemoryRegistry:
    """Registered versions and aliases, kept in memory."""

    versions: list[RegisteredVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    fail_on_alias: bool = False

    def register_version(
        self,
        root: Path,
        name: str,
        *,
        digest: str,
        source: str,
        card: str,
        run_id: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> RegisteredVersion:
        assert card.startswith("# ") and (root / source).is_relative_to(root)
        for known in self.versions:
            if known.digest == digest:
                return known
        made = RegisteredVersion(name, len(self.versions) + 1, digest, source, run_id, dict(tags or {}))
        self.versions.append(made)
        return made

    def set_alias(self, root: Path, name: str, *, alias: str, version: int) -> None:
        if self.fail_on_alias:
            raise OSError("the registry is away")
        assert (root / "models/released/ledger.jsonl").is_file() and name == "sonoforge"
        self.aliases[alias] = version

    def list_versions(self, root: Path, name: str) -> list[RegisteredVersion]:
        return [known for known in self.versions if known.name == name and root.is_dir()]


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a model folder whose weights follow from `seed`."""

    def make(seed: int = 0, **changes: Any) -> Path:
        folder = tmp_path / "models" / f"student_{seed}"
        description = ModelDescription(
            kind="student",
            name="hiera_mini",
            config={},
            image_size_px=64,
            preprocess_version=1,
            phantom=True,
            base="scratch",
            trained_on=("busi",),
            pretraining_exposure=PretrainingExposure(basis="from scratch", otherwise="no"),
            provenance={**PROVENANCE, **changes},
        )
        save_model(folder, {"w": torch.full((3,), float(seed))}, description)
        return folder

    return make


@pytest.fixture
def digest_of() -> Callable[[Path], str]:
    """The digest that a model folder states."""
    return lambda folder: str(json.loads((folder / "model.json").read_text())["weights_sha256"])


@pytest.fixture
def write_gate(tmp_path: Path, digest_of: Callable[[Path], str]) -> Callable[..., Path]:
    """Write a verdict on a model folder."""

    def write(model: Path, verdict: str = "PASS") -> Path:
        path = tmp_path / "reports" / f"gate_{model.name}.json"
        passed = [
            {"id": name, "verdict": "PASS", "value": 0.1, "limit": 0.0, "reason": f"{name} is good enough"}
            for name in expected_checks(internal=("busi",), external=("fugc",))
            if name != "skill:busi"
        ]
        failed = {
            "id": "skill:busi",
            "verdict": verdict,
            "value": -0.1,
            "limit": 0.0,
            "reason": "busi: worse than the ellipse",
        }
        write_json(
            path,
            {
                "verdict": verdict,
                "model": {"name": "hiera_mini", "digest": digest_of(model)},
                "phantom": True,
                "champion": read_ledger(tmp_path / LEDGER).champion,
                "package_sha256": package_digest(packaged_files(model)),
                "datasets": {"internal": ["busi"], "external": ["fugc"]},
                "checks": [failed, *passed],
            },
        )
        return path

    return write


@pytest.fixture
def write_calibration(digest_of: Callable[[Path], str]) -> Callable[[Path], None]:
    """Put a calibration of its own into a model folder."""

    def write(model: Path) -> None:
        save_calibration(model, make_calibration(digest_of(model)))

    return write


@pytest.fixture
def judged(write_gate: Callable[..., Path], gate_params: GateParams) -> Callable[..., dict[str, Any]]:
    """By what a model folder is released: a verdict, the record of its package, and the gate's parameters."""

    def write(model: Path, verdict: str = "PASS") -> dict[str, Any]:
        return {"gate": write_gate(model, verdict), "package": write_package(model), "params": gate_params}

    return write


def packaged_files(model: Path) -> dict[str, str]:
    """The list of a package of a model folder's own files."""
    return {MODEL + name: digest for name, digest in list_files(model).items()}


def write_package(model: Path) -> Path:
    """The record of a package of a model folder's own files, beside the folder."""
    files = packaged_files(model)
    path = model.with_name(f"{model.name}_package.json")
    about = {"name": "hiera_mini", "digest": files[MODEL + "weights.safetensors"]}
    timed = {name: {"p50": 40.0, "p95": 60.0, "n": 20} for name in ("embed", "segment")}
    measured = {"bento": "sonoforge-candidate:1-2", "latency_ms": timed, "start_s": 5.0, "peak_memory_mb": 700.0}
    listed = {"files": files, "package_sha256": package_digest(files)}
    write_json(path, {"schema": 1, "model": about, "machine": {}, **measured, **listed})
    return path


@pytest.fixture
def cases_of() -> Callable[..., pd.DataFrame]:
    """Cases with each contender's mean Dice: good ones, but for those that are named."""
    return lambda n=30, datasets=("busi", "ddti"), digest="", jitter_loss=0.05, **means: make_cases(
        {**GOOD, **means}, datasets=datasets, n=n, digest=digest, jitter_loss=jitter_loss
    )


@pytest.fixture
def gate_params() -> GateParams:
    return GateParams(
        min_cases=20,
        skill_prompt="box_jitter",
        floors={"box": 0.6, "box_jitter": 0.6},
        external_floors={"box_jitter": 0.5},
        min_nsd_lower_bound=0.4,
        min_skill_dice=0.0,
        min_skill_share=0.1,
        teacher_margin_dice=0.03,
        teacher_margin_dice_each=0.05,
        champion_margin_dice=0.01,
        champion_margin_dice_each=0.03,
        max_miss_rate=0.2,
        champion_margin_miss_rate=0.15,
        min_subgroup_dice=0.5,
        champion_margin_subgroup_dice=0.05,
        max_jitter_loss_dice=0.1,
        max_false_regions=None,
        max_calibration_error=0.1,
        max_aurc=0.3,
        champion_margin_aurc=0.02,
        min_seeds=0,
        max_seed_advantage_dice=0.02,
        max_parity_px_share=0.0,
        max_export_px_share=0.001,
        max_export_dice_difference=0.01,
        max_embed_p95_ms=1000,
        max_segment_p95_ms=500,
        max_start_s=60,
        max_memory_mb=2000,
        require_clean_tree=True,
        require_declared=True,
        require_approval=False,
    )


@pytest.fixture
def rules(gate_params: GateParams) -> Rules:
    """The limits, with intervals of few resamples."""
    return Rules(gate_params, Bootstrap(resamples=300, confidence=0.95, seed=1), subgroup_min_groups=5, required=())


@pytest.fixture
def make_evidence(make_model: MakeModel) -> Callable[..., Evidence]:
    """Evidence that passes, but for what is changed."""

    def make(**changes: Any) -> Evidence:
        from components.artefacts import read_description

        model = changes.pop("model", None) or make_model()
        digest, in_use = read_description(model).digest, changes.get("champion")
        rivals = {"champion": GOOD["student"]} if in_use else {}
        values = {
            "description": read_description(model),
            "model_folder": model,
            "cases": make_cases(GOOD),
            "external_cases": make_cases({**GOOD, **rivals}, datasets=("fugc",), digest=in_use or ""),
            "internal": ("busi", "ddti"),
            "external": ("fugc",),
            "faults": {"busi": [], "ddti": [{"severity": "warning", "code": "specks"}], "fugc": []},
            "leak": None,
            "split_digest": "md5:1",
            "judged_by": "j" * 64,
            "champion": None,
            "parity": Parity(cases=4, worst_share=0.0),
            "real_images": 0,
            "off_record": (),
            "sources": (),
            "metrics": good_metrics(read_description(model).digest),
            "package": good_package(read_description(model).digest),
            "package_changes": (),
            "documents": good_documents(read_description(model).digest),
            "recounts": dict.fromkeys(("internal", "external"), Recount(rows=120, differing=(), gaps={})),
            "teacher": TEACHER,
            "document_files": {"reports/document/model_card.md": "d" * 64},
            "calibration": make_calibration(digest),
            "broken": None,
        }
        values |= changes
        return Evidence(**values | {name: signed(values[name], digest) for name in ("cases", "external_cases")})

    return make
