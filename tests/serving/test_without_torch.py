"""The service answers by exported networks without ever importing PyTorch, and 32 threads get the same bits."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from components.artefacts import read_description
from components.masks import from_rle
from components.promptable.calibration import write_calibration
from components.promptable.predict import segment
from components.promptable.runtimes.runtime import Runtime
from components.types import Image, Point, Prompt
from serving.engine.predictor import Predictor
from tests.components.promptable.calibrations import make_calibration
from tests.serving.engine.test_predictor import png_of
from tests.serving.small import AS_SET

ASK = """
import sys
from pathlib import Path
import serving.http.app, serving.running
from components.params.settings import read_settings
from components.types import Prompt
from serving.engine.predictor import Predictor
predictor = Predictor.load(Path(sys.argv[1]), settings=read_settings(Path(sys.argv[2])))
answer = predictor.segment([Prompt((31.0, 16.0, 60.0, 45.0))], image=Path(sys.argv[3]).read_bytes())
print(answer.model.runtime, answer.objects[0].area_px > 0, answer.image.guard is not None)
print(sorted({"torch", "sam2", "torchvision"} & set(sys.modules)))
"""


def test_nothing_on_the_way_to_a_mask_imports_pytorch(
    packed_folder: Path, packed: Runtime, png: bytes, root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "calibrated"
    folder.mkdir()
    for path in packed_folder.iterdir():
        (folder / path.name).symlink_to(path)
    write_calibration(folder, make_calibration(read_description(folder).digest))
    (tmp_path / "scan.png").write_bytes(png)
    asked = [str(folder), str(root), str(tmp_path / "scan.png")]
    ran = subprocess.run([sys.executable, "-c", ASK, *asked], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [f"{packed.facts} True True", "[]"], ran.stderr


def test_thirty_two_threads_get_the_librarys_bits(packed_folder: Path, packed: Runtime, image: Image) -> None:
    predictor = Predictor.load(packed_folder, settings=AS_SET)
    images = [np.roll(image, n, axis=1) for n in range(4)]
    prompts = [Prompt((1.0 + n, 2.0 + n, 50.0 + n, 40.0 + n / 2), (Point(30.0, 9.0 + n),)) for n in range(40)]
    expected = [segment(packed, images[n % 4], [prompt])[0] for n, prompt in enumerate(prompts)]
    files = [png_of(each) for each in images]
    with ThreadPoolExecutor(32) as pool:
        asked = pool.map(lambda job: predictor.segment([job[1]], image=files[job[0] % 4]), enumerate(prompts))
        for answer, wanted in zip(asked, expected, strict=True):
            (found,) = answer.objects
            assert np.array_equal(from_rle(found.mask.model_dump()), wanted.mask) and found.quality == wanted.quality
    assert predictor.cache.counts.encoded == 4
    card = predictor.card()
    assert (card.runtime.name, card.runtime.why) == ("onnxruntime", "as it is set") and card.self_check_cases is None
