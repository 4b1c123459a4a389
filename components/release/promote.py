"""A judged student to the model in use, or to a recorded refusal; and back again.

On PASS the files of the candidate that were judged, and no others, are copied to `models/released/<first 12 digits of
the digest>`, with card, verdict and the list of the package (`files.json`). Its Bento is built before anything moves.
Then it is entered in the ledger and pointed at by the registry's alias `champion` (the former one by `previous`). On
any other verdict the refusal is recorded in the same form and nothing else moves. The ledger is written before the
aliases; should a crash come between, the next call puts the aliases right.

Leaves out: the verdict (gate.py), how a Bento is built (bento.py) and serving.
"""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from filelock import FileLock

from components import tracking
from components.artefacts import ModelDescription, replacing_folder, sha256_of, write_json, write_text
from components.errors import ReleaseError
from components.release.files import (
    CALIBRATION,
    FILES,
    MODEL,
    Listing,
    differences,
    list_files,
    listing_text,
    model_files,
    package_digest,
)
from components.release.ledger import LEDGER, RELEASED, Ledger, append, read_ledger, released_folder
from components.release.model_card import build_card, card_markdown
from components.release.packaged import AGAIN, read_package
from components.release.released import CARD_JSON, checked_description, read_card, read_listing, released_model

REGISTRY_NAME = "sonoforge"
CHAMPION, PREVIOUS = "champion", "previous"
CARD_MARKDOWN, GATE = "card.md", "gate.json"
NO_METRICS: Mapping[str, Any] = {"datasets": {}}


Pack = Callable[[Path], str]
"""Builds the Bento of a complete model folder; returns its tag."""


