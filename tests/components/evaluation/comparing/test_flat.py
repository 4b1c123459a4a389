"""One name for each number, and nothing under a name that is undefined."""

from __future__ import annotations

from components.evaluation.comparing.flat import flat_means


def test_names_of_all_sections() -> None:
    def mean(value):
        return {"mean": value, "n": 3}

    dataset = {
        "prompts": {"box": {"student": {"dice": mean(0.5), "hd95_mm": mean(None)}}},
        "differences": {"box": {"student-ellipse": {"dice": mean(-0.25)}}},
        "jitter_curve": {"student": [{"jitter": 0.05, "dice": mean(0.75), "change": None}]},
        "false_regions": {"student": mean(1.0)},
        "confidence": {"box": {"student": {"n": 3, "calibrated": True, "ece": mean(0.125), "reliability": []}}},
    }
    spread = {"mean": 0.5, "sd": None, "min": 0.25, "max": 0.75, "n": 3, "candidate_minus_mean": 0.0}
    metrics = {
        "datasets": {"busi": dataset},
        "guard": {"threshold": 2.0, "not_ultrasound": [], "false_alarms": {"busi": mean(0.0)}},
        "seeds": {"candidate_seed": 1, "spread": {"all": {"box": spread}}},
    }
    assert flat_means(metrics) == {
        "busi/box/student/dice": 0.5,
        "busi/box/student-ellipse/dice": -0.25,
        "busi/jitter_5/student/dice": 0.75,
        "busi/box_nothing/student/false_region_rate": 1.0,
        "busi/box/student/ece": 0.125,
        "guard/false_alarms/busi": 0.0,
        "seeds/all/box/mean": 0.5,
        "seeds/all/box/min": 0.25,
        "seeds/all/box/max": 0.75,
        "seeds/all/box/candidate_minus_mean": 0.0,
    }
