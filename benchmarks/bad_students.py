"""A finished run's student made bad on purpose, in one way after another, and what the gate says of each.

    .venv/bin/python benchmarks/bad_students.py [PROJECT] [--out FILE]

PROJECT is where the graph ran (by default here); nothing in it is changed. Each bad student differs from the judged one
in a single respect, and everything else about it is made to look right, so that what refuses it is that respect: where
its weights are others, package and documents are said to be about them. The evidence is read and judged by the gate's
own functions. Prints a table, and ends with 1 if one isn't refused for its reason. `--out` gets the same as JSON.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnx import numpy_helper
from rich.console import Console
from rich.table import Table

from components.artefacts import WEIGHTS, read_description, save_model, sha256_of, write_json
from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.seeds import SISTER
from components.evaluation.scoring.cases import METRIC_COLUMNS, Contender
from components.evaluation.validate import ValidationResult, select_test, validate
from components.intake.form.records import read_manifests, read_split, write_split
from components.journal import Journal
from components.listing import MODEL
from components.params import Params, load_params
from components.promptable.predict import pick_device, pin_threads
from components.promptable.runtimes.sealed import seal
from components.release.checks.data import SPLIT
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.recount import recount
from components.release.checks.robustness import EXACT, SLOPPIEST
from components.release.gate import Verdict, judge
from components.release.gathering import gather, on_test_side, package_changes, try_model
from components.release.packing.golden import choose_golden
from components.release.packing.package import exported_agreement
from components.release.packing.packaged import CANDIDATE
from components.release.records.ledger import LEDGER, read_ledger
from components.students import build_student, load_student
from components.types import Record

STUDENT = Path("models/student")
SISTERS = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A bad student: what was done to it, which checks must refuse it, and which that let the good one through did."""

    name: str
    done: str
    expected: tuple[str, ...]
    verdict: str
    failed: tuple[str, ...]
    reason: str

    @property
    def as_it_should(self) -> bool:
        """Whether it was refused, and for its reason."""
        return self.verdict != "PASS" and set(self.expected) <= {name.partition(":")[0] for name in self.failed}


def refused(verdict: Verdict) -> frozenset[tuple[str, str]]:
    """The checks that don't pass, each with its verdict: one that couldn't be said before, and fails now, is new."""
    return frozenset((check.id, check.verdict) for check in verdict.checks if check.verdict != "PASS")


@dataclass(frozen=True)
class Bench:
    """The finished run: its parameters, its evidence, the rules, its internal images, and a folder for bad copies."""

    root: Path
    params: Params
    good: Evidence
    rules: Rules
    records: list[Record]
    scratch: Path

    @cached_property
    def before(self) -> frozenset[tuple[str, str]]:
        """The checks that the good student itself doesn't pass."""
        return refused(judge(self.good, self.rules))

    def judged(self, name: str, done: str, expected: tuple[str, ...], bad: Evidence, rules: Rules | None) -> Judged:
        """Judge a bad student; by other rules, where those are given."""
        before = self.before if rules is None else refused(judge(self.good, rules))
        verdict = judge(bad, rules or self.rules)
        new = [check for check in verdict.checks if check.verdict != "PASS" and (check.id, check.verdict) not in before]
        named = [check.reason for check in new if check.id.partition(":")[0] in expected]
        return Judged(name, done, expected, verdict.verdict, tuple(c.id for c in new), named[0] if named else "")


