"""The evidence about a candidate to a verdict: PASS, FAIL or INSUFFICIENT, each check with a reason in words.

Any FAIL makes the verdict FAIL, else any INSUFFICIENT makes it INSUFFICIENT. All checks must pass, so none needs a
correction for there being several. Leaves out: reading the evidence (gathering.py), acting on the verdict (promote.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.release.checks.check import Check, Outcome, combined
from components.release.checks.confidence import check_abstention, check_calibration
from components.release.checks.data import (
    check_counts,
    check_data,
    check_external,
    check_leak,
    check_sides,
    check_trained_split,
)
from components.release.checks.documents import check_documents
from components.release.checks.evidence import Evidence, Rules
from components.release.checks.making import check_clean_tree, check_declared, check_provenance
from components.release.checks.package import check_intact, check_no_pickle, check_package, check_parity
from components.release.checks.performance import check_external_floors, check_floors, check_misses, check_skill
from components.release.checks.rivals import check_champion, check_teacher
from components.release.checks.robustness import check_false_regions, check_jitter, check_subgroups
from components.release.checks.scores import check_scores
from components.release.checks.seeds import check_seeds

CHECKS: tuple[Callable[[Evidence, Rules], list[Check]], ...] = (
    check_provenance,
    check_clean_tree,
    check_declared,
    check_data,
    check_leak,
    check_trained_split,
    check_sides,
    check_scores,
    check_counts,
    check_external,
    check_floors,
    check_external_floors,
    check_skill,
    check_teacher,
    check_champion,
    check_misses,
    check_subgroups,
    check_jitter,
    check_false_regions,
    check_calibration,
    check_abstention,
    check_seeds,
    check_intact,
    check_parity,
    check_no_pickle,
    check_package,
    check_documents,
)
"""All conditions, in the order in which a record shows them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one model (by its digest), and why.

    `champion` is the digest of the model in use beside which it was judged (None: there was none), `needs_approval`
    whether a person must approve before it is promoted, `package_sha256` the digest of the package that was judged,
    `documents` the sha256 of each paper, by its path.
    """

    verdict: Outcome
    model_name: str
    model_digest: str
    phantom: bool
    checks: tuple[Check, ...]
    champion: str | None
    needs_approval: bool
    package_sha256: str | None
    datasets: Mapping[str, tuple[str, ...]]
    documents: Mapping[str, str | None]

    def as_json(self) -> dict[str, Any]:
        """The content of `reports/gate.json`."""
        return {
            "verdict": self.verdict,
            "model": {"name": self.model_name, "digest": self.model_digest},
            "phantom": self.phantom,
            "champion": self.champion,
            "approval": {"required": self.needs_approval},
            "package_sha256": self.package_sha256,
            "datasets": {role: list(names) for role, names in self.datasets.items()},
            "documents": dict(self.documents),
            "checks": [check.as_json() for check in self.checks],
        }

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it isn't a PASS: the reasons of the checks that decide, or none."""
        return tuple(check.reason for check in self.checks if check.verdict == self.verdict != "PASS")


def judge(evidence: Evidence, rules: Rules) -> Verdict:
    """Run all checks on the evidence."""
    checks = tuple(found for check in CHECKS for found in check(evidence, rules))
    description = evidence.description
    judged_on = (evidence.cases, evidence.external_cases)
    phantom = description.phantom or any(bool(cases["phantom"].any()) for cases in judged_on)
    verdict = combined(check.verdict for check in checks)
    return Verdict(
        verdict,
        description.name,
        description.digest,
        phantom,
        checks,
        champion=evidence.champion,
        needs_approval=rules.limits.require_approval,
        package_sha256=None if evidence.package is None else evidence.package.get("package_sha256"),
        datasets={"internal": evidence.internal, "external": evidence.external},
        documents=evidence.document_files,
    )
