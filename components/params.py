"""`params.yaml` to types: every number a run depends on, its unit and where it comes from.

Only stages read this, and each stage passes on the section that it needs. Unknown keys, wrong types and
contradictions are refused with the path of the key. Leaves out: what any number means to an algorithm; that
stands with the code that takes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.errors import ParamsError
from components.types import Exposure, Role

Share = float
ObjectPromptKind = Literal["box", "box_jitter", "click", "box_click"]
PromptKind = (
    ObjectPromptKind
    | Literal[
        "none",
        "whole_image",
        "loose_box",
        "box_jitter_05",
        "box_jitter_10",
        "box_jitter_20",
        "box_clicks_1",
        "box_clicks_3",
        "box_clicks_5",
        "box_nothing",
    ]
)
PHANTOM_SOURCE = "components/phantom"


class Section(BaseModel):
    """A frozen part of `params.yaml` that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PhantomParams(Section):
    """How many labelled phantom images to write, and from which seed."""

    images: int = Field(ge=4, le=100_000)
    seed: int = Field(ge=0)


class DatasetParams(Section):
    """One dataset of the run: its role (as in its contract) and where its raw images come from.

    `source` is `components/phantom` (then `phantom` says how many and from which seed) or a folder under
    `data/imports/`.
    """

    role: Role
    source: str
    phantom: PhantomParams | None = None

    @property
    def is_phantom(self) -> bool:
        """Whether the images are made by the generator."""
        return self.source == PHANTOM_SOURCE

    @model_validator(mode="after")
    def _phantom_iff_source(self) -> Self:
        if self.is_phantom != (self.phantom is not None):
            raise ValueError(f"`phantom` goes with source {PHANTOM_SOURCE!r}, and only with it")
        return self


class SplitParams(Section):
    """Shares of images for validation and test, in each dataset, class and size; `seed` decides among equal groups.

    `mix_phantoms` lets phantoms train beside real images.
    """

    seed: int
    val_share: Share = Field(gt=0, lt=0.5)
    test_share: Share = Field(gt=0, lt=0.8)
    mix_phantoms: bool


class ModelParams(Section):
    """Side of the square model input in pixels (the paper: 1024), a multiple of 32; and whether prompts are also
    given as SAM2's mask input (components/promptable/guess.py; for training from `scratch`)."""

    image_size_px: int = Field(ge=64, le=2048, multiple_of=32)
    draws_prompts: bool


class TrainPrompts(Section):
    """How often each kind of prompt is drawn in training, and how far boxes are moved.

    Shares sum to 1. `jitter` is the largest shift of each box side as a share of the box's extent.
    """

    box_share: Share = Field(ge=0, le=1)
    box_jitter_share: Share = Field(ge=0, le=1)
    click_share: Share = Field(ge=0, le=1)
    box_click_share: Share = Field(ge=0, le=1)
    jitter: float = Field(ge=0, le=1)
    max_objects: int = Field(ge=1)

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.box_share + self.box_jitter_share + self.click_share + self.box_click_share
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the kinds of prompt sum to {total:g}, not to 1")
        return self


class EvaluatePrompts(Section):
    """The kinds of prompt that the validations draw, the jitter of `box_jitter`, and their seed.

    `kinds` are defined in docs/evaluation.md. Each costs a decoding for each object and model, GrabCut if it has a box,
    `box_clicks_5` six decodings, so that the file asks for those alone that the gate needs. All at once:

    --set 'prompts.evaluate.kinds=[none, click, box, box_jitter, box_jitter_05, box_jitter_10, box_jitter_20, loose_box,
    whole_image, box_click, box_clicks_1, box_clicks_3, box_clicks_5, box_nothing]'
    """

    kinds: tuple[PromptKind, ...] = Field(min_length=1)
    jitter: float = Field(ge=0, le=1)
    seed: int


class PromptParams(Section):
    """Prompts; objects below `min_area_px` (native pixels) get none, as they can be specks."""

    min_area_px: int = Field(ge=1)
    train: TrainPrompts
    evaluate: EvaluatePrompts


class AugmentParams(Section):
    """Probabilities of flips and blur; largest relative change of scale, shift, light; degrees of rotation."""

    hflip: Share = Field(ge=0, le=1)
    vflip: Share = Field(ge=0, le=1)
    scale: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, lt=1)
    rotate_deg: float = Field(ge=0, le=180)
    brightness: float = Field(ge=0, le=1)
    contrast: float = Field(ge=0, le=1)
    gamma: float = Field(ge=0, lt=1)
    blur: Share = Field(ge=0, le=1)


class AdapterParams(Section):
    """The Context-Edge Hybrid Adapter: as the paper's figure draws it, as released, or none; for ablation
    either branch can be switched off. `scale` multiplies the branches' sum (paper's code: 0.5)."""

    variant: Literal["as_drawn", "as_released", "none"]
    context: bool
    edge: bool
    scale: float = Field(gt=0)


