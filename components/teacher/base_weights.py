"""Base weights by name to a checked file: official SAM2.1 checkpoints, or a path.

A download goes to a `.part` file beside its place, continues where it stopped, is checked against the published size
and sha256, and only then gets its name. Checkpoints are pickles by format, so they're opened with torch's
weights-only reader after the check. For each base it is known, or said to be unknown, which datasets its training
saw. Leaves out: building the network (build.py), and what follows for other datasets of the same patients
(components/evaluation/exposure.py).
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components.artefacts import PretrainingExposure, sha256_of
from components.errors import BaseWeightsError, BaseWeightsUnreachableError
from components.params import TeacherParams
from components.types import Exposure

SCRATCH = "scratch"
_ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"
_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class OfficialCheckpoint:
    """A published checkpoint: its trunk, file, size in bytes and sha256 (SAM 2.1, 29 September 2024)."""

    hiera: str
    file: str
    size_bytes: int
    sha256: str

    @property
    def address(self) -> str:
        """Where its authors publish it."""
        return _ADDRESS + self.file


OFFICIAL: dict[str, OfficialCheckpoint] = {
    "sam2.1_hiera_tiny": OfficialCheckpoint(
        "tiny",
        "sam2.1_hiera_tiny.pt",
        156_008_466,
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
    ),
    "sam2.1_hiera_small": OfficialCheckpoint(
        "small",
        "sam2.1_hiera_small.pt",
        184_416_285,
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    ),
    "sam2.1_hiera_base_plus": OfficialCheckpoint(
        "base_plus",
        "sam2.1_hiera_base_plus.pt",
        323_606_802,
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    ),
    "sam2.1_hiera_large": OfficialCheckpoint(
        "large",
        "sam2.1_hiera_large.pt",
        898_083_611,
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
    ),
}


# Ravi et al., SAM 2 (arXiv 2408.00714 v1). Appendix C.2: pre-trained on SA-1B; "our released model is trained on SA-V
# manual + Internal and SA-1B" (DAVIS, MOSE and YouTubeVOS went into models that weren't released). Section 5.2: crowd
# workers filmed SA-V; Internal is licensed video of which no list is published. Still images come from SA-1B alone
# (licensed photographs), so sets of still images are ruled out, and frames of videos aren't. The release notes of
# SAM 2.1 (facebookresearch/sam2, RELEASE_NOTES.md, 30 September 2024) name no other data.
_STILLS = ("busi", "busi_curated", "busi_listed", "bus_bra", "ddti", "ddti_637", "fugc", "tn3k", "udiat")
_FROM_VIDEOS = ("fh_ps_aop", "jnu_ifm", "psfhs", "tg3k")
SAM2_EXPOSURE = PretrainingExposure(
    basis=(
        "the released SAM 2 was trained on photographs (SA-1B), on videos filmed by crowd workers (SA-V) and on "
        "licensed videos that aren't published (arXiv 2408.00714, C.2): its still images are known, its videos in part"
    ),
    otherwise="unknown",
    datasets={**dict.fromkeys(_STILLS, "no"), **dict.fromkeys(_FROM_VIDEOS, "unknown")},
)


def pretraining_exposure(params: TeacherParams) -> PretrainingExposure:
    """Which datasets the base that the parameters name had seen.

    `scratch` had seen none; an official checkpoint what its authors publish; a checkpoint by path what
    `teacher.base_exposure` states, and what that leaves out is unknown.
    """
    if params.base == SCRATCH:
        return PretrainingExposure(basis="no base weights: trained from scratch", otherwise="no")
    if params.base in OFFICIAL:
        return SAM2_EXPOSURE
    stated: dict[str, Exposure] = dict(params.base_exposure)
    basis = "teacher.base_exposure in params.yaml" if stated else f"nothing is stated of the checkpoint {params.base}"
    return PretrainingExposure(basis=basis, otherwise="unknown", datasets=stated)


def check_base(params: TeacherParams) -> None:
    """Refuse a base that no checkpoint fits, before anything is downloaded or loaded.

    Raises
    ------
    BaseWeightsError
        If an official checkpoint is named for another trunk, the name is neither known nor a file, the file's sha256
        isn't the one that the parameters pin, or what is known of a named base would be overruled.
    """
    base, hiera = params.base, params.hiera
    if base != SCRATCH and base not in OFFICIAL:
        _check_path(Path(base), params.base_sha256)
        return
    if params.base_sha256 is not None:
        raise BaseWeightsError(
            f"teacher.base_sha256 is given for {base}",
            expected="a sha256 for a checkpoint by path only",
            remedy="remove teacher.base_sha256 from params.yaml",
        )
    if params.base_exposure:
        raise BaseWeightsError(
            f"teacher.base_exposure is given for {base}, of which it is known",
            expected="a statement about a checkpoint by path only",
            remedy="remove teacher.base_exposure from params.yaml",
        )
    if base in OFFICIAL and OFFICIAL[base].hiera != hiera:
        raise BaseWeightsError(
            f"teacher.base is {base}, whose trunk is {OFFICIAL[base].hiera!r}, but teacher.hiera is {hiera!r}",
            expected="a checkpoint of the same trunk",
            remedy=f"set teacher.hiera to {OFFICIAL[base].hiera}, or choose another base",
        )


def _check_path(path: Path, pinned: str | None) -> None:
    if not path.is_file():
        raise BaseWeightsError(
            f"teacher.base is {str(path)!r}, which is no file",
            expected=f"`{SCRATCH}`, one of {', '.join(OFFICIAL)}, or the path of a checkpoint",
            remedy="correct teacher.base in params.yaml",
        )
    found = sha256_of(path)
    if pinned is None:
        raise BaseWeightsError(
            f"teacher.base is the file {path}, but teacher.base_sha256 is missing",
            expected="the file's sha256, so that another file of that name can't pass for it",
            remedy=f"if you trust the file, set teacher.base_sha256 to {found}",
        )
    if found != pinned:
        raise BaseWeightsError(
            f"{path} has sha256 {found}",
            expected=f"{pinned}, as teacher.base_sha256 says",
            remedy="restore the file, or set teacher.base_sha256 to the new one, which trains again",
        )


def fetch(checkpoint: OfficialCheckpoint, folder: Path, *, on_bytes: Callable[[int, int], None] | None = None) -> Path:
    """Have an official checkpoint in `folder`, downloading what is missing of it; `on_bytes` hears (done, all).

    Raises
    ------
    BaseWeightsUnreachableError
        If there is no connection, it broke off, or the server is busy; the same call may work in a moment.
    BaseWeightsError
        If the server doesn't have the file, or what came isn't the published one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / checkpoint.file
    if not path.exists():
        part = folder / f"{checkpoint.file}.part"
        if not part.exists() or part.stat().st_size != checkpoint.size_bytes:
            _download(checkpoint, part, on_bytes=on_bytes)
        _check(part, checkpoint)
        part.replace(path)
    else:
        _check(path, checkpoint)
    return path


