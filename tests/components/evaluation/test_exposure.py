"""What a model had seen, counted by patients: hand-made statements of common sources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.artefacts import PretrainingExposure
from components.evaluation.exposure import by_patients
from components.intake.sides.sources import close_sources
from components.types import Exposure

NAMES = ("busi", "busi_curated", "fh_ps_aop", "fugc", "jnu_ifm", "psfhs")
# PSFHS and FH-PS-AOP are linked through JNU-IFM alone.
SOURCES = close_sources({"busi_curated": ["busi"], "fh_ps_aop": ["jnu_ifm"], "psfhs": ["jnu_ifm"], "fugc": []})


def seen(otherwise: Exposure, **datasets: Exposure) -> dict[str, Exposure]:
    found = by_patients(PretrainingExposure(basis="stated", otherwise=otherwise, datasets=datasets), SOURCES)
    return {name: found.of(name) for name in NAMES}


@pytest.mark.parametrize("trained_on", ["jnu_ifm", "psfhs", "fh_ps_aop"])
def test_who_saw_one_of_a_source_saw_the_patients_of_all(trained_on: str) -> None:
    found = seen("no", **{trained_on: "yes"})
    assert found["jnu_ifm"] == found["psfhs"] == found["fh_ps_aop"] == "yes"
    assert found["busi"] == found["busi_curated"] == found["fugc"] == "no"


def test_a_curated_copy_gives_its_original_away() -> None:
    assert seen("no", busi_curated="yes")["busi"] == seen("no", busi="yes")["busi_curated"] == "yes"


def test_one_unknown_of_a_source_leaves_all_of_it_unknown() -> None:
    found = seen("unknown", jnu_ifm="no", psfhs="no", fugc="no", busi="no", busi_curated="no")
    assert found["jnu_ifm"] == found["psfhs"] == found["fh_ps_aop"] == "unknown", "nothing is stated of fh_ps_aop"
    assert found["busi"] == found["busi_curated"] == found["fugc"] == "no"
    assert seen("unknown", jnu_ifm="no", psfhs="yes")["jnu_ifm"] == "yes", "seen is worse than unknown"


def test_the_basis_says_which_were_raised_and_by_which() -> None:
    stated = PretrainingExposure(basis="stated", otherwise="no", datasets={"busi_curated": "yes"})
    assert by_patients(stated, SOURCES).basis == "stated; busi counts as busi_curated does (yes): the same patients"
    assert by_patients(stated, ()) == stated


@given(
    st.sampled_from(["yes", "no", "unknown"]),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["yes", "no", "unknown"])),
)
def test_nothing_ever_gets_better_and_no_counts_only_for_whole_sources(
    otherwise: Exposure, datasets: dict[str, Exposure]
) -> None:
    before = PretrainingExposure(basis="stated", otherwise=otherwise, datasets=datasets)
    after = by_patients(before, SOURCES)
    for name in NAMES:
        assert after.of(name) != "no" or before.of(name) == "no"
        assert before.of(name) != "yes" or after.of(name) == "yes"
    for members in SOURCES:
        assert len({after.of(name) for name in members}) == 1
    again = by_patients(after, SOURCES)
    assert again == after, "closed already"
