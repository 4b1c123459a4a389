"""Of many files memory holds names and numbers; what is looked up by them is found as in lists and dictionaries."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from components.contract import Contract
from components.intake.layouts import Case, read_layout
from components.intake.layouts.matching import ByValues, Groups, matching, natural
from components.intake.layouts.tables import Labels
from components.intake.layouts.tree import Marks, Tree


def made(top: Path, *names: str) -> Tree:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    return Tree.of(top)


def test_a_file_is_its_number(tmp_path: Path) -> None:
    tree = made(tmp_path, "b/2.png", "b/10.png", "a.txt", "b/c/x.png", "B.txt", ".gitignore")
    paths = [tree.path(number) for number in range(len(tree))]
    names = [".gitignore", "B.txt", "a.txt", "b/10.png", "b/2.png", "b/c/x.png"]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == names
    assert [tree.name(number) for number in range(len(tree))] == names
    assert [tree.number(path) for path in paths] == list(range(len(tree)))
    assert [path for _, path in tree.files()] == paths[1:]
    assert tree.number(tmp_path / "b") is None and tree.number(tmp_path.parent / "a.txt") is None


def test_marks_are_a_set_of_files(tmp_path: Path) -> None:
    tree = made(tmp_path, "1.png", "2.png", "3.png", ".gitignore")
    marks = Marks(tree)
    marks.update([tmp_path / "3.png", tmp_path / "1.png"])
    assert list(marks) == [tmp_path / "1.png", tmp_path / "3.png"] and len(marks) == 2
    assert tmp_path / "1.png" in marks and tmp_path / "2.png" not in marks and tmp_path / "4.png" not in marks
    assert list(marks.others()) == [tmp_path / "2.png"]


def test_files_are_found_by_what_stands_in_their_blanks(tmp_path: Path) -> None:
    tree = made(tmp_path, "m/1_a.png", "m/1_a.PNG", "m/2_a.png", "m/._3_a.png", "i/a-1.png", "i/b-2.png")
    mask_of = ByValues(tree, matching(tree, tmp_path, "m/{n}_{k}.png"))
    found = [mask_of.get(values) for _, values in matching(tree, tmp_path, "i/{k}-{n}.png")]
    assert found == [tmp_path / "m/1_a.PNG", None], "the first of equals"
    assert list(mask_of.left()) == [tmp_path / "m/2_a.png"], "nobody asked for it; its equal was found"


def test_groups_stand_as_they_came() -> None:
    groups = Groups([("b", 5), ("a", 3), ("b", 1), ("c", 2), ("a", 4)])
    assert [groups.numbers(place) for place in range(len(groups))] == [[5, 1], [3, 4], [2]]
    assert [groups.place(text) for text in ("a", "b", "c", "d")] == [1, 0, 2, None]
    assert len(Groups([])) == 0


def test_numbers_in_names_sort_by_their_size(tmp_path: Path) -> None:
    tree = made(tmp_path, "10.png", "9.png", "a/2.png", "b 1/1.png", "__MACOSX/1.png", "._9.png", "010.png")
    assert [tree.name(number) for number in natural(tree, range(len(tree)))] == [
        "9.png",
        "010.png",
        "10.png",
        "a/2.png",
        "b 1/1.png",
    ]


def test_labels_are_a_dictionary_that_says_which_classes_there_are() -> None:
    labels = Labels()
    for key, name in (("2", "benign"), ("1", "malignant"), ("3", "benign"), ("2", "normal")):
        labels.setdefault(key, name)
    assert dict(labels) == {"2": "benign", "1": "malignant", "3": "benign"}
    assert list(labels.classes()) == ["benign", "malignant"]
    assert labels.get("4") is None and len(labels) == 3 and not Labels()


def test_a_case_is_pickled_whole() -> None:
    plain = Case("1", Path("a/1.png"))
    whole = Case(
        "2",
        Path("/a/2.png"),
        (Path("/b/2.png"), Path("/b/2_1.png")),
        polygons=(((0.0, 1.0), (2.0, 3.0), (4.0, 5.0)),),
        group="p",
        subject_class="benign",
        official_split="test",
        declared=frozenset({1}),
        flags=("x",),
        outlines=Path("/c/2.xml"),
        scanner="s",
        site="t",
        published=((Path("/b/2.png"), Path("/d/2.png")),),
    )
    assert [pickle.loads(pickle.dumps(case)) for case in (plain, whole)] == [plain, whole]


def test_an_image_takes_a_few_hundred_bytes(
    tmp_path: Path, contract_of: Callable[[str], Contract], contracts: Path
) -> None:
    peaks = []
    for images in (1000, 2500):
        top = tmp_path / str(images)
        for kind in ("original", "GT"):
            (top / "BUS" / kind).mkdir(parents=True)
            for number in range(images):
                (top / f"BUS/{kind}/{number:06d}.png").touch()
        tracemalloc.start()
        try:
            assert len(read_layout(contract_of("udiat"), top, phantom=True, contracts=contracts).cases) == images
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 1500 < 500
