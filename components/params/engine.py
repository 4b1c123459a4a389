"""Who does the work on many items: threads of one machine, or a Ray cluster.

No result depends on this section, so no stage declares it: changing it makes nothing stale (docs/scale.md).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from components.params.section import Section


class EngineParams(Section):
    """The engine of data check, harmonise and both validations.

    `name`: `threads`, or `ray`. `threads` is how many of them; null takes as many as there are cores for this process.
    The rest is Ray's. `address` is a running cluster's, `host:port` of its head or `auto`
    for the one that this machine is a node of; null takes that of the environment's RAY_ADDRESS, and without it starts
    a cluster on this machine, for this process. `shard_s` is how many seconds of work make a shard, by what items took
    so far: what is done again when a machine is lost. `retries` is how often a shard is done again after its machine
    or process was lost; the function's own errors are never tried again.
    """

    name: Literal["threads", "ray"]
    threads: int | None = Field(default=None, ge=1, le=256)
    address: str | None = Field(default=None, min_length=1)
    shard_s: float = Field(default=5.0, gt=0, le=3600)
    retries: int = Field(default=5, ge=0, le=100)

    @field_validator("address")
    @classmethod
    def _holds_no_password(cls, address: str | None) -> str | None:
        # This file is kept in git, and copied into every record of a run.
        if address is not None and "@" in address:
            raise ValueError("who may come in stands before the @: name host:port alone, or set RAY_ADDRESS")
        return address
