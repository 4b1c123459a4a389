"""The address of a database or a server: to text without its password, and to one process at a time on PostgreSQL.

Whoever opens a shared database for the first time makes its tables; two that do so at once would break each other's
migrations. Leaves out: what is kept in the databases, and by whom (tracking, the pipelines' Prefect server).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from components.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.exc import DBAPIError

DRIVER = "postgresql+pg8000"
"""SQLAlchemy's name of PostgreSQL with the driver that is pinned here."""
CONNECT_S = 10.0
WAIT_S = 300
_PASSING = ("08", "53300", "57P01", "57P02", "57P03")
"""PostgreSQL's codes of a broken connection, too many of them, and a server that is going down or coming up."""
# A space that no other address follows: users and passwords may hold it, as they may an @.
_SPACE = r"[^\S\n](?!\S*://)"
# A password goes to the line's last @ before the next address. What looks like a port with a path may be one, too.
# Who comes without a password may come with a token in its place.
_WHO = re.compile(rf"://(?:((?:[^:/\s]|{_SPACE})*):((?:\S|{_SPACE})*)|[^:/?#\s]+)@")
# In an address's query, and in the form `host=… password=…` that PostgreSQL takes, too.
_SECRET = re.compile(
    r"(?i)((?:^|[?&;\s])[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|signature|credential)=)"
    r"(?:'[^']*'|[^&\s]*)"
)


def masked(text: str) -> str:
    """The text with `***` in place of each password or token in an address, so that it may be logged and shown.

    A user's name stays readable beside a password; without one it may be a token, and is masked. Where an @ on the same
    line leaves open what is a password, more is masked rather than less.
    """
    return _SECRET.sub(r"\1***", _WHO.sub(_without_password, text))


def _without_password(found: re.Match[str]) -> str:
    user, password = found.groups(default="")
    if not password or password.startswith("@"):
        return "://***@"
    # Before an @ in the user's name there may be a token, and then the rest is a host.
    _, at, named = user.rpartition("@")
    return f"://{'***' if at else ''}{at}{named}:***@"


def is_postgres(address: str) -> bool:
    """Whether an address is that of a PostgreSQL database, with whichever driver."""
    return address.partition(":")[0].partition("+")[0] in {"postgresql", "postgres"}


def with_driver(address: str, driver: str = DRIVER) -> str:
    """A PostgreSQL address with a driver, where it names none."""
    scheme, _, rest = address.partition(":")
    return f"{driver}:{rest}" if is_postgres(address) and "+" not in scheme else address


@contextmanager
def alone(address: str, purpose: str) -> Iterator[None]:
    """Keep every other process that asks the same PostgreSQL database for the same purpose waiting meanwhile.

    Raises
    ------
    StoreError
        If the database can't be reached, refuses, or is still taken after `WAIT_S` seconds.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    key = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big", signed=True)
    with connected(address) as connection:
        try:
            connection.execute(text(f"set lock_timeout = '{WAIT_S}s'"))
            # The end of the session frees it, also that of a killed process.
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": key})
        except DBAPIError as error:
            raise _refused(address, _reason(error)) from None
        yield


@contextmanager
def connected(address: str) -> Iterator[Connection]:
    """A connection to a PostgreSQL database, closed at the end.

    Raises
    ------
    StoreError
        If there is none within `CONNECT_S` seconds, or the database refuses.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError
    from sqlalchemy.pool import NullPool

    try:
        # What another driver is told in the address means nothing to this one.
        url = make_url(address).set(drivername=DRIVER, query={})
    except (ArgumentError, ValueError) as error:
        why = "its port is no number" if "int()" in str(error) else "it is no address of a database"
        raise _refused(address, why) from None
    # No transaction is left open: an index that is built concurrently waits for all of them to end.
    given = {"timeout": CONNECT_S}
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=given)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise _refused(address, _reason(error)) from None
    except OSError as error:
        # pg8000 hands on as they are those of a server that takes the connection, and then says nothing or hangs up.
        raise _refused(address, str(error)) from None
    with connection:
        _without_limit(connection)
        yield connection


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error comes from a connection that broke or wasn't to be had, and the same may succeed in a moment."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DBAPIError):
            code = _told(cause).get("C", "")
            lost = cause.connection_invalidated or isinstance(cause, InterfaceError | OperationalError)
            return lost or code.startswith(_PASSING)
        if isinstance(cause, ConnectionError):
            return True  # pg8000 hands some of them on as they are.
        cause = cause.__cause__ or cause.__context__
    return False


def _without_limit(connection: Connection) -> None:
    # pg8000 keeps the limit for all that is asked through the connection, and has no way to lift it; one who waits for
    # a lock waits longer.
    driver: Any = connection.connection.driver_connection
    driver._usock.settimeout(None)


def _reason(error: DBAPIError) -> str:
    """PostgreSQL's own words, else the system's, else the error's first line."""
    why = error.orig.__cause__ if error.orig is not None else None
    return _told(error).get("M") or str(why if isinstance(why, OSError) else error.orig).partition("\n")[0]


def _told(error: DBAPIError) -> dict[str, str]:
    """What PostgreSQL said, by its own letters: C is the code, M the message."""
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return first if isinstance(first, dict) else {}


def _refused(address: str, why: str) -> StoreError:
    return StoreError(
        f"PostgreSQL at {masked(address)}: {masked(why)}",
        expected="postgresql://USER:PASSWORD@HOST:PORT/DATABASE of a running server, with a database that USER owns",
        remedy="look at the address, at the server and at its pg_hba.conf; `sonoforge stores` tries it",
    )
