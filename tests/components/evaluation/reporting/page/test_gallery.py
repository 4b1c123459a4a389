"""The worst cases come first, with what went wrong, and their pictures show exactly the scored pixels."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as PilImage

from components.evaluation.reporting.page.gallery import failures, reason
from components.evaluation.reporting.page.overlay import LONGEST_PX
from components.evaluation.reporting.page.results import Results
from components.intake.form.records import load_image


@pytest.mark.parametrize(
    ("true", "predicted", "miss", "said"),
    [
        (100, 0, 1.0, "Nothing was found."),
        (100, 90, 1.0, "What was outlined isn't the object"),
        (100, 50, 0.0, "Too small: 50 % of"),
        (100, 210, 0.0, "Too large: 2.1 times"),
        (100, 110, 0.0, "Another outline, with 110 % of"),
    ],
)
def test_the_reason_is_in_the_numbers(true: int, predicted: int, miss: float, said: str) -> None:
    assert reason({"area_px": true, "predicted_area_px": predicted, "miss": miss}).startswith(said)


def test_worst_first_with_the_pixels_that_were_scored(results: Results) -> None:
    found = failures(results, "box_jitter", count=3)
    assert [(one.dataset, one.total, len(one.worst)) for one in found] == [
        ("busi (phantom)", 6, 3),
        ("ddti (phantom)", 4, 2),
        ("fugc (phantom)", 2, 1),
    ]
    cases = results.tested[0].cases
    ours = cases[(cases["model"] == "student") & (cases["prompt"] == "box_jitter")].sort_values("dice")
    worst = found[0].worst
    assert [one.name for one in worst] == ours.drop_duplicates("group")["case_id"].tolist(), "one of each of 3 groups"
    assert dict(worst[0].numbers)["Dice"] == f"{ours['dice'].min():.3f}" and "teacher" in worst[0].others
    svg = str(worst[0].picture)
    x, y, width, height, data = re.findall(
        r'<image x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" href="data:image/png;base64,([^"]+)"', svg
    )[0]
    with PilImage.open(io.BytesIO(base64.b64decode(data))) as picture:
        shown = np.asarray(picture)
    left, top, w, h = int(x), int(y), int(width), int(height)
    image = load_image(results.tested[0].records[worst[0].name.split("/")[1]])
    assert max(shown.shape) <= LONGEST_PX and np.array_equal(shown, image[top : top + h, left : left + w, 0])
    assert 'class="outline truth"' in svg and 'class="outline predicted"' in svg and 'class="prompt"' in svg
