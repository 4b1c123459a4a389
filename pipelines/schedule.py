"""A flow that runs once, at its times, or on a work pool: what `pipelines.retrain` and `pipelines.monitor` share.

Once, it finds or starts the project's own Prefect server. With a schedule it waits for its times in this process, on
the server that PREFECT_API_URL names; or that server is told about it once, as a deployment to a work pool, and
whichever worker serves that pool runs it, in the folder of this clone. Leaves out: what the flows do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import SonoForgeError
from pipelines.runtime.local_server import ensure_services

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

FLOWS = "pipelines/deployments.py"
POOL_TYPE = "process"


class ScheduleError(SonoForgeError):
    """A schedule without a server that keeps it, or a work pool that can't run it."""


def as_flow(function: Callable[..., None], timeout_s: float) -> Flow[..., None]:
    """The Prefect flow of a function's name."""
    from prefect import flow

    return flow(name=function.__name__, persist_result=False, timeout_seconds=timeout_s)(function)


def run_or_serve(
    function: Callable[..., None], root: Path, *, cron: str | None, timeout_s: float, parameters: dict[str, Any]
) -> None:
    """Run a function as the flow of its name, or keep its schedule (`cron`: minute hour day month weekday, in UTC).

    Raises
    ------
    ScheduleError
        If `cron` isn't one, or there is no server to keep the schedule.
    """
    if cron is None:
        # Prefect reads this when it loads; the graph's stages then find the same server.
        os.environ["PREFECT_API_URL"] = ensure_services(root).api_url
        as_flow(function, timeout_s)(**parameters)
    else:
        _check_times(cron)
        _need_server()
        as_flow(function, timeout_s).serve(name=function.__name__, cron=cron, parameters=parameters, limit=1)


def deploy(name: str, root: Path, *, pool: str, cron: str | None, parameters: dict[str, Any]) -> str:
    """Tell the server about a flow of `deployments.py`; returns the deployment's full name.

    The pool is made where there is none, of type `process`. One run of a deployment goes on at a time, the next one
    waits; a deployment of the same name is replaced, its schedule among it.

    Raises
    ------
    ScheduleError
        If `cron` isn't one, there is no server, or the pool is of another type.
    """
    if cron is not None:
        _check_times(cron)
    _need_server()
    from prefect import flow, get_client
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    with get_client(sync_client=True) as client:
        _find_or_make_pool(client, pool)
    # Prefect types it as awaitable, too; without a running loop it is the flow.
    loaded: Any = flow.from_source(source=str(root), entrypoint=f"{FLOWS}:{name}")
    loaded.deploy(
        name=root.name,
        work_pool_name=pool,
        cron=cron,
        parameters=parameters,
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
        print_next_steps=False,
        ignore_warnings=True,
    )
    return f"{name}/{root.name}"


def _check_times(cron: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=cron)
    except ValidationError:
        raise ScheduleError(
            f"--cron {cron!r} isn't a schedule",
            expected="minute hour day month weekday, in UTC, such as '0 3 * * 0': Sundays at 3",
            remedy="correct --cron, with quotes around all of it",
        ) from None


def _find_or_make_pool(client: SyncPrefectClient, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_work_pool(name).type
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE))
        return
    if found != POOL_TYPE:
        raise ScheduleError(
            f"the work pool {name} is of type {found}",
            expected=f"type {POOL_TYPE}: its workers run in the clone's folder, where data and DVC's cache are",
            remedy="name another pool; one that isn't there yet is made",
        )


def _need_server() -> None:
    if not os.environ.get("PREFECT_API_URL"):
        raise ScheduleError(
            "there is no Prefect server to keep the schedule",
            expected="PREFECT_API_URL, the address of a running server",
            remedy="start one with `prefect server start`, export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
