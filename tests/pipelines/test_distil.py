"""The student's stage writes a student that names its teacher."""

from __future__ import annotations

from components.artefacts import read_description
from components.students import load_student
from tests.pipelines.conftest import Reached


def test_the_student_names_its_teacher_and_what_it_learned_on(reached: Reached) -> None:
    root = reached("distil")
    student, described = load_student(root / "models/student")
    teacher = read_description(root / "models/teacher")
    assert student.image_size_px == 64
    assert described.kind == "student" and described.phantom is True and described.trained_on == ("busi",)
    assert teacher.name in described.base
    assert described.pretraining_exposure == teacher.pretraining_exposure


def test_its_curve_is_written_and_its_checkpoint_gone(reached: Reached) -> None:
    root = reached("distil")
    assert (root / "reports/training/distil.csv").read_text(encoding="utf-8").count("\n") == 2
    assert list((root / ".cache/stages/distil").iterdir()) == []
