"""A model folder and what is asked for to a model in a runtime: the named one, or whichever is the fastest here.

What was measured is kept in a small file, by the model, its exported files, the machine and the versions of what
computes: on the same machine nothing is measured twice, unless a runtime failed. Leaves out: the measuring itself
(measuring.py).
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from components.artefacts import write_json
from components.errors import ArtefactError
from components.params.serving import RuntimeChoice, RuntimeName
from components.promptable.described import read_described
from components.promptable.runtimes.loading import load_runtime, runnable
from components.promptable.runtimes.machine import describe_machine
from components.promptable.runtimes.measuring import Taken
from components.promptable.runtimes.runtime import Runtime
from components.promptable.runtimes.sealed import DECODER, ENCODER, seal

MEASURE_LIMIT_S = 600.0
LEAST_GAIN = 0.05
"""By how much of its time another runtime must be faster to be taken in place of the first: less is noise."""
logger = logging.getLogger(__name__)
Measure = Callable[[Path, Sequence[RuntimeName], Path | None], Mapping[RuntimeName, Taken]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runtime is taken, and why, in words."""

    name: RuntimeName
    why: str


def load_chosen(folder: Path, choice: RuntimeChoice, *, cache: Path | None) -> tuple[Runtime, Choice]:
    """Load a student's model folder into the runtime that is asked for.

    `cache` is where choices and compiled networks are kept; without one each start measures and compiles anew.

    Raises
    ------
    ArtefactError
        As components.promptable.runtimes.loading.load_runtime.
    ParamsError
        Likewise.
    """
    chosen = choose(folder, cache=cache) if choice == "auto" else Choice(choice, "as it is set")
    return load_runtime(folder, chosen.name, cache=cache), chosen


def choose(folder: Path, *, cache: Path | None, measure: Measure | None = None) -> Choice:
    """The runtime that needs the least time for a new image and a click on it, of those that run a model folder.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, of another kind, made with another preprocessing, or no runtime runs it.
    """
    key = _key(folder)
    names = runnable(folder)
    if len(names) == 1:
        logger.warning("%s holds nothing that a faster runtime runs: it is run by %s", folder, names[0])
        return Choice(names[0], "the only runtime here that runs what the model folder holds")
    path = None if cache is None else cache / "runtimes" / f"{key}.json"
    taken = None if path is None else _remembered(path, names)
    if taken is None:
        logger.info("measuring runtimes on this machine, once: %s", ", ".join(names))
        try:
            taken = (measure or measure_apart)(folder, names, cache)
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            logger.warning("the runtimes couldn't be measured, %s is taken: %s", names[0], error)
            return Choice(names[0], "the runtimes couldn't be measured here")
        failed = [f"{name}: {each.failed}" for name, each in taken.items() if each.failed is not None]
        if failed:
            # It may have been a full disk or no memory left: another start finds out.
            logger.warning("not remembered, as a runtime failed: %s", "; ".join(failed))
        kept = not failed and path is not None and _remember(path, taken, folder)
        choice = _fastest(taken, names)
        logger.info("%s is taken, %s; %s", choice.name, choice.why, f"kept in {path}" if kept else "not kept")
        return choice
    return _fastest(taken, names)


def _fastest(taken: Mapping[RuntimeName, Taken], names: Sequence[RuntimeName]) -> Choice:
    able = [name for name in names if taken[name].failed is None]
    if not able:
        why = "; ".join(f"{name}: {taken[name].failed}" for name in names)
        raise ArtefactError(
            f"no runtime runs the model: {why}", expected="at least one", remedy="`pip check`; `dvc repro package`"
        )
    total_ms = {name: taken[name].embed_ms + taken[name].click_ms for name in able}
    best = min(able, key=lambda name: total_ms[name])
    if total_ms[best] > (1 - LEAST_GAIN) * total_ms[able[0]]:
        best = able[0]
    told = [f"{name} {total_ms[name]:.1f} ms" if name in total_ms else f"{name} fails" for name in names]
    return Choice(best, f"measured on this machine, for an image and a click: {', '.join(told)}")


def measure_apart(folder: Path, names: Sequence[RuntimeName], cache: Path | None) -> Mapping[RuntimeName, Taken]:
    """Measure in a process of its own.

    Raises
    ------
    OSError, ValueError, subprocess.SubprocessError
        If that process can't be started, fails, or isn't done within `MEASURE_LIMIT_S`.
    """
    with tempfile.TemporaryDirectory(prefix="sonoforge-runtimes-") as place:
        out = Path(place) / "taken.json"
        module = f"{__package__}.measuring"
        told = [str(folder.resolve()), str(out), str(cache.resolve()) if cache is not None else "-"]
        subprocess.run(
            [sys.executable, "-m", module, *told, *names],
            cwd=Path(__file__).resolve().parents[3],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MEASURE_LIMIT_S,
            check=True,
        )
        return _read(json.loads(out.read_text(encoding="utf-8")), names)


def _key(folder: Path) -> str:
    """The digest of all that a measurement belongs to."""
    description = read_described(folder, kind="student")
    # A file ends with the sha256 of itself, which is checked where it is loaded.
    ends = [_end(folder / name) for name in (ENCODER, DECODER)]
    about = {"weights": description.digest, "exports": ends, "machine": describe_machine()}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode("utf-8")).hexdigest()


def _end(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        file.seek(-min(len(seal(b"")), path.stat().st_size), os.SEEK_END)
        return file.read().hex()


def _remembered(path: Path, names: Sequence[RuntimeName]) -> Mapping[RuntimeName, Taken] | None:
    """What was measured before; None where nothing was, or that can't be read."""
    try:
        taken = _read(json.loads(path.read_text(encoding="utf-8"))["taken"], names)
        if any(each.failed is not None for each in taken.values()):
            raise ValueError("a runtime failed, which isn't remembered")
        return taken
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("%s isn't a choice of a runtime, and is measured again: %s", path, error)
        return None


def _remember(path: Path, taken: Mapping[RuntimeName, Taken], folder: Path) -> bool:
    """Keep what was measured; returns whether that could be done."""
    about = {"schema": 1, "model": read_described(folder, kind="student").digest, "machine": describe_machine()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, about | {"taken": {name: asdict(each) for name, each in taken.items()}})
    except OSError as error:
        logger.warning("%s can't be written, and the next start measures again: %s", path, error)
        return False
    return True


def _read(told: object, names: Sequence[RuntimeName]) -> Mapping[RuntimeName, Taken]:
    """What was measured of each runtime.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it isn't there for each of them, or is no time that anything takes.
    """
    if not isinstance(told, dict) or not set(names) <= set(told):
        raise ValueError(f"nothing is said of one of {', '.join(names)}")
    return {name: _read_one(name, told[name]) for name in names}


def _read_one(name: RuntimeName, told: Mapping[str, object]) -> Taken:
    embed_ms, click_ms, failed = told["embed_ms"], told["click_ms"], told["failed"]
    if failed is None:
        for each in (embed_ms, click_ms):
            if not isinstance(each, int | float) or not 0 < each < math.inf:
                raise ValueError(f"{each!r} is no time in milliseconds that {name} takes")
    elif not isinstance(failed, str):
        raise ValueError(f"{failed!r} is no reason why {name} failed")
    return Taken(float(cast(float, embed_ms)), float(cast(float, click_ms)), failed)
