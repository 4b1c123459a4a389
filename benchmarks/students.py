"""Every student from one teacher, by the same distillation: Dice with paired intervals, beside what a call costs.

    OMP_NUM_THREADS=2 .venv/bin/python benchmarks/students.py --project FOLDER --out FOLDER \\
        [--students rep_mini hiera_mini hiera_mini_fast] [--also busi=FOLDER] [--json benchmarks/students.json]

`--project` is a folder in which the graph has run as far as its teacher: its teacher, images and splits are taken, and
nothing is written there. Each student is trained by components/training/distil.py from the same parameters (`--params`,
or this project's) and seed into `--out`, where an interrupted training goes on and a finished one is kept; name another
folder once what trains has changed. All are scored on the test sides, by the validations' own code on the same prompts;
`--also` names real images, read by a dataset's contract, as a second test set that no training saw. Differences to
`hiera_mini` are taken case by case, and resampled by group (patient, video) within each dataset. Intervals cover the
choice of images, not the luck of a training: `--beside` scores further students, such as the same one trained again.

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
from typing import Any

import pandas as pd
import torch

from components.artefacts import read_description, write_json
from components.contract import load_contract
from components.evaluation.comparing.json_form import interval_key, to_json
from components.evaluation.comparing.statistics import Estimate, cluster_mean, paired_differences
from components.evaluation.comparing.summary import bootstrap_of
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.metrics import Tolerances
from components.evaluation.speed import as_records, describe_machine, time_interleaved
from components.evaluation.validate import score_records, select_test
from components.intake.form.records import read_manifest, read_split
from components.intake.harmonise import harmonise
from components.params import Params, load_params
from components.promptable.export import export_onnx
from components.promptable.model_folder import save_segmenter
from components.promptable.predict import Promptable, pick_device
from components.promptable.runtimes.onnxruntime import open_model
from components.promptable.runtimes.sealed import DECODER, ENCODER, unsealed
from components.promptable.segmenter import PromptBatch, Segmenter
from components.promptable.summary import parameter_row
from components.students import build_student, load_student, student_adapter, student_trunk
from components.teacher.build import load_teacher
from components.training.distil import distil
from components.types import Record
from pipelines.training import INTERNAL, SPLIT, records_of

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "data/contracts"
TEACHER = "teacher"
KINDS = ("box", "box_jitter", "click")
LARGEST_LOSS_DICE = 0.005
"""A student loses nothing measurable if no mean over the datasets is below the first's by more, and no set is surely
worse."""
TRIAL_IMAGES = 24


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comparison takes its data from and leaves its models, and its parameters."""

    project: Path
    out: Path
    params: Params
    trial: bool

    def params_of(self, name: str) -> Params:
        """The parameters with another student."""
        return self.params.model_copy(update={"student": self.params.student.model_copy(update={"name": name})})


