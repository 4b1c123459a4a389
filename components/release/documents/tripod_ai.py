"""A run to the checklist TRIPOD+AI: what each item is about in our words, and what this run says of it.

Numbers are those of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378; 27 items, some in parts). It is made for models
that predict an outcome of persons; here the outcome is an outline in an image, and items that mean something else say
why they don't apply. Leaves out: the checklist's own sentences, and its form for abstracts.
"""

from __future__ import annotations

from components.release.documents import about_data as data
from components.release.documents import about_model as model
from components.release.documents import about_results as results
from components.release.documents.claim import CONTRACTS, DRAWN, MODEL, NOBODY, PARAMS, REPORTS, RESULTS, SPLIT
from components.release.documents.items import Answers, Document
from components.release.documents.run_files import Run

SOURCE = (
    "Item numbers are those of TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), which was made for models that "
    "predict an outcome of persons; here the outcome is an outline in an image. What an item is about is told in "
    "other words than the checklist's."
)


def tripod_ai(run: Run) -> Document:
    """The checklist, filled from the run and from people's statements."""
    answers = Answers(run.statements)
    _opening(answers, run)
    _data(answers, run)
    _outcome(answers, run)
    _analysis(answers, run)
    _open_science(answers, run)
    _results(answers, run)
    _discussion(answers, run)
    return Document("tripod_ai", "TRIPOD+AI, filled from the run", (SOURCE,), tuple(answers.items))


def _opening(answers: Answers, run: Run) -> None:
    answers.section = "Title, abstract, introduction"
    answers.people("1", "Title", "title", run=f"A model is developed and tested: {run.student.name}")
    answers.people("2", "Abstract", "summary")
    answers.people("3a", "Care in which it belongs, and why a model", "clinical_background", "intended_use")
    answers.people(
        "3b", "For whom, where in care, for which users", "intended_population", "intended_setting", "intended_users"
    )
    answers.people("3c", "Known health inequalities", "health_inequalities")
    answers.people("4", "Aims", "objectives", run="The run both develops and tests a model", where="dvc.yaml")


def _data(answers: Answers, run: Run) -> None:
    answers.section = "Methods: data"
    answers.run("5a", "Sources for development and testing", data.sources(run), where=CONTRACTS)
    told, lacks = data.acquisition(run)
    answers.run("5b", "When and with what the data were gathered", told, where=CONTRACTS, lacks=lacks)
    answers.run("6a", "Setting and centres", told, where=CONTRACTS, lacks=lacks)
    answers.people("6b", "Who was eligible", "selection", run=data.eligibility(run), where="reports/data/")
    if run.all_drawn:
        answers.skip("6c", "Treatments received", NOBODY)
    else:
        answers.people("6c", "Treatments received", "treatments")
    answers.run("7", "Preparing and checking the data", model.preprocessing(run), where="reports/data/; docs/data.md")


def _outcome(answers: Answers, run: Run) -> None:
    answers.section = "Methods: outcome and predictors"
    names = "; ".join(f"{name}: {', '.join(run.contracts[name].mask.labels.values())}" for name in run.names)
    outcome = f"The outline of one annotated object under one prompt. Objects: {names}"
    answers.run("8a", "The outcome, and how it was determined", outcome, where=CONTRACTS)
    for number, subject in (("8b", "Who determined it, and how qualified"), ("8c", "Whether that was done blinded")):
        if run.all_drawn:
            answers.skip(number, subject, DRAWN)
        else:
            answers.people(number, subject, "annotators")
    answers.skip("9a", "Choice of predictors", "The only inputs are the image and a prompt.")
    inputs = f"The image's pixels, and a prompt drawn from the truth: {', '.join(run.params.prompts.evaluate.kinds)}"
    answers.run("9b", "The inputs, and how they were measured", inputs, where="docs/evaluation.md")
    answers.skip(
        "9c", "Who judged the predictors", "No person judges a predictor; prompts are computed from the truth."
    )
    answers.people("10", "Number of cases, and why", "sample_size", run=results.sample_words(run), where=RESULTS)
    answers.run("11", "Missing data", data.missing_data(run), where=RESULTS)


