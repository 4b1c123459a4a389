"""A run to the checklist CLAIM: what each item is about in our words, and what this run says of it.

Numbers are those of CLAIM (Mongan, Moy, Kahn, Radiology: Artificial Intelligence 2020;2(2):e200029, 42 items). Its
update (Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300) counts otherwise and adds subjects; those
that 2020 lacks stand at the end, without its numbers. Leaves out: the checklist's own sentences.
"""

from __future__ import annotations

from components.release.documents import about_data as data
from components.release.documents import about_model as model
from components.release.documents import about_results as results
from components.release.documents.items import Answers, Document
from components.release.documents.run_files import Run

SOURCE = (
    "Item numbers are those of CLAIM (Mongan, Moy, Kahn, Radiology: Artificial Intelligence 2020;2(2):e200029). Its "
    "update (Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300) numbers otherwise; subjects that "
    "it adds stand at the end. What an item is about is told in other words than the checklist's."
)
CONTRACTS, SPLIT, PARAMS, MODEL = (
    "data/contracts/",
    "reports/split/report.md",
    "params.yaml",
    "models/student/model.json",
)
RESULTS = "reports/internal/metrics.json; reports/external/metrics.json"
NOBODY, DRAWN = "All images are drawn; they show nobody.", "The truth of a drawn image is what was drawn."
REPORTS = "reports/internal/report.md; reports/external/report.md"


def claim(run: Run) -> Document:
    """The checklist, filled from the run and from people's statements."""
    answers = Answers(run.statements)
    _opening(answers, run)
    _data(answers, run)
    _reference(answers, run)
    _partitions(answers, run)
    _model(answers, run)
    _evaluation(answers, run)
    _results(answers, run)
    _discussion(answers, run)
    _added_in_2024(answers, run)
    return Document("claim", "CLAIM, filled from the run", (SOURCE,), tuple(answers.items))


def _opening(answers: Answers, run: Run) -> None:
    answers.section = "Title, abstract, introduction"
    answers.people("1", "Title that names the AI method", "title", run=f"Method: {run.student.name}, deep learning")
    answers.people("2", "Structured abstract", "summary")
    answers.people("3", "Background; use and role in care", "clinical_background", "intended_use")
    answers.people("4", "Aims and hypotheses", "objectives")
    answers.section = "Methods: design"
    design = "Neither: all images are drawn" if run.all_drawn else "Retrospective: nobody was imaged for this run"
    answers.run("5", "Prospective or retrospective", design, where=CONTRACTS)
    goal = "To train a small promptable segmenter, and to test whether it may follow the model in use"
    answers.run("6", "Goal of the study", goal, where="params.yaml (gate)")


def _data(answers: Answers, run: Run) -> None:
    answers.section = "Methods: data"
    answers.run("7", "Sources of the data", data.sources(run), where=CONTRACTS)
    answers.people("8", "Who and what was eligible", "selection", run=data.eligibility(run), where="reports/data/")
    answers.run("9", "Preprocessing", model.preprocessing(run), where="components/preprocess.py; docs/data.md")
    subsets = "The model sees whole images; prompts name objects in them, and no region is cut out beforehand"
    answers.run("10", "Choice of parts of the data", subsets, where="docs/evaluation.md")
    elements = "; ".join(f"{name}: {', '.join(run.contracts[name].mask.labels.values())}" for name in run.names)
    answers.run("11", "What is annotated, defined", f"Objects by dataset: {elements}", where=CONTRACTS)
    if run.all_drawn:
        answers.skip("12", "De-identification", NOBODY)
    else:
        seen = data.listed(f"{name}: {data.burnt_in(run, name)}" for name in run.names if not run.is_phantom(name))
        answers.people("12", "De-identification", "deidentification", run=f"Looked for: {seen}", where="reports/data/")
    answers.run("13", "Missing data", data.missing_data(run), where=RESULTS)


def _reference(answers: Answers, run: Run) -> None:
    answers.section = "Methods: reference standard"
    masks = data.listed(_truth(run, name) for name in run.names)
    answers.run("14", "Definition of the truth", masks, where=CONTRACTS)
    if run.all_drawn:
        for number, subject in _ANNOTATION:
            answers.skip(number, subject, DRAWN)
        return
    keys = ("reference_standard", "annotators", "annotators", "annotator_agreement")
    for (number, subject), key in zip(_ANNOTATION, keys, strict=True):
        answers.people(number, subject, key)


