"""How the service bounds what clients ask, what it keeps, and how it watches over itself."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from components.params.access import AccessParams
from components.params.monitoring import SignalParams
from components.params.section import Section

RuntimeName = Literal["onnxruntime", "openvino", "pytorch"]
"""What runs a model's networks (components/promptable/runtimes)."""
RuntimeChoice = Literal["onnxruntime", "openvino", "pytorch", "auto"]
"""One of them, or whichever was measured to be the fastest on this machine."""
RUNTIME_NAMES: tuple[RuntimeName, ...] = get_args(RuntimeName)


class ServingLimits(Section):
    """What one request may hold at most.

    Bytes of its body (`body_bytes`) and of its prompts (`prompts_bytes`), pixels of an image (`image_px`), frames of a
    file (`frames`), pixels of all masks of an answer together (`mask_px`), bytes of its headers (`header_bytes`).
    Seconds that its body may take (`read_s`), and between two pieces of it (`idle_s`). `held_bytes` bounds the bodies
    of all requests together that are in memory at a time.
    """

    body_bytes: int = Field(ge=2**10, le=2**31)
    prompts_bytes: int = Field(ge=2**8, le=2**28)
    image_px: int = Field(ge=1, le=10**9)
    frames: int = Field(ge=1)
    mask_px: int = Field(ge=1, le=10**10)
    header_bytes: int = Field(ge=2**10, le=2**16)
    read_s: float = Field(gt=0, le=3600)
    idle_s: float = Field(gt=0, le=600)
    held_bytes: int = Field(ge=2**10)


class ServingCache(Section):
    """Embeddings in memory: bytes of all together, and seconds after which one that isn't asked for goes."""

    bytes: int = Field(ge=0)
    ttl_s: float = Field(gt=0)


class LaneParams(Section):
    """One kind of work: `workers` threads do it, at most `queue` requests wait for them.

    A request that has waited `wait_limit_s` seconds isn't begun any more. Each worker more holds another image's pixels
    and activations in memory; on two cores two embed and outline more than one (benchmarks/lanes.json).
    """

    workers: int = Field(ge=1, le=64)
    queue: int = Field(ge=0, le=10_000)
    wait_limit_s: float = Field(gt=0)


class ServingLanes(Section):
    """Worker threads for files and masks without a model (`decode`), for requests with a new image, which is decoded
    and embedded (`embed`), and for outlining on embedded ones (`segment`).

    `request_s` is how long a request may take in all once its body is there; what was begun goes on to its end, but its
    client is told. BentoML ends a service that was told to stop after 30 seconds: this must be less.
    """

    decode: LaneParams
    embed: LaneParams
    segment: LaneParams
    request_s: float = Field(gt=0)


class ServingBatches(Section):
    """Images in one call of the encoder, prompts in one call of the decoder, at most.

    With 1 answers are the library's to the bit whoever else asks. With more, masks may differ from those in a border
    pixel and estimates of their IoU in the last digits, depending on what came together; what one call takes comes from
    a lane's threads, so that it needs as many workers there.
    """

    embed: int = Field(ge=1, le=64)
    segment: int = Field(ge=1, le=64)


class ServingSwitch(Section):
    """How another model comes into service.

    Every `poll_s` seconds the service looks which model should serve; the one before answers for its images for
    `keep_s` seconds more.
    """

    poll_s: float = Field(gt=0)
    keep_s: float = Field(ge=0)


class ServingProposals(Section):
    """The latest answers in memory, which feedback and exports are held against: bytes of all together."""

    bytes: int = Field(ge=0)


class ServingParams(Section):
    """What the service runs with; a Bento carries its own copy.

    `runtime` runs the model's networks; `auto` measures once on each machine which one is fastest, and remembers it.
    """

    runtime: RuntimeChoice = "onnxruntime"
    limits: ServingLimits
    cache: ServingCache
    lanes: ServingLanes
    batches: ServingBatches
    switch: ServingSwitch
    proposals: ServingProposals
    signals: SignalParams
    access: AccessParams
