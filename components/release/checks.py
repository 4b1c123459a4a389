"""Evidence about a candidate to single checks: each with a verdict, its value, its limit and a reason in words.

A check says PASS, FAIL (measured on enough cases, or clearly, and not good enough) or INSUFFICIENT (it can't be said).
Leaves out: gathering evidence from files, and the verdict over all (components/release/gate.py).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from components.artefacts import ModelDescription
from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.statistics import Bootstrap, Estimate, cluster_mean
from components.evaluation.comparing.summary import SUBJECT, compare
from components.evaluation.exposure import by_patients
from components.evaluation.parity import Parity
from components.intake.sides.record import SIDES
from components.intake.sides.relatives import Key
from components.intake.sides.sources import Sources
from components.params import GateParams

Outcome = Literal["PASS", "FAIL", "INSUFFICIENT"]
SAFE_SUFFIXES = frozenset({".safetensors", ".json", ".md", ".onnx"})
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One condition: its id (`name` or `name:dataset`), verdict, measured value, limit, and the reason."""

    id: str
    verdict: Outcome
    value: float | str | None
    limit: float | str | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The check as `gate.json` holds it."""
        return asdict(self)


def combined(outcomes: Iterable[Outcome]) -> Outcome:
    """The verdict over all checks: any FAIL makes it FAIL, else any INSUFFICIENT makes it INSUFFICIENT."""
    found = set(outcomes)
    return "FAIL" if "FAIL" in found else "INSUFFICIENT" if "INSUFFICIENT" in found else "PASS"


@dataclass(frozen=True)
class Evidence:
    """All that a verdict rests on.

    `cases` and `external_cases` are the validations' tables; `internal` and `external` the names of the run's
    datasets of each role. `faults` holds each dataset's faults (None where its data were never judged); `leak` what
    was found on both sides of a boundary, if anything. `sources` says which datasets hold the same patients.
    `champion` is the digest of the model in use, if there is one. `real_images` counts the real images of the split,
    `off_record` names those whose sides aren't on record.
    """

    description: ModelDescription
    model_folder: Path
    cases: pd.DataFrame
    external_cases: pd.DataFrame
    internal: tuple[str, ...]
    external: tuple[str, ...]
    faults: Mapping[str, Sequence[Mapping[str, Any]] | None]
    leak: str | None
    champion: str | None
    parity: Parity
    sources: Sources
    real_images: int
    off_record: tuple[Key, ...]


def check_provenance(evidence: Evidence) -> Check:
    """Whether the model says on which code, parameters, data and seeds it was made."""
    record = evidence.description.provenance
    gaps = [key for key in ("git_sha", "params_sha256", "lock_sha256") if record.get(key) in (None, "", UNKNOWN)]
    gaps += [f"data {path}" for path, digest in (record.get("data") or {}).items() if digest in ("", UNKNOWN)]
    gaps += [key for key in ("data", "seeds") if not record.get(key)]
    if gaps:
        return Check("provenance", "INSUFFICIENT", ", ".join(gaps), "complete", f"it isn't known: {', '.join(gaps)}")
    return Check(
        "provenance", "PASS", str(record["git_sha"])[:12], "complete", "code, parameters, data and seeds known"
    )


def check_clean_tree(evidence: Evidence, params: GateParams) -> Check:
    """Whether the code that made the model is that of a commit."""
    record = evidence.description.provenance
    sha, dirty = record.get("git_sha") or UNKNOWN, list(record.get("dirty") or ())
    if sha != UNKNOWN and not dirty:
        return Check(
            "clean_tree", "PASS", "clean", "clean", f"trained on commit {str(sha)[:12]}, nothing changed beside it"
        )
    named = ", ".join(map(str, dirty[:10])) + (f" and {len(dirty) - 10} more" if len(dirty) > 10 else "")
    found = "the commit is unknown" if sha == UNKNOWN else f"trained with changes that no commit holds: {named}"
    if params.require_clean_tree:
        return Check("clean_tree", "INSUFFICIENT", named or UNKNOWN, "clean", f"{found}; commit them and train again")
    return Check(
        "clean_tree", "PASS", named or UNKNOWN, "not required", f"{found}; params.yaml doesn't require a clean tree"
    )


def check_data(evidence: Evidence) -> list[Check]:
    """Whether each dataset of the run passed its validation."""
    checks = []
    for name in (*evidence.internal, *evidence.external):
        faults = evidence.faults.get(name)
        if faults is None:
            checks.append(Check(f"data:{name}", "INSUFFICIENT", None, 0, f"{name} was never validated"))
            continue
        errors = [fault for fault in faults if fault["severity"] == "error"]
        codes = ", ".join(sorted({str(fault["code"]) for fault in errors}))
        reason = f"{name} has {len(errors)} errors: {codes}" if errors else f"{name} passed its validation"
        checks.append(Check(f"data:{name}", "FAIL" if errors else "PASS", len(errors), 0, reason))
    return checks


def check_leak(evidence: Evidence) -> Check:
    """Whether training, test and external images are apart."""
    if evidence.leak is not None:
        return Check("leak", "FAIL", evidence.leak, "none", evidence.leak)
    return Check("leak", "PASS", "none", "none", "no group and no image stands on two sides")


def check_sides(evidence: Evidence) -> Check:
    """Whether all real images of the split are on record on the sides that they have in it."""
    real, missing = evidence.real_images, evidence.off_record
    if not real:
        return Check("sides", "PASS", 0, 0, "phantoms only, whose sides are never on record")
    if not missing:
        return Check("sides", "PASS", 0, 0, f"the sides of all {real} real images are on record")
    named = ", ".join("/".join(key) for key in missing[:3]) + (", …" if len(missing) > 3 else "")
    reason = (
        f"{len(missing)} of {real} real images ({named}) have sides that aren't on record, so that they could move "
        f"between training and test: run `sonoforge data keep-sides` and commit {SIDES.as_posix()}"
    )
    return Check("sides", "FAIL", len(missing), 0, reason)


def check_counts(evidence: Evidence, params: GateParams) -> list[Check]:
    """Whether there are enough test cases in each internal dataset."""
    checks = []
    for name in evidence.internal:
        count = len(_of(evidence.cases, name, params.skill_prompt, SUBJECT))
        enough = count >= params.min_cases
        reason = f"{name} has {count} test cases, {'enough' if enough else f'fewer than {params.min_cases}'}"
        checks.append(Check(f"cases:{name}", "PASS" if enough else "INSUFFICIENT", count, params.min_cases, reason))
    return checks or [Check("cases", "INSUFFICIENT", 0, params.min_cases, "no internal dataset")]


def check_external(evidence: Evidence) -> Check:
    """Whether each external dataset of the run was scored, and the model is known never to have seen the patients of
    one of them."""
    exposure = by_patients(evidence.description.exposure, evidence.sources)
    scored = set(evidence.external_cases["dataset"])
    missing = [name for name in evidence.external if name not in scored]
    if not evidence.external:
        return Check(
            "external", "INSUFFICIENT", 0, 1, "there is no external dataset: nothing is known beyond the sources"
        )
    if missing:
        return Check(
            "external", "INSUFFICIENT", len(scored), len(evidence.external), f"not scored: {', '.join(missing)}"
        )
    counted = sorted(name for name in evidence.external if exposure.of(name) == "no")
    others = [f"{name} (exposure {exposure.of(name)})" for name in sorted(set(evidence.external) - set(counted))]
    left_out = f"not counted as external: {', '.join(others)}; {exposure.basis}" if others else ""
    if not counted:
        return Check("external", "INSUFFICIENT", 0, 1, left_out)
    words = [f"scored on {', '.join(counted)}, which were never near training", left_out]
    return Check("external", "PASS", len(counted), 1, "; ".join(word for word in words if word))


def check_floors(evidence: Evidence, params: GateParams, bootstrap: Bootstrap) -> list[Check]:
    """Whether the lower bound of the student's Dice reaches the floor in each internal dataset."""
    checks = []
    for name in evidence.internal:
        rows = _of(evidence.cases, name, params.skill_prompt, SUBJECT)
        found = cluster_mean(rows["dice"], rows["group"].tolist(), bootstrap=bootstrap)
        what = f"{name}: Dice {_span(found)} with {params.skill_prompt}"
        checks.append(
            _bounded(
                f"floor:{name}",
                found,
                params.min_dice_lower_bound,
                what=what,
                bar="a lower bound of at least",
                min_cases=params.min_cases,
            )
        )
    return checks


