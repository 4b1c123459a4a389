"""Every item has an answer and a status; NOT PROVIDED goes when people have written."""

from __future__ import annotations

from components.release.documents.items import Answers, Document
from components.release.documents.statements import NOT_PROVIDED


def _document(**statements: str) -> Document:
    answers = Answers(statements, section="One")
    answers.run("1", "from the run", "42", where="metrics.json")
    answers.run("2", "lacking", f"busi: {NOT_PROVIDED}", where="contract", lacks=True)
    answers.people("3", "from people", "contact")
    answers.people("4", "from both", "ethics", "funding", run="Nobody was imaged.", where="a.json")
    answers.section = "Two"
    answers.skip("5", "beside the point", "Nothing of the kind.")
    return Document("name", "Title", ("Opening.",), tuple(answers.items))


def test_what_people_still_owe_is_counted_and_named() -> None:
    record = _document(funding="by no one").record("x/name.md", required=("contact", "ethics", "title"))
    assert record == {
        "name": "name",
        "path": "x/name.md",
        "items": 5,
        "filled": 1,
        "not_applicable": 1,
        "not_provided": ["2 lacking", "3 from people", "4 from both"],
        "missing_required": ["contact", "ethics"],
    }


def test_a_statement_takes_the_place_of_not_provided() -> None:
    empty, full = _document().markdown(), _document(contact="J. Doe", ethics="waived.", funding="none").markdown()
    assert f"| 3 | from people | {NOT_PROVIDED} | docs/statements.yaml | {NOT_PROVIDED} |" in empty
    assert "| 3 | from people | J. Doe | docs/statements.yaml | filled |" in full
    both = "Nobody was imaged. ethics approval and consent: waived.; funding: none"
    assert f"| 4 | from both | {both} | a.json; docs/statements.yaml | filled |" in full
    assert "5 items: 3 filled, 1 NOT PROVIDED, 1 not applicable." in full
    assert empty.index("## One") < empty.index("## Two") < empty.index("beside the point")
