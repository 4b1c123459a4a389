"""PNG, JPEG and BMP are one frame each; a JPEG that would take minutes is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PilImage

from components.errors import ImageError
from components.formats import open_source
from tests.components.formats import files

GREY = (np.add.outer(np.arange(64), np.arange(48)) * 2).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_a_still_is_one_frame(kind: str) -> None:
    source = open_source(files.pillow_file(GREY, kind), name="x")
    assert (source.kind, source.frames, source.size_hw, source.regions) == (kind.lower(), 1, (64, 48), ())
    assert np.abs(source.frame(0)[..., 1].astype(int) - GREY).max() <= (8 if kind == "JPEG" else 0)


def test_cmyk_jpeg_and_transparent_png_become_rgb() -> None:
    colour = PilImage.fromarray(np.stack([GREY, GREY.T[:48].T[:64], 255 - GREY], axis=2))
    for image, kind in ((colour.convert("CMYK"), "JPEG"), (colour.convert("RGBA"), "PNG")):
        data = files.pillow_file(np.asarray(image), kind) if kind == "PNG" else _saved(image)
        found = open_source(data, name="x").frame(0)
        assert found.shape == (64, 48, 3)
        assert np.abs(found.astype(int) - np.asarray(colour)).mean() < 6


def _saved(image: PilImage.Image) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_the_first_picture_of_an_animated_png_is_taken() -> None:
    import io

    buffer = io.BytesIO()
    PilImage.fromarray(GREY).save(buffer, "PNG", save_all=True, append_images=[PilImage.fromarray(255 - GREY)])
    np.testing.assert_array_equal(open_source(buffer.getvalue(), name="x").frame(0)[..., 0], GREY)


def test_a_progressive_jpeg_of_many_scans_is_refused_only_where_it_is_large() -> None:
    whole = files.pillow_file(np.zeros((64, 64), dtype=np.uint8), "JPEG", progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    many = whole[:-2] + scan * 300 + b"\xff\xd9"
    assert open_source(many, name="x").frame(0).shape == (64, 64, 3)
    at = whole.index(b"\xff\xc2") + 5
    large = many[:at] + (6000).to_bytes(2, "big") * 2 + many[at + 4 :]
    with pytest.raises(ImageError, match="scans"):
        open_source(large, name="x")


def test_real_images_are_what_pillow_reads(samples: object) -> None:
    from pathlib import Path

    paths = sorted(path for path in Path(str(samples)).rglob("*") if path.suffix in (".png", ".jpg"))[::16]
    assert paths
    for path in paths:
        with PilImage.open(path) as image:
            np.testing.assert_array_equal(
                open_source(path.read_bytes(), name="x").frame(0), np.asarray(image.convert("RGB"))
            )
