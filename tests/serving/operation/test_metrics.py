"""What the service counts of itself; nothing that a client makes up is in any label."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from components.artefacts import ModelDescription
from components.promptable.runtimes.pytorch import PyTorch


def counted(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples by name and labels."""
    found = client.get("/metrics")
    assert found.status_code == 200 and found.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(found.text))
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for each in families for one in each.samples}


def test_requests_lanes_embeddings_models_and_records_are_counted(
    client: TestClient, png: bytes, loaded: tuple[PyTorch, ModelDescription]
) -> None:
    prompts = json.dumps({"objects": [{"box": [31, 16, 60, 45]}]})
    for _ in range(2):
        answer = client.post("/v1/segment", files={"image": png}, data={"prompts": prompts})
    image_id = answer.json()["image"]["id"]
    client.post("/v1/segment", files={"image_id": (None, image_id), "prompts": (None, prompts)})
    client.post("/v1/segment", files={"image": b"no image"}, data={"prompts": prompts})
    found = counted(client)
    segment = (("endpoint", "segment_image"), ("method", "POST"))
    assert found["sonoforge_requests_total", (*segment, ("status", "200"))] == 3
    assert found["sonoforge_requests_total", (*segment, ("status", "422"))] == 1
    assert found["sonoforge_request_seconds_count", (("endpoint", "segment_image"),)] == 4
    assert found["sonoforge_lane_requests_total", (("lane", "segment"), ("outcome", "served"))] == 1
    assert found["sonoforge_lane_waited_seconds_count", (("lane", "segment"),)] == 1
    assert found["sonoforge_embeddings_total", (("what", "encoded"),)] == 1
    assert found["sonoforge_embeddings_kept", ()] == 1 and found["sonoforge_embeddings_bytes", ()] > 0
    model = (
        ("digest", loaded[1].digest),
        ("name", "hiera_mini"),
        ("runtime", "pytorch"),
        ("version", loaded[1].digest[:12]),
    )
    assert found["sonoforge_model", model] == 1
    assert found["sonoforge_audit_entries_total", ()] >= 3 and found["sonoforge_audit_fault", ()] == 0
    assert found["process_resident_memory_bytes", ()] > 1e6


def test_clients_cannot_make_up_labels(client: TestClient) -> None:
    sizes = []
    for round_ in range(2):
        for number in range(20):
            client.get(f"/no/such/path/{round_}/{number}")
            client.request(f"WORD{round_}{number}", "/v1/model")
        counted(client)
        sizes.append(len(found := counted(client)))
    assert sizes[0] == sizes[1], "one endpoint `-`, whatever is asked"
    assert not any("such" in str(key) or "WORD" in str(key) for key in found)
