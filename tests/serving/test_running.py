"""A service starts with a log, a model that passed its self-check, and the one that should serve; and ends in order."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from components.artefacts import ModelDescription, read_description
from components.audit.reading import read
from components.errors import ArtefactError, AuditError, ParamsError
from components.in_service import IN_SERVICE, InService, write_in_service
from components.promptable.runtimes.pytorch import PyTorch
from components.promptable.self_check import SELF_CHECK, Held, write_self_check
from components.release.packing.self_checks import make_self_check
from serving.bedside import Bedside
from serving.running import is_ready, start, stop
from tests.serving.small import SETTINGS


def kinds(folder: Path) -> list[str]:
    """What a log has entered."""
    return [found.line.entry.kind for found in read(folder / "audit")]


def test_it_is_ready_with_a_model_and_a_log_and_enters_its_start_and_end(model_folder: Path, tmp_path: Path) -> None:
    bedside = Bedside.of(SETTINGS)
    assert not is_ready(bedside)
    start(bedside, model=model_folder, environment={"SONOFORGE_AUDIT": str(tmp_path / "audit")})
    assert is_ready(bedside) and bedside.switching is None
    anyio.run(stop, bedside)
    assert kinds(tmp_path) == ["file", "start", "stop"]


def test_a_model_that_fails_its_self_check_is_never_ready(
    loaded: tuple[PyTorch, ModelDescription], model_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    write_self_check(folder, make_self_check(loaded[0], loaded[1].digest))
    environment = {"SONOFORGE_AUDIT": str(tmp_path / "audit")}
    sound = Bedside.of(SETTINGS)
    start(sound, model=folder, environment=environment)
    assert is_ready(sound) and sound.models.current is not None and sound.models.current.checked == Held(6, 6, ())
    anyio.run(stop, sound)
    values = json.loads((folder / SELF_CHECK).read_text())
    assert (values["runtime"] in str(sound.models.current.runtime)) != ("which was packed for" in caplog.text)
    values["runtime"] = "openvino"
    first, second = values["images"][0]["cases"][:2]
    first["counts"], second["counts"] = second["counts"], first["counts"]
    (folder / SELF_CHECK).write_text(json.dumps(values))
    bedside = Bedside.of(SETTINGS)
    with pytest.raises(ArtefactError, match="doesn't give the golden cases of its self-check again"):
        start(bedside, model=folder, environment=environment)
    assert not is_ready(bedside) and "which was packed for openvino" in caplog.text
    again = Bedside.of(SETTINGS)
    (folder / SELF_CHECK).unlink()
    start(again, model=folder, environment=environment)
    anyio.run(stop, again)
    assert kinds(tmp_path).count("start") == 2, "the log was let go of, and nothing entered"


def test_the_model_that_should_serve_is_there_before_the_first_request(model_folder: Path, tmp_path: Path) -> None:
    digest = read_description(model_folder).digest
    shutil.copytree(model_folder, tmp_path / "released" / digest[:12])
    pointer = tmp_path / "released" / IN_SERVICE
    write_in_service(pointer, InService(schema=1, digest=digest, folder=digest[:12], entry="e" * 64))
    environment = {"SONOFORGE_AUDIT": str(tmp_path / "audit"), "SONOFORGE_IN_SERVICE": str(pointer)}
    bedside = Bedside.of(SETTINGS)
    start(bedside, model=model_folder, environment=environment)
    assert bedside.switching is not None and bedside.switching.failure is None
    assert bedside.models.current is not None and bedside.models.former == (), "it serves already"
    anyio.run(stop, bedside)
    assert kinds(tmp_path) == ["file", "start", "stop"]


def test_without_a_log_of_its_own_it_does_not_start(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"\$SONOFORGE_AUDIT isn't set"):
        start(Bedside.of(SETTINGS), model=model_folder, environment={})
    with pytest.raises(ParamsError, match="a folder that changes with the code"):
        start(Bedside.of(SETTINGS), model=model_folder, environment={"SONOFORGE_AUDIT": "records/audit"})
    environment = {"SONOFORGE_AUDIT": str(tmp_path / "audit")}
    first = Bedside.of(SETTINGS)
    start(first, model=model_folder, environment=environment)
    with pytest.raises(AuditError):
        start(Bedside.of(SETTINGS), model=model_folder, environment=environment)
    anyio.run(stop, first)


def test_it_is_not_ready_while_its_log_takes_no_entry(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bedside = Bedside.of(SETTINGS)
    start(bedside, model=model_folder, environment={"SONOFORGE_AUDIT": str(tmp_path / "audit")})
    records = bedside.records
    assert records is not None and is_ready(bedside)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        assert not is_ready(bedside), "the disk is full"

    def full(*_: object) -> None:
        raise AuditError("the disk is full", expected="room", remedy="make room")

    now_s = [100.0]
    monkeypatch.setattr("serving.operation.records.time.monotonic", lambda: now_s[0])
    with monkeypatch.context() as patch:
        patch.setattr(records.audit, "append", full)
        with pytest.raises(AuditError):
            records.switched(None, bedside.models.current)  # type: ignore[arg-type]
        records.refused("token_unknown", None)
    assert not is_ready(bedside), "an entry has just failed"
    now_s[0] += 11
    assert is_ready(bedside), "a request may try again"
    monkeypatch.undo()
    anyio.run(stop, bedside)
