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
    if gaps:
        named = ", ".join(gaps)
        return [Check("provenance", "INSUFFICIENT", named, "complete", f"it isn't known: {named}")]
    reason = "code, parameters, data and seeds known"
    return [Check("provenance", "PASS", str(record["git_sha"])[:12], "complete", reason)]


def check_clean_tree(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the code that made the model is that of a commit."""
    record = evidence.description.provenance
    sha, dirty = record.get("git_sha") or UNKNOWN, list(record.get("dirty") or ())
    if sha != UNKNOWN and not dirty:
        reason = f"trained on commit {str(sha)[:12]}, nothing changed beside it"
        return [Check("clean_tree", "PASS", "clean", "clean", reason)]
    cut = f" and {len(dirty) - MAX_NAMED} more" if len(dirty) > MAX_NAMED else ""
    named = ", ".join(map(str, dirty[:MAX_NAMED])) + cut
    found = "the commit is unknown" if sha == UNKNOWN else f"trained with changes that no commit holds: {named}"
    if rules.limits.require_clean_tree:
        reason = f"{found}; commit them and train again"
        return [Check("clean_tree", "INSUFFICIENT", named or UNKNOWN, "clean", reason)]
    reason = f"{found}; params.yaml doesn't require a clean tree"
    return [Check("clean_tree", "PASS", named or UNKNOWN, "not required", reason)]
