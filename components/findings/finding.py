"""One outlined object with all that is said of it, and who made it: what every writer of this room takes.

Leaves out: how each file words it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.findings.measure import Measurements
from components.marking import is_unseen
from components.types import Mask, Verdict

RESEARCH_ONLY = "Research use only, not a medical device"
PHANTOM_TRAINED = "Phantom-trained demo: its outlines mean nothing on patients"
NOT_CALIBRATED = "not calibrated: nobody knows how far this outline can be trusted"
CORRECTED = "manually corrected, so that no confidence of the model applies"
LABEL_CHARS = 64
"""The most characters of DICOM's long string (PS3.5, 6.2), which is what a segment's label is."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """An outlined object.

    `name` is what its user calls it, in any characters; `mask` is H W, bool, in the image's own pixels. `quality` is
    the model's own estimate of the mask's IoU, `confidence` and `abstain` what the calibration says of it (None
    without one), `reasons` why not to rely on it. `prediction` is the answer's id in the audit log, `verdict` what
    became of the outline. `corrected` is true where a person changed the model's mask: what the model and the
    calibration said was said of another one, and isn't repeated.
    """

    name: str
    mask: Mask
    measurements: Measurements
    quality: float | None = None
    confidence: float | None = None
    abstain: bool | None = None
    reasons: tuple[str, ...] = ()
    prediction: str | None = None
    verdict: Verdict | None = None
    corrected: bool = False

    def __post_init__(self) -> None:
        said = (self.quality, self.confidence, self.abstain)
        assert not self.corrected or (said == (None, None, None) and not self.reasons), "said of another outline"

    @property
    def became(self) -> str | None:
        """What a person made of the outline, in words; None where that isn't known."""
        return f"edited: {CORRECTED}" if self.corrected else self.verdict

    @property
    def warning(self) -> str | None:
        """Why not to rely on the outline, in words; None where the calibration lets it pass, or a person drew it."""
        if self.corrected:
            return None
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
    if not found.area_px:
        return "nothing outlined"
    area = f"{found.area_px} px" if found.area_mm2 is None else f"{found.area_mm2:.1f} mm²"
    lines = [line for line in (found.longest, found.perpendicular) if line is not None]
    if not lines:
        return f"{area}, diameters not measured"
    unit = "px" if found.area_mm2 is None else "mm"
    lengths = [line.length_px if line.length_mm is None else line.length_mm for line in lines]
    by_hand = [name for name in ("longest", "perpendicular") if (line := getattr(found, name)) and line.by_hand]
    of = f" of the largest of {found.parts} parts" if found.parts > 1 and len(by_hand) < len(lines) else ""
    told = f"{area}, {' x '.join(f'{length:.1f}' for length in lengths)} {unit}{of}"
    return f"{told} ({' and '.join(by_hand)} set by hand)" if by_hand else told
