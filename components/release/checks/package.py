"""What would be released: whole, safe to load, the same masks in every form, and quick enough where it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.release.checks.check import Check
from components.release.checks.evidence import Evidence, Rules, part
from components.release.checks.intervals import at_most
from components.release.files import unsafe_files

AGAIN = "run `dvc repro package`"
FORMS = {"exported": "the exported model (ONNX)", "service": "the service built from it"}


def check_intact(evidence: Evidence, _rules: Rules) -> list[Check]:
    """Whether the model folder holds the weights that its description names, and they load."""
    if evidence.broken is not None:
        return [Check("intact", "FAIL", evidence.broken, "none", f"the model folder is broken: {evidence.broken}")]
    return [Check("intact", "PASS", "none", "none", "the weights are those that model.json names, and load whole")]


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
    suspects = ", ".join(unsafe_files(evidence.model_folder))
    if suspects:
        return [Check("no_pickle", "FAIL", suspects, "none", f"files that may run code: {suspects}")]
    return [Check("no_pickle", "PASS", "none", "none", "weights are safetensors, descriptions JSON")]


def check_package(evidence: Evidence, rules: Rules) -> list[Check]:
    """Whether what would be released was built, started and tried, is still that, and behaves as it must."""
    package = evidence.package
    if package is None:
        reason = f"what would be released was never built and tried; {AGAIN}"
        return [Check("package", "INSUFFICIENT", None, "built and tried", reason)]
    digest = str(part(package.get("model")).get("digest"))
    if digest != evidence.description.digest:
        reason = f"reports/package.json is about the weights {digest[:12]}, not about these; {AGAIN}"
        return [Check("package", "INSUFFICIENT", digest[:12], evidence.description.digest[:12], reason)]
    tag = str(package.get("bento"))
    return [
        Check("package", "PASS", tag, "built and tried", f"the Bento {tag} was built from these weights and tried"),
        _unchanged(evidence),
        _without_pickles(package),
        *(_same_masks(package, form, rules) for form in FORMS),
        _served_alike(package, rules),
        _all_runtimes(package, rules),
        *_quick_enough(package, rules),
    ]


def _unchanged(evidence: Evidence) -> Check:
    changes = "; ".join(evidence.package_changes)
    if changes:
        reason = f"what would be released isn't what was built and tried: {changes}; {AGAIN}"
        return Check("package_files", "FAIL", changes, "none", reason)
    return Check("package_files", "PASS", "none", "none", "each file is the one that was built and tried")


def _without_pickles(package: Mapping[str, Any]) -> Check:
    found = package.get("unsafe_files")
    if not isinstance(found, list):
        reason = f"reports/package.json doesn't say whether the Bento holds files that may run code; {AGAIN}"
        return Check("no_pickle_bento", "INSUFFICIENT", None, "none", reason)
    named = ", ".join(map(str, found))
    if named:
        return Check("no_pickle_bento", "FAIL", named, "none", f"files in the Bento that may run code: {named}")
    return Check("no_pickle_bento", "PASS", "none", "none", "no file in the Bento is a pickle or looks like one")


def _same_masks(package: Mapping[str, Any], form: str, rules: Rules) -> Check:
    found = part(part(package.get("parity")).get(form))
    if not _compared(found):
        reason = f"{FORMS[form]} was compared with the scored masks on no case; {AGAIN}"
        return Check(f"{form}_parity", "INSUFFICIENT", None, rules.limits.max_export_px_share, reason)
    told = f"{FORMS[form]} differs from the scored masks of {found['cases']} golden cases"
    return _near(f"{form}_parity", [found], rules, told=told)


def _compared(found: Mapping[str, Any]) -> bool:
    return bool(found.get("cases")) and None not in (found.get("worst_share"), found.get("worst_dice_difference"))


def _near(name: str, compared: Sequence[Mapping[str, Any]], rules: Rules, *, told: str) -> Check:
    """Whether masks are the scored ones but for rounding, in the worst of what was compared.

    The share of pixels decides, and the Dice beside it: few pixels can be all of a small object.
    """
    share_limit, dice_limit = rules.limits.max_export_px_share, rules.limits.max_export_dice_difference
    share, dice = (max(float(found[key]) for found in compared) for key in ("worst_share", "worst_dice_difference"))
    reason = (
        f"{told} in at most {100 * share:.4g} % of the pixels and {dice:.4f} of Dice; allowed "
        f"{100 * share_limit:g} % and {dice_limit:g}"
    )
    same = share <= share_limit and dice <= dice_limit
    return Check(name, "PASS" if same else "FAIL", share, share_limit, reason)


def _served_alike(package: Mapping[str, Any], rules: Rules) -> Check:
    """What a service does around its runtime mustn't change a pixel; how far runtimes differ is told above."""
    limit, runtime = rules.limits.max_parity_px_share, package.get("runtime")
    found = part(package.get("served"))
    cases, share = found.get("cases"), found.get("worst_share")
    if not cases or share is None:
        reason = f"the service was compared with what runs its model on no case; {AGAIN}"
        return Check("service_same", "INSUFFICIENT", None, limit, reason)
    reason = (
        f"the service built from it differs from {runtime} alone in at most {100 * share:.4g} % of the pixels of "
        f"{cases} golden cases; allowed {100 * limit:g} %"
    )
    return Check("service_same", "PASS" if share <= limit else "FAIL", float(share), limit, reason)


def _all_runtimes(package: Mapping[str, Any], rules: Rules) -> Check:
    """Whichever runtime the setting may take on another machine, its masks must be the scored ones."""
    served, limit = package.get("runtime"), rules.limits.max_export_px_share
    each = {name: part(found) for name, found in part(package.get("runtimes")).items()}
    if not each or not all(map(_compared, each.values())):
        reason = f"not each runtime that may serve it was compared with the scored masks; {AGAIN}"
        return Check("runtime_parity", "INSUFFICIENT", None, limit, reason)
    names = ", ".join(each)
    if served not in each:
        reason = f"{served} ran the service, which as it is set may be run by {names}"
        return Check("runtime_parity", "FAIL", str(served), limit, reason)
    told = f"each runtime that may serve it ({names}) differs from the scored masks"
    return _near("runtime_parity", list(each.values()), rules, told=told)


def _quick_enough(package: Mapping[str, Any], rules: Rules) -> list[Check]:
    limits, latency = rules.limits, part(package.get("latency_ms"))
    asked = (
        ("embed_latency", part(latency.get("embed")).get("p95"), limits.max_embed_p95_ms, "a new image takes", "ms"),
        (
            "segment_latency",
            part(latency.get("segment")).get("p95"),
            limits.max_segment_p95_ms,
            "a prompt takes",
            "ms",
        ),
        ("start_time", package.get("start_s"), limits.max_start_s, "the service starts in", "s"),
        ("memory", package.get("peak_memory_mb"), limits.max_memory_mb, "the service uses at most", "MB"),
    )
    checks = []
    for name, value, limit, told, unit in asked:
        if value is None:
            checks.append(Check(name, "INSUFFICIENT", None, limit, f"reports/package.json doesn't say it; {AGAIN}"))
            continue
        quantile = " (95th percentile)" if unit == "ms" else ""
        checks.append(at_most(name, float(value), limit, what=f"{told} {float(value):.4g} {unit}{quantile}"))
    return checks
