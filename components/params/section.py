"""What all parts of `params.yaml` share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = float
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""A seed that every generator takes, and that every table and record can hold."""


class Section(BaseModel):
    """A frozen part of `params.yaml` that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def told(error: ValidationError) -> str:
    """Each key that is unknown, missing or wrong, and what is wrong with it, on one line."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or '(top)'}: {each['msg']}" for each in error.errors())
