"""What was decided, packaged and written, and what others published, to tables.

Leaves out: results (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.comparing.published import ALSO_PUBLISHED, HURDLES, PUBLISHED, Published, finding
from components.evaluation.reporting.page.results import Results
from components.evaluation.reporting.page.tables import Cell, Row, Table
from components.evaluation.reporting.page.verdict import was_asked

EXACT = "box"
NOT_ASKED = "not asked"


def gate_table(results: Results) -> Table:
    """All checks of the gate, those that didn't pass first."""
    order = {"FAIL": 0, "INSUFFICIENT": 1, NOT_ASKED: 2, "PASS": 3}
    verdicts = {check["id"]: check["verdict"] if was_asked(check) else NOT_ASKED for check in results.gate["checks"]}
    checks = sorted(results.gate["checks"], key=lambda check: order[verdicts[check["id"]]])
    rows = [
        Row(
            check["id"],
            [
                Cell(verdicts[check["id"]]),
                *(_measured(check[key]) for key in ("value", "limit")),
                Cell(check["reason"]),
            ],
            verdicts[check["id"]].lower(),
        )
        for check in checks
    ]
    return Table("Every check of the gate", ["check", "verdict", "value", "limit", "reason"], [("", rows)])


def _measured(value: Any) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell("–" if value is None else str(value))
    return Cell(f"{value:.4g}", value=float(value))


def package_table(package: Mapping[str, Any]) -> Table:
    """What was measured of the package that would be released."""
    parity = [
        (
            f"{name}, against PyTorch",
            f"at most {100 * found['worst_share']:.4g} % of pixels differ, Dice by at most "
            f"{found['worst_dice_difference']:.2g}, over {found['cases']} cases",
        )
        for name, found in package["parity"].items()
    ]
    latency = [
        (f"time to {name}", f"{found['p50']:.0f} ms (median), {found['p95']:.0f} ms (95 %), n = {found['n']}")
        for name, found in package["latency_ms"].items()
    ]
    unsafe = package["unsafe_files"]
    rest = [
        ("time to start", f"{package['start_s']:.1f} s"),
        ("peak memory", f"{package['peak_memory_mb']:.0f} MB"),
        ("files", f"{len(package['files'])}; files that may run code: {', '.join(unsafe) or 'none'}"),
        ("Bento", str(package["bento"])),
        ("measured on", ", ".join(f"{key} {value}" for key, value in package["machine"].items() if value)),
    ]
    rows = [Row(head, [Cell(text)]) for head, text in [*parity, *latency, *rest]]
    return Table("The package that would be released, measured while it ran", ["what", "measured"], [("", rows)])


def document_table(documents: Mapping[str, Any]) -> Table:
    """The documents beside the model, and what of them a person must still write."""
    rows = [
        Row(
            one["name"],
            [
                Cell(f"{one['filled']} of {one['items']}", value=float(one["filled"])),
                Cell(", ".join(one["not_provided"]) or "nothing"),
                Cell(", ".join(one["missing_required"]) or "nothing"),
                Cell(one["path"]),
            ],
        )
        for one in documents["documents"]
    ]
    head = ["document", "items filled", "NOT PROVIDED, for a person to write", "required and missing", "file"]
    return Table("Documents", head, [("", rows)])


def published_table(results: Results) -> Table:
    """UniUltra's figures as printed, and what of ours comes nearest to each."""
    rows = [
        Row(
            one.system,
            [
                Cell(one.on),
                Cell(one.prompt),
                Cell(one.dice_percent),
                Cell(one.iou_percent or "–"),
                Cell(finding(one)),
                Cell(one.seen_in),
                Cell(nearest(results, one)),
            ],
        )
        for one in PUBLISHED
        if one.system.startswith("UniUltra")
    ]
    head = [
        "system",
        "on",
        "prompt",
        "Dice, %",
        "IoU, %",
        "is it possible beside its IoU?",
        "seen in",
        "nearest of ours",
    ]
    return Table("What UniUltra's authors published", head, [("", rows)], ALSO_PUBLISHED)


def nearest(results: Results, published: Published) -> str:
    """The student's Dice at the exact box on real images of the datasets that a published figure is about."""
    if "isn't said" in published.on:
        return "none: it isn't said which sets these are"
    about = [one for one in results.tested if one.name in published.on.lower()]
    real = [one for one in about if not one.found["phantom"]]
    if not real:
        return "none: images of these sets weren't tested here" + (", only phantoms of them" if about else "")
    said = [
        f"{one.name} {100 * mean:.2f}"
        for one in real
        if (mean := one.found["prompts"].get(EXACT, {}).get(SUBJECT, {}).get("dice", {}).get("mean")) is not None
    ]
    return ", ".join(said) or "none: the exact box wasn't asked for"


def hurdle_table() -> Table:
    """What keeps the published figures from standing beside ours, and what can be compared all the same."""
    rows = [Row(one.what, [Cell(one.theirs), Cell(one.ours), Cell(one.so)]) for one in HURDLES]
    return Table("What can be compared, and what can't", ["", "there", "here", "so"], [("", rows)])


def source_table(results: Results) -> Table:
    """Where every number comes from: the model's record, and the files that this page was written from."""
    made = [Row(what, [Cell(text)]) for what, text in _made(results)]
    files = [Row(path, [Cell(f"sha256 {digest}")]) for path, digest in results.files.items()]
    groups = [("the student", made), ("files that this page was written from", files)]
    return Table("Where every number comes from", ["what", "which"], groups)


def _made(results: Results) -> Iterator[tuple[str, str]]:
    record = results.description.provenance
    yield "model", f"{results.description.name}, weights sha256 {results.description.digest}"
    yield "commit", str(record.get("git_sha") or "unknown")
    dirty = list(record.get("dirty") or ())
    yield "changed beside that commit", ", ".join(map(str, dirty[:10])) + ("…" if len(dirty) > 10 else "") or "nothing"
    for key, words in (("params_sha256", "params.yaml"), ("lock_sha256", "pinned packages")):
        yield words, f"sha256 {record.get(key) or 'unknown'}"
    for path, digest in (record.get("data") or {}).items():
        yield f"trained on {path}", str(digest)
    yield "seeds", ", ".join(f"{name} {seed}" for name, seed in (record.get("seeds") or {}).items()) or "unknown"
    yield "base weights", results.description.base