def check_skill(evidence: Evidence, params: GateParams, bootstrap: Bootstrap) -> list[Check]:
    """Whether the student beats the ellipse in each internal dataset."""
    checks = []
    for name in evidence.internal:
        found = compare(_prompted(evidence.cases, name, params.skill_prompt), SUBJECT, ELLIPSE, bootstrap=bootstrap)
        what = f"{name}: student minus ellipse, Dice {_span(found)} with {params.skill_prompt}"
        checks.append(
            _bounded(
                f"skill:{name}",
                found,
                params.min_skill_dice,
                what=what,
                bar="a lower bound above",
                min_cases=params.min_cases,
                strict=True,
            )
        )
    return checks


def check_teacher(evidence: Evidence, params: GateParams, bootstrap: Bootstrap) -> Check:
    """Whether the student isn't worse than the teacher by more than the margin, over all internal datasets."""
    found = compare(_prompted(evidence.cases, None, params.skill_prompt), SUBJECT, "teacher", bootstrap=bootstrap)
    what = f"student minus teacher, Dice {_span(found)} over all internal datasets with {params.skill_prompt}"
    margin = -params.teacher_margin_dice
    return _bounded(
        "teacher", found, margin, what=what, bar="a lower bound above", min_cases=params.min_cases, strict=True
    )


