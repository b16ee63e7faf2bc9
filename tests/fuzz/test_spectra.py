"""Spectra, slowest decays and currents of random problems in the plane and in space."""

import mpmath
import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import fokkerplanck as fp
from tests.fuzz.references import (
    decay_rates_on_a_line,
    dense_generator,
    exact_generator,
    rates,
    stationary,
)
from tests.fuzz.strategies import few, setups

MILD = {"cells": 30, "decades": 2.0, "peclet": 1.0, "beta": (-2, 2), "condition": 4.0}
PLANE = MILD | {"dims": (2, 3)}
FEW = {"cells": 9, "decades": 3.0, "peclet": 1.5, "beta": (-2, 2), "condition": 4.0}
#: Roundings of a dense eigensolver, over its norm.
DENSE = 1e-12
#: Tilt of an edge that, over a few cells, takes rates below the smallest doubles.
STEEP = 100.0


@few
@given(setups(**PLANE), st.integers(2, 7))
def test_spectra_are_sets(setup, k):
    """Every eigenvalue is one of the dense matrix, and none that is slower is left out."""
    problem = setup.problem()
    n = problem.grid.size
    assume(n >= k + 3)
    edges = fp.Edges.from_problem(problem)
    A = dense_generator(edges)
    try:
        ours = fp.spectrum(problem, k, scheme="markov")
    except fp.ConvergenceError:  # refused only where rates are zero in doubles, behind steep tilts
        assert np.abs(edges.tilt).max() > STEEP
        return
    right = np.linalg.eigvals(A)
    right = right[np.argsort(-right.real)]
    fastest = -A.diagonal().min()
    # An eigenvalue of condition c moves by c times what the matrix does, of both computations.
    bound = (DENSE + 2 * ours.residuals) * ours.condition * fastest * 10
    gaps = np.abs(ours.eigenvalues[:, None] - right)
    spread = np.linalg.cond(np.linalg.eig(A)[1])
    reach = bound + DENSE * fastest * min(spread, 1e4)
    taken = set()
    for row, limit in zip(gaps, reach, strict=True):
        near = [i for i in np.argsort(row) if i not in taken and row[i] <= limit]
        assert near, (ours.eigenvalues, right[: k + 2])
        taken.add(near[0])
    slower = np.flatnonzero(-right.real < ours.decay[-1] - 2 * reach.max())
    assert set(slower) <= taken, (ours.eigenvalues, right[: k + 2])


def slowest(A, near):
    """Smallest eigenvalue of the M-matrix -A in many digits, by Noda's iteration from below.

    With y = (-A - s)^-1 x > 0 it lies between s + min x/y and s + max x/y (Collatz): the new s is
    the first of them, and the gap falls quadratically, however near the next eigenvalue is.
    """
    s = mpmath.mpf(near) * (1 - mpmath.mpf(10) ** -9)
    x = mpmath.matrix([1] * A.rows)
    for _ in range(60):
        y = mpmath.lu_solve(-A - s * mpmath.eye(A.rows), x)
        assert min(y) > 0  # else s is above the smallest eigenvalue
        shares = [top / bottom for top, bottom in zip(x, y, strict=True)]
        s, above, x = s + min(shares), s + max(shares), y / max(y)
        if above - s <= s * mpmath.mpf(10) ** -30:
            return s
    raise AssertionError("Noda's iteration has not converged")


@few
@given(setups(**FEW))
def test_bounds_of_the_slowest_decay(setup):
    """The eigenvalue in 50 digits is between the two bounds."""
    problem = setup.problem()
    assume(problem.grid.has_absorbing_sides)
    edges = fp.Edges.from_problem(problem)
    state = fp.quasi_stationary(problem, scheme="markov")
    low, high = state.decay_rate_bounds
    with mpmath.workdps(120):  # rates far apart: pivots of 50 digits may vanish
        if problem.grid.dim == 1 and not problem.grid.periodic[0]:
            right = decay_rates_on_a_line(edges)[0]
        else:
            right = float(slowest(exact_generator(edges), state.decay_rate))
    slack = 4 * np.finfo(float).eps * right  # of the double that the reference is turned into
    assert low - slack <= right <= high + slack
    assert low <= state.decay_rate <= high
    assert high - low <= 1e-8 * right
    assert state.rho.min() >= 0


@few
@given(setups(absorbing=False, **MILD))
def test_entropy_production(setup):
    """A sum over pairs of cells of terms >= 0, by the masses of an elimination."""
    problem = setup.problem()
    edges = fp.Edges.from_problem(problem)
    A, _ = rates(edges)
    p = stationary(dense_generator(edges))
    there, back = A * p, (A * p).T
    both = (there > 0) & (back > 0)
    assume(both.sum() == (there > 0).sum())
    terms = (there - back)[both] * np.log(there[both] / back[both])
    right = 0.5 * float(terms.sum())
    state = fp.steady_state(problem, scheme="markov")
    assert state.entropy_production >= 0
    scale = 0.5 * float(np.sum(there + back))
    pairs_apart = len({(min(i, k), max(i, k)) for i, k in zip(edges.tail, edges.head, strict=True)})
    if pairs_apart < edges.tail.size:  # rings of two edges between two cells
        return
    assert abs(state.entropy_production - right) <= 1e-9 * right + 1e-22 * scale


@few
@given(setups(climb=30.0, absorbing=False, kinds=("number", "diagonal")))
def test_no_entropy_is_produced_in_equilibrium(setup):
    """Detailed balance: no current, nothing produced, and `is_reversible`."""
    raw = setup.problem()
    problem = fp.Problem.from_potential(raw.grid, raw.f, setup.D(), setup.beta)
    state = fp.steady_state(problem, scheme="markov")
    A, _ = rates(fp.Edges.from_problem(problem))
    exchange = float(np.sum(A * (state.rho * problem.grid.volume).ravel()))
    assert 0 <= state.entropy_production <= 1e-18 * exchange
    assert state.is_reversible()
