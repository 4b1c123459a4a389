"""A command to a process that ends when its starter does, however that ends: a pipe from the starter tells.

Started as a script in a session of its own, with the command as arguments: `python -I keeper.py COMMAND…`. It knows
nothing of the project, so that the command gets none of its modules. Leaves out: everything about the command
(sandbox.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import psutil

GRACE_S = 10.0
"""How long the command may take to end well."""
# A killed process takes a moment to end; one that hangs in the system may never do.
_DEATH_S = 2.0
# prctl(2): be told to end as the parent ends; become the parent of descendants whose own parent ends.
_END_WITH_PARENT, _ADOPT = 1, 36


def stop_tree(process: psutil.Process, *, grace_s: float = GRACE_S) -> None:
    """End a process and all that it started: asked first, killed after `grace_s` seconds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        # Asked first for its children: once it has ended, nobody knows any more which they were.
        tree = [process, *process.children(recursive=True)]
        process.terminate()
        kill_at(tree, until_s=time.monotonic() + grace_s)


def kill_at(processes: Sequence[psutil.Process], *, until_s: float) -> None:
    """Wait for processes to end, and kill those that haven't at a time of the monotonic clock."""
    while alive := [one for one in processes if _lives(one)]:
        if time.monotonic() > until_s + _DEATH_S:
            return
        if time.monotonic() > until_s:
            for one in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    # One that has ended stays a zombie until its parent asks for it; a container's first process may never do.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """Run the command until it ends or standard input closes; ends with its exit code, and with all that it started."""
    _control(_ADOPT)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent)

    def stop_when_left() -> None:
        # Not through `sys.stdin`: a thread that waits in it would hold its lock as Python ends.
        while os.read(0, 1):
            pass
        # With those whose parent has ended, which the keeper has adopted.
        whole = psutil.Process().children(recursive=True)
        stop_tree(psutil.Process(command.pid))
        kill_at(whole, until_s=time.monotonic() + GRACE_S)

    threading.Thread(target=stop_when_left, daemon=True).start()
    code = command.wait()
    # What a command that broke down has left behind is in the session's one group still.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    left = [one for one in psutil.process_iter() if _is_of_group(one)]
    adopted = psutil.Process().children(recursive=True)
    for one in adopted:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.terminate()
    kill_at([*left, *adopted], until_s=time.monotonic() + GRACE_S)
    sys.exit(code)


def _control(option: int, value: int = 1) -> None:
    """Linux' prctl; elsewhere there is no such thing, and what escapes from its parent escapes the keeper."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _end_with_parent() -> None:
    _control(_END_WITH_PARENT, signal.SIGKILL)


def _is_of_group(process: psutil.Process) -> bool:
    try:
        return process.pid != os.getpid() and os.getpgid(process.pid) == os.getpgid(0)
    except ProcessLookupError:
        return False


if __name__ == "__main__":
    main()
