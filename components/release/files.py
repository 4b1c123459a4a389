"""A Bento to the list of its files, and which files may run code when they are loaded.

The list of the Bento that was judged is the package: `files.json`, which a released model folder and its Bento carry,
and whose own sha256 the ledger names. Papers (card, verdict, the list itself) are written after the judgement and in
no list. Leaves out: holding a folder against its list (components/listing.py), and what is done about a difference
(released.py, bento.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

from components.listing import MODEL, PAPERS, Listing, list_files

CALIBRATION = "calibration.json"
CARRIED = ("src", "env")
NAMING = "src/bentofile.yaml"
"""What of a Bento runs or is installed; the rest (`bento.yaml`, `README.md`, and `NAMING` with its labels) tells when
and under which name it was built."""
COMPILED = "__pycache__"
SAFE_SUFFIXES = frozenset({".safetensors", ".json", ".md", ".onnx"})
RISKY_SUFFIXES = frozenset(
    {".bin", ".ckpt", ".dill", ".h5", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth", ".pyc", ".torch"}
)


def bento_files(bento: Path) -> dict[str, str]:
    """What a Bento's folder carries, but for its name, the papers beside its model, and what Python compiled of it."""
    return {name: digest for name, digest in list_files(bento, CARRIED).items() if not _is_beside(name)}


def forget_compiled(bento: Path) -> None:
    """Remove what Python compiled of a Bento's code when it ran: it would be run in place of the code, unlisted."""
    for cache in list((bento / "src").rglob(COMPILED)):
        shutil.rmtree(cache)


def listing_text(files: Listing) -> str:
    """A list as `files.json` holds it: the same text for the same files."""
    return json.dumps({"schema": 1, "files": dict(files)}, indent=2, sort_keys=True) + "\n"


def package_digest(files: Listing) -> str:
    """The sha256 by which a package is known: that of its `files.json`."""
    return hashlib.sha256(listing_text(files).encode()).hexdigest()


def unsafe_files(folder: Path, *, model_only: bool = True) -> list[str]:
    """The files, relative to a folder, that may run code when they are loaded.

    In a model folder that is whatever isn't of a kind known to be data. With `model_only` false the folder may hold
    programs, too, such as a Bento's: there it is whatever is named as a pickle or a torch file, or looks like one.
    """
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and ((path.suffix not in SAFE_SUFFIXES if model_only else path.suffix in RISKY_SUFFIXES) or _is_pickled(path))
    )


def _is_pickled(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2)
    # Protocols 2 to 5 begin with 0x80 and the protocol; torch's files are zip archives with a pickle inside. A
    # safetensors file begins with the length of its header, which may start with 0x80 by chance.
    pickled = path.suffix != ".safetensors" and len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5
    return pickled or zipfile.is_zipfile(path)


def _is_beside(name: str) -> bool:
    return (
        COMPILED in name.split("/") or name == NAMING or (name.startswith(MODEL) and name.removeprefix(MODEL) in PAPERS)
    )
