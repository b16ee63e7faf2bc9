"""Which linear flux a problem gets."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.linear_fluxes import (
    evolving_flux,
    linear_flux,
    maxwell_boltzmann_log_mass,
    static_flux,
)
from fokkerplanck.scheme.phase_space_flux import PhaseSpaceFlux
from fokkerplanck.scheme.upwind5 import Upwind5


def oscillator(n=16, box=((-2, 2), (-2, 2)), sides="reflecting", kT=0.2):
    return fp.Problem.langevin(fp.Grid(list(box), n, sides), lambda x: x**2 / 2, 0.5, kT)


def plain():
    grid = fp.Grid([(-2, 2), (-2, 2)], 16)
    return fp.Problem(grid, drift=lambda x, v: (v, -x - 0.5 * v), D=(0, 0.5), kT=0.2)


def test_names():
    assert type(linear_flux(oscillator(), "upwind5")) is Upwind5
    assert type(linear_flux(oscillator(), "well_balanced")) is Upwind5
    assert type(linear_flux(oscillator(), "phase_space")) is PhaseSpaceFlux


@pytest.mark.parametrize(
    ("problem", "evolving", "static"),
    [
        (oscillator(), "well_balanced", "phase_space"),
        (plain(), "upwind5", "upwind5"),
        (oscillator(box=((-2, 2), (-2, 2.5))), "well_balanced", "upwind5"),
        (oscillator(sides=["absorbing", "reflecting"]), "upwind5", "upwind5"),
        (oscillator(kT=1e-4), "upwind5", "upwind5"),
    ],
    ids=["known", "not known", "lopsided", "absorbing", "beyond floating point"],
)
def test_choice(problem, evolving, static):
    assert evolving_flux(problem) == evolving
    assert static_flux(problem) == static


def test_graded_axes_have_maxwell_boltzmann_too():
    grid = fp.Grid([np.sinh(np.linspace(-1.5, 1.5, 21)), np.linspace(-2, 2, 31) ** 3 / 4])
    problem = fp.Problem.langevin(grid, lambda x: x**2 / 2, 0.5, 0.3)
    assert (evolving_flux(problem), static_flux(problem)) == ("well_balanced", "upwind5")
    mass = np.exp(maxwell_boltzmann_log_mass(problem)).reshape(grid.shape)
    np.testing.assert_allclose(mass, fp.steady_state(problem).rho * grid.volumes, rtol=1e-10)
    with pytest.raises(ValueError, match="absorbing sides"):
        maxwell_boltzmann_log_mass(oscillator(sides=["absorbing", "reflecting"]))
