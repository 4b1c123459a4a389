"""What the service keeps of what it does: the audit log before an answer is given, signals after it, answers in memory.

An answer that can't be entered into the log isn't given; a signal that can't be written is dropped. No pixels and no
names of files go into either. Leaves out: the log (components/audit), the signals (components/promptable/signals.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from components.audit.entries import (
    Export,
    Exported,
    Feedback,
    ImageSeen,
    Judgement,
    ModelUsed,
    PointGiven,
    PromptGiven,
    Start,
    Stop,
    Switch,
    Written,
    new_prediction_id,
)
from components.audit.entries import Outlined as OutlinedEntry
from components.audit.entries import Prediction as PredictionEntry
from components.audit.log import AuditLog
from components.audit.outlines import edit_of, mask_sha256, rle_sha256
from components.audit.refusals import Refusals
from components.audit.tail import Receipt
from components.errors import AuditError
from components.masks import decode_checked, overlap
from components.monitoring.writer import SignalWriter
from components.promptable.signals import Row, feedback_row, image_row, outline_row
from components.types import Image, Mask, Prompt
from serving.access.callers import Caller
from serving.engine.answers import Answer, Outlined
from serving.engine.cache import Embedded
from serving.engine.predictor import Predictor
from serving.engine.proposals import Proposal, Proposals
from serving.schema.answers import ImageOut, ModelOut, RleOut
from serving.schema.export import ExportIn, Format
from serving.schema.feedback import FeedbackIn, JudgementIn
from serving.schema.prompts import RleIn

FAILED_S = 10.0
"""So long the service isn't ready after an entry that failed; then a request may try again."""
LEAST_BYTES = 2**22
THREADS = 32
"""As many entries may come together in one writing to the disk."""
R = TypeVar("R")
logger = logging.getLogger(__name__)


class Records:
    """The log, the signals and the latest answers of a running service."""

    def __init__(self, audit: AuditLog, signals: SignalWriter, proposals: Proposals) -> None:
        self.audit = audit
        self.signals = signals
        self.proposals = proposals
        self._refusals = Refusals(audit)
        self._failed_s: float | None = None
        # Of its own: clicks that wait for the disk wait for nobody else's work.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sonoforge-records")

    async def entering(self, call: Callable[..., R], *args: object) -> R:
        """Run a call that enters something, while the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    def started(self, predictor: Predictor, *, version: str) -> None:
        """Enter that the service is ready with a model."""
        self._enter(Start(version=version, model=_model_used(predictor.model)))

    def stopped(self, why: str) -> None:
        """Enter that the service ends, and write what waits."""
        try:
            self._refusals.close()
            self._enter(Stop(why=why))
        except AuditError as error:
            # The next start tells that this end isn't in the log.
            logger.error("the end couldn't be entered: %s", error)
        finally:
            self.audit.close()
            self.signals.close()

    def switched(self, went: Predictor | None, came: Predictor) -> None:
        """Enter that another model serves from now on."""
        former = None if went is None else _model_used(went.model)
        why = "another model came into use"
        self._enter(Switch(came=_model_used(came.model), went=former, who=None, why=why))

    def refused(self, code: str, who: str | None) -> None:
        """Count a request that was refused for want of a right; it stays refused where that can't be entered."""
        try:
            self._refusals.note(code, who=who)
        except AuditError as error:
            logger.error("a refusal couldn't be entered: %s", error)

    @property
    def ready(self) -> bool:
        """Whether the log takes entries, as far as is known: it does, lately did, and has room on its disk."""
        lately = self._failed_s is not None and time.monotonic() - self._failed_s < FAILED_S
        return self.audit.fault is None and not lately and shutil.disk_usage(self.audit.folder).free >= LEAST_BYTES

    def _enter(self, entry: Written) -> Receipt:
        try:
            return self.audit.append(entry)
        except AuditError:
            self._failed_s = time.monotonic()
            raise

    def embedded(self, image: Image, embedded: Embedded, model_digest: str) -> None:
        """Keep the signals of an image (H W 3) that was embedded anew."""
        row = image_row(image, embedded.embedding, embedded.finding, model_digest=model_digest)
        self.signals.add("image", row, model_digest=model_digest)

    def answered(self, answer: Answer, caller: Caller) -> str:
        """Enter an answer before it is given; returns its id.

        Raises
        ------
        AuditError
            If it can't be entered: then it must not be given.
        """
        prediction = new_prediction_id()
        self._enter(
            PredictionEntry(
                prediction=prediction,
                who=caller.who,
                role=caller.role,
                model=_model_used(answer.model),
                image=_image_seen(answer.image, answer.pixels_sha256),
                objects=tuple(_entry_of(each) for each in answer.outlines),
            )
        )
        self.proposals.add(prediction, Proposal(answer.model, answer.phantom, answer.image, tuple(answer.objects)))
        for each in answer.outlines:
            row = outline_row(
                each.prediction.mask,
                each.prompt,
                quality=each.prediction.quality,
                judged=each.verdict,
                latency_ms=answer.timing_ms.total,
            )
            self.signals.add("outline", row, model_digest=answer.model.digest)
        return prediction

    def judged(self, given: FeedbackIn, caller: Caller) -> int:
        """Enter what a person made of an answer; returns the number of the entry.

        Raises
        ------
        ProposalGoneError
            If the answer isn't kept.
        PromptError
            If an object isn't the answer's, or a mask isn't one of its image.
        AuditError
            If it can't be entered.
        """
        proposal = self.proposals.get(given.prediction)
        # One object's masks at a time: all of them together may be larger than the memory.
        told = [_judged(each, proposal) for each in given.objects]
        judgements = tuple(judgement for judgement, _ in told)
        receipt = self._enter(
            Feedback(prediction=given.prediction, who=caller.who, role=caller.role, objects=judgements)
        )
        for _, row in told:
            self.signals.add("feedback", row, model_digest=proposal.model.digest)
        return receipt.n

    def exported(
        self, asked: ExportIn, masks: Sequence[Mask], image: ImageOut, *, kind: Format, data: bytes, caller: Caller
    ) -> None:
        """Enter that a file was handed out.

        Raises
        ------
        AuditError
            If it can't be entered: then it must not be handed out.
        """
        objects = tuple(
            Exported(mask_sha256=mask_sha256(mask), prediction=each.prediction, index=each.index, verdict=each.verdict)
            for each, mask in zip(asked.objects, masks, strict=True)
        )
        digest = hashlib.sha256(data).hexdigest()
        self._enter(
            Export(
                format=kind,
                file_sha256=digest,
                who=caller.who,
                role=caller.role,
                image=_image_seen(image),
                objects=objects,
            )
        )


