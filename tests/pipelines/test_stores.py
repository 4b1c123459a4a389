"""Data through a real S3 interface, and what each store says when it can't be reached; all on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dvc.cli import main as dvc
from dvc.repo import Repo

from pipelines.stores import ONE_TRY, Store, ask_dvc, ask_mlflow, ask_prefect, look_at_stores

BUCKET = "team"
STAGE = """
stages:
  count:
    cmd: touch ran && ls data | wc -l > counted
    deps: [data]
    outs: [counted]
"""
VARIABLES = ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL")


@dataclass(frozen=True)
class Bucket:
    """A bucket behind S3's interface, and the only key that opens it."""

    url: str
    key_id: str
    secret: str
    client: Any


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """A local server of S3 that asks for a key, as Amazon's does."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        anyone = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
        people = boto3.client("iam", endpoint_url=url, **anyone)
        people.create_user(UserName="pipeline")
        rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        people.put_user_policy(UserName="pipeline", PolicyName="data", PolicyDocument=json.dumps(rights))
        key = people.create_access_key(UserName="pipeline")["AccessKey"]
        mine = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **mine)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        # From here on a request needs a known key, as moto says it.
        urllib.request.urlopen(
            urllib.request.Request(
                f"{url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
            )
        )
        yield Bucket(url, key["AccessKeyId"], key["SecretAccessKey"], client)
    finally:
        server.stop()


@pytest.fixture
def keyed(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, its key in the environment and nothing else there."""
    for name in [*VARIABLES, *(name for name in os.environ if name.startswith("AWS_"))]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.secret)
    nothing = tmp_path_factory.mktemp("home") / "aws"
    nothing.touch()
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(nothing))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return bucket


@pytest.fixture(scope="module")
def pushed(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose data were pushed."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", bucket.key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", bucket.secret)
        patch.chdir(folder)
        git(folder, "init", "-q")
        Repo.init(str(folder)).close()
        (folder / "data").mkdir()
        for number in range(5):
            (folder / f"data/{number}.bin").write_bytes(bytes([number]) * 1000)
        assert dvc(["add", "-q", "data"]) == 0
        (folder / "dvc.yaml").write_text(STAGE, encoding="utf-8")
        assert dvc(["repro", "-q"]) == 0
        assert dvc(["remote", "add", "-q", "-d", "store", f"s3://{BUCKET}/sonoforge"]) == 0
        assert dvc(["remote", "modify", "store", "endpointurl", bucket.url]) == 0
        # git isn't told about the stage's run: that it ran is known from DVC's cache of runs alone.
        git(folder, "add", "--all", "--", ".", ":!dvc.lock", ":!ran")
        git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "Data")
        assert dvc(["push", "-q", "--run-cache"]) == 0
    return folder


@pytest.fixture
def clone(pushed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine's clone: no data, an empty cache."""
    git(tmp_path, "clone", "-q", str(pushed), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def only(stores: list[Store]) -> Store:
    """The one store that was asked."""
    (store,) = stores
    return store


def test_what_one_clone_pushes_another_pulls(keyed: Bucket, pushed: Path, clone: Path) -> None:
    assert not (clone / "data").exists()
    assert dvc(["pull", "-q", "data.dvc"]) == 0
    read = {path.name: path.read_bytes() for path in (clone / "data").iterdir()}
    assert read == {f"{number}.bin": bytes([number]) * 1000 for number in range(5)}
    assert only(ask_dvc(clone)).state == "answers"


def test_what_one_machine_computed_another_only_fetches(keyed: Bucket, pushed: Path, clone: Path) -> None:
    assert dvc(["pull", "-q", "data.dvc", "--run-cache"]) == 0
    assert dvc(["repro", "-q", "--pull"]) == 0
    assert (clone / "counted").read_text().strip() == "5"
    assert not (clone / "ran").exists()


def test_what_was_pushed_is_never_written_again(keyed: Bucket, pushed: Path, clone: Path) -> None:
    def versions() -> list[str]:
        return [one["VersionId"] for one in keyed.client.list_object_versions(Bucket=BUCKET)["Versions"]]

    before = versions()
    assert len(before) == 8, "five files and the list of the folder, an output and the run that made it"
    assert dvc(["pull", "-q", "data.dvc"]) == 0
    # A cache with the same content pushes nothing: not where it isn't known either what is there.
    shutil.rmtree(clone / ".dvc/tmp", ignore_errors=True)
    assert dvc(["push", "-q", "data.dvc"]) == 0
    assert versions() == before


@pytest.mark.parametrize("wrong", ["unknown key", "no key"])
def test_a_wrong_key_is_said(wrong: str, keyed: Bucket, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")
    if wrong == "no key":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert dvc(["pull", "-q"]) != 0
    store = only(ask_dvc(clone))
    assert store.state == "fails" and store.expected.startswith("a key")
    assert "dvc remote modify --local store access_key_id" in store.remedy


def test_a_key_in_the_clones_own_settings_does(keyed: Bucket, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name, value in {"access_key_id": keyed.key_id, "secret_access_key": keyed.secret}.items():
        assert dvc(["remote", "modify", "--local", "store", name, value]) == 0
    assert only(ask_dvc(clone)).state == "answers"
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert changed.stdout == "", "git sees no key"


def test_a_bucket_that_isnt_there_is_said(keyed: Bucket, clone: Path) -> None:
    assert dvc(["remote", "modify", "store", "url", "s3://nobody/sonoforge"]) == 0
    store = only(ask_dvc(clone))
    assert (store.state, store.expected) == ("fails", "a bucket that is there")
    assert dvc(["remote", "modify", "store", "url", f"s3://{BUCKET}/other"]) == 0
    assert only(ask_dvc(clone)).found == "empty"


def test_without_a_remote_the_only_copy_is_here(keyed: Bucket, clone: Path) -> None:
    assert dvc(["remote", "remove", "store"]) == 0
    store = only(ask_dvc(clone))
    assert store.state == "here" and "only copy" in store.found


def test_an_endpoint_where_nobody_listens_is_said(keyed: Bucket, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ONE_TRY.items():
        monkeypatch.setenv(name, value)
    assert dvc(["remote", "modify", "store", "endpointurl", f"http://127.0.0.1:{closed_port()}"]) == 0
    store = only(ask_dvc(clone))
    assert (store.state, store.expected) == ("fails", "an address that answers from here")
    assert "endpointurl" in store.remedy


def test_stores_that_say_nothing_keep_nobody_waiting(clone: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("components", "pipelines"):
        (clone / package).symlink_to(root / package)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        # It takes the connection and never says a word.
        place = f"127.0.0.1:{mute.getsockname()[1]}"
        assert dvc(["remote", "modify", "store", "endpointurl", f"http://{place}"]) == 0
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hush@{place}")
        monkeypatch.setenv("PREFECT_API_URL", f"http://{place}/api")
        began = time.monotonic()
        stores = look_at_stores(clone, limit_s=2)
        assert time.monotonic() - began < 60
    assert [(store.name, store.state) for store in stores] == [(name, "fails") for name in ("DVC", "MLflow", "Prefect")]
    assert all(store.found == "no answer" and store.expected == "an answer within 2 s" for store in stores)
    assert "hush" not in repr(stores) and stores[1].place == f"http://me:***@{place}"


@pytest.mark.parametrize("ask", [ask_mlflow, ask_prefect])
def test_files_of_the_project_are_nobody_elses(ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert only(ask(tmp_path)).state == "here"
    assert not list(tmp_path.iterdir())
