"""A dataset of the run to its sheet, in the shape of datasheets for datasets.

The shape (why, what, how gathered, how prepared, for what, how passed on, who keeps it) is that of Gebru et al.,
Communications of the ACM 2021;64(12):86-92; the questions are in our words. Where a run draws phantoms, the contract
tells of the original whose layout they have, and the sheet says so. Leaves out: what any copy of the dataset needs to
be brought in (docs/datasets), and the machine-readable description (`croissant.json` beside the manifest).
"""

from __future__ import annotations

from collections.abc import Mapping

from components.contract import Use, licence_answer
from components.release.documents import about_data as data
from components.release.documents.items import Answers, Document
from components.release.documents.marking import shown, table
from components.release.documents.run_files import Run
from components.release.documents.statements import NOT_PROVIDED

SHAPE = (
    "The shape is that of datasheets for datasets (Gebru et al., Communications of the ACM 2021;64(12):86-92); the "
    "questions are told in other words."
)
_USES: Mapping[Use, str] = {"train": "training", "redistribute": "passing on", "commercial": "commercial use"}


def dataset_sheet(run: Run, name: str) -> Document:
    """The sheet of one dataset of the run."""
    answers = Answers(run.statements)
    for section in (_why, _what, _gathered, _prepared, _uses, _passed_on):
        section(answers, run, name)
    _kept(answers, name)
    head, *rows = data.by_class_and_side(run, name)
    closing = ("## Images by class and side", table(head, rows))
    opening = (SHAPE, *([f"**{shown(_phantoms(name))}**"] if run.is_phantom(name) else []))
    return Document(f"datasets/{name}", f"Dataset sheet: {name}", opening, tuple(answers.items), closing)


def _phantoms(name: str) -> str:
    return (
        f"The images of {name} in this run are phantoms, made by a generator in the layout of the original. What its "
        "contract says of people, machines and licence is said of the original, of which no image is in this run."
    )


def _contract(name: str) -> str:
    return f"data/contracts/{name}.yaml"


def _manifest(run: Run, name: str) -> str:
    return f"data/02_harmonised/{run.role(name)}/{name}/manifest.parquet"


def _why(answers: Answers, run: Run, name: str) -> None:
    answers.section = "Why it was made"
    contract = run.contracts[name]
    answers.run("1", "What it is for in this run", f"{contract.role}: {contract.role_reason}", where=_contract(name))
    answers.run("2", "Who made it", contract.source.citation, where=_contract(name))


def _what(answers: Answers, run: Run, name: str) -> None:
    answers.section = "What it holds"
    contract, records, where = run.contracts[name], run.records[name], _manifest(run, name)
    anatomy = f"{contract.anatomy}; {len(records)} images ({data.origin(run, name)}), {data.image_sizes(run, name)}"
    answers.run("3", "Images", anatomy, where=where)
    answers.run("4", "Objects", data.objects(run, name), where=where)
    groups = len({record.group for record in records})
    key = f"{groups} groups; key: {contract.group.key}, {contract.group.reason}"
    answers.run("5", "Which images belong together", key, where=where)
    answers.run("6", "Pixel spacing", data.spacing(run, name), where=where)
    answers.run("7", "Flags of the authors and warnings", data.flags(run, name), where=where)
    answers.run("8", "Burnt in", data.burnt_in(run, name), where=f"reports/data/{name}/faults.md")
    official = contract.official_splits
    split = f"{official.stated}; here: {official.use}" if official else "the authors give none that is known here"
    answers.run("9", "Division that the authors give", split, where=_contract(name))
    same = ", ".join(contract.same_source_as) or "no dataset that has a contract here"
    answers.run("10", "Same people as", same, where=_contract(name))
    answers.run("11", "Known faults of the original", data.listed(contract.known_faults), where=_contract(name))


def _gathered(answers: Answers, run: Run, name: str) -> None:
    answers.section = "How it was gathered"
    if run.is_phantom(name):
        answers.run("12", "How images were taken", data.origin(run, name), where="params.yaml")
        answers.skip("13", "Who was imaged, and how chosen", "Nobody was imaged.")
        answers.skip("14", "Ethics and consent", "Nobody was imaged.")
        answers.skip("15", "Who drew the outlines", "The truth of a drawn image is what was drawn.")
        return
    known = data.taken(run, name)
    answers.run("12", "How images were taken", known, where=_contract(name), lacks=NOT_PROVIDED in known)
    answers.people("13", "Who was imaged, and how chosen", "participants", "selection")
    answers.people("14", "Ethics and consent", "ethics", "deidentification")
    answers.people("15", "Who drew the outlines", "annotators", "annotator_agreement")


def _prepared(answers: Answers, run: Run, name: str) -> None:
    answers.section = "How it was prepared"
    mask = run.contracts[name].mask
    answers.run("16", "How masks are read", f"{mask.reason} ({mask.kind})", where=_contract(name))
    small = f"areas under {mask.min_area_px} pixels are specks, not objects"
    answers.run(
        "17", "What was left out", f"{data.left_out(run, name)}; {small}", where=f"reports/data/{name}/faults.md"
    )
    counts = run.faults[name]["counts"]
    found = ", ".join(f"{counts[level]} {level}" for level in ("error", "warning", "info"))
    answers.run("18", "Faults found in this copy", found, where=f"reports/data/{name}/faults.md")
    form = "decoded pixels without loss at native resolution, instance masks, COCO, Croissant"
    answers.run("19", "Form that is kept", form, where=f"data/02_harmonised/{run.role(name)}/{name}/croissant.json")


def _uses(answers: Answers, run: Run, name: str) -> None:
    answers.section = "What it is used for"
    trained = "the model was trained on it" if name in run.student.trained_on else "the model wasn't trained on it"
    answers.run("20", "Use in this run", f"role {run.role(name)}; {trained}", where="models/student/model.json")
    answers.run(
        "21", "Had the model seen it or its people", data.exposure(run, name), where="models/student/model.json"
    )
    if run.is_phantom(name):
        answers.run("22", "What it isn't for", "Any statement about patients", where="docs/data.md")
    else:
        answers.people("22", "What it isn't for", "intended_use")


def _passed_on(answers: Answers, run: Run, name: str) -> None:
    answers.section = "How it is passed on"
    contract = run.contracts[name]
    whose = "of the original: " if run.is_phantom(name) else ""
    answers.run("23", "Licence", f"{whose}{contract.licence.stated}", where=_contract(name))
    uses = [_use(run, name, use) for use in _USES]
    answers.run("24", "What the licence allows", f"{whose}{data.listed(uses)}", where=_contract(name))
    places = data.listed(f"{place.address} ({place.form})" for place in contract.source.places)
    answers.run("25", "Where the original is to be had", f"{places}; {contract.source.obtain}", where=_contract(name))
    answers.run("26", "How to cite it", contract.source.citation, where=_contract(name))


def _use(run: Run, name: str, use: Use) -> str:
    contract = run.contracts[name]
    answer = licence_answer(contract, use)
    return f"{_USES[use]} {getattr(contract.licence, use)}{f' ({answer})' if answer else ''}"


def _kept(answers: Answers, name: str) -> None:
    answers.section = "Who keeps it"
    answers.people("27", "Whom to write to about this copy", "contact")
    where = f"{_contract(name)}; dvc.lock"
    version = "the contract and DVC's lock, which has the digest of the raw and the harmonised files; git keeps both"
    answers.run("28", "Versions", version, where=where)
