"""A function to a stage: `python -m pipelines.<stage> [DATASET]`, a Prefect flow inside a tracked run.

Parameters are read and checked, the local services found or started, the run opened, the flow run. A
SonoForgeError or a fault of the system becomes a message and exit code 1; Ctrl-C closes the run as KILLED and exits
with 130. Stages hand their work to `components`, which write every output beside its place and rename it, so that no
end of a stage leaves half an output. Leaves out: whether a stage must run; DVC decides that.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from filelock import FileLock

from components.engines import ONE_THREAD, Engine
from components.errors import ParamsError, SonoForgeError
from components.params import Params, load_params
from components.tracking import Provenance, StageRun, collect_provenance, stage_run
from pipelines.runtime.engines import chosen_engine
from pipelines.runtime.environment import project_root
from pipelines.runtime.leftovers import goes_on, sweep
from pipelines.runtime.local_server import Services, door_process, ensure_services
from pipelines.runtime.system_faults import told

if TYPE_CHECKING:
    from prefect import Flow

log = logging.getLogger(__name__)
EXIT_FAULT, EXIT_MISUSE, EXIT_INTERRUPTED = 1, 2, 130
WORKERS = 2
GRACE_S = 20.0
_FAILED_WITH = re.compile(r"Finished in state Failed\(.{1,2}(?:Task|Flow) run encountered an exception:? (\w+)")


@dataclass(frozen=True)
class Job:
    """What a stage's flow is given.

    `params` holds the sections that the stage declares and no others. `dataset` is empty for a stage that isn't
    run for each dataset. `scratch` is a folder of this stage that DVC doesn't know: what is left there by an
    interrupted run lets the next one resume. `engine` is who does work on many items; as no result depends on it,
    every stage has it, and none declares its section.
    """

    stage: str
    dataset: str
    root: Path
    params: Params
    provenance: Provenance
    run: StageRun
    scratch: Path
    engine: Engine = ONE_THREAD


@dataclass(frozen=True)
class Stage:
    """One stage: its flow's function, the parameter sections and data paths it reads, its time limit."""

    function: Callable[[Job], None]
    params: tuple[str, ...]
    data: tuple[str, ...]
    seeds: tuple[str, ...]
    timeout_s: float
    on_gpu: bool

    @property
    def name(self) -> str:
        """The stage's one name."""
        return self.function.__name__

    @property
    def per_dataset(self) -> bool:
        """Whether the stage is run for each dataset; its paths and parameters then name `${key}`."""
        return any("${" in text for text in (*self.params, *self.data))

    @cached_property
    def flow(self) -> Flow[[Job], None]:
        """The Prefect flow."""
        from prefect import flow
        from prefect.task_runners import ThreadPoolTaskRunner

        # Prefect types its own runner so that no flow may have it.
        runner: Any = ThreadPoolTaskRunner(max_workers=WORKERS)
        decorate = flow(
            name=self.name,
            flow_run_name=_run_name,
            task_runner=runner,
            persist_result=False,
            validate_parameters=False,
            timeout_seconds=self.timeout_s,
        )
        return decorate(self.function)

    def main(self) -> None:
        """Run the stage as DVC's command does; ends the process."""
        parser = argparse.ArgumentParser(prog=f"python -m pipelines.{self.name}", description=self.function.__doc__)
        if self.per_dataset:
            parser.add_argument("dataset", help="a dataset of params.yaml")
        dataset = getattr(parser.parse_args(), "dataset", "")
        name = f"{self.name}@{dataset}" if dataset else self.name
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self.run(project_root(), dataset=dataset)
        except KeyboardInterrupt:
            where = "where it was" if goes_on(Path.cwd(), self.name, dataset=dataset) else "from its beginning"
            _say(f"{name}: interrupted. `dvc repro` takes it up again {where}.")
            sys.exit(EXIT_INTERRUPTED)
        except SonoForgeError as error:
            _say(f"{name}: {error}")
            sys.exit(EXIT_FAULT)
        except OSError as error:
            if (known := told(error)) is None:
                raise
            _say(f"{name}: {known}")
            sys.exit(EXIT_FAULT)

    def run(self, root: Path, *, dataset: str) -> None:
        """Run the stage's flow in the project at `root`.

        Raises
        ------
        SonoForgeError
            For anything that a user can mend.
        """
        talk()
        name = f"{self.name}@{dataset}" if dataset else self.name
        params = load_params(root / "params.yaml")
        values = {"key": dataset}
        if dataset:
            values |= _of_dataset(params, dataset)
        door = door_process()
        _stop_when_gone(door)
        scratch = root / ".cache" / "stages" / name
        scratch.mkdir(parents=True, exist_ok=True)
        with FileLock(scratch.parent / f"{name}.lock"):
            sweep(root, self.name, values=values)
            services = ensure_services(root, door=door)
            narrow = narrowed(params, [fill(section, values) for section in self.params])
            seeds = {seed: _lookup(narrow, seed) for seed in (fill(seed, values) for seed in self.seeds)}
            provenance = collect_provenance(
                root,
                stage=name,
                data=[fill(path, values) for path in self.data],
                seeds={seed: value for seed, value in seeds.items() if value is not None},
                device=_device() if self.on_gpu else "cpu",
            )
            with stage_run(
                name,
                root=root,
                provenance=provenance,
                params=narrow.model_dump(mode="json", exclude_none=True),
                socket_path=Path(services.tracking_socket),
            ) as run:
                engine = chosen_engine(params.engine)
                job = Job(self.name, dataset, root, narrow, provenance, run, scratch, engine)
                _run_flow(self.flow, job, services)


