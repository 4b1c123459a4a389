"""Real data from outside: archives that may not write elsewhere, imports that are whole or not there."""

from __future__ import annotations

import errno
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.artefacts import sha256_of
from components.errors import ContractError, LayoutError, ParamsError
from components.intake import imports as module
from components.intake.archives import copy_folder, unpack
from components.intake.import_record import read_record
from components.intake.imports import ImportFaultsError, edited_params, import_dataset
from components.intake.layouts import phantom_notice
from components.params import load_params
from tests.components.intake.raw_trees import Tree


def _zip(path: Path, members: dict[str, bytes], *, mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            zipped.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def _tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x") -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tarred:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        tarred.addfile(info, io.BytesIO(content))
    return path


def _damaged_tar(path: Path, compression: str) -> Path:
    """A compressed tar whose middle was overwritten."""
    with tarfile.open(path, f"w:{compression}") as tarred:  # type: ignore[call-overload]
        info = tarfile.TarInfo("a")
        info.size = 300_000
        tarred.addfile(info, io.BytesIO(np.random.default_rng(0).bytes(300_000)))
    return _overwritten(path)


def _damaged_zip(path: Path, compression: int) -> Path:
    """A zip whose one member was overwritten in its middle."""
    with zipfile.ZipFile(path, "w", compression) as zipped:
        zipped.writestr("a", np.random.default_rng(0).bytes(300_000))
    return _overwritten(path)


def _overwritten(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5_000] = b"\xa5" * 5_000
    content[-12:-4] = content[-12:-4] if path.suffix == ".zip" else b"\xa5" * 8
    path.write_bytes(content)
    return path


def test_a_full_disk_is_not_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", {"a": b"x"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("components.intake.archives._Budget.wrote", full)
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="No space left"):
        unpack(archive, tmp_path / "target")


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "zip with ..": lambda p: _zip(p / "a.zip", {"../evil.txt": b"x"}),
    "zip with a hidden ..": lambda p: _zip(p / "a.zip", {"a/../../evil.txt": b"x"}),
    "zip with an absolute path": lambda p: _zip(p / "a.zip", {"/tmp/evil.txt": b"x"}),
    "zip with backslashes": lambda p: _zip(p / "a.zip", {"..\\evil.txt": b"x"}),
    "zip with a link": lambda p: _zip(p / "a.zip", {"link": b"/etc/passwd"}, mode=0o120777),
    "zip with a file as folder": lambda p: _zip(p / "a.zip", {"a": b"x", "a/b": b"x"}),
    "tar with ..": lambda p: _tar(p / "a.tar", "../evil.txt"),
    "tar with an absolute path": lambda p: _tar(p / "a.tar.gz", "/tmp/evil.txt"),
    "tar with a link": lambda p: _tar(p / "a.tar", "link", tarfile.SYMTYPE, "/etc/passwd"),
    "tar with a hard link": lambda p: _tar(p / "a.tar", "link", tarfile.LNKTYPE, "../../etc/passwd"),
    "tar with a device": lambda p: _tar(p / "a.tar", "dev", tarfile.CHRTYPE),
    "no zip": lambda p: (p / "a.zip").write_bytes(b"PK nonsense") and p / "a.zip",  # type: ignore[dict-item,return-value]
    "xz cut up": lambda p: _damaged_tar(p / "a.tar.gz", "xz"),
    "gzip cut up": lambda p: _damaged_tar(p / "a.tar.gz", "gz"),
    "bzip2 cut up": lambda p: _damaged_tar(p / "a.tar.gz", "bz2"),
    "lzma zip cut up": lambda p: _damaged_zip(p / "a.zip", zipfile.ZIP_LZMA),
    "bzip2 zip cut up": lambda p: _damaged_zip(p / "a.zip", zipfile.ZIP_BZIP2),
    "no tar": lambda p: (p / "a.tgz").write_bytes(b"nonsense") and p / "a.tgz",  # type: ignore[dict-item,return-value]
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_archive_is_refused_and_writes_nothing_outside(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "box"
    target = place / "inner" / "target"
    target.mkdir(parents=True)
    archive = HOSTILE[kind](tmp_path)
    with pytest.raises(LayoutError, match=archive.name):
        unpack(archive, target)
    outside = [path for path in place.rglob("*") if path.is_file() and not path.is_relative_to(target)]
    assert outside == []
    assert not (tmp_path / "evil.txt").exists()
    assert not Path("/tmp/evil.txt").exists()
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_limits_hold_while_unpacking(tmp_path: Path) -> None:
    bomb = _zip(tmp_path / "bomb.zip", {"zeros": b"\0" * 3_000_000})
    many = _zip(tmp_path / "many.zip", {f"{k}": b"x" for k in range(20)})
    for number, (archive, limits, said) in enumerate(
        [(bomb, {"max_bytes": 1_000_000}, "1,000,000 bytes"), (many, {"max_files": 10}, "10 files")]
    ):
        target = tmp_path / f"t{number}"
        target.mkdir()
        with pytest.raises(LayoutError, match=said):
            unpack(archive, target, **limits)


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    whole = _tar(tmp_path / "a.tar.gz", "a.bin", content=bytes(range(256)) * 2000)
    whole.write_bytes(whole.read_bytes()[:-300])
    (tmp_path / "t").mkdir()
    with pytest.raises(LayoutError, match="not a whole archive"):
        unpack(whole, tmp_path / "t")


def test_links_out_of_a_folder_are_refused_and_inner_ones_become_files(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_text("a")
    (source / "b").symlink_to("a")
    copy_folder(source, target)
    assert (target / "b").read_text() == "a"
    assert not (target / "b").is_symlink()
    (source / "c").symlink_to("/etc/passwd")
    with pytest.raises(LayoutError, match="leads out"):
        copy_folder(source, target)


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A project with contracts and parameters, in the form of git and DVC, but without their help."""
    place = tmp_path / "project"
    (place / "data").mkdir(parents=True)
    (place / ".git").mkdir()
    (place / ".dvc").mkdir()
    shutil.copytree(root / "data/contracts", place / "data/contracts")
    shutil.copy(root / "params.yaml", place)
    return place


@pytest.fixture
def dvc_added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for `dvc add`, which takes seconds: it writes the pointer; returns what was added."""
    added: list[str] = []

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "dvc", "add"]
        added.append(command[-1])
        (cwd / f"{command[-1]}.dvc").write_text("outs: []\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", run)
    return added


def _state(project: Path) -> dict[str, bytes]:
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_an_import_copies_adds_and_edits(
    form: str, tree: Tree, project: Path, dvc_added: list[str], tmp_path: Path
) -> None:
    raw = tree("busi")
    source = raw
    if form != "folder":
        kind = "gztar" if form == "tar.gz" else "zip"
        source = Path(shutil.make_archive(str(tmp_path / "archive"), kind, raw))
    done = import_dataset("busi", source, project)
    assert dvc_added == ["data/imports/busi"]
    copied = {path.relative_to(done.folder): path.read_bytes() for path in done.folder.rglob("*") if path.is_file()}
    assert copied == {path.relative_to(raw): path.read_bytes() for path in raw.rglob("*") if path.is_file()}
    params = load_params(project / "params.yaml")
    assert list(params.datasets) == ["busi"]
    assert params.datasets["busi"].source == "data/imports/busi"
    assert not params.split.mix_phantoms
    assert "datasets.ddti: removed (phantoms)" in done.changes
    assert any("git restore params.yaml" in line and "discards your other edits" in line for line in done.undo)
    assert sorted(path.name for path in (project / "data/imports").iterdir()) == ["busi", "busi.dvc", "busi.json"]
    assert read_record(done.folder) == done.record
    digest = sha256_of(source) if source.is_file() else None
    assert (done.record.name, done.record.sha256) == (source.name, digest)
    assert done.undo[1] == "rm -rf data/imports/busi data/imports/busi.dvc data/imports/busi.json"
    with pytest.raises(LayoutError, match="imported already") as refused:
        import_dataset("busi", source, project)
    assert refused.value.remedy == f"remove it first: {done.undo[1]}"


def test_a_dataset_that_must_not_be_trained_on_is_not_imported_as_internal(
    tree: Tree, project: Path, dvc_added: list[str]
) -> None:
    path = project / "data/contracts/busi.yaml"
    path.write_text(path.read_text().replace('train: "yes"', 'train: "no"'))
    before = _state(project)
    with pytest.raises(ContractError, match="the licence of busi forbids to train on it"):
        import_dataset("busi", tree("busi"), project)
    assert _state(project) == before
    assert dvc_added == []


def test_a_faulty_dataset_is_not_imported(tree: Tree, project: Path, dvc_added: list[str]) -> None:
    raw = tree("busi")
    (raw / "Dataset_BUSI_with_GT/benign/benign (1)_mask.png").unlink()
    before = _state(project)
    with pytest.raises(ImportFaultsError, match=r"nothing was imported.*image_without_mask") as refused:
        import_dataset("busi", raw, project)
    assert refused.value.checked is not None
    assert _state(project) == before
    assert dvc_added == []


def test_phantoms_are_not_imported_as_real(tree: Tree, project: Path, dvc_added: list[str]) -> None:
    raw = tree("busi")
    (raw / "PHANTOM.txt").write_text("phantoms")
    wrapping = raw.with_name("wrapping")
    wrapping.mkdir()
    raw.rename(wrapping / "busi")
    for source in (wrapping / "busi", wrapping, Path(shutil.make_archive(str(raw), "zip", wrapping))):
        assert source.is_file() or phantom_notice(source)
        with pytest.raises(ImportFaultsError, match="phantom_as_real"):
            import_dataset("busi", source, project)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), None])
