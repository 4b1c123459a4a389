"""The release commands, as a person calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from components import tracking
from components.artefacts import ModelDescription, read_description, save_model, write_json
from components.errors import ReleaseError
from components.listing import MODEL, list_files
from components.release.files import package_digest
from components.release.packing.packaged import CANDIDATE, PACKAGE
from components.release.records.ledger import LEDGER, read_ledger
from components.release.verdict import expected_checks
from pipelines.commands import release


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    release.register(app)
    return app


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as current folder, its registry in memory."""
    versions: list[tracking.RegisteredVersion] = []

    def register(root, name, *, digest, source, card, run_id=None, tags=None):  # type: ignore[no-untyped-def]
        known = [v for v in versions if v.digest == digest]
        if not known:
            versions.append(tracking.RegisteredVersion(name, len(versions) + 1, digest, source, run_id, {}))
        return (known or versions[-1:])[0]

    monkeypatch.setattr(tracking, "register_version", register)
    monkeypatch.setattr(tracking, "list_versions", lambda root, name: versions)
    monkeypatch.setattr(tracking, "set_alias", lambda root, name, *, alias, version: None)
    monkeypatch.setattr(tracking, "find_run", lambda root, *, digest: None)
    monkeypatch.setattr(release, "_bento", lambda root, folder: f"sonoforge:{read_description(folder).digest[:12]}")
    for name in ("params.yaml", "dvc.yaml", "docs/statements.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(root: Path, *, weight: float, verdict: str = "PASS") -> str:
    """Put a student and a verdict on it into a project; returns its digest."""
    description = ModelDescription(
        kind="student",
        name="hiera_mini",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={"git_sha": "0123456789", "seeds": {"distil": 12}, "data": {"data/x": "md5:1"}},
    )
    digest = save_model(root / "models" / "student", {"w": torch.tensor([weight])}, description).digest
    shutil.rmtree(root / CANDIDATE, ignore_errors=True)
    shutil.copytree(root / "models" / "student", root / CANDIDATE)
    files = {MODEL + name: sha256 for name, sha256 in list_files(root / CANDIDATE).items()}
    about = {"name": "hiera_mini", "digest": digest}
    measured = {"latency_ms": {}, "start_s": 5.0, "peak_memory_mb": 700.0}
    listed = {"files": files, "package_sha256": package_digest(files)}
    write_json(root / PACKAGE, {"model": about, **listed, **measured})
    datasets = {"internal": ["busi"], "external": ["fugc"]}
    checks = [
        {"id": name, "verdict": verdict, "value": 0.1, "limit": 0.0, "reason": f"because of its {name}"}
        for name in expected_checks(**datasets)
    ]
    gate = {"verdict": verdict, "model": about, "champion": read_ledger(root / LEDGER).champion, "checks": checks}
    write_json(root / "reports/gate.json", gate | {"package_sha256": package_digest(files), "datasets": datasets})
    for role in ("internal", "external"):
        results = {"model": {"name": "hiera_mini", "digest": digest, "phantom": True}, "datasets": {}}
        write_json(root / "reports" / role / "metrics.json", results)
    return digest


def test_promote_list_roll_back_and_trace(app: typer.Typer, project: Path) -> None:
    runner = CliRunner()
    assert "No model is released" in runner.invoke(app, ["models"]).output
    digests = []
    for weight in (1.0, 2.0):
        digests.append(train(project, weight=weight))
        done = runner.invoke(app, ["promote", "student"])
        assert done.exit_code == 0, done.output
        assert f"promoted: hiera_mini, weights {digests[-1][:12]}" in done.output
        assert f"Bento sonoforge:{digests[-1][:12]}" in done.output
    listed = json.loads(runner.invoke(app, ["models", "--json"]).output)
    assert [(row["digest"], row["alias"]) for row in listed] == [(digests[0], "previous"), (digests[1], "champion")]
    assert "champion" in runner.invoke(app, ["models"]).output
    back = json.loads(runner.invoke(app, ["rollback", "--reason", "worse", "--json"]).output)
    assert (back["from"], back["to"]) == (digests[1], digests[0])
    told = runner.invoke(app, ["trace", "champion"]).output
    assert digests[0] in told and "data data/x: md5:1" in told and "rollback" in told
    for ref in ("student", "candidate", "models/student"):
        assert digests[1] in runner.invoke(app, ["trace", ref]).output
    found = json.loads(runner.invoke(app, ["trace", digests[1][:8], "--json"]).output)
    assert found["models"][0]["digest"] == digests[1]
    again = runner.invoke(app, ["promote", digests[1][:8], "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["bento"] == f"sonoforge:{digests[1][:12]}"
    train(project, weight=3.0)  # today's reports are of another model than a released one
    assert runner.invoke(app, ["promote", digests[0][:8]]).exit_code == 0


def test_a_ledger_that_lost_its_end_is_accepted_by_a_person(app: typer.Typer, project: Path) -> None:
    runner = CliRunner()
    digest = train(project, weight=1.0)
    assert runner.invoke(app, ["promote", "student"]).exit_code == 0
    (project / "models/released.end.json").unlink()
    assert isinstance(runner.invoke(app, ["models"]).exception, ReleaseError)
    assert runner.invoke(app, ["accept-ledger"]).exit_code == 2, "no reason"
    told = runner.invoke(app, ["accept-ledger", "--reason", "moved to a new machine"]).output
    assert "as entry 2: moved to a new machine" in told and f"in use: weights {digest[:12]}" in told
    assert runner.invoke(app, ["models"]).exit_code == 0
    assert isinstance(runner.invoke(app, ["accept-ledger", "--reason", "again"]).exception, ReleaseError)


def test_a_refusal_exits_with_one_and_says_why(app: typer.Typer, project: Path) -> None:
    train(project, weight=1.0, verdict="FAIL")
    done = CliRunner().invoke(app, ["promote", "student"])
    assert done.exit_code == 1
    assert "because of its skill:busi" in done.output and "Bento" not in done.output
    listed = CliRunner().invoke(app, ["models"]).output
    assert "No model is released" in listed and "refused 20" in listed and "because of its skill:busi" in listed


def test_results_of_another_model_or_none_are_no_card(app: typer.Typer, project: Path) -> None:
    train(project, weight=1.0)
    results = project / "reports/external/metrics.json"
    write_json(results, {"model": {"name": "hiera_mini", "digest": "f" * 64}, "datasets": {}})
    with pytest.raises(ReleaseError, match="external validation scored the weights ffffffffffff"):
        CliRunner().invoke(app, ["promote", "student"], catch_exceptions=False)
    results.unlink()
    with pytest.raises(ReleaseError, match="no results"):
        CliRunner().invoke(app, ["promote", "student"], catch_exceptions=False)
    assert not (project / "models/released/ledger.jsonl").exists()


def test_only_what_was_packaged_is_promoted(app: typer.Typer, project: Path) -> None:
    train(project, weight=1.0)
    shutil.copytree(project / CANDIDATE, project / "former")
    train(project, weight=2.0)
    shutil.rmtree(project / CANDIDATE)
    shutil.copytree(project / "former", project / CANDIDATE)
    with pytest.raises(ReleaseError, match="models/candidate holds the weights"):
        CliRunner().invoke(app, ["promote", "student"], catch_exceptions=False)
    shutil.rmtree(project / CANDIDATE)
    with pytest.raises(ReleaseError, match="no models/candidate"):
        CliRunner().invoke(app, ["promote", "student"], catch_exceptions=False)
    assert not (project / "models/released/ledger.jsonl").exists()


def test_a_folder_with_a_verdict_of_its_own_is_held_against_the_candidate(app: typer.Typer, project: Path) -> None:
    train(project, weight=1.0)
    forged = project / "forged"
    shutil.copytree(project / CANDIDATE, forged)
    shutil.copy(project / "reports/gate.json", forged / "gate.json")
    train(project, weight=2.0)
    with pytest.raises(ReleaseError, match="models/candidate holds the weights"):
        CliRunner().invoke(app, ["promote", "forged"], catch_exceptions=False)
    assert not (project / "models/released/ledger.jsonl").exists()


def test_a_reference_to_nothing_is_refused(app: typer.Typer, project: Path) -> None:
    with pytest.raises(ReleaseError, match="no released model"):
        CliRunner().invoke(app, ["promote", "nonsense"], catch_exceptions=False)


@pytest.mark.parametrize("text", ["x", "[]", "null", "3", "{}"])
def test_broken_results_are_named(app: typer.Typer, project: Path, text: str) -> None:
    train(project, weight=1.0)
    (project / "reports/internal/metrics.json").write_text(text)
    with pytest.raises(ReleaseError, match="internal") as caught:
        CliRunner().invoke(app, ["promote", "student"], catch_exceptions=False)
    assert "dvc repro validate_internal" in caught.value.remedy
