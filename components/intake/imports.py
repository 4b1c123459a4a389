"""Real data from outside, to a checked copy under DVC that the run's parameters name; nothing is half-imported.

`import_dataset` checks, copies beside and renames, hands the folder to DVC, records where it came from and edits
params.yaml; whatever fails, it undoes what it made itself. It copies the dataset's root and what is read beside it, not
what else lies in the folder that was named. One import at a time works in a project. Leaves out: the stage that brings
an import to data/01_raw (ingest.py), and the lock of a running graph, which callers give.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.artefacts import write_text
from components.contract import CONTRACTS, check_licence, load_contract
from components.engines import Progress, Threads
from components.errors import DataFaultsError, LayoutError
from components.intake.arrival.archives import is_archive, unpack
from components.intake.arrival.copies import copy_folder, refuse_changed, remove_files, state_of
from components.intake.arrival.import_params import IMPORTS, PARAMS, params_with
from components.intake.arrival.import_record import ImportRecord, record_of, record_path, write_record
from components.intake.faults import errors, first_of
from components.intake.layouts import strays
from components.intake.layouts.reading import readable
from components.intake.validate_data import Checked, check_data

LOCK = Path(".cache/import.lock")
# As `import_dataset` and components/artefacts.py name what they write beside its place.
_BESIDE = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
# A line for the shell; what it would also undo stands in it, since it is printed to be copied.
UNDO_PARAMS = "git restore params.yaml  # this also discards your other edits of it since the last commit"


class ImportFaultsError(DataFaultsError):
    """A dataset that wasn't imported because of its faults; `checked` holds them all."""

    def __init__(self, found: str, *, expected: str, remedy: str, checked: Checked | None = None) -> None:
        super().__init__(found, expected=expected, remedy=remedy)
        self.checked = checked


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: where the data are and came from, what was checked and changed, how to undo it.

    `left_out` are the files of the source, by their path there, that lie beside the dataset and weren't copied.
    """

    dataset: str
    folder: Path
    checked: Checked
    record: ImportRecord
    changes: tuple[str, ...]
    undo: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def import_dataset(
    name: str,
    source: Path,
    root: Path,
    *,
    keep_phantoms: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
    pairs_progress: Progress | None = None,
    undisturbed: AbstractContextManager[object] | None = None,
) -> Imported:
    """Check a folder or archive in its original layout, then bring it under DVC and into params.yaml.

    Parameters
    ----------
    name
        The dataset's contract.
    source
        A folder, or a .zip, .tar or .tar.gz file.
    root
        The project's root, with .git, .dvc and params.yaml.
    keep_phantoms
        Leave phantom datasets in the run beside a real internal one, and set split.mix_phantoms; else they are
        removed. An external dataset is never trained on, so it leaves phantoms where they are.
    undisturbed
        Held while DVC takes the folder and params.yaml changes, so that no run of the graph reads them meanwhile.

    Raises
    ------
    ImportFaultsError
        If the data have errors.
    ContractError
        If there is no such contract, or its licence forbids what its role needs.
    LayoutError
        If source, project or target aren't as they must be, the source changes meanwhile, or DVC fails.
    ParamsError
        If params.yaml can't be edited.
    """
    contract = load_contract(name, root / CONTRACTS)
    target = root / IMPORTS / name
    check_licence(contract)
    _check_project(root)
    _check_source(source)

    def check(folder: Path) -> Checked:
        checked = check_data(
            contract,
            folder,
            contracts=root / CONTRACTS,
            engine=Threads(workers),
            progress=progress,
            pairs_progress=pairs_progress,
        )
        _refuse(checked)
        return checked

    with _alone(root) as lock:
        _check_free(target)
        _clear_dead(target.parent)
        # What would fail at the end, fails before anything is copied.
        params_with(root, contract, keep_phantoms=keep_phantoms)
        made = _Made(target, root / PARAMS)
        with _undone_on_error(made):
            made.beside.mkdir(parents=True)
            made.identity = _identity(made.beside)
            before = state_of(source)
            record = record_of(contract, source)
            here = source if source.is_dir() else made.beside
            if here != source:
                unpack(source, here)
                refuse_changed(source, before)
            checked = check(here)
            left = strays(contract, here, contracts=root / CONTRACTS)
            left_out = tuple(readable(path.relative_to(here).as_posix()) for path in left)
            if here == source:
                copy_folder(source, made.beside, leave=left)
                refuse_changed(source, before, leave=left)
                record = replace(record, size_bytes=_size_bytes(made.beside))
            else:
                remove_files(left, here)
            with undisturbed or nullcontext():
                made.beside.rename(target)
                _dvc_add(target, root, lock)
                write_record(record, target)
                # Read again: somebody may have edited it, while gigabytes were copied.
                made.old_params, made.new_params, changes = params_with(root, contract, keep_phantoms=keep_phantoms)
                write_text(root / PARAMS, made.new_params)
    return Imported(name, target, checked, record, changes, (UNDO_PARAMS, _removal(name)), left_out)


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _refuse(checked: Checked) -> None:
    if found := errors(checked.faults):
        raise ImportFaultsError(
            f"nothing was imported; {checked.dataset}: {first_of(found)}",
            expected="no fault of severity error",
            remedy=f"read the whole list with `sonoforge data check {checked.dataset} --source PATH`, and mend them",
            checked=checked,
        )


def _check_project(root: Path) -> None:
    if not (root / ".git").exists() or not (root / ".dvc").is_dir():
        raise LayoutError(
            f"{root.resolve()} isn't a git and DVC repository",
            expected="the project's root, with .git and .dvc",
            remedy="run from the project's root; in a bare copy, `git init` and `dvc init` first",
        )


def _check_source(source: Path) -> None:
    if not source.is_dir() and not (source.is_file() and is_archive(source)):
        raise LayoutError(
            f"{source} is neither a folder nor an archive",
            expected="a folder, or a .zip, .tar, .tar.gz or .tgz file",
            remedy="check the path",
        )


def _check_free(target: Path) -> None:
    parts = (target, _pointer(target), record_path(target))
    if target.exists() and not record_path(target).exists():
        raise LayoutError(
            f"{target} is there, without the record of an import: one was killed here, or somebody put it there",
            expected="no folder of that name, or that of an import that ended",
            remedy=f"if it holds nothing of yours, remove it and import again: {_removal(target.name)}",
        )
    if here := [path for path in parts if path.exists()]:
        raise LayoutError(
            f"{target.name} is imported already ({here[0]})",
            expected="no earlier import",
            remedy=f"remove it first: {_removal(target.name)}",
        )


def _pointer(target: Path) -> Path:
    return target.with_name(f"{target.name}.dvc")


def _removal(name: str) -> str:
    """The line for the shell that takes an import away; a pattern could also catch datasets of longer names."""
    place = (IMPORTS / name).as_posix()
    return f"rm -rf {place} {place}.dvc {place}.json"


@contextmanager
def _alone(root: Path) -> Iterator[int]:
    """Keep other imports of the project out; yields the lock's descriptor, for the child that must hold it too.

    The system gives the lock back when the last process that holds it has ended, killed or not.
    """
    place = root / LOCK
    place.parent.mkdir(exist_ok=True)
    with place.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LayoutError(
                "another import, or the `dvc add` that one left when it was killed, is at work in this project",
                expected="one import at a time, since each edits params.yaml",
                remedy="wait until it has ended, then give the same command again",
            ) from None
        try:
            yield file.fileno()
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _clear_dead(imports: Path) -> None:
    """Remove what killed imports left half-written; whoever holds the lock is the only import that lives."""
    for path in imports.glob(".*.tmp"):
        if not _BESIDE.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@dataclass(slots=True)
class _Made:
    """What an import has made so far; `identity` is the folder's own, which it keeps when it is renamed."""

    target: Path
    params: Path
    beside: Path = field(init=False)
    identity: tuple[int, int] | None = None
    old_params: str = ""
    new_params: str | None = None

    def __post_init__(self) -> None:
        self.beside = self.target.with_name(f".{self.target.name}.{uuid.uuid4().hex[:8]}.tmp")


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from any other that is there now; None where there is none."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _undone_on_error(made: _Made) -> Iterator[None]:
    """If the body fails, Ctrl-C included, take away what it made, and nothing that others did.

    What is quick goes first, and the folder leaves its place by a rename: a second Ctrl-C finds little left to undo,
    and the next import clears what stands under the hidden name.
    """
    try:
        yield
    except BaseException:
        if made.new_params is not None and made.params.read_text(encoding="utf-8") == made.new_params:
            write_text(made.params, made.old_params)
        if made.identity is not None and _identity(made.target) == made.identity:
            for path in (_pointer(made.target), record_path(made.target)):
                path.unlink(missing_ok=True)
            made.target.rename(made.beside)
        raise
    finally:
        shutil.rmtree(made.beside, ignore_errors=True)


def _dvc_add(target: Path, root: Path, lock: int) -> None:
    """Hand the folder to DVC. The child holds the lock as well: if only this process is killed, it goes on alone."""
    place = target.relative_to(root).as_posix()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", place],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=(lock,),
    )
    if done.returncode != 0:
        raise LayoutError(
            f"`dvc add {place}` failed: {(done.stderr or done.stdout).strip()}",
            expected="DVC takes the folder",
            remedy="mend what DVC names (disk space, a lock), and import again; nothing was left behind",
        )