class TeacherParams(Section):
    """Which Hiera carries the teacher and which weights it starts from.

    `hiera`: `tiny`, `small`, `base_plus`, `large` are SAM2.1's own; `micro` is a small one of this project for
    machines without a GPU. `base`: `scratch`, the name of an official checkpoint (`sam2.1_hiera_large`, …), or
    the path of a checkpoint file, whose sha256 `base_sha256` then pins: a changed file is refused, and a changed
    digest trains again. For a path, `base_exposure` states by dataset whether its training saw that dataset or
    patients of it; what isn't stated is unknown, and a dataset counts as external only where it says `no`.
    """

    hiera: Literal["micro", "tiny", "small", "base_plus", "large"]
    base: str = Field(min_length=1)
    base_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    base_exposure: dict[str, Exposure] = Field(default_factory=dict)
    adapter: AdapterParams


class StudentParams(Section):
    """The student by name (`components/students/<name>.py`), its attention windows and its adapters.

    The paper keeps Hiera's windows (8, 4, 14, 7); windows that divide the feature maps need no padding.
    """

    name: str = Field(min_length=1)
    window_spec: tuple[int, int, int, int]
    adapter: AdapterParams


class MaskLossParams(Section):
    """Weights of soft Dice, focal and quality loss; focal's gamma and alpha (weight of the foreground)."""

    dice: float = Field(ge=0)
    focal: float = Field(ge=0)
    focal_gamma: float = Field(ge=0)
    focal_alpha: float = Field(gt=0, lt=1)
    quality: float = Field(ge=0)


class FitParams(Section):
    """What all trainings share.

    `schedule`: `exponential` multiplies the rate by `gamma` each epoch (the paper: 0.98), `cosine` falls to zero
    over all epochs. `accumulate` batches make one step. `amp`: `off`, `bf16`, or `auto` (bf16 on a GPU that has
    it, else off). A checkpoint is written after every epoch and at least every `checkpoint_seconds`.
    `patience_epochs` without a better validation Dice end the training.
    """

    seed: int
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    schedule: Literal["exponential", "cosine"]
    gamma: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    amp: Literal["off", "bf16", "auto"]
    patience_epochs: int = Field(ge=1)
    checkpoint_seconds: float = Field(gt=0)
    loader_workers: int = Field(ge=0)


class OptimiseParams(FitParams):
    """What the trainings of teacher and student share: the losses of their masks."""

    loss: MaskLossParams


class FinetuneParams(OptimiseParams):
    """Stage 1 of the paper: adapters, neck and decoder on a frozen trunk."""


class DistilTerms(Section):
    """Weights of the three features that are distilled at each level: block, adapter and their sum."""

    block: float = Field(ge=0)
    adapter: float = Field(ge=0)
    sum: float = Field(ge=0)


class DistilParams(OptimiseParams):
    """Stage 2 of the paper, deep-supervised knowledge distillation.

    `levels` are strides of the feature maps (H/4, H/8, H/16). `mask_weight` weighs the mask loss of the student's
    own decoder against the features' loss; 0 is the paper's plain DSKD.
    """

    levels: tuple[Literal[4, 8, 16], ...] = Field(min_length=1)
    terms: DistilTerms
    mask_weight: float = Field(ge=0)


class UnetLossParams(Section):
    """Weights of binary cross entropy and soft Dice; nnU-Net weighs them alike (Isensee et al. 2021)."""

    bce: float = Field(ge=0)
    dice: float = Field(ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.bce == self.dice == 0:
            raise ValueError("bce and dice are both 0: nothing to learn")
        return self


class UnetParams(FitParams):
    """The baseline that learns: a U-Net that is given the box as an input channel (components/unet).

    `channels` at each level, the first at half the input's size and each further one at half of that; multiples of 8,
    or fewer than 8. It learns from the images, augmentation and boxes of `prompts.train` that the models learn from,
    clicks left out.
    """

    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2, max_length=5)
    loss: UnetLossParams

    @model_validator(mode="after")
    def _channels_make_groups(self) -> Self:
        if odd := [width for width in self.channels if width > 8 and width % 8]:
            raise ValueError(f"channels {', '.join(map(str, odd))}: each level has fewer than 8 or a multiple of 8")
        return self


class SpreadParams(Section):
    """Sister students: distilled exactly as the student, but for the seed; how far their results lie apart is what luck
    alone does. At least three say something; none are trained unless asked for."""

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed stands twice in `seeds`: its students would be the same")
        return self


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


