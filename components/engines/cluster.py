"""The engine of many machines: shards of items as Ray's tasks, results in order, lost shards done again.

A shard is a run of items, which name files, and of their results. Shards hold as many items as take about `shard_s`
seconds by the results so far, and at most two for each place of work are under way, so that memory doesn't grow with
the number of items. When a machine or a process is lost, Ray does its shards again elsewhere; an error of the function
itself is raised here as it is. Each worker is handed the function once, works in the folder that the caller works in,
and is refused if its code or libraries are others: a result of other code would be another result. Another processor is
only warned of. Leaves out: getting files and code onto the machines, which presumes a folder that all of them share
(docs/scale.md).
"""

from __future__ import annotations

import logging
import os
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from components.artefacts import code_digest
from components.cores import describe_processor
from components.engines.engine import ONE_CORE, Needs, Progress, R, T
from components.engines.joining import LIBRARY, joined
from components.errors import EngineError
from components.params import EngineParams

log = logging.getLogger(__name__)
# Of the packages that are pinned here, those that are installed must be the same on all machines.
PINS = LIBRARY.parent / "requirements.lock.txt"
TOLD = 5
SHARDS_A_PLACE = 2
MAX_SHARD_ITEMS = 64
# Between two looks at what is done, in which an interrupt of a thread that isn't the main one is noticed.
LOOK_S = 0.5
# Between two lines that say why nothing goes on.
TELL_S = 60.0


@dataclass(frozen=True, slots=True)
class OnRay:
    """Applies a function on the cluster that the parameters name, or on one that is started on this machine."""

    params: EngineParams

    def mapped(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        progress: Progress | None = None,
        needs: Needs = ONE_CORE,
    ) -> Iterator[R]:
        """Results in the items' order, whichever machine made them.

        Raises
        ------
        EngineError
            If Ray isn't installed, no cluster answers, none has what an item needs, its code is other code, or
            machines were lost more often than `retries` allow.
        """
        if not items:
            return
        ray = joined(self.params.address)
        work = _Work(ray, self.params, function, needs)
        waiting: deque[Any] = deque()
        begun = done = 0
        try:
            while done < len(items):
                while begun < len(items) and len(waiting) < SHARDS_A_PLACE * work.places():
                    shard = items[begun : begun + work.shard_items]
                    waiting.append(work.begin(shard))
                    begun += len(shard)
                found, error = work.end(waiting.popleft())
                for result in found:
                    done += 1
                    if progress is not None:
                        progress(done, len(items))
                    yield result
                if error is not None:
                    raise error
        finally:
            work.drop(waiting)


class _Work:
    """One function on a cluster: how many shards it can be asked for at once, and how large they should be."""

    def __init__(self, ray: Any, params: EngineParams, function: Callable[[T], R], needs: Needs) -> None:
        self._ray = ray
        self._params = params
        self._needs = _placeable(ray, needs)
        self._seconds, self._items = 0.0, 0
        self._name = uuid.uuid4().hex
        self._told = {_here()[0]}
        try:
            stamp = work_stamp()
        except OSError as error:
            raise _unfit(f"{os.uname().nodename}: {error}") from error
        # In a list, so that Ray hands on the references, and a worker fetches each when it needs it first.
        self._given = [ray.put(stamp), ray.put(function)]
        self._task = ray.remote(_do).options(
            num_cpus=self._needs.cpus, num_gpus=self._needs.gpus, max_retries=params.retries, retry_exceptions=False
        )

    @property
    def shard_items(self) -> int:
        """How many items the next shard holds: one until it is known how long they take."""
        if self._items == 0:
            return 1
        return int(max(1, min(MAX_SHARD_ITEMS, self._params.shard_s * self._items / max(self._seconds, 1e-6))))

    def places(self) -> int:
        """How many shards can be worked on at once, now: machines come and go."""
        there = self._ray.cluster_resources()
        return max(1, int(min(there.get(kind, 0) / number for kind, number in _asked(self._needs).items())))

    def begin(self, shard: Sequence[Any]) -> Any:
        """Ask for a shard's results."""
        return self._task.remote(self._name, self._given, str(Path.cwd()), list(shard))

    def end(self, asked: Any) -> tuple[list[Any], BaseException | None]:
        """Wait for a shard: its results, up to the error that one of its items raised."""
        told_s = time.monotonic()
        while not self._ray.wait([asked], timeout=LOOK_S)[0]:
            if time.monotonic() - told_s > TELL_S and not _fitting(_machines(self._ray), self._needs):
                told_s = time.monotonic()
                log.warning("no machine of the Ray cluster has what the work needs; it goes on when one has joined")
        errors = self._ray.exceptions
        try:
            found, error, seconds, where = self._ray.get(asked)
        except errors.RayTaskError as failed:
            # Errors of items are results; this is a worker that can't load this module, or the function.
            raise _unfit(str(failed).strip().splitlines()[-1]) from failed
        except errors.RayError as lost:
            raise EngineError(
                f"Ray lost a shard and gave it up ({type(lost).__name__}): {str(lost).splitlines()[0]}",
                expected=f"a result after at most {self._params.retries} further tries",
                remedy="look at the machines (their memory first) and run it again, what is done is kept; "
                "or set a larger engine.retries",
            ) from lost
        self._seconds += seconds
        self._items += len(found)
        self._compare(*where)
        return found, error

    def _compare(self, machine: str, processor: str) -> None:
        """Say once of each machine that its processor is another: it may round otherwise, and that's no error."""
        own = _here()[1]
        if processor == own or machine in self._told:
            return
        self._told.add(machine)
        log.warning(
            "%s of the Ray cluster has another processor (%s) than the machine that asks (%s): the last bits of its "
            "results may differ, and single pixels with them",
            machine,
            processor,
            own,
        )

    def drop(self, waiting: deque[Any]) -> None:
        """Cancel what was asked for and isn't wanted any more."""
        for asked in waiting:
            self._ray.cancel(asked)