class Registry(Protocol):
    """The registry's calls that a release needs; components.tracking is one."""

    def register_version(
        self,
        root: Path,
        name: str,
        *,
        digest: str,
        source: str,
        card: str,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> tracking.RegisteredVersion:
        """Register weights by their digest, or find the version that has them."""

    def set_alias(self, root: Path, name: str, *, alias: str, version: int) -> None:
        """Point an alias at a version."""

    def list_versions(self, root: Path, name: str) -> list[tracking.RegisteredVersion]:
        """All versions under a name."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a candidate: the content of `reports/promotion.json`.

    `source` and `target` are the digests of the model in use before and after, `folder` where the released model
    stands (relative to the project), `package` the digest of the list of its files, `ledger` that of the ledger's
    entry.
    """

    action: Literal["promoted", "refused", "already champion", "rolled back"]
    verdict: str | None
    candidate: str
    name: str
    version: int | None
    source: str | None
    target: str | None
    folder: str | None
    reasons: tuple[str, ...]
    ledger: str
    package: str | None = None
    bento: str | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON values, with `from` and `to` for the models before and after."""
        values = asdict(self) | {"schema": 1, "reasons": list(self.reasons)}
        return {{"source": "from", "target": "to"}.get(key, key): value for key, value in values.items()}


def promote(
    root: Path,
    *,
    model: Path,
    gate: Path,
    package: Path | None = None,
    internal: Mapping[str, Any] = NO_METRICS,
    external: Mapping[str, Any] = NO_METRICS,
    run_id: str | None = None,
    who: str | None = None,
    registry: Registry = tracking,
    pack: Pack | None = None,
) -> Promotion:
    """Release a candidate if its gate says PASS, else record the refusal.

    Parameters
    ----------
    model, gate, package
        The candidate's folder, the gate's record (`gate.json`) and the package's (`package.json`), which must both be
        about these very files. A model that is released already has its package's list with it and needs no `package`.
    internal, external
        Content of the validations' `metrics.json`, for the card; where they name a model, it must be this one. A
        model that is released already keeps the card that it was given.
    run_id
        The MLflow run that made the model.
    who
        Who promotes; by default whoever runs this.
    pack
        Builds the Bento of the released folder before the ledger is written; None: there is to be none.

    Raises
    ------
    ReleaseError
        If the gate judged other weights or another package, files aren't those that were judged, its record, the
        package's or the metrics are broken or of others, or the ledger was tampered with.
    ArtefactError
        If the model folder is incomplete or altered.
    """
    record, description = _judged(model, gate)
    files = _packaged(root, model, description, package, record=record)
    for role, metrics in (("internal", internal), ("external", external)):
        _refuse_foreign(metrics, description, role=role)
    who = who or actor()
    with _lock(root):
        ledger = read_ledger(root / LEDGER)
        if record["verdict"] != "PASS":
            return _refuse(root, description, record, gate=gate, files=files, who=who, ledger=ledger)
        card = {"gate": record, "internal": internal, "external": external}
        draft = build_card(description, version=description.digest[:12], **card)
        folder = released_folder(root, description.digest)
        version = registry.register_version(
            root,
            REGISTRY_NAME,
            digest=description.digest,
            source=folder.relative_to(root).as_posix(),
            card=card_markdown(draft),
            run_id=run_id,
            tags=_tags(description),
        ).version
        if _is_released(root, model, description):
            bento = pack(folder) if pack is not None else None
        else:
            final = build_card(description, version=str(version), **card)
            bento = _release(folder, model, gate, card=final, files=files, pack=pack)
        known = ledger.champion == description.digest
        named = _named(files)
        digest = ledger.head
        if not known or ledger.package_of(description.digest) != named["package_sha256"]:
            digest = append(
                root / LEDGER,
                action="promote",
                who=who,
                source=ledger.champion,
                target=description.digest,
                candidate=description.digest,
                gate_sha256=sha256_of(gate),
                reason="the gate says PASS" + (", of another package" if known else ""),
                **named,
            ).digest
        _sync_aliases(root, registry)
        return Promotion(
            action="already champion" if digest == ledger.head else "promoted",
            verdict="PASS",
            candidate=description.digest,
            name=description.name,
            version=version,
            source=ledger.previous if known else ledger.champion,
            target=description.digest,
            folder=folder.relative_to(root).as_posix(),
            reasons=(),
            ledger=digest,
            package=named["package_sha256"],
            bento=bento,
        )


def rollback(root: Path, *, reason: str, who: str | None = None, registry: Registry = tracking) -> Promotion:
    """Bring the former model back into use; the one that was in use becomes the former one.

    Raises
    ------
    ReleaseError
        If there is no former model, its folder is gone, altered or another model's, or the ledger was tampered with.
    """
    with _lock(root):
        ledger = read_ledger(root / LEDGER)
        if ledger.champion is None or ledger.previous is None:
            raise ReleaseError(
                "there is no former model to go back to",
                expected="two promoted models",
                remedy="promote another model first; `sonoforge models` lists them",
            )
        folder = released_model(root, ledger.previous)
        description = checked_description(folder)
        entry = append(
            root / LEDGER,
            action="rollback",
            who=who or actor(),
            source=ledger.champion,
            target=ledger.previous,
            candidate=None,
            gate_sha256=None,
            reason=reason,
        )
        versions = _sync_aliases(root, registry)
        return Promotion(
            action="rolled back",
            verdict=None,
            candidate=description.digest,
            name=description.name,
            version=versions.get(description.digest),
            source=ledger.champion,
            target=ledger.previous,
            folder=folder.relative_to(root).as_posix(),
            reasons=(reason,),
            ledger=entry.digest,
        )


def champion_folder(root: Path) -> Path | None:
    """The folder of the model in use, by the ledger; None if there is none.

    Raises
    ------
    ReleaseError
        If the folder isn't that model's, or the ledger was tampered with.
    """
    digest = read_ledger(root / LEDGER).champion
    return None if digest is None else released_model(root, digest)


def actor() -> str:
    """Who is at work: the variable SONOFORGE_ACTOR, else the user's name on this machine."""
    named = os.environ.get("SONOFORGE_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def _judged(model: Path, gate: Path) -> tuple[dict[str, Any], ModelDescription]:
    """The gate's record and the model's description, which must belong together."""
    description = checked_description(model)
    # It comes with the checks, whose imports cost seconds; whoever only lists models or rolls back needs neither.
    from components.release.verdict import read_gate

    record = read_gate(gate)
    judged = record["model"]["digest"]
    if judged != description.digest:
        raise ReleaseError(
            f"{gate} judges the weights {judged[:12]}, {model} holds {description.digest[:12]}",
            expected="a verdict on the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    return record, description


def _is_released(root: Path, model: Path, description: ModelDescription) -> bool:
    return model.resolve() == released_folder(root, description.digest).resolve()


def _packaged(
    root: Path, model: Path, description: ModelDescription, package: Path | None, *, record: Mapping[str, Any]
) -> Listing:
    """The list of the files that were judged, which must be those that are there.

    It is empty for a model that was released before packages were judged.
    """
    if package is None:
        listing = read_listing(model / FILES)
        if listing is None and not _is_released(root, model, description):
            raise ReleaseError(
                f"{model} was never packaged", expected="a candidate whose Bento was built and tried", remedy=AGAIN
            )
        return listing or {}
    found = read_package(package)
    if found.model.digest != description.digest:
        raise ReleaseError(
            f"{package} is about the weights {found.model.digest[:12]}, {model} holds {description.digest[:12]}",
            expected="a package of the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )
    judged = record.get("package_sha256", found.package_sha256)
    if judged != found.package_sha256:
        raise ReleaseError(
            f"the gate judged the package {str(judged)[:12]}, {package} is {found.package_sha256[:12]}",
            expected="the package that was judged",
            remedy="run the graph to its end: `dvc repro`",
        )
    expected = model_files(found.files)
    there = {name: digest for name, digest in list_files(model).items() if name in expected}
    if wrong := differences(there, expected):
        raise ReleaseError(
            f"{model} isn't as it was judged: {', '.join(wrong)}",
            expected=f"the files that {package} lists",
            remedy=f"`dvc checkout {model.name}`, or {AGAIN}",
        )
    return found.files


class _Named(TypedDict):
    package_sha256: str | None
    calibration_sha256: str | None


def _named(files: Listing) -> _Named:
    """What the ledger's entry says of the package."""
    return {
        "package_sha256": package_digest(files) if files else None,
        "calibration_sha256": files.get(MODEL + CALIBRATION),
    }


def _refuse_foreign(metrics: Mapping[str, Any], description: ModelDescription, *, role: str) -> None:
    """Refuse results of other weights: the card would state them as this model's."""
    model = metrics.get("model", {"digest": description.digest})
    scored = str(model.get("digest")) if isinstance(model, Mapping) else "of no model"
    if scored != description.digest:
        raise ReleaseError(
            f"the {role} validation scored the weights {scored[:12]}, not {description.digest[:12]}",
            expected="results of the model that is to be promoted",
            remedy="run the graph to its end: `dvc repro`",
        )


def _refuse(
    root: Path,
    description: ModelDescription,
    record: Mapping[str, Any],
    *,
    gate: Path,
    files: Listing,
    who: str,
    ledger: Ledger,
) -> Promotion:
    reasons = tuple(check["reason"] for check in record["checks"] if check["verdict"] != "PASS")
    gate_sha256 = sha256_of(gate)
    last = ledger.entries[-1] if ledger.entries else None
    # The same refusal again is the same event: a repeated command adds no line.
    again = last is not None and (last.action, last.candidate, last.gate_sha256) == (
        "refuse",
        description.digest,
        gate_sha256,
    )
    digest = ledger.head
    if not again:
        digest = append(
            root / LEDGER,
            action="refuse",
            who=who,
            source=ledger.champion,
            target=ledger.champion,
            candidate=description.digest,
            gate_sha256=gate_sha256,
            reason=f"{record['verdict']}: {'; '.join(reasons)}",
            **_named(files),
        ).digest
    return Promotion(
        action="refused",
        verdict=record["verdict"],
        candidate=description.digest,
        name=description.name,
        version=None,
        source=ledger.champion,
        target=ledger.champion,
        folder=None,
        reasons=reasons,
        ledger=digest,
        package=_named(files)["package_sha256"],
    )


def _release(
    folder: Path, model: Path, gate: Path, *, card: Mapping[str, Any], files: Listing, pack: Pack | None
) -> str | None:
    """Write the released folder: the files that were judged, card, verdict, their list; returns its Bento's tag."""
    with replacing_folder(folder) as beside:
        for name in model_files(files):
            shutil.copy2(model / name, beside / name)
        shutil.copy2(gate, beside / GATE)
        write_text(beside / FILES, listing_text(files))
        write_json(beside / CARD_JSON, dict(card))
        write_text(beside / CARD_MARKDOWN, card_markdown(card))
        return pack(beside) if pack is not None else None


def _sync_aliases(root: Path, registry: Registry) -> dict[str, int]:
    """Point the aliases where the ledger says; returns the versions by digest."""
    ledger = read_ledger(root / LEDGER)
    versions = {known.digest: known.version for known in registry.list_versions(root, REGISTRY_NAME)}
    for alias, digest in ((CHAMPION, ledger.champion), (PREVIOUS, ledger.previous)):
        if digest in versions:
            registry.set_alias(root, REGISTRY_NAME, alias=alias, version=versions[digest])
    return versions


def _tags(description: ModelDescription) -> dict[str, str]:
    record = description.provenance
    named = {key: str(record[key]) for key in ("git_sha", "params_sha256", "pass_id") if key in record}
    return {f"sonoforge.{key}": value for key, value in named.items()} | {
        "sonoforge.phantom": str(description.phantom).lower()
    }


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    (root / RELEASED).mkdir(parents=True, exist_ok=True)
    with FileLock(root / RELEASED / ".release.lock"):
        yield


def models_table(root: Path) -> list[dict[str, Any]]:
    """All released models by the ledger, oldest first: digest, folder, when promoted, by whom, and their alias.

    Raises
    ------
    ReleaseError
        If a folder is another model's than the ledger says, or the ledger was tampered with.
    ArtefactError
        If a card is broken.
    """
    ledger = read_ledger(root / LEDGER)
    rows: dict[str, dict[str, Any]] = {}
    for entry in ledger.entries:
        if entry.action == "promote" and entry.target is not None:
            rows[entry.target] = {"digest": entry.target, "promoted_at": entry.at, "by": entry.who}
    for digest, row in rows.items():
        folder = released_folder(root, digest)
        card = read_card(released_model(root, digest)) if folder.is_dir() else None
        found = card or {}
        row["alias"] = CHAMPION if digest == ledger.champion else PREVIOUS if digest == ledger.previous else ""
        row |= {"name": found.get("name"), "version": found.get("version"), "phantom": found.get("phantom")}
        row["folder"] = folder.relative_to(root).as_posix() if card is not None else None
    return list(rows.values())
