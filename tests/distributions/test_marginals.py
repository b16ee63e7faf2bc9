"""Marginals and conditionals: masses to rounding, products, closed forms of Gaussians and Beta."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc

import fokkerplanck as fp
from fokkerplanck.domain.grid import axis_numbers

GRADED = fp.Grid(
    [[0, 0.1, 0.3, 1], (0, 2), [0, 1, 1.5, 3, 4]], sides=["reflecting", "periodic", "absorbing"],
    shape=(3, 5, 4),
)  # fmt: skip


def test_marginals_keep_mass_faces_and_walls(rng):
    rho = rng.random(GRADED.shape)
    for axes, numbers in (("x", (0,)), (2, (2,)), ("yz", None), (["y", "z"], (1, 2)),
                          ((2, 0), (2, 0)), ("xyz", None), ((2, 1, 0), (2, 1, 0))):  # fmt: skip
        if numbers is None:
            with pytest.raises(ValueError, match="axes has"):
                fp.marginal(rho, GRADED, axes)
            continue
        left, grid = fp.marginal(rho, GRADED, axes)
        assert left.shape == grid.shape == tuple(GRADED.shape[k] for k in numbers)
        assert grid.sides == tuple(GRADED.sides[k] for k in numbers)
        assert all(np.array_equal(grid.faces[i], GRADED.faces[k]) for i, k in enumerate(numbers))
        assert grid.integrate(left) == pytest.approx(GRADED.integrate(rho), rel=1e-14)
    # By hand, in another order than that of the grid.
    w = GRADED.widths
    left, _ = fp.marginal(rho, GRADED, (2, 0))
    np.testing.assert_allclose(left, np.einsum("ijk,j->ki", rho, w[1]), rtol=1e-14)


def test_partial_integrals(rng):
    u = rng.random((2, *GRADED.shape))
    w = GRADED.widths
    np.testing.assert_allclose(
        GRADED.integrate(u, axis=["x", 2]), np.einsum("tijk,i,k->tj", u, w[0], w[2]), rtol=1e-14
    )
    assert GRADED.integrate(u, axis=(0, 1, 2)) == pytest.approx(GRADED.integrate(u), rel=1e-14)
    np.testing.assert_allclose(GRADED.integrate(2.0, axis="y"), np.full((3, 4), 4.0))
    for axis, words in (
        (3, "axis has 3, which is no axis"),
        (-1, "axis has -1"),
        ("w", "axis has 'w'"),
        ([0, "x"], "names an axis twice"),
        ([], "axis is empty"),
        (True, "axis has True"),
        (0.5, "axis has 0.5"),
    ):
        with pytest.raises(ValueError, match=words):
            GRADED.integrate(u, axis=axis)
    assert axis_numbers("z", GRADED) == (2,)


@settings(max_examples=25, deadline=None)
@given(
    a=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    b=st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
)
def test_products_have_their_factors(a, b):
    grid = fp.Grid([[0, 0.1, 0.3, 1], (0, 2)], (3, 5), ["reflecting", "periodic"])
    factors = np.array(a) + 0.1, np.array(b)
    lines = [fp.marginal(fp.uniform(grid), grid, k)[1] for k in (0, 1)]
    p, q = (f / line.integrate(f) for f, line in zip(factors, lines, strict=True))
    rho = p[:, None] * q
    np.testing.assert_allclose(fp.marginal(rho, grid, "x")[0], p, rtol=1e-13)
    np.testing.assert_allclose(fp.marginal(rho, grid, "y")[0], q, rtol=1e-13)
    for x in (0.0, 0.07, 0.4, 1.0):
        np.testing.assert_allclose(fp.conditional(rho, grid, {"x": x})[0], q, rtol=1e-12)
    for y in (-0.1, 0.07, 1.95, 7.0):
        np.testing.assert_allclose(fp.conditional(rho, grid, {1: y})[0], p, rtol=1e-12)


def test_law_of_total_probability(rng):
    grid = fp.Grid([[0, 0.1, 0.3, 1], (0, 2)], (3, 5))
    rho = rng.random(grid.shape)
    rho /= grid.integrate(rho)
    weights = fp.marginal(rho, grid, "x")[0] * grid.widths[0]
    parts = [fp.conditional(rho, grid, {"x": x})[0] for x in grid.centers[0]]
    np.testing.assert_allclose(weights @ parts, fp.marginal(rho, grid, "y")[0], rtol=1e-13)


def test_conditional_of_a_gaussian_between_centres():
    errors = []
    for n in (60, 120):
        grid = fp.Grid([(-6, 6)] * 3, (n, n, 24))
        cov = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
        rho = fp.gaussian(grid, 0, cov)
        left, line = fp.conditional(rho, grid, {"z": 0.3, "x": 0.8})
        assert line.integrate(left) == pytest.approx(1, abs=1e-14)
        errors.append(abs(fp.mean(left, line)[0] - 0.4) + abs(fp.covariance(left, line) - 0.75))
    assert errors[0].item() < 0.02
    assert errors[1].item() < 0.4 * errors[0].item()


def test_beta_marginal_of_a_dirichlet_density():
    """Dirichlet (2, 3, 4) on the triangle: the marginal of x is Beta(2, 7)."""
    grid = fp.Grid([(0, 1), (0, 1)], 200)
    x, y = grid.x
    z = np.maximum(1 - x - y, 0)
    rho = x * y**2 * z**3
    rho /= grid.integrate(rho)
    left, line = fp.marginal(rho, grid, "x")
    exact = np.diff(betainc(2, 7, line.faces[0]))
    assert np.abs(left * line.widths[0] - exact).sum() < 1e-3
    assert fp.mean(left, line)[0] == pytest.approx(2 / 9, abs=1e-4)


def test_wrong_axes_and_values():
    grid = fp.Grid([(0, 1), (0, 1)], 4)
    rho = np.zeros(grid.shape)
    rho[0] = 1
    for axes, words in ((2, "axes has 2"), ([], "axes is empty"), (None, "axes has None")):
        with pytest.raises(ValueError, match=words):
            fp.marginal(rho, grid, axes)
    for given_, words in (
        ({}, "given is an empty dict"),
        (0.5, "given is 0.5"),
        ({"x": 0.9}, "given .* has no mass"),
        ({"x": 1.1}, "given x 1.1 is outside of the box"),
        ({"x": [0.1, 0.2]}, "given x has shape"),
        ({"x": 0.1, "y": 0.1}, "values of all axes"),
        ({"x": 0.1, 0: 0.1}, "names an axis twice"),
        ({"z": 0.1}, "given has 'z'"),
    ):
        with pytest.raises(ValueError, match=words):
            fp.conditional(rho, grid, given_)
