"""What `sonoforge segment` says of the objects: in words, and as JSON.

Leaves out: files (segment_files.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from components.artefacts import ModelDescription
    from components.findings.finding import Finding
    from components.promptable.guard import GuardFinding


def tell(guard: GuardFinding | None, findings: Sequence[Finding], *, measured: bool) -> None:
    """Print each object, and every warning."""
    from components.promptable.calibration import UNCALIBRATED

    if any(finding.confidence is None for finding in findings):
        typer.echo(UNCALIBRATED)
    if guard is not None and guard.flagged:
        typer.echo(f"WARNING: {guard.told}")
    for number, finding in enumerate(findings, start=1):
        sure = "" if finding.confidence is None else f", confidence {finding.confidence:.3f}"
        typer.echo(f"object {number}: {finding.measurements.area_px} px, quality {finding.quality:.3f}{sure}")
        if measured:
            _tell_measures(finding)
        if finding.abstain:
            typer.echo(f"  WARNING: {finding.warning}")


def _tell_measures(finding: Finding) -> None:
    found = finding.measurements
    if found.longest is None or found.perpendicular is None:
        typer.echo("  nothing to measure")
        return
    if found.area_mm2 is not None:
        typer.echo(f"  area {found.area_mm2:.1f} mm²")
    for name, line in (("longest", found.longest), ("perpendicular", found.perpendicular)):
        length = f"{line.length_px:.1f} px" if line.length_mm is None else f"{line.length_mm:.1f} mm"
        (x0, y0), (x1, y1) = line.from_xy, line.to_xy
        typer.echo(f"  {name} {length}, from ({x0:.1f}, {y0:.1f}) to ({x1:.1f}, {y1:.1f})")
    if found.parts > 1:
        typer.echo(f"  {found.parts} parts: the area counts all, the diameters are of the largest")
    said = f"no millimetres: {found.why}" if found.spacing is None else f"millimetres from {found.spacing.source}"
    typer.echo(f"  {said}")


def as_json(
    guard: GuardFinding | None,
    findings: Sequence[Finding],
    description: ModelDescription,
    *,
    ref: str,
    out: Path,
    at: Mapping[str, int],
) -> dict[str, Any]:
    """The objects in all their forms; `at` says which frame of how many."""
    from components.masks import tight_box, to_polygons, to_rle

    height_px, width_px = findings[0].mask.shape
    unlike = None if guard is None else asdict(guard) | {"flagged": guard.flagged, "told": guard.told}
    return {
        "model": {
            "name": description.name,
            "digest": description.digest,
            "ref": ref,
            "phantom": description.phantom,
        },
        "image": {"width": width_px, "height": height_px, **at, "guard": unlike},
        "objects": [
            {
                "mask": to_rle(finding.mask),
                "polygons": to_polygons(finding.mask),
                "box": tight_box(finding.mask),
                "area_px": finding.measurements.area_px,
                "measurements": finding.measurements.as_json(),
                "quality": finding.quality,
                "confidence": finding.confidence,
                "abstain": finding.abstain,
                "reasons": list(finding.reasons),
            }
            for finding in findings
        ],
        "out": str(out),
    }
