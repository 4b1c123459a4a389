"""What a model had seen, dataset by dataset, to what it had seen by patients: datasets of one source count as one.

A checkpoint trained on JNU-IFM has seen patients of FH-PS-AOP, under whatever name its authors used. Of each set of
datasets that hold the same patients the worst holds for all: one seen, all seen; else one unknown, all unknown. Leaves
out: which datasets share patients (components/intake/sides/sources.py) and what follows (summary.py, the gate).
"""

from __future__ import annotations

from components.artefacts import PretrainingExposure
from components.intake.sides.sources import Sources
from components.types import Exposure

_WORST_FIRST: tuple[Exposure, ...] = ("yes", "unknown", "no")


def by_patients(exposure: PretrainingExposure, sources: Sources) -> PretrainingExposure:
    """The exposure with each dataset raised to the worst of its source; `basis` says which were raised, and by which.

    `sources` must be closed: a dataset stands in one set at most.
    """
    seen, raised = dict(exposure.datasets), []
    for members in sources:
        worst = min((exposure.of(name) for name in members), key=_WORST_FIRST.index)
        by = next(name for name in members if exposure.of(name) == worst)
        for name in members:
            if exposure.of(name) != worst:
                raised.append(f"{name} counts as {by} does ({worst}): the same patients")
            seen[name] = worst
    basis = "; ".join([exposure.basis, *raised])
    return exposure.model_copy(update={"basis": basis, "datasets": seen})
