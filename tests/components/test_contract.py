"""A contract file to types: what is refused, and how the error reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.contract import (
    Use,
    check_licence,
    contract_names,
    licence_addresses,
    licence_answer,
    load_contract,
    unlinked_sources,
)
from components.errors import ContractError


@pytest.fixture
def text(root: Path) -> str:
    return (root / "data/contracts/udiat.yaml").read_text(encoding="utf-8")


def _load(folder: Path, text: str, name: str = "udiat"):  # type: ignore[no-untyped-def]
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_contract(name, folder)


def test_a_contract_is_frozen_and_typed(tmp_path: Path, text: str) -> None:
    contract = _load(tmp_path, text)
    assert contract.expectations.classes == {"benign": 110, "malignant": 53}
    assert contract.mask.labels == {1: "breast lesion"}
    with pytest.raises(Exception, match="frozen"):
        contract.name = "other"


QUARANTINE = """
quarantine:
  - file: original/000002.png
    action: {action}
    reason: shows another patient's name
    reviewer: A. Steward
    date: {date}
"""


@pytest.mark.parametrize(
    ("old", "new", "found", "expected", "remedy"),
    [
        (
            "anatomy:",
            "anatomi: x\nanatomy:",
            "line 3, anatomi: no key of a contract; `anatomy` is one",
            "name,",
            "remove",
        ),
        ("  threshold:", "  treshold: 1\n  threshold:", "mask.treshold: no key under mask", "labels", "`treshold`"),
        ("schema_version: 2", "schema_version: 1", "line 1, schema_version: 1", "schema_version: 2", "schema_version"),
        ("role: internal", "role: intern", "line 4, role: 'intern'", "'internal' or 'external'", "correct role"),
        (
            'train: "yes"',
            "train: unknown",
            "train unknown without unknown_because",
            "not_stated or",
            "no text was seen",
        ),
        ('train: "yes"', 'train: "yes"\n  unknown_because: not_seen', "and nothing is", "only there", "remove unknown"),
        ('redistribute: "no"', "redistribute: no", "redistribute: false (YAML reads", "'unknown' in quotes", "correct"),
        ("threshold: 128", "threshold: 300", "mask.threshold: 300", "at most 255", "correct mask.threshold"),
        ("threshold: 128", "threshold: yes", "mask.threshold: true (YAML", "a whole number", "correct mask.threshold"),
        ("threshold: 128", "threshold: '128'", "mask.threshold: '128'", "without quotes", "correct mask.threshold"),
        ("threshold: 128", "threshold: 128.5", "mask.threshold: 128.5", "a whole number", "correct mask.threshold"),
        ("  threshold: 128\n", "", "mask: kind binary without a threshold", "changes the outlines", "add threshold"),
        ("{1: breast lesion}", "{0: breast lesion}", "labels has the code 0", "from 1 to 255", "correct the code"),
        ("{1: breast lesion}", "{300: breast lesion}", "labels has the code 300", "from 1 to 255", "correct the code"),
        ("{1: breast lesion}", "{a: breast lesion}", "mask.labels.a: 'a'", "a whole number", "mask.labels.a"),
        ("{1: breast lesion}", "[breast lesion]", "mask.labels: a list", "keys with values", "mask.labels"),
        ("{1: breast lesion}", "{1: a, 2: b}", "kind binary with 2 labels", "one label", "use kind codes"),
        (
            "  kind: binary\n  labels: {1: breast lesion}\n  threshold: 128",
            "  kind: codes\n  labels: {0: a}",
            "mask: the code 0 is",
            "objects alone",
            "remove",
        ),
        (
            "  kind: binary\n  labels: {1: breast lesion}",
            "  kind: polygons\n  labels: {1: a, 2: b}",
            "kind polygons with 2",
            "one",
            "leave",
        ),
        ("  reason: masks", "  raison: masks", "mask.reason: is missing", "the key mask.reason", "add mask.reason"),
        (
            "  reason: one image a lesion, and no patient key is published",
            "  reason: ' '",
            "group.reason: ' '",
            "isn't empty",
            "group.reason",
        ),
        ("key: image", "key: patient", "group.key: 'patient'", "'related'", "correct group.key"),
        ("key: image", "key: related", "key related without a list", "related_sha256 with key related", "correct key"),
        ("name: udiat", "name: Udiat", "line 2, name: 'Udiat'", "small letters", "correct name"),
        ("name: udiat", "name: other", "line 2, names the dataset 'other'", "'udiat'", "alike"),
        ("anatomy: breast lesions\n", "", "anatomy: is missing", "the key anatomy", "add anatomy"),
        ("spacing_mm: null", "spacing_mm: [0, 1]", "spacing_mm.0: 0", "more than 0", "spacing_mm.0"),
        (
            "spacing_mm: null",
            "spacing_mm: null\nsame_source_as: [busy]",
            "no dataset busy",
            "no other contract",
            "that dataset's",
        ),
        (
            "spacing_mm: null",
            "spacing_mm: null\nsame_source_as: [udiat]",
            "names udiat itself",
            "other datasets",
            "remove udiat",
        ),
        (
            "spacing_mm: null",
            "spacing_mm: null\nseverity: {specks: bad}",
            "severity.specks: 'bad'",
            "'info'",
            "severity.specks",
        ),
        ("images: 163", "images: -1", "expectations.images: -1", "at least 1", "expectations.images"),
        (
            "max_side_px: 1200",
            "max_side_px: 12",
            "min_side_px 150 is more than max_side_px 12",
            "lesser",
            "correct one",
        ),
        (
            "images: 163",
            "images: 163\n  empty_mask_classes: [norml]",
            "names norml",
            "benign, malignant",
            "correct the name",
        ),
        (
            "      form: request",
            "      form: request\n      files: [{name: a.zip, sha256: abc, stated_by: x}]",
            "files.0.sha256: 'abc'",
            "the 64 characters",
            "sha256",
        ),
        (
            "      form: request",
            f"      form: request\n      files: [{{name: a.zip, sha256: {'a' * 64}}}]",
            "sha256 without stated_by",
            "who stated",
            "stated_by",
        ),
        ("      form: request", "      form: ask", "source.places.0.form: 'ask'", "'request'", "source.places.0.form"),
        ("schema_version: 2", "schema_version: [", "isn't YAML", "YAML", "mend that line"),
        ("anatomy: breast", "anatomy: a: b", "line 3 isn't YAML", "in quotes", "mend that line"),
        ("  threshold: 128", "\tthreshold: 128", ": it begins with a tab", "blanks", "replace the tabs"),
        (
            "anatomy:",
            "anatomy: x\nanatomy:",
            "`anatomy` stands on line 3 and again on line 4",
            "each key once",
            "remove one",
        ),
        (
            "  threshold:",
            "  threshold: 1\n  threshold:",
            "`threshold` stands on line",
            "each key once",
            "remove one",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_in_the_terms_of_a_contract(
    old: str, new: str, found: str, expected: str, remedy: str, tmp_path: Path, text: str
) -> None:
    assert old in text
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, text.replace(old, new, 1))
    error = refused.value
    assert found in error.found and "udiat.yaml" in error.found
    assert expected in error.expected and remedy in error.remedy
    assert ".py" not in str(error) and "pydantic" not in str(error) and "type" not in error.found


def test_several_faults_are_told_at_once(tmp_path: Path, text: str) -> None:
    wrong = text.replace("threshold: 128", "threshold: 300").replace("role: internal", "role: intern")
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, wrong)
    first, *lines = refused.value.found.splitlines()
    assert first.endswith("udiat.yaml (2 faults):") and [line.split(":")[0] for line in lines] == [
        "    line 4, role",
        f"    line {text[: text.index('threshold: 128')].count(chr(10)) + 1}, mask.threshold",
    ]


def test_a_wrong_entry_does_not_make_its_list_look_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, text.replace("form: request", "form: ask"))
    assert "at least one entry" not in refused.value.expected


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b"# only a note\n", "is empty"),
        (b"- a\n- b\n", "holds a list"),
        (b"hello", "holds 'hello'"),
        (b"name: \xff", "isn't text: byte 7"),
        (b"\x89PNG\r\n\x1a\n", "isn't text: byte 1"),
        ("name: x".encode("utf-16"), "isn't text: byte 1"),
        (b"a: \x00", "isn't YAML: it holds a character that no text has"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "isn't YAML: it is nested too deeply"),
        (b"a: 1\n---\nb: 2\n", "line 2 isn't YAML"),
        (b"a: !!python/object:os.system x", "line 1 isn't YAML"),
        (b"name: &x [*x]\n", "name: a list"),
    ],
)
def test_what_cannot_be_read_is_an_error_for_a_person(content: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / "udiat.yaml").write_bytes(content)
    with pytest.raises(ContractError) as refused:
        load_contract("udiat", tmp_path)
    assert found in refused.value.found and "udiat.yaml" in refused.value.found
    assert refused.value.expected and refused.value.remedy


def test_a_short_text_that_stands_for_a_huge_one_is_read_in_no_time(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "udiat.yaml").write_text(bomb)
    with pytest.raises(ContractError, match="stands for more than"):
        load_contract("udiat", tmp_path)


@pytest.mark.parametrize("kind", ["lists", "merges"])
def test_what_stands_for_too_much_is_refused_before_it_is_spelled_out(kind: str, tmp_path: Path, text: str) -> None:
    if kind == "lists":
        steps = "".join(f"    z{n}: &z{n} [{', '.join([f'*z{n - 1}'] * 9)}]\n" for n in range(1, 10))
        bomb = text.replace("  options:\n", f"  options:\n    z0: &z0 [x, x]\n{steps}", 1)
    else:
        steps = "".join(f"m{n}: &m{n}\n  <<: [{', '.join([f'*m{n - 1}'] * 9)}]\n  k{n}: 1\n" for n in range(1, 10))
        bomb = f"{text}\nm0: &m0 {{a: 1, b: 2}}\n{steps}"
    assert bomb != text
    (tmp_path / "udiat.yaml").write_text(bomb)
    with pytest.raises(ContractError, match=r"stands for more than 1,000,000 values"):
        load_contract("udiat", tmp_path)


def test_a_contract_of_many_megabytes_is_refused_unread(tmp_path: Path, text: str) -> None:
    (tmp_path / "udiat.yaml").write_text(text + "\n# " + "x" * 5_000_000)
    with pytest.raises(ContractError, match=r"5,\d{3},\d{3} bytes"):
        load_contract("udiat", tmp_path)


def test_what_is_merged_may_be_said_again(tmp_path: Path, text: str) -> None:
    merged = text.replace(
        "expectations:\n", "known_faults:\n  - &same a\nexpectations:\n  <<: &all {min_side_px: 70}\n"
    )
    merged = merged.replace("known_faults:\n  - masks", "accepted_faults: []\nx_unused:\n  - masks")
    merged = merged[: merged.index("accepted_faults: []")]
    assert _load(tmp_path, merged).expectations.min_side_px == 150, "what stands in the mapping itself goes first"


def test_an_unknown_dataset_lists_the_known_ones(tmp_path: Path, text: str) -> None:
    _load(tmp_path, text)
    assert contract_names(tmp_path) == ("udiat",)
    with pytest.raises(ContractError, match="udiat"):
        load_contract("busy", tmp_path)


def test_a_quarantined_file_has_a_reason_a_reviewer_and_a_date(tmp_path: Path, text: str) -> None:
    listed = _load(tmp_path, text + QUARANTINE.format(action="exclude", date="2026-11-22")).quarantine[0]
    assert (listed.file, listed.reviewer, listed.date.year) == ("original/000002.png", "A. Steward", 2026)
    with pytest.raises(ContractError, match="reviewer: is missing"):
        _load(
            tmp_path,
            text + QUARANTINE.format(action="exclude", date="2026-11-22").replace("    reviewer: A. Steward\n", ""),
        )


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("correct", ""),
        ("correct", "    replacement: mended.png\n"),
        ("exclude", f"    replacement: mended.png\n    replacement_sha256: '{'0' * 64}'\n"),
    ],
)
def test_a_correction_names_its_replacement_and_an_exclusion_none(
    action: str, more: str, tmp_path: Path, text: str
) -> None:
    with pytest.raises(ContractError, match="`correct` has replacement") as refused:
        _load(tmp_path, text + QUARANTINE.format(action=action, date="2026-11-22") + more)
    assert f"action {action} with" in refused.value.found


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("22.11.2026", "22.11.2026 is no date"),
        ("2026-13-01", "2026-13-01 is no date"),
        ("2026-02-30", "2026-02-30 is no date"),
        ("0", "0 is no date"),
        ("'1700000000'", "1700000000 is no date"),
        ("2026-11-22 10:00", "is no date"),
        ("2999-01-01", "2999-01-01 is still to come"),
    ],
)
def test_a_review_has_a_day_that_has_come(written: str, found: str, tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, text + QUARANTINE.format(action="exclude", date=written))
    assert found in refused.value.found and "quarantine.0.date" in refused.value.found


TOGETHER = """group:
  together:
    - files: [original/000001.png, original/000002.png]
      reason: one lesion, seen twice
      reviewer: A. Steward
      date: 2026-11-22
