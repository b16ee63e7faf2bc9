"""Wasserstein distances on tiny grids: linear programs, and quantiles piece by piece."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

import fokkerplanck as fp
from tests.fuzz.strategies import few, setups

SEEDS = st.integers(0, 2**32 - 1)
PLAIN = {"decades": 0.0, "peclet": 0.0, "kinds": ("number",), "absorbing": False}


def two_densities(grid, seed):
    """Densities with empty cells."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(2):
        p = rng.exponential(size=grid.shape) ** 3
        p[rng.random(grid.shape) < 0.4] = 0
        p.flat[rng.integers(p.size)] += 1e-3
        out.append(p / p.sum() / grid.volume)
    return out


def quantile_cost(faces, p, q):
    """Integral of (Q1 - Q0)^2 over levels: on each piece both are linear."""
    P, Q = (np.concatenate([[0], np.cumsum(m) / m.sum()]) for m in (p, q))
    levels = np.union1d(P, Q)
    total = 0.0
    for low, high in pairwise(levels):
        if high - low < 1e-15:
            continue
        ends = []
        for F in (P, Q):
            middle = 0.5 * (low + high)
            k = int(np.searchsorted(F, middle)) - 1
            ends.append(faces[k] + (faces[k + 1] - faces[k]) * (np.array([low, high]) - F[k])
                        / (F[k + 1] - F[k]))  # fmt: skip
        a, b = ends[1] - ends[0]
        total += (high - low) * (a * a + a * b + b * b) / 3
    return total


@few
@given(setups(dims=(1,), periodic=False, **PLAIN), SEEDS)
def test_on_a_line(setup, seed):
    """Exact by quantiles, on graded grids too."""
    grid = setup.grid()
    rho0, rho1 = two_densities(grid, seed)
    found = fp.wasserstein(rho0, rho1, grid)
    right = quantile_cost(grid.faces[0], rho0 * grid.volume, rho1 * grid.volume)
    box = np.ptp(grid.faces[0]) ** 2
    assert abs(found.cost - right) < 1e-12 * box


@few
@given(setups(dims=(2, 3), cells=16, graded=False, **PLAIN), SEEDS)
def test_linear_programs(setup, seed):
    """Masses at cell centres, around periodic axes, against another linear program."""
    grid = setup.grid()
    rho0, rho1 = two_densities(grid, seed)
    assume(not np.array_equal(rho0, rho1))
    gap = grid.x[:, None].reshape(grid.dim, 1, -1) - grid.x.reshape(grid.dim, -1, 1)
    for k in np.flatnonzero(grid.periodic):
        length = grid.box[k][1] - grid.box[k][0]
        gap[k] -= length * np.round(gap[k] / length)
    cost = np.sum(gap**2, axis=0)
    n = grid.size
    rows = np.vstack([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    masses = np.concatenate([(rho * grid.volume).ravel() for rho in (rho0, rho1)])
    size = cost.max()
    # The solver's tolerances are absolute: masses are large against them.
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    right = linprog(
        cost.ravel() / size, A_eq=rows[:-1], b_eq=1e4 * masses[:-1], method="highs-ds",
        options=options,
    )  # fmt: skip
    assert right.status == 0
    found = fp.wasserstein(rho0, rho1, grid)
    gap = abs(found.cost / size - right.fun / 1e4)
    assert gap < 1e-10 + found.error / size
    assert found.plan is None or gap < 1e-9
