"""Headers of a proxy that has asked who somebody is (OpenID Connect and the like) to that caller.

They count only from an address of the proxy, and beside a secret that only it and the service know: on their own,
anybody could send them. Leaves out: asking people who they are, which is the proxy's.
"""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path

from starlette.datastructures import Headers

from components.errors import AccessError
from components.marking import unseen
from components.params import AccessParams, AccessRole
from components.tokens import fingerprint, read_private
from serving.access.callers import Caller
from serving.access.refusal import Refusal

MIN_SECRET = 32
MAX_WHO = 200
_UNKNOWN = Refusal(
    401, "proxy_unknown", "the request didn't come through the proxy", "ask at the proxy's address, which logs you in"
)
_NOBODY = Refusal(401, "user_missing", "the proxy named no user", "log in at the proxy")


class ProxyAccess:
    """Callers as a proxy names them. The secret is read when the service starts."""

    def __init__(self, params: AccessParams, secret: Path) -> None:
        self.params, self.path = params, secret
        self._networks = tuple(ipaddress.ip_network(each) for each in params.proxies)
        self._secret: str | None = None

    def start(self) -> None:
        """Read the secret that the proxy shows.

        Raises
        ------
        AccessError
            If it can't be read, others may read it, or it is short.
        """
        secret = read_private(self.path, what="the file of the proxy's secret").strip()
        if len(secret) < MIN_SECRET:
            raise AccessError(
                f"{self.path} holds a secret of {len(secret)} characters",
                expected=f"at least {MIN_SECRET}, random",
                remedy=f"make one: (umask 077; openssl rand -hex 32 > {self.path})",
            )
        self._secret = fingerprint(secret)

    def caller(self, headers: Headers, address: str | None) -> Caller | Refusal:
        """The caller that the proxy names, or why there is none."""
        assert self._secret is not None, "start() has read it"
        shown = headers.getlist(self.params.secret_header)
        # As sha256, so that neither contents nor length can be told from the time.
        known = hmac.compare_digest(fingerprint(shown[0] if len(shown) == 1 else ""), self._secret)
        if not (known and self._trusts(address)):
            return _UNKNOWN
        named = headers.getlist(self.params.user_header)
        who = _text(named[0]) if len(named) == 1 else None
        if who is None:
            return _NOBODY
        groups = headers.getlist(self.params.groups_header)
        held = {_text(group) for group in groups[0].split(",")} if len(groups) == 1 else set()
        roles: set[AccessRole] = {role for group, role in self.params.groups.items() if group in held}
        if not roles:
            return Refusal(
                403, "role_missing", "none of your groups may use this service", "ask whoever runs it", who=who
            )
        return Caller(who=who, role="administrate" if "administrate" in roles else "use", auth="proxy")

    def _trusts(self, address: str | None) -> bool:
        try:
            parsed = ipaddress.ip_address(address or "")
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(mapped in network for network in self._networks)


def _text(value: str) -> str | None:
    """A header's text as UTF-8; None where it is empty, too long, not all seen or no UTF-8."""
    try:
        text = value.encode("latin-1").decode("utf-8").strip()
    except UnicodeError:
        return None
    return text if text and len(text) <= MAX_WHO and not unseen(text) else None
