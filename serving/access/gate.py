"""The service's gate: who asks, whether they may, and that nobody is let in unasked from elsewhere.

A service without access (mode `none`) starts and answers on this machine only. That is looked at twice: at the sockets
that the process listens on when it starts, and at the address that each request came to. Leaves out: HTTP (guard.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from starlette.datastructures import Headers

from components.errors import AccessError
from components.params import AccessParams
from components.tokens import TOKENS_VARIABLE
from serving.access.addresses import is_loopback
from serving.access.attempts import Attempts
from serving.access.callers import LOCAL, Caller
from serving.access.proxy import ProxyAccess
from serving.access.refusal import Refusal
from serving.access.tokens import TokenAccess

SECRET_VARIABLE = "SONOFORGE_PROXY_SECRET_FILE"
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip")
_ELSEWHERE = Refusal(
    403,
    "access_required",
    "this service asks nobody for a name, and so answers only on the machine that it runs on",
    "start it with `sonoforge serve --access token` (or proxy)",
)


class _Mode(Protocol):
    def start(self) -> None: ...

    def caller(self, headers: Headers, address: str | None) -> Caller | Refusal: ...


class _Nobody:
    """Mode `none`: everybody on this machine is let in; nobody whom a proxy or another machine sends."""

    def start(self) -> None:
        """There is nothing to read."""

    def caller(self, headers: Headers, address: str | None) -> Caller | Refusal:
        return LOCAL if is_loopback(address) and not _is_forwarded(headers) else _ELSEWHERE


def _is_forwarded(headers: Headers) -> bool:
    """Whether a proxy says that it stands between; one that says nothing can't be told from a client."""
    return any(name in _FORWARDED or name.startswith("x-forwarded") for name in headers)


class Gate:
    """Tells who asks. `on_refused(code, who)`, if set, is told of each refusal."""

    def __init__(self, params: AccessParams, environment: Mapping[str, str] | None = None) -> None:
        self.params = params
        self.attempts = Attempts(per_minute=params.failures_per_minute)
        self.on_refused: Callable[[str, str | None], None] | None = None
        self._environment = os.environ if environment is None else environment
        self._mode: _Mode | None = _Nobody() if params.mode == "none" else None

    def start(self, addresses: Iterable[str]) -> None:
        """Read the secrets, and make sure that the mode fits the addresses that the service listens on.

        Raises
        ------
        AccessError
            If it would be open to others, or what it needs can't be read.
        """
        refuse_open(self.params, addresses)
        self._mode = self._chosen()
        self._mode.start()

    def caller(self, headers: Headers, *, client: str | None, server: str | None) -> Caller | Refusal:
        """Who asks from the address `client` at the address `server`, or why nobody may."""
        if self._mode is None:
            return Refusal(503, "not_ready", "the service isn't ready yet", "try again when /readyz answers 200")
        if self.params.mode == "none" and not is_loopback(server):
            return _ELSEWHERE
        return self._mode.caller(headers, client)

    def _chosen(self) -> _Mode:
        if self.params.mode == "token":
            return TokenAccess(self._named(TOKENS_VARIABLE, "the tokens; `sonoforge token NAME` makes one"))
        if self.params.mode == "proxy":
            return ProxyAccess(self.params, self._named(SECRET_VARIABLE, "the secret that the proxy shows"))
        return _Nobody()

    def _named(self, variable: str, what: str) -> Path:
        if not (named := self._environment.get(variable)):
            raise AccessError(
                f"access is `{self.params.mode}`, and ${variable} isn't set",
                expected=f"the path of the file that holds {what}",
                remedy=f"set ${variable}",
            )
        return Path(named)


def refuse_open(params: AccessParams, addresses: Iterable[str]) -> None:
    """Make sure that a service that asks nobody for a name listens on this machine only.

    Raises
    ------
    AccessError
        If it would be open to others.
    """
    others = [address for address in addresses if not is_loopback(address)]
    if params.mode == "none" and others:
        raise AccessError(
            f"the service would listen on {', '.join(others)}, and asks nobody for a name",
            expected="127.0.0.1, or access by token or through a proxy",
            remedy="`--access token` and the tokens' file in $SONOFORGE_TOKENS, or `--host 127.0.0.1`",
        )
