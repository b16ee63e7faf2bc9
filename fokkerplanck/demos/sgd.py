r"""Minibatch SGD does not sample the Gibbs measure of its loss.

Logistic regression of two iris species on two standardised lengths, with weight decay. SGD with
learning rate eta and batches of b out of N flowers is, for small eta,

    dx = -grad f dt + sqrt(2 T D(x)) dW,    T = eta/(2b),    D = covariance of per-flower gradients

(Chaudhari and Soatto, ICLR 2018). D is neither constant nor isotropic: the flowers disagree much
more about one weight than about the other. So the steady state rho_ss = e^(-Phi/T)/Z is not
e^(-f/T)/Z for the loss f, nor for any constant multiple of it, and probability goes on circulating:
j = J_ss/rho_ss is not zero. A histogram of real SGD runs decides who is right.

It does not agree with rho_ss to Monte Carlo error: eta is finite. The larger part of the remaining
L1 distance is the skewness of the batch gradients, which a diffusion does not know; with symmetric
noise of the same covariance the distance falls to the Monte Carlo error (a slow test does this).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from tqdm import tqdm

from fokkerplanck import sgd
from fokkerplanck.data import load_iris
from fokkerplanck.demos.sgd_figure import figure
from fokkerplanck.demos.text import aligned, moments, rms
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.steady import SteadyState, steady_state

__all__ = ["QUICK", "TITLE", "Result", "compute", "figure", "model", "table"]

TITLE = "Minibatch SGD against the Gibbs measure of its loss: logistic regression on iris"
SPECIES = ("versicolor", "virginica")
FEATURES = ("sepal_length", "petal_length")
WEIGHT_DECAY, ETA, BATCH = 0.02, 0.5, 5
BOX = ((-1.6, 1.2), (2.2, 3.3))
RELAXATION = 1 / 0.042  # 1/(smallest eigenvalue of the Hessian at the minimum), in units of time
QUICK = {"n": 48, "n_particles": 2000, "relaxations": 10}
VISIBLE = 1e-6  # fields are compared where rho_ss exceeds this fraction of its maximum


@dataclass(frozen=True, eq=False)
class Result:
    """What `compute` found: all figures of the table, and what the picture needs.

    Attributes
    ----------
    problem, steady, solution, swarm
        The Fokker-Planck problem, its steady state, an evolution towards it, the SGD runs.
    gibbs, gibbs_scalar : arrays, shape (n, n)
        e^(-f/T)/Z, and e^(-f/(cT))/Z with the c that brings it nearest to the SGD histogram in L1.
    scalar : float
        That c.
    histogram : array, shape (n, n)
        Density of the SGD particles.
    minimum_f, minimum_Phi : arrays, shape (2,)
    distances : dict
        L1 distance of the histogram to each candidate.
    histogram_error : float
        Expected L1 distance of the histogram from its own limit: Monte Carlo alone.
    """

    problem: Problem
    steady: SteadyState
    solution: Solution
    swarm: sgd.Swarm
    gibbs: np.ndarray
    gibbs_scalar: np.ndarray
    scalar: float
    histogram: np.ndarray
    minimum_f: np.ndarray
    minimum_Phi: np.ndarray
    distances: dict[str, float]
    histogram_error: float


def model(pair=SPECIES, weight_decay=WEIGHT_DECAY):
    """Logistic regression that tells two species apart: 100 flowers, 2 weights, no intercept."""
    flowers = load_iris()
    chosen = np.isin(flowers.species, pair)
    columns = [flowers.names.index(name) for name in FEATURES]
    x = flowers.measurements[chosen][:, columns]
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.where(flowers.species[chosen] == pair[1], 1.0, -1.0)
    return sgd.Logistic(x, y, weight_decay)


def compute(n=128, n_particles=20_000, relaxations=30, seed=0, progress=False) -> Result:
    """Solve the Fokker-Planck equation, run SGD, compare.

    Parameters
    ----------
    n : int
        Cells per axis.
    n_particles : int
        Independent SGD runs.
    relaxations : int
        Length of each run after the burn-in, in relaxation times; two snapshots are kept of each.
    seed : int
    progress : bool
        Show a bar.
    """
    regression = model()
    with tqdm(total=4, disable=not progress, bar_format="{l_bar}{bar}| {elapsed}") as bar:

        def stage(text):
            bar.set_description(f"{text:<28}")

        stage("loss and minibatch noise")
        grid = Grid(BOX, n)
        problem = Problem.from_samples(
            grid, regression.losses, None, ETA, BATCH, grad_losses=regression.grad_losses
        )
        minimum_f = _minimum(grid, problem.f)
        bar.update()

        stage("steady state")
        steady = steady_state(problem)
        bar.update()

        stage("SGD runs")
        step = int(RELAXATION / ETA)
        swarm = sgd.run(
            regression,
            minimum_f,
            ETA,
            BATCH,
            (8 + relaxations) * step,
            n_particles=n_particles,
            burn_in=8 * step,
            thin=step // 2,
            seed=seed,
        )
        histogram = swarm.histogram(grid, outside="drop")
        scalar = _best_scalar(problem, histogram)
        gibbs, gibbs_scalar = _gibbs(problem, 1.0), _gibbs(problem, scalar)
        bar.update()

        stage("evolution")
        start = gaussian(grid, minimum_f, moments(grid, gibbs_scalar)[1])
        times = RELAXATION * np.linspace(0, 25, 76)
        solution = solve(problem, start, times, progress=False)
        bar.update()
    candidates = {"rho_ss": steady.rho, "gibbs": gibbs, "gibbs_scalar": gibbs_scalar}
    return Result(
        problem=problem,
        steady=steady,
        solution=solution,
        swarm=swarm,
        gibbs=gibbs,
        gibbs_scalar=gibbs_scalar,
        scalar=scalar,
        histogram=histogram,
        minimum_f=minimum_f,
        minimum_Phi=_minimum(grid, steady.Phi),
        distances={name: _L1(grid, histogram, rho) for name, rho in candidates.items()},
        histogram_error=swarm.histogram_error(grid, outside="drop"),
    )


def table(result) -> str:
    """All figures of the demo as text: a name, a value and a remark in each line."""
    rows = [*_rows_of_potential(result), *_rows_of_current(result), *_rows_of_swarm(result)]
    return aligned(rows)


def _rows_of_potential(result):
    """Where Phi differs from f."""
    problem, rho, Phi = result.problem, result.steady.rho, result.steady.Phi
    T, f, c = problem.kT, problem.f - problem.f.min(), result.scalar
    visible = rho > VISIBLE * rho.max()
    plain, scaled = (float(np.abs(Phi - u)[visible].max()) for u in (f, f / c))
    shift = result.minimum_Phi - result.minimum_f
    spread = np.sqrt(np.diag(moments(problem.grid, rho)[1]))
    return [
        (
            "T = eta/(2b)",
            f"{T:.3g}",
            f"eta = {ETA}, b = {BATCH} of N = {problem.n_samples} flowers",
        ),
        ("minimum of f", _point(result.minimum_f), "weights of sepal length and petal length"),
        ("minimum of Phi", _point(result.minimum_Phi), "the most likely weights"),
        ("mode shift", _point(shift), f"{_point(shift / spread)} standard deviations"),
        ("max |Phi - f|", f"{plain:.3g}", "where rho_ss > 1e-6 of its maximum"),
        (
            "max |Phi - f/c|",
            f"{scaled:.3g}",
            f"{scaled / T:.0f} T; D = c = {c:.3g}: best scalar noise",
        ),
    ]


def _rows_of_current(result):
    """What goes round, and how well the box and the grid hold it."""
    problem, steady = result.problem, result.steady
    grid, rho = problem.grid, steady.rho
    produced, defect = steady.entropy_production, steady.gibbsian_defect
    j, drift, div_j = (rms(grid, rho, v) for v in (steady.j, problem.g, steady.div_j[None]))
    scheme = f"{grid.shape[0]} x {grid.shape[1]} cells, scheme {steady.stats.scheme!r}"
    return [
        ("entropy production", f"{produced:.3g}", "1/time; zero for Gibbs with scalar noise"),
        ("rms |j|", f"{j:.3g}", f"against rms |grad f| = {drift:.3g}"),
        (
            "rms div j",
            f"{div_j:.3g}",
            f"1/time; normalised {defect:.3f}, zero if j were conservative",
        ),
        ("rho_ss at the wall", f"{_at_wall(rho):.0e}", "of its maximum"),
        ("L1, error of rho_ss", f"{steady.error_estimate:.4f}", f"{scheme} and two coarser grids"),
    ]


def _rows_of_swarm(result):
    """What real SGD says."""
    swarm, L1 = result.swarm, result.distances
    grid, rho = result.problem.grid, result.steady.rho
    ratio = np.diag(swarm.cov) / np.diag(moments(grid, rho)[1])
    snapshots, particles, _ = swarm.samples.shape
    lost = _count_outside(grid, swarm.samples)
    noise = f"Monte Carlo error {result.histogram_error:.3f}; the rest: batches are skew"
    return [
        ("L1, SGD to rho_ss", f"{L1['rho_ss']:.3f}", noise),
        ("L1, SGD to Gibbs, D = 1", f"{L1['gibbs']:.3f}", "2 if disjoint"),
        ("L1, SGD to Gibbs, D = c", f"{L1['gibbs_scalar']:.3f}", "c fitted to the histogram"),
        ("variances, SGD / rho_ss", _point(ratio), "finite steps: up to 1/(1 - eta h/2) = 1.026"),
        ("SGD points", f"{snapshots} x {particles}", f"{swarm.steps} steps; {lost} out of the box"),
    ]


def _gibbs(problem, scalar):
    """Gibbs density e^(-f/(scalar T))/Z on the grid."""
    rho = np.exp(-(problem.f - problem.f.min()) / (scalar * problem.kT))
    return rho / problem.grid.integrate(rho)


def _best_scalar(problem, histogram):
    """The scalar D whose Gibbs measure is nearest in L1: the fairest chance for the loss."""

    def distance(log_scalar):
        return _L1(problem.grid, histogram, _gibbs(problem, np.exp(log_scalar)))

    return float(np.exp(minimize_scalar(distance, bounds=(-9, 2), method="bounded").x))


def _L1(grid, rho, other):
    """Distance between densities, at most 2."""
    return float(grid.integrate(np.abs(rho - other)))


def _minimum(grid, u):
    """Where u is least, by the parabola through the nine cells around the least one."""
    i, k = np.unravel_index(np.argmin(u), u.shape)
    around = (slice(i - 1, i + 2), slice(k - 1, k + 2))
    x, y = (c[around] - c[i, k] for c in grid.x)
    terms = np.stack([np.ones_like(x), x, y, x * x / 2, x * y, y * y / 2], axis=-1).reshape(9, 6)
    _, gx, gy, xx, xy, yy = np.linalg.lstsq(terms, u[around].ravel(), rcond=None)[0]
    return grid.x[:, i, k] - np.linalg.solve([[xx, xy], [xy, yy]], [gx, gy])


def _at_wall(rho):
    """Largest density in the cells along the walls, relative to the maximum."""
    return max(rho[0].max(), rho[-1].max(), rho[:, 0].max(), rho[:, -1].max()) / rho.max()


def _count_outside(grid, samples):
    """Number of points that left the box."""
    lo, hi = np.transpose(grid.box)
    return np.count_nonzero(((samples < lo) | (samples > hi)).any(axis=-1))


def _point(v):
    """Two numbers for the table."""
    return f"({v[0]:.3f}, {v[1]:.3f})"
