"""A model folder that was never packed, as `models/student` is, to what can run it: PyTorch, and that is said.

A released model is run by what the settings name, or not at all. Leaves out: running it.
"""

from __future__ import annotations

from pathlib import Path

import typer

from components.params.serving import RuntimeName


def unpacked_runtime(folder: Path | None) -> RuntimeName | None:
    """PyTorch for a folder without exported networks, after a warning; None for any other, and for a Bento."""
    from components.listing import FILES
    from components.promptable.runtimes.sealed import has_exports

    if folder is None or has_exports(folder) or (folder / FILES).is_file():
        return None
    typer.echo(
        f"WARNING: {folder} holds no exported networks, which the stage `package` adds: PyTorch runs it, slower",
        err=True,
    )
    return "pytorch"
