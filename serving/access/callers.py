"""Who asks, and which role each path needs."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from components.params import AccessMode, AccessRole

HEALTH = frozenset({"/livez", "/readyz", "/healthz"})
"""What a supervisor asks; BentoML answers."""
_OPEN = HEALTH | {"/", "/favicon.ico"}
_CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks (None where nobody is asked for a name), what they may do, and how the service knows."""

    who: str | None
    role: AccessRole
    auth: AccessMode

    def may(self, role: AccessRole) -> bool:
        """Whether this is enough for what needs `role`: who administrates may use."""
        return role in ("use", self.role)


LOCAL = Caller(who=None, role="administrate", auth="none")
"""Whoever asks on this machine, where the service asks nobody for a name."""


def role_of(path: str) -> AccessRole | None:
    """The role that a path needs; None for the page and health. A path that doesn't exist needs one, too."""
    if path in _OPEN or path.startswith("/web/"):
        return None
    if path == "/metrics" or path == "/v1/admin" or path.startswith("/v1/admin/"):
        return "administrate"
    return "use"


def remember(scope: Scope, caller: Caller) -> None:
    """Let the endpoints know who asks."""
    scope.setdefault("state", {})[_CALLER] = caller


def is_known(scope: Scope) -> bool:
    """Whether a request was let in with a role, not only as one for what is open to all."""
    return _CALLER in scope.get("state", {})


def caller_of(request: Request) -> Caller:
    """Who asks; for endpoints behind the guard that need a role."""
    caller = request.scope["state"][_CALLER]
    assert isinstance(caller, Caller)
    return caller
