"""Who asks, as `GET /v1/session` answers it."""

from __future__ import annotations

from components.params import AccessMode, AccessRole
from serving.schema.strict import Message


class SessionOut(Message):
    """Who asks (null where nobody is asked for a name), what they may do, and how the service knows."""

    who: str | None
    role: AccessRole
    auth: AccessMode