def stage(
    *,
    params: Sequence[str],
    data: Sequence[str],
    timeout_s: float,
    seeds: Sequence[str] = (),
    on_gpu: bool = False,
) -> Callable[[Callable[[Job], None]], Stage]:
    """Make a flow's function a stage.

    `params` are the sections of `params.yaml`, `data` the paths, that DVC declares for it; both may hold `${key}`
    and `${item.…}` as `dvc.yaml` does. `seeds` are dotted names of parameters.
    """

    def decorate(function: Callable[[Job], None]) -> Stage:
        return Stage(function, tuple(params), tuple(data), tuple(seeds), timeout_s, on_gpu)

    return decorate


class Progress:
    """Tells the log how far a loop is, at most every `every_s` seconds and at its end; takes (done, all)."""

    def __init__(self, what: str, every_s: float = 5.0) -> None:
        self._what = what
        self._every_s = every_s
        self._lock = threading.Lock()
        self._said_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` are done, if it is time to."""
        with self._lock:
            now = time.monotonic()
            if done < total and now - self._said_at < self._every_s:
                return
            self._said_at = now
        log.info("%s: %d of %d", self._what, done, total)


def fill(text: str, values: dict[str, str]) -> str:
    """Put values in place of `${name}`, as DVC does in `dvc.yaml`."""
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def narrowed(params: Params, sections: Sequence[str]) -> Params:
    """The parameters with these sections alone; dots reach down, as in `datasets.busi` and `prompts.evaluate.seed`.

    What is left out raises AttributeError, or KeyError for a dataset.
    """
    kept: Params = _kept(params, [section.split(".") for section in sections])
    return kept


def _kept(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    if any(not path for path in paths):
        return value
    below: dict[str, list[Sequence[str]]] = {}
    for name, *rest in paths:
        below.setdefault(name, []).append(rest)
    if isinstance(value, dict):
        return {name: _kept(value[name], deeper) for name, deeper in below.items()}
    parts = {name: _kept(getattr(value, name), deeper) for name, deeper in below.items()}
    return type(value).model_construct(_fields_set=set(parts), **parts)


def _of_dataset(params: Params, dataset: str) -> dict[str, str]:
    if dataset not in params.datasets:
        raise ParamsError(
            f"params.yaml has no dataset {dataset!r}",
            expected=f"one of {', '.join(params.datasets)}",
            remedy="add it under `datasets`, or name another",
        )
    found = params.datasets[dataset]
    return {"item.role": found.role, "item.source": found.source}


def _lookup(params: Params, dotted: str) -> int | None:
    value: Any = params
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value if isinstance(value, int) else None


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _run_name() -> str:
    from prefect.runtime import flow_run

    job = flow_run.parameters["job"]
    return f"{job.stage}@{job.dataset}" if job.dataset else str(job.stage)


def _run_flow(flow: Flow[[Job], None], job: Job, services: Services) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for handler in logging.getLogger("prefect").handlers + logging.getLogger().handlers:
        handler.addFilter(_untraced)
    with temporary_settings({PREFECT_API_URL: services.api_url}):
        flow(job)


def _untraced(record: logging.LogRecord) -> bool:
    """Keep Prefect from printing what the user is about to read as a plain message: its traceback, and the final state
    of a task or flow, which quotes it. A fault of the system that isn't told in words is printed in full at the end."""
    error = record.exc_info[1] if record.exc_info else None
    plain = isinstance(error, SonoForgeError) or (isinstance(error, OSError) and told(error) is not None)
    quoted = _FAILED_WITH.match(record.getMessage()) if record.name.startswith("prefect") else None
    return not plain and (quoted is None or quoted[1] not in _names_below(SonoForgeError) | _names_below(OSError))


def _names_below(kind: type) -> set[str]:
    below: list[type] = kind.__subclasses__()
    return {kind.__name__}.union(*map(_names_below, below))


def _stop_when_gone(door: psutil.Process) -> None:
    """Interrupt this process when the door's process is gone: an orphan would race the next run's stage.

    The local services go with the door, and Prefect would wait for them for minutes, so after `GRACE_S`, in which
    checkpoints are written, the process ends whatever it is doing.
    """
    if door.pid == os.getpid():
        return

    def watch() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            while door.is_running() and door.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(GRACE_S)
        os._exit(EXIT_INTERRUPTED)

    threading.Thread(target=watch, daemon=True).start()


def talk() -> None:
    """Let the library's and the pipelines' log lines reach the terminal, and Prefect where there is a run."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("  %(message)s"))
    # A stage's own module is called `__main__` in its process.
    for name in ("components", "pipelines", "__main__"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(handler)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
