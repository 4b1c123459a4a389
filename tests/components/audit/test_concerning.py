"""From any digest to all that the log says of the same predictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.audit import concerning as module
from components.audit.concerning import concerning
from components.audit.entries import Export, Exported, Feedback, ImageSeen, Judgement
from components.audit.log import AuditLog
from tests.components.audit.predictions import predicted, sha


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Three predictions; the second is edited and exported."""
    with AuditLog.open(tmp_path / "audit") as log:
        for number in (1, 2, 3):
            log.append(predicted(number, model="first" if number < 3 else "second"))
        edited = Judgement(index=0, verdict="edited", mask_sha256=sha("edited"))
        log.append(Feedback(prediction=f"{2:032x}", who="bert", role="use", objects=(edited,)))
        exported = Exported(mask_sha256=sha("edited"), prediction=f"{2:032x}", index=0)
        image = ImageSeen(id=sha("image 2"))
        log.append(
            Export(format="seg", file_sha256=sha("file"), who="bert", role="use", image=image, objects=(exported,))
        )
    return tmp_path / "audit"


@pytest.mark.parametrize("named", [f"{2:032x}", sha("mask 2"), sha("image 2"), sha("edited"), sha("file")])
def test_all_of_a_prediction_comes_by_any_of_its_digests(judged: Path, named: str) -> None:
    found = concerning(judged, [named])
    assert found is not None and [line.entry.kind for line in found.lines] == ["prediction", "feedback", "export"]
    assert (found.more, found.models) == (0, (sha("first"),))


def test_several_lead_to_all_their_models(judged: Path) -> None:
    found = concerning(judged, [f"{1:032x}", f"{3:032x}"])
    assert found is not None and found.models == (sha("first"), sha("second"))


def test_neither_a_model_nor_a_link_of_the_chain_is_what_an_entry_is_about(judged: Path) -> None:
    found = concerning(judged, [f"{1:032x}"])
    assert found is not None
    (line,) = found.lines
    for other in (line.digest, line.previous, sha("first"), sha("nothing")):
        assert concerning(judged, [other]) is None


def test_what_is_too_much_is_counted(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    found = concerning(judged, [sha("previous")])
    assert found is not None and (len(found.lines), found.more) == (2, 3)
