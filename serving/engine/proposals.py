"""Answers that were given lately, in memory: what feedback and exports are held against.

Masks as run lengths, no pixels; as JSON, which takes a fifth of what the objects take, and whose bytes can be counted.
Leaves out: the log of all answers (components/audit), which keeps digests only.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from components.errors import PromptError, SonoForgeError
from serving.schema.answers import ImageOut, ModelOut, ObjectOut
from serving.schema.strict import Message

OVERHEAD_BYTES = 400
"""What an answer takes beside its JSON: its id, and its place among the others."""


class ProposalGoneError(SonoForgeError):
    """An answer that isn't kept: never given, or so long ago that others took its place."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An answer: the model, whether it was trained on drawn images, the image, and its objects without polygons."""

    model: ModelOut
    phantom: bool
    image: ImageOut
    objects: tuple[ObjectOut, ...]

    def object(self, index: int) -> ObjectOut:
        """One of its objects.

        Raises
        ------
        PromptError
            If it has no such object.
        """
        if index >= len(self.objects):
            raise PromptError(
                f"object {index} of an answer with {len(self.objects)}",
                expected=f"0 to {len(self.objects) - 1}",
                remedy="name the object by its place in the answer",
            )
        return self.objects[index]


class _Kept(Message):
    """An answer as it is kept."""

    model: ModelOut
    phantom: bool
    image: ImageOut
    objects: tuple[ObjectOut, ...]


class Proposals:
    """The latest answers by the ids of their predictions, as many as `max_bytes` hold. For any number of threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._held_bytes = 0
        self._lock = threading.Lock()

    def add(self, prediction: str, proposal: Proposal) -> None:
        """Keep an answer, and let the oldest go where there is no room."""
        slim = tuple(each.model_copy(update={"polygons": []}) for each in proposal.objects)
        whole = _Kept(model=proposal.model, phantom=proposal.phantom, image=proposal.image, objects=slim)
        packed = whole.model_dump_json().encode("utf-8")
        with self._lock:
            self._kept[prediction] = packed
            self._held_bytes += len(packed) + OVERHEAD_BYTES
            while self._held_bytes > self._max_bytes:
                _, gone = self._kept.popitem(last=False)
                self._held_bytes -= len(gone) + OVERHEAD_BYTES

    def get(self, prediction: str) -> Proposal:
        """An answer by its id.

        Raises
        ------
        ProposalGoneError
            If it isn't kept.
        """
        with self._lock:
            found = self._kept.get(prediction)
        if found is None:
            raise ProposalGoneError(
                "this answer isn't kept any more, or was never given",
                expected="the `prediction` of an answer that this service gave since its start, and lately",
                remedy="ask for the outline again with POST /v1/segment, then send this with the new `prediction`",
            )
        kept = _Kept.model_validate_json(found)
        return Proposal(kept.model, kept.phantom, kept.image, kept.objects)

    @property
    def held_bytes(self) -> int:
        """What all of them take."""
        return self._held_bytes

    def __len__(self) -> int:
        return len(self._kept)
