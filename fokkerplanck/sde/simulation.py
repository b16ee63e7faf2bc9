"""Particles of a Fokker-Planck problem: simulation of its stochastic differential equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from fokkerplanck.domain.arguments import positive_number, true_or_false, whole_number
from fokkerplanck.domain.densities import check_density, from_particles
from fokkerplanck.domain.ensembles import Ensemble, check_schedule, check_start
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem, check_problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.particles import minibatch as particles
from fokkerplanck.kernels.particles import paths
from fokkerplanck.linalg import sizes
from fokkerplanck.sde import steps as schemes
from fokkerplanck.sde import walls
from fokkerplanck.sde.coefficients import Callables, tabulated, unknown_between_cells

Scheme = Literal["euler_maruyama", "weak2"]
SCHEMES = {"euler_maruyama": schemes.euler_maruyama, "weak2": schemes.weak_second_order}
#: Particle steps of the compiled kernel in one call: about a second, after which Ctrl-C is heard.
_BLOCK_UPDATES = 1_000_000


@dataclass(frozen=True, eq=False)
class Paths(Ensemble, Saved):
    """Positions of independent particles of dx = b dt + s dW; errors are taken by particle.

    Attributes
    ----------
    t : array, shape (n_snapshots,)
        Times of the snapshots.
    samples : array, shape (n_snapshots, n_particles, d)
        Positions at these times, inside of the box; not a number after an exit. Snapshots of one
        particle are correlated, particles are not.
    unwrapped : array, shape (n_snapshots, n_particles, d)
        The same with turns around periodic axes counted (the same array without such axes).
    points : array, shape (n_particles, d)
        After the last step, inside of the box; where they left it for those that did.
    exit_time : array, shape (n_particles,)
        Through absorbing sides; infinite for those still there.
    exit_side : array of int, shape (n_particles,)
        2 axis + (0 at the low end, 1 at the high end); -1 for those still there.
    dt, scheme, seed
        As used by `simulate`.
    interpolated : bool
        True if drift and noise were interpolated between cell centres, which adds an error O(h^2).
    grid : Grid
        Of the problem, with its walls.
    """

    t: np.ndarray
    unwrapped: np.ndarray
    exit_time: np.ndarray
    exit_side: np.ndarray
    dt: float
    scheme: Scheme
    seed: int
    interpolated: bool
    grid: Grid

    @property
    def alive(self) -> np.ndarray:
        """Particles that have not left, boolean, shape (n_particles,)."""
        return self.exit_side < 0

    def histogram(self, grid: Grid, outside: str = "raise") -> np.ndarray:
        """Density of all samples on a grid; its integral is the share that is still there.

        Parameters
        ----------
        grid : Grid
        outside : {"raise", "drop"}
            What to do with particles outside of the box of this grid.

        Returns
        -------
        array, shape ``grid.shape``
            To compare with the density of ``solve``, whose mass also leaves through absorbing
            sides.

        Raises
        ------
        ValueError
            If no particle is left.
        """
        if self.alive.all():
            return super().histogram(grid, outside)
        points = self.samples.reshape(-1, self.samples.shape[-1])
        there = ~np.isnan(points[:, 0])
        if not there.any():
            raise ValueError("every particle has left: no density; look at exit_time")
        return there.mean() * from_particles(grid, points[there], outside)

    @property
    def _all_samples(self) -> Array:
        """Samples, if none of them is missing."""
        if not self.alive.all():
            raise ValueError(
                f"{np.count_nonzero(~self.alive)} of {self.n_particles} particles have left "
                "through absorbing sides; take statistics of samples[:, alive], or of exit_time"
            )
        return self.samples


def from_density(grid: Grid, rho: Array, n_particles: int | None, seed: int = 0) -> np.ndarray:
    """Independent points with a density that is constant in every cell.

    The inverse of ``from_particles``, and a start for `simulate`.

    Parameters
    ----------
    grid : Grid
    rho : array, shape ``grid.shape``
        Density of integral 1.
    n_particles : int
    seed : int

    Returns
    -------
    array, shape (n_particles, d)

    Raises
    ------
    ValueError
        If rho is no density, or n_particles no positive integer.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 1)], 4)
    >>> points = fp.sde.from_density(grid, fp.gaussian(grid, 0.2, 0.02), 1000)
    >>> points.shape, bool(points.max() < 1)
    ((1000, 1), True)
    """
    check_grid(grid)
    rho = check_density(rho, grid)
    n_particles = whole_number(n_particles, "n_particles", 1)
    rng = np.random.default_rng(whole_number(seed, "seed", 0))
    mass = np.cumsum((rho * grid.volume).ravel())
    cell = np.searchsorted(mass, rng.random(n_particles) * mass[-1], side="right")
    index = np.unravel_index(np.minimum(cell, grid.size - 1), grid.shape)
    low = [F[i] for F, i in zip(grid.faces, index, strict=True)]
    width = [w[i] for w, i in zip(grid.widths, index, strict=True)]
    return np.stack(low, axis=1) + np.stack(width, axis=1) * rng.random((n_particles, grid.dim))


def simulate(
    problem: Problem,
    x0: ArrayLike,
    t: float | None = None,
    *,
    dt: float | None = None,
    steps: int | None | None = None,
    scheme: Scheme = "euler_maruyama",
    n_particles: int | None | None = None,
    burn_in: int = 0,
    thin: int | None | None = None,
    seed: int = 0,
    interpolate: bool | None | None = None,
    progress: bool | None | None = None,
) -> Paths:
    r"""Particles of :math:`dx = b\,dt + \sqrt{2T}D^{1/2}dW` (Ito), b the problem's Ito drift.

    Their density is the solution of the problem. Walls are those of the grid: reflecting ones
    push back along the conormal Dn, which is what no flux means; particles go around periodic axes;
    through absorbing sides they leave, also between two steps.

    Parameters
    ----------
    problem : Problem
        In any calculus: its Ito drift is used.
    x0 : array, shape (d,) or (n_particles, d)
        One start for all, or one for each, see `from_density`; inside of the box.
    t : float
        Final time.
    dt : float
        Time step. Two of t, dt and steps are needed; if t is no multiple of dt, dt is made smaller.
    steps : int
        Number of steps.
    scheme : {"euler_maruyama", "weak2"}
        Weak order 1, or Platen's derivative-free scheme of weak order 2 for noise of any dimension.
        Both are of order 1 at reflecting and absorbing walls. "weak2" needs :math:`D^{1/2}` smooth,
        as it is where the rank of D does not change.
    n_particles : int, optional
        Default 10 000, or the number of rows of x0.
    burn_in, thin : int
        Keep the positions after steps burn_in + thin, burn_in + 2 thin, ... Without thin only the
        final positions are kept.
    seed : int, 0 <= seed < 2**63
        Particle p draws from its own stream (seed, p): the result does not depend on the number of
        threads, and the first particles of a larger run are those of a smaller one.
    interpolate : bool, optional
        Drift and :math:`D^{1/2}` multilinear between cell centres, in a compiled kernel on all
        cores, with an error O(h^2): pays where functions are costly, most of all in three
        dimensions. Default: where f, drift or D was given as an array, which is known at the cell
        centres only. Otherwise the problem's functions are called at each step.
    progress : bool, optional
        Show a tqdm bar; default no.

    Returns
    -------
    Paths

    Raises
    ------
    ValueError
        For arguments that cannot be used, saying which and why.
    ConvergenceError
        If particles run off to infinity or are reflected endlessly: dt is too large.

    References
    ----------
    P. E. Kloeden and E. Platen, Numerical Solution of Stochastic Differential Equations, 1992,
    (14.1.2) and (15.1.3). M. Bossy, E. Gobet and D. Talay, J. Appl. Probab. 41 (2004) 877, on
    reflection. E. Gobet, Stoch. Proc. Appl. 87 (2000) 167, on absorption.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(-4, 4)], 64), f=lambda x: x**2 / 2, kT=0.25)
    >>> paths = fp.sde.simulate(problem, [0.0], t=5.0, dt=0.05, n_particles=2000)
    >>> abs(float(paths.cov[0, 0]) - 0.25) < 0.05
    True
    """
    check_problem(problem, "simulate")
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r:.60}; choose from {', '.join(map(repr, SCHEMES))}")
    x = _check_inside(check_start(x0, n_particles), problem.grid)
    dt, steps = _check_times(t, dt, steps)
    burn_in, thin = check_schedule(steps, burn_in, thin)
    seed = whole_number(seed, "seed", 0, 2**63 - 1)
    arrays = unknown_between_cells(problem)
    if interpolate is False and arrays:
        raise ValueError(
            f"interpolate is False, but {' and '.join(arrays)} given as arrays are known at the "
            "cell centres only; leave it out or give callables"
        )
    interpolate = bool(arrays) if interpolate is None else true_or_false(interpolate, "interpolate")

    n_snapshots = (steps - burn_in) // thin
    run = _Run(problem, scheme, dt, steps, burn_in, thin, seed)
    unwrapped = np.full((n_snapshots, *x.shape), np.nan)
    exits = np.full(len(x), np.inf), np.full(len(x), -1)
    # Wrapping around is what a random generator does to 64-bit words.
    with np.errstate(over="ignore", invalid="ignore"):
        (run.interpolated if interpolate else run.by_functions)(x, unwrapped, *exits, progress)
    _check_finite(x, dt)
    samples = walls.wrapped(problem.grid, unwrapped)
    times = dt * (burn_in + thin * np.arange(1, n_snapshots + 1))
    points = walls.wrapped(problem.grid, x)
    return Paths(
        points, samples, times, unwrapped, *exits, dt, scheme, seed, interpolate, problem.grid
    )


@dataclass(frozen=True)
class _Run:
    """One simulation; both ways fill the positions x (n, d), snapshots and exits."""

    problem: Problem
    scheme: Scheme
    dt: float
    steps: int
    burn_in: int
    thin: int
    seed: int

    def streams(self, n: int) -> NDArray[np.uint64]:
        """Random streams of n particles."""
        states = np.empty((n, 4), np.uint64)
        particles.seed_streams(self.seed, 0, states)
        return states

    def by_functions(
        self, x: Array, unwrapped: Array, exit_time: Array, exit_side: Array, progress: bool | None
    ) -> None:
        """Numpy: all particles step by step, with the problem's own functions."""
        field, step_by = Callables(self.problem), SCHEMES[self.scheme]
        grid, dt, d = self.problem.grid, self.dt, x.shape[1]
        reflecting, absorbing = (walls.sides_of(grid, w) for w in ("reflecting", "absorbing"))
        states = self.streams(len(x))
        there = np.arange(len(x))
        for step in tqdm(range(1, self.steps + 1), unit=" steps", disable=not progress):
            here, streams = x[there].T, states[there]
            z = np.empty((len(there), d))
            paths.draw_normals(streams, z)
            signs = np.empty((len(there), d * (d - 1) // 2))
            if self.scheme == "weak2" and d > 1:
                paths.draw_signs(streams, signs)
            y, s = step_by(field, here, dt, z.T, signs.T)
            x[there] = y.T
            if absorbing:
                time, side = walls.crossings(absorbing, here, y, s, dt, streams)
                exit_time[there], exit_side[there] = (step - 1) * dt + time, side
                y, streams = y[:, side < 0], streams[side < 0]
                there = there[side < 0]
            if not np.isfinite(y).all():
                _check_finite(x, dt)
            states[there] = streams
            x[there] = walls.reflect(field, reflecting, y, dt).T
            kept, rest = divmod(step - self.burn_in, self.thin)
            if rest == 0 and kept > 0:
                unwrapped[kept - 1, there] = x[there]
            if not there.size:
                break

    def interpolated(
        self, x: Array, unwrapped: Array, exit_time: Array, exit_side: Array, progress: bool | None
    ) -> None:
        """Compiled: particle by particle, with drift and noise interpolated."""
        grid = self.problem.grid
        field = (
            *tabulated(self.problem), ~np.array(grid.graded), np.array(grid.box),
            np.array(grid.periodic),
        )  # fmt: skip
        sides = [np.array(grid.sides) == word for word in ("reflecting", "absorbing")]
        states = self.streams(len(x))
        block, status = max(64, _BLOCK_UPDATES // self.steps), np.zeros(len(x), np.int64)
        piece = max(1, _BLOCK_UPDATES // min(block, len(x)))
        with tqdm(total=len(x), unit=" particles", disable=not progress) as bar:
            for first in range(0, len(x), block):
                part = slice(first, first + block)
                samples = np.full((len(x[part]), *unwrapped.shape[::2]), np.nan)
                rule = *field, *sides, self.scheme == "weak2", self.problem.D_constant, self.dt
                rest = x[part], samples, exit_time[part], exit_side[part], status[part]
                for begin in range(0, self.steps, piece):
                    span = states[part], begin, min(begin + piece, self.steps)
                    kept = self.burn_in, self.thin, walls.PASSES
                    n_updates = piece * len(x[part])
                    threads.call(paths.run_paths, n_updates, *rule, *span, *kept, *rest)
                unwrapped[:, part] = samples.transpose(1, 0, 2)
                bar.update(len(x[part]))
        _check_finite(x, self.dt)
        if status.any():
            raise walls.endless(self.dt, x)


def _check_inside(x: Array, grid: Grid) -> Array:
    """Starting points, if they fit the grid and lie in its box (periodic axes wrap)."""
    if x.shape[1] != grid.dim:
        raise ValueError(f"x0 has {x.shape[1]} components on a {grid.dim}-dimensional grid")
    for k, ((lo, hi), wraps) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        out = (x[:, k] < lo) | (x[:, k] > hi)
        if out.any() and not wraps:
            point = x[np.argmax(out)].tolist()
            raise ValueError(f"x0 = {point} lies outside of the box {grid.box}; start inside")
    return x


def _check_times(t: float | None, dt: float | None, steps: int | None) -> tuple[float, int]:
    """Time step and number of steps from two of final time, step and number."""
    if sum(u is not None for u in (t, dt, steps)) != 2:
        raise ValueError("give two of t, dt and steps, for example t=10.0, dt=0.01")
    if steps is not None:
        steps = whole_number(steps, "steps", 1)
        return (positive_number(t, "t") / steps if dt is None else positive_number(dt, "dt")), steps
    t, dt = positive_number(t, "t"), positive_number(dt, "dt")
    if not t / dt <= sizes.MOST_STEPS:
        raise ValueError(
            f"dt is {dt:g} for t = {t:g}, {t / dt:.2g} steps, and {sizes.MOST_STEPS:.0e} are the "
            "most; take a larger dt"
        )
    steps = max(1, int(np.ceil(t / dt * (1 - 1e-12) - 1e-9)))
    return t / steps, steps


def _check_finite(x: Array, dt: float) -> None:
    """Raise if particles ran off."""
    lost = np.count_nonzero(~np.isfinite(x).all(axis=1))
    if lost:
        raise ConvergenceError(
            f"{lost} of {len(x)} particles ran off to infinity; take dt smaller than {dt:g}",
            iterate=x,
        )
