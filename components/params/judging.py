"""How models are scored, calibrated, packed, written about and judged."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.params.prompts import ObjectPromptKind
from components.params.section import Section, Seed, Share
from components.types import Exposure

Limit = Annotated[float, Field(ge=0, le=1)]
PeerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


RESERVED_NAMES = ("student", "teacher", "champion", "ellipse", "filled_box", "grabcut", "unet_box")
"""Who stands in tables already."""


SISTER_NAMES = "student_seed_"
"""What the names of students of other seeds begin with."""


class PeerParams(Section):
    """Another people's model to be scored beside ours.

    `model` is its architecture (components/evaluation/peers), `weights` the path of its published file (a relative one
    counts from the project's root), whose sha256 is pinned. `exposure` states by dataset whether its training saw that
    dataset or patients of it; what isn't stated is unknown.
    """

    model: str = Field(min_length=1)
    weights: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    exposure: dict[str, Exposure] = Field(default_factory=dict)


class EvaluateParams(Section):
    """Cluster bootstrap: resamples, confidence, seed; best, median and worst cases shown for each set.

    `nsd_tolerance_px` (native pixels) and `nsd_tolerance_mm` (millimetres; only where the spacing is known) are how far
    an outline may lie from the truth's to count as the same. They are conventions: of none of these datasets is it
    known here how far the outlines of two people lie apart. 1 mm is about what a linear probe of 7 to 12 MHz resolves
    across its beam, so that no outline can be known much better; 3 px is a drawn line's width and both masks' rounding.

    An interval over fewer than `min_groups` groups (patients, videos) is no claim but INSUFFICIENT: percentile
    intervals over few clusters are too narrow, and 20 is where warnings of it commonly begin (Cameron and Miller 2015).
    A subgroup of fewer than `subgroup_min_groups` groups is listed as too small, and never called the worst.

    `reliability_bins` are the bins of confidence in the reliability table; the guard is tried on
    `not_ultrasound_images` of each kind of image that isn't ultrasound (components/evaluation/not_ultrasound.py).

    `peers` are other people's models to be scored beside ours, by the names that tables give them.
    """

    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0.5, lt=1)
    seed: Seed
    figure_cases: int = Field(ge=1)
    nsd_tolerance_px: float = Field(gt=0)
    nsd_tolerance_mm: float = Field(gt=0)
    min_groups: int = Field(ge=2)
    subgroup_min_groups: int = Field(ge=2)
    reliability_bins: int = Field(default=10, ge=2)
    not_ultrasound_images: int = Field(default=8, ge=1)
    peers: dict[PeerName, PeerParams] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _peers_have_names_of_their_own(self) -> Self:
        if taken := sorted(who for who in self.peers if who in RESERVED_NAMES or who.startswith(SISTER_NAMES)):
            raise ValueError(f"peers can't be called {', '.join(taken)}: that is who stands in the tables already")
        return self


class CalibrateParams(Section):
    """How the student's own IoU estimate becomes a confidence, and when it abstains; all on the validation side.

    `kinds` are the prompts that it answers there; where none of them has a box, or none goes without, outlines of that
    form always carry a warning. An outline with an IoU below `failure_iou` is a failure (0.5 is a Dice of 0.67: half of
    what either outlines is the other's). The threshold is the lowest confidence at which failures that pass without a
    warning are expected to be at most `max_failure_share` of all outlines (conformal risk control, arXiv 2208.02814);
    where none reaches that, as with fewer than 1 / share - 1 groups, every outline carries a warning. Blocks of the
    isotonic map hold at least `min_block_cases`, fewer than `min_groups` groups are said to be too few.

    The guard is fitted on at most `guard_images` training images, and flags at most `false_alarm_share` of images like
    those of the validation side. At most `reference_images` validation images are described for what served traffic is
    held against (docs/monitoring.md).
    """

    kinds: tuple[ObjectPromptKind, ...] = Field(min_length=1)
    failure_iou: Share = Field(gt=0, lt=1)
    max_failure_share: Share = Field(gt=0, lt=1)
    min_block_cases: int = Field(ge=1)
    min_groups: int = Field(ge=2)
    guard_images: int = Field(ge=1)
    false_alarm_share: Share = Field(gt=0, lt=1)
    reference_images: int = Field(ge=1)


class DocumentParams(Section):
    """The documents beside the report: which of the statements that only people can make must be there.

    `required` names keys of docs/statements.yaml; one that is empty there keeps the gate from saying PASS.
    """

    required: tuple[str, ...] = ()


class PackageParams(Section):
    """How the built Bento is tried before the gate judges it.

    `golden_per_dataset`: the first test images of each dataset whose scored masks it must give again. `repeats`: how
    often each of them is embedded and clicked on for the latencies; of fewer than 20 requests in all, a 95th percentile
    says little.
    """

    golden_per_dataset: int = Field(ge=1)
    repeats: int = Field(ge=1)


class GateParams(Section):
    """Limits and margins of the gate, declared before training; docs/evaluation.md says what each check asks.

    `min_cases`: fewer test cases in a set make the verdict INSUFFICIENT (so do fewer groups than
    `evaluate.min_groups`). Everything is judged at `skill_prompt`, but for the jitter curve and false regions.

    Each internal set by itself, lower confidence bounds: the student's Dice reaches its floor for each kind of prompt
    in `floors`, its NSD `min_nsd_lower_bound`; it beats the inscribed ellipse by more than `min_skill_dice`, and gains
    more than `min_skill_share` of the distance from the ellipse to a perfect outline.

    `external_floors` are of Dice over all external sets that count, pooled (lower bound); one set by itself fails only
    where its whole interval lies below.

    Margins of Dice by which it may be worse than teacher and model in use: over all sets, and (`…_each`) in each set,
    where there are fewer witnesses. `max_miss_rate` is of objects missed, `champion_margin_miss_rate` how much higher
    that share may be than that of the model in use: upper bounds, each group weighing the same, and exact over groups
    where nothing or nearly nothing was missed. `min_subgroup_dice`: mean Dice of the worst subgroup;
    `champion_margin_subgroup_dice`: the largest loss of any subgroup's mean against the model in use.

    `max_jitter_loss_dice`: what the jitter of `box_jitter_20` may cost of the exact box's Dice. `max_false_regions`:
    the share of boxes without an object that may be answered with a region; None declares no limit.
    `max_calibration_error`: expected calibration error of the stated confidence; `max_aurc`: the
    area under the risk-coverage curve, and `champion_margin_aurc` how much larger it may be than that of the model in
    use: upper bounds.

    `min_seeds`: sister students that must stand beside the candidate (0: none; see `spread`), and
    `max_seed_advantage_dice`, how far its mean Dice may lie above theirs.

    `max_parity_px_share`: the share of pixels in which the masks of the model folder, loaded again, may differ from
    those that were scored; `max_export_px_share` and `max_export_dice_difference`: the same of the exported model and
    of the built service, and the largest difference of Dice. Latencies (milliseconds, 95th percentile), the time to
    start (seconds) and the peak of memory (megabytes) are those of the built service.

    `require_declared`: limits that were changed after the model was trained don't let it pass; false lets them, and the
    record says so.
    """

    min_cases: int = Field(ge=1)
    skill_prompt: ObjectPromptKind
    floors: dict[ObjectPromptKind, Limit] = Field(min_length=1)
    external_floors: dict[ObjectPromptKind, Limit] = Field(min_length=1)
    min_nsd_lower_bound: float = Field(ge=0, le=1)
    min_skill_dice: float
    min_skill_share: float = Field(le=1)
    teacher_margin_dice: float = Field(ge=0)
    teacher_margin_dice_each: float = Field(ge=0)
    champion_margin_dice: float = Field(ge=0)
    champion_margin_dice_each: float = Field(ge=0)
    max_miss_rate: float = Field(ge=0, le=1)
    champion_margin_miss_rate: float = Field(ge=0, le=1)
    min_subgroup_dice: float = Field(ge=0, le=1)
    champion_margin_subgroup_dice: float = Field(ge=0)
    max_jitter_loss_dice: float = Field(ge=0, le=1)
    max_false_regions: float | None = Field(ge=0, le=1)
    max_calibration_error: float = Field(ge=0, le=1)
    max_aurc: float = Field(ge=0, le=1)
    champion_margin_aurc: float = Field(ge=0)
    min_seeds: int = Field(ge=0)
    max_seed_advantage_dice: float = Field(ge=0)
    max_parity_px_share: float = Field(ge=0, le=1)
    max_export_px_share: float = Field(ge=0, le=1)
    max_export_dice_difference: float = Field(ge=0, le=1)
    max_embed_p95_ms: float = Field(gt=0)
    max_segment_p95_ms: float = Field(gt=0)
    max_start_s: float = Field(gt=0)
    max_memory_mb: float = Field(gt=0)
    require_clean_tree: bool
    require_declared: bool
    require_approval: bool

    @model_validator(mode="after")
    def _floors_stand_under_what_is_compared(self) -> Self:
        # The loss to sloppy boxes is told from the exact one: without a floor there, a model that is bad at both loses
        # nothing.
        for name in ("box", self.skill_prompt):
            if name not in self.floors:
                raise ValueError(f"gate.floors has none for {name}")
        return self
