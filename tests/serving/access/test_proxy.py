"""A proxy's word counts from its address, beside its secret, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from components.errors import AccessError
from components.params import AccessParams
from serving.access.callers import Caller
from serving.access.proxy import ProxyAccess
from serving.access.refusal import Refusal

SECRET = "0123456789abcdef" * 4
PARAMS = AccessParams(
    mode="proxy",
    failures_per_minute=5,
    proxies=("10.0.0.2", "10.1.0.0/16", "fd00::/8"),
    secret_header="X-Secret",
    user_header="X-User",
    groups_header="X-Groups",
    groups={"doctors": "use", "it": "administrate"},
)
WORD = {"X-Secret": SECRET, "X-User": "ada", "X-Groups": "staff, doctors"}


@pytest.fixture
def access(tmp_path: Path) -> ProxyAccess:
    """Access through a proxy whose secret has been read."""
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(SECRET + "\n")
    access = ProxyAccess(PARAMS, path)
    access.start()
    return access


def ask(access: ProxyAccess, *headers: tuple[str, str], address: str | None = "10.0.0.2") -> str:
    """Who is let in with these headers, or the code of the refusal."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    found = access.caller(Headers(raw=raw), address)
    return found.code if isinstance(found, Refusal) else f"{found.who}, {found.role}"


def test_the_proxys_word_counts(access: ProxyAccess) -> None:
    assert access.caller(Headers(WORD), "10.0.0.2") == Caller("ada", "use", "proxy")
    for address in ("10.1.2.3", "fd00::1", "::ffff:10.0.0.2"):
        assert ask(access, *WORD.items(), address=address) == "ada, use"
    assert ask(access, *(WORD | {"X-Groups": "doctors,it"}).items()) == "ada, administrate"
    assert ask(access, *(WORD | {"X-User": "Ana Müller"}).items()) == "Ana Müller, use"


@pytest.mark.parametrize("address", ["10.0.0.3", "127.0.0.1", "192.168.0.1", None, "", "proxy"])
def test_from_another_address_it_does_not(access: ProxyAccess, address: str | None) -> None:
    assert ask(access, *WORD.items(), address=address) == "proxy_unknown"


def test_without_the_secret_it_does_not(access: ProxyAccess) -> None:
    without = [(name, value) for name, value in WORD.items() if name != "X-Secret"]
    for secrets in ([], [""], [SECRET[:-1]], [SECRET + "0"], [SECRET, SECRET], ["x" * 10_000]):
        assert ask(access, *without, *(("X-Secret", each) for each in secrets)) == "proxy_unknown"


def test_it_must_name_one_user(access: ProxyAccess) -> None:
    without = [(name, value) for name, value in WORD.items() if name != "X-User"]
    for users in ([], [""], [" "], ["ada", "eve"], ["x" * 201], ["a\u202eb"]):
        assert ask(access, *without, *(("X-User", each) for each in users)) == "user_missing"


def test_a_user_of_no_group_has_no_role(access: ProxyAccess) -> None:
    without = [(name, value) for name, value in WORD.items() if name != "X-Groups"]
    for groups in ([], [""], ["Doctors"], ["doctors2"], ["doctors", "it"]):
        assert ask(access, *without, *(("X-Groups", each) for each in groups)) == "role_missing"


def test_a_short_or_open_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("short")
    with pytest.raises(AccessError, match="5 characters"):
        ProxyAccess(PARAMS, path).start()
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(AccessError, match="open to others"):
        ProxyAccess(PARAMS, path).start()
