"""Files to pixels: polygons by hand, mask modes, instances, hashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from components.contract import Contract, MaskCodes
from components.errors import ImageError
from components.intake.layouts import Case, Instance, read_layout
from components.intake.measuring.pixels import (
    decode_mask,
    pixels_md5,
    rasterise,
    read_case,
    unknown_codes,
)
from components.masks import tight_box
from tests.components.intake.raw_trees import Tree, disc, save, speckle

ContractOf = Callable[[str], Contract]


def test_a_square_covers_exactly_its_half_open_pixels() -> None:
    mask = rasterise(((2, 1), (6, 1), (6, 4), (2, 4)), (8, 10))
    expected = np.zeros((8, 10), dtype=bool)
    expected[1:4, 2:6] = True
    assert np.array_equal(mask, expected)


def test_a_triangle_by_hand() -> None:
    mask = rasterise(((0, 0), (4, 0), (0, 4)), (4, 4))
    assert mask.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_parts_outside_are_cut_off() -> None:
    inside = rasterise(((-5, -5), (3, -5), (3, 2), (-5, 2)), (6, 6))
    assert tight_box(inside) == (0, 0, 3, 2)
    assert not rasterise(((90, 90), (95, 90), (95, 95)), (6, 6)).any()
    right = rasterise(((4, 1), (50, 1), (50, 50), (4, 50)), (6, 6))
    assert tight_box(right) == (4, 1, 6, 6)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), min_size=3, max_size=8, unique=True))
def test_the_filled_area_is_the_polygons_area_for_convex_outlines(points: list[tuple[int, int]]) -> None:
    hull = cv2.convexHull(np.array(points, dtype=np.int32))[:, 0].tolist()
    area = float(cv2.contourArea(np.array(hull, dtype=np.int32)))
    outline = float(cv2.arcLength(np.array(hull, dtype=np.int32), closed=True))
    filled = int(rasterise(tuple((x, y) for x, y in hull), (30, 40)).sum())
    assert abs(filled - area) <= outline / 2 + 1


def _modes() -> dict[str, PilImage.Image]:
    grey = PilImage.fromarray(disc().astype(np.uint8) * 255)
    opaque = grey.convert("RGBA")
    return {"1": grey.convert("1", dither=PilImage.Dither.NONE), "L": grey, "RGB": grey.convert("RGB"), "RGBA": opaque}


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_all_modes_of_one_mask_say_the_same(mode: str, tmp_path: Path) -> None:
    _modes()[mode].save(tmp_path / "mask.png")
    file = decode_mask(tmp_path / "mask.png")
    assert file.mode == mode
    assert np.array_equal(file.values, disc().astype(np.uint8) * 255)


def test_sixteen_bit_codes_are_kept_and_too_large_ones_refused(tmp_path: Path) -> None:
    PilImage.fromarray(np.full((4, 4), 8, dtype=np.uint16)).save(tmp_path / "small.png")
    PilImage.fromarray(np.full((4, 4), 800, dtype=np.uint16)).save(tmp_path / "large.png")
    assert decode_mask(tmp_path / "small.png").values.max() == 8
    with pytest.raises(ImageError, match="800"):
        decode_mask(tmp_path / "large.png")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    PilImage.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="not a readable mask"):
        decode_mask(tmp_path / "bomb.png")
    with pytest.raises(ImageError):
        decode_mask(tmp_path / "bomb.png", max_px=100)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_mask_decoder(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for head in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"II*\x00"):
            path = Path(folder) / "mask.png"
            path.write_bytes(head + data)
            with pytest.raises(ImageError):
                decode_mask(path)


def test_unknown_codes_are_named_only_where_masks_are_lossless() -> None:
    values = np.array([[0, 7, 8, 9, 255]], dtype=np.uint8)
    codes = MaskCodes(kind="codes", labels={7: "a", 8: "b"}, reason="test")
    assert unknown_codes(values, codes) == (9, 255)
    binary = MaskCodes(kind="binary", labels={1: "a"}, threshold=128, reason="test")
    assert unknown_codes(values, binary) == (7, 8, 9)
    assert unknown_codes(values, binary.model_copy(update={"lossy": True})) == ()


def test_components_are_objects_and_specks_are_not(tmp_path: Path, contract_of: ContractOf) -> None:
    mask = (disc(at=(40, 40)) | disc(at=(110, 120))).astype(np.uint8) * 255
    mask[5:7, 5:7] = 255  # 4 px, under min_area_px
    save(tmp_path / "i.png", speckle(1))
    save(tmp_path / "m.png", mask)
    pixels = read_case(Case("i", tmp_path / "i.png", (tmp_path / "m.png",)), contract_of("busi"))
    assert pixels.instances is not None
    assert (len(pixels.objects), pixels.specks) == (2, 1)
    for truth in pixels.objects:
        mine = pixels.instances == truth.index
        assert truth.area_px == mine.sum()
        assert truth.box_xyxy == tight_box(mine)
    assert pixels.objects[0].box_xyxy == (20, 20, 61, 61)


def test_several_masks_are_united(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    contract = contract_of("busi")
    reading = read_layout(contract, tree("busi"), phantom=True, contracts=contracts)
    case = next(case for case in reading.cases if case.image_id == "benign_2")
    assert len(case.masks) == 2
    pixels = read_case(case, contract)
    assert pixels.instances is not None
    assert np.array_equal(pixels.instances > 0, disc() | disc(at=(30, 30)))


def test_codes_become_labelled_objects(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    contract = contract_of("jnu_ifm")
    reading = read_layout(contract, tree("jnu_ifm"), contracts=contracts)
    labels = {case.image_id[-1]: [o.label for o in read_case(case, contract).objects] for case in reading.cases}
    assert labels == {"0": [], "1": ["fetal head"], "2": ["pubic symphysis", "fetal head"]}


def test_a_small_polygon_lies_on_a_large_one(tmp_path: Path, contract_of: ContractOf) -> None:
    small = ((30.0, 30.0), (40.0, 30.0), (40.0, 40.0), (30.0, 40.0))
    large = ((10.0, 10.0), (90.0, 10.0), (90.0, 90.0), (10.0, 90.0))
    save(tmp_path / "i.png", speckle(1))
    pixels = read_case(Case("i", tmp_path / "i.png", polygons=(small, large)), contract_of("ddti"))
    assert sorted(truth.area_px for truth in pixels.objects) == [100, 6300]


def test_an_object_that_others_cover_wholly_is_not_counted(tmp_path: Path, contract_of: ContractOf) -> None:
    left = ((10.0, 10.0), (50.0, 10.0), (50.0, 60.0), (10.0, 60.0))
    right = ((50.0, 10.0), (90.0, 10.0), (90.0, 60.0), (50.0, 60.0))
    around = ((10.0, 10.0), (90.0, 10.0), (90.0, 60.0), (10.0, 60.0))
    save(tmp_path / "i.png", speckle(1))
    pixels = read_case(Case("i", tmp_path / "i.png", polygons=(around, left, right)), contract_of("ddti"))
    assert [truth.area_px for truth in pixels.objects] == [2000, 2000]
    assert pixels.objects_found == 2


def _square(number: int, side_px: float) -> tuple[tuple[float, float], ...]:
    """One of many squares that don't touch, in rows of 20."""
    x, y = 10.0 * (number % 20), 10.0 * (number // 20)
    return ((x, y), (x + side_px, y), (x + side_px, y + side_px), (x, y + side_px))


@pytest.mark.parametrize("how", ["polygons", "instances"])
@pytest.mark.parametrize(("real", "found"), [(200, 200), (255, 255), (300, 256)])
def test_objects_are_counted_without_specks(
    how: str, real: int, found: int, tmp_path: Path, contract_of: ContractOf
) -> None:
    contract = contract_of("ddti")
    contract = contract.model_copy(update={"mask": contract.mask.model_copy(update={"kind": how})})
    squares = [_square(n, 2) for n in range(200)] + [_square(n, 6) for n in range(200, 200 + real)]
    save(tmp_path / "i.png", np.zeros((300, 210), np.uint8))
    case = Case("i", tmp_path / "i.png", polygons=tuple(squares))
    if how == "instances":
        rings = [(tuple(value for point in square for value in point),) for square in squares]
        objects = tuple(Instance(1, (300, 210), rings=ring) for ring in rings)
        case = Case("i", tmp_path / "i.png", instances=objects)
    pixels = read_case(case, contract)
    assert (pixels.objects_found, len(pixels.objects), pixels.specks) == (found, min(real, 255), 200)


def test_the_digest_tells_images_apart() -> None:
    first, second = (np.repeat(speckle(seed)[..., None], 3, axis=2) for seed in (1, 2))
    assert pixels_md5(first) == pixels_md5(first.copy()) != pixels_md5(second)
    assert pixels_md5(np.zeros((2, 3, 3), np.uint8)) != pixels_md5(np.zeros((3, 2, 3), np.uint8))
