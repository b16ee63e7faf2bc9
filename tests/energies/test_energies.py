"""Energies: values in closed form, first variations by differences, proximal maps by definition."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import energies
from fokkerplanck.energies import functional
from fokkerplanck.errors import ConvergenceError


def wavy(grid):
    """A density of order one on the whole grid."""
    rho = 1 + 0.5 * np.prod(np.cos(grid.x), axis=0)
    return rho / grid.integrate(rho)


class Cubic(energies.Energy):
    """An energy as a user would write it."""

    def internal(self, rho):
        return rho**3 / 6

    def d_internal(self, rho):
        return rho**2 / 2

    def dd_internal(self, rho):
        return rho


ALL = {
    "entropy": energies.Entropy(0.7),
    "porous medium 2": energies.PorousMedium(2),
    "porous medium 3.5": energies.PorousMedium(3.5),
    "potential": energies.Potential(lambda x, y: x**2 + x * y),
    "attraction": energies.Interaction(lambda x, y: np.exp(-(x**2) - y**2)),
    "cubic": Cubic(),
    "sum": energies.PorousMedium(2)
    + energies.Potential(lambda x, y: x)
    + energies.Interaction(lambda x, y: x**2 + y**2),
}
GRIDS = {
    "plane": fp.Grid([(-1, 2), (0, 1)], (12, 9)),
    "cylinder": fp.Grid([(-1, 1), (0, 1)], (8, 10), ["periodic", "reflecting"]),
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
@pytest.mark.parametrize("energy", ALL.values(), ids=ALL.keys())
def test_first_variation_is_the_derivative_of_the_value(energy, grid, rng):
    if grid.periodic[0] and "potential" in repr(energy).lower():
        energy = energies.Potential(lambda x, y: np.cos(np.pi * x) * y)
    rho, change = wavy(grid), rng.standard_normal(grid.shape)
    eps = 1e-6
    slope = (energy.value(rho + eps * change, grid) - energy.value(rho - eps * change, grid)) / (
        2 * eps
    )
    assert slope == pytest.approx(
        grid.integrate(energy.first_variation(rho, grid) * change), rel=1e-7, abs=1e-8
    )


@pytest.mark.parametrize("name", ["entropy", "porous medium 2", "porous medium 3.5", "cubic"])
def test_second_derivative_is_that_of_the_first(name):
    energy, rho, eps = ALL[name], np.geomspace(0.1, 10, 20), 1e-6
    slope = (energy.d_internal(rho + eps) - energy.d_internal(rho - eps)) / (2 * eps)
    np.testing.assert_allclose(energy.dd_internal(rho), slope, rtol=1e-7)


@pytest.mark.parametrize("weight", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("name", ["entropy", "porous medium 2", "porous medium 3.5", "cubic"])
def test_proximal_map_solves_its_equation(name, weight, rng):
    energy = ALL[name]
    log_q, V = rng.uniform(-30, 5, 200), rng.standard_normal(200)
    y = energy.proximal(log_q, weight, V)
    left = y + weight * (energy.d_internal(np.exp(y)) + V)
    size = np.abs(log_q) + weight * (np.abs(energy.d_internal(np.exp(y))) + np.abs(V))
    assert np.max(np.abs(left - log_q) / size) < 4e-14  # 2e-15 in y, times the slope


def test_proximal_map_minimises():
    """Against scipy's minimiser, one point at a time."""
    from scipy.optimize import minimize_scalar

    energy, weight, V, q = energies.PorousMedium(2.5), 0.8, 0.3, 1.7

    def objective(rho):
        return weight * (energy.internal(rho) + V * rho) + rho * np.log(rho / q) - rho

    best = minimize_scalar(objective, bounds=(1e-6, 5), method="bounded", options={"xatol": 1e-12})
    assert np.exp(energy.proximal(np.log(q), weight, V)) == pytest.approx(best.x, abs=1e-7)


def test_proximal_map_of_an_energy_that_is_not_convex_is_refused():
    class Concave(Cubic):
        def dd_internal(self, rho):
            return -rho

    with pytest.raises(ValueError, match=r"not convex, dd_internal\(1\) = -1"):
        Concave().proximal(np.zeros(3), 1.0)


def test_proximal_map_with_a_wrong_derivative_ends(monkeypatch):
    monkeypatch.setattr(functional, "MAX_STEPS", 3)
    with pytest.raises(ConvergenceError, match="is dd_internal"):
        Cubic().proximal(np.full(3, 9.0), 1e3)


def test_congestion_cuts_alone_and_in_a_sum():
    crowd = energies.Congestion(0.5)
    log_q = np.array([-3.0, 0.0, 2.0])
    np.testing.assert_allclose(crowd.proximal(log_q, 1.0), np.minimum(log_q, np.log(0.5)))
    both = crowd + energies.Potential(lambda x: x)
    assert both.limit == 0.5
    np.testing.assert_allclose(both.proximal(log_q, 1.0, 1.0), np.minimum(log_q - 1, np.log(0.5)))
    crowded = energies.PorousMedium(2) + crowd
    assert crowded.proximal(log_q, 1.0).max() == np.log(0.5)