def _truth(run: Run, name: str) -> str:
    """What counts as the truth in a dataset, and how it is read from its files."""
    mask = run.contracts[name].mask
    if run.is_phantom(name):
        return f"{name}: what was drawn, kept as the original keeps its outlines ({mask.kind}; of those: {mask.reason})"
    return f"{name}: the source's own outlines ({mask.kind}), read so: {mask.reason}"


_ANNOTATION = (
    ("15", "Why this truth"),
    ("16", "Who annotated, and how qualified"),
    ("17", "Tools of annotation"),
    ("18", "Spread between and within annotators"),
)


def _partitions(answers: Answers, run: Run) -> None:
    answers.section = "Methods: division of the data"
    answers.people("19", "Number of cases, and why", "sample_size", run=results.sample_words(run), where=RESULTS)
    answers.run("20", "How cases came to their side", data.partition(run), where=SPLIT)
    answers.run("21", "At which level sides are apart", data.disjoint(run), where=SPLIT)


def _model(answers: Answers, run: Run) -> None:
    answers.section = "Methods: model and training"
    answers.run("22", "The model, in and out", model.model(run), where=f"{MODEL}; docs/model.md")
    answers.run("23", "Software", model.software(run), where=f"{MODEL}; requirements.lock.txt")
    answers.run("24", "Initial weights", model.initial_weights(run), where="models/teacher/model.json")
    answers.run("25", "Training in detail", model.training(run), where=f"{PARAMS}; reports/training/")
    answers.run("26", "How the final weights were chosen", model.chosen_by(run), where="components/training/loop.py")
    answers.skip("27", "Ensembles", "One model answers; nothing is ensembled.")


def _evaluation(answers: Answers, run: Run) -> None:
    answers.section = "Methods: evaluation"
    answers.run("28", "Measures", results.metrics_used(run), where="docs/evaluation.md")
    answers.run("29", "Uncertainty and significance", results.uncertainty(run), where=PARAMS)
    answers.run("30", "Robustness", results.robustness(run), where=REPORTS)
    shown = "No attribution is computed. The answer is an outline, to be seen on the image itself"
    answers.run("31", "Explaining the answers", shown, where="docs/endpoint.md")
    answers.run("32", "Testing on external data", results.external_words(run), where="reports/external/metrics.json")


def _results(answers: Answers, run: Run) -> None:
    answers.section = "Results"
    answers.run("33", "Flow from images to cases", data.participants_flow(run), where=RESULTS)
    known = f"Images by class and side: {data.classes(run)}"
    if run.all_drawn:
        answers.run("34", "Characteristics of each side", f"{NOBODY} {known}", where=SPLIT)
    else:
        answers.people("34", "Characteristics of each side", "participants", run=known, where=SPLIT)
    both = (
        f"Test: {results.performance(run, 'internal')}. External: {results.performance(run, 'external')}. On val only "
        "the choice of weights rests; train isn't scored"
    )
    answers.run("35", "Performance on each side", both, where=RESULTS)
    differences = f"{results.against(run, 'ellipse')}. Minus the U-Net that is given the box: "
    differences += results.against(run, "unet_box")
    precise = f"Student minus ellipse, Dice: {differences}. {results.confidence_words(run)}"
    answers.run("36", "Estimates with their precision", precise, where=RESULTS)
    answers.run("37", "Failures", results.failures(run), where=REPORTS)


def _discussion(answers: Answers, run: Run) -> None:
    answers.section = "Discussion and other information"
    answers.people("38", "Limits", "clinical_limitations", run=results.shown_limits(run), where=REPORTS)
    answers.people("39", "What follows for practice", "implications", "intended_use")
    answers.people("40", "Registration", "registration")
    protocol = "Parameters and the gate's limits stand in reports/document/change_record.md"
    answers.people("41", "Where the protocol can be read", "protocol", run=protocol)
    answers.people("42", "Funding", "funding")


def _added_in_2024(answers: Answers, run: Run) -> None:
    answers.section = "Subjects of the update of 2024"
    told, lacks = data.acquisition(run)
    answers.run("+1", "How the images were taken", told, where=CONTRACTS, lacks=lacks)
    answers.run(
        "+2", "Testing on internal data", results.performance(run, "internal"), where="reports/internal/metrics.json"
    )
    answers.people("+3", "Availability of code, model and data", "code_availability", "data_availability")
