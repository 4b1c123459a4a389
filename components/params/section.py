"""What all parts of `params.yaml` share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

Share = float


class Section(BaseModel):
    """A frozen part of `params.yaml` that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
