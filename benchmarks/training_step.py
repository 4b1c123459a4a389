"""What keeps a training step on the CPU short: the allocator, the fused optimiser, batches made ahead; what a teacher's
kept outputs save, and what recomputed blocks and bf16 cost.

    .venv/bin/python benchmarks/training_step.py [--rounds 6] [--teacher tiny] [--size 256] [--out FILE]

Trains a small teacher on drawn phantoms, in short stretches that alternate between all combinations in question, so
that whatever else the machine does hits them alike; says medians and their ratios to the plain step. Processor time
(user and system) is less disturbed by neighbours than wall time; both are given. The second table's steps are taken on
random pixels: fine-tuning's by the teacher, distillation's by the student of params.yaml. Leaves out: GPUs.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pipelines  # noqa: F401  (sets how OpenMP waits, before torch is loaded)

# isort: split
import torch

from components.contract import load_contract
from components.engines import Threads
from components.intake.harmonise import harmonise
from components.params import MachineParams, load_params
from components.phantom import write_dataset
from components.promptable.embedding import PromptBatch
from components.students import build_student
from components.teacher.build import build_teacher
from components.training.allocator import keep_freed_memory
from components.training.data import Batch, TrainingImages
from components.training.loading import ahead, training_loader
from components.training.losses import distillation_loss, mask_loss, neck_features
from components.training.machine import as_the_machine_needs
from components.training.teacher_outputs import TeacherOutputs

ROOT = Path(__file__).parents[1]
STEPS = 8
VARIANTS = {
    "plain": (False, False, False),
    "kept memory": (True, False, False),
    "fused AdamW": (False, True, False),
    "batches ahead": (False, False, True),
    "all three": (True, True, True),
}


def hand_memory_back() -> None:
    """The allocator as it starts: 128 KB for both thresholds, from malloc.h of glibc."""
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, 128 * 1024)
    libc.mallopt(-1, 128 * 1024)
    libc.malloc_trim(0)


def phantoms(folder: Path) -> TrainingImages:
    """Forty drawn breasts with the demo's augmentation and prompts."""
    params = load_params(ROOT / "params.yaml")
    raw = write_dataset("busi", folder / "raw", images=40, seed=1, workers=2).root
    contract = load_contract("busi", ROOT / "data/contracts")
    done = harmonise(
        contract, raw, out=folder / "out", phantom=True, contracts=ROOT / "data/contracts", engine=Threads(2)
    )
    return TrainingImages(
        done.records,
        image_size_px=params.model.image_size_px,
        augment=params.augment,
        prompts=params.prompts.train,
        min_area_px=params.prompts.min_area_px,
        seed=1,
    )


def stretch(images: TrainingImages, *, epoch: int, keep: bool, fused: bool, early: bool) -> dict[str, float]:
    """Train `STEPS` steps after two unmeasured ones; seconds and page faults a step."""
    params = load_params(ROOT / "params.yaml")
    teacher = build_teacher(params.teacher, model=params.model, seed=1).train()
    trained = [p for p in teacher.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3, fused=fused)
    loader, sampler = training_loader(images, batch_size=params.finetune.batch_size, workers=0)
    if keep:
        keep_freed_memory()
    else:
        hand_memory_back()

    def batches() -> Iterator[Batch]:
        for round_ in range(10):
            sampler.go_to(epoch=10 * epoch + round_, start=0)
            yield from loader

    source = ahead(batches()) if early else batches()
    for step, batch in enumerate(source):
        if step == 2:
            before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        if step == STEPS + 2:
            break
        logits, quality = teacher.decode(teacher.encode(batch.images), batch.prompts)
        torch.stack(
            list(mask_loss(logits, quality, batch.truth.float(), params.finetune.loss).values())
        ).sum().backward()
        torch.nn.utils.clip_grad_norm_(trained, params.finetune.clip_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "wall_s": wall_s / STEPS,
        "cpu_s": cpu_s / STEPS,
        "page_faults": (after.ru_minflt - before.ru_minflt) / STEPS,
    }


