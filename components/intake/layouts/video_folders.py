"""Layout `video_folders`: one folder a video, with frames, masks and a table of frame labels (JNU-IFM).

The video is the group. Frames that the table lists but that have no image, and images that it doesn't list, are
reported. Leaves out: the order of frames; decoding anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.contract import Contract
from components.intake.layouts.matching import ByValues, Groups, Matches, matching
from components.intake.layouts.origins import with_origins
from components.intake.layouts.pattern import blanks
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    LayoutReading,
    Options,
    Reader,
    find_root,
    image_id_of,
    some_of,
)
from components.intake.layouts.tables import LabelTable, read_labels
from components.intake.layouts.tree import Tree


class FrameClass(BaseModel):
    """What a frame label means: the class's name, and the mask codes that such a frame shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    codes: tuple[int, ...]


class VideoFolders(Options):
    """`images` and `masks` are patterns relative to the root with the blanks {video} and {frame}.

    `top` is the folder that the videos stand in, `table` the label file within each video, `frame_column` and
    `label_column` its columns, `labels` what its values mean.
    """

    top: str
    images: str
    masks: str
    table: str
    frame_column: str
    label_column: str
    labels: dict[str, FrameClass] = Field(min_length=1)

    @model_validator(mode="after")
    def _same_blanks(self) -> Self:
        if not set(blanks(self.images)) == set(blanks(self.masks)) == {"video", "frame"}:
            raise ValueError("`images` and `masks` need the blanks {video} and {frame}")
        return self


def read(contract: Contract, tree: Tree, corrections: Corrections = NONE_CORRECTED) -> LayoutReading:
    """Read a tree of videos."""
    options = VideoFolders.of(contract)
    root = find_root(tree, [options.top])
    reader = Reader(contract, tree, root, corrections)
    top = tree.find(root, options.top)
    if top is None or top not in tree.folders:
        reader.fault("missing_folder", tree.top, f"no folder {options.top}/")
        return with_origins(reader).reading(options)
    images, masks = matching(tree, root, options.images), matching(tree, root, options.masks)
    image_of, mask_of = ByValues(tree, images), ByValues(tree, masks)
    videos = Groups((values["video"], number) for number, values in images.numbered())
    for place in tree.folders[top].folders.values():
        video = videos.place(place.name)
        frames = {} if video is None else _frames(images, map(tree.path, videos.numbers(video)))
        _read_video(reader, options, place, frames, mask_of)
    for mask, values in masks:
        if image_of.get(values) is not None:
            continue
        reader.used.add(mask)
        reader.fault("mask_without_image", mask, "no frame of this name")
    return with_origins(reader).reading(options)


def _frames(images: Matches, paths: Iterable[Path]) -> dict[str, Path]:
    """One video's frames, the last of equals."""
    return {values["frame"]: path for path in paths if (values := images.values(path)) is not None}


def _read_video(
    reader: Reader,
    options: VideoFolders,
    place: Path,
    frames: dict[str, Path],
    mask_of: ByValues,
) -> None:
    video, file = place.name, reader.tree.find(place, options.table) or place / options.table
    table = LabelTable(file=options.table, key=options.frame_column, value=options.label_column)
    found = read_labels(reader, table, file)
    labels: dict[str, str] = {}
    for key, stated in found.items():
        # The table may name a frame as the file does, `<video>_<frame>.png`, or by its number alone.
        name = key.rsplit(".", 1)[0].removeprefix(f"{video}_")
        if labels.setdefault(name, stated) != stated:
            reader.fault("bad_table", file, f"frame {name} is {labels[name]!r} and {stated!r}")
    if not frames:
        reader.fault("no_images", place, "a video without frames")
    for frame, image in frames.items():
        mask = mask_of.get({"video": video, "frame": frame})
        if mask is None:
            reader.without_mask(image, "no mask of this name")
            continue
        label = labels.get(frame)
        meaning = options.labels.get(label) if label is not None else None
        if labels and label is None:
            reader.fault("label_missing", image, f"no row in {options.table}")
        elif label is not None and meaning is None:
            reader.fault("bad_table", file, f"unknown frame label {label!r} of frame {frame}")
        reader.add(
            Case(
                image_id_of(video, frame),
                image,
                (mask,),
                group=video,
                subject_class=meaning.name if meaning else None,
                declared=frozenset(meaning.codes) if meaning else None,
            )
        )
    missing = sorted(set(labels) - set(frames))
    if missing:
        reader.fault("label_without_image", file, f"{len(missing)} rows without frame: {some_of(missing)}")
