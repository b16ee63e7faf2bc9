"""Steady states of the zoo on sequences of grids, and their distances from the closed forms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

import fokkerplanck as fp
from fokkerplanck import zoo


@dataclass(frozen=True)
class Case:
    """A reference problem, the grids it is solved on and the errors allowed on the finest.

    Parameters
    ----------
    make : callable
        Returns the `Exact` reference.
    sizes : tuple of int
        Cells per side, coarsest first.
    caps : dict
        Largest final error of each quantity; see `errors` for the names.
    scale : float
        Factor on the default box: smaller boxes resolve more, but their walls are nearer.
    fraction : float
        Part of the climb to the walls inside which Phi is compared; see `Exact.interior`.
    slow : bool
        Whether it takes more than a few seconds.
    """

    make: Callable[[], zoo.Exact]
    sizes: tuple[int, ...]
    caps: dict[str, float]
    scale: float = 1.0
    fraction: float = 0.4
    slow: bool = False

    def exact(self):
        """Return the reference on its scaled box."""
        exact = self.make()
        if self.scale == 1.0:
            return exact
        return exact.boxed([(self.scale * lo, self.scale * hi) for lo, hi in exact.box])


def rms(grid, weight, u):
    """Root of the mean square of a scalar or vector field under a density."""
    u = np.asarray(u).reshape(-1, *grid.shape)
    return float(np.sqrt(grid.integrate(weight * np.sum(u**2, axis=0))))


def errors(exact, state, fraction=0.4, keep=None):
    """Distances of a steady state from a reference with known Phi.

    Phi: largest difference of log rho (units of kT, normalisation included) over the cells of
    `Exact.interior`, or of the mask ``keep(*x)``. Phi_relative: the same over 1 + beta Phi, which
    hardly depends on which cells of a coarse grid the mask happens to hold. L1: integral of the
    difference of densities. j and q: L2 under rho, relative unless they vanish. div_j: L2 under
    rho, absolute. EP, mean_Q: relative to the reference or to its largest entry.
    """
    grid, x = state.grid, state.grid.x
    rho, log_rho = exact.rho(*x), exact.log_rho(*x)
    inside = exact.interior(*x, fraction=fraction) if keep is None else keep(*x)
    error = np.abs(state.log_rho - log_rho)
    out = {
        "Phi": float(error[inside].max()),
        "Phi_relative": float((error / (1 + log_rho.max() - log_rho))[inside].max()),
        "L1": float(grid.integrate(np.abs(state.rho - rho))),
    }
    if exact.j is not None:
        j = exact.j(*x)
        out["j"] = rms(grid, rho, state.j - j) / (rms(grid, rho, j) or 1.0)
        out["div_j"] = rms(grid, rho, state.div_j - exact.div_j(*x))
        if np.isfinite(exact.entropy_production):
            production = exact.entropy_production
            out["EP"] = abs(state.entropy_production - production) / (production or 1.0)
    if exact.q is not None and not any(grid.periodic):
        q = exact.q(*x)
        out["q"] = rms(grid, rho, state.q - q) / (rms(grid, rho, q) or 1.0)
    if exact.a is not None and not any(grid.periodic):
        Q = mean_Q(exact)
        out["mean_Q"] = float(np.abs(state.mean_Q - Q).max() / np.abs(Q).max())
    return out


def mean_Q(exact):
    """Stationary mean of Q_ik = eps_ikm a_m."""
    a = exact.average(exact.a)
    return np.array([[0.0, a[2], -a[1]], [-a[2], 0.0, a[0]], [a[1], -a[0], 0.0]])


def second_order(problem, scheme="auto"):
    """Closed form where there is one, else the nine-point scheme, else the Markov scheme."""
    if scheme != "auto":
        return fp.steady_state(problem, scheme)
    markov = fp.steady_state(problem, "markov")
    if markov.stats.scheme == "exact":
        return markov
    try:
        return fp.steady_state(problem, "log")
    except fp.ConvergenceError:
        return markov


def convergence(exact, sizes, scheme="auto", **words):
    """Grid spacings (largest axis), errors per quantity, and the states."""
    states = [second_order(exact.build(n), scheme) for n in sizes]
    rows = [errors(exact, state, **words) for state in states]
    h = [max(float(np.max(w)) for w in state.grid.widths) for state in states]
    return np.array(h), {key: np.array([row[key] for row in rows]) for key in rows[0]}, states


def sigmas(make, k):
    """Reference on a box of k standard deviations to each side."""
    exact = make()
    return exact.boxed([(-k * w, k * w) for w in np.sqrt(np.diag(exact.moments["cov"]))])


LINE = {
    "R9": Case(zoo.noise_induced_transition, (64, 128, 256), {"Phi": 5e-5, "L1": 3e-6}),
    "R9b": Case(zoo.noise_repelled_modes, (64, 128, 256), {"Phi": 5e-5, "L1": 2e-6}),
    "R10": Case(
        zoo.tilted_ring, (64, 128, 256),
        {"Phi": 7e-5, "L1": 3e-5, "j": 2e-4, "div_j": 6e-5, "EP": 8e-5},
    ),
    # Power-law tails: coarser grids than h = 0.16 do not resolve the core.
    "R25": Case(zoo.multiplicative_noise, (256, 512, 1024), {"Phi": 4e-6, "L1": 2e-6}),
}  # fmt: skip
PLANE = {
    "R2": Case(
        zoo.gyrator, (32, 64, 128),
        {"Phi": 5e-3, "L1": 4e-4, "j": 2e-3, "div_j": 7e-4, "EP": 2e-4, "q": 3e-3}, 0.8, 0.3,
    ),
    "R3": Case(
        zoo.spiral, (32, 64, 128),
        {"Phi": 1e-3, "L1": 6e-5, "j": 5e-5, "EP": 5e-6, "q": 2e-3}, 0.95,
    ),
    "R13a": Case(
        lambda: zoo.manufactured_plane("flat"), (24, 48, 96),
        {"Phi": 2e-2, "L1": 2e-3, "j": 4e-3, "div_j": 3e-3, "EP": 6e-3, "q": 2e-3}, 0.9,
    ),
    "R13b": Case(
        lambda: zoo.manufactured_plane("mixed"), (24, 48, 96),
        {"Phi": 4e-2, "L1": 2e-3, "j": 4e-3, "div_j": 6e-3, "EP": 8e-3, "q": 3e-3}, 0.9,
    ),
    "R13c": Case(
        lambda: zoo.manufactured_plane("steep"), (40, 80, 160),
        {"Phi": 2e-2, "L1": 8e-4, "j": 3e-3, "div_j": 3e-3, "q": 5e-3}, 0.95,
    ),
    "R24": Case(
        zoo.stuart_landau, (32, 64, 128),
        {"Phi": 3e-2, "L1": 2e-3, "j": 7e-4, "div_j": 4e-3, "EP": 5e-4, "q": 6e-3}, 0.87,
    ),
    "R27a": Case(
        zoo.hidden_anisotropy, (32, 64, 128), {"Phi": 1e-3, "L1": 3e-4, "j": 5e-4, "EP": 1e-6},
    ),
    "R27b": Case(
        zoo.torus_loss, (24, 48, 96), {"Phi": 6e-4, "L1": 2e-4, "j": 2e-3, "EP": 3e-3},
    ),
    "E1": Case(
        zoo.example_19, (24, 48, 96),
        {"Phi": 2e-2, "L1": 3e-3, "j": 6e-3, "div_j": 4e-3, "EP": 6e-3, "q": 6e-3}, 0.9,
    ),
    "E2": Case(
        zoo.repaired_example, (24, 48, 96),
        {"Phi": 1e-2, "L1": 2e-3, "j": 3e-3, "div_j": 3e-3, "EP": 2e-3, "q": 3e-3}, 0.85,
    ),
    "E3": Case(
        zoo.ring, (32, 64, 128),
        {"Phi": 6e-2, "L1": 4e-3, "j": 1e-2, "div_j": 8e-3, "q": 1e-2}, 0.87,
    ),
    "E4b plane": Case(
        lambda: zoo.shell(kT=1.0, dim=2), (32, 64, 128),
        {"Phi_relative": 1e-3, "L1": 8e-4, "j": 7e-4}, 0.7,
    ),
}  # fmt: skip
SPACE = {
    "R4": Case(
        lambda: sigmas(zoo.spiral_3d, 5.5), (12, 16, 22),
        {"Phi_relative": 3e-3, "L1": 2e-3, "j": 2e-3, "EP": 1e-3, "mean_Q": 6e-2}, slow=True,
    ),
    "R4b": Case(
        lambda: sigmas(zoo.gyrator_3d, 5.5), (12, 16, 22),
        {"Phi_relative": 4e-3, "L1": 3e-3, "j": 1e-2, "mean_Q": 7e-2},
    ),
    "R15": Case(
        lambda: zoo.manufactured_space("gradient"), (10, 14, 20),
        {"Phi_relative": 4e-2, "L1": 3e-2, "j": 5e-2, "EP": 8e-2, "mean_Q": 6e-2}, 0.8,
    ),
    "R16": Case(
        lambda: zoo.manufactured_space("mixed"), (10, 14, 20),
        {"Phi_relative": 4e-2, "L1": 3e-2, "j": 4e-2, "EP": 3e-2, "mean_Q": 4e-2}, 0.8, slow=True,
    ),
    "E4b": Case(
        lambda: zoo.shell(kT=1.0, a=0.3), (10, 14, 20),
        {"Phi_relative": 5e-2, "L1": 3e-2, "j": 2e-2}, 0.65, slow=True,
    ),
    "E4": Case(
        lambda: zoo.ring_3d(kT=0.5, c=0.2), (12, 17, 24),
        {"L1": 3e-2, "j": 1.2e-1}, 0.8, slow=True,
    ),
}  # fmt: skip
CASES = {**LINE, **PLANE, **SPACE}


@cache
def measured(code):
    """Convergence of a case with the default scheme (cached: several tests look at it)."""
    case = CASES[code]
    return convergence(case.exact(), case.sizes, fraction=case.fraction)
