"""DDTI: flat `<case>.xml` with `<case>_<k>.jpg`; polygons as a JSON string inside the XML.

Oddities kept: several images of a case, two nodules in one image, empty `tirads`, calipers, text, two views in one
frame, black borders. Left out: cut-off JSON, empty `svg`, marks without an image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from components.phantom import burn_in
from components.phantom.files import rgb, save_jpeg, stream
from components.phantom.shapes import Polygon
from components.phantom.thyroid import NoduleKind, thyroid

SIZE_HW = (360, 560)
_TIRADS: dict[NoduleKind, tuple[str, ...]] = {
    "cystic": ("2", "3", ""),
    "benign": ("2", "3", "4a", ""),
    "malignant": ("4a", "4b", "4c", "5", ""),
}
_WORDS = {
    "composition": {"cystic": "cystic", "benign": "solid", "malignant": "solid"},
    "echogenicity": {"cystic": "hypoechogenicity", "benign": "isoechogenicity", "malignant": "hypoechogenicity"},
    "margins": {"cystic": "well defined smooth", "benign": "well defined", "malignant": "ill defined"},
    "calcifications": {"cystic": "non", "benign": "non", "malignant": "microcalcification"},
}


@dataclass(frozen=True, slots=True)
class Item:
    """One case (patient) and how many images it has."""

    case: int
    images: int
    seed: int


def plan(images: int, seed: int) -> list[Item]:
    """Most cases have one image; about one in five has two or three. Case numbers have gaps."""
    choose = stream("ddti", seed)
    items: list[Item] = []
    case, left = 0, images
    while left:
        case += int(choose.choice([1, 2], p=[0.9, 0.1]))
        count = min(left, int(choose.choice([1, 2, 3], p=[0.8, 0.15, 0.05])))
        items.append(Item(case, count, seed))
        left -= count
    return items


def write(item: Item, root: Path) -> None:
    """Draw a case's images and write its XML."""
    rng = stream("ddti", item.seed, 1, item.case)
    kind: NoduleKind = rng.choice(["benign", "cystic", "malignant"], p=[0.45, 0.2, 0.35])
    marks = []
    for k in range(1, item.images + 1):
        frame, regions = _frame(kind, rng)
        save_jpeg(rgb(frame), root / f"{item.case}_{k}.jpg", quality=88)
        marks.append((k, regions))
    _write_xml(root / f"{item.case}.xml", item.case, kind, marks, rng)


def _frame(kind: NoduleKind, rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[Polygon]]:
    """One image of the case on the console's frame, and its nodules' polygons in that frame's pixels."""
    dual = rng.random() < 0.25
    nodules: tuple[NoduleKind, ...] = (kind, "benign") if rng.random() < 0.15 and not dual else (kind,)
    frame = np.zeros(SIZE_HW, np.uint8)
    regions: list[Polygon] = []
    columns = (0, SIZE_HW[1] // 2) if dual else (int(rng.integers(0, 70)),)
    for left in columns:
        width_px = SIZE_HW[1] // 2 - 6 if dual else SIZE_HW[1] - 2 * columns[0]
        view, polygons = _view(nodules, rng, height_px=int(rng.integers(290, 335)), width_px=width_px)
        top = int(rng.integers(8, 24))
        shown = burn_in.framed(view, size_hw=SIZE_HW, at_xy=(left, top))
        frame = np.maximum(frame, shown)
        regions += [polygon + np.array([left, top]) for polygon in polygons]
    if rng.random() < 0.35:
        for region in regions:
            frame = burn_in.calipers(frame, region, rng)
    if rng.random() < 0.5:
        frame = burn_in.text(frame, str(rng.choice(["LOB DER", "LOB IZQ", "TIROIDES", "LD", "LI"])), at_xy=(12, 352))
    return frame, regions


def _view(
    nodules: tuple[NoduleKind, ...], rng: np.random.Generator, *, height_px: int, width_px: int
) -> tuple[NDArray[np.uint8], list[Polygon]]:
    """A B-mode of exactly these pixels, and the nodules' outlines cut to them."""
    depth_mm = float(rng.uniform(30, 42))
    width_mm = depth_mm * width_px / height_px
    drawing = thyroid(rng, nodules, height_px=height_px, depth_mm=depth_mm, width_mm=width_mm)
    image = drawing.look(rng).image
    limit = (image.shape[1] - 1, image.shape[0] - 1)
    return image, [np.clip(polygon, 0, limit) for _, polygon in drawing.outlines_px()]


def _write_xml(
    path: Path,
    case: int,
    kind: NoduleKind,
    marks: list[tuple[int, list[Polygon]]],
    rng: np.random.Generator,
) -> None:
    """The case's XML: reading, TI-RADS, and one mark an image with its regions as a JSON string."""
    top = ElementTree.Element("case")
    fields = {"number": str(case), "age": str(int(rng.integers(24, 79))), "sex": str(rng.choice(["F", "F", "F", "M"]))}
    fields |= {name: words[kind] for name, words in _WORDS.items()}
    fields |= {"tirads": str(rng.choice(_TIRADS[kind]))}
    for name, value in fields.items():
        ElementTree.SubElement(top, name).text = value
    for k, regions in marks:
        mark = ElementTree.SubElement(top, "mark")
        ElementTree.SubElement(mark, "image").text = str(k)
        ElementTree.SubElement(mark, "svg").text = json.dumps([_region(polygon) for polygon in regions])
    ElementTree.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)


def _region(polygon: Polygon) -> dict[str, object]:
    """A freehand region: whole pixels, not closed."""
    points = np.floor(polygon[::3]).astype(int).tolist()
    return {"points": [{"x": x, "y": y} for x, y in points], "annotation": {}, "regionType": "freehand"}
