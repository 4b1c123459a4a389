"""The teacher's trunks by name: SAM2.1's four sizes, and a small one for machines without a GPU.

`micro` is this project's: Hiera-T's plan at a third of the width and two thirds of the depth, with windows that divide
a 192 px input. It has no official weights, so it is trained from `scratch`.
"""

from __future__ import annotations

from components.promptable.build import HieraConfig

HIERAS: dict[str, HieraConfig] = {
    "micro": HieraConfig(
        "sam2.1_hiera_t.yaml",
        embed_dim=32,
        stages=(1, 2, 4, 1),
        global_att_blocks=(4, 6),
        window_spec=(8, 4, 12, 6),
    ),
    "tiny": HieraConfig("sam2.1_hiera_t.yaml"),
    "small": HieraConfig("sam2.1_hiera_s.yaml"),
    "base_plus": HieraConfig("sam2.1_hiera_b+.yaml"),
    "large": HieraConfig("sam2.1_hiera_l.yaml"),
}
