"""Peers: found by name, their weights pinned, and nothing in a file of weights is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from components.artefacts import sha256_of
from components.errors import PeerError
from components.evaluation.peers import load_peer, peer_names
from components.params import PeerParams
from components.teacher.base_weights import OFFICIAL


def test_the_peers_are_found_by_name() -> None:
    assert set(peer_names()) == {"litemedsam", "medsam_vit_b", *OFFICIAL}


def test_a_peer_is_a_contender_with_its_own_predictor(medsam_file: PeerParams, tmp_path: Path, picture) -> None:
    params = medsam_file.model_copy(update={"exposure": {"busi": "yes"}})
    peer = load_peer("rival", params, root=tmp_path, device="cpu")
    assert (peer.name, peer.digest, peer.phantom, peer.needs_box) == ("medsam_vit_b", params.sha256, False, True)
    assert (peer.exposure.of("busi"), peer.exposure.of("tn3k")) == ("yes", "unknown")
    assert peer.predictor is not None and peer.predictor.embed(peer.segmenter, picture).shape == (1, 256, 64, 64)


def test_weights_may_stand_under_model(small_medsam, tmp_path: Path) -> None:
    torch.save({"model": small_medsam}, tmp_path / "nested.pth")
    params = PeerParams(model="medsam_vit_b", weights="nested.pth", sha256=sha256_of(tmp_path / "nested.pth"))
    assert load_peer("rival", params, root=tmp_path, device="cpu").name == "medsam_vit_b"


def test_missing_weights_are_named_with_what_to_do(medsam_file: PeerParams, tmp_path: Path) -> None:
    params = medsam_file.model_copy(update={"weights": "gone.pth"})
    with pytest.raises(PeerError, match=r"(?s)evaluate\.peers\.rival\.weights is .*gone\.pth.*put it there"):
        load_peer("rival", params, root=tmp_path, device="cpu")


def test_an_unknown_architecture_is_refused(medsam_file: PeerParams, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"(?s)'nonesuch'.*litemedsam, medsam_vit_b"):
        load_peer("rival", medsam_file.model_copy(update={"model": "nonesuch"}), root=tmp_path, device="cpu")


class Evil:
    """What a pickle may do when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_an_altered_file_is_refused_before_it_is_opened(medsam_file: PeerParams, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "medsam.pth").write_bytes((tmp_path / "medsam.pth").read_bytes() + b"x")
    monkeypatch.setattr(torch, "load", lambda *a, **k: pytest.fail("it was opened"))
    with pytest.raises(PeerError, match="sha256"):
        load_peer("rival", medsam_file, root=tmp_path, device="cpu")


def test_a_pickle_that_runs_something_is_refused_though_its_sha256_is_pinned(tmp_path: Path) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "ran"
    torch.save({"image_encoder.pos_embed": Evil(marker)}, path)
    params = PeerParams(model="medsam_vit_b", weights=str(path), sha256=sha256_of(path))
    with pytest.raises(PeerError, match="not the weights"):
        load_peer("rival", params, root=tmp_path, device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize("content", [torch.zeros(3), {"a": torch.zeros(1)}, {"model": 3}, [1, 2]])
def test_a_file_that_holds_something_else_is_refused(small_medsam, tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pth")
    params = PeerParams(model="medsam_vit_b", weights="other.pth", sha256=sha256_of(tmp_path / "other.pth"))
    with pytest.raises(PeerError, match="not the weights of a medsam_vit_b"):
        load_peer("rival", params, root=tmp_path, device="cpu")


def test_bytes_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.pth").write_bytes(b"no checkpoint at all")
    params = PeerParams(model="litemedsam", weights="noise.pth", sha256=sha256_of(tmp_path / "noise.pth"))
    with pytest.raises(PeerError, match="not the weights of a litemedsam"):
        load_peer("rival", params, root=tmp_path, device="cpu")


def test_official_weights_have_the_exposure_that_their_authors_publish() -> None:
    from components.evaluation.peers import _exposure

    official = OFFICIAL["sam2.1_hiera_tiny"]
    pinned = PeerParams(model="sam2.1_hiera_tiny", weights="w.pt", sha256=official.sha256)
    assert _exposure("sam2", pinned).of("busi") == "no"
    assert _exposure("sam2", pinned.model_copy(update={"sha256": "0" * 64})).of("busi") == "unknown"
