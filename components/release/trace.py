"""An identifier of a mask, prediction, model, run, version or Bento to where it comes from: data, code, parameters,
seeds, ledger.

Everything leads to the digest of some weights, and from there to the model folder's provenance. The other way, the
digest of a commit, of parameters or of a data path leads to the models made from it, and each of them to the scored
cases that it made. Leaves out: printing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import tracking
from components.artefacts import DESCRIPTION, ModelDescription, read_description, sha256_of
from components.audit.concerning import concerning
from components.audit.lines import log_files
from components.errors import ReleaseError
from components.places import AUDIT
from components.release.packing.packaged import CANDIDATE
from components.release.records.ledger import LEDGER, RELEASED, as_json, read_ledger
from components.release.records.promotion import CHAMPION, PREVIOUS, REGISTRY_NAME
from components.tables import read_table

MIN_PREFIX = 6
MARK = "sonoforge:"
CASES = {
    "reports/internal/cases.parquet": "validate_internal",
    "reports/external/cases.parquet": "validate_external",
}
"""The tables of scored cases, and the stages that write them."""
SISTERS = "models/spread"
MAX_EXPORT_BYTES = 256 << 20
_PREDICTION = re.compile(rb'prediction(?:": ?"| )([0-9a-f]{32})(?![0-9a-f])')
"""How JSON and DICOM files that the service handed out name the answers that they are made of."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an identifier turned out to be, and the digests of the weights it leads to; `about` says more of it."""

    kind: str
    digests: tuple[str, ...]
    about: dict[str, Any]


def trace(root: Path, identifier: str, *, log: Path | None = None) -> dict[str, Any]:
    """Say where something comes from.

    `identifier` is a case of a validation (`busi/<image>/<object>`), a PNG that `sonoforge segment` wrote, a file that
    the service handed out, an alias (`champion`, `previous`), `student`, `candidate` or another model folder, a
    registry version, an MLflow run of any stage or pass, a Bento's tag, at least six digits of a weights' sha256, or as
    many of a package's or calibration's that the ledger names, of a commit, of the parameters' sha256 or of a data
    digest; or all digits of a prediction, mask or image that the audit log in the folder `log` names (the project's own
    if there is none).

    Raises
    ------
    ReleaseError
        If nothing here has that identifier, or the ledger was tampered with.
    LayoutError
        If a table of scored cases is damaged.
    AuditError
        If a line of the audit log isn't what was written there.
    """
    models, logged = known_models(root), log or root / AUDIT
    found = next((hit for find in _FINDERS if (hit := find(root, identifier, models)) is not None), None)
    found = _with_entries(found, logged) if found is not None else _exported(root, identifier, logged)
    found = found or _logged(logged, [identifier], kind="audit log")
    if found is None:
        raise ReleaseError(
            f"nothing here is called {identifier!r}",
            expected="a case, an alias, `student`, a model folder, a version, an MLflow run, a Bento's tag, six digits "
            "of a digest, or a prediction, mask, image or file that the audit log names",
            remedy="take the digest from the answer's `model.digest`, or one that `sonoforge models` lists",
        )
    return {
        "id": identifier,
        "kind": found.kind,
        "about": found.about,
        "models": [_model(root, digest, models) for digest in found.digests],
    }


def known_models(root: Path) -> dict[str, list[tuple[Path, ModelDescription]]]:
    """All model folders of a project with their descriptions, by the weights' digest."""
    models: dict[str, list[tuple[Path, ModelDescription]]] = {}
    places = (root / "models", root / SISTERS, root / RELEASED)
    for path in [path for place in places for path in sorted(place.glob(f"*/{DESCRIPTION}"))]:
        if not path.parent.name.startswith("."):
            description = read_description(path.parent)
            models.setdefault(description.digest, []).append((path.parent, description))
    return models


Models = dict[str, list[tuple[Path, ModelDescription]]]


