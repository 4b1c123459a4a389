"""What is asked of `sonoforge bench` and `sonoforge model memory` to what can be done, or to a refusal in time.

Leaves out: names of models (components/evaluation/benchmarking/catalogue.py).
"""

from __future__ import annotations

from pathlib import Path

import typer

STEP_PX, LEAST_PX, MOST_PX = 32, 32, 2048
SIZE_HELP = f"Side of the model input in pixels, a multiple of {STEP_PX}."


def input_size(size_px: int) -> int:
    """A side that the networks' coarsest cells divide, as `components/params/models.py` asks of a model's.

    Raises
    ------
    typer.BadParameter
        If they don't.
    """
    if size_px % STEP_PX:
        below = size_px // STEP_PX * STEP_PX
        near = " or ".join(str(each) for each in (below, below + STEP_PX) if LEAST_PX <= each <= MOST_PX)
        raise typer.BadParameter(f"{size_px} isn't a multiple of {STEP_PX}; {near} is")
    return size_px


def input_sizes(sizes_px: list[int] | None) -> list[int] | None:
    """`input_size` of each."""
    return None if sizes_px is None else [input_size(each) for each in sizes_px]


def new_file(path: Path | None) -> Path | None:
    """A place where a file can be written, once all is measured.

    Raises
    ------
    typer.BadParameter
        If its folder doesn't exist, or it is a folder itself.
    """
    if path is not None and path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file")
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}; make it first")
    return path


def refuse_before_subcommand(context: typer.Context) -> None:
    """Refuse what was asked of a command whose subcommand would leave it unheard.

    Raises
    ------
    typer.BadParameter
        If any option was given.
    """
    given = [each for each in context.command.params if _is_given(context, str(each.name))]
    if given:
        said = ", ".join(each.opts[0] for each in given)
        raise typer.BadParameter(
            f"{said} before `{context.invoked_subcommand}` is not heard; its own options stand after its name"
        )


def _is_given(context: typer.Context, name: str) -> bool:
    # Typer has a click of its own in some versions, whose kinds of source aren't those of the package `click`.
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
