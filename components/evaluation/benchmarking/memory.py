"""How much memory a model takes: loading it, and taking one file to a mask, each variant in a process of its own.

A child process imports everything first, forks for each variant, and there, from then on, counts the largest resident
size (`VmHWM` of /proc/self/status, set back before loading and again before the pass) without mapped files, less what
was there after the imports. Weights, a runtime's own copies of them, and activations are in it; Python, PyTorch and its
code are not. On a GPU it is what torch reports (`max_memory_allocated`). Leaves out: systems without /proc, where
nothing is measured.

`python -m components.evaluation.benchmarking.memory` is that child: a JSON line for each variant in, one out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from components.errors import SonoForgeError
from components.evaluation.benchmarking.catalogue import Variant, subjects
from components.evaluation.benchmarking.opening import Workshop
from components.evaluation.benchmarking.passes import one_pass, scan
from components.params import Params
from components.promptable.predict import pin_threads

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_SET_BACK = "5"
"""Writing this to clear_refs makes the present size the largest one (proc(5))."""
KIB_A_MIB = 1024.0


class MemoryMeasureError(SonoForgeError):
    """A child process that measured a model's memory and ended without an answer."""


@dataclass(frozen=True, slots=True)
class Peak:
    """MiB above what was there after the imports: the most while loading, and the most during one pass."""

    loading_mib: float
    running_mib: float


def can_measure() -> bool:
    """Whether this system tells a process its largest size, and lets it be set back."""
    return STATUS.is_file() and CLEAR_REFS.exists() and hasattr(os, "fork")


class Measurer:
    """The child process, which has imported everything once; ends with the `with` block of `measuring`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def peak(self, variant: Variant) -> Peak:
        """Load a variant and take one file to a mask, in a fork of the child.

        Raises
        ------
        MemoryMeasureError
            If it ends without an answer, as where the system has too little memory for it.
        """
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None and told is not None, "both are pipes"
        asked.write(json.dumps(asdict(variant)) + "\n")
        asked.flush()
        answer = json.loads(told.readline() or "null")
        if answer is None:
            raise MemoryMeasureError(
                f"{variant.key}: the process that measures its memory ended without an answer",
                expected="two numbers",
                remedy="leave it out (`--skip`), or measure on a machine with more memory",
            )
        return Peak(**answer)


@contextmanager
def measuring(params: Params, *, models: Sequence[Path], exported: Path) -> Iterator[Measurer]:
    """A child that measures variants of `subjects(params, models)`, those exported from below a folder."""
    given = json.dumps({"params": params.model_dump(mode="json"), "models": [str(each) for each in models]})
    command = [sys.executable, "-m", __name__, str(exported)]
    root = str(Path(__file__).parents[3])
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
        start_new_session=True,
    )
    try:
        assert process.stdin is not None, "it is a pipe"
        process.stdin.write(given + "\n")
        yield Measurer(process)
    finally:
        # Its forks end with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def serve(given: IO[str], answers: IO[str], exported: Path) -> None:
    """Answer each variant that comes in as a line, in a fork each; the first line names parameters and models."""
    first = json.loads(given.readline())
    params = Params.model_validate(first["params"])
    known = subjects(params, [Path(each) for each in first["models"]])
    pin_threads()
    for line in given:
        variant = Variant(**json.loads(line))
        peak = _in_a_fork(lambda variant=variant: _measured(variant, Workshop(known, exported)))  # type: ignore[misc]
        answers.write(json.dumps(peak) + "\n")
        answers.flush()


def _in_a_fork(work: Callable[[], Mapping[str, float]]) -> Any:
    """What `work` gives in a fork of this process; None if the fork ends without an answer."""
    from_child, to_parent = os.pipe()
    child = os.fork()
    if not child:
        # Nothing of the parent's may happen twice, so that the fork ends without returning, whatever comes.
        try:
            os.close(from_child)
            with os.fdopen(to_parent, "w") as out:
                out.write(json.dumps(work()))
        finally:
            os._exit(0)
    os.close(to_parent)
    with os.fdopen(from_child) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return json.loads(told or "null")


def _measured(variant: Variant, workshop: Workshop) -> dict[str, float]:
    import gc

    data = scan()
    if variant.runtime == "openvino":
        from components.promptable.runtimes.openvino import imported

        imported()  # what importing takes belongs to the imports
    before_kib = _resident_kib()
    _set_back()
    model = workshop.open(variant)
    loading_kib = _peak_kib()
    gc.collect()
    _set_back()
    one_pass(model, data, workshop.known[variant.model].prompt, dtype=variant.dtype)
    return {
        "loading_mib": round((loading_kib - before_kib) / KIB_A_MIB, 1),
        "running_mib": round((_peak_kib() - before_kib) / KIB_A_MIB, 1),
    }


def _status_kib(name: str) -> int:
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def _resident_kib() -> int:
    """What is resident now, without mapped files."""
    return _status_kib("VmRSS") - _status_kib("RssFile")


def _peak_kib() -> int:
    """The most that was resident, less the files that are mapped now: code, which only comes."""
    return _status_kib("VmHWM") - _status_kib("RssFile")


def _set_back() -> None:
    CLEAR_REFS.write_text(_SET_BACK, encoding="ascii")


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout, Path(sys.argv[1]))
