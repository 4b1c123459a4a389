"""The `sonoforge` command: every door of the command line in one place, and errors as messages.

Exit codes: 0 well, 1 a fault that the message explains, 2 misuse, 130 interrupted. Each command imports what it needs
when it runs, so that `--help` is quick. Leaves out: what the commands do (pipelines/commands).
"""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from components.errors import SonoForgeError, plainly
from pipelines.commands import (
    ablate,
    approve,
    audit,
    bench,
    data,
    model,
    monitor,
    release,
    run,
    schedule,
    segment,
    serve,
    stores,
    token,
)
from pipelines.interrupts import ends_as_interrupts
from pipelines.runtime.system_faults import told


class _Plain(TyperGroup):
    """Leaves out of a refused value's message the words that pydantic, by which Typer checks it, puts before it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = plainly(error.message)
            raise


app = typer.Typer(
    name="sonoforge",
    cls=_Plain,
    help="From raw public ultrasound datasets to a small promptable segmentation model. Not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data.app, name="data")
run.register(app)
app.add_typer(model.app, name="model")
segment.register(app)
release.register(app)
approve.register(app)
ablate.register(app)
app.add_typer(bench.app, name="bench")
serve.register(app)
monitor.register(app)
schedule.register(app)
stores.register(app)
token.register(app)
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command line; ends the process with its exit code, on SIGTERM and a closed terminal as on Ctrl-C."""
    try:
        with ends_as_interrupts():
            app()
    except SonoForgeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except OSError as error:
        if (known := told(error)) is None:
            raise
        sys.stderr.write(f"{known}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
