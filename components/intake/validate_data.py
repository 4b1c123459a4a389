"""A raw dataset and its contract, to a verdict: facts, a readable list of faults, Data Docs as HTML, and pictures.

Pixel facts are computed once into a table, which stands on the disk. Two judges look at it: the plain rules of
judging/rules.py and a Great Expectations suite built from the same rules; they must agree. Every file of the report
depends on the data and the contract only: Great Expectations' times and random identifiers are replaced. Facts are kept
in a journal until a dataset is found sound, so that a run that was interrupted, or that comes after a file was mended,
decodes only what it must. Leaves out: mending anything.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.artefacts import replacing_folder, write_json, write_text
from components.contract import CONTRACTS, Contract
from components.engines import ONE_THREAD, Engine, Progress
from components.errors import DataFaultsError, JudgesDisagreeError
from components.intake.faults import (
    SEVERITIES,
    as_json,
    as_text,
    by_contract,
    counts,
    errors,
    first_of,
    severity_of,
)
from components.intake.judging.data_docs import publish
from components.intake.judging.near_copies import with_near_copies
from components.intake.judging.other_files import other_faults
from components.intake.judging.rules import Rule, broken_rows, counts_frame, judge, judge_counts, rules_of
from components.intake.layouts import Case, read_layout
from components.intake.likeness.proof import proof_stamp
from components.intake.measuring.facts import collect_facts, work_stamp
from components.intake.measuring.facts_table import COLUMNS, Facts
from components.intake.showing.thumbnails import write_thumbnails
from components.intake.showing.tiles import FACTS, FAULTS
from components.journal import Journal, work_folder
from components.types import Fault, Severity

FAULTS_TEXT, DOCS, THUMBNAILS = "faults.md", "docs", "thumbnails"
LAYOUT_RULE, COUNTS_RULE = "layout", "counts"
_SEVERITY = {"error": "critical", "warning": "warning", "info": "info"}
# Reports carry no time of their own, so that equal data give equal files; when a stage ran is MLflow's to say.
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the plain judge found: the facts of every image, all faults, and how counts compare (real data only).

    `cases` are the images that were judged, in the order of `facts`.
    """

    dataset: str
    phantom: bool
    facts: Facts
    faults: tuple[Fault, ...]
    layout: pd.DataFrame
    counts: pd.DataFrame
    cases: Sequence[Case] = ()

    @property
    def sound(self) -> bool:
        """Whether there is no fault of severity error."""
        return not errors(self.faults)

    def require_sound(self, report: Path) -> None:
        """Stop at errors.

        Raises
        ------
        DataFaultsError
            With the number of errors, the first of them, and the report that lists them all.
        """
        if found := errors(self.faults):
            raise DataFaultsError(
                f"{self.dataset}: {first_of(found)}",
                expected="no fault of severity error",
                remedy=f"read {report}, mend the data or its contract, and check again",
            )


def check_data(
    contract: Contract,
    folder: Path,
    *,
    phantom: bool = False,
    contracts: Path = CONTRACTS,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
    pairs_progress: Progress | None = None,
    journal: Journal | None = None,
    proofs: Journal | None = None,
) -> Checked:
    """Judge the dataset in `folder` by its contract, writing nothing but to `journal` and `proofs`.

    Parameters
    ----------
    phantom
        Whether the generator made the images: counts of the original and lists of related images then don't apply.
    contracts
        The folder of contracts, for lists of related images.
    engine
        Who decodes and compares images.
    progress
        Called with the number of images done, and of all.
    pairs_progress
        Called with the number of pairs compared that may be near copies, and of all.
    journal
        Facts of images that were decoded before; new ones are added.
    proofs
        Pairs that were compared before, under the stamp of `proof_stamp`; new ones are added.

    Raises
    ------
    LayoutError
        If the folder doesn't exist.
    ContractError
        If the contract's layout or group key can't be used.
    """
    reading = read_layout(contract, folder, phantom=phantom, contracts=contracts)
    facts = collect_facts(reading.cases, contract, folder, engine=engine, progress=progress, journal=journal)
    facts = with_near_copies(facts, reading.cases, contract, engine=engine, progress=pairs_progress, journal=proofs)
    read = [*reading.faults, *by_contract(other_faults(facts, reading, contract, folder), contract)]
    layout = pd.DataFrame(
        [(one.code, one.severity, one.file, one.found) for one in read],
        columns=["code", "severity", "file", "found"],
    )
    numbers = counts_frame(facts, contract, reading.excluded)
    if phantom:
        numbers = numbers.iloc[:0]
    faults = (*read, *judge(facts, contract), *judge_counts(numbers, contract))
    return Checked(contract.name, phantom, facts, faults, layout, numbers, reading.cases)


