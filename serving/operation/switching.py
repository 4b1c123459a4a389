"""A promotion or a rollback reaches the running service: the model that should serve is loaded, tried, and installed.

The file that names it (components/in_service.py) is looked at every now and then. A model is loaded beside the one that
serves, its files are held against their digests, and its self-check warms it up and must pass; only then do new
requests go to it. Whatever goes wrong, the former model goes on, and the failure is told. Leaves out: the code around
the model, which stays what the service was started with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.artefacts import sha256_of
from components.errors import ArtefactError, SonoForgeError
from components.in_service import InService, read_in_service
from components.listing import FILES
from serving.engine.predictor import Predictor
from serving.operation.models import Models

logger = logging.getLogger(__name__)
Told = Callable[[Predictor | None, Predictor], None]
"""Is told of a switch that is about to be made: the model that goes, and the one that comes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that should serve and couldn't: its digest where it is known, why, and when (UTC)."""

    digest: str | None
    why: str
    at: str


class Switching:
    """Watches which model should serve, and brings it into service.

    Parameters
    ----------
    path
        The file that names the model to serve.
    load
        A model folder to a predictor that has passed its self-check.
    told
        Called before the switch; where it raises, the former model goes on.
    """

    def __init__(self, path: Path, *, models: Models, load: Callable[[Path], Predictor], told: Told) -> None:
        self.path = path
        self.failure: Failure | None = None
        self.coming: str | None = None
        self._models = models
        self._load = load
        self._told = told
        self._seen: tuple[int, int, int] | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._entry: str | None = None
        self._thread: threading.Thread | None = None

    def start(self, *, poll_s: float) -> None:
        """Look every `poll_s` seconds, in a thread of its own, until `stop`."""
        self._thread = threading.Thread(target=self._watch, args=(poll_s,), name="sonoforge-switching", daemon=True)
        self._thread.start()

    def stop(self, *, wait_s: float = 0.0) -> None:
        """Look no more; a model that is being loaded is let go of, and waited for at most `wait_s`."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    def look(self, *, again: bool = False) -> bool:
        """Bring the model that should serve into service if it doesn't yet; returns whether it came.

        A file that was seen before is not read once more, unless `again`: what failed would fail at every look.
        """
        with self._lock:
            for gone in self._models.forget():
                gone.cache.drop_model(gone.identity)
            signature = _signature(self.path)
            if signature is None or (signature == self._seen and not again):
                return False
            self._seen = signature
            wanted: InService | None = None
            try:
                wanted = read_in_service(self.path)
                return wanted is not None and self._bring(wanted)
            except Exception as error:
                why = str(error) or type(error).__name__
                self.failure = Failure(None if wanted is None else wanted.digest, why, _now())
                known = isinstance(error, SonoForgeError)
                logger.error(
                    "the model that should serve can't; the former one goes on: %s",
                    why,
                    exc_info=None if known else error,
                )
                return False
            finally:
                self.coming = None

    def _bring(self, wanted: InService) -> bool:
        former = self._models.current
        if former is not None and self._is_it(former, wanted):
            self._entry, self.failure = wanted.entry, None
            return False
        self.coming = wanted.digest
        predictor = self._loaded(wanted)
        if self._over.is_set():
            return False
        self._told(former, predictor)
        self._models.install(predictor)
        self._entry, self.failure = wanted.entry, None
        digest, runtime = predictor.description.digest, predictor.runtime
        logger.info("now serving %s, weights sha256 %s, by %s", predictor.model.name, digest, runtime)
        return True

    def _is_it(self, current: Predictor, wanted: InService) -> bool:
        """Whether the model that serves came by the entry that is named; of the first one nobody knows by which."""
        same = (current.description.digest, current.package) == (wanted.digest, wanted.files_sha256)
        return same and self._entry in (None, wanted.entry)

    def _loaded(self, wanted: InService) -> Predictor:
        folder = self.path.parent / wanted.folder
        listing = folder / FILES
        if wanted.files_sha256 is not None and (not listing.is_file() or sha256_of(listing) != wanted.files_sha256):
            raise ArtefactError(
                f"{folder} isn't the package that was promoted",
                expected=f"a {FILES} with the sha256 {wanted.files_sha256[:12]}",
                remedy="restore the folder from a backup or its Bento, or promote the model again",
            )
        predictor = self._load(folder)
        if predictor.description.digest != wanted.digest:
            raise ArtefactError(
                f"{folder} holds the weights {predictor.description.digest[:12]}",
                expected=f"those of {wanted.digest[:12]}",
                remedy="restore the folder from a backup or its Bento, or promote the model again",
            )
        return predictor

    def _watch(self, poll_s: float) -> None:
        while not self._over.wait(poll_s):
            self.look()


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
