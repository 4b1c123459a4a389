"""The working tree, `params.yaml` and `dvc.lock` to a provenance record: what exactly a stage ran on.

Works without git and without DVC's lock; what cannot be known says so. Leaves out: where the record goes
(MLflow's tags, `model.json`, the promotion ledger).
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

UNKNOWN = "unknown"
PARAMS = "params.yaml"
PINS = "requirements.lock.txt"
LOCK = "dvc.lock"
JUDGING = ("gate", "evaluate", "calibrate", "prompts.evaluate", "package", "document")
"""The sections of the parameters by which a model is judged."""
_JUDGES_NOTHING = ("gate.require_declared", "evaluate.figure_cases", "evaluate.peers")
_PACKAGES = ("torch", "sonoforge")


class Provenance(BaseModel):
    """Where a result comes from.

    `git_sha` is the commit, `dirty` the paths that differ from it (`dvc.lock` aside, as the graph itself writes
    it), `tree_sha256` the digest of those differences. `judging_sha256` is what `judging_digest` says of the
    parameters. `lock_sha256` is the digest of the pinned packages (`requirements.lock.txt`), not of DVC's lock. `data`
    maps each data path that the stage read to its digest, by DVC's lock where it stands there. `pass_id` is shared by
    all stages that ran on the same code and parameters. `versions` are those of Python and of the packages that decide
    numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    git_sha: str
    dirty: tuple[str, ...]
    tree_sha256: str
    params_sha256: str
    judging_sha256: str = UNKNOWN
    lock_sha256: str
    data: dict[str, str]
    seeds: dict[str, int]
    device: str
    versions: dict[str, str]
    pass_id: str
    created_at: str

    def lasting(self) -> dict[str, Any]:
        """The record without its time, for files that must come out byte-identical when a stage runs again."""
        return self.model_dump(mode="json", exclude={"created_at"})

    def as_tags(self) -> dict[str, str]:
        """The record as flat strings: MLflow's tags, at most 20 of the dirty paths."""
        tags = {
            f"sonoforge.{name}": str(value)
            for name, value in self.model_dump(mode="json").items()
            if isinstance(value, str)
        }
        tags["sonoforge.dirty"] = ", ".join(self.dirty[:20]) or "clean"
        for group in ("data", "seeds", "versions"):
            tags |= {f"sonoforge.{group}.{key}": str(value) for key, value in getattr(self, group).items()}
        return tags


def collect_provenance(
    root: Path,
    *,
    stage: str,
    data: Sequence[str] = (),
    seeds: Mapping[str, int] | None = None,
    device: str = "cpu",
) -> Provenance:
    """Collect the record of one stage's run in the project at `root`; `data` are paths relative to it."""
    git_sha = _git(root, "rev-parse", "HEAD").strip() or UNKNOWN
    dirty = _dirty_paths(root) if git_sha != UNKNOWN else ()
    tree_sha256 = _tree_digest(root, dirty)
    params_sha256 = _file_sha256(root / PARAMS)
    pass_key = f"{git_sha}\n{tree_sha256}\n{params_sha256}"
    recorded = _locked_outputs(root)
    return Provenance(
        stage=stage,
        git_sha=git_sha,
        dirty=dirty,
        tree_sha256=tree_sha256,
        params_sha256=params_sha256,
        judging_sha256=judging_digest(root / PARAMS),
        lock_sha256=_file_sha256(root / PINS),
        data={path: _data_digest(root, path, recorded) for path in data},
        seeds=dict(seeds or {}),
        device=device,
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        pass_id=hashlib.sha256(pass_key.encode()).hexdigest()[:16],
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def judging_digest(path: Path) -> str:
    """The digest of the parameters by which a model is judged, as they stand in a params.yaml; UNKNOWN without one.

    A model states it as it stood when the model was trained, so that limits that were changed since are known. What
    decides nothing (pictures, other people's models) and whether this is asked at all isn't in it.
    """
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return UNKNOWN
    judging = {name: _at(params, name) for name in JUDGING}
    for name in _JUDGES_NOTHING:
        section, _, key = name.partition(".")
        if isinstance(found := judging[section], dict):
            judging[section] = {known: value for known, value in found.items() if known != key}
    return hashlib.sha256(json.dumps(judging, sort_keys=True, default=str).encode()).hexdigest()


def _at(values: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _git(root: Path, *arguments: str) -> str:
    """The output of a git command, or nothing where git, a repository or a commit is lacking."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False, errors="replace"
        )
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _dirty_paths(root: Path) -> tuple[str, ...]:
    """Paths that are changed, new or deleted against the commit, sorted, without `dvc.lock`."""
    changed = _git(root, "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    paths = {path for path in (changed + untracked).split("\0") if path}
    return tuple(sorted(paths - {LOCK}))


def _tree_digest(root: Path, dirty: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in dirty:
        digest.update(f"{path}\0{_file_sha256(root / path)}\n".encode())
    return digest.hexdigest()


def _file_sha256(path: Path) -> str:
    if not path.is_file():
        return UNKNOWN
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locked_outputs(root: Path) -> dict[str, str]:
    """Every output path in DVC's lock with its digest."""
    path = root / LOCK
    if not path.is_file():
        return {}
    lock = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
    stages = lock.get("stages", {}).values()
    return {out["path"]: out.get("md5", UNKNOWN) for stage in stages for out in stage.get("outs", ())}


def _data_digest(root: Path, path: str, recorded: Mapping[str, str]) -> str:
    """The digest of a data path: DVC's own where it has one (also for a folder of outputs), else the file's."""
    if path in recorded:
        return f"md5:{recorded[path]}"
    below = sorted(f"{name} {digest}" for name, digest in recorded.items() if name.startswith(f"{path}/"))
    if below:
        return "md5s:" + hashlib.sha256("\n".join(below).encode()).hexdigest()
    pointer = root / f"{path}.dvc"
    if pointer.is_file():
        outs = yaml.safe_load(pointer.read_text(encoding="utf-8")).get("outs", ())
        return f"md5:{outs[0]['md5']}" if outs else UNKNOWN
    found = _file_sha256(root / path)
    return found if found == UNKNOWN else f"sha256:{found}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
