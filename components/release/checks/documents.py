"""Whether the documents of the run are written, about this model, with all that people must have said."""

from __future__ import annotations

from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules

AGAIN = "run `dvc repro document`"


def check_documents(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether nothing is missing that params.yaml requires (`document.required`)."""
    listed = evidence.documents
    if listed is None:
        reason = f"model card, dataset sheets and checklists were never written; {AGAIN}"
        return [Check("documents", "INSUFFICIENT", None, "none", reason)]
    digest = str((listed.get("model") or {}).get("digest"))
    if digest != evidence.description.digest:
        reason = f"the documents are about the weights {digest[:12]}, not about these; {AGAIN}"
        return [Check("documents", "INSUFFICIENT", digest[:12], evidence.description.digest[:12], reason)]
    each = [one for one in listed.get("documents") or () if isinstance(one, dict)]
    unnamed = [one for one in each if not {"name", "path", "items", "filled", "missing_required"} <= one.keys()]
    missing = sorted({str(name) for one in (listed, *each) for name in one.get("missing_required") or ()})
    lost = sorted(path for path, digest in evidence.document_files.items() if digest is None)
    asked = tuple(listed.get("required") or ())
    if not each or unnamed or lost or sorted(asked) != sorted(rules.required):
        told = (
            f"not there: {', '.join(lost)}" if lost else "the list says it of other documents or statements than these"
        )
        reason = f"it isn't known what the documents hold ({told}); {AGAIN}"
        return [Check("documents", "INSUFFICIENT", ", ".join(lost) or len(each), "none", reason)]
    if missing:
        named = ", ".join(missing)
        reason = f"people must still write: {named} (docs/statements.yaml), then `dvc repro`"
        return [Check("documents", "INSUFFICIENT", named, "none", reason)]
    reason = f"{len(each)} documents are about this model and hold all that params.yaml requires"
    return [Check("documents", "PASS", "none", "none", reason)]
