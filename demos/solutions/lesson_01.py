"""Solutions of lesson 1, paths become a density."""

import numpy as np

import fokkerplanck as fp

T = 0.25
grid = fp.Grid([(-3, 3)], 200)
problem = fp.Problem(grid, f=lambda x: x**2 / 2, kT=T)


def particles_for_a_thousandth():
    """(T / N)^(1/2) = .001: N = 250 000. With a tenth of them the error is about .003."""
    n = T / 0.001**2
    few = int(n / 10)
    ends = fp.sde.simulate(problem, [2.0], 3.0, dt=0.01, n_particles=few, seed=4).points
    off = abs(ends.mean() - 2 * np.exp(-3))
    assert off < 4 * np.sqrt(T / few)
    return n


def time_to_the_last_variance():
    """Var = T (1 - e^(-2t)): within one per cent after log(100)/2 = 2.30."""
    t = np.linspace(0, 4, 401)
    run = fp.solve(problem, fp.point(grid, 2.0), t)
    variance = run.covariance()[:, 0, 0]
    return t[np.argmax(variance > 0.99 * variance[-1] / (1 - np.exp(-8)))]


def start_that_stays():
    """The steady state itself, a Gaussian of variance T."""
    start = fp.steady_state(problem).rho
    run = fp.solve(problem, start, [0, 1, 10])
    return np.abs(run.rho - start).max()


def main():
    assert np.isclose(particles_for_a_thousandth(), 250_000)
    assert abs(time_to_the_last_variance() - np.log(100) / 2) < 0.03
    assert start_that_stays() < 1e-9


if __name__ == "__main__":
    main()
