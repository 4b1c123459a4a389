"""Parameters to what distilling would refuse in them: known before the teacher, which comes first, has been trained.

Leaves out: what only the data or the machine tell (distil.py, ranks.py).
"""

from __future__ import annotations

from components.params import Params
from components.promptable.decoder import SAM2_DECODER
from components.students import build_student
from components.training.distil import check_losses
from components.training.machine import check_machine


def check_distillation(params: Params) -> None:
    """Make sure that the student can be built and trained as the parameters say, by building it with random weights.

    Raises
    ------
    ParamsError
        If adapter, losses or `distil.machine` ask for what such a student can't do.
    """
    student = build_student(params.student, model=params.model, seed=params.distil.seed)
    check_machine(student.trunk, params.distil.machine)
    check_losses(
        params.distil,
        adapters=bool(student.trunk.adapters) and params.teacher.adapter.on_a_hiera,
        same_decoder=student.decoder_config == SAM2_DECODER,
    )