_held: tuple[str, Any] = ("", None)


def _do(
    name: str, given: Sequence[Any], folder: str, items: Sequence[T]
) -> tuple[list[Any], BaseException | None, float, tuple[str, str]]:
    """One shard, in a worker: results up to the first error, that error, the seconds that it took, and where.

    Where is the machine's name and its processor.
    """
    global _held
    where = _here()
    if _held[0] != name:
        import ray

        stamp, function = given
        try:
            os.chdir(folder)
            here = work_stamp()
        except OSError as error:
            return [], _unfit(f"{where[0]}: {error}"), 0.0, where
        if here != (wanted := ray.get(stamp)):
            return [], _other_code(wanted, here), 0.0, where
        _held = (name, ray.get(function))
    started = time.monotonic()
    found: list[Any] = []
    for item in items:
        try:
            found.append(_held[1](item))
        except Exception as error:  # noqa: BLE001 - it is raised where the results are wanted
            return found, error, time.monotonic() - started, where
    return found, None, time.monotonic() - started, where


@cache
def _here() -> tuple[str, str]:
    """This machine's name and processor."""
    return os.uname().nodename, describe_processor()


def work_stamp() -> dict[str, str]:
    """What must be equal in every worker for its results to be the caller's own: code, and versions of packages.

    Raises
    ------
    OSError
        If the project's folder doesn't hold them.
    """
    pinned = {_normal(line.partition("==")[0]) for line in PINS.read_text(encoding="utf-8").splitlines()}
    installed: dict[str, str] = {}
    for package in distributions():
        if package.name and (name := _normal(package.name)) in pinned:
            installed.setdefault(name, package.version)  # The first on the path is the one that is imported.
    return {"components": code_digest(LIBRARY)} | installed


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package.strip()).lower()


def _other_code(wanted: dict[str, str], here: dict[str, str]) -> EngineError:
    others = sorted(name for name in wanted.keys() | here.keys() if here.get(name) != wanted.get(name))
    told = [f"{name} {here.get(name, 'nothing')[:12]} instead of {wanted.get(name, 'nothing')[:12]}" for name in others]
    more = [f"and {len(told) - TOLD} more"] if len(told) > TOLD else []
    return _unfit(f"{os.uname().nodename} would work with other code: {', '.join(told[:TOLD] + more)}")


def _unfit(found: str) -> EngineError:
    return EngineError(
        f"a machine of the Ray cluster can't do this work: {found}",
        expected="the project's folder and its environment on every machine as on the one that asks",
        remedy=f"share {LIBRARY.parent} with it, and install requirements.lock.txt there",
    )


def _asked(needs: Needs) -> dict[str, int]:
    return {kind: number for kind, number in (("CPU", needs.cpus), ("GPU", needs.gpus)) if number}


def _fitting(machines: Sequence[dict[str, float]], needs: Needs) -> list[dict[str, float]]:
    return [there for there in machines if there.get("GPU", 0) >= needs.gpus and there.get("CPU", 0) >= 1]


def _machines(ray: Any) -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _placeable(ray: Any, needs: Needs) -> Needs:
    """What an item needs, with no more cores than the smallest machine has: the others may be lost."""
    machines = _machines(ray)
    fitting = _fitting(machines, needs)
    if not fitting:
        raise EngineError(
            f"none of the {len(machines)} machines of the Ray cluster has what an item needs",
            expected=f"one with a core and {needs.gpus} GPUs",
            remedy="add such a machine to the cluster, or set engine.name: threads",
        )
    return Needs(cpus=int(min(needs.cpus, min(there["CPU"] for there in fitting))), gpus=needs.gpus)
