"""A training on several processes: `torchrun` started, watched and ended, and what each of its processes does.

The stage's own process trains nothing then. It writes an order, starts the ranks in a group of their own, tells the
tracking run what they report, and at their end takes up the finished checkpoint like any other. On an interruption all
ranks stop at the same batch, after which the first one writes a checkpoint; whatever is left some seconds later is
killed. Ranks whose stage or launcher is gone end by themselves. Leaves out: the training (components/training).
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from components.artefacts import write_json
from components.cores import usable_cores
from components.errors import ParamsError, SonoForgeError, TrainingError
from components.params import MachineParams, Params
from components.params.section import restored
from components.processes import lives, mark, started_here
from components.training.ranks import Ranks, joined

if TYPE_CHECKING:
    from pipelines.training import Place

log = logging.getLogger(__name__)
ORDER, STORE, MEETING, FINISHED, FAULT = "ranks.json", "ranks.store", "ranks.meeting", "ranks.done", "ranks.fault.json"
STAGE_PROCESS = "SONOFORGE_STAGE_PROCESS"
POLL_S = 0.5
GRACE_S = 20.0


def train_on_ranks(place: Place, machine: MachineParams, *, module: str, key: str, heard: Callable[[], None]) -> float:
    """Train to the end on several processes; the checkpoint that they leave in `place.scratch` is a finished one.

    Parameters
    ----------
    module
        The stage's module, whose `build` and `fit` each process calls.
    key
        The training's fingerprint.
    heard
        Called now and then, to look what was reported.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    ParamsError
        If there are fewer GPUs than processes.
    TrainingError
        If a process failed; all of them have then ended. Faults that a user can mend are those of the process.
    KeyboardInterrupt
        If this process was interrupted; all others have then ended.
    """
    means = "nccl" if _enough_gpus(machine) else "gloo"
    _clear(place.scratch)
    order = place.scratch / ORDER
    said = {"module": module, "key": key, "params": place.params.model_dump(mode="json"), "nodes": machine.nodes}
    write_json(order, said | {"root": str(place.root), "scratch": str(place.scratch)})
    command = launch_command(order, machine, key=key)
    if machine.nodes > 1:
        log.info(
            "give this on each of the %d other machines: %s", machine.nodes - 1, shlex.join(["python", *command[1:]])
        )
    log.info("%d processes (%s) start", machine.processes * machine.nodes, means)
    started = time.monotonic()
    group = subprocess.Popen(
        command,
        cwd=place.root,
        env=_environment(machine),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while group.poll() is None:
            time.sleep(POLL_S)
            heard()
    finally:
        end_group(group)
    heard()
    finished = (place.scratch / FINISHED).is_file()
    fault = _read_fault(place.scratch)
    _clear(place.scratch)
    if fault is not None:
        raise fault
    if not finished:
        raise TrainingError(
            f"the training's processes ended before it did (exit code {group.returncode})",
            expected=f"{machine.processes * machine.nodes} processes that end together, with the training",
            remedy="look at what they said above; the same command goes on from the last checkpoint",
        )
    return time.monotonic() - started


def launch_command(order: Path, machine: MachineParams, *, key: str) -> list[str]:
    """The command that starts this machine's processes; on several machines the same one is given on each."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={machine.nodes}", "--max-restarts=0"]
    command += [f"--nproc-per-node={machine.processes}", "--rdzv-backend=c10d", f"--rdzv-id={key[:16]}"]
    if machine.rendezvous is None:
        # One machine's processes meet in files: no port is opened.
        command += ["--rdzv-conf=store_type=file", f"--rdzv-endpoint={order.with_name(MEETING)}"]
        command += ["--local-addr=127.0.0.1"]
    else:
        command += [f"--rdzv-endpoint={machine.rendezvous}"]
    return [*command, "-m", "pipelines.ranks", str(order)]


