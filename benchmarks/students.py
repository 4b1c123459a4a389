"""Every student from one teacher, by the same distillation: Dice with paired intervals, beside what a call costs.

    OMP_NUM_THREADS=2 .venv/bin/python benchmarks/students.py --project FOLDER --out FOLDER \
        [--seeds 12 21 22] [--student rep_mini student.name=rep_mini …] [--also busi=FOLDER] [--json FILE] [--into PAGE]

`--project` is a folder in which the graph has run as far as its teacher: its teacher, images and splits are taken, and
nothing is written there. Each `--student` is a name and the values of `params.yaml` that make it (`--params`, or this
project's), without any all of `components/students` with SAM2's decoder; the first is what the others are held against.
Each is trained by components/training/distil.py with every seed into `--out`, where an interrupted training goes on and
a finished one is kept; name another folder once what trains has changed. All are scored on the test sides, by the
validations' own code on the same prompts; `--also` names real images, read by a dataset's contract, as a second test
set that no training saw. benchmarks/students_compared.py says how they are compared.

Encoder and decoder are timed by turns on one core, as processor time: by PyTorch, and exported, by ONNX Runtime.
`--trial` trains one epoch on some images, to see that all of it runs. Leaves out: the teacher's own training, several
cores and other runtimes (`sonoforge bench`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import torch
import yaml
from students_compared import as_table, compare, loses_nothing

from components.artefacts import read_description, write_json, write_text
from components.contract import load_contract
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.metrics import Tolerances
from components.evaluation.speed import as_records, describe_machine, time_interleaved
from components.evaluation.validate import score_records, select_test
from components.intake.form.records import read_manifest, read_split
from components.intake.harmonise import harmonise
from components.params import Params, load_params, with_values
from components.promptable.embedding import Promptable
from components.promptable.export import export_onnx
from components.promptable.model_folder import save_segmenter
from components.promptable.predict import pick_device
from components.promptable.runtimes.onnxruntime import open_model
from components.promptable.runtimes.sealed import DECODER, ENCODER, unsealed
from components.promptable.segmenter import PromptBatch, Segmenter
from components.promptable.summary import parameter_row
from components.students import (
    build_student,
    load_student,
    student_adapter,
    student_decoder,
    student_names,
    student_trunk,
)
from components.teacher.build import load_teacher
from components.training.distil import distil
from components.types import Record
from pipelines.training import INTERNAL, SPLIT, records_of

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"
TEACHER = "teacher"
KINDS = ("box", "box_jitter", "click")
TRIAL_IMAGES = 24
SAM2_DECODER = "student.decoder={width: 256, heads: 8, mlp: 2048, layers: 2}"
ALL = [[name, f"student.name={name}", SAM2_DECODER] for name in student_names()]
BEGIN, END = "<!-- compared -->", "<!-- end -->"
Training: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A student as it is compared: its name, and the values of params.yaml that make it."""

    name: str
    settings: tuple[str, ...]

    def applied(self, params: Params) -> Params:
        """The parameters with these values."""
        values = {key: yaml.safe_load(value) for key, _, value in (one.partition("=") for one in self.settings)}
        return with_values(params, values, origin=f"the student {self.name}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comparison takes its data from and leaves its models, and its parameters."""

    project: Path
    out: Path
    params: Params
    trial: bool

    def folder(self, contestant: Contestant, seed: int) -> Path:
        """Where one training lies."""
        return self.out / f"{contestant.name}-{seed}"

    def params_of(self, contestant: Contestant, seed: int) -> Params:
        """The parameters of one training."""
        params = contestant.applied(self.params)
        distil = params.distil.model_copy(update={"seed": seed} | ({"epochs": 1} if self.trial else {}))
        return params.model_copy(update={"distil": distil})


def train(place: Place, contestant: Contestant, seed: int) -> dict[str, Any]:
    """Distil a student, or find it distilled; what is known of its training."""
    folder, params = place.folder(contestant, seed), place.params_of(contestant, seed)
    key = _key(place, params)
    done = folder / "training.json"
    if done.is_file() and json.loads(done.read_text(encoding="utf-8"))["key"] == key:
        return dict(json.loads(done.read_text(encoding="utf-8")))
    teacher, described = load_teacher(place.project / "models/teacher")
    student = build_student(params.student, model=params.model, seed=params.distil.seed)
    sides = {
        side: records_of(place.project, side)[: TRIAL_IMAGES if place.trial else None] for side in ("train", "val")
    }
    folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    result = distil(
        student,
        teacher,
        sides["train"],
        sides["val"],
        params.distil,
        prompts=params.prompts,
        augment=params.augment,
        checkpoint_folder=folder,
        fingerprint=key,
        report=_tell(f"{contestant.name}, seed {seed}"),
    )
    save_segmenter(
        folder / "model",
        student,
        kind="student",
        name=params.student.name,
        trunk=student_trunk(params.student),
        adapter=student_adapter(params.student),
        phantom=described.phantom or any(record.phantom for record in sides["train"]),
        base=f"teacher {described.digest[:12]} ({described.name}, {described.base})",
        trained_on=tuple(sorted({record.dataset for record in sides["train"]} | set(described.trained_on))),
        pretraining_exposure=described.pretraining_exposure,
        provenance={"benchmark": "students", "seeds": {"distil.seed": params.distil.seed}},
    )
    told = {
        "key": key,
        "best_val_dice": round(result.best_dice, 4),
        "best_epoch": result.best_epoch + 1,
        "epochs": result.epochs,
        "train_images": len(sides["train"]),
        "cpu_s": round(time.process_time() - began),
        "cpu_s_of_whole_training": result.epochs == params.distil.epochs and result.steps > 0,
    }
    write_json(done, told)
    return told


def _tell(name: str) -> Callable[[dict[str, float], int], None]:
    def report(metrics: dict[str, float], epoch: int) -> None:
        shown = ", ".join(f"{key} {value:.4f}" for key, value in sorted(metrics.items()))
        print(f"{name}, epoch {epoch}: {shown}", flush=True)

    return report


def _key(place: Place, params: Params) -> str:
    """What a training depends on beside the code: parameters, teacher, images."""
    taken = {part: getattr(params, part).model_dump(mode="json") for part in ("model", "prompts", "augment", "student")}
    teacher = read_description(place.project / "models/teacher").digest
    pixels = [record.pixels_md5 for side in ("train", "val") for record in records_of(place.project, side)]
    said = [taken, params.distil.model_dump(mode="json"), teacher, pixels, place.trial]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def test_side(place: Place) -> Sequence[Record]:
    """The internal test images, each with the split's group."""
    split = read_split(place.project / SPLIT)
    records = [one for name in sorted(set(split["dataset"])) for one in read_manifest(place.project / INTERNAL / name)]
    found = select_test(records, split)
    return found[:: max(1, len(found) // TRIAL_IMAGES)] if place.trial else found


def real_images(texts: Sequence[str], into: Path) -> list[Record]:
    """The images of each `DATASET=FOLDER`, harmonised below `into`."""
    found: list[Record] = []
    for text in texts:
        name, _, folder = text.partition("=")
        contract = load_contract(name, CONTRACTS)
        found += harmonise(contract, Path(folder), out=into / name, phantom=False, contracts=CONTRACTS).records
    return found


def score(place: Place, trainings: Mapping[Training, Path], records: Sequence[Record], kept: str) -> pd.DataFrame:
    """The cases of the teacher and of all trainings on the same prompts, with columns `student` and `seed`."""
    prompts = place.params.prompts
    evaluate = prompts.evaluate.model_copy(update={"kinds": KINDS})
    models = {TEACHER: _contender(*load_teacher(place.project / "models/teacher"))}
    models |= {f"{name}, seed {seed}": _contender(*load_student(folder)) for (name, seed), folder in trainings.items()}
    whose = {TEACHER: (TEACHER, "")} | {f"{name}, seed {seed}": (name, seed) for name, seed in trainings}
    scored = score_records(
        records,
        models=models,
        prompts=prompts.model_copy(update={"evaluate": evaluate}),
        tolerances=Tolerances(px=place.params.evaluate.nsd_tolerance_px, mm=place.params.evaluate.nsd_tolerance_mm),
        device=str(pick_device()),
        partial=place.out / kept,
    )
    cases = scored.where(model=models).read(scored.columns)
    cases["student"], cases["seed"] = zip(*(whose[model] for model in cases["model"]), strict=True)
    return cases


def _contender(segmenter: Segmenter, described: Any) -> Contender:
    return Contender(
        segmenter.to(pick_device()), described.digest, described.name, described.phantom, described.exposure
    )


def latencies(place: Place, contestants: Sequence[Contestant], size_px: int, rounds: int) -> dict[str, Any]:
    """Encoder and decoder of every student by PyTorch and by ONNX Runtime; weights don't matter to time."""
    encode: dict[str, Callable[[], object]] = {}
    decode: dict[str, Callable[[], object]] = {}
    image = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    prompt = PromptBatch(torch.zeros(1, dtype=torch.int64), torch.full((1, 1, 2), size_px / 2), torch.tensor([[1]]))
    for contestant in contestants:
        params = contestant.applied(place.params)
        model = params.model.model_copy(update={"image_size_px": size_px})
        segmenter = build_student(params.student, model=model, seed=1).eval()
        exported = _exported(segmenter)
        for runtime, run in (("PyTorch", segmenter), ("ONNX Runtime", exported)):
            encode[f"{contestant.name}, {runtime}"] = _encoding(run, image)
            decode[f"{contestant.name}, {runtime}"] = _decoding(run, image, prompt)
    with torch.inference_mode():
        return {
            "image_size_px": size_px,
            "encoder": as_records(time_interleaved(encode, rounds=rounds, warm_up=2, clock=time.process_time)),
            "click": as_records(time_interleaved(decode, rounds=rounds, warm_up=2, clock=time.process_time)),
        }


def _exported(segmenter: Segmenter) -> Promptable:
    """The same by ONNX Runtime, on one core."""
    with tempfile.TemporaryDirectory() as scratch:
        export_onnx(segmenter, Path(scratch))
        encoder, decoder = (unsealed(Path(scratch) / name) for name in (ENCODER, DECODER))
    return open_model(encoder, decoder, segmenter.image_size_px, threads=1)


def _encoding(model: Promptable, image: torch.Tensor) -> Callable[[], object]:
    return lambda: model.encode(image)


def _decoding(model: Promptable, image: torch.Tensor, prompt: PromptBatch) -> Callable[[], object]:
    with torch.inference_mode():
        embedding = model.encode(image)
    return lambda: model.decode(embedding, prompt)


def sizes_of(place: Place, contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Parameters of each student's encoder, with adapters, and of all that an image and a prompt pass."""
    found: dict[str, Any] = {}
    for contestant in contestants:
        params = contestant.applied(place.params)
        row = parameter_row(
            contestant.name,
            student_trunk(params.student),
            student_adapter(params.student),
            image_size_px=params.model.image_size_px,
            decoder=student_decoder(params.student),
        )
        found[contestant.name] = {"encoder": row.encoder, "image_path": row.image_path}
    return found


def measure(place: Place, contestants: Sequence[Contestant], asked: argparse.Namespace) -> dict[str, Any]:
    """Train, score, compare and time."""
    first, *others = (each.name for each in contestants)
    trained = {
        (each.name, seed): (place.folder(each, seed), train(place, each, seed))
        for seed in asked.seeds
        for each in contestants
    }
    torch.set_num_threads(1)  # as for the timings; on a busy machine two wait for each other
    models = {training: folder / "model" for training, (folder, _) in trained.items()}
    evaluate, test = place.params.evaluate, test_side(place)
    compared = compare(score(place, models, test, "rows"), evaluate, first=first)
    result: dict[str, Any] = {
        "schema": 2,
        "machine": describe_machine() | {"load_average": [round(each, 2) for each in os.getloadavg()]},
        "first": first,
        "students": {each.name: list(each.settings) for each in contestants},
        "teacher": read_description(place.project / "models/teacher").name,
        "training": {f"{name}, seed {seed}": told for (name, seed), (_, told) in trained.items()},
        "parameters": sizes_of(place, contestants),
        "image_size_px": place.params.model.image_size_px,
        "test": {"phantom": all(one.phantom for one in test), "images": len(test), **compared},
        "loses_nothing": {name: loses_nothing(compared, name, evaluate, first=first) for name in others},
    }
    if asked.also:
        records = real_images(asked.also, place.out / "real")
        cases = score(place, models, records, "rows_real")
        result["real"] = {"phantom": False, "images": len(records), **compare(cases, evaluate, first=first)}
    result["latency"] = [latencies(place, contestants, size, asked.rounds) for size in asked.sizes]
    return result


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=ROOT / "params.yaml")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--student", nargs="+", action="append", default=[], metavar="NAME KEY=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", help="of distil; without: the parameters' own")
    parser.add_argument("--also", nargs="*", default=[], metavar="DATASET=FOLDER")
    parser.add_argument("--sizes", type=int, nargs="*", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--into", type=Path, help=f"a page of Markdown: write the table between {BEGIN} and {END}")
    parser.add_argument("--trial", action="store_true")
    parser.add_argument("--train-only", action="store_true", help="leave scoring and timing to a later call")
    asked = parser.parse_args()
    params = load_params(asked.params)
    asked.seeds = asked.seeds or [params.distil.seed]
    place = Place(asked.project.resolve(), asked.out.resolve(), params, asked.trial)
    contestants = [Contestant(name, tuple(settings)) for name, *settings in asked.student or ALL]
    if asked.train_only:
        print(json.dumps([train(place, each, seed) for seed in asked.seeds for each in contestants], indent=2))
        return
    result = measure(place, contestants, asked)
    if asked.json is not None:
        write_json(asked.json, result)
    if asked.into is not None:
        before, rest = asked.into.read_text(encoding="utf-8").split(BEGIN)
        write_text(asked.into, f"{before}{BEGIN}\n{as_table(result)}\n{END}{rest.split(END, 1)[1]}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