def _analysis(answers: Answers, run: Run) -> None:
    answers.section = "Methods: analysis"
    answers.run("12a", "How the data were used", data.partition(run), where=SPLIT)
    answers.run("12b", "How inputs were treated", model.preprocessing(run), where="components/preprocess.py")
    built = f"{model.model(run)}. {model.training(run)}. {model.chosen_by(run)}"
    answers.run("12c", "Kind of model, building and choosing it", built, where=f"{MODEL}; {PARAMS}")
    differs = "Every dataset is reported by itself; where models are compared over several, each weighs the same"
    answers.run("12d", "Differences between sources", differs, where=RESULTS)
    answers.run(
        "12e",
        "Measures of performance",
        f"{results.metrics_used(run)}. {results.uncertainty(run)}",
        where="docs/evaluation.md",
    )
    answers.skip(
        "12f", "Updating the model after testing", "Nothing is changed after testing; a change is another run."
    )
    answers.run("12g", "How answers were computed for testing", results.output_words(run), where=MODEL)
    balance = (
        "Sides hold classes as alike as whole groups allow; the focal loss weighs an object's pixels against the "
        "background's by "
    )
    answers.run(
        "13", "Imbalance of classes", f"{balance}{run.params.distil.loss.focal_alpha:g}", where=f"{SPLIT}; {PARAMS}"
    )
    answers.people("14", "Fairness", "health_inequalities", run=results.subgroup_words(run), where=RESULTS)
    answers.run("15", "What the model puts out, and thresholds", results.output_words(run), where=MODEL)
    apart = f"{data.disjoint(run)}. {results.external_words(run)}"
    answers.run(
        "16", "Differences between training and testing data", apart, where=f"{SPLIT}; reports/external/metrics.json"
    )
    answers.people("17", "Ethics approval and consent", "ethics")


def _open_science(answers: Answers, run: Run) -> None:
    answers.section = "Open science; patients and the public"
    answers.people("18a", "Funding", "funding")
    answers.people("18b", "Conflicts of interest", "conflicts_of_interest")
    protocol = "Parameters and the gate's limits stand in reports/document/change_record.md"
    answers.people("18c", "Protocol", "protocol", run=protocol)
    answers.people("18d", "Registration", "registration")
    answers.people("18e", "Sharing of data", "data_availability", run=f"Licences: {_licences(run)}", where=CONTRACTS)
    code = f"Commit {run.student.provenance.get('git_sha', 'unknown')}"
    answers.people("18f", "Sharing of code", "code_availability", run=code, where=MODEL)
    answers.people("19", "Part taken by patients and the public", "patient_involvement")


def _licences(run: Run) -> str:
    return data.listed(
        f"{name}: drawn here" if run.is_phantom(name) else f"{name}: {run.contracts[name].licence.stated}"
        for name in run.names
    )


def _results(answers: Answers, run: Run) -> None:
    answers.section = "Results"
    answers.run("20a", "Flow from images to cases", data.participants_flow(run), where=RESULTS)
    people = "Characteristics of the people and images"
    if run.all_drawn:
        answers.run("20b", people, f"{NOBODY} {data.classes(run)}", where=SPLIT)
    else:
        answers.people("20b", people, "participants", run=data.classes(run), where=SPLIT)
    compared = f"Images by side and class: {data.classes(run)}"
    answers.run("20c", "Development against testing data", compared, where=SPLIT)
    answers.run("21", "Numbers in each analysis", results.sample_words(run), where=RESULTS)
    where = "models/student (weights.safetensors, model.json); serving/ answers through HTTP"
    answers.run("22", "The full model, for others to use", model.model(run), where=where)
    both = f"Internal: {results.performance(run, 'internal')}. External: {results.performance(run, 'external')}"
    answers.run(
        "23a",
        "Performance with intervals",
        f"{both}. {results.confidence_words(run)}. {results.failures(run)}",
        where=RESULTS,
    )
    answers.run("23b", "Differences between sources in performance", both, where=RESULTS)
    answers.skip("24", "Results of updating", "Nothing is changed after testing.")


def _discussion(answers: Answers, run: Run) -> None:
    answers.section = "Discussion"
    answers.people("25", "What the results mean", "interpretation")
    answers.people("26", "Limits", "clinical_limitations", run=results.shown_limits(run), where=REPORTS)
    answers.people("27a", "Poor or missing inputs in use", "use_in_practice")
    answers.people("27b", "What users must do and know", "intended_users", "use_in_practice")
    answers.people("27c", "Next steps", "future_work")