def test_free_energy_is_entropy_and_potential_up_to_a_constant():
    grid = fp.Grid([(-3, 3)], 40)
    log_inf = np.log(fp.gaussian(grid, 0, 0.5))
    F = energies.FreeEnergy(log_inf, 0.3)
    split = energies.Entropy(0.3) + energies.Potential(-0.3 * log_inf)
    for mean in (-1, 0.5):
        rho = fp.gaussian(grid, mean, 0.2)
        assert F.value(rho, grid) == pytest.approx(split.value(rho, grid), abs=1e-13)
    np.testing.assert_array_equal(
        F.proximal(log_inf, 2.0, F.potential(grid)), split.proximal(log_inf, 2.0, F.potential(grid))
    )


def test_interaction_is_the_double_sum():
    grid = fp.Grid([(-1, 2), (0, 1)], (7, 5))
    rho = wavy(grid)
    x, y = (u.ravel() for u in grid.x)
    W = np.exp(-np.abs(x[:, None] - x) - 2 * np.abs(y[:, None] - y))
    energy = energies.Interaction(lambda x, y: np.exp(-np.abs(x) - 2 * np.abs(y)))
    p = rho.ravel() * grid.volume
    assert energy.value(rho, grid) == pytest.approx(0.5 * p @ W @ p, rel=1e-13)


def test_interaction_goes_the_short_way_round_a_ring():
    grid = fp.Grid([(0, 1)], 10, "periodic")
    d = np.abs(grid.x[0][:, None] - grid.x[0])
    W = np.minimum(d, 1 - d) ** 2
    rho = 1 + 0.5 * np.cos(2 * np.pi * grid.x[0])
    energy = energies.Interaction(lambda x: x**2)
    p = rho * grid.volume
    assert energy.value(rho, grid) == pytest.approx(0.5 * p @ W @ p, rel=1e-13)


def test_dirichlet_energy_of_a_cosine_and_its_first_variation():
    grid = fp.Grid([(0, 1), np.linspace(0, 1, 41) ** 1.5], (50, 40))
    energy = energies.Dirichlet()
    rho = 1 + 0.3 * np.cos(np.pi * grid.x[0]) * np.cos(np.pi * grid.x[1])
    assert energy.value(rho, grid) == pytest.approx(0.09 * np.pi**2 / 4, rel=3e-3)
    change, eps = np.sin(3 * grid.x[0]) * grid.x[1], 1e-5
    slope = (energy.value(rho + eps * change, grid) - energy.value(rho - eps * change, grid)) / (
        2 * eps
    )
    found = grid.integrate(energy.first_variation(rho, grid) * change)
    assert slope == pytest.approx(found, rel=1e-7)


def test_dirichlet_energy_on_a_ring():
    grid = fp.Grid([(0, 1)], 200, "periodic")
    rho = 1 + 0.5 * np.sin(2 * np.pi * grid.x[0])
    assert energies.Dirichlet().value(rho, grid) == pytest.approx(0.25 * np.pi**2, rel=1e-3)
    variation = energies.Dirichlet().first_variation(rho, grid)
    np.testing.assert_allclose(variation, 4 * np.pi**2 * (rho - 1), atol=2e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: energies.Entropy(0), "kT is 0"),
        (lambda: energies.Entropy("1"), "kT is '1'"),
        (lambda: energies.PorousMedium(1), "exponent above 1"),
        (lambda: energies.PorousMedium(np.nan), "m is nan"),
        (lambda: energies.Congestion(-1), "limit is -1"),
        (lambda: energies.Interaction(3), "W is 3"),
        (lambda: energies.Potential("x").potential(fp.Grid([(0, 1)], 4)), "V is"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_interaction_refuses_what_it_cannot_do():
    rho = np.full(4, 1.0)
    with pytest.raises(ValueError, match="not even"):
        energies.Interaction(lambda x: x).value(rho, fp.Grid([(0, 1)], 4))
    with pytest.raises(ValueError, match="uniform"):
        energies.Interaction(lambda x: x**2).value(rho, fp.Grid([[0, 0.1, 0.3, 0.6, 1]]))


PLANE = GRIDS["plane"]
GAS = energies.PorousMedium(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GAS.value(np.ones(3), PLANE), r"rho has shape \(3,\), expected the grid's"),
        (lambda: GAS.value(-wavy(PLANE), PLANE), "negative in 108 cells"),
        (lambda: GAS.value("rho", PLANE), "rho is 'rho'"),
        (lambda: GAS.value(wavy(PLANE), 3), "grid is 3"),
        (lambda: GAS.first_variation(np.ones(3), PLANE), "rho has shape"),
        (lambda: energies.Dirichlet().value(np.ones(3), PLANE), "rho has shape"),
        (lambda: energies.Dirichlet().first_variation(np.ones(3), PLANE), "rho has shape"),
        (lambda: GAS.proximal(np.zeros(3), -1.0), "weight is -1"),
        (lambda: GAS.proximal(np.full(3, np.nan), 1.0), "log_q or V is nan"),
        (
            lambda: energies.Interaction(lambda x: x**2).value(wavy(PLANE), PLANE),
            "does not take 2 differences",
        ),
        (
            lambda: energies.Interaction(lambda x, y: 1 / (x**2 + y**2)).value(wavy(PLANE), PLANE),
            r"not finite at the difference \(0.0, 0.0\)",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_energy_adds_to_energies_alone():
    with pytest.raises(TypeError):
        energies.Entropy() + 1
