"""The graph through `dvc repro`, and what came out of it: which stages ran, the results, the verdict.

Whoever starts it, DVC decides what runs, each stage runs as a Prefect flow, and the same `dvc.lock` comes out.
Leaves out: printing (commands/run.py) and schedules (retrain.py).
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from filelock import FileLock, Timeout

from components.artefacts import write_text
from components.errors import ParamsError, SonoForgeError
from components.params import Params, parse_params, read_params
from components.params.editing import params_editor
from components.processes import mark
from pipelines.interrupts import ends_as_interrupts
from pipelines.runtime.local_server import DOOR

STAGES = (
    "ingest",
    "validate_data",
    "harmonise",
    "split",
    "finetune",
    "distil",
    "train_unet",
    "spread",
    "calibrate",
    "validate_internal",
    "validate_external",
    "package",
    "document",
    "gate",
    "promote",
    "report",
)
FOR_EACH_DATASET = ("ingest", "validate_data", "harmonise")
_RUNNING = re.compile(r"^Running stage '(?P<stage>.+)':")
_SKIPPED = re.compile(r"^(Stage '.+' didn't change, skipping|'.+\.dvc' didn't change, skipping)$")


class GraphError(SonoForgeError):
    """A stage of the graph failed; it has said why itself."""


@dataclass(frozen=True, slots=True)
class GraphRun:
    """What a run of the graph did and what there is now; `ran` are the stages that had to run."""

    ran: tuple[str, ...]
    internal: dict[str, Any] | None
    external: dict[str, Any] | None
    gate: dict[str, Any] | None
    promotion: dict[str, Any] | None


@contextmanager
def one_at_a_time(root: Path, *, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other run of this project's graph goes on, and keep others waiting meanwhile.

    DVC's own lock isn't enough: it lets a second run begin, which then fails at the first file that the first one
    holds, and nothing would keep `--set` from changing params.yaml under a running graph.
    """
    place = root / ".cache" / "run.lock"
    place.parent.mkdir(exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        say("Another run of this graph goes on; waiting for it to end.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def run_graph(root: Path, *, target: str | None = None, say: Callable[[str], None]) -> GraphRun:
    """Bring the graph, or one stage with all it needs, up to date; DVC's lines go to `say`.

    Raises
    ------
    ParamsError
        If `params.yaml` isn't valid.
    PeerError
        If a model to compare with can't be had, which only the last stages would find.
    GraphError
        If a stage failed or the target is no stage.
    KeyboardInterrupt
        On Ctrl-C, SIGTERM or a closed terminal, after the running stage has closed.
    """
    check_before(root)
    ran: list[str] = []
    with ends_as_interrupts():
        process = _start_dvc(root, target)
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := _RUNNING.match(line):
                    ran.append(found["stage"])
                if not _SKIPPED.match(line.strip()):
                    say(line.rstrip("\n"))
            code = process.wait()
        except BaseException:
            _interrupt(process)
            raise
    if code != 0:
        raise GraphError(
            f"the graph stopped{f' in {ran[-1]}' if ran else ''}",
            expected="every stage to end well",
            remedy="read what it said above; once mended, the same command goes on from there",
        )
    # After one stage, what stands in reports/ may be of an earlier state of the graph.
    return GraphRun(tuple(ran), *(None if target else _read(root / "reports" / path) for path in _RESULTS))


def check_before(root: Path) -> None:
    """Make sure of `params.yaml`, and of what only later stages read: the student, peers with their weights, required
    statements.

    Raises
    ------
    ParamsError
        If `params.yaml` isn't valid, a required statement doesn't exist, a peer's exposure names no dataset of the
        run, or the student can't be distilled as the parameters say.
    PeerError
        If a peer's architecture isn't known, or its weights aren't there or aren't the pinned ones.
    """
    from components.release.documents.statements import check_required

    file = read_params(root / "params.yaml")
    params = file.params
    check_required(params.document.required)
    _check_student(params, file.raw, known=_trained(root))
    for who, peer in params.evaluate.peers.items():
        # Its architectures bring PyTorch along, which takes seconds.
        from components.evaluation.peers import check_peer

        if unknown := sorted(set(peer.exposure) - set(params.datasets)):
            raise ParamsError(
                f"params.yaml: evaluate.peers.{who}.exposure names {', '.join(unknown)}",
                expected=f"datasets of the run: {', '.join(params.datasets)}",
                remedy="correct or remove them",
            )
        check_peer(who, peer, root=root)


def _check_student(params: Params, raw: Any, *, known: Any) -> None:
    """Make sure that distilling won't refuse what the teacher has been trained for.

    `raw` are the parameters as YAML has them. Nothing is asked if they say of the models what `known` does.
    """
    if _of_models(raw) == _of_models(known):
        return
    # It brings PyTorch along, which takes seconds.
    from components.training.ahead import check_distillation

    check_distillation(params)


def _of_models(raw: Any) -> dict[str, Any]:
    return {name: raw.get(name) for name in ("model", "teacher", "student", "distil")}


def _trained(root: Path) -> Any:
    """The parameters by which the teacher and the student that there are were trained, by dvc.lock."""
    try:
        stages = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
        return stages["finetune"]["params"]["params.yaml"] | stages["distil"]["params"]["params.yaml"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return {}


def check_stage(target: str, datasets: Collection[str]) -> None:
    """Make sure that a stage's name is one, for datasets of the run.

    Raises
    ------
    ParamsError
        If it isn't.
    """
    name, at, dataset = target.partition("@")
    if name not in STAGES or (at and (name not in FOR_EACH_DATASET or dataset not in datasets)):
        each = "|".join(FOR_EACH_DATASET)
        raise ParamsError(
            f"no stage is called {target!r}",
            expected=f"one of {', '.join(STAGES)}; or {each} with @ and one of {', '.join(datasets)}",
            remedy="correct the name",
        )


def _start_dvc(root: Path, target: str | None) -> subprocess.Popen[str]:
    # A session of its own: the terminal's Ctrl-C doesn't reach DVC and the stage, so that they hear it once, from
    # `_interrupt`, as they hear one that was sent to this process alone.
    main = threading.current_thread() is threading.main_thread()
    # A shell starts background jobs deaf to SIGINT. DVC would inherit that and could not be interrupted.
    deaf = main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if deaf:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            # Two doors may be used at once: DVC lets one run at a time, and the other waits instead of failing.
            [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *([target] if target else [])],
            cwd=root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        if deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Interrupt DVC with its stage as a terminal would, and wait until both have ended."""
    assert process.stdout is not None
    _send_interrupt(process)
    for line in process.stdout:
        # DVC is deaf while a stage runs: had that stage just ended, the next one begins.
        if _RUNNING.match(line):
            _send_interrupt(process)
    process.wait()


def _send_interrupt(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)


_RESULTS = ("internal/metrics.json", "external/metrics.json", "gate.json", "promotion.json")


def _environment() -> dict[str, str]:
    # The stages' `python` is this one, also where the virtual environment isn't activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # When this process is killed its stages end, too, also where it is no `sonoforge` but a Prefect flow.
    return {**os.environ, DOOR: mark(psutil.Process()), "PATH": path, "PYTHONUNBUFFERED": "1"}


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


def set_params(root: Path, assignments: Sequence[str]) -> tuple[str, ...]:
    """Change values of `params.yaml`, comments kept, in one piece; returns what changed.

    Each assignment is `dotted.key=value` with the value in YAML; `null` removes the key.

    Raises
    ------
    ParamsError
        If an assignment isn't one, or the result isn't valid or no student can be distilled by it; the file is then
        as before.
    """
    path = root / "params.yaml"
    before = read_params(path)
    editor = params_editor()
    document = editor.load(before.text)
    changes = [change for one in assignments if (change := _assign(document, one)) is not None]
    out = io.StringIO()
    editor.dump(document, out)
    raw = yaml.safe_load(out.getvalue())
    params = parse_params(raw, origin="params.yaml with " + ", ".join(assignments))
    _check_student(params, raw, known=before.raw)
    if changes:
        write_text(path, out.getvalue())
    return tuple(changes)


def params_with(root: Path, assignments: Sequence[str]) -> Params:
    """The parameters of `params.yaml` with some values changed, as `set_params` takes them; the file stays as it is.

    Raises
    ------
    ParamsError
        If an assignment isn't one, or the result isn't valid.
    """
    document = read_params(root / "params.yaml").raw
    for one in assignments:
        _assign(document, one)
    return parse_params(document, origin=", ".join(["params.yaml", *assignments]))


def _assign(document: Any, assignment: str) -> str | None:
    key, equals, text = assignment.partition("=")
    names = key.strip().split(".")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        equals = ""
    if not equals or not all(names):
        raise ParamsError(
            f"--set {assignment}",
            expected="key=value, such as finetune.epochs=3",
            remedy="name a key of params.yaml with dots, and give its value in YAML",
        )
    section = document
    for name in names[:-1]:
        if not isinstance(section, dict) or name not in section:
            raise ParamsError(
                f"params.yaml has no {key}",
                expected=f"a key under {', '.join(map(str, document))}",
                remedy="correct the key; components/params lists them",
            )
        section = section[name]
    if not isinstance(section, dict):
        raise ParamsError(f"params.yaml has no {key}", expected="a key of a section", remedy="correct the key")
    old = section.get(names[-1])
    if value is None and names[-1] not in section:
        raise ParamsError(
            f"params.yaml has no {key}, which --set {assignment} would remove",
            expected=f"one of {', '.join(map(str, section))}",
            remedy="correct the key, or leave this --set out",
        )
    if value is not None and _same(value, old):
        return None
    if value is None:
        del section[names[-1]]
        return f"{key}: removed"
    section[names[-1]] = value
    return f"{key}: {old} -> {value}"


def _same(value: Any, old: Any) -> bool:
    """Whether two values of YAML say the same; `true` is no 1."""
    if isinstance(value, dict) and isinstance(old, dict):
        return value.keys() == old.keys() and all(_same(value[key], old[key]) for key in value)
    if isinstance(value, list) and isinstance(old, list):
        return len(value) == len(old) and all(map(_same, value, old))
    return bool(value == old) and isinstance(value, bool) == isinstance(old, bool)
