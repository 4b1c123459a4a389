"""The environment to the database of Prefect's local API: this project's own file, or a PostgreSQL that is fit for it.

Prefect's own variables name it; an address without a driver gets the one that is pinned here. Leaves out: starting the
API (local_server.py); a server that is running already needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from components.databases import alone, connected, is_postgres, masked, with_driver
from components.errors import StoreError

VARIABLES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
DRIVER = "postgresql+asyncpg"
_TRIGRAMS = "select count(*) from pg_available_extensions where name = 'pg_trgm'"


def shared_database(environment: Mapping[str, str]) -> str | None:
    """The address of the PostgreSQL database that the environment names, with a driver; None without one."""
    named = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    return with_driver(named, DRIVER) if is_postgres(named) else None


def check_database(address: str) -> None:
    """Make sure that a PostgreSQL database answers and can hold Prefect's tables; writes nothing.

    Raises
    ------
    StoreError
        If it can't.
    """
    with connected(address) as connection:
        has_trigrams = connection.exec_driver_sql(_TRIGRAMS).scalar()
    if not has_trigrams:
        raise StoreError(
            f"PostgreSQL at {masked(address)} has no extension pg_trgm",
            expected="PostgreSQL with its contributed extensions, which Prefect's indexes need",
            remedy="install them there (Debian: postgresql-contrib)",
        )


@contextmanager
def one_start(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Variables for an API that is about to start; on a shared database no other is started by this project meanwhile.

    Two that start at once on a new database would make its tables against each other.

    Raises
    ------
    StoreError
        If the database can't hold Prefect's tables.
    """
    address = shared_database(environment)
    if address is None:
        yield {}
        return
    check_database(address)
    with alone(address, "sonoforge prefect"):
        yield dict.fromkeys(VARIABLES, address)
