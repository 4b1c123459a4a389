"""A reference to a model, as all commands take it, to the model's folder: one meaning everywhere.

`student` is the one that the graph trained last, `champion` and `previous` are the aliases, a number is a released
version, six or more hexadecimal digits begin a released model's digest; anything else is a model folder. Leaves out:
reading the model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from components.errors import ReleaseError

CHAMPION, PREVIOUS, STUDENT = "champion", "previous", "student"
STUDENT_FOLDER = Path("models/student")
MAX_REASON = 300
REF_HELP = "`student`, `champion`, `previous`, version or first digits of a released model, or a model folder"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model's folder, in words which one it is, and its digest where it was chosen as a released one.

    `warning` says why nobody released it, where it stands in for a released one.
    """

    folder: Path
    told: str
    released: str | None = None
    warning: str = ""


def resolve(root: Path, ref: str) -> Chosen:
    """The model that a reference names, in the project at `root`.

    Raises
    ------
    ReleaseError
        If it names none, or several, or a released model whose folder is another's, or the ledger was tampered with.
    """
    if ref == STUDENT:
        return _student(root, told=STUDENT_FOLDER.as_posix())
    if ref in (CHAMPION, PREVIOUS):
        found = _alias(root, ref)
        if found is None:
            if ref == CHAMPION and (refused := _refusal(root)) is not None:
                raise ReleaseError(
                    f"no model is promoted: {refused}",
                    expected="a student that the gate passes",
                    remedy="read reports/gate.json; to use that student all the same: `--model student`",
                )
            raise ReleaseError(
                "no model is promoted" if ref == CHAMPION else "no model was in use before",
                expected=f"a model with the alias `{ref}`",
                remedy="run the graph to its end (`make demo` or `dvc repro`), or name a model folder",
            )
        return found
    if _holds_model(root / ref):
        from components.release.records.released import check_released

        check_released(root / ref)
        return Chosen(root / ref, ref)
    return _released(root, ref)


def default_model(root: Path) -> Chosen:
    """The champion, or, where nothing is promoted, the student that the graph trained last.

    Raises
    ------
    ReleaseError
        If there is neither, or the champion's folder is another model's, or the ledger was tampered with.
    """
    if (champion := _alias(root, CHAMPION)) is not None:
        return champion
    student = _student(root, told=f"{STUDENT_FOLDER.as_posix()} (nothing is promoted)")
    return replace(student, warning=_refusal(root) or f"{STUDENT_FOLDER.as_posix()}: the gate hasn't judged it yet")


def _refusal(root: Path) -> str | None:
    """That the gate refused the student that is there, and why; None where it didn't, or there is none."""
    from components.artefacts import read_description
    from components.release.records.ledger import LEDGER, read_ledger
    from components.release.records.words import shown

    if not _holds_model(root / STUDENT_FOLDER):
        return None
    digest = read_description(root / STUDENT_FOLDER).digest
    entry = read_ledger(root / LEDGER).refusal_of(digest)
    if entry is None:
        return None
    reason = shown(entry.reason)
    cut = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
    return f"{STUDENT_FOLDER.as_posix()}, weights {digest[:12]}: the gate refused it: {cut}; reports/gate.json says all"


def _student(root: Path, *, told: str) -> Chosen:
    folder = root / STUDENT_FOLDER
    if not _holds_model(folder):
        raise ReleaseError(
            f"no model in {STUDENT_FOLDER.as_posix()}",
            expected="a trained student",
            remedy="train one (`make demo` or `dvc repro`), or name another model",
        )
    return Chosen(folder, told)


def _holds_model(folder: Path) -> bool:
    from components.artefacts import DESCRIPTION

    return (folder / DESCRIPTION).is_file()


def _alias(root: Path, alias: str) -> Chosen | None:
    from components.release.records.ledger import LEDGER, read_ledger
    from components.release.records.released import released_model

    ledger = read_ledger(root / LEDGER)
    digest = ledger.champion if alias == CHAMPION else ledger.previous
    told = "the champion" if alias == CHAMPION else "the model before the champion"
    return None if digest is None else Chosen(released_model(root, digest), told, digest)


def _released(root: Path, ref: str) -> Chosen:
    from components.release.records.in_use import models_table
    from components.release.records.released import released_model

    is_prefix = re.fullmatch(r"[0-9a-f]{6,64}", ref) is not None
    hits = [row for row in models_table(root) if ref == row["version"] or (is_prefix and row["digest"].startswith(ref))]
    if len(hits) == 1:
        digest = str(hits[0]["digest"])
        return Chosen(released_model(root, digest), f"released model {digest[:12]}", digest)
    raise ReleaseError(
        f"{ref!r} names {len(hits)} released models"
        if hits
        else f"{ref!r} names no released model and no model folder",
        expected=REF_HELP,
        remedy="choose one that `sonoforge models` lists, or check the path",
    )
