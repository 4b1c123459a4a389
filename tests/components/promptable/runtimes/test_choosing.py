"""A runtime is measured once on a machine and remembered; what can't be measured or run is said."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.errors import ArtefactError
from components.params.serving import RuntimeName
from components.promptable.runtimes import choosing
from components.promptable.runtimes.choosing import Choice, choose, load_chosen
from components.promptable.runtimes.measuring import Taken
from components.promptable.runtimes.sealed import DECODER, ENCODER, seal
from tests.components.promptable.conftest import Pair


class Stopwatch:
    """Measures nothing: times that it is given, and how often it was asked."""

    def __init__(self, **taken: Taken) -> None:
        self.taken, self.asked = taken, 0

    def __call__(self, _: Path, names: Sequence[RuntimeName], __: Path | None) -> dict[RuntimeName, Taken]:
        self.asked += 1
        return {name: self.taken[name] for name in names}


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    monkeypatch.setattr(choosing, "runnable", lambda _: ("onnxruntime", "openvino", "pytorch"))
    return Stopwatch(onnxruntime=Taken(50.0, 10.0), openvino=Taken(30.0, 9.0), pytorch=Taken(70.0, 20.0))


def test_the_fastest_is_taken_and_not_measured_again(
    as_it_starts: Pair, watch: Stopwatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=choosing.__name__)
    first = choose(as_it_starts.folder, cache=tmp_path, measure=watch)
    assert "measuring runtimes on this machine, once" in caplog.messages[0]
    assert caplog.messages[1].startswith("openvino is taken, measured") and str(tmp_path) in caplog.messages[1]
    assert first.name == "openvino" and "onnxruntime 60.0 ms, openvino 39.0 ms" in first.why
    assert choose(as_it_starts.folder, cache=tmp_path, measure=watch) == first and watch.asked == 1
    assert len(caplog.messages) == 2, "nothing was measured"
    (kept,) = (tmp_path / "runtimes").iterdir()
    assert json.loads(kept.read_text())["machine"]["cores"] >= 1
    kept.write_text('{"taken": {"onnxruntime": 1}}')
    assert choose(as_it_starts.folder, cache=tmp_path, measure=watch) == first and watch.asked == 2, "it was broken"
    choose(as_it_starts.folder, cache=None, measure=watch)
    assert watch.asked == 3, "nowhere to remember it"


def test_another_machine_version_or_export_is_measured_anew(
    as_it_starts: Pair, watch: Stopwatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(as_it_starts.folder, tmp_path / "model"))
    choose(folder, cache=tmp_path, measure=watch)
    changed = (folder / ENCODER).read_bytes() + b"\x72\x00"
    (folder / ENCODER).write_bytes(changed + seal(changed))
    choose(folder, cache=tmp_path, measure=watch)
    with monkeypatch.context() as patch:
        patch.setattr(choosing, "describe_machine", lambda: {"cpu": "another"})
        choose(folder, cache=tmp_path, measure=watch)
    assert watch.asked == 3 and len(list((tmp_path / "runtimes").iterdir())) == 3
    choose(folder, cache=tmp_path, measure=watch)
    assert watch.asked == 3


def test_what_cant_have_been_measured_is_measured_again(
    as_it_starts: Pair, watch: Stopwatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = choose(as_it_starts.folder, cache=tmp_path, measure=watch)
    (kept,) = (tmp_path / "runtimes").iterdir()
    good = json.loads(kept.read_text())
    wrong: list[dict[str, object]] = [
        *({"embed_ms": time} for time in (float("nan"), float("inf"), 0.0, -5.0, "1e-9", None)),
        {"failed": "no library"},
        {"failed": 5},
    ]
    texts = [json.dumps({"taken": good["taken"] | {"pytorch": good["taken"]["pytorch"] | one}}) for one in wrong]
    for number, text in enumerate([*texts, "[" * 100_000, "null"]):
        kept.write_text(text)
        caplog.clear()
        assert choose(as_it_starts.folder, cache=tmp_path, measure=watch) == first, text[:200]
        assert watch.asked == number + 2 and "is measured again" in caplog.text, text[:200]
        assert json.loads(kept.read_text()) == good


@pytest.mark.parametrize(
    ("taken", "name", "said"),
    [
        ({"openvino": Taken(49.0, 10.0)}, "onnxruntime", "openvino 59.0 ms"),
        ({"openvino": Taken(failed="no")}, "onnxruntime", "openvino fails"),
        ({"onnxruntime": Taken(failed="no"), "openvino": Taken(failed="no")}, "pytorch", "onnxruntime fails"),
    ],
)
def test_little_faster_is_not_enough_and_what_fails_is_not_taken(
    as_it_starts: Pair, watch: Stopwatch, taken: dict[str, Taken], name: str, said: str
) -> None:
    watch.taken |= taken
    choice = choose(as_it_starts.folder, cache=None, measure=watch)
    assert choice.name == name and said in choice.why


def test_after_a_failure_it_is_measured_again(
    as_it_starts: Pair, watch: Stopwatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    well = dict(watch.taken)
    watch.taken |= {"openvino": Taken(failed="OSError: no space left")}
    assert choose(as_it_starts.folder, cache=tmp_path, measure=watch).name == "onnxruntime"
    assert "openvino: OSError: no space left" in caplog.text and not (tmp_path / "runtimes").exists()
    watch.taken = well
    for _ in range(2):
        assert choose(as_it_starts.folder, cache=tmp_path, measure=watch).name == "openvino"
    assert watch.asked == 2


def test_where_nothing_runs_or_nothing_was_measured_it_says_so(
    as_it_starts: Pair, watch: Stopwatch, caplog: pytest.LogCaptureFixture
) -> None:
    def slow(*_: object) -> dict[RuntimeName, Taken]:
        raise subprocess.TimeoutExpired("measuring", 600)

    choice = choose(as_it_starts.folder, cache=None, measure=slow)
    assert choice == Choice("onnxruntime", "the runtimes couldn't be measured here") and "timed out" in caplog.text
    watch.taken = dict.fromkeys(watch.taken, Taken(failed="no library"))
    with pytest.raises(ArtefactError, match="no runtime runs the model: onnxruntime: no library"):
        choose(as_it_starts.folder, cache=None, measure=watch)


def test_an_older_folder_is_run_by_pytorch_where_the_choice_is_free(
    as_it_starts: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(as_it_starts.folder, tmp_path / "older"))
    (folder / DECODER).unlink()
    model, choice = load_chosen(folder, "auto", cache=tmp_path)
    assert model.facts.name == choice.name == "pytorch" and "only runtime" in choice.why
    assert "nothing that a faster runtime runs" in caplog.text
    with pytest.raises(ArtefactError, match="lacks encoder"):
        load_chosen(folder, "onnxruntime", cache=tmp_path)


def test_a_process_of_its_own_measures(as_it_starts: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []
    run = subprocess.run

    def seen(command: list[str], **how: object) -> object:
        told.append(command)
        return run(command, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(choosing.subprocess, "run", seen)
    taken = choosing.measure_apart(as_it_starts.folder, ("onnxruntime",), tmp_path)
    assert set(taken) == {"onnxruntime"} and taken["onnxruntime"].failed is None
    assert taken["onnxruntime"].embed_ms > 0 and taken["onnxruntime"].click_ms > 0
    assert told[0][1:3] == ["-m", "components.promptable.runtimes.measuring"]
