"""Writing a tree: whole or not at all, the same for the same seed."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from components.journal import Journal
from components.phantom import LAYOUTS, PhantomError, write_dataset


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tree_says_that_it_is_synthetic_and_holds_as_many_images_as_asked(name: str, tmp_path: Path) -> None:
    seen: list[int] = []
    written = write_dataset(name, tmp_path / "new" / name, images=5, seed=1, on_progress=seen.append)
    assert written.images == 5
    assert seen[-1] == 5
    assert seen == sorted(seen)
    notice = (written.root / "PHANTOM.txt").read_text(encoding="utf-8")
    assert "synthetic" in notice
    assert written.files == len(digests(written.root))
    assert [path.name for path in written.root.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_seed_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    one = write_dataset(name, tmp_path / "one", images=3, seed=2)
    two = write_dataset(name, tmp_path / "two", images=3, seed=2)
    other = write_dataset(name, tmp_path / "other", images=3, seed=3)
    assert digests(one.root) == digests(two.root)
    assert digests(one.root) != digests(other.root)


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    alone = write_dataset("udiat", tmp_path / "alone", images=4, seed=4)
    shared = write_dataset("udiat", tmp_path / "shared", images=4, seed=4, workers=2)
    assert digests(alone.root) == digests(shared.root)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_tree_is_not_there_and_the_next_try_goes_on(workers: int, tmp_path: Path) -> None:
    def stop(count: int) -> None:
        if count >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset("tn3k", tmp_path / "tn3k", images=6, seed=1, workers=workers, on_progress=stop)
    assert not (tmp_path / "tn3k").exists()
    seen: list[int] = []
    again = write_dataset("tn3k", tmp_path / "tn3k", images=6, seed=1, on_progress=seen.append)
    assert 2 <= again.resumed < 6
    assert seen[0] > again.resumed and seen[-1] == again.images == 6
    fresh = write_dataset("tn3k", tmp_path / "fresh", images=6, seed=1)
    assert fresh.resumed == 0
    assert digests(again.root) == digests(fresh.root)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "tn3k"]


def test_what_was_begun_for_another_tree_is_thrown_away(tmp_path: Path) -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset("udiat", tmp_path / "udiat", images=4, seed=1, on_progress=stop)
    other_seed = write_dataset("udiat", tmp_path / "udiat", images=4, seed=2)
    assert other_seed.resumed == 0
    assert digests(other_seed.root) == digests(write_dataset("udiat", tmp_path / "fresh", images=4, seed=2).root)


def test_a_run_killed_between_its_last_two_steps_starts_again(tmp_path: Path) -> None:
    write_dataset("udiat", tmp_path / "udiat", images=2, seed=1)
    work = Journal(tmp_path / ".udiat.partial.tmp", {})
    work.add("0", 1)  # the tree has got its place, the journal is still there
    shutil.rmtree(tmp_path / "udiat")
    assert write_dataset("udiat", tmp_path / "udiat", images=2, seed=1).resumed == 0


@pytest.mark.parametrize(
    ("name", "wanted", "said"),
    [
        ("camus", {"images": 2, "seed": 1}, "busi, ddti"),
        ("busi", {"images": 0, "seed": 1}, "images is 0"),
        ("busi", {"images": 2, "seed": -1}, "seed is -1"),
        ("busi", {"images": 2, "seed": 1, "workers": 0}, "workers is 0"),
    ],
)
def test_impossible_wishes_are_refused_with_a_remedy(name: str, wanted: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match=said) as caught:
        write_dataset(name, tmp_path / "x", **wanted)
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "busi").mkdir()
    (tmp_path / "busi" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(PhantomError, match="there already"):
        write_dataset("busi", tmp_path / "busi", images=2, seed=1)
    assert (tmp_path / "busi" / "mine.txt").read_text(encoding="utf-8") == "mine"


KILLED = """
import os, signal, sys
from pathlib import Path
from components.phantom import write_dataset

def die(count):
    print(*[child.pid for child in __import__("psutil").Process().children()], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    write_dataset("udiat", Path(sys.argv[1]), images=40, seed=1, workers=2, on_progress=die)
"""


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "udiat")],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    workers = [int(pid) for pid in done.stdout.split()]
    assert len(workers) >= 2
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=30)
    assert not alive, "orphaned workers go on drawing"
