"""A file without a name, for what a process keeps on the disk instead of in memory.

It lies in the folder for temporary files (`TMPDIR` names another), only this process reads it, and it goes with the
process, whichever way that ends. Such a folder is often on a small disk of its own: where it takes no file, or no more
bytes, the error names it. Leaves out: what the file holds (stored_list.py, tables.py).
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from components.errors import TemporaryFilesError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class UnnamedFile(io.FileIO):
    """An open file; every byte is handed to the system before a call returns, so that closing it can't fail.

    Raises
    ------
    TemporaryFilesError
        If the folder for temporary files takes no file, or no more bytes; raised by writing, too.
    """

    def __init__(self) -> None:
        with _telling(), tempfile.TemporaryFile(prefix="sonoforge-", buffering=0) as file:
            super().__init__(os.dup(file.fileno()), "r+")

    def __del__(self) -> None:
        # Without the warning that whoever reads it last should have closed it.
        self.close()

    def write(self, data: Buffer, /) -> int:
        """Write all of the bytes; returns how many they are."""
        view = memoryview(data).cast("B")
        with _telling():
            left = view
            while left:
                left = left[super().write(left) :]
        return len(view)

    def write_at(self, data: Buffer, place: int) -> int:
        """Write bytes at a place, wherever the file stands; returns how many the system took, at least one."""
        with _telling():
            return os.pwrite(self.fileno(), data, place)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # What isn't the folder's fault.
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.EFBIG):
            raise
        raise TemporaryFilesError(
            f"{_place()}: {error.strerror}",
            expected="a folder for temporary files that this user may write to, with room for what is under way",
            remedy="make room there, or name another folder by the variable TMPDIR; then give the same command again",
        ) from None


def _place() -> str:
    try:
        return f"no temporary file can be written in {tempfile.gettempdir()}"
    except FileNotFoundError:
        return "no temporary file can be written anywhere"
