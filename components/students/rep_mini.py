"""A student of re-parameterised convolutions: 3x3 convolutions alone at inference (docs/students.md).

Channels 16, 32, 64, 128 at strides 4, 8, 16, 32, blocks 1, 2, 6, 2. Its adapters are the edge branches of
components/promptable/trunks/rep.py; there is no attention, so the windows in `params.yaml` aren't read.
"""

from __future__ import annotations

from components.params import StudentParams
from components.promptable.build import RepConfig


def trunk(params: StudentParams) -> RepConfig:  # noqa: ARG001  # every student's is called so
    """The student's trunk."""
    return RepConfig(widths=(16, 32, 64, 128), depths=(1, 2, 6, 2))
