"""Small clean trees in each original layout, which tests then break in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.intake.measuring.layers import Patch
from components.masks import to_rle

Tree = Callable[[str], Path]
SIDE_PX = 160


def speckle(seed: int, *, height: int = SIDE_PX, width: int = SIDE_PX + 20) -> NDArray[np.uint8]:
    """A grey image of fine random structure, another one for each seed; its grains are some pixels large."""
    noise = np.random.default_rng(seed).standard_normal((height, width))
    grains = cv2.GaussianBlur(noise, (5, 5), 1.0)
    return np.clip(128 + 20 * grains / grains.std(), 0, 255).astype(np.uint8)


def disc(*, height: int = SIDE_PX, width: int = SIDE_PX + 20, at: tuple[int, int] = (80, 90)) -> NDArray[np.bool_]:
    """A disc of radius 20 around (row, column)."""
    rows, columns = np.mgrid[:height, :width]
    return (rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= 400


def save(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Save pixels as the file's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(pixels).save(path)


def on_frame(patch: Patch, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """A patch's object as a mask of the whole frame."""
    mask = np.zeros(size_hw, dtype=bool)
    height, width = patch.mask.shape
    mask[patch.top : patch.top + height, patch.left : patch.left + width] = patch.mask
    return mask


def binary(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * 255


def _busi(top: Path) -> None:
    seed = 0
    for kind in ("benign", "malignant", "normal"):
        for number in (1, 2):
            seed += 1
            stem = top / "Dataset_BUSI_with_GT" / kind / f"{kind} ({number})"
            save(stem.with_name(f"{stem.name}.png"), speckle(seed))
            empty = np.zeros((SIDE_PX, SIDE_PX + 20), dtype=bool)
            save(stem.with_name(f"{stem.name}_mask.png"), binary(empty if kind == "normal" else disc()))
    second = top / "Dataset_BUSI_with_GT/benign/benign (2)_mask_1.png"
    save(second, binary(disc(at=(30, 30))))


def region(*corners: tuple[float, float]) -> dict[str, object]:
    return {"points": [{"x": x, "y": y} for x, y in corners], "regionType": "freehand"}


SQUARE = region((20, 30), (60, 30), (60, 80), (20, 80))


def ddti_xml(marks: dict[str, str], tirads: str = "4a") -> str:
    body = "".join(f"<mark><image>{k}</image><svg>{svg}</svg></mark>" for k, svg in marks.items())
    return f"<case><number>1</number><tirads>{tirads}</tirads>{body}</case>"


def _ddti(top: Path) -> None:
    for case in (1, 2):
        for k in (1, 2):
            save(top / f"{case}_{k}.jpg", speckle(10 * case + k))
        svg = json.dumps([SQUARE, region((100, 40), (140, 40), (120, 90))])
        (top / f"{case}.xml").write_text(ddti_xml({"1": svg, "2": json.dumps([SQUARE])}))


def _tn3k(top: Path) -> None:
    for part, count in (("trainval", 5), ("test", 3)):
        for number in range(count):
            save(top / f"{part}-image/{number:04d}.jpg", speckle(100 * count + number))
            save(top / f"{part}-mask/{number:04d}.jpg", binary(disc()))
    for fold in range(5):
        train = [number for number in range(5) if number != fold]
        (top / f"tn3k-trainval-fold{fold}.json").write_text(json.dumps({"train": train, "val": [fold]}))


def _udiat(top: Path) -> None:
    for number in range(1, 5):
        save(top / f"BUS/original/{number:06d}.png", speckle(200 + number))
        save(top / f"BUS/GT/{number:06d}.png", binary(disc()))


def _fugc(top: Path) -> None:
    codes = disc(at=(50, 50)).astype(np.uint8) + 2 * disc(at=(110, 110)).astype(np.uint8)
    parts = {"train/labeled_data": "labels", "val": "labels", "test": "labels", "train/unlabeled_data": ""}
    for index, (part, masks) in enumerate(parts.items()):
        for number in (1, 2):
            save(top / f"dataset/{part}/images/{number:04d}.png", speckle(300 + 10 * index + number))
            if masks:
                save(top / f"dataset/{part}/{masks}/{number:04d}.png", codes)


def _jnu_ifm(top: Path) -> None:
    masks = {"3": np.zeros((SIDE_PX, SIDE_PX + 20), np.uint8), "5": 8 * disc().astype(np.uint8)}
    masks["6"] = (8 * disc().astype(np.uint8)) + 7 * disc(at=(30, 30)).astype(np.uint8)
    for index, video in enumerate(("20190901T000001", "20190901T000002")):
        rows = [",frame_id,frame_label"]
        for frame, (label, mask) in enumerate(masks.items()):
            name = f"{video}_{frame}"
            save(top / f"us_data/{video}/image/{name}.png", speckle(400 + 10 * index + frame))
            save(top / f"us_data/{video}/mask/{name}_mask.png", mask)
            rows.append(f"{frame},{frame},{label}")
        (top / f"us_data/{video}/frame_label.csv").write_text("\n".join(rows) + "\n")


def _busi_listed(top: Path) -> None:
    _busi(top)
    (top / "mapping_curated_BUSI.csv").write_text("class;id\nbenign;2\nmalignant;1\nmalignant;2\nnormal;1\n")


def _busi_curated(top: Path) -> None:
    for seed, (kind, number) in enumerate([("benign", 20), ("benign", 7), ("malignant", 3), ("normal", 1)]):
        save(top / f"Curated BUSI/images/{kind}_id_{number}.png", speckle(600 + seed))
        mask = np.zeros_like(disc()) if kind == "normal" else disc()
        save(top / f"Curated BUSI/masks/{kind}_id_{number}_mask.png", binary(mask))
    (top / "Curated BUSI/mapping_curated_BUSI.csv").write_text("class;id\nbenign;20\nbenign;7\n")


def ddti_637(top: Path, images: str, masks: str) -> None:
    """Three images of the 637 in the folders named."""
    for number in range(3):
        # Pillow knows the format by the ending in any case.
        save(top / f"{images}/{number:04d}.PNG", speckle(700 + number))
        save(top / f"{masks}/{number:04d}.PNG", binary(disc()))


def _ddti_637(top: Path) -> None:
    ddti_637(top / "DDTI", "1_or_data/image", "1_or_data/mask")
    (top / "DDTI/category.csv").write_text("ID,CATE\n0,1\n")


def _tg3k(top: Path) -> None:
    for number in range(4):
        save(top / f"tg3k/thyroid-image/{number:04d}.jpg", speckle(800 + number))
        save(top / f"tg3k/thyroid-mask/{number:04d}.jpg", binary(disc()))
    (top / "tg3k/tg3k-trainval.json").write_text(json.dumps({"train": [0, 1, 2], "val": [3]}))


def _fh_ps_aop(top: Path) -> None:
    codes = disc(height=256, width=256, at=(60, 60)).astype(np.uint8)
    codes += 2 * disc(height=256, width=256, at=(160, 160)).astype(np.uint8)
    for number in range(1, 4):
        image = np.stack([speckle(900 + number, height=256, width=256)] * 3)  # colour stored as depth
        save_mha(top / f"image_mha/{number:05d}.mha", image)
        save_mha(top / f"label_mha/{number:05d}.mha", codes)


def _bus_bra(top: Path) -> None:
    names = ("benign_0849-l", "benign_0849-r", "1-malignant_0010-r", "malignant_0261-s")
    for seed, name in enumerate(names):
        mask = np.zeros((512, 512, 3), dtype=np.uint8)
        mask[disc(height=512, width=512, at=(200, 300)), 0 if "malignant" in name else 1] = 255
        grey = speckle(1000 + seed, height=512, width=512)
        save(top / f"mini_test/images/{name}.png", np.repeat(grey[..., None], 3, axis=2))
        save(top / f"mini_test/masks/{name}.png", mask)


BUILDERS = {
    "busi": _busi,
    "ddti": _ddti,
    "tn3k": _tn3k,
    "udiat": _udiat,
    "fugc": _fugc,
    "jnu_ifm": _jnu_ifm,
    "busi_curated": _busi_curated,
    "busi_listed": _busi_listed,
    "ddti_637": _ddti_637,
    "tg3k": _tg3k,
    "fh_ps_aop": _fh_ps_aop,
    "psfhs": _fh_ps_aop,
    "bus_bra": _bus_bra,
}


def coco_json(**changes: object) -> dict[str, object]:
    """Two images with two touching squares each, as polygons, and one with run lengths in both forms, as text ids."""
    square = [20, 30, 60, 30, 60, 80, 20, 80]
    beside = [60, 30, 90, 30, 90, 80, 60, 80]
    images: list[dict[str, object]] = [
        {"id": number, "file_name": f"p{number}_a.png", "width": SIDE_PX + 20, "height": SIDE_PX, "site": "here"}
        for number in (1, 2)
    ]
    images.append({"id": "x3", "file_name": "p3_a.png", "width": SIDE_PX + 20, "height": SIDE_PX, "site": "there"})
    annotations: list[dict[str, object]] = [
        {"id": 10 * number + k, "image_id": number, "category_id": k + 1, "segmentation": [ring], "iscrowd": 0}
        for number in (1, 2)
        for k, ring in enumerate((square, beside))
    ]
    plain = {"size": [SIDE_PX, SIDE_PX + 20], "counts": [0, 10, SIDE_PX * (SIDE_PX + 20) - 10]}
    packed = {"size": [SIDE_PX, SIDE_PX + 20], "counts": to_rle(disc())["counts"]}
    for key, runs in (("r0", plain), ("r1", packed)):
        annotations.append({"id": key, "image_id": "x3", "category_id": 2, "segmentation": runs, "iscrowd": 0})
    categories = [{"id": 1, "name": "nodule"}, {"id": 2, "name": "gland"}]
    return {"images": images, "annotations": annotations, "categories": categories} | changes


def coco_tree(top: Path, content: object = None) -> Path:
    """The images of `coco_json` and the file itself, or other content in its place."""
    for number in (1, 2, 3):
        save(top / f"images/p{number}_a.png", speckle(500 + number))
    (top / "annotations").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(coco_json() if content is None else content)
    (top / "annotations/all__coco.json").write_text(text)
    return top


def save_mha(path: Path, pixels: NDArray[np.generic], *, compressed: bool = False) -> None:
    """Save pixels (H W, or D H W) as a MetaImage."""
    import SimpleITK

    path.parent.mkdir(parents=True, exist_ok=True)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels), str(path), compressed)
