"""Under which name a request came, and from which page: what a foreign page could make a browser send is refused.

A page elsewhere can let its own name point at this machine (DNS rebinding), so that a browser takes the service for
part of it; and it can post forms to any address. The first has a foreign Host, the second a foreign Origin. Programs
send no Origin, and pass. Leaves out: who asks (serving/access).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from components.params import AccessParams
from serving.access.addresses import is_address, is_loopback
from serving.http.refusals import RequestError

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OWN_SITE = frozenset({"same-origin", "none"})


def check_host(headers: Headers, params: AccessParams) -> None:
    """Refuse a request that didn't come under a name of the service.

    Its names are `localhost`, addresses (those of this machine only where nobody is asked for a name: a browser can't
    be led to an address under another name) and the configured hosts.
    """
    given = headers.getlist("host")
    host = _split(given[0], "http") if len(given) == 1 else None
    if host is not None:
        name, _ = host
        if is_loopback(name) or (params.mode != "none" and is_address(name)) or _listed(given[0], params):
            return
    raise RequestError(
        403,
        "host_unknown",
        "the request came under a name that isn't the service's",
        hint="use 127.0.0.1 or localhost, or have the name added to serving.access.hosts",
    )


def check_origin(headers: Headers, params: AccessParams) -> None:
    """Refuse a request that a page of another origin made a browser send."""
    sites, origins, hosts = (headers.getlist(name) for name in ("sec-fetch-site", "origin", "host"))
    own_site = all(site in _OWN_SITE for site in sites)
    if not (own_site and all(_is_own(origin, hosts[0] if hosts else "", params) for origin in origins)):
        raise RequestError(
            403, "cross_site", "a page of another origin sent this request", hint="ask from the service's own page"
        )


def _is_own(origin: str, host: str, params: AccessParams) -> bool:
    scheme, separator, place = origin.partition("://")
    if not separator or scheme not in ("http", "https"):
        return False
    found = _split(place, scheme)
    # Behind a proxy that ends TLS the scheme differs from the one that came here; name and port decide.
    return found is not None and (found == _split(host, scheme) or _listed(place, params))


def _listed(place: str, params: AccessParams) -> bool:
    name = place.rpartition(":")[0] or place
    return place.lower() in params.hosts or name.lower() in params.hosts


def _split(place: str, scheme: str) -> tuple[str, int] | None:
    """Name and port of `name[:port]`; None for anything else."""
    try:
        parts = urlsplit(f"//{place}")
        if parts.netloc != place or "@" in place or not parts.hostname:
            return None
        return parts.hostname, parts.port or _PORTS[scheme]
    except ValueError:
        return None
