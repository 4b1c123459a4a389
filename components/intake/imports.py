"""Real data from outside, to a checked copy under DVC that the run's parameters name; nothing is half-imported.

`import_dataset` checks, copies beside and renames, hands the folder to DVC, records where it came from and edits
params.yaml; whatever fails, it undoes the rest. Leaves out: the stage that brings an import to data/01_raw (ingest.py).
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from components.artefacts import write_text
from components.contract import CONTRACTS, Contract, check_licence, load_contract
from components.errors import DataFaultsError, LayoutError
from components.intake.archives import copy_folder, is_archive, unpack
from components.intake.facts import Progress
from components.intake.faults import errors, first_of
from components.intake.import_record import ImportRecord, record_of, record_path, write_record
from components.intake.validate_data import Checked, check_data
from components.params import PHANTOM_SOURCE, parse_params

IMPORTS = Path("data/imports")
PARAMS = Path("params.yaml")
# A line for the shell; what it would also undo stands in it, since it is printed to be copied.
UNDO_PARAMS = "git restore params.yaml  # this also discards your other edits of it since the last commit"


class ImportFaultsError(DataFaultsError):
    """A dataset that wasn't imported because of its faults; `checked` holds them all."""

    def __init__(self, found: str, *, expected: str, remedy: str, checked: Checked | None = None) -> None:
        super().__init__(found, expected=expected, remedy=remedy)
        self.checked = checked


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: where the data are and came from, what was checked and changed, how to undo it."""

    dataset: str
    folder: Path
    checked: Checked
    record: ImportRecord
    changes: tuple[str, ...]
    undo: tuple[str, ...]


def import_dataset(
    name: str,
    source: Path,
    root: Path,
    *,
    keep_phantoms: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
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

    Raises
    ------
    ImportFaultsError
        If the data have errors.
    ContractError
        If there is no such contract, or its licence forbids what its role needs.
    LayoutError
        If source, project or target aren't as they must be, or DVC fails.
    ParamsError
        If params.yaml can't be edited.
    """
    contract = load_contract(name, root / CONTRACTS)
    target = root / IMPORTS / name
    check_licence(contract)
    _check_places(source, target, root)
    old_params = (root / PARAMS).read_text(encoding="utf-8")
    new_params, changes = edited_params(old_params, contract, keep_phantoms=keep_phantoms)

    def check(folder: Path) -> Checked:
        checked = check_data(contract, folder, contracts=root / CONTRACTS, workers=workers, progress=progress)
        _refuse(checked)
        return checked

    with _undone_on_error(target, root / PARAMS, old_params):
        beside = target.with_name(f".{name}.{uuid.uuid4().hex[:8]}.tmp")
        beside.mkdir(parents=True)
        try:
            record = record_of(contract, source)
            if source.is_dir():
                checked = check(source)
                copy_folder(source, beside)
            else:
                unpack(source, beside)
                checked = check(beside)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        _dvc_add(target, root)
        write_record(record, target)
        write_text(root / PARAMS, new_params)
    return Imported(name, target, checked, record, changes, (UNDO_PARAMS, _removal(name)))


def _refuse(checked: Checked) -> None:
    if found := errors(checked.faults):
        raise ImportFaultsError(
            f"nothing was imported; {checked.dataset}: {first_of(found)}",
            expected="no fault of severity error",
            remedy=f"read the whole list with `sonoforge data check {checked.dataset} --source PATH`, and mend them",
            checked=checked,
        )


def _check_places(source: Path, target: Path, root: Path) -> None:
    if not (root / ".git").exists() or not (root / ".dvc").is_dir():
        raise LayoutError(
            f"{root.resolve()} isn't a git and DVC repository",
            expected="the project's root, with .git and .dvc",
            remedy="run from the project's root; in a bare copy, `git init` and `dvc init` first",
        )
    if not source.is_dir() and not (source.is_file() and is_archive(source)):
        raise LayoutError(
            f"{source} is neither a folder nor an archive",
            expected="a folder, or a .zip, .tar, .tar.gz or .tgz file",
            remedy="check the path",
        )
    parts = (target, _pointer(target), record_path(target))
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


def edited_params(text: str, contract: Contract, *, keep_phantoms: bool) -> tuple[str, tuple[str, ...]]:
    """The text of params.yaml with the dataset's source set to its import, comments kept, and what changed.

    Raises
    ------
    ParamsError
        If the text isn't valid before, or wouldn't be after.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # ruamel would else fold the long lines of flow mappings
    document: Any = yaml.load(text)
    parse_params(_plain(document), origin="params.yaml")
    source = (IMPORTS / contract.name).as_posix()
    datasets = document["datasets"]
    changes: list[str] = []
    if contract.name in datasets:
        entry = datasets[contract.name]
        changes.append(f"datasets.{contract.name}.source: {entry['source']} -> {source}")
        entry["source"] = source
        if entry.pop("phantom", None) is not None:
            changes.append(f"datasets.{contract.name}.phantom: removed")
    else:
        datasets[contract.name] = {"role": contract.role, "source": source}
        changes.append(f"datasets.{contract.name}: added, role {contract.role}, source {source}")
    phantoms = [name for name, entry in datasets.items() if entry["source"] == PHANTOM_SOURCE]
    if contract.role == "external":
        pass  # Never trained on, so that nothing is mixed; a phantom-trained model may be tried on real images.
    elif keep_phantoms and phantoms:
        if not document["split"]["mix_phantoms"]:
            document["split"]["mix_phantoms"] = True
            changes.append("split.mix_phantoms: false -> true")
    else:
        for name in phantoms:
            del datasets[name]
            changes.append(f"datasets.{name}: removed (phantoms)")
    if not any(entry["role"] == "internal" for entry in datasets.values()):
        changes.append("there is no internal dataset to train on: import one too")
    parse_params(_plain(document), origin="params.yaml after the import")
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue(), tuple(changes)


def _plain(value: Any) -> Any:
    """ruamel's containers as plain ones."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, float) else value


@contextmanager
def _undone_on_error(target: Path, params: Path, old_params: str) -> Iterator[None]:
    """Remove the target and its pointer and restore params.yaml if the body fails, Ctrl-C included."""
    try:
        yield
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        for path in (_pointer(target), record_path(target)):
            path.unlink(missing_ok=True)
        if params.read_text(encoding="utf-8") != old_params:
            write_text(params, old_params)
        raise


def _dvc_add(target: Path, root: Path) -> None:
    place = target.relative_to(root).as_posix()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", place], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LayoutError(
            f"`dvc add {place}` failed: {(done.stderr or done.stdout).strip()}",
            expected="DVC takes the folder",
            remedy="mend what DVC names (disk space, a lock), and import again; nothing was left behind",
        )
