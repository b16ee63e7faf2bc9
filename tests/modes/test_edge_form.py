"""Forms over edges against matrices, and small eigenvalues of small matrices."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.modes.edge_form import EdgeForm, graded_eigh, symmetric_modes, two_sided_modes

GRID = fp.Grid([(-1, 1), (-1, 1)], (7, 6), sides=["reflecting", ("absorbing", "reflecting")])
PROBLEMS = {
    "open": fp.Problem(GRID, drift=lambda x, y: (-x - y, x)),
    "tensor": fp.Problem(
        fp.Grid([(-1, 1), (-1, 1)], 8), drift=lambda x, y: (-x - y, x), D=[[1, 0.5], [0.5, 1]]
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_sums_over_edges_are_the_bilinear_form(name, rng, monkeypatch):
    monkeypatch.setattr("fokkerplanck.modes.edge_form.CHUNK", 17)  # several chunks
    generator = fp.Generator(PROBLEMS[name])
    n = generator.grid.size
    log_mass = rng.standard_normal(n)
    form = EdgeForm(generator, log_mass, False)
    U, V = rng.standard_normal((3, n)), rng.standard_normal((2, n))
    expected = U @ (generator.matrix @ (np.exp(log_mass) * V).T)
    np.testing.assert_allclose(form.rates(U, V), expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(form.products(U, V), (U * np.exp(log_mass)) @ V.T, rtol=1e-12)


def test_constant_functions_change_at_no_rate_at_all():
    """The matrix has column sums of rounding size only; the form has differences, which vanish."""
    grid = fp.Grid([(-1, 1)], 200)
    generator = fp.Generator(fp.Problem(grid, f=lambda x: 30 * x**2))
    form = EdgeForm(generator, np.zeros(200), False)
    one, v = np.ones((1, 200)), np.cos(np.arange(200.0))[None]
    assert form.rates(one, v)[0, 0] == 0.0
    assert (one @ (generator.matrix @ v.T))[0, 0] != 0.0


def test_detailed_balance_gives_a_symmetric_form(rng):
    problem = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 9), f=lambda x, y: x**2 + x * y + y**2)
    form = EdgeForm(fp.Generator(problem), -problem.f.ravel(), True)
    U = rng.standard_normal((4, 81))
    K = form.rates(U, U)
    np.testing.assert_allclose(K, K.T, rtol=1e-13, atol=1e-14)
    rates, modes = symmetric_modes(form, U)
    np.testing.assert_allclose(form.products(modes, modes), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(form.rates(modes, modes), np.diag(rates), atol=1e-11)
    again, left, right = two_sided_modes(form, U, U)
    np.testing.assert_allclose(np.sort(again.real), np.sort(rates), rtol=1e-10)
    np.testing.assert_allclose(form.products(left.real, right.real), np.eye(4), atol=1e-10)


def test_graded_matrices_keep_their_small_eigenvalues(rng):
    scale = 10.0 ** -np.array([12, 9, 6, 3, 0])
    B = np.eye(5) + 0.1 * rng.standard_normal((5, 5))
    K = scale[:, None] * (B @ B.T) * scale
    values, Z = graded_eigh(K)
    np.testing.assert_allclose(Z.T @ Z, np.eye(5), atol=1e-13)
    # The determinant is the product of all, and the inverse shows the smallest.
    assert np.prod(values) == pytest.approx(np.prod(scale) ** 2 * np.linalg.det(B) ** 2, rel=1e-11)
    inverse = np.linalg.inv(B @ B.T) / np.multiply.outer(scale, scale)
    assert 1 / values[0] == pytest.approx(np.linalg.eigvalsh(inverse)[-1], rel=1e-11)
    # What is lost otherwise:
    assert abs(np.linalg.eigvalsh(K)[0] / values[0] - 1) > 1e-4


def test_one_function():
    assert graded_eigh(np.array([[2.0]]))[0].tolist() == [2.0]