def end_group(group: subprocess.Popen[bytes]) -> None:
    """Let the processes of a launcher stop by themselves, and kill what is left after `GRACE_S`; nothing stays, even of
    a launcher that was killed."""
    family = set(started_here(STAGE_PROCESS))
    # Once waited for, the launcher's number may be another process's.
    if group.poll() is None:
        launcher = psutil.Process(group.pid)
        family |= {launcher, *launcher.children(recursive=True)}
        for child in launcher.children():
            with suppress(psutil.NoSuchProcess):
                child.terminate()
    _, left = psutil.wait_procs(family, timeout=GRACE_S)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=POLL_S)
    group.wait()


def _enough_gpus(machine: MachineParams) -> int:
    """How many GPUs there are: none, or one for each process at least."""
    import torch

    found = torch.cuda.device_count()
    if found and machine.processes > found:
        raise ParamsError(
            f"params.yaml: machine.processes is {machine.processes}, and this machine has {found} GPUs",
            expected="at most one process for each GPU",
            remedy=f"set machine.processes to {found} or fewer",
        )
    return found


def _environment(machine: MachineParams) -> dict[str, str]:
    threads = str(max(1, usable_cores() // machine.processes))
    env = {"OMP_NUM_THREADS": threads, **os.environ, STAGE_PROCESS: mark(psutil.Process())}
    if machine.nodes == 1:
        env["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
        loops = (name for name, held in psutil.net_if_addrs().items() if any(a.address == "127.0.0.1" for a in held))
        if (loop := next(loops, None)) is not None:
            env.setdefault("GLOO_SOCKET_IFNAME", loop)
    return env


def _clear(scratch: Path) -> None:
    for path in [*scratch.glob("ranks.*")]:
        path.unlink(missing_ok=True)


def _read_fault(scratch: Path) -> SonoForgeError | None:
    try:
        said = json.loads((scratch / FAULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return TrainingError(said["found"], expected=said["expected"], remedy=said["remedy"])


@dataclass(frozen=True, slots=True)
class _Unrecorded:
    """In the place of a rank's tracking run: the stage's own process tells the run, from the curve's file."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Tell nobody."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a rank is to do: a stage's place without its run."""

    root: Path
    scratch: Path
    params: Params
    module: str
    key: str
    nodes: int
    run: _Unrecorded = _Unrecorded()

    @classmethod
    def read(cls, path: Path) -> _Order:
        said = json.loads(path.read_text(encoding="utf-8"))
        params = restored(Params, said["params"])
        return cls(Path(said["root"]), Path(said["scratch"]), params, said["module"], said["key"], said["nodes"])


def main(path: Path) -> int:
    """Train as one rank; returns the exit code. An interrupted rank ends without a fault."""
    order = _Order.read(path)
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    meeting = order.scratch / STORE if order.nodes == 1 else None
    try:
        with joined(rank, size, local_rank=local, meeting=meeting) as ranks:
            _stop_when_asked(ranks)
            _learn(order, ranks)
    except KeyboardInterrupt:
        return 0
    except SonoForgeError as error:
        said = {"found": error.found, "expected": error.expected, "remedy": error.remedy}
        write_json(order.scratch / FAULT, said)
        return 1
    return 0


def _learn(order: _Order, ranks: Ranks) -> None:
    from pipelines.runtime.stage import talk
    from pipelines.training import Curve, sides_of

    if ranks.first:
        talk()
    module = importlib.import_module(order.module)
    records = sides_of(order.root, least_px=order.params.prompts.min_area_px, who=order.module)
    network = module.build.function(order)
    curve = Curve(order, order.key)
    module.fit(order, network, records, key=order.key, report=curve.report)
    if ranks.first:
        (order.scratch / FINISHED).touch()


def _stop_when_asked(ranks: Ranks) -> None:
    """Stop at the next batch on a signal, or when the launcher or the stage is gone; by force after `GRACE_S`."""

    def stop() -> None:
        ranks.ask_to_stop()
        force = threading.Timer(GRACE_S, os._exit, args=(1,))
        force.daemon = True
        force.start()

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: stop())
    launcher = os.getppid()
    # On another machine than the stage's there is none.
    stage = os.environ.get(STAGE_PROCESS)

    def watch() -> None:
        while os.getppid() == launcher and (not stage or lives(stage)):
            time.sleep(POLL_S)
        stop()

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
