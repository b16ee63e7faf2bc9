"""Every template reads, builds, and answers its own questions through the library."""

import numpy as np
import pytest

from fokkerplanck.problem_files import TEMPLATES, ProblemFile, template
from fokkerplanck.problem_files.questions import CALLS
from fokkerplanck.problem_files.schema import QUESTIONS


@pytest.fixture
def written(tmp_path):
    def write(name):
        path = tmp_path / f"{name}.toml"
        path.write_text(template(name), encoding="utf-8")
        return ProblemFile.read(path)

    return write


@pytest.mark.parametrize(
    ("name", "question"),
    [
        pytest.param(
            name,
            question,
            marks=[pytest.mark.slow] if (name, question) == ("gyrator", "verify") else [],
        )
        for name, text in TEMPLATES.items()
        for question in CALLS
        if f"[{question}]" in text
    ],
)
def test_answers_its_own_questions(name, question, written):
    file = written(name)
    answer = file.ask(question, progress=False)
    if question == "sweep":
        assert answer.ok.all(), answer.summary
    if question == "verify":
        assert answer.ok
    if question in ("steady", "solve"):
        np.testing.assert_allclose(file.problem().grid.integrate(answer.rho), 1, rtol=1e-9)


@pytest.mark.parametrize("name", TEMPLATES)
def test_names_its_questions(name, written):
    file = written(name)
    assert file.title
    assert set(file.asks) == {q for q in QUESTIONS if f"\n[{q}]" in template(name)}
    assert file.problem().grid.size > 10


def test_an_unknown_template_is_told_with_what_may_be_meant():
    with pytest.raises(ValueError, match=r"^there is no template gyrater; did you mean gyrator\?$"):
        template("gyrater")
