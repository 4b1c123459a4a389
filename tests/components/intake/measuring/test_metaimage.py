"""MetaImage files: what FH-PS-AOP and PSFHS store, and headers that lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from components.contract import Contract
from components.errors import ImageError, ImageTooLargeError
from components.intake.layouts import Case
from components.intake.measuring.metaimage import decode_metaimage, decode_metaimage_mask
from components.intake.measuring.pixels import decode_mask, read_case
from components.preprocess import MAX_IMAGE_PX
from tests.components.intake.raw_trees import save_mha, speckle

ContractOf = Callable[[str], Contract]
GREY = speckle(1, height=24, width=32)
DEPTH = np.stack([GREY] * 3)  # 3 H W: colour stored as depth


def _decoded(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    return decode_metaimage(path, max_px=MAX_IMAGE_PX)[0]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("stored", "mode"),
    [(GREY, "MET_UCHAR"), (DEPTH, "MET_UCHAR x 3"), (GREY[None], "MET_UCHAR"), (GREY.astype(np.uint16), "MET_USHORT")],
)
def test_each_way_of_storing_a_frame_gives_the_same_pixels(
    stored: np.ndarray,  # type: ignore[type-arg]
    mode: str,
    compressed: bool,
    tmp_path: Path,
) -> None:
    path = tmp_path / "00001.mha"
    save_mha(path, stored, compressed=compressed)
    image, found = decode_metaimage(path, max_px=MAX_IMAGE_PX)
    assert found == mode
    assert image.shape == (24, 32, 3)
    assert np.array_equal(image, np.repeat(GREY[..., None], 3, axis=2))
    values, _ = decode_metaimage_mask(path, max_px=MAX_IMAGE_PX)
    assert np.array_equal(values, GREY)


def test_real_channels_keep_their_order(tmp_path: Path) -> None:
    rgb = np.stack([speckle(k, height=10, width=12) for k in range(3)], axis=-1)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(rgb, isVector=True), str(tmp_path / "a.mha"))
    save_mha(tmp_path / "b.mha", np.moveaxis(rgb, -1, 0))
    assert np.array_equal(_decoded(tmp_path / "a.mha"), rgb)
    assert np.array_equal(_decoded(tmp_path / "b.mha"), rgb)
    with pytest.raises(ImageError, match="a mask in colours"):
        decode_mask(tmp_path / "a.mha")


def test_a_mask_keeps_its_codes(tmp_path: Path) -> None:
    codes = (GREY % 3).astype(np.uint8)
    save_mha(tmp_path / "m.mha", codes)
    (tmp_path / "m.mha").rename(tmp_path / "m.MHA")
    file = decode_mask(tmp_path / "m.MHA")
    assert (file.name, file.stored.mode) == ("m.MHA", "MET_UCHAR")
    assert np.array_equal(file.values, codes)


def test_dicom_tags_that_itk_carried_over_are_told_of_image_and_mask(tmp_path: Path, contract_of: ContractOf) -> None:
    for name, pixels in (("i.mha", np.stack([GREY] * 3)), ("m.mha", (GREY % 3).astype(np.uint8))):
        image = SimpleITK.GetImageFromArray(pixels)
        image.SetMetaData("0010|0010", "MUELLER^HANS")
        image.SetMetaData("0008|0060", "US")
        SimpleITK.WriteImage(image, str(tmp_path / name))
    case = Case("i", tmp_path / "i.mha", (tmp_path / "m.mha",))
    pixels = read_case(case, contract_of("fh_ps_aop"))
    assert not pixels.problems
    told = [(path.name, tags.identity) for path, tags in pixels.tags]
    assert told == [("i.mha", ("MetaImage PatientName",)), ("m.mha", ("MetaImage PatientName",))]


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return change


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda c: c[:-100], "its header says"),
    "too long": (lambda c: c + b"0" * 100, "its header says"),
    "only a header": (lambda c: c[: c.index(b"LOCAL\n") + 6], "0 bytes of pixels"),
    "half a header": (lambda c: c[:60], "no MetaImage header"),
    "empty": (lambda c: b"", "no MetaImage header"),
    "endless line": (lambda c: b"A" * 1_000_000, "no MetaImage header"),
    "other file": (_replaced(b"= LOCAL", b"= /etc/passwd"), "pixels in another file"),
    "list of files": (_replaced(b"= LOCAL", b"= LIST"), "pixels in another file"),
    "no pixels": (_replaced(b"DimSize = 32 24", b"DimSize = 0 24"), "DimSize"),
    "negative": (_replaced(b"DimSize = 32 24", b"DimSize = -32 24"), "DimSize"),
    "more than there are": (_replaced(b"DimSize = 32 24", b"DimSize = 320 24"), "its header says 7,680"),
    "other dimensions": (_replaced(b"NDims = 2", b"NDims = 9"), "sizes 32 24"),
    "other type": (_replaced(b"MET_UCHAR", b"MET_DOUBLE"), "the type MET_DOUBLE"),
    "no type": (_replaced(b"ElementType = MET_UCHAR\n", b""), "the type None"),
    "twice": (_replaced(b"NDims = 2\n", b"NDims = 2\nNDims = 2\n"), "no MetaImage header"),
    "own header size": (_replaced(b"NDims = 2\n", b"NDims = 2\nHeaderSize = 1\n"), "says its own size"),
    "text": (_replaced(b"BinaryData = True", b"BinaryData = False"), "no binary image"),
    "a scene": (_replaced(b"ObjectType = Image", b"ObjectType = Scene"), "no binary image"),
    "claims to be compressed": (_replaced(b"CompressedData = False", b"CompressedData = True"), "damaged compressed"),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_file_is_refused(kind: str, tmp_path: Path) -> None:
    change, said = HOSTILE[kind]
    path = tmp_path / "a.mha"
    save_mha(path, GREY)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ImageError, match=r"a\.mha: not a readable MetaImage") as refused:
        _decoded(path)
    assert said in str(refused.value)
    with pytest.raises(ImageError):
        decode_mask(path)


def test_frames_of_a_volume_and_large_values_are_refused(tmp_path: Path) -> None:
    save_mha(tmp_path / "volume.mha", np.stack([GREY] * 5))
    save_mha(tmp_path / "deep.mha", np.full((4, 4), 800, np.int16))
    save_mha(tmp_path / "negative.mha", np.full((4, 4), -1, np.int16))
    for name, said in (("volume", "5 frames"), ("deep", "values from 800"), ("negative", "values from -1")):
        with pytest.raises(ImageError, match=said):
            _decoded(tmp_path / f"{name}.mha")


def test_a_large_image_is_refused_by_its_header(tmp_path: Path) -> None:
    save_mha(tmp_path / "a.mha", GREY)
    with pytest.raises(ImageTooLargeError):
        decode_metaimage(tmp_path / "a.mha", max_px=GREY.size - 1)
    content = (tmp_path / "a.mha").read_bytes().replace(b"DimSize = 32 24", b"DimSize = 99999 99999")
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(ImageTooLargeError):
        _decoded(tmp_path / "a.mha")


def test_a_compressed_bomb_is_refused(tmp_path: Path) -> None:
    save_mha(tmp_path / "a.mha", np.zeros((3000, 3000), np.uint8), compressed=True)
    content = (tmp_path / "a.mha").read_bytes().replace(b"DimSize = 3000 3000", b"DimSize = 30 30")
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(ImageError, match="its header says 900"):
        _decoded(tmp_path / "a.mha")


def test_a_file_that_isn_t_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        _decoded(tmp_path / "a.mha")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_crashes_the_decoder(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.mha"
    save_mha(path, DEPTH, compressed=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # Mostly the header: what it says is what the decoder trusts.
        at = data.draw(st.integers(0, min(450, len(content) - 1)))
        kind = data.draw(st.sampled_from(["byte", "drop", "insert", "cut"]))
        if kind == "byte":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "drop":
            del content[at : at + data.draw(st.integers(1, 20))]
        elif kind == "insert":
            content[at:at] = data.draw(st.binary(max_size=20) | st.sampled_from([b"9", b" 9", b"\n", b"= "]))
        else:
            del content[max(at, 1) :]
        content = content or bytearray(b"x")
    path.write_bytes(content)
    try:
        assert _decoded(path).shape[2] == 3
    except ImageError as error:
        assert "fuzzed.mha" in str(error)
