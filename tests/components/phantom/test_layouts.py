"""Each layout: the files, the codes and the oddities of the original."""

import csv
import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from openpyxl import load_workbook
from PIL import Image

from components.phantom import LAYOUTS, write_dataset
from components.phantom.layouts import BY_NAME

COUNTS = {"busi": 12, "ddti": 12, "tn3k": 8, "udiat": 6, "fugc": 6, "jnu_ifm": 12}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("phantoms")
    return {name: write_dataset(name, base / name, images=COUNTS[name], seed=5).root for name in LAYOUTS}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_busi(trees: dict[str, Path]) -> None:
    top = trees["busi"] / "Dataset_BUSI_with_GT"
    images = [path for path in top.glob("*/*.png") if "_mask" not in path.name]
    assert Counter(path.parent.name for path in images) == {"benign": 7, "malignant": 3, "normal": 2}
    for path in images:
        assert path.name.startswith(f"{path.parent.name} (")
        shape = pixels(path).shape
        assert shape[2] == 3
        first = path.with_name(f"{path.stem}_mask.png")
        for mask_path in (first, *path.parent.glob(f"{path.stem}_mask_*.png")):
            assert pixels(mask_path).shape[:2] == shape[:2]
        mask = pixels(first)
        assert mask.any() == (path.parent.name != "normal")
        assert mask.dtype == (bool if path.parent.name == "malignant" else np.uint8)
    second = pixels(top / "benign" / "benign (4)_mask_1.png")
    assert second.shape[2] == 4
    assert (second[..., 3] == 255).all()
    assert 0 < (second[..., 0] > 0).mean() < 0.5


def test_busi_later_benign_masks_are_one_bit(tmp_path: Path) -> None:
    late = next(item for item in BY_NAME["busi"].plan(60, 5) if item.kind == "benign" and item.number > 14)
    BY_NAME["busi"].write(late, tmp_path)
    mask = pixels(tmp_path / "Dataset_BUSI_with_GT" / "benign" / f"benign ({late.number})_mask.png")
    assert mask.dtype == bool


def test_busi_views_of_one_scene_are_alike_but_not_equal(tmp_path: Path) -> None:
    items = BY_NAME["busi"].plan(60, 5)
    again = next(item for item in items if item.view == 1 and item.kind != "normal")
    first = next(item for item in items if item.scene == again.scene and item.view == 0)
    assert first.kind == again.kind
    for item in (first, again):
        BY_NAME["busi"].write(item, tmp_path)
    folder = tmp_path / "Dataset_BUSI_with_GT" / again.kind
    one, two = (
        pixels(folder / f"{item.kind} ({item.number}).png")[..., 0].astype(np.float32) for item in (first, again)
    )
    assert one.shape != two.shape or not np.array_equal(one, two)
    # Somewhere in the first lies the second, up to its gain.
    assert cv2.matchTemplate(one, two, cv2.TM_CCOEFF_NORMED).max() > 0.95


def test_ddti(trees: dict[str, Path]) -> None:
    root = trees["ddti"]
    tables = [ElementTree.parse(path).getroot() for path in sorted(root.glob("*.xml"))]
    assert sum(len(table.findall("mark")) for table in tables) == len(list(root.glob("*.jpg"))) == 12
    assert any(len(table.findall("mark")) > 1 for table in tables)
    regions = []
    assert any(not table.findtext("tirads") for table in tables)
    for table in tables:
        case = table.findtext("number")
        assert table.findtext("tirads") in {"", "2", "3", "4a", "4b", "4c", "5", None}
        for field in ("age", "sex", "composition", "echogenicity", "margins", "calcifications"):
            assert table.findtext(field)
        for mark in table.findall("mark"):
            image = pixels(root / f"{case}_{mark.findtext('image')}.jpg")
            assert image.shape == (360, 560, 3)
            found = json.loads(mark.findtext("svg") or "")
            regions.append(len(found))
            for region in found:
                points = np.array([[point["x"], point["y"]] for point in region["points"]])
                assert region["regionType"] == "freehand"
                assert len(points) > 20
                assert not np.array_equal(points[0], points[-1])
                assert (points >= 0).all()
                assert (points < (560, 360)).all()
    assert max(regions) >= 2


