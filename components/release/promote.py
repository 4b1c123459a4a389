"""A judged student to the model in use, or to a recorded refusal.

On PASS the files of the candidate that were judged, and no others, are copied to `models/released/<first 12 digits of
the digest>`, with card, verdict and the list of the package (`files.json`). Its Bento is built before anything moves.
Then it is entered in the ledger and pointed at by the registry's alias `champion` (the former one by `previous`). On
any other verdict the refusal is recorded in the same form and nothing else moves. The ledger is written before the
aliases; should a crash come between, the next call puts the aliases right.

Leaves out: the verdict (gate.py), how a Bento is built (bento.py), rolling back (records/in_use.py) and serving.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from components import tracking
from components.artefacts import replacing_folder, write_json, write_text
from components.errors import SonoForgeError
from components.listing import FILES, model_files
from components.params import GateParams
from components.release.approval import Approval, check_approval
from components.release.documents.model_card import NOTHING_STATED, build_card, card_markdown
from components.release.files import CALIBRATION, listing_text
from components.release.judged import NO_METRICS, Judged, read_judged, refuse_foreign
from components.release.records.ledger import LEDGER, Entry, Ledger, append, read_ledger, released_folder
from components.release.records.lock import release_lock
from components.release.records.promotion import (
    REGISTRY_NAME,
    Promotion,
    Registry,
    actor,
    registry_tags,
    sync_aliases,
)
from components.release.records.released import (
    CARD_JSON,
    CARD_MARKDOWN,
    GATE,
    card_digest,
    checked_description,
    intact_description,
)
from components.release.verdict import refuse_outdated

Pack = Callable[[Path], str]
"""Builds the Bento of a complete model folder; returns its tag."""


def promote(
    root: Path,
    *,
    model: Path,
    gate: Path,
    params: GateParams,
    by_hand: bool = False,
    package: Path | None = None,
    internal: Mapping[str, Any] = NO_METRICS,
    external: Mapping[str, Any] = NO_METRICS,
    statements: Mapping[str, str] = NOTHING_STATED,
    run_id: str | None = None,
    who: str | None = None,
    registry: Registry = tracking,
    pack: Pack | None = None,
) -> Promotion:
    """Release a candidate if its gate says PASS and, where that is asked for, a person approved; else record why not.

    Parameters
    ----------
    model, gate, package
        The candidate's folder, the gate's record (`gate.json`) and the package's (`package.json`), which must both be
        about these very files. A model that is released already has its package's list with it and needs no `package`.
    params
        The gate's, of which `require_approval` counts here.
    by_hand
        A person asks for this very model. Nobody else brings one back that a rollback took out of use.
    internal, external, statements
        Content of the validations' `metrics.json`, which must be of this model, and what people state, for the card. A
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
        If the gate judged other weights, another package or beside another model than the one in use; if files aren't
        those that were judged, a record or the metrics are broken or of others, or the ledger was tampered with.
    ArtefactError
        If the model folder is incomplete or altered.
    """
    who = who or actor()
    with release_lock(root):
        ledger = read_ledger(root / LEDGER)
        judged = read_judged(root, model=model, gate=gate, package=package)
        for role, metrics in (("internal", internal), ("external", external)):
            refuse_foreign(metrics, judged.description, role=role)
        refuse_outdated(judged.gate, ledger)
        approval = check_approval(ledger, judged.gate, params)
        card = _card_sources(judged, internal=internal, external=external, statements=statements)
        reasons = _against(judged, approval, put_away=None if by_hand else ledger.put_away(judged.digest))
        folder = released_folder(root, judged.digest)
        # A refused candidate is registered as well, with the folder in which it was judged.
        version = registry.register_version(
            root,
            REGISTRY_NAME,
            digest=judged.digest,
            source=_place(judged.model if reasons and not folder.is_dir() else folder, root),
            card=card_markdown(build_card(judged.description, version=judged.digest[:12], **card)),
            run_id=run_id,
            tags=registry_tags(judged.description),
        ).version
        if reasons:
            refused = _refuse(root, judged, ledger, reasons=reasons, version=version, who=who)
            sync_aliases(root, registry)
            return refused
        stands = _stands(root, judged, ledger)
        if judged.released or stands:
            bento = pack(folder) if pack is not None else None
        else:
            final = build_card(judged.description, version=str(version), **card)
            bento = _release(folder, judged, card=final, pack=pack)
        digest = ledger.head if stands else _enter(root, judged, ledger, approval=approval, who=who)
        sync_aliases(root, registry)
        return _promoted(root, judged, ledger, version=version, entry=digest, bento=bento)


def _place(folder: Path, root: Path) -> str:
    return Path(os.path.relpath(folder, root)).as_posix()


def _against(judged: Judged, approval: Approval, *, put_away: Entry | None) -> tuple[str, ...]:
    """Why the candidate isn't released; nothing where it is. `put_away` is a rollback that stands against it."""
    if judged.gate.verdict != "PASS":
        return tuple(check["reason"] for check in judged.gate.values["checks"] if check["verdict"] != "PASS")
    reasons = [] if approval.missing is None else [approval.missing]
    if put_away is not None:
        reasons.append(
            f"{put_away.who} took this model out of use on {put_away.at}: {put_away.reason}; "
            f"a person may bring it back: `sonoforge promote {judged.digest[:12]}`"
        )
    return tuple(reasons)


