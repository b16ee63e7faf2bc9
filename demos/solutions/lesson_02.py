"""Solutions of lesson 2, where it ends."""

import numpy as np
from scipy.optimize import brentq

import fokkerplanck as fp

grid = fp.Grid([(-2, 2)], 200)
x = grid.x[0]


def tilt_for_two_to_one():
    """The share of the left well grows with the tilt: bisect it to 2/3."""

    def surplus(tilt):
        state = fp.steady_state(fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 + tilt * x, kT=0.3))
        return grid.integrate(state.rho * (x < 0)) - 2 / 3

    return brentq(surplus, 0, 1, xtol=1e-10)


def loss_of_a_mixture():
    """A loss is -T log of its Gibbs measure."""
    line = fp.Grid([(-3, 3)], 300)

    def mixture(x):
        bells = [np.exp(-((x - m) ** 2) / 0.2) for m in (-1, 1)]
        return sum(bells) / np.sqrt(0.2 * np.pi) / 2

    state = fp.steady_state(fp.Problem(line, f=lambda x: -np.log(mixture(x)), kT=1.0))
    return np.abs(state.rho - mixture(line.x[0])).max()


def slope_of_the_slow_part():
    """F is quadratic in what is left: it falls at twice the slowest rate, the spectral gap."""
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 + 0.2 * x, kT=0.3)
    run = fp.solve(problem, fp.point(grid, 1.0), [0, 40, 50])
    slope = np.log(run.free_energy[2] / run.free_energy[1]) / 10
    return slope, -2 * fp.spectrum(problem, 2).gap


def main():
    tilt = tilt_for_two_to_one()
    shares = np.exp(-((x**2 - 1) ** 2 + tilt * x) / 0.3)
    assert np.isclose(shares[x < 0].sum() / shares[x > 0].sum(), 2)
    assert loss_of_a_mixture() < 1e-3
    assert np.isclose(*slope_of_the_slow_part(), rtol=0.02)


if __name__ == "__main__":
    main()
