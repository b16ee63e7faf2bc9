"""Slide 12: free energy against the distance to the minimum, for non-isotropic noise.

Five problems, none with isotropic noise and a loss: the gyrator (R2) and the moving potential
(R31) have a loss and constant D, the spiral in space (R4), Example 19 (E1) and the underdamped
oscillator (R23, SGD with momentum) have none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.plot import canvas

SLIDE = Slide(
    12,
    "What happens for non-isotropic noise?",
    "the Fokker-Planck equation monotonically minimises the free energy F = E Phi - H/beta, that "
    "is KL(rho, rho_ss)/beta; compare with |x - x*| of deterministic optimisation.",
)
QUICK = {"n": 48, "n_space": 14, "steps": 40}
SPACE = [(-1.6, 1.8), (-1.4, 1.7), (-1.2, 1.0)]  # box of R4
REMARKS = {"R4": "a coarse grid, of second order", "R23": "first order, for x has no noise"}
LISTED = (0.5, 1.0, 2.0, 4.0, 8.0)  # times of the table of R2


@dataclass(frozen=True, eq=False)
class Run:
    """A problem of the zoo and its evolution.

    Attributes
    ----------
    name : str
    kl : array (n_t,)
        KL(rho, rho_ss) on the grid.
    distance : array (n_t,)
        |m(t) - x*|, m the mean and x* the point that it tends to; of the weights alone where the
        state holds velocities too (R23).
    """

    name: str
    exact: zoo.Exact
    solution: Solution
    kl: np.ndarray
    distance: np.ndarray

    @property
    def rebound(self) -> float:
        """Largest distance after a smaller one, over the first value; 0 if it only falls."""
        lowest = np.minimum.accumulate(self.distance)
        risen = self.distance[self.distance > lowest * (1 + 1e-6)]
        return float(risen.max(initial=0.0) / self.distance[0])


@dataclass(frozen=True, eq=False)
class Result:
    """All runs by code, and KL of R2 at the listed times on two grids, one twice as fine."""

    runs: dict[str, Run]
    listed: np.ndarray
    listed_fine: np.ndarray


def compute(n=128, n_space=32, steps=120, seed=0, progress=False) -> Result:
    """Evolve all five; R2 on two grids."""
    gyrator = zoo.gyrator()
    cases = {
        "R2": ("gyrator, a loss", gyrator, n, 8.0, None),
        "R31": ("Φ moves, a loss", zoo.moving_potential(0.25), n, 20.0, (1.1, -0.5)),
        "E1": ("Example 19, λ = 1.5", zoo.example_19(1.5), n, 6.0, (1.2, 0.6)),
        "R4": ("spiral in space", zoo.spiral_3d().boxed(SPACE), n_space, 5.0, None),
        "R23": ("momentum", zoo.langevin(), n, 20.0, None),
    }
    runs = {}
    for code, (name, exact, size, end, start) in cases.items():
        problem = exact.build(size)
        runs[code] = _run(name, exact, problem, start, np.linspace(0, end, steps + 1), progress)
    box = _boxed(gyrator)
    listed = [
        _kl(solve(p, _start(gyrator, p), [0, *LISTED], progress=False, scheme="markov"))[1:]
        for p in (box.build(3 * n // 4), box.build(3 * n // 2))
    ]
    return Result(runs, *listed)


def _boxed(exact):
    """The gyrator on a box just as large as start and end need, for the finest cells."""
    return exact.boxed([(-1.5, 2.0), (-1.1, 1.6)])


def _start(exact, problem, mean=None):
    """Gaussian start of the zoo, or one around a mean."""
    if mean is None:
        return gaussian(problem.grid, exact.mean_t(0.0), exact.cov_t(0.0))
    # On coarse grids as thin as the cells allow.
    thin = [max(0.02, 0.26 * h**2) for h in problem.grid.h]
    return gaussian(problem.grid, mean, np.diag(thin))


def _kl(solution):
    """KL from free energy."""
    return solution.free_energy * solution.beta


def _run(name, exact, problem: Problem, mean, t, progress):
    """Evolve, and follow the mean."""
    grid = problem.grid
    bar = None if progress else False
    solution = solve(problem, _start(exact, problem, mean), t, progress=bar, scheme="markov")
    rest = np.exp(np.asarray(solution.log_rho_inf))
    means = np.array([grid.integrate(rho * grid.x) for rho in (*solution.rho, rest)])
    weights = 1 if exact.code == "R23" else grid.dim
    distance = np.linalg.norm((means[:-1] - means[-1])[:, :weights], axis=1)
    return Run(name, exact, solution, _kl(solution), distance)


def finding(result) -> Finding:
    """Falls of KL and rises of the distance."""
    runs = result.runs.values()
    falls = all((np.diff(run.kl) < 0).all() for run in runs)
    turning = [code for code, run in result.runs.items() if run.rebound > 1e-2]
    worst = max(runs, key=lambda run: run.rebound)
    return Finding(
        "holds" if falls else "fails as printed",
        "KL falls between all output times of five problems, whether div j = 0 or not. The "
        f"distance |m - x*| does not in {' and '.join(turning)} (momentum): it comes back to "
        f"{worst.rebound:.0%} of its first value after having been lower.",
    )


def table(result) -> str:
    """KL of R2 next to its exact values; monotonicity of all."""
    kl = result.runs["R2"].exact.kl
    exact, rows = [] if kl is None else kl(np.array(LISTED)), []
    for t, a, b, true in zip(LISTED, result.listed, result.listed_fine, exact, strict=True):
        best = b + (b - a) / 3
        rows.append(
            (f"R2, KL at t = {t:g}", f"{best:.7g}", f"exact {true:.10g}; finer grid alone {b:.6g}")
        )
    for code, run in result.runs.items():
        largest = float(np.diff(run.kl).max())
        rows.append(
            (f"{code}, largest change of KL", f"{largest:.1e}",
             f"{run.name}: {run.kl[0]:.3g} to {run.kl[-1]:.1e}; |m - x*| back to {run.rebound:.0%}")
        )  # fmt: skip
        if run.exact.kl is not None and code != "R2":
            t = run.solution.t[len(run.solution.t) // 2]
            rows.append(
                (f"{code}, KL at t = {t:g}", f"{run.kl[len(run.kl) // 2]:.4g}",
                 f"exact {float(run.exact.kl(t)):.6g}; {REMARKS[code]}")
            )  # fmt: skip
    return aligned(rows)


def figure(result):
    """KL, and distance of the mean, against time over the time of the run."""
    sheet = canvas(10, 4.2)
    left, right = sheet.subplots(1, 2)
    for code, run in result.runs.items():
        t = run.solution.t
        seen = run.kl > 1e-9
        left.semilogy(t[seen], run.kl[seen], label=f"{code}: {run.name}")
        right.semilogy(t, run.distance, label=code)
    left.set(xlabel="t", ylabel="βF = KL(ρ, ρss)", title="free energy: falls, always")
    left.set_ylim(1e-9, None)
    left.legend(fontsize="small")
    right.set(xlabel="t", ylabel="|m − x*|", title="distance of the mean from its limit: need not")
    right.set_ylim(1e-5, None)
    right.legend(fontsize="small")
    return sheet