def _download(checkpoint: OfficialCheckpoint, part: Path, *, on_bytes: Callable[[int, int], None] | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done > checkpoint.size_bytes:
        part.unlink()
        done = 0
    request = urllib.request.Request(checkpoint.address, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            # A server that ignores the range sends the whole file again.
            mode = "ab" if answer.status == 206 else "wb"
            done = done if mode == "ab" else 0
            with part.open(mode) as file:
                while chunk := answer.read(_CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    if on_bytes is not None:
                        on_bytes(done, checkpoint.size_bytes)
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
        raise (BaseWeightsUnreachableError if _may_pass(error) else BaseWeightsError)(
            f"{checkpoint.address} can't be reached ({error}); {done:,} of {checkpoint.size_bytes:,} bytes are here",
            expected="a connection to the official address",
            remedy=f"run again where there is one (it continues), or put the file at {part.with_suffix('')}, "
            "or set teacher.base to scratch",
        ) from None
    if done < checkpoint.size_bytes:
        raise BaseWeightsUnreachableError(
            f"{part} has {done:,} bytes: the download broke off",
            expected=f"{checkpoint.size_bytes:,} bytes",
            remedy="run again; it continues where it stopped",
        )


def _may_pass(error: Exception) -> bool:
    """Whether the same request may be answered in a moment: not where the server refuses it, or can't be trusted."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in {408, 429}
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return not isinstance(reason, ssl.SSLCertVerificationError)


def _check(path: Path, checkpoint: OfficialCheckpoint) -> None:
    found = sha256_of(path)
    if found != checkpoint.sha256:
        raise BaseWeightsError(
            f"{path} has sha256 {found}",
            expected=f"{checkpoint.sha256}, as published",
            remedy=f"delete {path} and run again; don't use this file",
        )