def _card_sources(
    judged: Judged, *, internal: Mapping[str, Any], external: Mapping[str, Any], statements: Mapping[str, str]
) -> dict[str, Any]:
    calibration = judged.model / CALIBRATION
    return {
        "gate": judged.gate.values,
        "internal": internal,
        "external": external,
        "statements": statements,
        "package": None if judged.package is None else judged.package.model_dump(mode="json"),
        "calibration": json.loads(calibration.read_text(encoding="utf-8")) if calibration.is_file() else None,
    }


def _refuse(root: Path, judged: Judged, ledger: Ledger, *, reasons: Sequence[str], version: int, who: str) -> Promotion:
    gate_sha256 = judged.gate.sha256
    last = ledger.entries[-1] if ledger.entries else None
    # The same refusal again is the same event: a repeated command adds no line.
    again = last is not None and (last.action, last.candidate, last.gate_sha256) == (
        "refuse",
        judged.digest,
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
            candidate=judged.digest,
            gate_sha256=gate_sha256,
            reason=f"{judged.gate.verdict}: {'; '.join(reasons)}",
            **judged.named,
        ).digest
    return Promotion(
        action="refused",
        verdict=judged.gate.verdict,
        candidate=judged.digest,
        name=judged.description.name,
        version=version,
        source=ledger.champion,
        target=ledger.champion,
        folder=None,
        reasons=tuple(reasons),
        ledger=digest,
        package=judged.named["package_sha256"],
    )


def _release(folder: Path, judged: Judged, *, card: Mapping[str, Any], pack: Pack | None) -> str | None:
    """Write the released folder: the files that were judged, card, verdict, their list; returns its Bento's tag."""
    with replacing_folder(folder) as beside:
        for name in model_files(judged.files):
            shutil.copy2(judged.model / name, beside / name)
        (beside / GATE).write_bytes(judged.gate.content)
        write_text(beside / FILES, listing_text(judged.files))
        intact_description(beside)  # What was copied is what was compared, whoever wrote in between.
        write_json(beside / CARD_JSON, dict(card))
        write_text(beside / CARD_MARKDOWN, card_markdown(card))
        return pack(beside) if pack is not None else None


def _stands(root: Path, judged: Judged, ledger: Ledger) -> bool:
    """Whether this model is in use with this package already, whole, and with the papers that it was given."""
    if ledger.champion != judged.digest or ledger.package_of(judged.digest) != judged.named["package_sha256"]:
        return False
    try:
        checked_description(released_folder(root, judged.digest))
    except SonoForgeError:
        return False
    return True


def _enter(root: Path, judged: Judged, ledger: Ledger, *, approval: Approval, who: str) -> str:
    """Enter the promotion in the ledger, with the papers that lie in the released folder; returns its digest."""
    reason = "the gate says PASS"
    if approval.entry is not None:
        reason += f", {approval.entry.who} approved it"
    if ledger.champion == judged.digest:
        other = ledger.package_of(judged.digest) != judged.named["package_sha256"]
        reason += "; the model in use, " + ("with other files beside its weights" if other else "its folder mended")
    return append(
        root / LEDGER,
        action="promote",
        who=who,
        source=ledger.champion,
        target=judged.digest,
        candidate=judged.digest,
        gate_sha256=judged.gate.sha256,
        reason=reason,
        card_sha256=card_digest(released_folder(root, judged.digest)),
        **judged.named,
    ).digest


def _promoted(root: Path, judged: Judged, ledger: Ledger, *, version: int, entry: str, bento: str | None) -> Promotion:
    known = ledger.champion == judged.digest
    return Promotion(
        action="already champion" if entry == ledger.head else "promoted",
        verdict="PASS",
        candidate=judged.digest,
        name=judged.description.name,
        version=version,
        source=ledger.previous if known else ledger.champion,
        target=judged.digest,
        folder=released_folder(root, judged.digest).relative_to(root).as_posix(),
        reasons=(),
        ledger=entry,
        package=judged.named["package_sha256"],
        bento=bento,
    )
