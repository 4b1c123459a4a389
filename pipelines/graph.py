"""The graph through `dvc repro`, and what came out of it: which stages ran, the results, the verdict.

Whoever starts it, DVC decides what runs, each stage runs as a Prefect flow, and the same `dvc.lock` comes out.
Leaves out: printing (commands/run.py) and schedules (retrain.py).
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from components.artefacts import write_text
from components.errors import ParamsError, SonoForgeError
from components.params import load_params, parse_params

STAGES = (
    "ingest",
    "validate_data",
    "harmonise",
    "split",
    "finetune",
    "distil",
    "validate_internal",
    "validate_external",
    "gate",
    "promote",
)
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


def run_graph(root: Path, *, target: str | None = None, say: Callable[[str], None]) -> GraphRun:
    """Bring the graph, or one stage with all it needs, up to date; DVC's lines go to `say`.

    Raises
    ------
    ParamsError
        If `params.yaml` isn't valid.
    GraphError
        If a stage failed or the target is no stage.
    KeyboardInterrupt
        On Ctrl-C, after the running stage has closed.
    """
    load_params(root / "params.yaml")
    ran: list[str] = []
    process = subprocess.Popen(
        # Two doors may be used at once: DVC lets one run at a time, and the other waits instead of failing.
        [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", *([target] if target else [])],
        cwd=root,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := _RUNNING.match(line):
                ran.append(found["stage"])
            if not _SKIPPED.match(line.strip()):
                say(line.rstrip("\n"))
        code = process.wait()
    except KeyboardInterrupt:
        # The terminal interrupts the whole group: the stage closes its run, then DVC ends.
        process.wait()
        raise
    if code != 0:
        raise GraphError(
            f"the graph stopped{f' in {ran[-1]}' if ran else ''}",
            expected="every stage to end well",
            remedy="read what it said above; once mended, the same command goes on from there",
        )
    return GraphRun(tuple(ran), *(_read(root / "reports" / path) for path in _RESULTS))


_RESULTS = ("internal/metrics.json", "external/metrics.json", "gate.json", "promotion.json")


def _environment() -> dict[str, str]:
    # The stages' `python` is this one, also where the virtual environment isn't activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


def set_params(root: Path, assignments: Sequence[str]) -> tuple[str, ...]:
    """Change values of `params.yaml`, comments kept, in one piece; returns what changed.

    Each assignment is `dotted.key=value` with the value in YAML; `null` removes the key.

    Raises
    ------
    ParamsError
        If an assignment isn't one, or the result isn't valid; the file is then as before.
    """
    path = root / "params.yaml"
    load_params(path)
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096  # Long flow mappings stay on their lines.
    document = editor.load(path.read_text(encoding="utf-8"))
    changes = [change for one in assignments if (change := _assign(document, one)) is not None]
    out = io.StringIO()
    editor.dump(document, out)
    parse_params(yaml.safe_load(out.getvalue()), origin="params.yaml with " + ", ".join(assignments))
    if changes:
        write_text(path, out.getvalue())
    return tuple(changes)


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
                remedy="correct the key; components/params.py lists them",
            )
        section = section[name]
    if not isinstance(section, dict):
        raise ParamsError(f"params.yaml has no {key}", expected="a key of a section", remedy="correct the key")
    old = section.get(names[-1])
    if value == old:
        return None
    if value is None:
        del section[names[-1]]
        return f"{key}: removed"
    section[names[-1]] = value
    return f"{key}: {old} -> {value}"
