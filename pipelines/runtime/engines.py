"""`engine` of params.yaml to the engine that a stage or command hands on.

Leaves out: the engines (components/engines).
"""

from __future__ import annotations

import os

from components.cores import usable_cores
from components.engines import Engine, engine_of
from components.params import EngineParams


def chosen_engine(params: EngineParams, *, workers: int | None = None) -> Engine:
    """The engine of the parameters, with `workers` threads in place of theirs where the user says so.

    A cluster's address is, where the parameters name none, that of RAY_ADDRESS.
    """
    address = params.address or os.environ.get("RAY_ADDRESS") or None
    threads = workers or params.threads or usable_cores()
    return engine_of(params.model_copy(update={"address": address}), workers=threads)
