"""What distillation asks of the teacher: computed anew each time, or kept on disk by content.

With augmentations that repeat (`distil.augment_rounds`) the teacher sees the same pixels again. Its maps are then kept
under the digest of these very pixels, of the teacher's weights and of how they were computed, so that no other change
(seed, augmentation, preprocessing) can ever bring up wrong ones. Kept are the trunk's maps or the neck's, whichever is
smaller, in the precision that they were computed in: losses are the same to the bit, kept or not. That holds because
the teacher sees such images one at a time; what it says of one doesn't depend on which others share its batch.

Leaves out: keeping what depends on prompts; the teacher's masks are decoded each time.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from components.artefacts import replacing, weights_digest
from components.params import DistilParams
from components.promptable.segmenter import PromptBatch, Segmenter
from components.promptable.trunks.features import StageFeature
from components.training.losses import neck_features
from components.training.ranks import current_ranks
from components.training.stepping import autocast

log = logging.getLogger(__name__)
FOLDER = "teacher_outputs"
FULL = (errno.ENOSPC, errno.EDQUOT)
CACHE_METRICS = ("teacher_kept_share", "teacher_kept_mb")
_STRIDES = {4: 0, 8: 1, 16: 2}
_NECK_CHANNELS = 256
Maps = dict[str, Tensor]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one image: to compute its maps, to write and to read them; and their bytes."""

    compute_s: float
    write_s: float
    read_s: float
    bytes: int


def drop_others(folder: Path, fingerprint: str) -> Path:
    """Delete what other trainings kept in a folder; returns the place of the one with this fingerprint."""
    own = folder / fingerprint[:16]
    if current_ranks().first and folder.is_dir():
        for path in [found for found in folder.iterdir() if found != own]:
            shutil.rmtree(path, ignore_errors=True)
    return own


def keeping_pays(costs: Costs, *, epochs: int, rounds: int, limit_bytes: float) -> bool:
    """Whether a training is shorter with kept maps, of which `limit_bytes` are kept at most: what an image costs to be
    written in each round must come back where it is read, and the limit must have room for one."""
    later = epochs - rounds
    shorter = rounds * costs.write_s + later * costs.read_s < later * costs.compute_s
    return shorter and costs.bytes <= limit_bytes


