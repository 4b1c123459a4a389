"""Ray on two nodes of this machine, one of which is killed in the middle: the same results as of threads, to the byte.

One cluster for the whole module, as starting it costs seconds; tests/conftest.py keeps its tests on one worker.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from components.contract import load_contract
from components.cores import describe_processor
from components.engines import Engine, Needs, Threads, cluster
from components.engines.cluster import OnRay, work_stamp
from components.errors import EngineError, LayoutError
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import validate
from components.intake.faults import as_json
from components.intake.form.records import read_manifest
from components.intake.harmonise import harmonise
from components.intake.validate_data import check_data
from components.params import EngineParams, load_params
from components.promptable.adapter import AdapterConfig
from components.promptable.build import HieraConfig, build_segmenter
from components.promptable.predict import pin_threads
from tests.components.engines.on_workers import DOOMED, begins, hangs_on_the_doomed, refuses_three, where
from tests.components.intake.raw_trees import BUILDERS

LIMIT_S = 200
SHARDS_OF_ONE = 1e-6


@dataclass
class TwoNodes:
    """A cluster's address, and one of its nodes that can be killed."""

    address: str
    kill: Callable[[], None]
    leave: Callable[[], None]

    def engine(self, *, shard_s: float = SHARDS_OF_ONE) -> OnRay:
        return OnRay(EngineParams(name="ray", address=self.address, shard_s=shard_s))


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """The cluster, on the loopback address alone; the driver is on the node that stays."""
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = cluster.add_node(num_cpus=1, resources={DOOMED: 1})
        yield TwoNodes(cluster.address, lambda: cluster.remove_node(doomed, allow_graceful=False), ray.shutdown)
    finally:
        ray.shutdown()
        cluster.shutdown()


@dataclass
class Half:
    """Holds a piece of work at its second item until the node is gone."""

    gone: threading.Event
    there: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, done: int, total: int) -> None:
        self.seen.append((done, total))
        if done >= 2 and not self.gone.is_set():
            self.there.set()
            assert self.gone.wait(LIMIT_S)


def test_results_come_in_order_and_errors_as_they_are(nodes: TwoNodes, tmp_path: Path) -> None:
    here = signal.getsignal(signal.SIGTERM)
    engine = nodes.engine(shard_s=0.05)
    seen: list[tuple[int, int]] = []
    found = list(engine.mapped(where, range(40), progress=lambda *at: seen.append(at)))
    assert [item for item, _, _ in found] == list(range(40))
    assert seen == [(done, 40) for done in range(1, 41)]
    assert {folder for _, folder, _ in found} == {str(Path.cwd())}
    assert os.getpid() not in {process for _, _, process in found}
    assert signal.getsignal(signal.SIGTERM) is here
    results = engine.mapped(refuses_three, range(10))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LayoutError, match="item 3 is odd") as caught:
        next(results)
    assert caught.value.remedy == "leave it out"


def test_what_is_not_wanted_any_more_ends(nodes: TwoNodes, tmp_path: Path) -> None:
    results = nodes.engine().mapped(partial(begins, folder=tmp_path), range(100))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert begun < 20 and len(list(tmp_path.iterdir())) <= begun + 3


def test_what_no_machine_has_and_other_code_are_refused(nodes: TwoNodes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="none of the 2 machines"):
        next(nodes.engine().mapped(str, [1], needs=Needs(gpus=1)))
    other = work_stamp() | {"numpy": "1.0"}
    monkeypatch.setattr("components.engines.cluster.work_stamp", lambda: other)
    with pytest.raises(EngineError, match=r"other code: numpy .* instead of 1\.0"):
        next(nodes.engine().mapped(str, [1]))


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A shard of one item in this process: `worker(stamp, folder)`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "_held", ("", None))
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda given: given))
    return lambda stamp, folder: cluster._do("work", [stamp, str], str(folder), [1])


def test_a_worker_that_sees_the_folder_and_has_the_packages_works(worker: Callable[..., Any], tmp_path: Path) -> None:
    found, error, _, where = worker(work_stamp(), tmp_path)
    assert (found, error) == (["1"], None)
    assert where == (os.uname().nodename, describe_processor())
    stamp = work_stamp()
    assert {"components", "numpy", "opencv-python-headless", "onnxruntime", "pydicom", "sam2"} <= stamp.keys()
    assert "sonoforge" not in stamp, "the project itself is the digest of its components"