def open_records(*, audit: Path, signals: SignalWriter, proposal_bytes: int) -> Records:
    """Open the log in a folder, and keep as many answers as `proposal_bytes` hold.

    Raises
    ------
    AuditError
        If another process writes the log, it can't be written, or it was tampered with.
    """
    return Records(AuditLog.open(audit), signals, Proposals(proposal_bytes))


def mask_of(given: RleIn | RleOut, proposal: Proposal) -> Mask:
    """A mask (H W) that a client sent, of the image of an answer.

    Raises
    ------
    PromptError
        If it isn't a mask of that image's size.
    """
    rle = {"size": list(given.size), "counts": given.counts}
    return decode_checked(rle, (proposal.image.height, proposal.image.width))


def _judged(given: JudgementIn, proposal: Proposal) -> tuple[Judgement, Row]:
    """What became of an object, as the log and as the signals have it."""
    proposed = proposal.object(given.index).mask
    final = None if given.mask is None else mask_of(given.mask, proposal)
    common = None if final is None else overlap(mask_of(proposed, proposal), final)
    judgement = Judgement(
        index=given.index,
        verdict=given.verdict,
        mask_sha256=None if final is None else mask_sha256(final),
        edit=None if common is None else edit_of(common),
    )
    return judgement, feedback_row(given.verdict, overlap=common)


def _entry_of(one: Outlined) -> OutlinedEntry:
    verdict = one.verdict
    return OutlinedEntry(
        prompt=_prompt_given(one.prompt),
        mask_sha256=rle_sha256(one.out.mask.size, one.out.mask.counts),
        area_px=one.out.area_px,
        quality=one.prediction.quality,
        confidence=None if verdict is None else verdict.confidence,
        abstain=None if verdict is None else verdict.abstain,
    )


def _prompt_given(prompt: Prompt) -> PromptGiven:
    return PromptGiven(
        box=prompt.box_xyxy,
        points=tuple(PointGiven(x=point.x, y=point.y, positive=point.positive) for point in prompt.points),
        mask_sha256=None if prompt.mask is None else mask_sha256(prompt.mask),
    )


def _model_used(model: ModelOut) -> ModelUsed:
    return ModelUsed(name=model.name, version=model.version, digest=model.digest, runtime=model.runtime)


def _image_seen(image: ImageOut, pixels_sha256: str | None = None) -> ImageSeen:
    return ImageSeen(id=image.id, pixels_sha256=pixels_sha256, frame=image.frame)
