"""Minibatch SGD on the rows of a CSV file."""

import numpy as np
import pytest

import fokkerplanck as fp

TEXT = """[grid]
box = [[-3, 3]]
shape = 16
[problem]
samples = "rows.csv"
loss = "(a*x - y)^2/2"
eta = 0.1
b = 1
"""


def read(folder, rows):
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    (folder / "sgd.toml").write_text(TEXT, encoding="utf-8")
    return fp.read_problem(folder / "sgd.toml")


def test_loss_gradient_and_covariance_are_those_of_the_rows(tmp_path):
    problem = read(tmp_path, "a, y\n1, 1\n2, 0\n")
    x = problem.grid.x[0]
    slopes = np.stack([x - 1, 4 * x])
    np.testing.assert_allclose(problem.f, ((x - 1) ** 2 + 4 * x**2) / 4, rtol=1e-14)
    np.testing.assert_allclose(problem.g[0], slopes.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(problem.D[0, 0], slopes.var(axis=0), rtol=1e-13)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a, y\n1, 1\n2\n", r"rows.csv:3:1: this row has 1 entries and the first one 2"),
        ("a, y\n1, u\n", r"rows.csv:2:3: ' u' is no finite number$"),
        ("a, a\n1, 2\n", r"rows.csv:1:1: two columns are named a; rename one$"),
        ("a, y\n", r"rows.csv:1:1: give names of columns in the first row, and data$"),
        ("a, y\n\n", r"rows.csv:1:1: rows of numbers: 0; give two at least, which make the noise$"),
        ("a, y\n1, 2\n", r"rows.csv:1:1: rows of numbers: 1; give two at least"),
        ("a, x\n1, 2\n3, 4\n", r"sgd.toml:5:11: x cannot name a column, it has a meaning"),
        ("a, z\n1, 2\n3, 4\n", r"sgd.toml:6:16: there is no name y; choose from x, a, z, pi, e$"),
    ],
)
def test_bad_rows_are_told_by_line(rows, told, tmp_path):
    with pytest.raises(fp.ProblemFileError, match=told):
        read(tmp_path, rows)
