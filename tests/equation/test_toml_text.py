"""What can be written as a problem file, and what cannot.

That files read as the same problem: tests/problem_files/test_round_trip.py.
"""

import numpy as np
import pytest

import fokkerplanck as fp

LINE = fp.Grid([(-1, 1)], 8)
PLANE = fp.Grid([(-1, 1), (0, 2)], (6, 5))


def test_a_formula_keeps_its_parameters():
    f = fp.Formula("a*x^2/2 + y^4", {"a": 0.3})
    text = fp.Problem(PLANE, f=f, D=(1, 0.5), kT=0.5).to_toml()
    assert text.splitlines() == [
        "[grid]",
        "box = [[-1.0, 1.0], [0.0, 2.0]]",
        "shape = [6, 5]",
        'sides = ["reflecting", "reflecting"]',
        "",
        "[parameters]",
        "a = 0.3",
        "",
        "[problem]",
        'f = "a*x^2/2 + y^4"',
        "D = [1.0, 0.5]",
        "beta = 2.0",
    ]


def test_parameters_of_two_meanings_become_numbers():
    problem = fp.Problem(LINE, f=fp.Formula("a*x", {"a": 2}), D=fp.Formula("a + x^2", {"a": 3}))
    text = problem.to_toml()
    assert "[parameters]" not in text
    assert 'f = "2*x"\nD = "3 + x^2"\n' in text


def test_an_array_of_one_value_is_a_number():
    problem = fp.Problem(PLANE, drift=np.ones((2, 6, 5)), D=np.full((6, 5), 0.25))
    assert "drift = [1.0, 1.0]\nD = [[0.25, 0.0], [0.0, 0.25]]\n" in problem.to_toml()


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            lambda: fp.Problem(LINE, f=lambda x: x**2),
            "f is a Python function, which a problem file cannot hold; give a Formula",
        ),
        (
            lambda: fp.Problem(LINE, f=0.0, sigma=lambda x: 1 + x**2),
            "sigma is a Python function, which a problem file cannot hold; give a Formula",
        ),
        (
            lambda: fp.Problem(LINE, f=LINE.x[0] ** 2),
            "f is an array that varies, which a problem file cannot hold; give a Formula",
        ),
        (
            lambda: fp.Problem(PLANE, drift=[PLANE.x[0], 0.0]),
            "drift is a list of arrays, which a problem file cannot hold; give a Formula",
        ),
        (
            lambda: fp.Problem.langevin(fp.Grid([(-1, 1), (-1, 1)], 6), lambda x: x, 1, 1),
            "U is a Python function, which a problem file cannot hold; give a Formula",
        ),
        (
            lambda: fp.Problem(LINE, drift=fp.Formula("max(x, x^3)").partial(0)),
            "drift holds a formula that cannot be written (there is no function picked; choose "
            "from exp, log, sqrt, sin, cos, tan, sinh, cosh, tanh, abs, sign, atan, atan2, hypot, "
            "min, max); give it as text",
        ),
        (
            lambda: fp.Problem(LINE, f=fp.Formula("u", variables=("u",)), D=fp.Formula("1 + x^2")),
            "formulas name the coordinates in different ways; give all of them the same variables",
        ),
        (
            lambda: fp.Problem.from_samples(
                LINE, lambda theta, _: np.stack([theta[0] ** 2, (theta[0] - 1) ** 2]), None, 0.1, 1
            ),
            "this problem is of minibatch SGD, whose losses are a function; write samples = and "
            "loss = into a problem file by hand",
        ),
    ],
)
def test_what_cannot_be_written_is_said(problem, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        problem().to_toml()
    assert str(caught.value) == sentence
