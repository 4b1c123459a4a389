"""Chosen variants to one record: size after size, everything built and warmed, counted, timed in turn, then its memory.

What was measured can be had at any time, so that an interrupted measurement isn't lost. Leaves out: choosing
(catalogue.py), and showing (tables.py).
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import torch

from components.errors import SonoForgeError
from components.evaluation.benchmarking.catalogue import Subject, Variant, selected, subjects, variants
from components.evaluation.benchmarking.cost import cost_of
from components.evaluation.benchmarking.memory import can_measure, measuring
from components.evaluation.benchmarking.opening import Workshop, installed_runtimes
from components.evaluation.benchmarking.passes import PARTS, SCAN_HW, Part, scan
from components.evaluation.benchmarking.record import (
    Counted,
    Decoder,
    LeftOut,
    Memory,
    Record,
    Row,
    Settings,
    SpeedUp,
    Times,
)
from components.evaluation.benchmarking.rounds import Samples, interleaved, turns
from components.evaluation.benchmarking.warming import HEAVY_S, Warm, warmed
from components.evaluation.speed import describe_machine
from components.params import Params
from components.processes import lives, mark
from components.promptable.predict import pin_threads

REFERENCE = "hiera_mini"
"""The paper's student as PyTorch runs it on the CPU: what speed-ups refer to."""
MEMORY_S = 1.5
"""About what measuring the memory of a variant takes beside a pass: a process, and loading."""
BUILDING_PX = 512
"""Building, exporting and loading take about as long as all else at this input, whatever the input."""

SCRATCH = "sonoforge-bench-"
"""Exported models lie in a folder for temporary files of this name, with the mark of the process that measures."""
_OF_PROCESS = re.compile(rf"{SCRATCH}(?P<mark>\d+-\d+\.\d+)-\w+")


