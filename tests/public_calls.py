"""Every kind of public call that may start threads, on small grids; run as a program by tests.

``python -m tests.public_calls fork|spawn|forkserver|threads [name ...]`` makes each call here, with
the threads of a large grid, and again in two processes, or in four Python threads at once.
"""

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

import fokkerplanck as fp
from fokkerplanck.kernels import threads

GRID = fp.Grid([(-3, 3)] * 2, 24)
WELL = fp.Problem(GRID, f=lambda x, y: x**2 / 2 + y**4 / 4)
TENSOR = fp.Problem(
    GRID, drift=lambda x, y: (1.5 * y - x, -1.5 * x - y), D=[[1.0, 0.5], [0.5, 1.0]]
)
OPEN = fp.Problem(fp.Grid([(-3, 3)] * 2, 24, "absorbing"), f=lambda x, y: x**2 / 2 + y**2 / 2)
A, B = fp.gaussian(GRID, 1, 0.3), fp.gaussian(GRID, -1, 0.3)
MODEL = fp.sgd.LeastSquares(np.eye(2)[:1], np.ones(1))
LEFT, RIGHT = fp.sets.ball([-2, 0], 0.5), fp.sets.ball([2, 0], 0.5)


def evolved(problem, method):
    return fp.solve(problem, A, [0, 0.1], method).rho[-1]


CALLS = {
    "solve": lambda: fp.solve(TENSOR, A, [0, 0.1]).rho[-1],
    "Exponential": lambda: evolved(TENSOR, fp.Exponential()),
    "Splitting": lambda: evolved(WELL, fp.Splitting()),
    "BackwardEuler": lambda: evolved(TENSOR, fp.BackwardEuler(0.05)),
    "Implicit": lambda: evolved(TENSOR, fp.Implicit()),
    "FluxCorrected": lambda: evolved(TENSOR, fp.FluxCorrected()),
    "JKO": lambda: evolved(WELL, fp.JKO(0.1)),
    "EdgeJKO": lambda: evolved(TENSOR, fp.jko.EdgeJKO(0.1)),
    "steady_state": lambda: fp.steady_state(TENSOR).log_rho,
    "multilevel": lambda: fp.steady_state(WELL, scheme="markov", solver="multilevel").log_rho,
    "aggregation": lambda: fp.steady_state(TENSOR, scheme="markov", solver="multilevel").log_rho,
    "wasserstein": lambda: fp.wasserstein(A, B, GRID).distance,
    "spectrum": lambda: fp.spectrum(WELL, 3).eigenvalues,
    "quasi_stationary": lambda: fp.quasi_stationary(OPEN).rho,
    "mfpt": lambda: fp.mfpt(WELL, RIGHT).mean,
    "committor": lambda: fp.committor(WELL, LEFT, RIGHT).density,
    "exit_probabilities": lambda: fp.exit_probabilities(WELL, [LEFT, RIGHT]).probability,
    "backward": lambda: fp.backward(WELL, GRID.x[0], 0.1).u,
    "simulate": lambda: (
        fp.sde.simulate(WELL, [0.0, 0.0], t=0.1, dt=0.01, n_particles=100, interpolate=True).points
    ),
    "sgd": lambda: fp.sgd.run(MODEL, [0.0, 0.0], 0.1, 1, 10, n_particles=100).points,
}


def call(name):
    threads.LARGE = 1  # every grid is large
    return np.asarray(CALLS[name]())


def in_forks(names):
    """A new pool after each call: its processes are forks of one that has made the call."""
    for name in names:
        mine = call(name)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for theirs in pool.map_async(call, [name] * 2).get(timeout=100):
                np.testing.assert_array_equal(theirs, mine, err_msg=name)
        print(name, "with threads" if threads.started() else "alone", flush=True)


def in_processes(names, method):
    """One pool for all calls: its processes begin anew, which takes seconds."""
    expected = [call(name) for name in names]
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(call, names).get(timeout=250)
    for name, mine, theirs in zip(names, expected, found, strict=True):
        np.testing.assert_array_equal(theirs, mine, err_msg=name)
        print(name, "with threads" if threads.started() else "alone", flush=True)


def in_threads(names):
    expected = [call(name) for name in names]
    with ThreadPoolExecutor(4) as pool:
        for name, mine, theirs in zip(
            [*names] * 3, expected * 3, pool.map(call, [*names] * 3), strict=True
        ):
            np.testing.assert_array_equal(theirs, mine, err_msg=name)
    assert threads.started()
    print(numba.threading_layer())


if __name__ == "__main__":
    how, *names = sys.argv[1:]
    names = names or list(CALLS)
    if how == "threads":
        in_threads(names)
    elif how == "fork":
        in_forks(names)
    else:
        in_processes(names, how)