class TeacherOutputs:
    """The teacher's features for batches of one distillation.

    Parameters
    ----------
    folder
        Where maps are kept; deleted by `discard`.
    """

    def __init__(self, teacher: Segmenter, params: DistilParams, *, folder: Path) -> None:
        self.teacher = teacher
        self.params = params
        self.folder = folder
        self.ranks = current_ranks()
        self.limit_bytes = params.cache_gigabytes * 1e9 / self.ranks.size
        repeats = 0 < params.augment_rounds < params.epochs
        self.keeps: bool | None = params.teacher_outputs == "cache" if repeats else False
        if repeats and params.teacher_outputs == "auto":
            self.keeps = None  # not known before the first image
        self.held_bytes = sum(path.stat().st_size for path in folder.glob("*/*")) / self.ranks.size
        self.asked = self.found = 0
        self._base: bytes | None = None

    def features(self, images: Tensor) -> dict[str, list[Tensor]]:
        """The teacher's `neck_features` of images (B 3 S S)."""
        with torch.no_grad(), autocast(self.params.amp, self.teacher.device):
            if self.params.augment_rounds == 0:
                return self._rounded(neck_features(self.teacher, self.teacher.stages(images)))
            each = [self._maps(image) for image in images.split(1)]
            return self._as_features({name: torch.cat([maps[name] for maps in each]) for name in each[0]})

    def logits(self, features: dict[str, list[Tensor]], prompts: PromptBatch) -> Tensor:
        """The teacher's mask logits (N S/4 S/4) on its own features of the images."""
        with torch.no_grad(), autocast(self.params.amp, self.teacher.device):
            return self.teacher.decode(self.teacher.embed_levels(features["sum"][:3]), prompts)[0]

    def take_metrics(self) -> dict[str, float]:
        """What was found kept since the last call, as a share of what was asked for, and what is held; empty where
        nothing repeats."""
        if self.params.augment_rounds == 0:
            return {}
        share = self.found / max(1, self.asked)
        self.asked = self.found = 0
        return dict(zip(CACHE_METRICS, (share, self.held_bytes * self.ranks.size / 1e6), strict=True))

    def discard(self) -> None:
        """Delete what is kept."""
        if self.ranks.first:
            shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _maps(self, image: Tensor) -> Maps:
        """One image's (1 3 S S) maps, as they are kept or newly computed."""
        if self.keeps is None:
            self.keeps = self._measured(image)
        if not self.keeps:
            return self._computed(image)
        self.asked += 1
        path = self._path(image)
        kept = _read(path, self.teacher.device)
        if kept is not None:
            self.found += 1
            return kept
        maps = self._computed(image)
        self._write(path, maps)
        return maps

    def _computed(self, image: Tensor) -> Maps:
        stages = self.teacher.stages(image)
        maps = _trunk_maps(stages, sum_alone=self._sum_alone())
        if sum(map_.numel() for map_ in maps.values()) > self._neck_elements():
            features = neck_features(self.teacher, stages)
            maps = {f"{term}_{stride}": features[term][_STRIDES[stride]] for term, stride in self._wanted()}
        if self.params.teacher_precision == "half":
            maps = {name: map_.half() for name, map_ in maps.items()}
        # In one order of memory, as a file has it: convolutions round by the order that they find.
        return {name: map_.contiguous() for name, map_ in maps.items()}

    def _as_features(self, maps: Maps) -> dict[str, list[Tensor]]:
        """Maps of B images to the teacher's features; of the neck's, levels that nothing asks for are empty."""
        if self.params.teacher_precision == "half":
            maps = {name: map_.float() for name, map_ in maps.items()}
        if "block0" in maps:
            stages = [StageFeature(maps[f"block{n}"], maps.get(f"adapter{n}")) for n in range(4)]
            return neck_features(self.teacher, stages)
        empty = torch.empty(0)
        return {
            term: [maps.get(f"{term}_{stride}", empty) for stride in _STRIDES] for term in ("block", "adapter", "sum")
        }

    def _rounded(self, features: dict[str, list[Tensor]]) -> dict[str, list[Tensor]]:
        if self.params.teacher_precision != "half":
            return features
        return {term: [level.half().float() for level in levels] for term, levels in features.items()}

    def _wanted(self) -> list[tuple[str, int]]:
        terms = {"block": self.params.terms.block, "adapter": self.params.terms.adapter, "sum": self.params.terms.sum}
        wanted = [(term, stride) for term, weight in terms.items() if weight > 0 for stride in self.params.levels]
        masks = [("sum", stride) for stride in _STRIDES] if self.params.logits_weight > 0 else []
        return list(dict.fromkeys([*wanted, *masks]))

    def _sum_alone(self) -> bool:
        return {term for term, _ in self._wanted()} == {"sum"}

    def _neck_elements(self) -> int:
        side = self.teacher.image_size_px
        return sum(_NECK_CHANNELS * (side // stride) ** 2 for _, stride in self._wanted())

    def _path(self, image: Tensor) -> Path:
        if self._base is None:
            said = [self.params.teacher_precision, self.params.amp, self._wanted()]
            how = [torch.__version__, self.teacher.device.type, torch.get_num_threads(), self.teacher.image_size_px]
            self._base = f"{weights_digest(self.teacher.state_dict())} {said} {how}".encode()
        pixels = image.detach().cpu().contiguous().numpy()
        key = hashlib.sha256(self._base + pixels.tobytes()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"

    def _write(self, path: Path, maps: Maps) -> None:
        data = _as_file(maps)
        if self.held_bytes + len(data) > self.limit_bytes:
            return
        try:
            with replacing(path) as beside:
                beside.write_bytes(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            log.warning("the disk is full: the teacher's further outputs are computed each time")
            self.limit_bytes = self.held_bytes
            return
        self.held_bytes += len(data)

    def _measured(self, image: Tensor) -> bool:
        """Compute, write and read one image's maps, and say whether keeping them pays; the first rank decides."""
        rounds, epochs = self.params.augment_rounds, self.params.epochs
        costs = self._costs(image)
        pays = costs is not None and keeping_pays(costs, epochs=epochs, rounds=rounds, limit_bytes=self.limit_bytes)
        pays = self.ranks.gathered(pays)[0]
        if self.ranks.first and costs is not None:
            log.info(
                "teacher's outputs: %.0f ms to compute an image's, %.0f to write, %.0f to read, %.1f MB: %s",
                *(1000 * costs.compute_s, 1000 * costs.write_s, 1000 * costs.read_s, costs.bytes / 1e6),
                "kept" if pays else "computed each time",
            )
        return pays

    def _costs(self, image: Tensor) -> Costs | None:
        """What an image costs; None where the disk is full, which is said."""
        self._computed(image)
        compute_s, maps = _timed(lambda: self._computed(image), self.teacher.device)
        path = self._path(image).with_suffix(".measured")
        try:
            write_s, size = _timed(lambda: _write_through(path, maps), self.teacher.device)
            read_s, _ = _timed(lambda: _read(path, self.teacher.device), self.teacher.device)
        except OSError as error:
            if error.errno not in FULL:
                raise
            log.warning("the disk is full: the teacher's outputs are computed each time")
            return None
        finally:
            path.unlink(missing_ok=True)
        return Costs(compute_s, write_s, read_s, size)


def _trunk_maps(stages: Sequence[StageFeature], *, sum_alone: bool) -> Maps:
    """The maps of which all features follow by the neck; of the sum alone, if that is all that is distilled."""
    if sum_alone:
        return {f"block{number}": stage.total for number, stage in enumerate(stages)}
    maps = {f"block{number}": stage.block for number, stage in enumerate(stages)}
    return maps | {f"adapter{n}": stage.adapter for n, stage in enumerate(stages) if stage.adapter is not None}


def _as_file(maps: Maps) -> bytes:
    held = {name: map_.detach().cpu().contiguous() for name, map_ in maps.items()}
    return save(held, metadata={"crc32": str(_crc32(held))})


def _crc32(maps: Maps) -> int:
    found = 0
    for name in sorted(maps):
        found = zlib.crc32(maps[name].reshape(-1).view(torch.uint8).numpy().data, found)
    return found


def _read(path: Path, device: torch.device) -> Maps | None:
    """Kept maps; None where there are none, or where they are damaged, which is said, and they are dropped."""
    try:
        with safe_open(path, framework="pt") as file:
            maps = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it's no dict
            intact = (file.metadata() or {}).get("crc32") == str(_crc32(maps))
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError) as error:
        intact, maps = False, {}
        log.debug("%s", error)
    if not intact:
        log.warning("%s is damaged: the teacher computes it again", path)
        path.unlink(missing_ok=True)
        return None
    return {name: map_.to(device) for name, map_ in maps.items()}


def _write_through(path: Path, maps: Maps) -> int:
    """Write maps to the disk itself, so that reading them doesn't just find them in memory; returns their bytes."""
    data = _as_file(maps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return len(data)


def _timed(action: Callable[[], T], device: torch.device) -> tuple[float, T]:
    started = time.perf_counter()
    found = action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, found