def main() -> None:
    """Judge the student, then each bad one, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pin_threads()
    with tempfile.TemporaryDirectory() as scratch:
        bench = prepare(options.project.resolve(), Path(scratch))
        good = judge(bench.good, bench.rules)
        found = list(bad_students(bench))
    show(good, found)
    if options.out:
        write_json(options.out, {"schema": 1, "good": good.as_json(), "bad": [asdict(one) for one in found]})
    sys.exit(0 if all(one.as_it_should for one in found) else 1)


def prepare(root: Path, scratch: Path) -> Bench:
    """Read what a finished run left."""
    params = load_params(root / "params.yaml")
    rules = Rules.of(params)
    records = [record for of in read_manifests(root / "data/02_harmonised/internal").values() for record in of]
    return Bench(root, params, gathered(root, params, scratch), rules, records, scratch)


def gathered(root: Path, params: Params, scratch: Path) -> Evidence:
    """The gate's own reading of a project."""
    return gather(
        root,
        model=root / STUDENT,
        internal=params.names("internal"),
        external=params.names("external"),
        champion=read_ledger(root / LEDGER).champion,
        params=params,
        device=str(pick_device()),
        workers=2,
        proofs=Journal(scratch / "pairs", {}),
    )


def bad_students(bench: Bench) -> Iterator[Judged]:
    """Each bad student, judged."""
    good = bench.good
    untrained = score_untrained(bench)
    yield bench.judged(
        "random weights",
        "a student that was never trained, scored on the same prompts",
        ("floor", "skill", "teacher"),
        with_random_weights(bench, untrained),
        None,
    )
    yield bench.judged(
        "copy of the ellipse",
        "its masks are the ellipse inscribed in the box",
        ("skill", "skill_share"),
        replace(good, cases=with_ellipses(good.cases)),
        None,
    )
    leaky = gathered(leaky_project(bench), bench.params, bench.scratch)
    provenance = good.description.provenance
    trained_on = {**provenance, "data": {**provenance["data"], SPLIT: leaky.split_digest}}
    learned = good.description.model_copy(update={"provenance": trained_on})
    done = "trained by a split in which an image of a test patient lies among those of training"
    yield bench.judged("leaked data", done, ("leak",), replace(leaky, description=learned), None)
    hidden = replace(good, description=learned)
    yield bench.judged(
        "leaked data, hidden", "the same, and the split put right afterwards", ("trained_split",), hidden, None
    )
    strict = replace(bench.rules, limits=bench.rules.limits.model_copy(update={"min_seeds": SISTERS}))
    sisters = replace(good, cases=with_sisters(good.cases, untrained.cases))
    done = f"{SISTERS} sisters with other seeds are no better than untrained"
    yield bench.judged("lucky seed", done, ("seeds",), sisters, strict)
    yield from made_up_tables(bench)
    done = "the smallest Dice that is asked for was lowered after training"
    yield bench.judged("limits from afterwards", done, ("declared",), replace(good, judged_by="0" * 64), None)
    yield from broken_exports(bench)


def made_up_tables(bench: Bench) -> Iterator[Judged]:
    """Tables that aren't what they say, and a student that fails where nobody used to look."""
    good, limits, asked = bench.good, bench.rules.limits, bench.params.prompts
    test = on_test_side(bench.records, read_split(bench.root / SPLIT))

    def counted(cases: pd.DataFrame) -> Evidence:
        found = recount(cases, test, prompts=asked, evaluate=bench.params.evaluate, skill_prompt=limits.skill_prompt)
        return replace(good, cases=cases, recounts={**good.recounts, "internal": found})

    ours = good.cases["model"] == SUBJECT
    hardest = good.cases[ours & (good.cases["prompt"] == limits.skill_prompt)].nsmallest(9, "dice").index
    yield bench.judged(
        "hard cases left out", "its nine worst rows deleted", ("rows",), counted(good.cases.drop(hardest)), None
    )
    flattered = good.cases.assign(dice=good.cases["dice"].mask(ours, good.cases["dice"] ** 0.5))
    yield bench.judged("scores made up", "its Dice written anew, its masks kept", ("scores",), counted(flattered), None)
    strangers = good.cases.assign(model_digest=good.cases["model_digest"].mask(ours, "0" * 64))
    done = "the rows are of other weights"
    yield bench.judged("foreign scores", done, ("scored_by",), replace(good, cases=strangers), None)
    outside = good.external_cases
    blank = outside.assign(dice=outside["dice"].mask(outside["model"] == SUBJECT, 0.0))
    done = "it finds nothing on external images"
    yield bench.judged("external collapse", done, ("floor_external",), replace(good, external_cases=blank), None)
    swapped = replace(good, metrics={**good.metrics, "calibration": {SUBJECT: "0" * 64}})
    done = "the calibration that would be released isn't the one that was scored"
    yield bench.judged("swapped calibration", done, ("scored_calibration",), swapped, None)