PeerName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
RESERVED_NAMES = ("student", "teacher", "champion", "ellipse", "filled_box", "grabcut", "unet_box")
"""Who stands in tables already."""
SISTER_NAMES = "student_seed_"
"""What the names of students of other seeds begin with."""


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
    seed: int
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

    `kinds` are the prompts that it answers there. An outline with an IoU below `failure_iou` is a failure (0.5 is a
    Dice of 0.67: half of what either outlines is the other's). The threshold is the lowest confidence at which failures
    that pass without a warning are expected to be at most `max_failure_share` of all outlines (conformal risk control,
    arXiv 2208.02814); where none reaches that, as with fewer than 1 / share - 1 groups, every outline carries a
    warning. Blocks of the isotonic map hold at least `min_block_cases`, fewer than `min_groups` groups are said to be
    too few.

    The guard is fitted on at most `guard_images` training images, and flags at most `false_alarm_share` of images like
    those of the validation side.
    """

    kinds: tuple[ObjectPromptKind, ...] = Field(min_length=1)
    failure_iou: Share = Field(gt=0, lt=1)
    max_failure_share: Share = Field(gt=0, lt=1)
    min_block_cases: int = Field(ge=1)
    min_groups: int = Field(ge=2)
    guard_images: int = Field(ge=1)
    false_alarm_share: Share = Field(gt=0, lt=1)


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

    Each internal set by itself, lower confidence bounds: the student's Dice and NSD reach `min_dice_lower_bound` and
    `min_nsd_lower_bound`; it beats the inscribed ellipse by more than `min_skill_dice`, and gains more than
    `min_skill_share` of the distance from the ellipse to a perfect outline.

    Margins of Dice by which it may be worse than teacher and model in use: over all sets, and (`…_each`) in each set,
    where there are fewer witnesses. `max_miss_rate` is of objects missed; `champion_margin_miss_rate` how much higher
    the rate may be than that of the model in use (upper bound). `min_subgroup_dice`: mean Dice of the worst subgroup;
    `champion_margin_subgroup_dice`: the largest loss of any subgroup's mean against the model in use.

    `max_jitter_loss_dice`: what the jitter of `box_jitter_20` may cost of the exact box's Dice. `max_false_regions`:
    the share of boxes without an object that may be answered with a region; None declares no limit.
    `max_calibration_error`: expected calibration error of the stated confidence; `champion_margin_aurc`: how much
    larger the area under the risk-coverage curve may be than that of the model in use.

    `min_seeds`: sister students that must stand beside the candidate (0: none; see `spread`), and
    `max_seed_advantage_dice`, how far its mean Dice may lie above theirs.

    `max_parity_px_share`: the share of pixels in which the masks of the model folder, loaded again, may differ from
    those that were scored; `max_export_px_share` and `max_export_dice_difference`: the same of the exported model and
    of the built service, and the largest difference of Dice. Latencies (milliseconds, 95th percentile), the time to
    start (seconds) and the peak of memory (megabytes) are those of the built service.
    """

    min_cases: int = Field(ge=1)
    skill_prompt: ObjectPromptKind
    min_dice_lower_bound: float = Field(ge=0, le=1)
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
    require_approval: bool


class Params(Section):
    """The whole of `params.yaml`."""

    datasets: dict[str, DatasetParams] = Field(min_length=1)
    split: SplitParams
    model: ModelParams
    prompts: PromptParams
    augment: AugmentParams
    teacher: TeacherParams
    student: StudentParams
    finetune: FinetuneParams
    distil: DistilParams
    unet: UnetParams
    spread: SpreadParams
    calibrate: CalibrateParams
    evaluate: EvaluateParams
    package: PackageParams
    document: DocumentParams
    gate: GateParams

    @model_validator(mode="after")
    def _sisters_have_seeds_of_their_own(self) -> Self:
        if self.distil.seed in self.spread.seeds:
            raise ValueError(f"spread.seeds holds {self.distil.seed}, the seed of distil: name other ones")
        return self

    def names(self, role: Role) -> tuple[str, ...]:
        """Names of the run's datasets that have this role, in the file's order."""
        return tuple(name for name, dataset in self.datasets.items() if dataset.role == role)


def load_params(path: Path) -> Params:
    """Read `params.yaml`.

    Raises
    ------
    ParamsError
        If the file is missing, isn't YAML, or holds an unknown, missing or wrong key.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{path} doesn't exist", expected="the run's parameters", remedy="run from the project's root"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A text that isn't UTF-8, a date that isn't one, or what is nested too deep.
        raise ParamsError(
            f"{path} isn't YAML: {error}", expected="a YAML mapping", remedy="mend the line named above"
        ) from None
    return parse_params(raw, origin=str(path))


def parse_params(raw: Any, *, origin: str) -> Params:
    """Check a mapping against the schema; `origin` names it in errors.

    Raises
    ------
    ParamsError
        Listing every key that is unknown, missing or wrong.
    """
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or '(top)'}: {e['msg']}" for e in error.errors()]
        raise ParamsError(
            f"{origin}: " + "; ".join(lines),
            expected="the keys and types of components/params.py",
            remedy="correct or remove the keys named above",
        ) from None
