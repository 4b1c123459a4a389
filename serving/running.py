"""A service to one that runs, and to its end: the log is opened, a model loaded and tried, and others watched for.

Where it keeps its records is said by variables: `$SONOFORGE_AUDIT` names the folder of the audit log,
`$SONOFORGE_SIGNALS` that of the signals (beside the log's where it isn't set), `$SONOFORGE_IN_SERVICE` the file that
names the model to serve, where another one than that with which the service starts may come, `$SONOFORGE_CACHE` the
folder of what is measured and compiled for this machine. Leaves out: the server around it (serving/service.py).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread

from components.errors import ParamsError
from components.monitoring.writer import SignalWriter
from components.places import AUDIT_VARIABLE, IN_SERVICE_VARIABLE, cache_folder, signals_folder
from serving import VERSION
from serving.bedside import Bedside
from serving.engine.cache import EmbeddingCache, keep_sweeping
from serving.engine.predictor import Predictor
from serving.operation.records import open_records
from serving.operation.switching import Switching

LAST_S = 5.0
"""How long the end waits for a model that is being loaded."""
SWEEP_S = 10.0
"""How often embeddings whose time is over are looked for while nobody asks."""
logger = logging.getLogger("bentoml.sonoforge")


def start(bedside: Bedside, *, model: Path, environment: Mapping[str, str]) -> None:
    """Open the records, load the model in a folder, and let it answer as soon as it has passed its self-check.

    Raises
    ------
    ParamsError
        If no folder for the audit log is named.
    AuditError
        If the log can't be written, or another service writes it.
    ArtefactError
        If the model is incomplete, was altered, or doesn't pass its self-check.
    """
    settings = bedside.settings
    audit = _audit_folder(environment)
    signals = signals_folder(environment, audit=audit)
    records = open_records(
        audit=audit,
        signals=SignalWriter(signals, settings.signals),
        proposal_bytes=settings.proposals.bytes,
    )
    cache = EmbeddingCache(settings.cache.bytes, ttl_s=settings.cache.ttl_s)
    keep_sweeping(cache, every_s=min(SWEEP_S, settings.cache.ttl_s))

    kept = cache_folder(environment)

    def load(folder: Path) -> Predictor:
        predictor = Predictor.load(folder, settings=settings, cache=cache, kept=kept)
        predictor.on_embedded = records.embedded
        return predictor

    try:
        predictor = load(model)
        bedside.models.install(predictor)
        records.started(predictor, version=VERSION)
    except BaseException:
        records.audit.close()
        raise
    bedside.gate.on_refused = records.refused
    bedside.records = records
    logger.info(
        "serving %s, weights sha256 %s, by %s (%s)",
        predictor.model.name,
        predictor.model.digest,
        predictor.runtime,
        predictor.why_runtime,
    )
    if predictor.checked is None:
        logger.warning("this model carries no self-check: nothing shows that it answers here as where it was made")
    if named := environment.get(IN_SERVICE_VARIABLE):
        bedside.switching = Switching(Path(named), models=bedside.models, load=load, told=records.switched)
        bedside.switching.look()
        bedside.switching.start(poll_s=settings.switch.poll_s)


def is_ready(bedside: Bedside) -> bool:
    """Whether requests are answered: a model has passed its self-check, and the log takes entries."""
    return bedside.models.current is not None and bedside.records is not None and bedside.records.ready


async def stop(bedside: Bedside) -> None:
    """Close the records; the server has answered what was under way, and takes nothing more."""
    if bedside.switching is not None:
        await anyio.to_thread.run_sync(functools.partial(bedside.switching.stop, wait_s=LAST_S))
    if bedside.records is not None:
        await anyio.to_thread.run_sync(bedside.records.stopped, "asked to end")


def _audit_folder(environment: Mapping[str, str]) -> Path:
    named = environment.get(AUDIT_VARIABLE)
    if not named or not Path(named).is_absolute():
        raise ParamsError(
            f"${AUDIT_VARIABLE} is {named}, in a folder that changes with the code"
            if named
            else f"no folder for the audit log: ${AUDIT_VARIABLE} isn't set",
            expected="the whole path of a folder in which every answer is entered before it is given",
            remedy=f"start the service with `sonoforge serve`, or set ${AUDIT_VARIABLE} to a folder that outlives it",
        )
    return Path(named)