def score_untrained(bench: Bench) -> ValidationResult:
    """An untrained student in a folder like the candidate's, scored on the kinds of prompt that the gate judges."""
    folder = bench.scratch / "untrained"
    weights = build_student(bench.params.student, model=bench.params.model, seed=1).state_dict()
    save_model(folder, weights, bench.good.description)
    segmenter, description = load_student(folder)
    device = str(pick_device())
    model = Contender(segmenter.to(device), description.digest, description.name, description.phantom)
    asked = bench.params.prompts.evaluate
    kinds = tuple(kind for kind in asked.kinds if kind in (bench.rules.limits.skill_prompt, EXACT, SLOPPIEST))
    return validate(
        select_test(bench.records, read_split(bench.root / SPLIT)),
        models={SUBJECT: model},
        prompts=bench.params.prompts.model_copy(update={"evaluate": asked.model_copy(update={"kinds": kinds})}),
        params=bench.params.evaluate,
        device=device,
        partial=bench.scratch / "rows",
    )


def with_random_weights(bench: Bench, scored: ValidationResult) -> Evidence:
    """The evidence as if the untrained student had gone through the whole graph."""
    good, folder = bench.good, bench.scratch / "untrained"
    description = read_description(folder)
    ours = scored.cases[scored.cases["model"] == SUBJECT]
    parity, broken = try_model(folder, ours, bench.records, str(pick_device()))
    return replace(
        good,
        description=description,
        model_folder=folder,
        cases=pd.concat([good.cases[good.cases["model"] != SUBJECT], ours], ignore_index=True),
        metrics=scored.metrics,
        package=about(good.package, description.digest),
        documents=about(good.documents, description.digest),
        parity=parity,
        broken=broken,
    )


def about(report: Mapping[str, Any] | None, digest: str) -> dict[str, Any] | None:
    """A report that says it is about other weights."""
    return None if report is None else {**report, "model": {**report["model"], "digest": digest}}


def with_ellipses(cases: pd.DataFrame) -> pd.DataFrame:
    """The cases, in which the student answers each box with the inscribed ellipse."""
    keys = ["case_id", "prompt"]
    answers = [*METRIC_COLUMNS.values(), "predicted_area_px", "mask_counts"]
    theirs = cases[cases["model"] == ELLIPSE].set_index(keys)[answers]
    changed = cases.set_index(keys)
    ours = (changed["model"] == SUBJECT).to_numpy() & changed.index.isin(theirs.index)
    changed.loc[ours, answers] = theirs.loc[changed.index[ours]].to_numpy()
    return changed.reset_index().astype(cases.dtypes.to_dict())[list(cases.columns)]


