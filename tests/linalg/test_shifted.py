"""Solves with s I - A against sparse factorisations: shifts of any size, transposes, open sides."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.linalg import shifted
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.linalg.shifted import ShiftedSolver


def rotating(x, y):
    return -x + y, -y - x


def open_box():
    grid = fp.Grid([(-2, 2)] * 2, (40, 33), ["absorbing", "reflecting"])
    return fp.Problem(grid, drift=rotating)


CASES = {
    "rotating": lambda: fp.Problem(fp.Grid([(-3, 3)] * 2, (48, 41)), drift=rotating),
    "wall 100": lambda: zoo.manufactured_wall(100.0).build(40),
    "torus": lambda: zoo.manufactured_wall(10.0, periodic=True).build(40),
    "graded": lambda: fp.Problem(
        fp.Grid([np.linspace(-1.4, 1.4, 41) ** 3, (-2, 2)], (40, 30)), drift=rotating, D=(1, 0.2)
    ),
    "absorbing": open_box,
    "space": lambda: zoo.manufactured_wall(10.0, dim=3).build(12),
    "few cells": lambda: fp.Problem(fp.Grid([(-3, 3)] * 2, 10), drift=rotating),
    "line": lambda: fp.Problem(fp.Grid([(-3, 3)], 900), drift=lambda x: (x - x**3,)),
}


def reference(generator, shift, b, transpose):
    A = generator.matrix.T if transpose else generator.matrix
    return spsolve((shift * sparse.eye_array(b.size) - A).tocsc(), b)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("shift", [1e-2, 1.0, 300.0])
@pytest.mark.parametrize("name", CASES)
def test_solutions_are_those_of_a_factorisation(name, shift, transpose, rng):
    generator = fp.Generator(CASES[name]())
    b = rng.standard_normal(generator.grid.size)
    solver = ShiftedSolver(generator, shift, transpose=transpose)
    x, twin = solver.solve(b), reference(generator, shift, b, transpose)
    assert np.abs(x - twin).max() <= 1e-9 * np.abs(twin).max()
    assert 0 < solver.steps <= 63  # at most 52 were seen, and a fifth


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("shift", [1e-9, 1e9])
def test_tiny_and_large_shifts(shift, transpose, rng):
    generator = fp.Generator(CASES["rotating"]())
    phi = null_vector(generator.matrix, generator.grid.shape).log_mass
    b = rng.standard_normal(generator.grid.size)
    x = ShiftedSolver(generator, shift, phi, transpose).solve(b)
    if shift == 1e9:
        rest = shift * x - b - (generator.matrix.T if transpose else generator.matrix) @ b / shift
        assert np.abs(rest).max() < 1e-8
        return
    # Almost singular: the part along the steady state is (left . b)/shift, the rest is bounded.
    left, right = np.ones(b.size), np.exp(phi)
    if transpose:
        left, right = right, left
    large = (left @ b) / (left @ right) / shift
    np.testing.assert_allclose(x, large * right, rtol=0, atol=1e-6 * abs(large) * right.max())
    balanced = b - right * (left @ b) / (left @ right)
    y = ShiftedSolver(generator, shift, phi, transpose).solve(balanced)
    A = generator.matrix.T if transpose else generator.matrix
    assert np.abs(shift * y - A @ y - balanced).max() < 1e-8 * np.abs(balanced).max()
    assert np.abs(y).max() < 1e3


def test_absorbing_sides_without_a_shift(rng):
    """The mean time to leave: -A^T t = 1."""
    generator = fp.Generator(open_box())
    ones = np.ones(generator.grid.size)
    t = ShiftedSolver(generator, 0.0, transpose=True).solve(ones)
    twin = reference(generator, 0.0, ones, True)
    np.testing.assert_allclose(t, twin, rtol=1e-9)
    assert t.min() > 0


def test_mass_of_a_resolvent_step(rng):
    """Columns of A sum to zero: s sum x = sum b, to the 1e-12 of the solve."""
    generator = fp.Generator(CASES["wall 100"]())
    b = rng.random(generator.grid.size)
    x = ShiftedSolver(generator, 0.5).solve(b)
    assert 0.5 * x.sum() == pytest.approx(b.sum(), rel=1e-12)
    y = ShiftedSolver(generator, 0.5, transpose=True).solve(np.ones_like(b))
    np.testing.assert_allclose(0.5 * y, 1.0, rtol=1e-12)


def test_a_good_start_saves_steps(rng):
    generator = fp.Generator(CASES["rotating"]())
    b = rng.standard_normal(generator.grid.size)
    solver = ShiftedSolver(generator, 1.0)
    x = solver.solve(b)
    cold = solver.steps
    again = solver.solve(b, x0=x * (1 + 1e-7 * rng.standard_normal(x.size)))
    assert solver.steps - cold < 0.8 * cold
    np.testing.assert_allclose(again, x, rtol=0, atol=1e-10 * np.abs(x).max())


def test_tolerance_is_met_and_saves_steps(rng):
    generator = fp.Generator(CASES["wall 100"]())
    b = rng.standard_normal(generator.grid.size)
    steps = []
    for tol in (1e-4, 1e-12):
        solver = ShiftedSolver(generator, 1.0)
        x = solver.solve(b, tol)
        w = 1 / (1.0 + generator.exit_rates)
        left = np.linalg.norm(w * (b - x + generator.matrix @ x)) / np.linalg.norm(w * b)
        assert left <= 10 * tol
        steps.append(solver.steps)
    assert steps[0] < 0.7 * steps[1]


def test_cells_without_mass_in_the_guess(rng):
    generator = fp.Generator(CASES["rotating"]())
    phi = null_vector(generator.matrix, generator.grid.shape).log_mass
    phi = np.where(phi < np.quantile(phi, 0.1), -np.inf, phi)
    b = rng.standard_normal(phi.size)
    x = ShiftedSolver(generator, 1.0, phi).solve(b)
    twin = reference(generator, 1.0, b, False)
    assert np.abs(x - twin).max() <= 1e-9 * np.abs(twin).max()


def test_zero_right_hand_side():
    generator = fp.Generator(CASES["few cells"]())
    assert not ShiftedSolver(generator, 1.0).solve(np.zeros(100)).any()


def test_failure_has_the_last_iterate(monkeypatch, rng):
    generator = fp.Generator(CASES["wall 100"]())
    b = rng.standard_normal(generator.grid.size)
    monkeypatch.setattr(shifted, "MAX_STEPS", 2)
    with pytest.raises(fp.ConvergenceError, match=r"1 - A stopped .*tol = 1e-12, after 2 st") as e:
        ShiftedSolver(generator, 1.0).solve(b)
    assert e.value.iterate.shape == b.shape
    assert 1e-11 < e.value.residual < 1
    x = e.value.iterate
    w = 1 / (1.0 + generator.exit_rates)
    left = np.linalg.norm(w * (b - x + generator.matrix @ x)) / np.linalg.norm(w * b)
    assert left < 1.5 * e.value.residual + 0.1


def test_impossible_tolerance(monkeypatch, rng):
    generator = fp.Generator(CASES["rotating"]())
    b = rng.standard_normal(generator.grid.size)
    monkeypatch.setattr(shifted, "ROUNDING", 0.0)
    with pytest.raises(fp.ConvergenceError, match="loosen tol"):
        ShiftedSolver(generator, 1e-3).solve(b, tol=1e-25)


@pytest.mark.parametrize("shift", [-1.0, np.nan, np.inf])
def test_bad_shift(shift):
    generator = fp.Generator(CASES["few cells"]())
    with pytest.raises(ValueError, match=r"shift is .*finite number >= 0"):
        ShiftedSolver(generator, shift)


def test_wrong_arguments_are_named():
    generator = fp.Generator(fp.Problem(fp.Grid([(0, 1), (0, 1)], 6)))
    with pytest.raises(ValueError, match="shift is 'a'"):
        ShiftedSolver(generator, "a")
    with pytest.raises(ValueError, match=r"b has shape \(3,\)"):
        ShiftedSolver(generator, 1.0).solve(np.ones(3))
