"""A judgement that says DRIFT to a request that somebody retrain: `reports/retrain_request.json`.

Whether a retraining is worth it is for people to say, or for a schedule that they set; nothing here trains or promotes.
The same drift doesn't ask twice: a signal that was asked about for a model, whether the request still stands or was
answered, asks no more while that model is in use. A further signal joins a standing request. Who retrains closes the
request, which then stands with its outcome in `reports/retrain_answered.json`. Leaves out: when that is (pipelines).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.artefacts import write_json
from components.errors import ArtefactError, first_fault
from components.monitoring.drift import Against, Finding, Judgement

REQUEST = Path("reports/retrain_request.json")
ANSWERED = Path("reports/retrain_answered.json")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Drifted(_Frozen):
    """A signal that drifted, what it was held against, in which window (first and last day) it was found, and how."""

    signal: str
    against: Against
    window: str
    effect: float
    adjusted_p: float
    why: str


class Request(_Frozen):
    """What `retrain_request.json` holds: for which model, since when, and which signals say so."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    model_name: str
    model_digest: str
    asked_at: str
    level: float
    drifted: tuple[Drifted, ...] = Field(min_length=1)

    def asks_about(self, finding: Finding) -> bool:
        """Whether a finding's signal, held against the same, is in the request."""
        return any((one.signal, one.against) == (finding.signal.name, finding.against) for one in self.drifted)


class Answer(_Frozen):
    """A request that was answered: when, and what came of it."""

    request: Request
    answered_at: str
    outcome: str


class Answers(_Frozen):
    """What `retrain_answered.json` holds, oldest first."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    answers: tuple[Answer, ...] = ()


def ask(root: Path, judgement: Judgement, *, model_name: str, model_digest: str, at: datetime) -> Request | None:
    """Ask for retraining if a judgement gives a reason that wasn't given before; the request as it stands then.

    None where nothing new is to be asked. A standing request for another model is replaced: that model isn't in use
    any more.

    Raises
    ------
    ArtefactError
        If either file is broken.
    """
    standing = read_request(root)
    mine = standing if standing is not None and standing.model_digest == model_digest else None
    answered = [one.request for one in read_answers(root) if one.request.model_digest == model_digest]
    known = [*answered, *([mine] if mine else [])]
    new = [one for one in judgement.drifted if not any(request.asks_about(one) for request in known)]
    if not new:
        return None
    request = Request(
        model_name=model_name,
        model_digest=model_digest,
        asked_at=mine.asked_at if mine else _told(at),
        level=judgement.level,
        drifted=(*(mine.drifted if mine else ()), *(_drifted(one, judgement) for one in new)),
    )
    write_json(root / REQUEST, request.model_dump(mode="json", by_alias=True))
    return request


def answer(root: Path, *, outcome: str, at: datetime) -> Answer | None:
    """Close the standing request with what came of it; None where there is none.

    Raises
    ------
    ArtefactError
        If either file is broken.
    """
    standing = read_request(root)
    if standing is None:
        return None
    done = Answer(request=standing, answered_at=_told(at), outcome=outcome)
    all_of_them = Answers(answers=(*read_answers(root), done))
    # Kept before the request goes: a crash in between leaves it standing and answered, and it is answered again.
    write_json(root / ANSWERED, all_of_them.model_dump(mode="json", by_alias=True))
    (root / REQUEST).unlink()
    return done


def read_request(root: Path) -> Request | None:
    """The standing request; None where there is none.

    Raises
    ------
    ArtefactError
        If the file isn't a request.
    """
    found = _read(root / REQUEST, Request)
    return found if isinstance(found, Request) else None


def read_answers(root: Path) -> Sequence[Answer]:
    """The requests that were answered, oldest first.

    Raises
    ------
    ArtefactError
        If the file isn't a list of them.
    """
    found = _read(root / ANSWERED, Answers)
    return found.answers if isinstance(found, Answers) else ()


def _read(path: Path, kind: type[BaseModel]) -> Any:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        why = first_fault(error) if isinstance(error, ValidationError) else error.strerror
        raise ArtefactError(
            f"{path}: {why}",
            expected=f"what `sonoforge monitor` wrote, of schema 1 ({kind.__name__.lower()})",
            remedy="restore the file, or take it away: what still drifts then asks again",
        ) from None


def _drifted(finding: Finding, judgement: Judgement) -> Drifted:
    assert finding.effect is not None and finding.adjusted is not None, "what drifted was compared"
    return Drifted(
        signal=finding.signal.name,
        against=finding.against,
        window=judgement.window.told,
        effect=round(finding.effect, 6),
        adjusted_p=finding.adjusted,
        why=finding.told,
    )


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
