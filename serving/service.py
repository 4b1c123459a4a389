"""The BentoML service: one model folder behind the endpoints of serving/http.

BentoML's own application answers `/readyz`, `/livez` and `/healthz`; all else of it (an index page that loads scripts
from outside, its schema) is never reached. Its request metrics and its access log are off: both keep each path that a
client makes up. On any address but this machine's it starts only with access by token or proxy. The model is
`$SONOFORGE_MODEL`, or `model/` beside the sources as a Bento carries it; its sha256, and that of each file that its
`files.json` lists, are checked before the service becomes ready. Leaves out: everything about images and masks.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import bentoml
import click

from components.params.settings import read_settings
from components.places import MODEL_VARIABLE
from components.promptable.runtimes import choosing
from serving.access.addresses import listening
from serving.bedside import Bedside
from serving.http.app import Front
from serving.running import is_ready, start, stop

HOST, PORT = "127.0.0.1", 3000
TIMEOUT_S = 120

# Read by uvicorn, which else takes a client's address from X-Forwarded-For where this machine's addresses send it.
os.environ["FORWARDED_ALLOW_IPS"] = ""
logger = logging.getLogger("bentoml.sonoforge")
CODE = Path(__file__).resolve().parents[1]
bedside = Bedside.of(read_settings(CODE))


def model_folder() -> Path:
    """The folder of the model to serve."""
    named = os.environ.get(MODEL_VARIABLE)
    return Path(named) if named else CODE / "model"


@bentoml.service(
    name="sonoforge",
    workers=1,
    http={"host": HOST, "port": PORT},
    traffic={"timeout": TIMEOUT_S},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class SonoForge:
    """Promptable segmentation of ultrasound images."""

    @bentoml.on_deployment
    @staticmethod
    def refuse_early() -> None:
        """End `bentoml serve` with an error where the service wouldn't start: its workers it would start for ever."""
        command = click.get_current_context(silent=True)
        host = command.params.get("host") if command is not None else None
        bedside.gate.start([host] if host else [])

    def __init__(self) -> None:
        bedside.gate.start(listening())
        # Which runtime is the fastest may be measured first, for a while: said, as BentoML's own lines are.
        logging.getLogger(choosing.__name__).setLevel(logging.INFO)
        start(bedside, model=model_folder(), environment=os.environ)

    @bentoml.on_shutdown
    async def end(self) -> None:
        """Close the log."""
        await stop(bedside)

    async def __is_ready__(self) -> bool:
        return is_ready(bedside)


SonoForge.add_asgi_middleware(Front, bedside=bedside)  # type: ignore[attr-defined]
