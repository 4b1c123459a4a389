"""The paper's student: Hiera at 16 channels with CH-Adapters, 0.86 M encoder parameters (arXiv 2511.15771).

`stages` (1, 2, 7, 2), `global_att_blocks` (5, 7, 9), neck 128-64-32-16 to 256. The attention windows come from
`params.yaml`: they carry no parameters (the paper: 8, 4, 14, 7).
"""

from __future__ import annotations

from components.params import StudentParams
from components.promptable.build import HieraConfig


def trunk(params: StudentParams) -> HieraConfig:
    """The student's trunk as an override of SAM2.1's Hiera-T."""
    return HieraConfig(
        "sam2.1_hiera_t.yaml",
        embed_dim=16,
        stages=(1, 2, 7, 2),
        global_att_blocks=(5, 7, 9),
        window_spec=params.window_spec,
    )