"""


def test_what_belongs_together_has_a_reason_a_reviewer_and_a_date(tmp_path: Path, text: str) -> None:
    (entry,) = _load(tmp_path, text.replace("group:\n", TOGETHER)).group.together
    assert entry.files == ("original/000001.png", "original/000002.png")
    assert (entry.reviewer, entry.date.isoformat()) == ("A. Steward", "2026-11-22")
    assert _load(tmp_path, text).group.together == ()


@pytest.mark.parametrize(
    ("old", "new", "found", "expected"),
    [
        (", original/000002.png]", "]", "group.together.0.files: 1 of them", "two images or more"),
        (
            "000002.png",
            "000001.png",
            "group.together.0.files: original/000001.png more than once",
            "two images or more",
        ),
        ("000002.png", "../../a.png", "'original/../../a.png' may lead out of its folder", "without .."),
        ("original/000002.png", "/etc/passwd", "group.together.0.files.1: '/etc/passwd' may lead out", "within"),
        ("      reviewer: A. Steward\n", "", "group.together.0.reviewer: is missing", "reviewer"),
        ("      reason: one lesion, seen twice\n", "", "group.together.0.reason: is missing", "reason"),
        ("2026-11-22", "2999-01-01", "2999-01-01 is still to come", "the day of the review"),
        ("      date:", "      action: exclude\n      date:", "group.together.0.action: no key", "files, reason"),
        ("files: [", "file: [", "group.together.0.file: no key", "files"),
    ],
)
def test_an_entry_of_what_belongs_together_that_is_wrong_is_refused(
    old: str, new: str, found: str, expected: str, tmp_path: Path, text: str
) -> None:
    assert old in TOGETHER
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, text.replace("group:\n", TOGETHER.replace(old, new)))
    assert found in refused.value.found, refused.value.found
    assert expected in refused.value.expected, refused.value.expected
    assert "udiat.yaml" in refused.value.found and "line " in refused.value.found


def test_a_licence_that_forbids_training_forbids_the_role_internal(tmp_path: Path, text: str) -> None:
    forbidding = text.replace('train: "yes"', 'train: "no"')
    check_licence(_load(tmp_path, text))
    with pytest.raises(ContractError, match="the licence of udiat forbids to train on it"):
        check_licence(_load(tmp_path, forbidding))
    check_licence(_load(tmp_path, forbidding.replace("role: internal", "role: external")))


@pytest.mark.parametrize(
    ("name", "use", "told"),
    [
        ("fh_ps_aop", "train", "text wasn't seen: read it where the images are published, or"),
        ("fh_ps_aop", "redistribute", "or ask the authors, before passing anything on"),
        ("busi", "commercial", "what is stated doesn't agree: ask the authors before any commercial use"),
        ("tn3k", "train", "no licence of the images is stated: ask the authors before training"),
        ("busi_curated", "train", "doesn't agree"),
        ("fugc", "train", "credit the authors"),
        ("psfhs", "commercial", "credit the authors"),
        ("udiat", "train", "nothing passed on in whole or in part, no changes without written approval"),
        ("udiat", "redistribute", "keep it out of shared folders"),
    ],
)
def test_what_a_licence_means_for_a_use_is_told(name: str, use: Use, told: str, root: Path) -> None:
    contract = load_contract(name, root / "data/contracts")
    assert told in licence_answer(contract, use)


def test_where_an_unseen_licence_may_be_read_is_told(root: Path) -> None:
    unseen, unstated = (load_contract(name, root / "data/contracts") for name in ("bus_bra", "tn3k"))
    assert "https://zenodo.org/records/8231412" in licence_addresses(unseen)
    assert licence_addresses(unstated) == ()


def test_without_an_address_that_answers_the_authors_alone_are_left(root: Path) -> None:
    contract = load_contract("fh_ps_aop", root / "data/contracts")
    gone = tuple(place.model_copy(update={"form": "gone"}) for place in contract.source.places)
    contract = contract.model_copy(update={"source": contract.source.model_copy(update={"places": gone})})
    assert licence_answer(contract, "train").endswith("wasn't seen: ask the authors, before training")


def test_the_address_to_try_first_is_one_that_answers(root: Path) -> None:
    source = load_contract("ddti", root / "data/contracts").source
    assert source.places[0].form == "gone"
    assert source.address == source.places[1].address


def test_no_contract_of_the_project_shares_a_source_unsaid(root: Path) -> None:
    folder = root / "data/contracts"
    assert [unlinked_sources(load_contract(name, folder), folder) for name in contract_names(folder)] == [()] * len(
        contract_names(folder)
    )


@pytest.mark.parametrize(
    ("link", "told"),
    [("", 1), ("same_source_as: [udiat]\n", 0), ("shared", 0)],
)
def test_what_a_copied_contract_kept_of_the_other_is_told(link: str, told: int, tmp_path: Path, text: str) -> None:
    _load(tmp_path, text)
    copied = text.replace("name: udiat", "name: mine")
    copied = copied.replace("\nlicence:", "\n  shared_with: [udiat]\nlicence:") if link == "shared" else copied + link
    mine = _load(tmp_path, copied, "mine")
    (tmp_path / "broken.yaml").write_text("name: broken")
    found = unlinked_sources(mine, tmp_path)
    assert len(found) == len(unlinked_sources(load_contract("udiat", tmp_path), tmp_path)) == told
    if found:
        assert "the address http://www2.docm.mmu.ac.uk/STAFF/m.yap/dataset.php and the citation of udiat" in found[0]
        assert "name udiat under same_source_as" in found[0]
    other = copied.replace("http://www2.docm.mmu.ac.uk", "https://host").replace("Yap MH, Pons", "Nobody N, Pons")
    assert unlinked_sources(_load(tmp_path, other, "mine"), tmp_path) == ()


def test_all_contracts_of_the_project_can_be_read(root: Path) -> None:
    names = contract_names(root / "data/contracts")
    assert len(names) >= 12
    assert [load_contract(name, root / "data/contracts").name for name in names] == list(names)
