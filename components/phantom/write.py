"""A dataset's name, a count and a seed become a folder in that dataset's original layout.

The tree is written beside its place and renamed at the end: it is there whole, or not at all. What an interrupted
try has drawn is taken up by the next. The bytes depend on (name, images, seed) only, not on the number of workers.

Leaves out: what the images show (`breast` and the other organs) and how the folders look (`layouts`).
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import shutil
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2

from components.artefacts import code_digest
from components.errors import SonoForgeError
from components.journal import Journal, work_folder
from components.phantom.layouts import BY_NAME, LAYOUTS, Item

TREE = "tree"
_NOTICE = """These are phantoms: synthetic ultrasound images, computed from drawn anatomy by components/phantom.
No patient was involved, and no image of the dataset whose folder layout they borrow.

layout: {name}
labelled images: {images}
seed: {seed}
"""


class PhantomError(SonoForgeError):
    """A phantom that can't be written: unknown layout, nothing to write, or a target that is taken."""


@dataclass(frozen=True, slots=True)
class WrittenPhantom:
    """A tree that was written: its layout's name, where it is, its labelled images and all its files.

    `resumed` of its images were there from an interrupted try.
    """

    name: str
    root: Path
    images: int
    files: int
    seed: int
    resumed: int = 0


def write_dataset(
    name: str,
    target: Path,
    *,
    images: int,
    seed: int,
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> WrittenPhantom:
    """Write about `images` labelled phantom images in the original layout of `name`.

    Parameters
    ----------
    name
        One of `LAYOUTS`.
    target
        The folder to make; it must not exist, its parent may be missing.
    images
        Labelled images wanted; the tree holds exactly as many.
    seed
        Non-negative; the same (name, images, seed) gives the same bytes.
    workers
        Processes to draw with; 1 draws in this one.
    on_progress
        Called with the number of labelled images written so far.

    Raises
    ------
    PhantomError
        The name is unknown, a number is out of range, or `target` exists.
    """
    _check(name, target, images=images, seed=seed, workers=workers)
    layout = BY_NAME[name]
    items = layout.plan(images, seed)
    journal = _begun(target, name, images=images, seed=seed)
    tree = journal.folder / TREE
    left = {index: item for index, item in enumerate(items) if journal.get(str(index)) is None}
    resumed = written = images - sum(item.images for item in left.values())
    # Closing ends the workers, so that none goes on writing into a folder that another try has taken up.
    with closing(_drawn(name, left, tree, workers)) as drawn:
        for index in drawn:
            journal.add(str(index), items[index].images)
            written += items[index].images
            if on_progress is not None:
                on_progress(written)
    if layout.finish is not None:
        layout.finish(tree, items)
    (tree / "PHANTOM.txt").write_text(_NOTICE.format(name=name, images=written, seed=seed), encoding="utf-8")
    files = sum(path.is_file() for path in tree.rglob("*"))
    tree.rename(target)
    shutil.rmtree(journal.folder)
    return WrittenPhantom(name, target, written, files, seed, resumed)


def _begun(target: Path, name: str, *, images: int, seed: int) -> Journal:
    """The journal of this tree's earlier try, or a new one."""
    work = work_folder(target)
    if not (work / TREE).is_dir():  # killed after the tree had got its place: its journal speaks of nothing
        shutil.rmtree(work, ignore_errors=True)
    stamp = {"name": name, "images": images, "seed": seed, "code_sha256": code_digest(Path(__file__).parent)}
    journal = Journal(work, stamp)
    (work / TREE).mkdir(exist_ok=True)
    return journal


def _check(name: str, target: Path, *, images: int, seed: int, workers: int) -> None:
    if name not in LAYOUTS:
        raise PhantomError(
            f"no phantom layout is called {name!r}",
            expected=f"one of {', '.join(LAYOUTS)}",
            remedy="Correct the name, or bring in a real dataset with `sonoforge data import`.",
        )
    for what, value, least in (("images", images, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < least:
            raise PhantomError(
                f"{name} phantom: {what} is {value}",
                expected=f"a whole number of at least {least}",
                remedy=f"Raise {what}.",
            )
    if target.exists():
        raise PhantomError(
            f"{name} phantom: {target} is there already",
            expected="a folder that doesn't exist yet",
            remedy="Name another folder, or remove this one first.",
        )


def _drawn(name: str, items: dict[int, Item], root: Path, workers: int) -> Generator[int, None, None]:
    """Write all items, and yield the index of each when it is there."""
    if workers == 1:
        for index, item in items.items():
            _write_item(name, item, root)
            yield index
        return
    # Fresh interpreters: a fork would copy whatever threads the caller has.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        tasks = {pool.submit(_write_item, name, item, root): index for index, item in items.items()}
        try:
            for task in as_completed(tasks):
                task.result()
                yield tasks[task]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin_worker() -> None:
    """Take one thread for OpenCV, and end with the process that wants the images, also if it is killed."""
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _write_item(name: str, item: Item, root: Path) -> None:
    BY_NAME[name].write(item, root)
