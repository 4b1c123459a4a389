"""`sonoforge ablate`: what each part of the method is worth, on the data that is here, in one table.

Leaves out: the variants, their trainings and their comparison (components/training/ablation).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ParamsError

if TYPE_CHECKING:
    from components.params import Params
    from components.training.ablation.progress import Moment
    from components.training.ablation.variants import Variant

WORK = Path(".cache/ablation")
# What --set may name: the split is as it stands, and the adapters' parts are what is varied.
SETTABLE = ("model", "prompts", "augment", "teacher", "student", "finetune", "distil", "evaluate", "gate.skill_prompt")
VARIED = tuple(f"{who}.adapter.{part}" for who in ("teacher", "student") for part in ("variant", "context", "edge"))
SAY_EVERY_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command("ablate")(ablate)


def ablate(
    variants: Annotated[
        str, typer.Option(help="Names, separated by commas; all if left out. References come along.")
    ] = "",
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Another value of params.yaml, for this run alone. Repeatable."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for ablation.json, ablation.md and cases.parquet.")] = Path(
        "reports/ablation"
    ),
    list_them: Annotated[bool, typer.Option("--list", help="Say what variants there are, and train none.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON; progress goes to stderr.")
    ] = False,
) -> None:
    """Train variants of teacher and student, each but for one change the same, and compare them on the test images."""
    from components.training.ablation.variants import chosen_variants
    from pipelines.graph import one_at_a_time, params_with
    from pipelines.runtime.environment import project_root

    def say(line: str) -> None:
        typer.echo(line, err=as_json)

    root = project_root()
    try:
        _refuse_fixed(assignments or [])
        params = params_with(root, assignments or [])
        _refuse_several_processes(params)
        chosen = chosen_variants(params, [name.strip() for name in variants.split(",") if name.strip()])
        _check_out(out)
    except ParamsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if list_them:
        _list(chosen, as_json=as_json)
        return
    try:
        with one_at_a_time(root, say=say):
            found = _ablate(root, chosen, params, out=out, say=say)
    except KeyboardInterrupt:
        say("Interrupted. The same command goes on where this one was.")
        raise
    typer.echo(json.dumps(found, indent=2) if as_json else (out / "ablation.md").read_text(encoding="utf-8"))
    say(f"Written: {out}/ablation.md, ablation.json, cases.parquet")


def _refuse_fixed(assignments: Sequence[str]) -> None:
    for one in assignments:
        key = one.partition("=")[0].strip()
        if not any(key == name or key.startswith(f"{name}.") for name in SETTABLE):
            raise ParamsError(
                f"--set {one}",
                expected=f"a key of {', '.join(SETTABLE)}: an ablation takes data and split as they stand",
                remedy="leave it out, or change it for the graph: sonoforge run --set … split",
            )
        if key in VARIED:
            raise ParamsError(
                f"--set {one}",
                expected="no part of an adapter, since those are what the variants change",
                remedy="choose variants with --variants; `sonoforge ablate --list` says what each changes",
            )


def _refuse_several_processes(params: Params) -> None:
    for name, section in (("finetune", params.finetune), ("distil", params.distil)):
        asked = section.machine.processes * section.machine.nodes
        if asked > 1:
            raise ParamsError(
                f"{name}.machine asks for {asked} processes",
                expected="one: an ablation trains its variants one after another in this process",
                remedy=f"give --set {name}.machine.processes=1, or with several machines correct {name}.machine",
            )


def _check_out(out: Path) -> None:
    """Refuse a place that can't become a folder before anything is trained."""
    above = next((place for place in (out, *out.parents) if place.exists()), Path())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ParamsError(
            f"--out {out}: {above} {'may not be written to' if above.is_dir() else 'is no folder'}",
            expected="a folder for the tables, or a path where one can be made",
            remedy="name another",
        )


def _list(chosen: Sequence[Variant], *, as_json: bool) -> None:
    if as_json:
        rows = [{"name": one.name, "kind": one.kind, "change": one.change, "settings": one.settings} for one in chosen]
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max(len(one.name) for one in chosen)
    for one in chosen:
        typer.echo(f"{one.name:<{width}}  {one.change}")


def _ablate(
    root: Path, chosen: Sequence[Variant], params: Params, *, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Read the split's sides, and train, score and compare."""
    from components.evaluation.validate import select_test
    from components.intake.form.records import read_manifest, read_split
    from components.training.ablation.run import ablate as run
    from components.training.ablation.trainings import Data
    from pipelines.runtime.stage import talk
    from pipelines.training import INTERNAL, SPLIT, sides_of

    talk()
    split = read_split(root / SPLIT)
    names = sorted(split["dataset"].unique())
    test = select_test([record for name in names for record in read_manifest(root / INTERNAL / name)], split)
    train, val = sides_of(root, least_px=params.prompts.min_area_px, who="ablate")
    return run(
        chosen,
        params,
        Data(train, val, _digest(root, names)),
        test,
        work=root / WORK,
        base_folder=root / "data/base_weights",
        device=_device(),
        out=out,
        tell=lambda moment: say(_progress_words(moment)),
        progress=_Scoring(say),
    )


def _digest(root: Path, names: Sequence[str]) -> str:
    """One digest of the split and of the manifests that it divides; these name every image and every object."""
    from pipelines.training import INTERNAL, SPLIT

    digest = hashlib.sha256()
    for path in (SPLIT, *(INTERNAL / name / "manifest.parquet" for name in names)):
        digest.update(path.as_posix().encode() + b"\0" + hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _progress_words(moment: Moment) -> str:
    left = "" if moment.left_s is None else f", about {_minutes(moment.left_s)} left for all trainings"
    return f"{moment.variant} ({moment.number} of {moment.of}): {moment.epoch} of {moment.epochs} epochs{left}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class _Scoring:
    """Says how many images are scored, at most every few seconds, with the time left."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._said < SAY_EVERY_S:
            return
        self._said = now
        left = f", about {_minutes((now - self._began) / done * (total - done))} left" if 0 < done < total else ""
        self._say(f"images scored with all variants: {done} of {total}{left}")