def step_cases(folder: Path, *, teacher_name: str, size_px: int) -> dict[str, Callable[[], None]]:
    """Steps of fine-tuning and distillation on two random images, without the optimiser."""
    params = load_params(ROOT / "params.yaml")
    model = params.model.model_copy(update={"image_size_px": size_px})
    named = params.teacher.model_copy(update={"hiera": teacher_name})
    teacher = build_teacher(named, model=model, seed=1)
    teacher.set_trainable(trunk=False)
    student = build_student(params.student, model=model, seed=2).train()
    images = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    prompts = PromptBatch(torch.arange(2), torch.full((2, 2, 2), size_px / 2), torch.tensor([[2, 3], [2, 3]]))
    truth = torch.zeros(2, size_px, size_px)
    how = {"epochs": 3, "augment_rounds": 1}
    computed = TeacherOutputs(teacher, params.distil.model_copy(update=how), folder=folder)
    kept = TeacherOutputs(
        teacher, params.distil.model_copy(update=how | {"teacher_outputs": "cache"}), folder=folder / "kept"
    )

    def finetune_step(*, checkpointing: bool = False, bf16: bool = False) -> None:
        with as_the_machine_needs(teacher.train(), MachineParams(checkpointing=checkpointing)):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                logits, quality = teacher.decode(teacher.encode(images), prompts)
                losses = mask_loss(logits, quality, truth, params.finetune.loss)
            torch.stack(list(losses.values())).sum().backward()
        teacher.zero_grad(set_to_none=True)

    def distil_step(outputs: TeacherOutputs) -> None:
        teacher.eval()
        features = neck_features(student, student.stages(images))
        target = outputs.features(images)
        losses = distillation_loss(features, target, levels=params.distil.levels, terms=params.distil.terms)
        torch.stack(list(losses.values())).sum().backward()
        student.zero_grad(set_to_none=True)

    return {
        "fine-tuning": finetune_step,
        "fine-tuning, blocks recomputed": partial(finetune_step, checkpointing=True),
        "fine-tuning, bf16": partial(finetune_step, bf16=True),
        "distillation, teacher computed": partial(distil_step, computed),
        "distillation, teacher kept": partial(distil_step, kept),
    }


def time_steps(cases: dict[str, Callable[[], None]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each step, one after another in each round, and ratios to the first of its kind."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, step in cases.items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            if number:  # the first one warms up, and fills what is kept
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {
        name: {"wall_s": statistics.median(w for w, _ in runs), "cpu_s": statistics.median(c for _, c in runs)}
        for name, runs in found.items()
    }
    for name, values in medians.items():
        first = next(one for other, one in medians.items() if other.split(",")[0] == name.split(",")[0])
        values |= {"wall_ratio": values["wall_s"] / first["wall_s"], "cpu_ratio": values["cpu_s"] / first["cpu_s"]}
    return medians


def loop_medians(found: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Medians of the first table's variants and their ratios to the plain one, printed."""
    medians = {
        name: {key: statistics.median(one[key] for one in runs) for key in runs[0]} for name, runs in found.items()
    }
    plain = medians["plain"]
    for values in medians.values():
        values["wall_ratio"] = values["wall_s"] / plain["wall_s"]
        values["cpu_ratio"] = values["cpu_s"] / plain["cpu_s"]
    print(f"{'variant':16s}{'wall s':>8s}{'ratio':>7s}{'cpu s':>8s}{'ratio':>7s}{'faults':>8s}")
    for name, one in medians.items():
        numbers = f"{one['wall_s']:8.3f}{one['wall_ratio']:7.2f}{one['cpu_s']:8.3f}{one['cpu_ratio']:7.2f}"
        print(f"{name:16s}{numbers}{one['page_faults']:8.0f}")
    return medians


def main() -> None:
    """Measure, print tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--teacher", default="tiny")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps-only", action="store_true", help="Leave the first table out.")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/training_step.json")
    wanted = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory(prefix="sonoforge-bench-") as scratch:
        if not wanted.steps_only:
            images = phantoms(Path(scratch))
            for number in range(wanted.rounds):
                for name, (keep, fused, early) in VARIANTS.items():
                    found[name].append(stretch(images, epoch=number, keep=keep, fused=fused, early=early))
        cases = step_cases(Path(scratch) / "steps", teacher_name=wanted.teacher, size_px=wanted.size)
        steps = time_steps(cases, rounds=wanted.rounds)
    medians = {} if wanted.steps_only else loop_medians(found)
    print(f"\n{'step':32s}{'wall s':>8s}{'ratio':>7s}{'cpu s':>8s}{'ratio':>7s}")
    for name, one in steps.items():
        print(f"{name:32s}{one['wall_s']:8.3f}{one['wall_ratio']:7.2f}{one['cpu_s']:8.3f}{one['cpu_ratio']:7.2f}")
    machine = {
        "load_1min": os.getloadavg()[0],
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }
    result = {"schema": 1, "machine": machine, "torch": torch.__version__, "rounds": wanted.rounds, "steps": STEPS}
    shape = {"teacher": wanted.teacher, "size_px": wanted.size, "step_cases": steps}
    wanted.out.write_text(json.dumps(result | {"variants": medians} | shape, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
