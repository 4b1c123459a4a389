"""Entries for the tests of the audit log, all of which follow from a number."""

from __future__ import annotations

import hashlib

from components.audit.entries import ImageSeen, ModelUsed, Outlined, PointGiven, Prediction, PromptGiven


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def predicted(number: int = 1, *, who: str | None = "anna", model: str = "first", clicks: int = 1) -> Prediction:
    """A prediction whose ids follow from its number."""
    prompt = PromptGiven(
        box=(1.0, 2.0, 30.5, 40.0),
        points=tuple(PointGiven(x=float(n), y=2.5, positive=True) for n in range(clicks)),
        mask_sha256=sha("previous"),
    )
    outlined = Outlined(prompt=prompt, mask_sha256=sha(f"mask {number}"), area_px=12, quality=0.9, confidence=0.8)
    return Prediction(
        prediction=f"{number:032x}",
        who=who,
        role="use",
        model=ModelUsed(name="hiera_mini", version="1", digest=sha(model)),
        image=ImageSeen(id=sha(f"image {number}"), frame=0),
        objects=(outlined,),
    )