def test_nothing_is_left_when_dvc_fails(
    error: BaseException | None, tree: Tree, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        (cwd / "data/imports/busi.dvc").write_text("half")
        if error is not None:
            raise error
        return subprocess.CompletedProcess(command, 1, "", "ERROR: unable to acquire lock")

    monkeypatch.setattr(module.subprocess, "run", run)
    before = _state(project)
    with pytest.raises(type(error) if error else LayoutError):
        import_dataset("busi", tree("busi"), project)
    assert _state(project) == before


def test_without_git_or_dvc_or_source_the_error_is_clear(tree: Tree, project: Path) -> None:
    with pytest.raises(LayoutError, match="neither a folder nor an archive"):
        import_dataset("busi", project / "params.yaml", project)
    (project / ".dvc").rmdir()
    with pytest.raises(LayoutError, match="isn't a git and DVC repository"):
        import_dataset("busi", tree("busi"), project)


def test_params_keep_their_comments_and_other_lines(project: Path, contract_of) -> None:  # type: ignore[no-untyped-def]
    text = (project / "params.yaml").read_text()
    edited, changes = edited_params(text, contract_of("busi"), keep_phantoms=True)
    before, after = text.splitlines(), edited.splitlines()
    assert len(before) == len(after)
    differing = [new for old, new in zip(before, after, strict=True) if old.split() != new.split()]
    assert [line.split(":")[0].strip() for line in differing] == ["busi", "mix_phantoms"]
    assert changes == (
        "datasets.busi.source: components/phantom -> data/imports/busi",
        "datasets.busi.phantom: removed",
        "split.mix_phantoms: false -> true",
    )
    gone, _ = edited_params(text, contract_of("busi"), keep_phantoms=False)
    again, changes = edited_params(gone, contract_of("fugc"), keep_phantoms=False)
    assert changes == ("datasets.fugc: added, role external, source data/imports/fugc",)
    assert "# Every number that a run depends on" in again


def test_an_external_set_leaves_the_phantoms_that_train(project: Path, contract_of) -> None:  # type: ignore[no-untyped-def]
    text = (project / "params.yaml").read_text()
    edited, changes = edited_params(text, contract_of("fugc"), keep_phantoms=False)
    assert changes == (
        "datasets.fugc.source: components/phantom -> data/imports/fugc",
        "datasets.fugc.phantom: removed",
    )
    assert "mix_phantoms: false" in edited and "images: 150, seed: 101" in edited


def test_an_external_set_alone_is_warned_of(project: Path, contract_of) -> None:  # type: ignore[no-untyped-def]
    lines = (project / "params.yaml").read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if "role: internal" not in line)
    _, changes = edited_params(text, contract_of("fugc"), keep_phantoms=False)
    assert "no internal dataset to train on" in changes[-1]


def test_broken_params_are_refused_before_anything_is_copied(tree: Tree, project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("unknown_section: 1\n")
    before = _state(project)
    with pytest.raises(ParamsError, match="unknown_section"):
        import_dataset("busi", tree("busi"), project)
    assert _state(project) == before
