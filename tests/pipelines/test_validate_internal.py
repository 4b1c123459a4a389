"""The internal validation scores test images alone, with all contenders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load, save

from components.artefacts import DESCRIPTION, WEIGHTS, read_description, sha256_of, write_json
from components.errors import PeerError
from components.evaluation.comparing.flat import flat_means
from components.evaluation.not_ultrasound import KINDS
from components.evaluation.peers import medsam
from components.evaluation.peers.networks import sam1
from components.evaluation.peers.networks.vit import VisionTransformer, VitConfig
from components.intake.form.records import read_split
from components.promptable.calibration import write_calibration
from components.release.records.ledger import LEDGER, RELEASED, append, released_folder
from pipelines.graph import set_params
from pipelines.validate_internal import validate_internal
from tests.components.promptable.calibrations import make_calibration
from tests.pipelines.conftest import Reached, make_job


def test_only_test_images_are_scored(reached: Reached) -> None:
    root = reached("validate_internal")
    frame = read_split(root / "data/03_splits/internal.csv")
    cases = pd.read_parquet(root / "reports/internal/cases.parquet")
    assert set(cases["image_id"]) <= set(frame[frame["split"] == "test"]["image_id"])
    assert set(cases["model"]) == {"student", "teacher", "unet_box", "ellipse", "filled_box", "grabcut"}
    unet = cases[cases["model"] == "unet_box"]
    assert set(unet["prompt"]) == {"box", "box_jitter"}, "it takes boxes alone"
    assert unet["quality"].between(0, 1).all()


def test_the_report_is_whole(reached: Reached) -> None:
    folder = reached("validate_internal") / "reports/internal"
    assert {path.name for path in folder.iterdir()} == {
        "metrics.json",
        "cases.parquet",
        "report.md",
        "figures",
        "plots",
    }
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    digest = read_description(reached("validate_internal") / "models/student").digest
    assert metrics["schema"] == 1 and metrics["model"]["digest"] == digest
    busi = metrics["datasets"]["busi"]
    for kind, by_who in busi["confidence"].items():
        assert set(by_who) == {"student"} and by_who["student"]["calibrated"], kind
        # So few validation cases that every outline carries a warning, and none is left to be relied on.
        assert by_who["student"]["abstained"]["mean"] == 1 and by_who["student"]["dice_kept"]["mean"] is None
    assert {one["kind"] for one in metrics["guard"]["not_ultrasound"]} == set(KINDS)
    assert metrics["guard"]["false_alarms"]["busi"]["n"] == busi["images"]
    used = sha256_of(reached("validate_internal") / "models/calibration/calibration.json")
    assert metrics["calibration"] == {"student": used, "champion": None}
    means = flat_means(metrics)
    assert means["busi/box/student/dice"] == metrics["datasets"]["busi"]["prompts"]["box"]["student"]["dice"]["mean"]


def test_the_model_in_use_is_scored_beside_the_student(reached: Reached, plain_steps: None, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(
        reached("validate_internal"), root, ignore=shutil.ignore_patterns("released", "released.end.json", ".mlflow")
    )
    # The same tensors in a file of another digest: a released model that must give the student's masks.
    twin = root / "models/twin"
    shutil.copytree(root / "models/student", twin)
    (twin / WEIGHTS).write_bytes(save(load((twin / WEIGHTS).read_bytes()), metadata={"released": "before"}))
    digest = sha256_of(twin / WEIGHTS)
    described = read_description(twin).model_copy(update={"weights_sha256": digest})
    write_json(twin / DESCRIPTION, described.model_dump(mode="json"))
    (root / RELEASED).mkdir()
    entry = {"who": "test", "source": None, "gate_sha256": None, "reason": "test"}
    append(root / LEDGER, action="promote", target=digest, candidate=digest, **entry)  # type: ignore[arg-type]
    write_calibration(twin, make_calibration(digest, threshold=0.0))
    twin.rename(released_folder(root, digest))
    validate_internal.function(make_job(validate_internal, root)[0])
    cases = pd.read_parquet(root / "reports/internal/cases.parquet")
    assert set(cases["model"]) == {"student", "teacher", "champion", "unet_box", "ellipse", "filled_box", "grabcut"}
    metrics = json.loads((root / "reports/internal/metrics.json").read_text(encoding="utf-8"))
    by_who = metrics["datasets"]["busi"]["confidence"]["box"]
    assert by_who["student"]["abstained"]["mean"] == 1 and by_who["champion"]["abstained"]["mean"] == 0, "each its own"
    carried = sha256_of(released_folder(root, digest) / "calibration.json")
    assert metrics["calibration"]["champion"] == carried != metrics["calibration"]["student"]
    wide = cases.pivot_table(index="case_id", columns="model", values="dice")
    assert (wide["student"] == wide["champion"]).all(), "the same weights give the same masks"


def test_peers_are_scored_beside_ours(reached: Reached, plain_steps: None, tmp_path: Path, monkeypatch) -> None:
    root = tmp_path / "project"
    shutil.copytree(
        reached("validate_internal"), root, ignore=shutil.ignore_patterns("released", "released.end.json", ".mlflow")
    )
    small = VitConfig(channels=16, depth=1, heads=2, global_blocks=(), input_px=64, patch_px=4, window=16)
    monkeypatch.setattr(sam1, "EMBEDDING_SIDE", small.side)
    monkeypatch.setattr(medsam, "VIT_B", small)
    torch.save(sam1.Sam1(VisionTransformer(small), input_px=small.input_px).state_dict(), root / "rival.pth")
    digest = sha256_of(root / "rival.pth")
    set_params(root, [f"evaluate.peers.rival={{model: medsam_vit_b, weights: rival.pth, sha256: {digest}}}"])
    validate_internal.function(make_job(validate_internal, root)[0])
    cases = pd.read_parquet(root / "reports/internal/cases.parquet")
    rival = cases[cases["model"] == "rival"]
    assert set(rival["prompt"]) == {"box", "box_jitter"} and set(rival["model_digest"]) == {digest}
    metrics = json.loads((root / "reports/internal/metrics.json").read_text(encoding="utf-8"))
    assert metrics["models"]["rival"] == {"name": "medsam_vit_b", "digest": digest, "phantom": False}
    (root / "rival.pth").unlink()
    with pytest.raises(PeerError, match="which is no file"):
        validate_internal.function(make_job(validate_internal, root)[0])
