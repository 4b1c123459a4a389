"""How the candidate was made: on which code, parameters and data, and whether a commit holds that code."""

from __future__ import annotations

from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules

UNKNOWN = "unknown"
MAX_NAMED = 10


def check_provenance(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether the model says on which code, parameters, data and seeds it was made."""
    record = evidence.description.provenance
    gaps = [key for key in ("git_sha", "params_sha256", "lock_sha256") if record.get(key) in (None, "", UNKNOWN)]
    gaps += [f"data {path}" for path, digest in (record.get("data") or {}).items() if digest in ("", UNKNOWN)]
    gaps += [key for key in ("data", "seeds") if not record.get(key)]
    gaps += [] if isinstance(record.get("dirty"), list) else ["dirty"]
    if gaps:
        named = ", ".join(gaps)
        return [Check("provenance", "INSUFFICIENT", named, "complete", f"it isn't known: {named}")]
    reason = "code, parameters, data and seeds known"
    return [Check("provenance", "PASS", str(record["git_sha"])[:12], "complete", reason)]


def check_clean_tree(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the code that made the model is that of a commit."""
    record = evidence.description.provenance
    stated = record.get("dirty")
    sha, dirty = record.get("git_sha") or UNKNOWN, list(stated) if isinstance(stated, list) else [UNKNOWN]
    if sha != UNKNOWN and not dirty:
        reason = f"trained on commit {str(sha)[:12]}, nothing changed beside it"
        return [Check("clean_tree", "PASS", "clean", "clean", reason)]
    cut = f" and {len(dirty) - MAX_NAMED} more" if len(dirty) > MAX_NAMED else ""
    named = ", ".join(map(str, dirty[:MAX_NAMED])) + cut
    found = f"trained with changes that no commit holds: {named}"
    if sha == UNKNOWN or dirty == [UNKNOWN]:
        found = "the commit is unknown" if sha == UNKNOWN else "it isn't known whether the commit holds all of the code"
    if rules.limits.require_clean_tree:
        reason = f"{found}; commit them and train again"
        return [Check("clean_tree", "INSUFFICIENT", named or UNKNOWN, "clean", reason)]
    reason = f"{found}; params.yaml doesn't require a clean tree"
    return [Check("clean_tree", "PASS", named or UNKNOWN, "not required", reason)]


def check_declared(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the model is judged by the limits that stood there when it was trained."""
    declared, judged = evidence.description.provenance.get("judging_sha256") or UNKNOWN, evidence.judged_by
    values = str(declared)[:12], judged[:12]
    if declared == judged != UNKNOWN:
        return [Check("declared", "PASS", *values, "judged by the limits that were declared before its training")]
    found = "limits, or how they are judged, were changed after training"
    if UNKNOWN in (declared, judged):
        found = "it isn't known by which limits it was to be judged when it was trained"
    if not rules.limits.require_declared:
        reason = f"{found}; params.yaml doesn't ask for limits from before (gate.require_declared is false)"
        return [Check("declared", "PASS", *values, reason)]
    reason = (
        f"{found}: train again (`dvc repro -f -s distil`, then `dvc repro`), or set gate.require_declared to false, "
        "which this record then states"
    )
    return [Check("declared", "INSUFFICIENT", *values, reason)]