def validate_data(
    contract: Contract,
    folder: Path,
    *,
    out: Path,
    phantom: bool = False,
    contracts: Path = CONTRACTS,
    engine: Engine = ONE_THREAD,
    progress: Progress | None = None,
    pairs_progress: Progress | None = None,
    proofs: Path | None = None,
) -> Checked:
    """Judge a dataset and write the report folder `out`.

    It holds facts.parquet, faults.json, faults.md, docs/index.html and thumbnails/<code>.png.

    The report is written whether the dataset is sound or not; `Checked.require_sound` stops at errors. `proofs` is a
    folder that keeps what was found of pairs for the next time too. Other parameters and errors are those of
    `check_data`.
    """
    journal = Journal(work_folder(out), work_stamp(contract, phantom=phantom))
    checked = check_data(
        contract,
        folder,
        phantom=phantom,
        contracts=contracts,
        engine=engine,
        progress=progress,
        pairs_progress=pairs_progress,
        journal=journal,
        proofs=None if proofs is None else Journal(proofs, proof_stamp()),
    )
    with replacing_folder(out) as beside:
        checked.facts.write(beside / FACTS)
        summary = {
            "schema": 1,
            "dataset": contract.name,
            "phantom": phantom,
            "images": len(checked.facts),
            "sound": checked.sound,
            "counts": counts(checked.faults),
            "faults": as_json(checked.faults),
        }
        write_json(beside / FAULTS, summary)
        shown = write_thumbnails(
            beside / THUMBNAILS, checked.faults, checked.cases, contract, folder=folder, phantom=phantom
        )
        pictures = {code: f"{THUMBNAILS}/{code}.png" for code in shown}
        write_text(beside / FAULTS_TEXT, as_text(checked.faults, title=title(checked), pictures=pictures))
        verdicts = gx_verdicts(checked, contract, docs=beside / DOCS, pictures=pictures)
        _require_agreement(contract, plain_verdicts(checked, contract), verdicts)
    # What is mended after an unsound verdict is one file or two; the facts of all others stay for the next try.
    if checked.sound:
        shutil.rmtree(journal.folder)
    return checked


def _require_agreement(contract: Contract, plain: Mapping[str, bool], expected: Mapping[str, bool]) -> None:
    """Stop where the two judges differ; no report is written then.

    Raises
    ------
    JudgesDisagreeError
        Naming each rule on which they differ.
    """
    told = {True: "holds", False: "is broken", None: "isn't judged"}
    differ = [
        f"{rule} {told[plain.get(rule)]} by the plain rules, {told[expected.get(rule)]} by Great Expectations"
        for rule in sorted({*plain, *expected})
        if plain.get(rule) != expected.get(rule)
    ]
    if differ:
        raise JudgesDisagreeError(
            f"{contract.name}: the two judges of one table disagree: {'; '.join(differ)}",
            expected="one verdict on each rule",
            remedy=f"trust neither: look at the files yourself (`sonoforge data check {contract.name}` lists what the "
            "plain rules found), and report the rules named above as a bug",
        )


def title(checked: Checked) -> str:
    """The heading of a list of faults."""
    kind = "phantom images" if checked.phantom else "images"
    return f"{checked.dataset}: {len(checked.facts)} {kind} with annotation"


def plain_verdicts(checked: Checked, contract: Contract) -> dict[str, bool]:
    """Whether each rule holds, by the plain judge."""
    verdicts = {rule: rows == 0 for rule, rows in broken_rows(checked.facts, contract).items()}
    verdicts[LAYOUT_RULE] = not (checked.layout["severity"] == "error").any()
    if len(checked.counts):
        verdicts[COUNTS_RULE] = bool((checked.counts["stated"] == checked.counts["found"]).all())
    return {name: bool(held) for name, held in verdicts.items()}