def _case(root: Path, identifier: str, _: Models) -> Found | None:
    if identifier.count("/") < 2:
        return None
    for name, stage in CASES.items():
        path = root / name
        if not path.is_file():
            continue
        rows = read_table(path, stage=stage, equal=("case_id", identifier))
        rows = rows[rows["model_digest"] != ""]
        if len(rows):
            columns = ["model", "model_digest", "prompt", "prompt_json", "dice"]
            # An undefined Dice is None: JSON has no NaN.
            known = rows[columns].astype(object).where(rows[columns].notna(), None)
            about = {"report": name, "masks": known.to_dict("records")}
            return Found("mask", tuple(dict.fromkeys(rows["model_digest"])), about)
    return None


def _alias(root: Path, identifier: str, _: Models) -> Found | None:
    ledger = read_ledger(root / LEDGER)
    digest = {CHAMPION: ledger.champion, PREVIOUS: ledger.previous}.get(identifier)
    return None if digest is None else Found("alias", (digest,), {})


def _mask_file(root: Path, identifier: str, _: Models) -> Found | None:
    """A mask that `sonoforge segment` wrote, by what stands in it; a relative path counts from the project's folder."""
    path = root / identifier
    if path.suffix.lower() != ".png" or not path.is_file():
        return None
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            said = {str(key): str(value) for key, value in image.info.items()}
    except (OSError, ValueError, SyntaxError):
        return None
    about = {key.removeprefix(MARK): value for key, value in said.items() if key.startswith(MARK)}
    digest = about.get("model_digest", "")
    return Found("mask file", (digest,), about) if re.fullmatch(r"[0-9a-f]{64}", digest) else None


def _folder(root: Path, identifier: str, _: Models) -> Found | None:
    """The student or candidate that is there, or a model folder, as the other commands take them."""
    place = root / {"student": "models/student", "candidate": CANDIDATE.as_posix()}.get(identifier, identifier)
    if not (place / DESCRIPTION).is_file():
        return None
    return Found("model folder", (read_description(place).digest,), {})


def _version(root: Path, identifier: str, _: Models) -> Found | None:
    if not re.fullmatch(r"\d{1,5}", identifier):
        return None
    for known in _versions(root):
        if known.version == int(identifier):
            return Found("model version", (known.digest,), {"name": known.name, "run_id": known.run_id})
    return None


def _bento(_: Path, identifier: str, __: Models) -> Found | None:
    if ":" not in identifier:
        return None
    # BentoML takes seconds to import, and nothing else here needs it.
    from components.release.packing.bento import find_bento

    bento = find_bento(identifier)
    if bento is None:
        return None
    return Found("bento", (bento.model_digest,), {"tag": bento.tag, "code_sha256": bento.code_digest})


def _run(root: Path, identifier: str, models: Models) -> Found | None:
    """A run with its record, to the models that it made; if it made none, to those that its pass made."""
    if not re.fullmatch(r"[0-9a-f]{32}", identifier) or not tracking.has_records(root):
        return None
    record = tracking.run_record(root, identifier)
    if record is None:
        return None
    made = tuple(digest for digest in models if tracking.find_run(root, digest=digest) == identifier)
    made = made or tuple(known.digest for known in _versions(root) if known.run_id == identifier)
    of_pass = tuple(
        digest
        for digest, folders in models.items()
        if record.get("pass_id") and folders[0][1].provenance.get("pass_id") == record["pass_id"]
    )
    return Found("mlflow run", made or of_pass, {"made": list(made), **record})


def _weights(root: Path, identifier: str, models: Models) -> Found | None:
    if not _is_prefix(identifier):
        return None
    ledger = read_ledger(root / LEDGER)
    named = {d for entry in ledger.entries for d in (entry.source, entry.target, entry.candidate) if d is not None}
    hits = tuple(sorted(digest for digest in set(models) | named if digest.startswith(identifier)))
    return Found("weights", hits, {}) if hits else None


