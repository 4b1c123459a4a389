"""Which datasets take part, and how they are divided."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from components.params.section import Section, Seed, Share
from components.types import Role

PHANTOM_SOURCE = "components/phantom"


class PhantomParams(Section):
    """How many labelled phantom images to write, and from which seed."""

    images: int = Field(ge=4, le=100_000)
    seed: Seed


class DatasetParams(Section):
    """One dataset of the run: its role (as in its contract) and where its raw images come from.

    `source` is `components/phantom` (then `phantom` says how many and from which seed) or a folder under
    `data/imports/`.
    """

    role: Role
    source: str
    phantom: PhantomParams | None = None

    @property
    def is_phantom(self) -> bool:
        """Whether the images are made by the generator."""
        return self.source == PHANTOM_SOURCE

    @model_validator(mode="after")
    def _phantom_iff_source(self) -> Self:
        if self.is_phantom != (self.phantom is not None):
            raise ValueError(f"`phantom` goes with source {PHANTOM_SOURCE!r}, and only with it")
        return self


class SplitParams(Section):
    """Shares of images for validation and test, in each dataset, class and size; `seed` decides among equal groups.

    `mix_phantoms` lets phantoms train beside real images.
    """

    seed: Seed
    val_share: Share = Field(gt=0, lt=0.5)
    test_share: Share = Field(gt=0, lt=0.8)
    mix_phantoms: bool