def check_champion(evidence: Evidence, params: GateParams, bootstrap: Bootstrap) -> Check:
    """Whether the student isn't worse than the model in use by more than the margin, on the same cases."""
    if evidence.champion is None:
        return Check(
            "champion", "PASS", None, None, "no model is in use yet; that alone is no reason to promote this one"
        )
    if evidence.champion == evidence.description.digest:
        return Check("champion", "PASS", 0.0, -params.champion_margin_dice, "this model is the one in use")
    rows = _prompted(evidence.cases, None, params.skill_prompt)
    theirs = rows[(rows["model"] == "champion") & (rows["model_digest"] == evidence.champion)]
    if theirs.empty:
        short = evidence.champion[:12]
        reason = f"the model in use ({short}) wasn't scored on these cases; run `dvc repro -f validate_internal`"
        return Check("champion", "INSUFFICIENT", None, -params.champion_margin_dice, reason)
    found = compare(rows, SUBJECT, "champion", bootstrap=bootstrap)
    what = f"student minus model in use, Dice {_span(found)} with {params.skill_prompt}"
    margin = -params.champion_margin_dice
    return _bounded(
        "champion", found, margin, what=what, bar="a lower bound above", min_cases=params.min_cases, strict=True
    )


def check_misses(evidence: Evidence, params: GateParams) -> list[Check]:
    """Whether the student misses few enough objects in each internal dataset."""
    checks = []
    for name in evidence.internal:
        missed = _of(evidence.cases, name, params.skill_prompt, SUBJECT)["miss"]
        if missed.empty:
            checks.append(Check(f"misses:{name}", "INSUFFICIENT", None, params.max_miss_rate, f"{name} has no cases"))
            continue
        rate = float(missed.mean())
        reason = (
            f"{name}: {int(missed.sum())} of {len(missed)} objects missed; at most {100 * params.max_miss_rate:g} %"
        )
        checks.append(
            Check(
                f"misses:{name}", "PASS" if rate <= params.max_miss_rate else "FAIL", rate, params.max_miss_rate, reason
            )
        )
    return checks


def check_parity(evidence: Evidence, params: GateParams) -> Check:
    """Whether the saved model, loaded again, gives the masks that were scored."""
    parity, limit = evidence.parity, params.max_parity_px_share
    if parity.cases == 0:
        return Check("parity", "INSUFFICIENT", None, limit, "no case to compare the saved model on")
    same = parity.worst_share <= limit
    reason = (
        f"the model folder, loaded again, differs from the scored masks in at most {100 * parity.worst_share:.4g} % of "
        f"the pixels of {parity.cases} cases; allowed {100 * limit:g} %"
    )
    return Check("parity", "PASS" if same else "FAIL", parity.worst_share, limit, reason)


def check_no_pickle(evidence: Evidence) -> Check:
    """Whether the model folder holds nothing that runs code when it is loaded."""
    suspects = sorted(
        path.relative_to(evidence.model_folder).as_posix()
        for path in evidence.model_folder.rglob("*")
        if path.is_file() and (path.suffix not in SAFE_SUFFIXES or _looks_pickled(path))
    )
    if suspects:
        return Check(
            "no_pickle", "FAIL", ", ".join(suspects), "none", f"files that may run code: {', '.join(suspects)}"
        )
    return Check("no_pickle", "PASS", "none", "none", "weights are safetensors, descriptions JSON")


def _looks_pickled(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2)
    # Protocols 2 to 5 begin with 0x80 and the protocol; torch's files are zip archives with a pickle inside. A
    # safetensors file begins with the length of its header, which may start with 0x80 by chance.
    pickled = path.suffix != ".safetensors" and len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5
    return pickled or zipfile.is_zipfile(path)


def _bounded(
    name: str, found: Estimate, limit: float, *, what: str, bar: str, min_cases: int, strict: bool = False
) -> Check:
    """PASS if the lower bound clears the limit; with too few cases, a limit that the interval holds is undecided."""
    wanted = f"{bar} {limit:+.3f}" if limit <= 0 else f"{bar} {limit:.3f}"
    if math.isnan(found.low):
        count = f"{found.n} cases in {found.groups} groups"
        return Check(name, "INSUFFICIENT", None, limit, f"{what}: {count} give no interval; needed: {wanted}")
    good = found.low > limit if strict else found.low >= limit
    if not good and found.n < min_cases and found.high > limit:
        return Check(name, "INSUFFICIENT", found.low, limit, f"{what}: {found.n} cases can't tell; needed: {wanted}")
    return Check(name, "PASS" if good else "FAIL", found.low, limit, f"{what}; needed: {wanted}")


def _span(found: Estimate) -> str:
    if math.isnan(found.mean):
        return "undefined"
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _prompted(cases: pd.DataFrame, dataset: str | None, prompt: str) -> pd.DataFrame:
    chosen = cases["prompt"] == prompt
    return cases[chosen if dataset is None else chosen & (cases["dataset"] == dataset)]


def _of(cases: pd.DataFrame, dataset: str, prompt: str, who: str) -> pd.DataFrame:
    rows = _prompted(cases, dataset, prompt)
    return rows[rows["model"] == who]
