"""Slide 9: the density of SGD obeys the Fokker-Planck equation, to first order in eta.

Six-row linear regression from one Gaussian, one row per step (b = 1, so that kT = eta/2 falls with
eta). For each eta, finite volumes give rho(t); particles of the stochastic equation and SGD give
histograms. Mean and covariance of SGD are known exactly, and are compared with the closed moments
of the equation. Two more runs keep kT = 1/20 with larger batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sde, sgd, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, known, observed_order
from fokkerplanck.domain.densities import from_particles, gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.plot import canvas, colorbar, density, potential

SLIDE = Slide(
    9,
    "A continuous-time view of SGD: the Fokker-Planck equation",
    "SGD becomes dx = −grad f dt + √(2 D/β) dW, and the density of the weights obeys "
    "ρ_t = div(grad f ρ + β⁻¹ div(D ρ)).",
)
QUICK = {"n": 96, "particles": 40_000}
T_END, DT, WINDOW = 1.2, 0.05, 1.8
ETAS = (0.2, 0.1, 0.05, 0.025)
#: Larger batches at the temperature of eta = 0.1.
SAME_KT = ((0.4, 4), (0.2, 2))
SHOWN = 0.1


@dataclass(frozen=True, eq=False)
class Case:
    """SGD and the equation's particles against the volumes, at one learning rate."""

    rho: np.ndarray  # of the volumes
    sgd: np.ndarray  # histogram
    distance: float  # L1, SGD
    noise: float  # L1 noise of such a histogram
    mean: float  # exact error of the mean of SGD
    trace: float  # and of the trace of its covariance
    mass: float


@dataclass(frozen=True, eq=False)
class Result:
    """Cases by learning rate; distances of SGD at one temperature by (eta, b)."""

    cases: dict[float, Case]
    same_kT: dict[tuple[float, int], float]
    sde: np.ndarray  # histogram of the equation's particles, and their distance
    sde_distance: float
    grid: Grid
    bins: Grid


