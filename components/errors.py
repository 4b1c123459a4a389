"""The exceptions that callers may catch, each worded as: found, expected, what to do next.

Leaves out: exit codes and HTTP statuses; those belong to the command line and to the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class SonoForgeError(Exception):
    """An error that a user can act on.

    Parameters
    ----------
    found
        What was met, naming the dataset and file or record where there is one.
    expected
        What would have been right.
    remedy
        What to do next, as an imperative sentence.
    """

    def __init__(self, found: str, *, expected: str, remedy: str) -> None:
        super().__init__(f"{found}\n  expected: {expected}\n  what to do: {remedy}")
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # Keyword-only arguments don't survive pickling between worker processes by themselves.
        return _rebuild, (type(self), self.found, self.expected, self.remedy)


def plainly(message: str) -> str:
    """What pydantic says of a value, without the words that it puts before our own."""
    return message.removeprefix("Value error, ")


def first_fault(error: ValidationError) -> str:
    """The first of what pydantic says: where, with dots, and what; what is wrong as a whole has no where."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ": ".join([*filter(None, [".".join(map(str, first["loc"]))]), plainly(first["msg"])])


def _rebuild(kind: type[SonoForgeError], found: str, expected: str, remedy: str) -> SonoForgeError:
    return kind(found, expected=expected, remedy=remedy)


class ParamsError(SonoForgeError):
    """`params.yaml` (or an override of it) holds an unknown key, a wrong type or a contradiction."""


class StoreError(SonoForgeError):
    """A store of data or records (DVC's remote, MLflow, Prefect) doesn't answer, or refuses."""


class TemporaryFilesError(SonoForgeError):
    """The folder for temporary files takes no file, or no more bytes."""


class ContractError(SonoForgeError):
    """A dataset's contract is missing, or doesn't follow the contract schema."""


class LayoutError(SonoForgeError):
    """A raw dataset doesn't have the layout that its contract names."""


class DataFaultsError(SonoForgeError):
    """A dataset failed its validation; the faults are listed in the report that the message names."""


class JudgesDisagreeError(SonoForgeError):
    """The plain rules and Great Expectations came to different verdicts on one table: our fault, not the data's."""


class LeakError(SonoForgeError):
    """A group or an image stands on both sides of a boundary that it must not cross."""


class ImageError(SonoForgeError):
    """Bytes that aren't a readable image of a supported kind."""


class ImageTooLargeError(ImageError):
    """An image over the limit of pixels; nothing of it was decoded."""


class TooManyFramesError(ImageTooLargeError):
    """A file of more frames than the limit; nothing of it was decoded."""


class FrameError(ImageError):
    """A frame that a file doesn't have, or several where one is meant and none is named."""


class PromptError(SonoForgeError):
    """A prompt that is empty, outside the image or not finite."""


class ArtefactError(SonoForgeError):
    """A model folder that is incomplete, altered (sha256) or made for another architecture."""


class BaseWeightsError(SonoForgeError):
    """Base weights that cannot be had, or whose sha256 isn't the published one."""


class BaseWeightsUnreachableError(BaseWeightsError):
    """A download of base weights that broke off or found no connection; it may work in a moment."""


class PeerError(SonoForgeError):
    """A model to compare with that doesn't exist, or whose weights are missing, altered (sha256) or don't fit."""


class TrainingError(SonoForgeError):
    """A training that can't go on: nothing to learn from, or numbers that aren't finite."""


class EngineError(SonoForgeError):
    """A cluster that can't be reached, lacks what the work needs, runs other code, or lost machines too often."""


class StatementsError(SonoForgeError):
    """`docs/statements.yaml`, what people have to say, is missing or holds an unknown key or what isn't a text."""


class ReleaseError(SonoForgeError):
    """A promotion or rollback that isn't allowed, or that finds nothing to act on."""


class AuditError(SonoForgeError):
    """An audit log that can't be written, or that isn't what was written there; nothing may be done unrecorded."""


class AccessError(SonoForgeError):
    """Tokens or secrets that can't be used as they are, or a service that would be open to others without them."""
