"""Who may ask the service, and how it learns who asks. Secrets never stand here: files hold them (docs/endpoint.md)."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from components.params.section import Section

AccessMode = Literal["none", "token", "proxy"]
"""How the service learns who asks: it doesn't (then only this machine may ask), by token, or from a proxy."""
AccessRole = Literal["use", "administrate"]
"""What one may do: outline, or also see how the service does and change which model serves."""


def _header_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", name) is None:
        raise ValueError(f"{name!r} isn't the name of a header")
    return name.lower()


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _host(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(:[0-9]{1,5})?", text) is None:
        raise ValueError(f"{text!r} isn't a host name, with or without a port")
    return text.lower()


HeaderName = Annotated[str, AfterValidator(_header_name)]
Network = Annotated[str, AfterValidator(_network)]
Host = Annotated[str, AfterValidator(_host)]


class AccessParams(Section):
    """How the service learns who asks, and under which names it may be reached.

    `hosts` are names (with or without port) by which browsers reach it, besides localhost and plain addresses.
    `failures_per_minute` bounds how often an address is told that its credentials are wrong. The others are for the
    mode `proxy`: an address in `proxies` that shows the shared secret in `secret_header` names the user in
    `user_header` and the groups, separated by commas, in `groups_header`; `groups` maps a group to what it may do.
    """

    mode: AccessMode
    hosts: tuple[Host, ...] = ()
    failures_per_minute: int = Field(ge=1, le=10_000)
    proxies: tuple[Network, ...] = ()
    secret_header: HeaderName
    user_header: HeaderName
    groups_header: HeaderName
    groups: dict[Annotated[str, Field(min_length=1, max_length=200)], AccessRole] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "proxy" and not (self.proxies and self.groups):
            raise ValueError("mode `proxy` needs `proxies`, the proxy's addresses, and `groups`, what each may do")
        names = (self.secret_header, self.user_header, self.groups_header)
        if len(set(names)) != len(names):
            raise ValueError("secret_header, user_header and groups_header must differ")
        return self
