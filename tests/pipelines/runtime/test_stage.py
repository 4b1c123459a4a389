"""A stage gets exactly its parameters, and says what is wrong in words."""

from __future__ import annotations

import asyncio
import errno
import importlib
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from components.errors import LeakError
from components.params import load_params
from pipelines.runtime.stage import Progress, Stage, _untraced, fill, narrowed


def test_a_stage_sees_only_the_sections_that_it_declares(root: Path) -> None:
    whole = load_params(root / "params.yaml")
    params = narrowed(whole, ["datasets.busi", "split"])
    assert set(params.datasets) == {"busi"} and params.split == whole.split
    assert params.names("internal") == ("busi",)
    with pytest.raises(AttributeError):
        _ = params.gate
    assert set(params.model_dump(exclude_none=True)) == {"datasets", "split"}


def test_dots_reach_down_to_single_values(root: Path) -> None:
    whole = load_params(root / "params.yaml")
    params = narrowed(whole, ["prompts.train", "prompts.evaluate.seed", "model"])
    assert params.prompts.train == whole.prompts.train and params.model == whole.model
    assert params.prompts.evaluate.seed == whole.prompts.evaluate.seed
    for section, name in ((params.prompts, "min_area_px"), (params.prompts.evaluate, "kinds")):
        with pytest.raises(AttributeError):
            getattr(section, name)
    assert set(params.model_dump(mode="json")["prompts"]) == {"train", "evaluate"}


def test_fill_works_as_dvcs_templates() -> None:
    values = {"key": "busi", "item.role": "internal"}
    assert fill("data/02_harmonised/${item.role}/${key}", values) == "data/02_harmonised/internal/busi"


def test_progress_always_tells_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pipelines")
    progress = Progress("images", every_s=3600)
    for done in range(1, 101):
        progress(done, 100)
    assert [record.message for record in caplog.records] == ["images: 100 of 100"]


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (LeakError("a", expected="b", remedy="c"), False),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "reports/gate.json"), False),
        (KeyError("a"), True),
    ],
)
@pytest.mark.parametrize("run", ["Task run encountered an exception", "Flow run encountered an exception:"])
def test_prefect_does_not_tell_what_the_stage_will(error: Exception, run: str, printed: bool) -> None:
    from prefect.states import exception_to_failed_state

    state = asyncio.run(exception_to_failed_state(error, message=run))
    for name, message, shown in (
        ("prefect.task_runs", f"Finished in state {state}", printed),
        ("prefect.task_runs", "Finished in state Completed()", True),
        ("components", f"Finished in state {state}", True),
    ):
        assert _untraced(logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)) is shown
    traced = logging.LogRecord("prefect", logging.ERROR, "", 0, "a", None, (type(error), error, None))
    assert _untraced(traced) is printed


@pytest.mark.parametrize("number", [errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EACCES, errno.EROFS])
def test_a_fault_of_the_system_is_a_message(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "reports/gate.json")

    monkeypatch.setattr(Stage, "run", fail)
    monkeypatch.setattr("sys.argv", ["split"])
    with pytest.raises(SystemExit) as ended:
        Stage(lambda job: None, (), (), (), 1.0, False).main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and f"reports/gate.json: {os.strerror(number)}" in said and "what to do" in said


@pytest.fixture
def as_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Lets a stage's command run in this process: what it sets for the whole process is put back."""
    monkeypatch.setattr("pipelines.runtime.stage.talk", lambda: None)
    on_end = signal.getsignal(signal.SIGTERM)
    with patch.dict(os.environ):
        yield monkeypatch
    signal.signal(signal.SIGTERM, on_end)


@pytest.mark.parametrize(
    ("stage", "arguments", "change", "says", "code"),
    [
        ("ingest", ["nosuch"], None, "no dataset 'nosuch'", 1),
        ("ingest", ["busi"], ("min_cases:", "min_casse:"), "gate.min_casse", 1),
        ("split", [], ("val_share:", "val_share: a tenth #"), "split.val_share", 1),
        ("split", [], ("split:", "split: ["), "isn't YAML", 1),
        ("ingest", [], None, "usage", 2),
    ],
)
def test_a_fault_is_a_message_and_an_exit_code(
    root: Path,
    tmp_path: Path,
    as_started: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stage: str,
    arguments: list[str],
    change: tuple[str, str] | None,
    says: str,
    code: int,
) -> None:
    shutil.copy(root / "dvc.yaml", tmp_path)
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace(*change) if change else text, encoding="utf-8")
    as_started.chdir(tmp_path)
    as_started.setattr("sys.argv", [stage, *arguments])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(f"pipelines.{stage}"), stage).main()
    said = capsys.readouterr().err
    assert ended.value.code == code
    assert says in said and "Traceback" not in said
    assert not (tmp_path / ".prefect/server.json").exists(), "nothing is started for a run that can't begin"
