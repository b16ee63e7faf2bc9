"""Numbers of many public calls, to the last bit: ``python -m tests.fingerprint > before.txt``.

Run it before and after a change that should change no number, on one machine, and compare the two
files. Each array is a hash of its bytes and the sum of its absolute values; numbers of stats are
there but for seconds.
"""

import hashlib

import numpy as np

import fokkerplanck as fp
from fokkerplanck import jko, sde, sgd, theorems, zoo

PLANE = fp.Grid([(-3, 3), (-3, 3)], 32)
LINE = fp.Grid([(-3, 3)], 64)
BOX = fp.Grid([(-1, 1), (-1, 1)], 24, sides=["absorbing", "reflecting"])


def circulating(x, y):
    return -x + y, -y - x


def turning(x, y):
    return np.array([[1 + 0.2 * np.tanh(x), 0.2 + 0 * x], [0.2 + 0 * x, 0.5 + 0 * x]])


PROBLEMS = {
    "circulating": fp.Problem(PLANE, drift=circulating, D=(1, 0.5)),
    "tensor": fp.Problem(PLANE, drift=circulating, D=[[0.5, 0.3], [0.3, 0.5]], kT=0.3),
    "turning": fp.Problem(PLANE, f=lambda x, y: x**2 / 2 + y**2 / 2 + x * y / 3, D=turning),
    "wells": fp.Problem(PLANE, f=lambda x, y: 3 * (x**2 - 1) ** 2 + y**2, beta=2),
    "line": fp.Problem(LINE, f=lambda x: (x**2 - 1) ** 2),
    "noise": fp.Problem(
        LINE, f=lambda x: x**2, sigma=lambda x: 1 + x**2 / 4, calculus="stratonovich"
    ),
    "ring": fp.Problem(
        fp.Grid([(0, 1)], 32, sides="periodic"), drift=lambda x: 1 + np.sin(2 * np.pi * x)
    ),
    "graded": fp.Problem(
        fp.Grid([3 * np.linspace(-1, 1, 33) ** 3, (-2, 2)], (32, 16)), drift=circulating
    ),
    "space": fp.Problem(
        fp.Grid([(-2, 2)] * 3, 12), drift=lambda x, y, z: (-x + y, -y - x, -z), D=(1, 0.5, 0.7)
    ),
    "arrays": fp.Problem(PLANE, f=np.cos(PLANE.x[0]), D=np.exp(-(PLANE.x[0] ** 2) / 9)),
    "designed": fp.Problem.from_potential(PLANE, lambda x, y: (x**2 + y**2) / 2, Q=0.5),
}
METHODS = (
    None, fp.Implicit(), fp.BackwardEuler(0.05), fp.FluxCorrected(0.05), fp.Splitting(),
    fp.Exponential(kind="krylov"), fp.Exponential(1e-8, kind="chebyshev"), fp.JKO(0.1),
    jko.Lagrangian(0.1), jko.Entropic(0.1), jko.EdgeJKO(0.1, order=2), jko.FisherRao(0.1),
)  # fmt: skip


def mark(value):
    """Short text that changes with any bit of a number or an array."""
    if isinstance(value, str):
        return value
    a = np.ascontiguousarray(value)
    total = np.abs(a[np.isfinite(a)]).sum() if a.dtype.kind in "fc" else a.sum()
    return f"{hashlib.sha1(a.tobytes()).hexdigest()[:10]} {total:.15g}"


def show(name, call):
    """Print the marks of what a call gives, or the sentence with which it refuses."""
    try:
        print(name, *map(mark, call()), sep="; ", flush=True)
    except (ValueError, fp.ConvergenceError) as error:
        print(name, error, sep="; ", flush=True)


def steady(problem, scheme):
    state = fp.steady_state(problem, scheme)
    stats = state.stats.scheme, state.stats.solver, state.stats.message
    return state.log_rho, state.j, state.div_j, state.residual, state.entropy_production, *stats


def evolved(problem, method):
    start = fp.gaussian(problem.grid, 0.3 * np.ones(problem.grid.dim), 0.2)
    run = fp.solve(problem, start, [0, 0.3, 0.7], method)
    stats = {k: mark(v) for k, v in run.stats.items() if k not in ("seconds", "method")}
    return run.rho, run.free_energy, run.dissipation, str(stats)


def answers():
    """Everything else: names and calls without arguments."""
    wells, open_box = PROBLEMS["wells"], fp.Problem(BOX, f=lambda x, y: 2 * x**2)
    left, right = fp.sets.ball((-1, 0), 0.4), fp.sets.ball((1, 0), 0.4)
    blobs = fp.gaussian(PLANE, (1, 0), 0.1), fp.gaussian(PLANE, (-1, 0), 0.2)
    data = sgd.LeastSquares([[1.0, 0.0], [0, 2.0]], [1.0, 0])
    yield "fourth order", lambda: [fp.steady_state(PROBLEMS["circulating"], accuracy=4).log_rho]
    yield "passage", lambda: [fp.mfpt(open_box).mean, fp.mfpt(wells, right).mean]
    yield "slowest", lambda: [fp.quasi_stationary(open_box).rho]
    yield "committor", lambda: [fp.committor(wells, left, right).rate]
    yield "wasserstein", lambda: [fp.wasserstein(*blobs, PLANE).distance]
    yield "descent", lambda: [sgd.run(data, [0.0, 0.0], 0.1, 1, 50, n_particles=20, seed=3).points]
    paths = {"dt": 0.05, "n_particles": 50, "seed": 1}
    yield "paths", lambda: [sde.simulate(wells, [0.5, 0.5], 1.0, **paths).points]
    yield "verdicts", lambda: [str(theorems.verify(zoo.gyrator().build(24)))]
    for name in ("circulating", "wells", "ring"):
        yield f"modes, {name}", lambda p=PROBLEMS[name]: [fp.spectrum(p, 4).eigenvalues]


if __name__ == "__main__":
    for name, problem in PROBLEMS.items():
        for scheme in ("markov", "auto"):
            show(f"{name}, {scheme}", lambda p=problem, s=scheme: steady(p, s))
        for method in METHODS:
            show(f"{name}, {method}", lambda p=problem, m=method: evolved(p, m))
    for name, call in answers():
        show(name, call)
