"""The `sonoforge` command: every door of the command line in one place, and errors as messages.

Exit codes: 0 well, 1 a fault that the message explains, 2 misuse, 130 interrupted. Each command imports what it needs
when it runs, so that `--help` is quick. Leaves out: what the commands do (pipelines/commands).
"""

from __future__ import annotations

import errno
import sys

import typer

from components.errors import SonoForgeError
from pipelines.commands import ablate, approve, bench, data, model, release, run, segment, serve
from pipelines.interrupts import ends_as_interrupts

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
MAX_SHOWN = 300
# What a path or its place can do to any command, where the system names the path.
REFUSED = {
    errno.EACCES: "a path that this user may read, or write to",
    errno.EPERM: "a path that this user may change",
    errno.EROFS: "a disk that can be written to",
    errno.ENAMETOOLONG: "a path whose parts are no longer than the disk allows",
    errno.ENOENT: "files that stay where they are while a command works",
    errno.ENOTDIR: "folders that stay where they are while a command works",
    errno.EIO: "a disk that can be read",
    errno.ESTALE: "files that stay where they are while a command works",
}

app = typer.Typer(
    name="sonoforge",
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
bench.register(app)
serve.register(app)


def main() -> None:
    """Run the command line; ends the process with its exit code, on SIGTERM and a closed terminal as on Ctrl-C."""
    try:
        with ends_as_interrupts():
            app()
    except SonoForgeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except OSError as error:
        if (told := _told(error)) is None:
            raise
        sys.stderr.write(f"{told}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _told(error: OSError) -> SonoForgeError | None:
    """What to say of a fault of the system; None where its user can't do anything about it."""
    if error.errno in DISK_FULL:
        return _disk_full(error)
    if error.errno not in REFUSED or not isinstance(error.filename, str):
        return None
    return SonoForgeError(
        f"{_cut(error.filename)}: {error.strerror}",
        expected=REFUSED[error.errno],
        remedy="look at that path: its name, its rights, whether it is still there; then give the same command again",
    )


def _cut(path: str) -> str:
    text = ascii(path)[1:-1] if not path.isprintable() else path
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _disk_full(error: OSError) -> SonoForgeError:
    place = f" for {error.filename}" if error.filename else ""
    return SonoForgeError(
        f"no space is left{place} ({error.strerror})",
        expected="room on the disk, and within the user's quota",
        remedy="free some space, then give the same command again; no file was left half-written under its name",
    )


if __name__ == "__main__":
    main()
