"""Every command takes a model by the same references, and one that names nothing is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from components.artefacts import ModelDescription, save_model, write_json
from components.errors import ReleaseError
from components.release.records.ledger import LEDGER, append, released_folder
from components.release.records.released import CARD_JSON
from pipelines.commands import serve
from pipelines.commands.model_ref import default_model, resolve


def put_model(folder: Path, weight: float) -> str:
    """Write a model folder; returns its digest."""
    description = ModelDescription.model_validate(
        {
            "kind": "student",
            "name": "m",
            "config": {},
            "image_size_px": 64,
            "preprocess_version": 1,
            "phantom": True,
            "base": "scratch",
            "trained_on": [],
            "provenance": {},
        }
    )
    return save_model(folder, {"w": torch.full((2,), weight)}, description).digest


def release(root: Path, weight: float, *, version: str, before: str | None) -> str:
    """Enter a model in a project's ledger, in use from now on; returns its digest."""
    digest = put_model(root / "fresh", weight)
    folder = released_folder(root, digest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    (root / "fresh").rename(folder)
    write_json(folder / CARD_JSON, {"name": "m", "version": version, "phantom": True})
    append(
        root / LEDGER,
        action="promote",
        who="somebody",
        source=before,
        target=digest,
        candidate=digest,
        gate_sha256="0" * 64,
        reason="passed",
    )
    return digest


def test_aliases_versions_and_digits_name_released_models(tmp_path: Path) -> None:
    first = release(tmp_path, 1.0, version="1", before=None)
    second = release(tmp_path, 2.0, version="2", before=first)
    for digest, refs in {first: ("previous", "1", first, first[:6]), second: ("champion", "2", second[:8])}.items():
        for ref in refs:
            chosen = resolve(tmp_path, ref)
            assert (chosen.folder, chosen.released) == (released_folder(tmp_path, digest), digest), ref
    assert default_model(tmp_path).released == second
    by_path = resolve(tmp_path, f"models/released/{first[:12]}")
    assert by_path.folder == released_folder(tmp_path, first) and by_path.released is None


def test_folders_and_the_last_student_are_named_without_a_release(tmp_path: Path) -> None:
    put_model(tmp_path / "models/student", 1.0)
    put_model(tmp_path / "elsewhere/m", 2.0)
    assert resolve(tmp_path, "student").folder == tmp_path / "models/student"
    assert resolve(tmp_path, "elsewhere/m").folder == tmp_path / "elsewhere/m"
    assert resolve(tmp_path, str(tmp_path / "elsewhere/m")).folder == tmp_path / "elsewhere/m"
    chosen = default_model(tmp_path)
    assert chosen.folder == tmp_path / "models/student" and "nothing is promoted" in chosen.told


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("student", "no model in models/student"),
        ("champion", "no model is promoted"),
        ("previous", "no model was in use before"),
        ("1", "'1' names no released model and no model folder"),
        ("abcdef", "names no released model"),
        ("empty", "names no released model"),
        ("", "names no released model"),
    ],
)
def test_a_reference_to_nothing_says_what_to_do(tmp_path: Path, ref: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "models/student").mkdir(parents=True)
    with pytest.raises(ReleaseError, match=said) as caught:
        resolve(tmp_path, ref)
    assert caught.value.remedy


def test_without_any_model_there_is_no_default(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no model in models/student"):
        default_model(tmp_path)


def test_fewer_than_six_digits_name_nothing(tmp_path: Path) -> None:
    digest = release(tmp_path, 1.0, version="1", before=None)
    with pytest.raises(ReleaseError, match="no released model"):
        resolve(tmp_path, digest[:5])


def test_another_model_in_a_released_folder_is_refused_by_every_reference(tmp_path: Path) -> None:
    first = release(tmp_path, 1.0, version="1", before=None)
    second = release(tmp_path, 2.0, version="2", before=first)
    put_model(tmp_path / "stranger", 3.0)
    for digest in (first, second):
        shutil.copytree(tmp_path / "stranger", released_folder(tmp_path, digest), dirs_exist_ok=True)
    with pytest.raises(ReleaseError, match="holds the weights") as caught:
        default_model(tmp_path)
    assert second in caught.value.expected and "dvc" not in caught.value.remedy
    for ref in ("champion", "previous", "1", second[:8], f"models/released/{first[:12]}"):
        with pytest.raises(ReleaseError, match="holds the weights"):
            resolve(tmp_path, ref)


def _no_server(*_: object) -> None:
    pytest.fail("a server was started")


def test_no_swapped_model_is_handed_to_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = release(tmp_path, 1.0, version="1", before=None)
    put_model(tmp_path / "stranger", 3.0)
    shutil.copytree(tmp_path / "stranger", released_folder(tmp_path, digest), dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.execve", _no_server)
    for variable in ("BENTOML_HOME", "BENTOML_DO_NOT_TRACK"):
        monkeypatch.setenv(variable, "true" if variable.endswith("TRACK") else str(tmp_path / "bentos"))
    app = typer.Typer()
    serve.register(app)
    for ref in ("champion", f"models/released/{digest[:12]}"):
        ran = CliRunner().invoke(app, ["--model", ref])
        assert isinstance(ran.exception, ReleaseError) and digest in ran.exception.expected, ran.output


def test_a_refused_student_is_called_so_wherever_it_stands_in(tmp_path: Path) -> None:
    digest = put_model(tmp_path / "models/student", 1.0)
    assert default_model(tmp_path).warning == "models/student: the gate hasn't judged it yet"
    with pytest.raises(ReleaseError, match="run the graph to its end"):
        resolve(tmp_path, "champion")
    reason = "FAIL: skill of ddti: 0.01"
    nothing = {"source": None, "target": None, "gate_sha256": None}
    append(tmp_path / LEDGER, action="refuse", who="somebody", candidate=digest, reason=reason, **nothing)
    assert f"the gate refused it: {reason}" in default_model(tmp_path).warning
    with pytest.raises(ReleaseError, match=f"the gate refused it: {reason}; reports/gate.json"):
        resolve(tmp_path, "champion")
    put_model(tmp_path / "models/student", 2.0)
    assert "hasn't judged" in default_model(tmp_path).warning, "that was another one"
