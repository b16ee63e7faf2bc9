"""What the bias of the fifth-order flux adds, against fluxes with the wind turned round."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.interpolation import damping_currents
from fokkerplanck.scheme.upwind5 import Upwind5


@pytest.mark.parametrize("graded", [False, True], ids=["uniform", "graded"])
def test_with_the_wind_and_against_it(graded):
    """F(b) + F(-b) - 2 F(0) = 2 N: what is odd in b goes, what is even and no noise stays."""
    s = np.linspace(-1, 1, 13)
    faces = np.sinh(1.2 * s) if graded else s
    grid = fp.Grid([faces, np.linspace(0, 1, 11)])

    def flux(sign):
        def drift(x, y):
            return sign * (0.3 + x * y), sign * (x - 0.2)

        return Upwind5(fp.Problem(grid, drift=drift, D=(1, 2)))

    forward, back, still = flux(1), flux(-1), flux(0)
    even = (forward.currents + back.currents - 2 * still.currents).toarray()
    N = damping_currents(forward).toarray()
    places = np.stack(np.unravel_index(forward.lower, grid.shape))[forward.axis, range(len(N))]
    whole = (places >= 2) & (places < np.array(grid.shape)[forward.axis] - 3)
    pressed = forward.pressed | back.pressed
    assert np.array_equal(np.abs(N).sum(axis=1) > 0, whole)
    assert not (pressed & whole).any()
    assert np.abs(even[whole]).max() > 0.1
    assert np.abs(even - 2 * N)[whole].max() < 1e-11 * np.abs(even).max()


def test_fifth_powers():
    """Of x^4 nothing is damped; of x^5 the current is -|b| 5! h^5 / 60 times the density's unit."""
    grid = fp.Grid([(-1, 1)], 20)
    flux = Upwind5(fp.Problem(grid, drift=lambda x: -3 + 0 * x))
    N, x, h = damping_currents(flux), grid.x[0], grid.h[0]
    assert np.abs(N @ (x**4 * h)).max() < 1e-13
    inner = slice(2, -2)
    assert (N @ (x**5 * h))[inner] == pytest.approx(-3 * 2 * h**5, rel=1e-8)


def test_sets_and_walls_are_left_out():
    grid = fp.Grid([(-1, 1)], 30)
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x)
    label = np.where(np.arange(30) >= 20, 0, -1)
    N = damping_currents(Upwind5(problem, label))
    used = np.unique(N.nonzero()[1])
    assert used.min() == 0
    assert used.max() == 19
