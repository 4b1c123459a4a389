"""Which models serve, and what became of the last switch."""

from __future__ import annotations

from serving.schema.answers import ModelOut
from serving.schema.strict import Message


class FailureOut(Message):
    """A model that should serve and couldn't: its digest where it is known, why, and when (UTC)."""

    digest: str | None
    why: str
    at: str


class ModelsOut(Message):
    """The answer to `GET /v1/admin/models` and `POST /v1/admin/refresh`.

    `former` are models that served before and still answer for images that they embedded; `coming` is the digest of one
    that is being loaded; `watching` is false where no file names the model to serve, so that only a restart changes it.
    """

    serving: ModelOut | None
    former: list[ModelOut]
    coming: str | None
    failure: FailureOut | None
    watching: bool