def train(place: Place, name: str) -> dict[str, Any]:
    """Distil a student, or find it distilled; what is known of its training."""
    folder = place.out / name
    key = _key(place, name)
    done = folder / "training.json"
    if done.is_file() and json.loads(done.read_text(encoding="utf-8"))["key"] == key:
        return dict(json.loads(done.read_text(encoding="utf-8")))
    params = place.params_of(name)
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
        report=_tell(name),
    )
    save_segmenter(
        folder / "model",
        student,
        kind="student",
        name=name,
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


def _key(place: Place, name: str) -> str:
    """What a training depends on beside the code: parameters, teacher, images."""
    params = place.params_of(name)
    taken = {part: getattr(params, part).model_dump(mode="json") for part in ("model", "prompts", "augment", "student")}
    teacher = read_description(place.project / "models/teacher").digest
    pixels = [record.pixels_md5 for side in ("train", "val") for record in records_of(place.project, side)]
    said = [taken, params.distil.model_dump(mode="json"), teacher, pixels, place.trial]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def test_side(place: Place) -> list[Record]:
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


def contenders(place: Place, names: Sequence[str]) -> dict[str, Contender]:
    """The teacher and the students that were trained."""
    models = {TEACHER: _contender(*load_teacher(place.project / "models/teacher"))}
    return models | {name: _contender(*load_student(place.out / name / "model")) for name in names}


def beside(texts: Sequence[str]) -> dict[str, Contender]:
    """The student of each `NAME=FOLDER`."""
    named = (text.partition("=") for text in texts)
    return {name: _contender(*load_student(Path(folder))) for name, _, folder in named}


def score(place: Place, models: Mapping[str, Contender], records: Sequence[Record], kept: str) -> pd.DataFrame:
    """The cases of models on the same prompts."""
    prompts = place.params.prompts
    evaluate = prompts.evaluate.model_copy(update={"kinds": KINDS})
    cases = score_records(
        records,
        models=models,
        prompts=prompts.model_copy(update={"evaluate": evaluate}),
        tolerances=Tolerances(px=place.params.evaluate.nsd_tolerance_px, mm=place.params.evaluate.nsd_tolerance_mm),
        device=str(pick_device()),
        partial=place.out / kept,
    )
    return cases[cases["model"].isin(models)]


def _contender(segmenter: Segmenter, described: Any) -> Contender:
    return Contender(
        segmenter.to(pick_device()), described.digest, described.name, described.phantom, described.exposure
    )


def compare(cases: pd.DataFrame, params: Params, *, first: str) -> dict[str, Any]:
    """By kind of prompt and model: mean Dice over all datasets and of each, and the difference to the first student."""
    return {
        str(kind): {
            str(who): _of_model(of_kind, str(who), params, first=first) for who in dict.fromkeys(of_kind["model"])
        }
        for kind, of_kind in cases.groupby("prompt", sort=False)
    }


def _of_model(cases: pd.DataFrame, who: str, params: Params, *, first: str) -> dict[str, Any]:
    bootstrap = bootstrap_of(params.evaluate)
    ours = cases[cases["model"] == who].set_index("case_id")
    theirs = cases[cases["model"] == first].set_index("case_id").loc[ours.index]
    parts = {"all": ours} | {str(name): of for name, of in ours.groupby("dataset")}
    found: dict[str, Any] = {}
    for name, part in parts.items():
        groups, strata = part["group"].tolist(), part["dataset"].tolist()
        mean = cluster_mean(part["dice"], groups, bootstrap=bootstrap, strata=strata)
        found[name] = {"dice": _shown(mean, params)}
        if who != first:
            (less,) = paired_differences(
                part[["dice"]], theirs.loc[part.index, ["dice"]], groups, bootstrap=bootstrap, strata=strata
            )
            found[name][f"less_{first}"] = _shown(less, params)
    return found


def _shown(estimate: Estimate, params: Params) -> dict[str, Any]:
    bootstrap = bootstrap_of(params.evaluate)
    found = to_json(estimate, bootstrap)
    key = interval_key(bootstrap.confidence)
    rounded = [None if each is None else round(each, 4) for each in (found["mean"], *found[key])]
    return {"mean": rounded[0], key: rounded[1:], "cases": found["n"], "groups": found["groups"]}


def loses_nothing(compared: Mapping[str, Any], name: str, params: Params, *, first: str) -> dict[str, bool]:
    """By kind of prompt, whether a student loses nothing measurable against the first."""
    key = interval_key(params.evaluate.confidence)
    return {
        kind: all(
            of[f"less_{first}"]["mean"] >= -LARGEST_LOSS_DICE
            if part == "all"
            else of[f"less_{first}"][key][1] is None or of[f"less_{first}"][key][1] >= 0
            for part, of in by_model[name].items()
        )
        for kind, by_model in compared.items()
    }


def latencies(params: Params, names: Sequence[str], size_px: int, rounds: int) -> dict[str, Any]:
    """Encoder and decoder of every student by PyTorch and by ONNX Runtime; weights don't matter to time."""
    model = params.model.model_copy(update={"image_size_px": size_px})
    encode: dict[str, Callable[[], object]] = {}
    decode: dict[str, Callable[[], object]] = {}
    image = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))
    corners = torch.tensor([[[0.25, 0.25], [0.75, 0.75]]]) * size_px
    prompt = PromptBatch(torch.zeros(1, dtype=torch.int64), corners, torch.tensor([[2, 3]]))
    for name in names:
        student = params.student.model_copy(update={"name": name})
        segmenter = build_student(student, model=model, seed=1).eval()
        exported = _exported(segmenter)
        for runtime, run in (("PyTorch", segmenter), ("ONNX Runtime", exported)):
            encode[f"{name}, {runtime}"] = _encoding(run, image)
            decode[f"{name}, {runtime}"] = _decoding(run, image, prompt)
    with torch.inference_mode():
        return {
            "image_size_px": size_px,
            "encoder": as_records(time_interleaved(encode, rounds=rounds, warm_up=2, clock=time.process_time)),
            "decoder": as_records(time_interleaved(decode, rounds=rounds, warm_up=2, clock=time.process_time)),
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


def sizes_of(params: Params, names: Sequence[str]) -> dict[str, Any]:
    """Parameters of each student's encoder, with adapters."""
    adapter = student_adapter(params.student)
    rows = {
        name: parameter_row(
            name,
            student_trunk(params.student.model_copy(update={"name": name})),
            adapter,
            image_size_px=params.model.image_size_px,
        )
        for name in names
    }
    return {name: {"encoder": row.encoder, "image_path": row.image_path} for name, row in rows.items()}


def measure(place: Place, asked: argparse.Namespace) -> dict[str, Any]:
    """Train, score, compare and time."""
    first = "hiera_mini" if "hiera_mini" in asked.students else asked.students[0]
    trained = {name: train(place, name) for name in asked.students}
    torch.set_num_threads(1)  # as for the timings; on a busy machine two wait for each other
    models = contenders(place, asked.students)
    parts = [score(place, models, test_side(place), "rows")]
    if asked.beside:
        parts.append(score(place, beside(asked.beside), test_side(place), "rows_beside"))
    compared = compare(pd.concat(parts), place.params, first=first)
    result: dict[str, Any] = {
        "schema": 1,
        "machine": describe_machine() | {"load_average": [round(each, 2) for each in os.getloadavg()]},
        "first": first,
        "teacher": read_description(place.project / "models/teacher").name,
        "training": trained,
        "parameters": sizes_of(place.params, asked.students),
        "image_size_px": place.params.model.image_size_px,
        "test": {"phantom": all(one.phantom for one in test_side(place)), "images": len(test_side(place)), **compared},
        "loses_nothing": {
            name: loses_nothing(compared, name, place.params, first=first) for name in asked.students if name != first
        },
    }
    if asked.also:
        records = real_images(asked.also, place.out / "real")
        cases = score(place, models, records, "rows_real")
        result["real"] = {"phantom": False, "images": len(records), **compare(cases, place.params, first=first)}
    result["latency"] = [latencies(place.params, asked.students, size, asked.rounds) for size in asked.sizes]
    return result


def main() -> None:
    """Measure, write JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=ROOT / "params.yaml")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--students", nargs="+", default=["rep_mini", "hiera_mini", "hiera_mini_fast"])
    parser.add_argument("--also", nargs="*", default=[], metavar="DATASET=FOLDER")
    parser.add_argument("--beside", nargs="*", default=[], metavar="NAME=FOLDER", help="students trained elsewhere")
    parser.add_argument("--sizes", type=int, nargs="*", default=[512, 1024])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--trial", action="store_true")
    parser.add_argument("--train-only", action="store_true", help="leave scoring and timing to a later call")
    asked = parser.parse_args()
    params = load_params(asked.params)
    if asked.trial:
        params = params.model_copy(update={"distil": params.distil.model_copy(update={"epochs": 1})})
    place = Place(asked.project.resolve(), asked.out.resolve(), params, asked.trial)
    if asked.train_only:
        print(json.dumps({name: train(place, name) for name in asked.students}, indent=2))
        return
    result = measure(place, asked)
    if asked.json is not None:
        write_json(asked.json, result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