def compute(n=120, particles=200_000, seed=0, progress=False) -> Result:
    """Solve on n x n cells for every learning rate, simulate, bin on n/3 x n/3 cells."""
    grid = Grid([(-WINDOW, WINDOW)] * 2, n)
    bins = Grid(grid.box, n // 3)
    data = zoo.linear_regression_sgd(0.05).data
    start = np.random.default_rng(seed).multivariate_normal(data["mean0"], data["cov0"], particles)
    cases = {eta: _case(eta, grid, bins, start, seed, progress) for eta in ETAS}
    same = {(SHOWN, 1): cases[SHOWN].distance}
    for eta, b in SAME_KT:
        points = _swarm(eta, b, start, seed, progress)
        same[eta, b] = _distance(bins, points, cases[SHOWN].rho)[1]
    paths = sde.simulate(
        _problem(SHOWN, grid), start, T_END, dt=DT, scheme="weak2", seed=seed, interpolate=True,
        progress=progress,
    )  # fmt: skip
    by_sde, sde_distance, _ = _distance(bins, paths.points, cases[SHOWN].rho)
    return Result(cases, same, by_sde, sde_distance, grid, bins)


def _problem(eta, grid):
    """The equation of SGD with b = 1."""
    return zoo.linear_regression_sgd(eta / 2).boxed(grid.box).build(grid.shape)


def _swarm(eta, b, start, seed, progress):
    """Positions of SGD at the end."""
    data = zoo.linear_regression_sgd(0.05).data
    model = sgd.LeastSquares(data["rows"], data["targets"])
    return sgd.run(model, start, eta, b, round(T_END / eta), seed=seed, progress=progress).points


def _case(eta, grid, bins, start, seed, progress):
    """Everything at one learning rate, b = 1."""
    exact = zoo.linear_regression_sgd(eta / 2)
    mean0, cov0 = exact.data["mean0"], exact.data["cov0"]
    run = solve(_problem(eta, grid), gaussian(grid, mean0, cov0), [0.0, T_END])
    rho = run.rho[-1]
    histogram, distance, noise = _distance(bins, _swarm(eta, 1, start, seed, progress), rho)
    mean, cov = _discrete_moments(exact, eta)
    return Case(
        rho, histogram, distance, noise,
        float(np.linalg.norm(mean - known(exact.mean_t)(T_END))),
        float(np.trace(cov - known(exact.cov_t)(T_END))),
        max(abs(float(grid.integrate(u)) - 1) for u in run.rho),
    )  # fmt: skip


def _distance(bins, points, rho):
    """Histogram of points, its L1 distance to a finer density, and its sampling noise."""
    m, k = bins.shape[0], len(rho) // bins.shape[0]
    binned = rho.reshape(m, k, m, k).mean(axis=(1, 3))
    histogram, *halves = (
        from_particles(bins, part, "drop") for part in (points, points[::2], points[1::2])
    )
    noise = bins.integrate(np.abs(halves[0] - halves[1])) / 2
    return histogram, float(bins.integrate(np.abs(histogram - binned))), float(noise)


def _discrete_moments(exact, eta):
    """Mean and covariance of SGD with b = 1 at the end: those of one step close."""
    rows, targets, H = (exact.data[k] for k in ("rows", "targets", "H"))
    x = exact.moments["mean"]
    errors, step = rows @ x - targets, np.eye(2) - eta * H
    m, S = exact.data["mean0"] - x, exact.data["cov0"]
    for _ in range(round(T_END / eta)):
        M = S + np.outer(m, m)
        r2 = np.einsum("ki,ij,kj->k", rows, M, rows) + 2 * errors * (rows @ m) + errors**2
        noise = np.einsum("ki,kj,k->ij", rows, rows, r2) / len(rows) - H @ M @ H
        S, m = step @ S @ step.T + eta**2 * noise, step @ m
    return x + m, S


def finding(result) -> Finding:
    """Right, to first order in the learning rate."""
    cases = result.cases.values()
    order = observed_order([case.mean for case in cases])
    last = result.cases[ETAS[-1]]
    return Finding(
        "holds",
        f"particles of the equation agree with the volumes (L1 distance "
        f"{result.sde_distance:.3f}, sampling noise {result.cases[SHOWN].noise:.3f}), and mass is "
        f"1 to {max(case.mass for case in cases):.0e}. SGD itself has this density to first order "
        f"in η at fixed b: its distance falls from {result.cases[ETAS[0]].distance:.2f} to "
        f"{last.distance:.2f} as η goes from {ETAS[0]} to {ETAS[-1]} (order {order:.2f} for the "
        f"mean). At one temperature larger batches take larger steps and are further off: "
        f"{result.same_kT[0.1, 1]:.2f}, {result.same_kT[0.2, 2]:.2f}, {result.same_kT[0.4, 4]:.2f} "
        "for b = 1, 2, 4.",
    )


def table(result) -> str:
    """Distances and moments by learning rate."""
    rows = [("mass of ρ(t), largest error", f"{max(c.mass for c in result.cases.values()):.0e}",
             "rounding")]  # fmt: skip
    rows.append(
        (
            f"η = {SHOWN}: L1 distance of particles of the equation",
            f"{result.sde_distance:.4f}",
            f"sampling noise {result.cases[SHOWN].noise:.4f}",
        )
    )
    for eta, case in result.cases.items():
        rows += [
            (f"η = {eta}, b = 1: L1 distance of SGD", f"{case.distance:.4f}",
             f"sampling noise {case.noise:.4f}"),
            ("  SGD minus equation: mean, exactly", f"{case.mean:.6f}", ""),
            ("  SGD minus equation: trace of covariance, exactly", f"{case.trace:.6f}", ""),
        ]  # fmt: skip
    means = [case.mean for case in result.cases.values()]
    rows.append(("observed order in η of the mean", f"{observed_order(means):.3f}", "expected 1"))
    distances = [case.distance for case in result.cases.values()]
    rows.append(("  of the L1 distance", f"{observed_order(distances):.2f}", "noise included"))
    for (eta, b), distance in sorted(result.same_kT.items()):
        rows.append((f"kT = 1/20: η = {eta}, b = {b}", f"{distance:.4f}", "L1 distance of SGD"))
    return aligned(rows)


def figure(result):
    """Volumes, equation and SGD side by side; errors against eta."""
    sheet = canvas(13, 3.7)
    axes = sheet.subplots(1, 4)
    case = result.cases[SHOWN]
    top = float(case.rho.max())
    density(result.grid, case.rho, axes[0], top=top)
    density(result.bins, result.sde, axes[1], top=top)
    mesh = density(result.bins, case.sgd, axes[2], top=top)
    colorbar(mesh, "density", axes[2])
    titles = ("finite volumes", "stochastic equation", f"SGD, η = {SHOWN}, b = 1")
    f = known(zoo.linear_regression_sgd(SHOWN / 2).f)
    for ax, title in zip(axes[:3], titles, strict=True):
        potential(result.grid, f(*result.grid.x), ax, top=1.0, levels=8, cmap="Greys_r", alpha=0.5)
        ax.set(xlim=(-0.7, 1.1), ylim=(-1.1, 0.7), title=title)
    axes[0].set_title(f"ρ({T_END:g}), {titles[0]}")
    eta = np.array(ETAS)
    cases = [result.cases[e] for e in ETAS]
    last = axes[3]
    last.loglog(eta, [c.distance for c in cases], "o-", label="L1 distance of SGD")
    last.loglog(SHOWN, result.sde_distance, "^", label="L1, particles of the equation")
    last.loglog(eta, [c.mean for c in cases], "s-", label="error of the mean, exact")
    last.loglog(eta, 0.8 * cases[0].mean * eta / eta[0], "k--", lw=1, label="slope 1")
    last.set(xlabel="η at b = 1", title="SGD against the equation", ylim=(1e-3, 30))
    last.set_xticks(ETAS, [f"{e:g}" for e in ETAS])
    last.set_xticks([], minor=True)
    last.legend(fontsize="x-small", loc="upper left")
    return sheet