def chosen(
    params: Params,
    models: tuple[Path, ...],
    sizes_px: Sequence[int],
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> tuple[Variant, ...]:
    """What to measure on this machine, at these sizes and those of the model folders; the reference always, unless it
    is skipped.

    Raises
    ------
    ParamsError
        If a word of `only` or `skip` is in no name.
    ArtefactError
        If a folder is no student's.
    """
    known = subjects(params, models)
    folders_px = [size_px for each in known.values() if each.folder is not None for size_px in each.sizes_px or ()]
    sizes = sorted({*sizes_px, *folders_px})
    found = variants(known, sizes, cuda=torch.cuda.is_available(), runtimes=installed_runtimes())
    wanted = selected(found, known, only=only, skip=skip)
    references = {reference_of(each).key for each in wanted}
    return tuple(
        each
        for each in found
        if each in wanted or (each.key in references and not any(word in each.key for word in skip))
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: variants, at most so many rounds and about so many minutes, images in a batch."""

    params: Params
    variants: tuple[Variant, ...]
    models: tuple[Path, ...]
    rounds: int
    minutes: float
    batch: int
    memory: bool


def left_behind() -> list[Path]:
    """Folders of exported models that a killed measurement couldn't remove, and nothing needs any more."""
    # Another user's can't be written, nor removed.
    there = [path for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*") if os.access(path, os.W_OK)]
    marks = {path: _OF_PROCESS.fullmatch(path.name) for path in there}
    return sorted(path for path, found in marks.items() if found is not None and not lives(found["mark"]))


def load_average() -> list[float]:
    """The mean number of processes that wanted to run in the last 1, 5 and 15 minutes; empty where none is told."""
    return [round(each, 2) for each in os.getloadavg()] if hasattr(os, "getloadavg") else []


@dataclass
class Benchmark:
    """A measurement under way. `tell` is given a line of progress now and then."""

    plan: Plan
    known: Mapping[str, Subject]
    tell: Callable[[str], None]
    _samples: Samples = field(default_factory=Samples)
    _batch: dict[str, int] = field(default_factory=dict)
    _memory: dict[str, Memory] = field(default_factory=dict)
    _counted: dict[str, Counted] = field(default_factory=dict)
    _decoder: dict[str, Decoder] = field(default_factory=dict)
    _left_out: list[LeftOut] = field(default_factory=list)
    _begun_s: float = field(default_factory=time.monotonic)
    _load_at_start: list[float] = field(default_factory=load_average)
    _complete: bool = False

    @classmethod
    def of(cls, plan: Plan, tell: Callable[[str], None]) -> Benchmark:
        """A measurement of a plan.

        Raises
        ------
        ArtefactError
            If a model folder is no student's.
        """
        return cls(plan, subjects(plan.params, plan.models), tell)

    def run(self) -> Record:
        """Measure everything; the record of it. A variant that can't be built or fails is left out, with the reason."""
        pin_threads()
        with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{mark(psutil.Process())}-") as scratch:
            for size_px, until_s in self._groups():
                variants = [each for each in self.plan.variants if each.input_px == size_px]
                self._measure_times(variants, Workshop(self.known, Path(scratch)), until_s)
                if self.plan.memory:
                    self._measure_memory(variants, Path(scratch))
        self._complete = True
        return self.record()

    def record(self) -> Record:
        """What has been measured so far."""
        load = {"start": self._load_at_start, "end": load_average()}
        return Record(
            machine=describe_machine() | {"load_average": load},
            settings=Settings(
                sizes_px=tuple(dict.fromkeys(each.input_px for each in self.plan.variants)),
                rounds=self.plan.rounds,
                minutes=self.plan.minutes,
                batch=self.plan.batch,
                threads=torch.get_num_threads(),
                reference=REFERENCE,
                scan_hw=SCAN_HW,
            ),
            complete=self._complete,
            seconds=round(time.monotonic() - self._begun_s, 1),
            rows=tuple(self._row(each) for each in self.plan.variants if each.key in self._samples.taken),
            left_out=tuple(self._left_out),
        )

    def _groups(self) -> Iterator[tuple[int, float]]:
        """Each size, and until when it may take: what is left of the time, by area, and for building alike."""
        sizes = list(dict.fromkeys(each.input_px for each in self.plan.variants))
        for index, size_px in enumerate(sizes):
            now_s = time.monotonic()
            left_s = max(0.0, self._begun_s + 60 * self.plan.minutes - now_s)
            weights = [each**2 + BUILDING_PX**2 for each in sizes[index:]]
            yield size_px, now_s + left_s * weights[0] / sum(weights)

    def _measure_times(self, variants: Sequence[Variant], workshop: Workshop, until_s: float) -> None:
        warm = {}
        for number, variant in enumerate(variants, start=1):
            self._say(f"{variant.input_px} px: building and warming {number} of {len(variants)}, {variant.key}")
            try:
                warm[variant.key] = self._warmed(variant, workshop)
            except Exception as error:  # noqa: BLE001 - whatever one model can't do, the others are measured
                self._leave_out(variant.key, error)
        cost_s = {key: each.turn_s for key, each in warm.items()}
        ends_s = until_s - (sum(cost_s.values()) + MEMORY_S * len(warm) if self.plan.memory else 0)
        budget_s = max(0.0, ends_s - time.monotonic())
        reference = next((each.key for each in variants if each == reference_of(each)), None)
        counts = turns(cost_s, most=self.plan.rounds, budget_s=budget_s, always=reference)
        runs = {key: each.turn for key, each in warm.items()}
        done = interleaved(runs, counts, failed=self._leave_out, over=lambda: time.monotonic() > ends_s)
        for taken, (number, key, times_ms) in enumerate(done, start=1):
            self._samples.add(number, key, times_ms)
            self._say(f"{variants[0].input_px} px: {taken} of {sum(counts.values())} passes")

    def _leave_out(self, key: str, error: Exception) -> None:
        """A model that failed, in warming or in its turns, has no row, also where some turns went well."""
        self._samples.drop(key)
        self._left_out.append(LeftOut(key=key, reason=_reason(error)))

    def _warmed(self, variant: Variant, workshop: Workshop) -> Warm:
        """A variant ready for its turns; counts its network, and keeps what it takes of a GPU's memory."""
        if (name := _network_of(variant)) not in self._counted:
            counted = cost_of(workshop.network(variant), labels=self.known[variant.model].labels)
            self._counted[name] = Counted.model_validate(asdict(counted))
            if (decoder := workshop.decoder(variant)) is not None:
                self._decoder[variant.model] = Decoder.model_validate(asdict(decoder))
        warm = warmed(variant, workshop, data=scan(), batch=self.plan.batch)
        self._batch[variant.key] = warm.turn.batch
        if self.plan.batch and not warm.turn.batch and self.known[variant.model].kind != "unet":
            self._left_out.append(LeftOut(key=f"{variant.key}/batch", reason=f"one image takes over {HEAVY_S:g} s"))
        if warm.gpu_mib is not None:
            self._memory[variant.key] = Memory(loading_mib=None, running_mib=round(warm.gpu_mib, 1))
        return warm

    def _measure_memory(self, variants: Sequence[Variant], exported: Path) -> None:
        """Each variant on the CPU in a process of its own; nowhere else than where /proc tells."""
        todo = [each for each in variants if each.device == "cpu" and each.key in self._samples.taken]
        if not todo or not can_measure():
            return
        with measuring(self.plan.params, models=self.plan.models, exported=exported) as measurer:
            for number, variant in enumerate(todo, start=1):
                self._say(f"{variant.input_px} px: memory {number} of {len(todo)}, {variant.key}")
                try:
                    peak = measurer.peak(variant)
                except SonoForgeError as error:
                    self._left_out.append(LeftOut(key=f"{variant.key}/memory", reason=error.found))
                    continue
                self._memory[variant.key] = Memory.model_validate(asdict(peak))

    def _row(self, variant: Variant) -> Row:
        subject = self.known[variant.model]
        return Row(
            **asdict(variant),
            kind=subject.kind,
            prompt=subject.asked,
            times=tuple(self._times(variant, part) for part in PARTS if part in self._samples.taken[variant.key]),
            memory=self._memory.get(variant.key),
            counted=self._counted.get(_network_of(variant)),
            decoder=self._decoder.get(variant.model),
        )

    def _times(self, variant: Variant, part: Part) -> Times:
        images = self._batch[variant.key] if part == "batch" else 1
        taken = self._samples.taken[variant.key][part]
        took_ms = self._samples.time_ms(variant.key, part)
        ratio = self._samples.speed_up(variant.key, part, reference_of(variant).key)
        return Times(
            part=part,
            images=images,
            median_ms=took_ms.median,
            p10_ms=took_ms.p10,
            p90_ms=took_ms.p90,
            rounds=tuple(taken),
            samples_ms=tuple(round(each, 3) for each in taken.values()),
            images_per_s=1e3 * images / took_ms.median if took_ms.median else None,
            speed_up=None if ratio is None else SpeedUp(median=ratio.median, p10=ratio.p10, p90=ratio.p90),
        )

    def _say(self, what: str) -> None:
        minutes, most = (time.monotonic() - self._begun_s) / 60, self.plan.minutes
        over = minutes > most
        self.tell(
            f"{what}; {minutes:.1f} minutes, over its time of {most:g}"
            if over
            else f"{what}; {minutes:.1f} of {most:g} minutes"
        )


def reference_of(variant: Variant) -> Variant:
    """What a variant's speed-ups refer to: the reference at the same input, as PyTorch runs it on the CPU."""
    return Variant(REFERENCE, "pytorch", folded=False, device="cpu", dtype="float32", input_px=variant.input_px)


def _reason(error: Exception) -> str:
    """Why something can't be measured, on one line."""
    if isinstance(error, SonoForgeError):
        return error.found
    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU has too little memory"
    told = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _network_of(variant: Variant) -> str:
    return f"{variant.model}{'-folded' * variant.folded}/{variant.input_px}"
