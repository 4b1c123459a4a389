"""What requests and answers look like, for the description of the service. Tests hold them against the types.

Masks, ids and digests are made up.
"""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]
PREDICTION = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
IMAGE_ID = "9c1185a5c5e9fc54612808977ee8f548b2258d31ddadef707b50d4e10f2b1a3c"
MODEL: Example = {
    "name": "hiera_mini",
    "version": "3",
    "runtime": "onnxruntime 1.31.1 (CPU, 2 threads)",
    "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
}
MASK: Example = {"size": [4, 4], "counts": "52203"}
PROMPTS: Example = {
    "objects": [
        {"box": [120, 80, 260, 190]},
        {"box": [300, 90, 380, 160], "points": [{"x": 340.5, "y": 120.5, "positive": True}]},
    ]
}
IMAGE: Example = {
    "width": 640,
    "height": 480,
    "id": IMAGE_ID,
    "frame": 0,
    "frames": 1,
    "guard": {"flagged": False, "score": 3.1, "threshold": 9.4, "told": "like the ultrasound that the model knows"},
    "regions": [
        {"box": [0, 0, 640, 480], "x_mm": 0.1, "y_mm": 0.1, "source": "DICOM ultrasound region 1", "why": None}
    ],
}
MEASUREMENTS: Example = {
    "area_px": 4,
    "area_mm2": 0.04,
    "longest": {"from": [1.0, 1.0], "to": [3.0, 3.0], "px": 2.83, "mm": 0.28},
    "perpendicular": {"from": [1.0, 3.0], "to": [3.0, 1.0], "px": 2.83, "mm": 0.28},
    "parts": 1,
    "spacing": {"x_mm": 0.1, "y_mm": 0.1, "source": "DICOM ultrasound region 1"},
    "why": None,
}
OBJECT: Example = {
    "mask": MASK,
    "polygons": [[1.0, 1.0, 3.0, 1.0, 3.0, 3.0, 1.0, 3.0]],
    "box": [1, 1, 3, 3],
    "area_px": 4,
    "quality": 0.91,
    "confidence": 0.87,
    "abstain": False,
    "reasons": [],
    "measurements": MEASUREMENTS,
}
TIMING: Example = {"decode": 4.2, "embed": 61.0, "segment": 9.5, "encode": 1.1, "total": 76.3}
EMBEDDED: Example = {"model": MODEL, "image": IMAGE, "timing_ms": {**TIMING, "segment": 0.0, "encode": 0.0}}
SEGMENTED: Example = {
    "prediction": PREDICTION, "model": MODEL, "image": IMAGE, "objects": [OBJECT], "timing_ms": TIMING
}  # fmt: skip
FEEDBACK: Example = {
    "prediction": PREDICTION,
    "objects": [{"index": 0, "verdict": "edited", "mask": MASK}, {"index": 1, "verdict": "accepted"}],
}
EXPORT: Example = {"objects": [{"name": "lesion 1", "mask": MASK, "prediction": PREDICTION, "index": 0}]}
SESSION: Example = {"who": "anna", "role": "use", "auth": "token"}