def test_tn3k(trees: dict[str, Path]) -> None:
    root = trees["tn3k"]
    for part, count in (("trainval", 7), ("test", 1)):
        names = [f"{number:04d}.jpg" for number in range(count)]
        assert sorted(path.name for path in (root / f"{part}-image").iterdir()) == names
        assert sorted(path.name for path in (root / f"{part}-mask").iterdir()) == names
        rows = [line.split(",") for line in (root / f"label4{part}.csv").read_text().splitlines()]
        assert [row[0] for row in rows] == names
        assert {row[1] for row in rows} <= {"0", "1"}
        for name in names:
            image, mask = pixels(root / f"{part}-image" / name), pixels(root / f"{part}-mask" / name)
            assert image.shape == mask.shape
            assert image.ndim == 2
            assert (mask > 127).any()
    folds = [json.loads((root / f"tn3k-trainval-fold{fold}.json").read_text()) for fold in range(5)]
    held = [number for fold in folds for number in fold["val"]]
    assert sorted(held) == list(range(7))
    assert all(sorted(fold["train"] + fold["val"]) == list(range(7)) for fold in folds)


def test_tn3k_masks_are_lossy(trees: dict[str, Path]) -> None:
    between = [((mask > 5) & (mask < 250)).mean() for mask in map(pixels, (trees["tn3k"] / "trainval-mask").iterdir())]
    assert max(between) > 0
    assert max(between) < 0.03


def test_udiat(trees: dict[str, Path]) -> None:
    folder = trees["udiat"] / "Dataset B" / "BUS"
    names = [f"{number:06d}.png" for number in range(1, 7)]
    assert sorted(path.name for path in (folder / "original").iterdir()) == names
    kinds = Counter()
    for name in names:
        image, truth = pixels(folder / "original" / name), pixels(folder / "GT" / name)
        assert image.ndim == 2
        assert image.shape == truth.shape
        assert truth.any()
        kinds[str(truth.dtype)] += 1
    assert kinds == {"bool": 5, "uint8": 1}
    rows = list(load_workbook(folder / "DatasetB.xlsx")["Hoja1"].iter_rows(values_only=True))
    assert rows[0][:3] == ("Image", "Type", "Diagnosis")
    assert [row[0] for row in rows[1:]] == [name[:6] for name in names]
    assert {row[1] for row in rows[1:]} <= {"Benign", "Malignant"}


def test_fugc(trees: dict[str, Path]) -> None:
    base = trees["fugc"] / "dataset"
    labelled = 0
    for part in ("train/labeled_data", "val", "test"):
        images, labels = sorted((base / part / "images").iterdir()), sorted((base / part / "labels").iterdir())
        assert [path.name for path in images] == [path.name for path in labels]
        assert images[0].name == "0001.png"
        labelled += len(images)
        for image, label in zip(images, labels, strict=True):
            assert pixels(image).shape == (336, 544, 3)
            assert set(np.unique(pixels(label))) == {0, 1, 2}
    assert labelled == 6
    assert list((base / "train/unlabeled_data/images").iterdir())


def test_jnu_ifm(trees: dict[str, Path]) -> None:
    videos = sorted((trees["jnu_ifm"] / "us_data").iterdir())
    assert len(videos) == 2
    codes = {3: {0}, 4: {0, 7}, 5: {0, 8}, 6: {0, 7, 8}}
    for video in videos:
        with (video / "frame_label.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["", "frame_id", "frame_label"]
        for _, frame, label in rows[1:]:
            stem = f"{video.name}_{frame}"
            image, mask = pixels(video / "image" / f"{stem}.png"), pixels(video / "mask" / f"{stem}_mask.png")
            assert image.shape == mask.shape == (513, 648)
            assert set(np.unique(mask)) == codes[int(label)]
            assert not image[:40, :90].any()
            assert (video / "mask_enhance" / f"{stem}_mask.png").is_file()
        assert len(rows) - 1 == len(list((video / "image").iterdir()))


def test_jnu_ifm_has_every_kind_of_frame() -> None:
    moments = {(item.moment.symphysis, item.moment.head) for item in BY_NAME["jnu_ifm"].plan(120, 106)}
    assert moments >= {(True, True), (False, True), (False, False)}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("images", [1, 2, 3, 7, 40])
def test_a_plan_holds_exactly_the_images_asked_for(name: str, images: int) -> None:
    items = BY_NAME[name].plan(images, 11)
    assert sum(item.images for item in items) == images
