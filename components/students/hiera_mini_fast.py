"""The paper's student with less attention to pay: as many parameters, half of its time at 1024 px (docs/students.md).

One head in every stage (Hiera doubles the heads with the width, so that each stays 16 wide), keys and values of the
global blocks pooled 2x2, and windows that divide the maps at any input size, so that nothing is padded. The windows in
`params.yaml` aren't read.
"""

from __future__ import annotations

from components.params import StudentParams
from components.promptable.build import HieraConfig


def trunk(params: StudentParams) -> HieraConfig:  # noqa: ARG001  # every student's is called so
    """The student's trunk as an override of SAM2.1's Hiera-T."""
    return HieraConfig(
        "sam2.1_hiera_t.yaml",
        embed_dim=16,
        stages=(1, 2, 7, 2),
        global_att_blocks=(5, 7, 9),
        window_spec=(8, 8, 16, 8),
        num_heads=1,
        head_mul=1,
        windows_divide=True,
        pools_keys=True,
    )