def _package(root: Path, identifier: str, _: Models) -> Found | None:
    """A package's list or a calibration, by its sha256 in the ledger, to the models that had it."""
    if not _is_prefix(identifier):
        return None
    entries = [
        entry
        for entry in read_ledger(root / LEDGER).entries
        if any((one or "").startswith(identifier) for one in (entry.package_sha256, entry.calibration_sha256))
    ]
    hits = tuple(dict.fromkeys(entry.candidate for entry in entries if entry.candidate is not None))
    return Found("package", hits, {"ledger": [entry.number for entry in entries]}) if hits else None


def _source(_: Path, identifier: str, models: Models) -> Found | None:
    """A commit, parameters or data digest, to the models made from it."""
    if not _is_prefix(identifier):
        return None
    hits: dict[str, list[str]] = {}
    for digest, folders in models.items():
        record = folders[0][1].provenance
        values = {key: str(record.get(key, "")) for key in ("git_sha", "params_sha256", "lock_sha256", "pass_id")}
        values |= {path: str(value).split(":")[-1] for path, value in (record.get("data") or {}).items()}
        matching = [key for key, value in values.items() if value.startswith(identifier)]
        if matching:
            hits[digest] = matching
    return Found("source", tuple(hits), {"matches": hits}) if hits else None


_FINDERS: Sequence[Callable[[Path, str, Models], Found | None]] = (
    _case,
    _mask_file,
    _alias,
    _folder,
    _version,
    _bento,
    _run,
    _weights,
    _package,
    _source,
)


def _with_entries(found: Found, log: Path) -> Found:
    """A mask's file, with what the audit log says of the answers that it is made of."""
    named = re.findall(r"[0-9a-f]{32}", found.about.get("predictions", "")) if found.kind == "mask file" else []
    entered = _logged(log, named, kind=found.kind)
    return found if entered is None else Found(found.kind, found.digests, {**found.about, **entered.about})


def _exported(root: Path, identifier: str, log: Path) -> Found | None:
    """A file that the service handed out: by its sha256, or, if it was changed since, by the answers that it names."""
    path = root / identifier
    if not path.is_file() or path.stat().st_size > MAX_EXPORT_BYTES:
        return None
    named = {found.decode() for found in _PREDICTION.findall(path.read_bytes())}
    return _logged(log, {sha256_of(path), *named}, kind="exported file")


def _logged(log: Path, ids: Collection[str], *, kind: str) -> Found | None:
    """What the audit log says of predictions, masks, images and files, and the models that drew them."""
    ids = [each for each in ids if re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", each)]
    entered = concerning(log, ids) if ids and log_files(log) else None
    if entered is None:
        return None
    about: dict[str, Any] = {"entries": [line.model_dump(mode="json") for line in entered.lines]}
    if entered.more:
        about["more_entries"] = entered.more
    return Found(kind, entered.models, about)


def _is_prefix(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},64}}", text) is not None


def _versions(root: Path) -> list[tracking.RegisteredVersion]:
    return tracking.list_versions(root, REGISTRY_NAME) if tracking.has_records(root) else []


def _model(root: Path, digest: str, models: Models) -> dict[str, Any]:
    """All that is known of some weights."""
    folders = models.get(digest, [])
    description = folders[0][1] if folders else None
    entries = as_json(read_ledger(root / LEDGER).of(digest))
    return {
        "digest": digest,
        "folders": [folder.relative_to(root).as_posix() for folder, _ in folders],
        "name": description.name if description else None,
        "kind": description.kind if description else None,
        "phantom": description.phantom if description else None,
        "trained_on": list(description.trained_on) if description else [],
        "base": description.base if description else None,
        "provenance": description.provenance if description else {},
        "versions": [
            {"version": known.version, "run_id": known.run_id} for known in _versions(root) if known.digest == digest
        ],
        "scored": _scored(root, digest),
        "ledger": entries,
    }


def _scored(root: Path, digest: str) -> dict[str, int]:
    """How many masks of each validation some weights made."""
    counts = {}
    for name, stage in CASES.items():
        if (root / name).is_file():
            made = read_table(root / name, stage=stage, columns=["case_id"], equal=("model_digest", digest))
            counts[name] = len(made)
    return counts
