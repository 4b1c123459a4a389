"""The BentoML service: one model folder behind the endpoints of serving/http, which are mounted at `/`.

`/readyz`, `/livez` and `/metrics` are BentoML's own; its index page, which loads scripts from outside, is never
reached. The model is `$SONOFORGE_MODEL`, or `model/` beside the sources as a Bento carries it; its sha256, and that of
each file that its `files.json` lists, are checked before the service becomes ready. Leaves out: everything about images
and masks.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import bentoml

from components.promptable.predict import pin_threads
from serving.bedside import Bedside
from serving.engine.predictor import Predictor
from serving.http.app import build_app
from serving.settings import read_settings

MODEL_VARIABLE = "SONOFORGE_MODEL"
HOST, PORT = "127.0.0.1", 3000
TIMEOUT_S = 120

logger = logging.getLogger("bentoml.sonoforge")
CODE = Path(__file__).resolve().parents[1]
bedside = Bedside.of(read_settings(CODE))


def model_folder() -> Path:
    """The folder of the model to serve."""
    named = os.environ.get(MODEL_VARIABLE)
    return Path(named) if named else CODE / "model"


@bentoml.service(name="sonoforge", workers=1, http={"host": HOST, "port": PORT}, traffic={"timeout": TIMEOUT_S})
@bentoml.asgi_app(build_app(bedside), path="/")
class SonoForge:
    """Promptable segmentation of ultrasound images."""

    def __init__(self) -> None:
        pin_threads()
        predictor = Predictor.load(model_folder(), settings=bedside.settings)
        bedside.models.install(predictor)
        logger.info("serving %s, weights sha256 %s", predictor.model.name, predictor.model.digest)

    async def __is_ready__(self) -> bool:
        return bedside.models.current is not None
