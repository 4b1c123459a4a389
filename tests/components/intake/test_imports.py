"""Real data from outside: imports that are whole or not there, one at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from components.artefacts import sha256_of
from components.contract import load_contract
from components.errors import ContractError, LayoutError, ParamsError
from components.intake import imports as module
from components.intake.arrival.copies import copy_folder
from components.intake.arrival.import_params import edited_params
from components.intake.arrival.import_record import read_record
from components.intake.imports import ImportFaultsError, import_dataset
from components.intake.layouts import phantom_notice, strays
from components.params import load_params
from tests.components.intake.raw_trees import Tree


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
    files = (path for path in project.rglob("*") if path.is_file() and path != project / module.LOCK)
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


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
    path.write_text(path.read_text().replace("train: unknown", 'train: "no"'))
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


def test_what_stays_is_not_told_as_a_change(project: Path, contract_of) -> None:  # type: ignore[no-untyped-def]
    text = (project / "params.yaml").read_text(encoding="utf-8")
    once, _ = edited_params(text, contract_of("busi"), keep_phantoms=False)
    assert edited_params(once, contract_of("busi"), keep_phantoms=False) == (once, ())


def test_an_external_set_leaves_the_phantoms_that_train(project: Path, contract_of) -> None:  # type: ignore[no-untyped-def]
    text = (project / "params.yaml").read_text()
    edited, changes = edited_params(text, contract_of("fugc"), keep_phantoms=False)
    assert changes == (
        "datasets.fugc.source: components/phantom -> data/imports/fugc",
        "datasets.fugc.phantom: removed",
    )
    assert "mix_phantoms: false" in edited and "seed: 101" in edited


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


def test_a_second_import_is_refused_and_the_first_one_stays_whole(
    tree: Tree, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, refused = tree("busi"), []

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        before = _state(project)
        for name in ("busi", "ddti"):
            with pytest.raises(LayoutError, match="another import") as error:
                import_dataset(name, raw, project)
            refused.append(error.value.remedy)
        assert _state(project) == before
        (cwd / "data/imports/busi.dvc").write_text("outs: []\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", run)
    done = import_dataset("busi", raw, project)
    assert refused == ["wait until it has ended, then give the same command again"] * 2
    assert len(list(done.folder.rglob("*.png"))) == len(list(raw.rglob("*.png")))
    assert sorted(path.name for path in done.folder.parent.iterdir()) == ["busi", "busi.dvc", "busi.json"]
    assert load_params(project / "params.yaml").datasets["busi"].source == "data/imports/busi"


KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from components.intake import imports

def run(command, *, pass_fds, **_):
    reads = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    subprocess.Popen(reads, stdin=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=pass_fds)
    os.kill(os.getpid(), signal.SIGKILL)

imports.subprocess.run = run
imports.import_dataset("busi", Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_import_started_keeps_others_out_until_it_ends(tree: Tree, project: Path, root: Path) -> None:
    raw = tree("busi")
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", KILLED, str(raw), str(project)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as killed:
        assert killed.wait(timeout=60) == -9
        with pytest.raises(LayoutError, match="`dvc add` that one left when it was killed"):
            import_dataset("busi", raw, project)
        assert (project / "data/imports/busi").is_dir()
    # Its standard input is closed now, so that the orphan ends.
    until = time.monotonic() + 20
    said = "another import"
    while said.startswith("another import") and time.monotonic() < until:
        with pytest.raises(LayoutError) as refused:
            import_dataset("busi", raw, project)
        said = refused.value.found
    assert (
        "busi is there, without the record of an import: one was killed here" in said
        and "rm -rf data/imports/busi " in refused.value.remedy
    )


def test_what_killed_imports_left_beside_is_cleared(tree: Tree, project: Path, dvc_added: list[str]) -> None:
    imports = project / "data/imports"
    for name in (".busi.0123abcd.tmp/half/a.png", ".ddti.89abcdef.tmp/b.png", ".busi.notes.tmp/mine.txt"):
        (imports / name).parent.mkdir(parents=True)
        (imports / name).write_text("x")
    (imports / ".busi.json.00000000.tmp").write_text("{")
    import_dataset("busi", tree("busi"), project)
    left = sorted(path.name for path in imports.iterdir())
    assert left == [".busi.notes.tmp", "busi", "busi.dvc", "busi.json"]


def test_a_folder_that_somebody_put_in_the_place_meanwhile_stays(
    tree: Tree, project: Path, dvc_added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = project / "data/imports/busi/theirs.txt"

    def copied(source: Path, target: Path, **_: object) -> None:
        theirs.parent.mkdir()
        theirs.write_text("theirs")
        (target / "mine.txt").write_text("mine")

    monkeypatch.setattr(module, "copy_folder", copied)
    before = _state(project)
    with pytest.raises(OSError, match="not empty"):
        import_dataset("busi", tree("busi"), project)
    assert _state(project) == before | {"data/imports/busi/theirs.txt": b"theirs"}


def test_an_edit_of_params_while_an_import_runs_stays(
    tree: Tree, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project / "params.yaml"
    code = 1

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        with params.open("a") as file:
            file.write("# mine\n")
        return subprocess.CompletedProcess(command, code, "", "ERROR")

    monkeypatch.setattr(module.subprocess, "run", run)
    raw = tree("busi")
    with pytest.raises(LayoutError, match="dvc add"):
        import_dataset("busi", raw, project)
    assert params.read_text().endswith("# mine\n") and not (project / "data/imports/busi").exists()
    code = 0
    import_dataset("busi", raw, project)
    assert params.read_text().count("# mine\n") == 2
    assert load_params(params).datasets["busi"].source == "data/imports/busi"


@pytest.mark.parametrize("edited", [False, True])
def test_params_go_back_only_if_they_are_what_the_import_wrote(
    edited: bool, tree: Tree, project: Path, dvc_added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project / "params.yaml"
    old, wrote = params.read_text(), []

    def interrupted(path: Path, text: str) -> None:
        path.write_text(text + "# theirs\n" * edited)
        wrote.append(text)
        if len(wrote) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_dataset("busi", tree("busi"), project)
    assert params.read_text() == (wrote[0] + "# theirs\n" if edited else old)
    assert list((project / "data/imports").iterdir()) == []


def test_a_key_that_stands_twice_in_params_is_an_error_for_a_person(tree: Tree, project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text + "gate:" + text.split("\ngate:")[1])
    with pytest.raises(ParamsError, match="isn't YAML"):
        import_dataset("busi", tree("busi"), project)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_what_lies_beside_the_dataset_isn_t_copied(
    form: str, tree: Tree, project: Path, dvc_added: list[str], tmp_path: Path
) -> None:
    raw = tree("busi_listed")  # its list lies beside the root
    (raw / "private").mkdir()
    (raw / "private/letter.txt").write_text("not for others")
    (raw / "notes.txt").write_text("?")
    (raw / "Dataset_BUSI_with_GT/README.txt").write_text("the authors' own")
    source = raw if form == "folder" else Path(shutil.make_archive(str(tmp_path / "archive"), "zip", raw))
    done = import_dataset("busi_listed", source, project)
    assert sorted(done.left_out) == ["notes.txt", "private/letter.txt"]
    copied = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*") if path.is_file()}
    there = {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}
    assert copied == there - set(done.left_out)
    assert {"mapping_curated_BUSI.csv", "Dataset_BUSI_with_GT/README.txt"} <= copied
    assert not (done.folder / "private").exists()
    if form == "folder":
        assert done.record.size_bytes == sum(p.stat().st_size for p in done.folder.rglob("*") if p.is_file())
    # What was copied reads as it did before.
    assert strays(load_contract("busi_listed", project / "data/contracts"), done.folder) == ()


def test_a_graph_that_runs_sees_no_import_happen(tree: Tree, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    params = project / "params.yaml"
    before = params.read_text()

    @contextmanager
    def lock() -> Iterator[None]:
        assert params.read_text() == before and not (project / "data/imports/busi").exists()
        held.append("begin")
        yield
        assert params.read_text() != before and (project / "data/imports/busi.json").is_file()
        held.append("end")

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        held.append("dvc add")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", run)
    import_dataset("busi", tree("busi"), project, undisturbed=lock())
    assert held == ["begin", "dvc add", "end"]


def test_an_import_that_may_not_begin_leaves_nothing(tree: Tree, project: Path, dvc_added: list[str]) -> None:
    class Interrupted(nullcontext[None]):
        def __enter__(self) -> None:
            raise KeyboardInterrupt

    before = _state(project)
    with pytest.raises(KeyboardInterrupt):
        import_dataset("busi", tree("busi"), project, undisturbed=Interrupted())
    assert _state(project) == before and dvc_added == []


def test_what_tells_git_or_dvc_what_to_do_isn_t_copied(tree: Tree, project: Path, dvc_added: list[str]) -> None:
    raw = tree("udiat")
    for name in ("BUS/original/.dvcignore", ".git/config", ".dvc/config"):
        (raw / name).parent.mkdir(exist_ok=True)
        (raw / name).write_text("*\n")
    done = import_dataset("udiat", raw, project)
    assert sorted(done.left_out) == [".dvc/config", ".git/config", "BUS/original/.dvcignore"]
    assert sorted(path.name for path in done.folder.iterdir()) == ["BUS"]
    assert not list(done.folder.rglob(".dvcignore"))


@pytest.mark.parametrize("how", ["rewritten", "a link", "added", "gone"])
def test_what_changes_between_check_and_copy_is_not_imported(
    how: str, tree: Tree, project: Path, dvc_added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tree("busi")
    image = next(raw.rglob("benign (1).png"))
    before = _state(project)

    def changing(source: Path, target: Path, **leave: object) -> None:
        if how == "rewritten":
            content, times = image.read_bytes(), image.stat()
            image.write_bytes(content[::-1])
            os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
        elif how == "a link":
            image.unlink()
            image.symlink_to("benign (2).png")
        elif how == "added":
            (image.parent / "benign (99).png").write_bytes(b"x")
        else:
            image.unlink()
        copy_folder(source, target, **leave)  # type: ignore[arg-type]

    monkeypatch.setattr("components.intake.imports.copy_folder", changing)
    with pytest.raises(LayoutError, match=r"benign \(\d+\)\.png was changed while it was checked and copied"):
        import_dataset("busi", raw, project)
    assert _state(project) == before and dvc_added == []
