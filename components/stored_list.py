"""A list whose objects stand on the disk, so that memory hardly grows with their number.

Each object is pickled into a file without a name (unnamed.py). Memory holds sixteen bytes an object: where it stands.
Reading an object costs some ten microseconds, one after the other or in any order; each reading gives another copy, so
that objects must be what nobody changes. Leaves out: anything that is to outlive the process (components/journal.py).
"""

from __future__ import annotations

import os
import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, TypeVar, overload

from components.unnamed import UnnamedFile

T = TypeVar("T")

WRITE_BYTES, READ_BYTES = 2**16, 2**16


class StoredList(Sequence[T]):
    """A sequence of objects that can be pickled; grows by `append` and `extend`, in one thread, and is read in any.

    `ordered` and `chosen` give the same objects in another order, or some of them: they stand on the disk once. Such a
    list doesn't grow.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._file = _Unnamed()
        self._begins, self._ends = array("q"), array("q")
        self.extend(items)

    def append(self, item: T) -> None:
        """Put an object at the end."""
        begin, end = self._file.append(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
        self._begins.append(begin)
        self._ends.append(end)

    def extend(self, items: Iterable[T]) -> None:
        """Put objects at the end; one of them is held at a time."""
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> StoredList[T]: ...

    def __getitem__(self, at: int | slice) -> T | StoredList[T]:
        if isinstance(at, slice):
            return self.chosen(range(len(self))[at])
        begin, end = self._begins[at], self._ends[at]
        found: T = pickle.loads(self._file.read(begin, end))
        return found

    def __iter__(self) -> Iterator[T]:
        at = 0
        while at < len(self):
            # What stands one after the other is read at once.
            first, until = self._begins[at], at + 1
            while until < len(self) and self._begins[until] == self._ends[until - 1] <= first + READ_BYTES:
                until += 1
            block = self._file.read(first, self._ends[until - 1])
            for place in range(at, until):
                yield pickle.loads(block[self._begins[place] - first : self._ends[place] - first])
            at = until

    def ordered(self, key: Callable[[T], Any]) -> StoredList[T]:
        """The same objects in the order of their keys, equal ones as they stand; the keys are held meanwhile."""
        keys = [key(item) for item in self]
        return self.chosen(sorted(range(len(self)), key=keys.__getitem__))

    def chosen(self, places: Iterable[int]) -> StoredList[T]:
        """The objects at these places, in that order."""
        some: StoredList[T] = StoredList.__new__(StoredList)
        some._file, some._begins, some._ends = self._file, array("q"), array("q")
        for place in places:
            some._begins.append(self._begins[place])
            some._ends.append(self._ends[place])
        return some

    def __reduce__(self) -> tuple[Any, ...]:
        # In another process, on another machine, it stands on the disk there.
        return StoredList, (list(self),)


class _Unnamed:
    """A file without a name that grows; what was written last waits in memory."""

    def __init__(self) -> None:
        self._file = UnnamedFile()
        self._written = 0
        self._waiting = bytearray()
        self._lock = Lock()

    def append(self, data: bytes) -> tuple[int, int]:
        """Where the data begin and end."""
        with self._lock:
            begin = self._written + len(self._waiting)
            self._waiting += data
            if len(self._waiting) >= WRITE_BYTES:
                self._write()
            return begin, begin + len(data)

    def _write(self) -> None:
        view = memoryview(bytes(self._waiting))
        while view:
            done = self._file.write_at(view, self._written)
            self._written += done
            del self._waiting[:done]
            view = view[done:]

    def read(self, begin: int, end: int) -> bytes:
        """What stands between two places."""
        with self._lock:
            if begin >= self._written:
                return bytes(self._waiting[begin - self._written : end - self._written])
            if end > self._written:
                self._write()
        found = bytearray()
        while len(found) < end - begin:
            data = os.pread(self._file.fileno(), end - begin - len(found), begin + len(found))
            if not data:
                raise OSError(f"a temporary file of {self._written} bytes ends at byte {begin + len(found)}")
            found += data
        return bytes(found)
