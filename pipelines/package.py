"""A student, its calibration and scored cases to `models/candidate`, its Bento, and `reports/package.json`.

The Bento is built, started in a sandbox and asked the golden cases, so that the gate judges what would be served. It
stays in the local store until the next candidate's takes its place; a release builds its own, which must be the same.
Leaves out: judging (gate) and releasing (promote).
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from components.artefacts import ModelDescription, write_json
from components.intake.form.records import read_manifests
from components.params.serving import RuntimeName
from components.promptable.predict import pin_threads
from components.release.packing.bento import BuiltBento, build_candidate
from components.release.packing.golden import Agreement, GoldenImage, choose_golden
from components.release.packing.package import (
    allowed_runtimes,
    assemble,
    exported_agreement,
    package_record,
    runtime_agreement,
    served_agreement,
)
from components.release.packing.packaged import CANDIDATE, PACKAGE
from components.release.packing.trial import Trial, try_bento
from components.tables import read_table
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step

PARAMS = ("package", "serving")
DATA = (
    "data/02_harmonised",
    "models/student",
    "models/calibration",
    "reports/internal/cases.parquet",
    "reports/external/cases.parquet",
)
CALIBRATION = Path("models/calibration/calibration.json")

log = logging.getLogger(__name__)


@step(timeout_s=3600, retries=1)
def choose(job: Job) -> list[GoldenImage]:
    """The golden cases of all datasets."""
    tables = [
        read_table(job.root / f"reports/{role}/cases.parquet", stage=f"validate_{role}")
        for role in ("internal", "external")
    ]
    records = [
        record
        for role in ("internal", "external")
        for of_dataset in read_manifests(job.root / "data/02_harmonised" / role).values()
        for record in of_dataset
    ]
    # An empty table's columns have no types to go by; where all are empty, any of them says so.
    cases = pd.concat([table for table in tables if len(table)] or tables[:1])
    return choose_golden(cases, records, per_dataset=job.params.package.golden_per_dataset)


@step(timeout_s=3600, retries=1)
def export(job: Job, golden: list[GoldenImage]) -> tuple[ModelDescription, Agreement, dict[RuntimeName, Agreement]]:
    """Write the candidate's folder, and try its ONNX files, and each runtime that may serve it."""
    pin_threads()
    folder = job.root / CANDIDATE
    chosen = job.params.serving.runtime
    description = assemble(
        folder,
        model=job.root / "models/student",
        calibration=job.root / CALIBRATION,
        golden=golden,
        # Which one a machine takes by itself isn't known here.
        runtime="onnxruntime" if chosen == "auto" else chosen,
    )
    exported = exported_agreement(folder, golden)
    runtimes = {
        name: exported if name == "onnxruntime" else runtime_agreement(folder, golden, name)
        for name in allowed_runtimes(folder, chosen)
    }
    return description, exported, runtimes


@step(timeout_s=3600, retries=1)
def build(job: Job) -> BuiltBento:
    """Build the candidate's Bento."""
    return build_candidate(job.root, job.root / CANDIDATE)


@step(timeout_s=3600)
def try_out(job: Job, built: BuiltBento, golden: list[GoldenImage]) -> Trial:
    """Start the Bento and ask it the golden cases."""
    return try_bento(built.folder, golden, digest=built.model_digest, repeats=job.params.package.repeats)


@step(timeout_s=3600, retries=1)
def compare(job: Job, golden: list[GoldenImage], trial: Trial) -> Agreement:
    """Hold the service's answers against those of its runtime alone."""
    return served_agreement(job.root / CANDIDATE, golden, trial)


@stage(params=PARAMS, data=DATA, timeout_s=4 * 3600)
def package(job: Job) -> None:
    """Build what would be released, and try it."""
    golden = choose(job)
    description, exported, runtimes = export(job, golden)
    built = build(job)
    trial = try_out(job, built, golden)
    record = package_record(
        description,
        tag=built.tag,
        bento=built.folder,
        golden=golden,
        exported=exported,
        runtimes=runtimes,
        served=compare(job, golden, trial),
        trial=trial,
    )
    write_json(job.root / PACKAGE, record)
    log.info(
        "%s by %s: ready in %.1f s, %.0f MB", built.tag, trial.runtime, record["start_s"], record["peak_memory_mb"]
    )
    for name, found in record["latency_ms"].items():
        log.info("- %s: %.0f ms, 95 %% within %.0f ms", name, found["p50"], found["p95"])
    job.run.log_tags({"sonoforge.bento": built.tag, "sonoforge.package": record["package_sha256"]})
    job.run.log_artifact(job.root / PACKAGE)


if __name__ == "__main__":
    package.main()
