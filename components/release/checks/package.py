"""What would be released: the folder gives the masks that were scored, and holds nothing that runs code."""

from __future__ import annotations

import zipfile
from pathlib import Path

from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules

SAFE_SUFFIXES = frozenset({".safetensors", ".json", ".md", ".onnx"})


def check_parity(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether the saved model, loaded again, gives the masks that were scored."""
    parity, limit = evidence.parity, rules.limits.max_parity_px_share
    if parity.cases == 0:
        return [Check("parity", "INSUFFICIENT", None, limit, "no case to compare the saved model on")]
    same = parity.worst_share <= limit
    reason = (
        f"the model folder, loaded again, differs from the scored masks in at most {100 * parity.worst_share:.4g} % of "
        f"the pixels of {parity.cases} cases; allowed {100 * limit:g} %"
    )
    return [Check("parity", "PASS" if same else "FAIL", parity.worst_share, limit, reason)]


def check_no_pickle(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether the model folder holds nothing that runs code when it is loaded."""
    folder = evidence.model_folder
    suspects = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix not in SAFE_SUFFIXES or _looks_pickled(path))
    )
    if suspects:
        named = ", ".join(suspects)
        return [Check("no_pickle", "FAIL", named, "none", f"files that may run code: {named}")]
    return [Check("no_pickle", "PASS", "none", "none", "weights are safetensors, descriptions JSON")]


def _looks_pickled(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2)
    # Protocols 2 to 5 begin with 0x80 and the protocol; torch's files are zip archives with a pickle inside. A
    # safetensors file begins with the length of its header, which may start with 0x80 by chance.
    pickled = path.suffix != ".safetensors" and len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5
    return pickled or zipfile.is_zipfile(path)
