"""The run's parameters to the variants of an ablation: what each changes, and nothing else.

The references are the teacher with the CH-Adapter as the paper's figure draws it, and the student with the same
adapter, distilled from that teacher with the levels, terms and mask loss of `params.yaml`. A variant is its reference
but for its `settings`. All students learn from the reference teacher. Leaves out: trainings (trainings.py) and
comparison (table.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from components.errors import ParamsError
from components.params import Params, StudentParams, with_values
from components.promptable.build import RepConfig
from components.promptable.decoder import SAM2_DECODER
from components.students import student_decoder, student_trunk

Kind = Literal["teacher", "student"]
TEACHER, STUDENT = "teacher_as_drawn", "student"
REFERENCES: dict[Kind, str] = {"teacher": TEACHER, "student": STUDENT}
# The figure's adapter, and what a variant of it says instead.
AS_DRAWN = {"variant": "as_drawn", "context": True, "edge": True}
ADAPTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "adapter_off": ("no adapters", {"variant": "none"}),
    "context_only": ("adapters without their edge branch", {"edge": False}),
    "edge_only": ("adapters without their context branch", {"context": False}),
    "as_released": ("the edge map as the released code computes it", {"variant": "as_released"}),
}
NO_FEATURES = {
    "distil.terms.block": 0.0,
    "distil.terms.adapter": 0.0,
    "distil.terms.sum": 0.0,
    "distil.logits_weight": 0.0,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One training: its name, whether it makes a teacher or a student, and its change in words.

    `settings` are keys of params.yaml with the values that they have in this variant. `takes_over` says whether a
    student begins with the teacher's prompt encoder and mask decoder.
    """

    name: str
    kind: Kind
    change: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    takes_over: bool = True

    @property
    def is_reference(self) -> bool:
        """Whether the others of its kind are compared with it."""
        return REFERENCES[self.kind] == self.name

    def applied(self, params: Params) -> Params:
        """The parameters of this variant's training: the run's, with both adapters as drawn, and its settings."""
        drawn = {f"{kind}.adapter.{key}": value for kind in REFERENCES for key, value in AS_DRAWN.items()}
        return with_values(params, {**drawn, **self.settings}, origin=f"the ablation's variant {self.name}")


def all_variants(params: Params) -> tuple[Variant, ...]:
    """Every variant, references first of their kind."""
    return (*_teachers(), *_students(params))


def chosen_variants(params: Params, names: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of these names (none: all), in the order of `all_variants`, with the references that they need.

    Raises
    ------
    ParamsError
        If there is no such variant.
    """
    every = all_variants(params)
    known = [one.name for one in every]
    if unknown := [name for name in names if name not in known]:
        raise ParamsError(
            f"no variant is called {', '.join(unknown)}",
            expected=f"of {', '.join(known)}",
            remedy="correct the names; `sonoforge ablate --list` says what each changes",
        )
    wanted = set(names or known)
    # Every student needs the reference teacher, which is also what teachers are compared with.
    wanted |= {REFERENCES[one.kind] for one in every if one.name in wanted} | {TEACHER}
    return tuple(one for one in every if one.name in wanted)


def _teachers() -> tuple[Variant, ...]:
    reference = Variant(TEACHER, "teacher", "the reference: adapters as the paper's figure draws them")
    others = [
        Variant(
            f"teacher_{name}",
            "teacher",
            f"in the teacher, {change}",
            {f"teacher.adapter.{key}": to for key, to in adapter.items()},
        )
        for name, (change, adapter) in ADAPTERS.items()
    ]
    return (reference, *others)


def _students(params: Params) -> tuple[Variant, ...]:
    distil = params.distil
    strides = ", ".join(map(str, distil.levels))
    own = "its own mask loss" if distil.mask_weight > 0 else "no mask loss"
    reference = Variant(STUDENT, "student", f"the reference: DSKD at strides {strides}, {own}, adapters as drawn")
    levels = [
        Variant(f"student_level_{stride}", "student", f"DSKD at stride {stride} alone", {"distil.levels": [stride]})
        for stride in (4, 8, 16)
    ]
    terms = [
        Variant(f"student_no_{term}_term", "student", f"DSKD without the {what}", {f"distil.terms.{term}": 0.0})
        for term, what in (("block", "block feature"), ("adapter", "adapter feature"), ("sum", "sum of both"))
    ]
    adapters = [_student_adapter(name, *ADAPTERS[name]) for name in _adapters_of(params.student)]
    return (reference, *levels, *terms, *_with_less_of_the_teacher(params), *adapters)


def _with_less_of_the_teacher(params: Params) -> Iterator[Variant]:
    """Without the teacher's features, its masks or its decoder. A decoder of other sizes than the teacher's is never
    taken over, and then features alone would train none."""
    # A student without features needs masks to learn from, also where the run has features alone.
    masks = {**NO_FEATURES, "distil.mask_weight": params.distil.mask_weight or 1.0}
    taken_over = student_decoder(params.student) == SAM2_DECODER
    if taken_over:
        change = "DSKD without the student's mask loss, as the paper; the decoder stays the teacher's"
        yield Variant(
            "student_features_only", "student", change, {"distil.mask_weight": 0.0, "distil.logits_weight": 0.0}
        )
        change = "no DSKD: mask loss alone, begun on the teacher's decoder"
        yield Variant("student_teacher_decoder", "student", change, masks)
    if params.distil.logits_weight > 0 and (taken_over or params.distil.mask_weight > 0):
        change = "without the distance of its masks from the teacher's"
        yield Variant("student_no_logits", "student", change, {"distil.logits_weight": 0.0})
    change = "no distillation: mask loss alone, begun on a random decoder; nothing of the teacher"
    yield Variant("student_alone", "student", change, masks, takes_over=False)


def _adapters_of(student: StudentParams) -> tuple[str, ...]:
    """Those of ADAPTERS that are another student: convolutions have the edge branch alone, as drawn, or nothing."""
    return ("adapter_off",) if isinstance(student_trunk(student), RepConfig) else tuple(ADAPTERS)


def _student_adapter(name: str, change: str, adapter: Mapping[str, Any]) -> Variant:
    settings = {f"student.adapter.{key}": to for key, to in adapter.items()}
    if adapter.get("variant") == "none":
        # There is no feature that the teacher's could be compared with.
        settings["distil.terms.adapter"] = 0.0
        change = f"{change}, and so no adapter term"
    return Variant(f"student_{name}", "student", f"in the student, {change}", settings)
