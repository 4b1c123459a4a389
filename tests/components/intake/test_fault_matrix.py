# ruff: noqa: E501 - the table of faults reads best with one fault a line
"""The fault matrix: each reader's clean tree, broken in one way at a time; code, file, finding and remedy are checked.

Every code of the catalogue is planted by at least one row. What can be wrong with any image or mask is planted in
every tree; what only one layout can do wrong stands in rows of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo

from components.contract import Contract, Quarantined, Stated, Together
from components.intake.faults import ALWAYS_ERRORS, CATALOGUE, severity_of
from components.intake.validate_data import check_data
from components.preprocess import decode_image
from tests.components.intake.layouts.test_coco import OPTIONS, make
from tests.components.intake.raw_trees import (
    BUILDERS,
    SQUARE,
    binary,
    coco_json,
    coco_tree,
    ddti_xml,
    disc,
    region,
    save,
    save_mha,
    speckle,
)

ContractOf = Callable[[str], Contract]
Spoil = Callable[[Path], None]
BUSI, VIDEO = "Dataset_BUSI_with_GT", "20190901T000001"
COCO = "annotations/all__coco.json"


@dataclass(frozen=True)
class Tree:
    """A clean tree: which dataset, one of its images with its mask file, another image, and its mask values."""

    dataset: str
    image: str
    other: str
    mask: str | None
    codes: tuple[int, ...] = (255,)
    shape: tuple[int, int] = (160, 180)


TREES = {
    "class_folders": Tree(
        "busi", f"{BUSI}/benign/benign (1).png", f"{BUSI}/benign/benign (2).png", f"{BUSI}/benign/benign (1)_mask.png"
    ),
    "paired_folders": Tree("udiat", "BUS/original/000001.png", "BUS/original/000002.png", "BUS/GT/000001.png"),
    "paired_lossy": Tree("tn3k", "test-image/0001.jpg", "test-image/0002.jpg", "test-mask/0001.jpg"),
    "paired_codes": Tree(
        "fugc", "dataset/val/images/0001.png", "dataset/val/images/0002.png", "dataset/val/labels/0001.png", (1, 2)
    ),
    "paired_mha": Tree(
        "fh_ps_aop", "image_mha/00001.mha", "image_mha/00002.mha", "label_mha/00001.mha", (1, 2), (256, 256)
    ),
    "video_folders": Tree(
        "jnu_ifm",
        f"us_data/{VIDEO}/image/{VIDEO}_1.png",
        f"us_data/{VIDEO}/image/{VIDEO}_2.png",
        f"us_data/{VIDEO}/mask/{VIDEO}_1_mask.png",
        (7, 8),
    ),
    "xml_polygons": Tree("ddti", "1_1.jpg", "1_2.jpg", None),
    "coco": Tree("coco", "images/p1_a.png", "images/p2_a.png", None),
}
LOSSLESS = [name for name, tree in TREES.items() if tree.mask and name != "paired_lossy"]
BINARY = ["class_folders", "paired_folders", "paired_lossy"]
WITH_MASK = [name for name, tree in TREES.items() if tree.mask]
EXIF = [name for name in TREES if name != "paired_mha"]


@dataclass(frozen=True)
class Row:
    """One way to break a tree, and the fault that must come of it; `found` is a regular expression."""

    tree: str
    code: str
    file: str
    found: str
    spoil: Spoil
    change: Callable[[Contract], Contract] = lambda contract: contract
    phantom: bool = True

    def __str__(self) -> str:
        return f"{self.tree}-{self.code}-{self.file}"


# --- what is done to a file ---


def pixels_of(path: Path) -> NDArray[np.uint8]:
    if path.suffix == ".mha":
        import SimpleITK

        array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        return (
            np.repeat(array[..., None], 3, axis=2)
            if array.ndim == 2
            else np.ascontiguousarray(array.transpose(1, 2, 0))
        )
    return decode_image(path.read_bytes(), name=path.name)


def store(path: Path, pixels: NDArray[np.uint8]) -> None:
    if path.suffix == ".mha":
        save_mha(path, pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    elif path.suffix == ".jpg":
        PilImage.fromarray(pixels).save(path, quality=100, subsampling=0)
    else:
        save(path, pixels)


def drawn(draw: Callable[[NDArray[np.uint8]], object]) -> Spoil:
    """Draw over an image's own pixels, on an even dark ground where letters and crosses stand out."""

    def spoil(path: Path) -> None:
        image = pixels_of(path).copy()
        image[40:150, 10:170] = 40
        draw(image)
        store(path, image)

    return spoil


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def written(content: bytes | str) -> Spoil:
    def spoil(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def stored(pixels: NDArray[np.uint8]) -> Spoil:
    return lambda path: store(path, pixels)


def copied_over(folder: Path, source: str, target: str) -> None:
    shutil.copy(folder / source, folder / target)


def looked_at_again(folder: Path, source: str, target: str) -> None:
    """Store the source's frame under the target's name, at another gain."""
    store(folder / target, np.clip(pixels_of(folder / source) * 1.1 + 3, 0, 255).astype(np.uint8))


def tagged(path: Path) -> None:
    """Give a file a tag that names its author or patient, as its format has it."""
    if path.suffix == ".mha":
        path.write_bytes(b"PatientName = Hans Mueller\n" + path.read_bytes())
        return
    image = PilImage.open(path)
    image.load()
    if path.suffix == ".jpg":
        exif = PilImage.Exif()
        exif[0x013B] = "Hans Mueller"
        image.save(path, exif=exif)
    else:
        info = PngInfo()
        info.add_text("Author", "Hans Mueller")
        image.save(path, pnginfo=info)


def stray(name: str) -> Spoil:
    """A tagged image or MetaImage that no layout asked for."""

    def spoil(path: Path) -> None:
        (save_mha if name.endswith(".mha") else save)(path, speckle(1))
        tagged(path)

    return spoil


def stray_dicom(path: Path) -> None:
    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.PatientID = "Mueller^Hans", "4815162"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def turned(path: Path) -> None:
    image = PilImage.open(path)
    image.load()
    exif = PilImage.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def under(name: str) -> Spoil:
    """Put the whole tree into a folder."""

    def spoil(folder: Path) -> None:
        entries = list(folder.iterdir())
        (folder / name).mkdir()
        for entry in entries:
            entry.rename(folder / name / entry.name)

    return spoil


def components(size_px: int, step_px: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    for row in range(0, shape[0] - size_px, step_px):
        for column in range(0, shape[1] - size_px, step_px):
            mask[row : row + size_px, column : column + size_px] = 255
    return mask


def speckled() -> NDArray[np.uint8]:
    mask = binary(disc())
    mask[0:2, 0:2] = 255
    return mask


def noise(shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.repeat(np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8), 3, axis=2)


def worded(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """An empty page with a few words on it."""
    page = np.zeros((*shape, 3), np.uint8)
    cv2.putText(page, "no image", (20, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (235,) * 3, 1, cv2.LINE_AA)
    return page


def renamed(path: Path) -> None:
    """Store a file as BMP without changing its name."""
    with PilImage.open(path) as image:
        image.load()
        image.convert("L").save(path, format="BMP")


def deep(path: Path) -> None:
    """Store an image with 16 bits a value, as PNG."""
    path.write_bytes(bytes(cv2.imencode(".png", pixels_of(path)[..., 0].astype(np.uint16) * 200)[1]))


def animated(path: Path) -> None:
    """Add a second frame."""
    with PilImage.open(path) as image:
        image.load()
        first = image.convert("L")
    kind = "MPO" if path.suffix == ".jpg" else "PNG"
    quality = {"quality": 100} if kind == "MPO" else {}
    first.save(path, format=kind, save_all=True, append_images=[first.rotate(180)], **quality)


def text(image: NDArray[np.uint8]) -> None:
    cv2.putText(image, "RT BREAST", (20, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (235,) * 3, 1, cv2.LINE_AA)


def crosses(image: NDArray[np.uint8]) -> None:
    for at in ((40, 90), (110, 110)):
        cv2.drawMarker(image, at, (240, 240, 240), cv2.MARKER_CROSS, markerSize=11, thickness=2)


def flow(image: NDArray[np.uint8]) -> None:
    cv2.ellipse(image, (90, 100), (30, 16), 0, 0, 360, (230, 30, 20), -1)


def blacked_out(image: NDArray[np.uint8]) -> None:
    image[60:100, 40:120] = 0


def rows_of_every_tree() -> Iterator[Row]:
    """What can be wrong with an image, a mask, a name or a file in any layout."""
    for name, tree in TREES.items():
        image, mask = tree.image, tree.mask

        def at(place: str, spoil: Spoil) -> Spoil:
            return lambda folder: spoil(folder / place)

        yield Row(name, "unreadable_image", image, "truncated|bytes of pixels|image file", at(image, truncated))
        yield Row(name, "unreadable_image", image, "not a readable|no MetaImage", at(image, written("no image")))
        yield Row(name, "unreadable_image", image, "not a readable|no MetaImage", at(image, written("")))
        yield Row(
            name,
            "image_size",
            image,
            "a side of 40 pixels",
            at(image, stored(np.repeat(speckle(1, height=40, width=50)[..., None], 3, axis=2))),
        )
        yield Row(
            name,
            "exact_copy",
            image,
            "the same pixels as another image",
            lambda folder, tree=tree: copied_over(folder, tree.other, tree.image),
        )
        if name not in ("video_folders", "xml_polygons"):  # these two are of one video, of one case
            yield Row(
                name,
                "near_copy",
                image,
                f"the speckle of .*{re.escape(tree.other)}",
                lambda folder, tree=tree: looked_at_again(folder, tree.other, tree.image),
            )
        yield Row(name, "identity_tag", image, "Artist|Author|PatientName", at(image, tagged))
        for grey in (0, 255):
            even = np.full((*tree.shape, 3), grey, np.uint8)
            yield Row(name, "blank_image", image, r"one grey but for 0\.0% of the frame", at(image, stored(even)))
        yield Row(
            name,
            "blank_image",
            image,
            r"one grey but for [01]\.\d% of the frame",
            at(image, stored(worded(tree.shape))),
        )
        yield Row(
            name,
            "only_noise",
            image,
            r"correlate with those beside them by -?0\.[0-3]",
            at(image, stored(noise(tree.shape))),
        )
        if name in EXIF:
            yield Row(name, "format_mismatch", image, "BMP under the name of", at(image, renamed))
            yield Row(
                name, "reduced_depth", image, "16 bits a colour value|more than 8 bits a grey value", at(image, deep)
            )
            yield Row(name, "several_frames", image, "the first is read", at(image, animated))
        yield Row(name, "burnt_in_text", image, r"[3-9] glyphs in lines", at(image, drawn(text)))
        yield Row(name, "calipers", image, r"2 crosses", at(image, drawn(crosses)))
        yield Row(name, "colour_doppler", image, r"\d\.\d% of the frame", at(image, drawn(flow)))
        yield Row(name, "black_area", image, r"\d+\.\d% of the frame", at(image, drawn(blacked_out)))
        yield Row(name, "identity_in_name", "Mueller_Hans", "the form Lastname_Firstname", under("Mueller_Hans"))
        yield Row(name, "identity_in_name", "MRN4815162", "a long number", under("MRN4815162"))
        yield Row(
            name,
            "identity_in_name",
            "Mueller_Hans.txt",
            "the form Lastname_Firstname",
            at("Mueller_Hans.txt", written("?")),
        )
        yield Row(name, "date_in_name", "1961-03-27", "a date", under("1961-03-27"))
        yield Row(name, "identity_tag", "IM0001.dcm", "DICOM PatientName", at("IM0001.dcm", stray_dicom))
        yield Row(name, "identity_tag", "IM0001", "DICOM PatientName", at("IM0001", stray_dicom))
        yield Row(name, "identity_tag", "stray.png", "PNG text Author", at("stray.png", stray("stray.png")))
        yield Row(name, "identity_tag", "stray.mha", "MetaImage PatientName", at("stray.mha", stray("stray.mha")))
        yield Row(
            name, "unexpected_file", "notes.txt", "a file that the layout doesn't know", at("notes.txt", written("?"))
        )
        yield Row(
            name,
            "link_outside",
            "away.png",
            "a link that leads out of the dataset",
            at("away.png", lambda path: path.symlink_to("/etc/hostname")),
        )
        yield Row(name, "ignored_file", ".DS_Store", "left by an operating system", at(".DS_Store", written("?")))
        yield Row(
            name,
            "phantom_as_real",
            "PHANTOM.txt",
            "notice that the phantom generator",
            at("PHANTOM.txt", written("phantoms")),
            phantom=False,
        )
        yield Row(
            name,
            "quarantined",
            image,
            r"excluded: blurred \(A\. Reviewer, 2026-01-02\)",
            lambda folder: None,
            lambda c, image=image: in_quarantine(c, image),
            phantom=False,
        )
        yield Row(
            name,
            "quarantine_unused",
            "nowhere.png",
            "no such file to exclude",
            lambda folder: None,
            lambda c: in_quarantine(c, "nowhere.png"),
            phantom=False,
        )
        yield Row(
            name,
            "together",
            image,
            r"2 images in one group: one lesion \(A\. Reviewer, 2026-01-02\)",
            lambda folder: None,
            lambda c, files=(image, tree.other): in_one_group(c, *files),
            phantom=False,
        )
        yield Row(
            name,
            "together_unused",
            "nowhere.png",
            "no such file to join",
            lambda folder: None,
            lambda c, image=image: in_one_group(c, image, "nowhere.png"),
            phantom=False,
        )
        yield Row(
            name,
            "image_count",
            ".",
            r"\d \(images\)",
            lambda folder: None,
            lambda c: expecting(c, images=999),
            phantom=False,
        )
        yield Row(
            name,
            "class_count",
            ".",
            r"0 \(class green\)",
            lambda folder: None,
            lambda c: expecting(c, classes={"green": 3}),
            phantom=False,
        )
        yield Row(name, "no_images", ".", "not one image with its annotation", at("", emptied))
        if name in EXIF:
            yield Row(name, "exif_orientation", image, "EXIF orientation 6", at(image, turned))
        if mask is not None:
            yield Row(name, "unreadable_mask", mask, "not a readable mask|bytes of pixels", at(mask, truncated))
            yield Row(name, "unreadable_mask", mask, "not a readable mask|no MetaImage", at(mask, written("no mask")))
            yield Row(name, "identity_tag", mask, "Artist|Author|PatientName", at(mask, tagged))
            yield Row(
                name,
                "mask_size_mismatch",
                mask,
                r"100 x 90 pixels beside an image of \d+ x \d+ pixels",
                at(mask, stored(np.full((90, 100), tree.codes[0], np.uint8))),
            )
            yield Row(
                name,
                "foreground_share",
                mask,
                "100.0%",
                at(mask, stored(np.full(tree.shape, tree.codes[0], np.uint8))),
            )
            yield Row(
                name,
                "inverted_mask",
                mask,
                "foreground on 100.0% of the frame's outermost pixels",
                at(mask, stored((tree.codes[0] * ~disc(height=tree.shape[0], width=tree.shape[1])).astype(np.uint8))),
            )
            yield Row(name, "mask_without_image", mask, "no ", at(image, Path.unlink))
            if name != "video_folders":
                yield Row(
                    name, "empty_mask", mask, "no object in the mask", at(mask, stored(np.zeros(tree.shape, np.uint8)))
                )
            if name in EXIF:
                yield Row(name, "format_mismatch", mask, "BMP under the name of", at(mask, renamed))
                yield Row(name, "several_frames", mask, "the first is read", at(mask, animated))
            if tree.shape[0] != tree.shape[1]:
                yield Row(
                    name,
                    "mask_turned",
                    mask,
                    "160 x 180 pixels beside an image of 180 x 160 pixels",
                    at(mask, stored(np.full((180, 160), tree.codes[0], np.uint8))),
                )
            if name in LOSSLESS:
                yield Row(
                    name,
                    "unknown_mask_code",
                    mask,
                    "mask values 90",
                    at(mask, stored(np.where(disc(height=tree.shape[0], width=tree.shape[1]), 90, 0).astype(np.uint8))),
                )
            if name in BINARY:
                yield Row(
                    name,
                    "too_many_objects",
                    mask,
                    "256 objects or more",
                    at(mask, stored(components(5, 8, tree.shape))),
                )
                yield Row(name, "specks", mask, "1 components under min_area_px", at(mask, stored(speckled())))


def emptied(folder: Path) -> None:
    """Remove all images, so that not one pair is left."""
    for path in folder.rglob("*"):
        if path.suffix in (".png", ".jpg", ".mha"):
            path.unlink()


def in_quarantine(contract: Contract, file: str) -> Contract:
    entry = Quarantined(file=file, action="exclude", reason="blurred", reviewer="A. Reviewer", date=date(2026, 1, 2))
    return contract.model_copy(update={"quarantine": (entry,)})


def in_one_group(contract: Contract, *files: str) -> Contract:
    entry = Together(files=files, reason="one lesion", reviewer="A. Reviewer", date=date(2026, 1, 2))
    return contract.model_copy(update={"group": contract.group.model_copy(update={"together": (entry,)})})


def expecting(contract: Contract, **changes: object) -> Contract:
    return contract.model_copy(update={"expectations": contract.expectations.model_copy(update=changes)})


def sheet(content: dict[str, object]) -> Spoil:
    return lambda folder: (folder / COCO).write_text(json.dumps(content)) and None


def annotation(**changes: object) -> Spoil:
    content = coco_json()
    content["annotations"][0].update(changes)  # type: ignore[index]
    return sheet(content)


def nameless(folder: Path) -> None:
    """Give an image a name that holds no group."""
    (folder / "images/p1_a.png").rename(folder / "images/noname.png")
    sheet(json.loads(json.dumps(coco_json()).replace("p1_a.png", "noname.png")))(folder)


def under_ids(folder: Path) -> None:
    """Rename BUSI's images as mirrors do: benign_1.png for benign (1).png."""
    for path in folder.rglob("*.png"):
        path.rename(path.with_name(re.sub(r" \((\d+)\)", r"_\1", path.name)))


def doubled() -> dict[str, object]:
    content = coco_json()
    content["annotations"].append(content["annotations"][0])  # type: ignore[attr-defined,index]
    return content


def closed(place: str) -> Spoil:
    """Take away all rights to read; root, whom nothing is closed to, is told so by the patched calls below."""
    return lambda folder: (folder / place).chmod(0)


@pytest.fixture(autouse=True)
def rights_hold_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rights of files and folders bind root, too."""
    real_scandir, real_access = os.scandir, os.access

    def scandir(path: str | Path) -> os._ScandirIterator[str]:
        if not os.stat(path).st_mode & 0o400:  # noqa: PTH116 - rmtree gives descriptors
            raise PermissionError(13, "Permission denied", str(path))
        return real_scandir(path)

    def access(path: str | Path, mode: int, **named: bool) -> bool:
        return bool(Path(path).stat().st_mode & 0o400) and real_access(path, mode, **named)

    monkeypatch.setattr("components.intake.layouts.tree.os.scandir", scandir)
    monkeypatch.setattr("components.intake.layouts.tree.os.access", access)


def notched(width_px: int, height_px: int) -> list[tuple[float, float]]:
    """An outline of the whole frame but for a slit from below: all but the object, had the two been exchanged."""
    left, right, top = width_px * 0.4, width_px * 0.5, height_px * 0.2
    frame = [(0, 0), (width_px, 0), (width_px, height_px), (right, height_px), (right, top), (left, top)]
    return [*frame, (left, height_px), (0, height_px)]


def put(place: str, content: str) -> Spoil:
    return lambda folder: written(content)(folder / place)


def without(place: str) -> Spoil:
    return lambda folder: shutil.rmtree(folder / place) if (folder / place).is_dir() else (folder / place).unlink()


def scanners(contract: Contract) -> Contract:
    table = {"file": "scanners.csv", "key": "image", "value": "scanner"}
    return contract.model_copy(update={"scanner": Stated(table=table, stated_by="a test")})


TABLE = f"us_data/{VIDEO}/frame_label.csv"
ENTITIES = '<!DOCTYPE case [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><case><number>&b;</number></case>'
OUTSIDE = '<!DOCTYPE case [<!ENTITY x SYSTEM "file:///etc/passwd">]><case><tirads>&x;</tirads></case>'
REFUSE = {"unlabelled": "refuse"}

OWN = [
    Row("class_folders", "missing_folder", ".", "no folder normal/", without(f"{BUSI}/normal")),
    Row("class_folders", "image_without_mask", "benign (1).png", r"no benign \(1\)_mask.png beside it", without(f"{BUSI}/benign/benign (1)_mask.png")),
    Row("class_folders", "unexpected_lesion", "normal (1)_mask.png", "an object in the mask", lambda folder: save(folder / BUSI / "normal/normal (1)_mask.png", binary(disc()))),
    Row("class_folders", "conflicting_copies", f"{BUSI}/malignant/malignant (1).png", r"malignant, while .*benign \(1\).png is benign; their pixels are equal", lambda folder: copied_over(folder, f"{BUSI}/benign/benign (1).png", f"{BUSI}/malignant/malignant (1).png")),
    Row("class_folders", "conflicting_copies", f"{BUSI}/benign/benign (1).png", r"benign, while .*malignant \(1\).png is malignant; their speckle correlates by [01]\.\d\d", lambda folder: looked_at_again(folder, f"{BUSI}/malignant/malignant (1).png", f"{BUSI}/benign/benign (1).png")),
    Row("class_folders", "duplicate_image_id", "benign (1).png", "2 images get the id 'benign_1'", lambda folder: [copied_over(folder, f"{BUSI}/benign/benign (1){s}.png", f"{BUSI}/benign/benign [1]{s}.png") for s in ("", "_mask")] and None),
    Row("class_folders", "undecodable_name", "?.png", "a name that isn't UTF-8", lambda folder: [shutil.copy(folder / f"{BUSI}/benign/benign (1){s}.png", os.fsencode(folder / f"{BUSI}/benign") + b"/\xff" + s.encode() + b".png") for s in ("", "_mask")] and None),
    Row("class_folders", "related_absent", ".", r"\d+ of the 374 names in busi_related_groups.csv are those of no image here", lambda folder: None, phantom=False),
    Row("class_folders", "flagged_in_list", f"{BUSI}/normal/normal (2).png", "flag `axilla`", lambda folder: None, phantom=False),
    Row("class_folders", "related_unmatched", ".", "374 of the 374 names in busi_related_groups.csv", under_ids, phantom=False),
    Row("paired_folders", "missing_folder", ".", "no folder", without("BUS/GT")),
    Row("paired_folders", "image_without_mask", "BUS/original/000001.png", "no ", without("BUS/GT/000001.png")),
    Row("paired_folders", "origin_missing", "scanners.csv", "no scanner for 1 images: 000002", put("BUS/scanners.csv", "image,scanner\n000001,A\n000003,A\n000004,B\n"), scanners, phantom=False),
    Row("paired_folders", "bad_table", "DatasetB.xlsx", "can't be read", put("BUS/DatasetB.xlsx", "no workbook")),
    Row("paired_lossy", "bad_table", "label4test.csv", "1 keys with several values: 0001 is 'benign' and 'malignant'", put("label4test.csv", "0000.jpg,1\n0001.jpg,0\n0002.jpg,1\n0001.jpg,1\n")),
    Row("paired_lossy", "fold_mismatch", "tn3k-trainval-fold0.json", "not a fold: ValueError val stands there more than once", put("tn3k-trainval-fold0.json", '{"train": [1, 2, 3, 4], "val": [0], "val": [4]}')),
    Row("paired_lossy", "fold_mismatch", "tn3k-trainval-fold0.json", "1 images in train and in val: 0", put("tn3k-trainval-fold0.json", '{"train": [0, 1, 2, 3, 4], "val": [0]}')),
    Row("video_folders", "bad_table", "frame_label.csv", "1 keys with several values: 1 is '5' and '6'", put(TABLE, "frame_id,frame_label\n0,3\n1,5\n2,6\n1,6\n")),
    Row("video_folders", "bad_table", "frame_label.csv", "frame 1 is '5' and '6'", put(TABLE, f"frame_id,frame_label\n0,3\n1,5\n2,6\n{VIDEO}_1.png,6\n")),
    Row("paired_lossy", "image_without_mask", "test-image/0001.jpg", "no ", without("test-mask/0001.jpg")),
    Row("paired_lossy", "stray_mask_values", "test-mask/0001.jpg", r"a share of \d+\.\d%", lambda folder: save(folder / "test-mask/0001.jpg", speckle(1))),
    Row("paired_lossy", "missing_file", ".", "no tn3k-trainval-fold0.json", without("tn3k-trainval-fold0.json")),
    Row("paired_lossy", "fold_mismatch", "tn3k-trainval-fold0.json", "not a fold", put("tn3k-trainval-fold0.json", "{")),
    Row("paired_lossy", "fold_mismatch", "tn3k-trainval-fold0.json", "1 of 6 listed images are missing", put("tn3k-trainval-fold0.json", '{"train": [0, 1, 2, 9], "val": [3, 4]}')),
    Row("paired_lossy", "label_missing", "trainval-image/0001.jpg", "no row in label4trainval.csv", put("label4trainval.csv", "0000.jpg,1\n")),
    Row("paired_lossy", "label_without_image", "label4test.csv", "1 rows without image: 0099", put("label4test.csv", "".join(f"{k:04d}.jpg,1\n" for k in (0, 1, 2, 99)))),
    Row("paired_codes", "unlabelled_image", "dataset/val/images/0001.png", "no ", without("dataset/val/labels/0001.png")),
    Row("paired_codes", "image_without_mask", "dataset/val/images/0001.png", "no ", without("dataset/val/labels/0001.png"), lambda c: expecting(c, **REFUSE)),
    Row("paired_codes", "missing_folder", ".", "no folder", without("dataset/val/labels")),
    Row("paired_mha", "image_without_mask", "image_mha/00001.mha", "no ", without("label_mha/00001.mha")),
    Row("video_folders", "missing_folder", ".", "no folder us_data/", without("us_data")),
    Row("video_folders", "missing_file", ".", "no us_data/.*frame_label.csv", without(TABLE)),
    Row("video_folders", "bad_table", "frame_label.csv", "columns a, b", put(TABLE, "a,b\n1,2\n")),
    Row("video_folders", "bad_table", "frame_label.csv", "unknown frame label '9' of frame 1", put(TABLE, "frame_id,frame_label\n0,3\n1,9\n2,6\n")),
    Row("video_folders", "label_conflict", f"{VIDEO}_1_mask.png", "shows fetal head, declared are pubic symphysis", put(TABLE, "frame_id,frame_label\n0,3\n1,4\n2,6\n")),
    Row("video_folders", "label_missing", f"{VIDEO}_2.png", "no row in frame_label.csv", put(TABLE, "frame_id,frame_label\n0,3\n1,5\n")),
    Row("video_folders", "label_without_image", "frame_label.csv", "1 rows without frame: 7", put(TABLE, "frame_id,frame_label\n0,3\n1,5\n2,6\n7,6\n")),
    Row("video_folders", "unlabelled_image", f"{VIDEO}_1.png", "no mask of this name", without(f"us_data/{VIDEO}/mask/{VIDEO}_1_mask.png")),
    Row("video_folders", "unexpected_lesion", f"{VIDEO}_0_mask.png", "an object in the mask", lambda folder: save(folder / f"us_data/{VIDEO}/mask/{VIDEO}_0_mask.png", 8 * disc().astype(np.uint8))),
    Row("xml_polygons", "bad_xml", "1.xml", "not XML", put("1.xml", "<case>")),
    Row("xml_polygons", "bad_xml", "1.xml", "forbidden content", put("1.xml", ENTITIES)),
    Row("xml_polygons", "bad_xml", "1.xml", "forbidden content", put("1.xml", OUTSIDE)),
    Row("xml_polygons", "truncated_polygons", "1.xml", "mark of image 1", put("1.xml", ddti_xml({"1": json.dumps([SQUARE])[:40]}))),
    Row("xml_polygons", "mark_without_polygon", "1.xml", "a mark of 1_1.jpg without polygon", put("1.xml", ddti_xml({"1": ""}))),
    Row("xml_polygons", "mark_without_image", "1.xml", "a mark of '?1_2.jpg'?, which isn't there", without("1_2.jpg")),
    Row("xml_polygons", "degenerate_polygon", "1.xml", "a region of 2 usable points", put("1.xml", ddti_xml({"1": json.dumps([region((1, 1), (2, 2))])}))),
    Row("xml_polygons", "empty_mask", "1_1.jpg", "no object", put("1.xml", ddti_xml({"1": json.dumps([region((900, 900), (950, 900), (950, 950))])}))),
    Row("xml_polygons", "image_without_mask", "1_1.jpg", "no 1.xml beside it", without("1.xml")),
    Row("xml_polygons", "unlabelled_image", "1_2.jpg", "no outline in 1.xml", put("1.xml", ddti_xml({"1": json.dumps([SQUARE])}))),
    Row("xml_polygons", "specks", "1_1.jpg", "1 components", put("1.xml", ddti_xml({"1": json.dumps([SQUARE, region((100, 40), (102, 40), (102, 42))])}))),
    Row("class_folders", "ambiguous_entry", ".", r"the entry twin\.png of quarantine fits 2 files: .*/benign/twin\.png, .*/normal/twin\.png", lambda folder: [written("?")(folder / BUSI / kind / "twin.png") for kind in ("benign", "normal")] and None, lambda c: in_quarantine(c, "twin.png"), phantom=False),
    Row("class_folders", "quarantine_unused", "twin.png", r"no such file to exclude; is .*/benign/twin\.png meant\?", put(f"{BUSI}/benign/twin.png", "?"), lambda c: in_quarantine(c, "twin.png"), phantom=False),
    Row("class_folders", "together_unused", f"{BUSI}/benign/benign (1)_mask.png", "no image with annotation is read from it", lambda folder: None, lambda c: in_one_group(c, "benign/benign (1)_mask.png", "benign/benign (2).png"), phantom=False),
    Row("class_folders", "together_unused", "benign (1).png", r"no such file to join; is .*/benign/benign \(1\)\.png meant\?", lambda folder: None, lambda c: in_one_group(c, "benign (1).png", "benign/benign (2).png"), phantom=False),
    Row("class_folders", "ambiguous_entry", ".", r"the entry twin\.png of group\.together fits 2 files: .*/benign/twin\.png, .*/normal/twin\.png", lambda folder: [written("?")(folder / BUSI / kind / "twin.png") for kind in ("benign", "normal")] and None, lambda c: in_one_group(c, "twin.png", "benign/benign (2).png"), phantom=False),
    Row("class_folders", "no_access", f"{BUSI}/benign", "a folder or file that may not be read", closed(f"{BUSI}/benign")),
    Row("xml_polygons", "inverted_mask", "1_1.jpg", "foreground on 9[0-9]", put("1.xml", ddti_xml({"1": json.dumps([region(*notched(180, 160))])}))),
    Row("coco", "inverted_mask", "images/p1_a.png", "foreground on 9[0-9]", annotation(segmentation=[[side for corner in notched(180, 160) for side in corner]])),
    Row("xml_polygons", "covered_object", "1_1.jpg", "1 objects wholly under others", put("1.xml", ddti_xml({"1": json.dumps([SQUARE, SQUARE])}))),
    Row("coco", "covered_object", "images/p1_a.png", "1 objects wholly under others", annotation(segmentation=[[60, 30, 90, 30, 90, 80, 60, 80]])),
    Row("coco", "no_access", COCO, "a folder or file that may not be read", closed(COCO)),
    Row("coco", "bad_annotations", COCO, "can't be read: the end where", put(COCO, "{")),
    Row("coco", "bad_annotations", COCO, "no list of annotations", put(COCO, '{"images": [], "categories": []}')),
    Row("coco", "missing_file", ".", f"no {COCO}", without(COCO)),
    Row("coco", "duplicate_id", COCO, "annotations with an id that another has", sheet(doubled())),
    Row("coco", "annotation_without_image", COCO, "annotations of no listed image", annotation(image_id=99)),
    Row("coco", "unknown_category", COCO, "category id '9'", annotation(category_id=9)),
    Row("coco", "crowd_region", COCO, "annotation 10 of p1_a.png", annotation(iscrowd=1)),
    Row("coco", "broken_outline", COCO, "annotation 10 of p1_a.png", annotation(segmentation={"size": [160, 180], "counts": [5]})),
    Row("coco", "group_missing", "images/noname.png", "", nameless),
    Row("coco", "mask_size_mismatch", "images/p1_a.png", r"180 x 160 pixels", lambda folder: save(folder / "images/p1_a.png", speckle(1, height=140, width=150))),
]  # fmt: skip

ROWS = [*rows_of_every_tree(), *OWN]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All clean trees, written once."""
    top = tmp_path_factory.mktemp("clean")
    for tree in TREES.values():
        (top / tree.dataset).mkdir()
        (BUILDERS | {"coco": coco_tree})[tree.dataset](top / tree.dataset)
    return top


def contract_for(name: str, contract_of: ContractOf) -> Contract:
    dataset = TREES[name].dataset
    return make(contract_of("udiat"), OPTIONS) if dataset == "coco" else contract_of(dataset)


@pytest.mark.parametrize("name", TREES)
def test_a_clean_tree_has_no_fault_but_what_its_contract_says(
    name: str, clean: Path, contract_of: ContractOf, contracts: Path
) -> None:
    folder = clean / TREES[name].dataset
    checked = check_data(contract_for(name, contract_of), folder, phantom=True, contracts=contracts)
    known = {"video_folders": {"date_in_name"}, "paired_codes": {"unlabelled_image"}}
    assert {one.code for one in checked.faults} == known.get(name, set())
    assert checked.sound


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_broken_tree_has_this_fault(
    row: Row, clean: Path, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    folder = tmp_path / "raw"
    shutil.copytree(clean / TREES[row.tree].dataset, folder)
    contract = row.change(contract_for(row.tree, contract_of))
    row.spoil(folder)
    checked = check_data(contract, folder, phantom=row.phantom, contracts=contracts)
    mine = [one for one in checked.faults if one.code == row.code and f"/{one.file}".endswith(f"/{row.file}")]
    assert mine, [(one.code, one.file, one.found) for one in checked.faults]
    assert any(re.search(row.found, one.found) for one in mine), [one.found for one in mine]
    for one in mine:
        assert one.dataset == contract.name and one.expected
        assert one.remedy == CATALOGUE[row.code].remedy
        assert "Hans" not in one.found and "\n" not in one.found and str(tmp_path) not in one.found
        # A missing list of folds is less than what else a layout names; all else is as catalogue and contract say.
        if row.code != "missing_file":
            assert one.severity == severity_of(row.code, contract)
    assert checked.sound == all(one.severity != "error" for one in checked.faults)


def test_every_code_of_the_catalogue_is_planted() -> None:
    assert {row.code for row in ROWS} == set(CATALOGUE)
    assert set(CATALOGUE) >= ALWAYS_ERRORS
