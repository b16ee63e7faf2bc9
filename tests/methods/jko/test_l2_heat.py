"""The L2 flow of the Dirichlet energy: the same heat equation, another energy that decreases."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.methods import Context
from tests.convergence.rates import assert_rate


def heat(n=64, sides="reflecting", D=1.0):
    return fp.Problem(fp.Grid([(0, 1)], n, sides), D=D)


def cosine(grid, t=0.0, k=2):
    """R18 on the unit box with no-flux walls."""
    return 1 + 0.8 * np.cos(k * np.pi * grid.x[0]) * np.exp(-((k * np.pi) ** 2) * t)


def test_order_one_in_tau_against_the_cosine():
    problem, t = heat(512), 0.05
    taus = [t / n for n in (8, 16, 32)]
    exact = cosine(problem.grid, t)
    errors = []
    for tau in taus:
        end = fp.solve(problem, cosine(problem.grid), [0, t], fp.jko.L2Heat(tau)).rho[-1]
        errors.append(problem.grid.integrate(np.abs(end - exact)))
    assert_rate(taus, errors, order=1, cap=5e-3)


@pytest.mark.parametrize("tau", [1e-4, 1e-2, 1.0, 100.0])
def test_both_energies_fall_on_one_run(tau):
    problem = heat()
    solution = fp.solve(problem, cosine(problem.grid), tau * np.arange(6.0), fp.jko.L2Heat(tau))
    E = solution.stats["energy"]
    assert (np.diff(E) <= 1e-15 * E[0]).all()
    assert (np.diff(solution.free_energy) <= 1e-15).all()
    assert solution.stats["largest_rise"] <= 1e-15 * E[0]
    assert solution.stats["steps"] == 5


def test_a_step_is_the_minimiser(rng):
    """Any other density of the same mass has a larger value of the functional."""
    problem, tau = heat(32), 0.01
    grid, start = problem.grid, cosine(problem.grid)
    end = fp.solve(problem, start, [0, tau], fp.jko.L2Heat(tau)).rho[-1]

    def functional(rho):
        return fp.energies.Dirichlet().value(rho, grid) + grid.integrate((rho - start) ** 2) / (
            2 * tau
        )

    for _ in range(5):
        change = rng.standard_normal(grid.shape)
        change -= change.mean()
        assert functional(end + 1e-3 * change) > functional(end)


def test_energy_of_the_stats_is_dirichlets():
    problem = heat(64)
    start = cosine(problem.grid)
    solution = fp.solve(problem, start, [0, 0.1], fp.jko.L2Heat(0.05))
    assert solution.stats["energy"][0] == pytest.approx(
        fp.energies.Dirichlet().value(start, problem.grid), rel=1e-12
    )
    np.testing.assert_allclose(solution.stats["energy_t"], [0, 0.05, 0.1])


@pytest.mark.parametrize(
    ("problem", "method", "message"),
    [
        (
            lambda: fp.Problem(fp.Grid([(0, 1)], 8), f=lambda x: x),
            lambda: fp.jko.L2Heat(0.1),
            "has a drift",
        ),
        (heat, lambda: fp.jko.L2Heat(0.1, fp.energies.Entropy()), "energy of its own"),
        (lambda: heat(8, "absorbing"), lambda: fp.jko.L2Heat(0.1), "absorbing sides"),
        (heat, lambda: fp.jko.L2Heat(0), "tau is 0"),
        (heat, lambda: fp.jko.L2Heat(np.nan), "tau is nan"),
        (heat, lambda: fp.jko.L2Heat("0.1"), "tau is '0.1'"),
        (heat, lambda: fp.jko.L2Heat(0.1, energy=3), "energy is 3"),
    ],
)
def test_bad_input(problem, method, message):
    problem = problem()
    with pytest.raises(ValueError, match=message):
        fp.solve(problem, fp.uniform(problem.grid), [0, 1], method())


def test_a_generator_of_edges_alone_is_refused():
    edges = fp.Edges.from_problem(heat())
    with pytest.raises(ValueError, match="the Problem"):
        fp.jko.L2Heat(0.1).init(fp.Generator(edges), Context(1.0))
