"""A function to a Prefect task, made when it is first called.

Importing a pipeline then costs nothing: worker processes, `--help` and the tests don't load Prefect. DVC decides
whether a stage runs, so Prefect's own cache and stored results are off. Leaves out: flows (stage.py).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from components.errors import BaseWeightsUnreachableError, SonoForgeError

if TYPE_CHECKING:
    from prefect import Task

P = ParamSpec("P")
R = TypeVar("R")

# Trying again doesn't help when the disk is full, the file isn't there, or may not be read.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT, errno.EACCES, errno.EPERM}


def worth_retrying(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment: an I/O error that isn't lasting, or a broken download."""
    if isinstance(error, BaseWeightsUnreachableError):
        return True
    return isinstance(error, OSError) and not isinstance(error, SonoForgeError) and error.errno not in _LASTING


class Step(Generic[P, R]):
    """A function that runs as a Prefect task when it is called in a flow."""

    def __init__(self, function: Callable[P, R], *, timeout_s: float, retries: int) -> None:
        self.function = function
        self.name = function.__name__
        self.timeout_s = timeout_s
        self.retries = retries
        self.__doc__ = function.__doc__

    @cached_property
    def task(self) -> Task[P, R]:
        """The Prefect task."""
        from prefect import task
        from prefect.cache_policies import NO_CACHE

        decorate = task(
            name=self.name,
            cache_policy=NO_CACHE,
            persist_result=False,
            timeout_seconds=self.timeout_s,
            retries=self.retries,
            retry_delay_seconds=2,
            retry_condition_fn=_retry,
        )
        return decorate(self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run as a task and return its result."""
        return self.task(*args, **kwargs)


def _retry(_: Any, __: Any, state: Any) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and worth_retrying(error)


def step(*, timeout_s: float, retries: int = 0) -> Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step; `retries` counts further tries after I/O errors that may pass."""

    def decorate(function: Callable[P, R]) -> Step[P, R]:
        return Step(function, timeout_s=timeout_s, retries=retries)

    return decorate