def gx_verdicts(
    checked: Checked, contract: Contract, *, docs: Path | None = None, pictures: Mapping[str, str] | None = None
) -> dict[str, bool]:
    """Whether each rule holds, by Great Expectations; its Data Docs go to the new folder `docs`.

    `pictures` are what shows a code's images, relative to the folder that holds `docs`.
    It looks at a whole table, not at some rows at a time: it takes 120 MB as such, and of each image the columns of the
    rules, some 0.4 kB.
    """
    # Read at import; nothing may be sent anywhere.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # 5 s, and only this function needs it

    rules = rules_of(contract)
    judged = _plain(checked.facts.batches([rule.column for rule in rules]), len(checked.facts))
    tables: dict[str, tuple[pd.DataFrame, list[Any]]] = {
        "images": (judged, [_expectation(rule, contract) for rule in rules]),
        "layout": (_plain([checked.layout], len(checked.layout)), [_layout_expectation()]),
    }
    if len(checked.counts):
        tables["counts"] = (_plain([checked.counts], len(checked.counts)), [_counts_expectation(contract)])
    with tempfile.TemporaryDirectory(prefix="sonoforge-gx-") as scratch:
        context = gx.get_context(mode="file", project_root_dir=scratch)
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_pandas(f"{contract.name}{' (phantom)' if checked.phantom else ''}")
        verdicts: dict[str, bool] = {}
        unmet: dict[str, list[Severity]] = {}
        for name, (frame, expectations) in tables.items():
            suite = context.suites.add(gx.ExpectationSuite(f"{contract.name} {name}", expectations=expectations))
            batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
            definition = context.validation_definitions.add(
                gx.ValidationDefinition(name=f"{contract.name} {name}", data=batch, suite=suite)
            )
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(name=f"{contract.name} {name}", validation_definitions=[definition])
            )
            run = gx.RunIdentifier(run_name="validate_data", run_time=_NO_TIME)
            result = checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run)
            for outcome in next(iter(result.run_results.values())).results:
                meta = outcome.expectation_config.meta
                verdicts[meta["rule"]] = bool(outcome.success)
                unmet.setdefault(suite.name, []).extend([] if outcome.success else [meta["severity"]])
        if docs is not None:
            context.build_data_docs()
            site = Path(scratch) / "gx" / "uncommitted" / "data_docs" / "local_site"
            shown = {code: f"../{place}" for code, place in (pictures or {}).items()}
            publish(
                site,
                docs,
                title=title(checked),
                faults=checked.faults,
                verdicts=verdicts,
                unmet=unmet,
                pictures=shown,
            )
    return verdicts


def _plain(batches: Iterable[pd.DataFrame], rows: int) -> pd.DataFrame:
    """A table as Great Expectations takes it: floats in arrays, all else as Python objects, None where missing."""
    columns: dict[str, np.ndarray] = {}
    first = 0
    for frame in batches:
        for name, values in frame.items():
            shares = values.dtype == "Float64"
            whole = columns.setdefault(str(name), np.empty(rows, np.float64 if shares else object))
            missing = np.nan if shares else None
            whole[first : first + len(frame)] = values.astype(object).where(values.notna(), missing)
        first += len(frame)
    # Each column where it was filled: no second copy.
    return pd.DataFrame(columns, copy=False)


def _expectation(rule: Rule, contract: Contract) -> Any:
    import great_expectations.expectations as expect

    severity = severity_of(rule.code, contract)
    common: dict[str, Any] = {
        "column": rule.column,
        "meta": {"rule": rule.name, "code": rule.code, "severity": severity},
        "severity": _SEVERITY[severity],
        "notes": f"{severity}: {rule.code}",
    }
    if rule.kind == "unique":
        return expect.ExpectColumnValuesToBeUnique(**common)
    if rule.kind == "between":
        return expect.ExpectColumnValuesToBeBetween(min_value=rule.low, max_value=rule.high, **common)
    clear: list[Any] = [False] if COLUMNS[rule.column] == "boolean" else [""]
    return expect.ExpectColumnValuesToBeInSet(value_set=clear, **common)


def _layout_expectation() -> Any:
    import great_expectations.expectations as expect

    return expect.ExpectColumnValuesToNotBeInSet(
        column="severity",
        value_set=["error"],
        meta={"rule": LAYOUT_RULE, "severity": "error"},
        severity="critical",
        notes="error: what was found while reading the folders",
    )


def _counts_expectation(contract: Contract) -> Any:
    import great_expectations.expectations as expect

    severity = min((severity_of(code, contract) for code in ("image_count", "class_count")), key=SEVERITIES.index)
    return expect.ExpectColumnPairValuesToBeEqual(
        column_A="stated",
        column_B="found",
        meta={"rule": COUNTS_RULE, "severity": severity},
        severity=_SEVERITY[severity],
        notes=f"{severity}: the authors' numbers of images against those found",
    )
