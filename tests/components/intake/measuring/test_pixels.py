"""Files to pixels: polygons by hand, mask modes, instances, hashes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from components.contract import Contract, MaskCodes
from components.errors import ImageError
from components.intake.layouts import Case, Instance, read_layout
from components.intake.measuring.content import histogram
from components.intake.measuring.pixels import (
    decode_mask,
    pixels_md5,
    read_case,
    read_image,
    unknown_codes,
)
from components.intake.measuring.stored import Stored
from components.masks import tight_box
from tests.components.intake.raw_trees import Tree, binary, disc, save, speckle

ContractOf = Callable[[str], Contract]


def _modes() -> dict[str, PilImage.Image]:
    grey = PilImage.fromarray(disc().astype(np.uint8) * 255)
    opaque = grey.convert("RGBA")
    return {"1": grey.convert("1", dither=PilImage.Dither.NONE), "L": grey, "RGB": grey.convert("RGB"), "RGBA": opaque}


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_all_modes_of_one_mask_say_the_same(mode: str, tmp_path: Path) -> None:
    _modes()[mode].save(tmp_path / "mask.png")
    file = decode_mask(tmp_path / "mask.png")
    assert file.stored == Stored("PNG", mode)
    assert np.array_equal(file.values, disc().astype(np.uint8) * 255)


def test_sixteen_bit_codes_are_kept_and_too_large_ones_refused(tmp_path: Path) -> None:
    PilImage.fromarray(np.full((4, 4), 8, dtype=np.uint16)).save(tmp_path / "small.png")
    PilImage.fromarray(np.full((4, 4), 800, dtype=np.uint16)).save(tmp_path / "large.png")
    assert decode_mask(tmp_path / "small.png").values.max() == 8
    with pytest.raises(ImageError, match="800"):
        decode_mask(tmp_path / "large.png")


def test_a_mask_that_is_no_image_is_told_in_the_same_words_each_time(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"nonsense")
    with pytest.raises(ImageError) as refused:
        decode_mask(tmp_path / "mask.png")
    assert refused.value.found == "mask.png: not a readable mask (cannot identify image file these bytes)"


def test_a_mask_whose_rows_begin_nowhere_is_refused(tmp_path: Path) -> None:
    """A TIFF whose place of the pixels is of the type text: Pillow raises a TypeError."""
    path = tmp_path / "mask.tif"
    PilImage.fromarray(disc().astype(np.uint8) * 255).save(path)
    data = bytearray(path.read_bytes())
    strip_offsets, text = (273).to_bytes(2, "little"), (2).to_bytes(2, "little")
    at = data.index(strip_offsets + (4).to_bytes(2, "little"))
    data[at + 2 : at + 4] = text
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"mask\.tif: not a readable mask"):
        decode_mask(path)


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
    values = histogram(np.array([[0, 7, 8, 9, 255]], dtype=np.uint8))
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


def test_objects_wholly_under_others_are_counted(tmp_path: Path, contract_of: ContractOf) -> None:
    save(tmp_path / "i.png", speckle(1))
    under, over = 7 * disc().astype(np.uint8), 8 * np.ones_like(disc(), dtype=np.uint8)
    save(tmp_path / "under.png", under)
    save(tmp_path / "over.png", over)
    masks = tmp_path / "under.png", tmp_path / "over.png"
    pixels = read_case(Case("i", tmp_path / "i.png", masks), contract_of("jnu_ifm"))
    assert (pixels.covered, len(pixels.objects)) == (1, 1)
    pixels = read_case(Case("i", tmp_path / "i.png", masks[::-1]), contract_of("jnu_ifm"))
    assert (pixels.covered, len(pixels.objects)) == (0, 2)
    ring = ((20.0, 20.0), (60.0, 20.0), (60.0, 60.0))
    twice = Case("i", tmp_path / "i.png", polygons=(ring, ring))
    pixels = read_case(twice, contract_of("ddti"))
    assert (pixels.covered, len(pixels.objects)) == (1, 1)


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


def test_the_file_that_a_fact_is_about_is_named(tmp_path: Path, contract_of: ContractOf) -> None:
    small, large = disc(at=(30, 30)), disc(at=(100, 120)) | disc(at=(60, 60))
    specked = np.zeros_like(small)
    specked[150:152, 2:4] = True
    grey = binary(small)
    grey[:10] = 90
    save(tmp_path / "i.png", speckle(1))
    names = ("small.png", "specked.png", "large.png", "grey.png")
    for name, mask in zip(names, (binary(small), binary(specked), binary(large), grey), strict=True):
        save(tmp_path / name, mask)
    case = Case("i", tmp_path / "i.png", tuple(tmp_path / name for name in names))
    pixels = read_case(case, contract_of("busi"))
    named = (pixels.mask_file, pixels.speck_file, pixels.stray_file)
    assert [path.name for path in named if path] == ["large.png", "specked.png", "grey.png"]
    assert [(path.name, codes) for path, codes in pixels.unknown_codes] == [("grey.png", (90,))]


def test_the_image_alone_is_the_case_s_image(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    for name in ("fh_ps_aop", "udiat"):
        contract, raw = contract_of(name), tree(name)
        case = read_layout(contract, raw, phantom=True, contracts=contracts).cases[0]
        image = read_case(case, contract).image
        assert image is not None and np.array_equal(read_image(case.image), image)


def test_a_file_too_large_is_refused_unread(tmp_path: Path, contract_of: ContractOf) -> None:
    """A sparse file takes no room on the disk, but would in memory."""
    image = tmp_path / "i.png"
    save(image, speckle(1))
    with image.open("r+b") as file:
        file.truncate(10 * 2**30)
    tracemalloc.start()
    pixels = read_case(Case("i", image), contract_of("busi"))
    with pytest.raises(ImageError, match="10,737,418,240 bytes"):
        decode_mask(image)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert [(code, path.name) for code, path, _ in pixels.problems] == [("unreadable_image", "i.png")]
    assert "10,737,418,240 bytes" in pixels.problems[0][2]


def test_masks_are_held_one_at_a_time(tmp_path: Path, contract_of: ContractOf) -> None:
    mask = np.zeros((700, 700), np.uint8)
    mask[100:300, 100:300] = 255
    save(tmp_path / "i.png", speckle(1, height=700, width=700))
    masks = tuple(tmp_path / f"m{number}.png" for number in range(40))
    for path in masks:
        save(path, mask)
    read_case(Case("i", tmp_path / "i.png", masks[:1]), contract_of("busi"))  # imports take memory too
    peaks = []
    for number in (1, 40):
        tracemalloc.start()
        pixels = read_case(Case("i", tmp_path / "i.png", masks[:number]), contract_of("busi"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(pixels.objects) == 1
    assert peaks[1] < 1.2 * peaks[0]
