"""A flow that runs once, or at its times: what `pipelines.retrain` and `pipelines.monitor` share.

Once, it finds or starts the project's own Prefect server; with a schedule it waits for its times on the server that
PREFECT_API_URL names. Leaves out: what the flows do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.errors import SonoForgeError
from pipelines.runtime.local_server import ensure_services


class ScheduleError(SonoForgeError):
    """A schedule without a server that keeps it."""


def run_or_serve(
    function: Callable[..., Any], root: Path, *, cron: str | None, timeout_s: float, parameters: dict[str, Any]
) -> None:
    """Run a function as the flow of its name, or keep its schedule (`cron`: minute hour day month weekday, in UTC).

    Raises
    ------
    ScheduleError
        If there is no server to keep the schedule.
    """
    if cron is not None and not os.environ.get("PREFECT_API_URL"):
        raise ScheduleError(
            "there is no Prefect server to keep the schedule",
            expected="PREFECT_API_URL, the address of a running server",
            remedy="start one with `prefect server start`, export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    if cron is None:
        # Prefect reads this when it loads; the graph's stages then find the same server.
        os.environ["PREFECT_API_URL"] = ensure_services(root).api_url
    from prefect import flow

    name = function.__name__
    scheduled = flow(name=name, persist_result=False, timeout_seconds=timeout_s)(function)
    if cron is None:
        scheduled(**parameters)
    else:
        scheduled.serve(name=name, cron=cron, parameters=parameters, limit=1)
