"""One outlined object with all that is said of it, and who made it: what every writer of this room takes.

Leaves out: how each file words it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.findings.measure import Measurements
from components.marking import is_unseen
from components.types import Mask, Prompt, Verdict

RESEARCH_ONLY = "Research use only, not a medical device"
PHANTOM_TRAINED = "Phantom-trained demo: its outlines mean nothing on patients"
NOT_CALIBRATED = "not calibrated: nobody knows how far this outline can be trusted"
LABEL_CHARS = 64
"""The most characters of DICOM's long string (PS3.5, 6.2), which is what a segment's label is."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """An outlined object.

    `name` is what its user calls it, in any characters; `mask` is H W, bool, in the image's own pixels. `quality` is
    the model's own estimate of the mask's IoU, `confidence` and `abstain` what the calibration says of it (None
    without one), `reasons` why not to rely on it. `prediction` is the answer's id in the audit log, `verdict` what
    became of the outline.
    """

    name: str
    mask: Mask
    measurements: Measurements
    prompt: Prompt | None = None
    quality: float | None = None
    confidence: float | None = None
    abstain: bool | None = None
    reasons: tuple[str, ...] = ()
    prediction: str | None = None
    verdict: Verdict | None = None

    @property
    def warning(self) -> str | None:
        """Why not to rely on the outline, in words; None where the calibration lets it pass."""
        if self.abstain is None:
            return "; ".join(self.reasons) or NOT_CALIBRATED
        return f"don't rely on this outline: {'; '.join(self.reasons) or 'no reason given'}" if self.abstain else None


@dataclass(frozen=True, slots=True)
class Origin:
    """The model that outlined, by name, version and the sha256 of its weights, and the version of this software.

    `phantom` is true if any image that the model was trained on was a phantom.
    """

    model_name: str
    model_version: str
    model_digest: str
    software_version: str
    phantom: bool

    @property
    def told(self) -> str:
        """The model on one line."""
        return f"{self.model_name} {self.model_version}, weights {self.model_digest[:12]}"

    @property
    def cautions(self) -> tuple[str, ...]:
        """What everything that this model outlined has to say."""
        return (RESEARCH_ONLY, PHANTOM_TRAINED) if self.phantom else (RESEARCH_ONLY,)


def labels(findings: Sequence[Finding]) -> list[str]:
    """The objects' names as one line each that any file can hold; "object 2" for the second where nothing is left.

    Characters without a shape of their own go, and the backslash, which separates values in DICOM.
    """
    return [_label(finding.name) or f"object {number}" for number, finding in enumerate(findings, start=1)]


def _label(name: str) -> str:
    seen = "".join(" " if is_unseen(each) or each == "\\" else each for each in name)
    return " ".join(seen.split())[:LABEL_CHARS].rstrip()


def measured(finding: Finding) -> str:
    """An object's area and diameters in words, in millimetres where they are known, else in pixels."""
    found = finding.measurements
    if found.longest is None or found.perpendicular is None:
        return "nothing outlined"
    of = f" of the largest of {found.parts} parts" if found.parts > 1 else ""
    if found.area_mm2 is None:
        return f"{found.area_px} px, {found.longest.length_px:.1f} x {found.perpendicular.length_px:.1f} px{of}"
    return f"{found.area_mm2:.1f} mm², {found.longest.length_mm:.1f} x {found.perpendicular.length_mm:.1f} mm{of}"