def test_a_worker_without_the_folder_or_a_package_says_so(
    worker: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, error, *_ = worker(work_stamp(), tmp_path / "not shared")
    assert found == [] and isinstance(error, EngineError) and "not shared" in str(error)
    stamp = work_stamp()
    _, error, *_ = worker(stamp | {"pyjpegls": "9.9"} | dict.fromkeys("vwxyz", "1"), tmp_path)
    assert isinstance(error, EngineError)
    assert "pyjpegls" in error.found and "instead of 9.9" in error.found
    assert "v nothing instead of 1" in error.found and "and 1 more" in error.found and "z nothing" not in error.found
    monkeypatch.setattr(cluster, "PINS", tmp_path / "none.txt")
    _, error, *_ = worker(stamp, tmp_path)
    assert isinstance(error, EngineError) and "none.txt" in error.found


class FailedError(Exception):
    """What Ray raises where a worker can't do its task."""


def ray_that_gives(get: Callable[[Any], Any]) -> Any:
    """As much of Ray as work on one machine asks for; `get` gives the result of what was asked."""
    return SimpleNamespace(
        put=lambda given: given,
        get=get,
        wait=lambda asked, timeout: (asked, []),
        nodes=lambda: [{"Alive": True, "Resources": {"CPU": 1.0}}],
        remote=lambda function: SimpleNamespace(options=lambda **options: function),
        exceptions=SimpleNamespace(RayTaskError=FailedError, RayError=FailedError),
    )


def test_another_processor_is_named_once_and_its_results_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    own = describe_processor()
    shards = {1: ("mine", own), 2: ("other", "Abacus 3 avx"), 3: ("other", "Abacus 3 avx"), 4: ("third", "")}
    ray = ray_that_gives(lambda asked: ([asked[0]], None, 0.1, shards[asked[0]]))
    work = cluster._Work(ray, EngineParams(name="ray"), str, Needs())
    assert [work.end([number]) for number in shards] == [([number], None) for number in shards]
    first, second = (record.getMessage() for record in caplog.records)
    assert (
        first.startswith("other of the Ray cluster") and f"(Abacus 3 avx) than the machine that asks ({own})" in first
    )
    assert second.startswith("third of")


def test_a_worker_that_cannot_load_the_code_is_told_by_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(asked: Any) -> Any:
        raise FailedError("RayTaskError\n  File ...\nModuleNotFoundError: No module named 'components'\n")

    ray = ray_that_gives(get)
    work = cluster._Work(ray, EngineParams(name="ray"), str, Needs())
    with pytest.raises(EngineError, match="No module named 'components'") as refused:
        work.end("shard")
    assert "share" in refused.value.remedy
    monkeypatch.setattr(cluster, "PINS", tmp_path / "none.txt")
    with pytest.raises(EngineError, match=r"none\.txt"):
        cluster._Work(ray, EngineParams(name="ray"), str, Needs())


def test_a_killed_node_changes_no_byte(nodes: TwoNodes, tmp_path: Path, root: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    BUILDERS["busi"](raw)
    harmonise(load_contract("busi", root / "data/contracts"), raw, out=tmp_path / "busi", phantom=True)
    works: dict[str, Callable[..., Any]] = {
        "check": partial(_checked, raw, root),
        "harmonise": partial(_harmonised, raw, root),
        "evaluation": partial(_evaluated, tmp_path / "busi", root),
    }
    expected = {name: work(tmp_path / f"threads-{name}", Threads(2)) for name, work in works.items()}
    gone = threading.Event()
    halves = {name: Half(gone) for name in works}
    marks = tmp_path / "marks"
    marks.mkdir()
    with ThreadPoolExecutor(max_workers=len(works) + 1) as pool:
        running = {
            name: pool.submit(work, tmp_path / f"ray-{name}", nodes.engine(), progress=halves[name])
            for name, work in works.items()
        }
        try:
            until = time.monotonic() + LIMIT_S
            for half in halves.values():
                assert half.there.wait(max(0.0, until - time.monotonic()))
            hangs = partial(hangs_on_the_doomed, folder=marks)
            hung = pool.submit(lambda: list(nodes.engine().mapped(hangs, range(100))))
            while not any(marks.glob("hung-*")):
                assert time.monotonic() < until
                time.sleep(0.05)
        finally:
            nodes.kill()
            gone.set()
        try:
            assert hung.result(LIMIT_S) == list(range(100))
            found = {name: one.result(LIMIT_S) for name, one in running.items()}
        except TimeoutError:
            nodes.leave()  # else the pool would wait for them forever
            raise
    assert found == expected
    for half in halves.values():
        total = half.seen[-1][1]
        steps = [done for done, _ in half.seen if done]
        assert total > 2 and steps == list(range(1, total + 1)), "killed before the end, and nothing told twice"
    hung_items = {path.name.removeprefix("hung-") for path in marks.glob("hung-*")}
    assert hung_items and all((marks / f"done-{item}").exists() for item in hung_items), "lost items are done again"


def _checked(raw: Path, root: Path, out: Path, engine: Engine, progress: Any = None) -> dict[str, bytes]:
    contracts = root / "data/contracts"
    checked = check_data(
        load_contract("busi", contracts), raw, phantom=True, contracts=contracts, engine=engine, progress=progress
    )
    with io.BytesIO() as table:
        checked.facts.frame().to_parquet(table, index=False)
        return {"facts": table.getvalue(), "faults": json.dumps(as_json(checked.faults)).encode()}


def _harmonised(raw: Path, root: Path, out: Path, engine: Engine, progress: Any = None) -> dict[str, bytes]:
    contracts = root / "data/contracts"
    harmonise(
        load_contract("busi", contracts),
        raw,
        out=out,
        phantom=True,
        contracts=contracts,
        engine=engine,
        progress=progress,
    )
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def _evaluated(folder: Path, root: Path, out: Path, engine: Engine, progress: Any = None) -> dict[str, bytes]:
    pin_threads()
    params = load_params(root / "params.yaml")
    trunk = HieraConfig(
        "sam2.1_hiera_t.yaml", embed_dim=16, stages=(1, 1, 2, 1), global_att_blocks=(3,), window_spec=(8, 4, 4, 2)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        segmenter = build_segmenter(trunk, AdapterConfig(), image_size_px=64, draws_prompts=False)
    found = validate(
        read_manifest(folder),
        models={"student": Contender(segmenter.eval(), "a" * 64, "tiny", phantom=True)},
        prompts=params.prompts,
        params=params.evaluate.model_copy(update={"bootstrap_resamples": 100}),
        device="cpu",
        partial=out,
        engine=engine,
        progress=progress,
    )
    with io.BytesIO() as table:
        found.cases.to_parquet(table, index=False)
        return {"cases": table.getvalue(), "metrics": json.dumps(found.metrics, sort_keys=True).encode()}
