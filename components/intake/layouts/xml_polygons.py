"""Layout `xml_polygons`: one XML file a case, its images beside it, outlines as JSON within the XML (DDTI).

`<case>.xml` holds one `mark` an annotated image, with the image's number and a JSON string of regions; the image is
`<case>_<number>.jpg`. The case is the patient. Entities and DTDs are refused. Leaves out: rasterising
(components/intake/measuring/pixels.py).
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from components.contract import Contract
from components.intake.faults import acceptance
from components.intake.layouts.instances import OutlineError
from components.intake.layouts.matching import natural
from components.intake.layouts.origins import with_origins
from components.intake.layouts.reading import (
    NONE_CORRECTED,
    Case,
    Corrections,
    LayoutReading,
    Options,
    Polygon,
    Reader,
    image_id_of,
)
from components.intake.layouts.tree import Tree
from components.preprocess import MAX_IMAGE_PX

MAX_XML_BYTES = 20_000_000
MAX_POINTS = 100_000
MAX_SHOWN = 100
# An image's number comes from a stranger's file, and becomes part of a path.
PLAIN = re.compile(r"[\w.-]{1,40}")


class XmlPolygons(Options):
    """`extension` of the images; `class_element` holds the case's class, empty text meaning none."""

    extension: str = ".jpg"
    class_element: str = "tirads"


def read(contract: Contract, tree: Tree, corrections: Corrections = NONE_CORRECTED) -> LayoutReading:
    """Read a flat folder of XML files and images, wherever it stands in the tree."""
    options = XmlPolygons.of(contract)
    sheets = array("q", natural(tree, (number for number, path in tree.files() if path.match("*.xml"))))
    reader = Reader(contract, tree, tree.path(sheets[0]).parent if sheets else tree.top, corrections)
    if not sheets:
        reader.fault("missing_file", tree.top, "no XML file")
    for sheet in map(tree.path, sheets):
        _read_case(reader, options, sheet)
    extension = options.extension.lower()
    images = natural(tree, (number for number, path in tree.files() if path.suffix.lower() == extension))
    for image in map(tree.path, images):
        if image not in reader.used:
            case = image.stem.rpartition("_")[0]
            if tree.is_file(image.parent / f"{case}.xml"):
                reader.without_mask(image, f"no outline in {case}.xml")
            else:
                reader.used.add(image)
                reader.fault("image_without_mask", image, f"no {case or image.stem}.xml beside it")
    return with_origins(reader).reading(options)


def _read_case(reader: Reader, options: XmlPolygons, sheet: Path) -> None:
    source = reader.sheet(sheet)
    if source.stat().st_size > MAX_XML_BYTES:
        reader.fault("bad_xml", sheet, f"{source.stat().st_size:,} bytes", expected=f"at most {MAX_XML_BYTES:,}")
        return
    try:
        case: Element = fromstring(source.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        reader.fault("bad_xml", sheet, f"forbidden content: {type(error).__name__}")
        return
    except (ParseError, ValueError, LookupError, OSError) as error:
        reader.fault("bad_xml", sheet, f"not XML: {error}")
        return
    subject_class = (case.findtext(options.class_element) or "").strip() or None
    polygons: dict[str, list[Polygon]] = defaultdict(list)
    truncated: set[str] = set()
    broken: set[str] = set()
    for mark in case.iter("mark"):
        number = (mark.findtext("image") or "").strip()
        try:
            polygons[number] += _polygons(reader, sheet, mark.findtext("svg") or "")
        except OutlineError as error:
            broken.add(number)
            reader.fault(error.code, sheet, f"mark of image {number[:MAX_SHOWN]}: {error}")
        except ValueError as error:
            truncated.add(number)
            reader.fault("truncated_polygons", sheet, f"mark of image {number[:MAX_SHOWN]}: {error}")
    for number, outlines in polygons.items():
        name = f"{sheet.stem}_{number}{options.extension}"
        image = reader.tree.find(sheet.parent, name) if PLAIN.fullmatch(number) else None
        if image is None or not reader.tree.is_file(image):
            reader.fault("mark_without_image", sheet, f"a mark of {name[:MAX_SHOWN]!r}, which isn't there")
        elif number in broken:
            reader.used.add(image)
        elif number in truncated:
            reader.used.add(image)
            file = sheet.relative_to(reader.folder).as_posix()
            if acceptance("truncated_polygons", file, reader.contract) is not None:
                reader.fault("unlabelled_image", image, f"its outline in {sheet.name} is cut off", severity="warning")
        elif not outlines:
            reader.fault("mark_without_polygon", sheet, f"a mark of {image.name} without polygon")
        else:
            image_id = image_id_of(sheet.stem, number)
            reader.add(
                Case(
                    image_id,
                    image,
                    polygons=tuple(outlines),
                    group=sheet.stem,
                    subject_class=subject_class,
                    outlines=sheet,
                )
            )


def _polygons(reader: Reader, sheet: Path, svg: str) -> list[Polygon]:
    """The regions of one mark; empty text is no region.

    Raises
    ------
    OutlineError
        If a point lies where no image reaches.
    ValueError
        If the text isn't a JSON list of regions with points.
    """
    if not svg.strip():
        return []
    try:
        regions = json.loads(svg)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if not isinstance(regions, list):
        raise ValueError(f"JSON {type(regions).__name__}, not a list")
    outlines: list[Polygon] = []
    for region in regions:
        points = region.get("points") if isinstance(region, dict) else None
        outline = _points(points)
        if len(outline) < 3:
            reader.fault("degenerate_polygon", sheet, f"a region of {len(outline)} usable points")
        else:
            outlines.append(outline)
    return outlines


def _points(points: Any) -> Polygon:
    if not isinstance(points, list):
        return ()
    if len(points) > MAX_POINTS:
        raise ValueError(f"{len(points):,} points in one region, more than {MAX_POINTS:,}")
    xy = []
    for point in points:
        try:
            x, y = float(point["x"]), float(point["y"])
        except (TypeError, KeyError, ValueError, OverflowError):
            return ()
        if not (math.isfinite(x) and math.isfinite(y)):
            return ()
        # No side of an image is longer than all its pixels; the size of this one isn't known here.
        if max(abs(x), abs(y)) > MAX_IMAGE_PX:
            raise OutlineError(f"the point ({x:g}, {y:g}), where no image of {MAX_IMAGE_PX:,} pixels reaches")
        xy.append((x, y))
    return tuple(xy)