def with_sisters(cases: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """The cases, and beside the student sisters that answer as the scored student does."""
    theirs = scored[scored["model"] == SUBJECT]
    named = [theirs.assign(model=f"{SISTER}{seed}") for seed in range(SISTERS)]
    return pd.concat([cases, *named], ignore_index=True)


def leaky_project(bench: Bench) -> Path:
    """The project over again, in links, with a split in which one image of training is of a test patient."""
    root = bench.scratch / "leaky"
    (root / SPLIT).parent.mkdir(parents=True)
    for name in (
        "params.yaml",
        "data/02_harmonised",
        "data/sides.csv",
        "data/03_splits/sources.json",
        "reports",
        "models",
    ):
        (root / name).symlink_to(bench.root / name)
    split = read_split(bench.root / SPLIT)
    test = split[split["split"] == "test"].iloc[0]
    train = split[(split["split"] == "train") & (split["dataset"] == test["dataset"])].index[0]
    split.loc[train, "group"] = test["group"]
    write_split(root / SPLIT, split)
    return root


def broken_exports(bench: Bench) -> Iterator[Judged]:
    """Files of the model that were altered, made wrongly, or may run code."""
    good, package = bench.good, bench.good.package
    with copied(bench, CANDIDATE) as folder:
        flip_byte(folder / "encoder.onnx")
        changed = replace(good, package_changes=package_changes(folder, package))
        yield bench.judged("altered ONNX", "one byte of encoder.onnx changed", ("package_files",), changed, None)
    if package is not None:
        with copied(bench, CANDIDATE) as folder:
            yield bench.judged(
                "wrong export",
                "weights in encoder.onnx off by 20 %, sealed and listed as if made so",
                ("exported_parity", "runtime_parity"),
                wrong_export(bench, folder, package),
                None,
            )
    with copied(bench, STUDENT) as folder:
        flip_byte(folder / WEIGHTS)
        parity, broken = try_model(folder, good.cases, bench.records, "cpu")
        altered = replace(good, model_folder=folder, parity=parity, broken=broken)
        yield bench.judged("altered weights", f"one byte of {WEIGHTS} changed", ("intact",), altered, None)
    with copied(bench, STUDENT) as folder:
        (folder / "optimizer.pt").write_bytes(b"\x80\x04.")
        pickled = replace(good, model_folder=folder)
        yield bench.judged("pickle", "a pickle lies beside the weights", ("no_pickle",), pickled, None)


def wrong_export(bench: Bench, folder: Path, package: Mapping[str, Any]) -> Evidence:
    """The evidence of a package whose encoder was exported wrongly, and tried as the stage `package` tries it."""
    path = folder / "encoder.onnx"
    model = onnx.load_from_string(path.read_bytes()[: -len(seal(b""))])
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim > 1:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.2), tensor.name))
    content = model.SerializeToString()
    path.write_bytes(content + seal(content))
    tables = [bench.good.cases, bench.good.external_cases]
    outer = [one for of in read_manifests(bench.root / "data/02_harmonised/external").values() for one in of]
    count = bench.params.package.golden_per_dataset
    golden = choose_golden(pd.concat(tables), [*bench.records, *outer], per_dataset=count)
    found = asdict(exported_agreement(folder, golden))
    parity = {**package["parity"], "exported": found}
    runtimes = {name: found if name == "onnxruntime" else other for name, other in package["runtimes"].items()}
    files = {**package["files"], f"{MODEL}encoder.onnx": sha256_of(path)}
    tried = {**package, "parity": parity, "runtimes": runtimes, "files": files}
    return replace(bench.good, package=tried, package_changes=package_changes(folder, tried))


@contextmanager
def copied(bench: Bench, name: Path) -> Iterator[Path]:
    """A copy of a folder of the project, for as long as it is needed."""
    with tempfile.TemporaryDirectory(dir=bench.scratch) as place:
        yield copytree(bench.root / name, Path(place) / name.name)


def flip_byte(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def show(good: Verdict, found: list[Judged]) -> None:
    """Print the table."""
    console = Console(width=160)
    console.print(f"the student itself: {good.verdict}")
    for reason in good.reasons:
        console.print(f"- {reason}")
    table = Table("bad student", "what was done", "verdict", "refused by", "for the right reason", "in words")
    for one in found:
        by = ", ".join(dict.fromkeys(name.partition(":")[0] for name in one.failed))
        table.add_row(one.name, one.done, one.verdict, by, "yes" if one.as_it_should else "NO", one.reason)
    console.print(table)


if __name__ == "__main__":
    main()
