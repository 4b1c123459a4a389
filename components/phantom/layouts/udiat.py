"""Dataset B's folders: `Dataset B/BUS/original/NNNNNN.png`, `GT/NNNNNN.png`, `BUS/DatasetB.xlsx`.

Oddities kept: ground truth 1-bit in most, 8-bit in some; blanks in the path; six-digit numbers as text in the
sheet. These are phantoms in that layout; nothing of the dataset itself is here, and PHANTOM.txt says so.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from openpyxl import Workbook

from components.phantom.breast import LesionKind, breast
from components.phantom.files import save_png, stream

_FOLDER = Path("Dataset B") / "BUS"
_DIAGNOSES: dict[LesionKind, tuple[str, ...]] = {
    "cyst": ("CYST",),
    "benign": ("FA", "FA", "UNK", "PAP"),
    "malignant": ("IDC", "IDC", "DCIS", "UNK"),
}
_LEGEND = (
    ("FA", "Fibroadenoma"),
    ("CYST", "Cyst"),
    ("PAP", "Papilloma"),
    ("IDC", "Invasive Ductal Carcinoma"),
    ("DCIS", "Ductal Carcinoma in Situ"),
    ("UNK", "Unknown"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One image with one lesion."""

    number: int
    kind: LesionKind
    diagnosis: str
    seed: int
    images: int = 1


def plan(images: int, seed: int) -> list[Item]:
    """Two benign images to one malignant, as in the real set."""
    choose = stream("udiat", seed)
    items: list[Item] = []
    for number in range(1, images + 1):
        kind: LesionKind = choose.choice(["cyst", "benign", "malignant"], p=[0.3, 0.38, 0.32])
        items.append(Item(number, kind, str(choose.choice(_DIAGNOSES[kind])), seed))
    return items


def write(item: Item, root: Path) -> None:
    """Draw one image and save it with its ground truth."""
    rng = stream("udiat", item.seed, 1, item.number)
    drawing = breast(
        rng,
        (item.kind,),
        height_px=int(rng.integers(260, 480)),
        depth_mm=float(rng.uniform(28, 40)),
        width_mm=float(rng.uniform(36, 44)),
    )
    name = f"{item.number:06d}.png"
    save_png(drawing.look(rng).image, root / _FOLDER / "original" / name)
    mask = drawing.labels > 0
    in_bytes = item.number % 8 == 3  # 20 of 147 real ones are 8-bit
    save_png(mask.astype(np.uint8) * 255 if in_bytes else mask, root / _FOLDER / "GT" / name)


def finish(root: Path, items: list[Item]) -> None:
    """The workbook: image, type, diagnosis; a legend in columns F and G."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Hoja1"
    sheet.append(["Image", "Type", "Diagnosis"])
    for item in items:
        sheet.append([f"{item.number:06d}", "Malignant" if item.kind == "malignant" else "Benign", item.diagnosis])
    for row, (short, long) in enumerate(_LEGEND, 2):
        sheet.cell(row, 6, short)
        sheet.cell(row, 7, long)
    buffer = io.BytesIO()
    book.save(buffer)
    (root / _FOLDER / "DatasetB.xlsx").write_bytes(_without_time(buffer.getvalue()))


def _without_time(workbook: bytes) -> bytes:
    """The same workbook with every time set to a fixed one, so that equal content has equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return out.getvalue()
