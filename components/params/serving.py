"""How the service bounds what clients ask, what it keeps, and how it watches over itself."""

from __future__ import annotations

from pydantic import Field

from components.params.monitoring import SignalParams
from components.params.section import Section


class ServingLimits(Section):
    """What one request may hold at most.

    Bytes of its body (`body_bytes`) and of its prompts (`prompts_bytes`), pixels of an image (`image_px`), frames of a
    file (`frames`), pixels of all masks of an answer together (`mask_px`).
    """

    body_bytes: int = Field(ge=2**10, le=2**31)
    prompts_bytes: int = Field(ge=2**8, le=2**28)
    image_px: int = Field(ge=1, le=10**9)
    frames: int = Field(ge=1)
    mask_px: int = Field(ge=1, le=10**10)


class ServingCache(Section):
    """Embeddings in memory: bytes of all together, and seconds after which one that isn't asked for goes."""

    bytes: int = Field(ge=0)
    ttl_s: float = Field(gt=0)


class ServingLanes(Section):
    """Worker threads for decoding, embedding and outlining: `workers` of each kind."""

    workers: int = Field(ge=1, le=64)


class ServingParams(Section):
    """What the service runs with; a Bento carries its own copy."""

    limits: ServingLimits
    cache: ServingCache
    lanes: ServingLanes
    signals: SignalParams
