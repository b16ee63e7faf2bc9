"""Solutions of lesson 3, noise has a shape."""

import numpy as np

import fokkerplanck as fp


def rms(difference, rho, grid):
    """Root mean square under rho of a function up to a constant."""
    away = difference - grid.integrate(rho * difference)
    return np.sqrt(grid.integrate(rho * away**2))


def loss_of_x_alone():
    """Phi = f: along y nothing pulls, the density is flat there however strong the kicks are."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], (100, 80))
    state = fp.steady_state(
        fp.Problem(grid, f=lambda x, y: (x**2 - 1) ** 2 + 0 * y, D=(1, 0.2), kT=0.1)
    )
    return rms(state.Phi - (grid.x[0] ** 2 - 1) ** 2, state.rho, grid)


def other_constant_noise():
    """None. H Sigma + Sigma H = 2 T D with Sigma = T H^-1 says D = 1."""
    H = np.array([[2, -1], [-1, 1.5]])
    sigma = np.linalg.inv(H)  # of Phi = f, over T
    return (H @ sigma + sigma @ H) / 2


def noise_that_is_not_seen():
    """J = -f' rho - T (D rho)' = 0 with rho = e^(-f/T): D = 1 + C e^(f/T)."""
    T, C = 0.5, 0.3
    grid = fp.Grid([(-2, 2)], 400)

    def f(x):
        return (x**2 - 1) ** 2 / 4

    state = fp.steady_state(fp.Problem(grid, f=f, D=lambda x: 1 + C * np.exp(f(x) / T), kT=T))
    return rms(state.Phi - f(grid.x[0]), state.rho, grid)


def main():
    assert loss_of_x_alone() < 1e-8
    assert np.allclose(other_constant_noise(), np.eye(2))
    assert noise_that_is_not_seen() < 1e-5


if __name__ == "__main__":
    main()
