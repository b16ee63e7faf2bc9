"""JKO steps in the true Wasserstein distance on grids, by debiased entropic transport."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from fokkerplanck.domain.arguments import positive_number, true_or_false
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Entropy, FreeEnergy, Interaction, Potential
from fokkerplanck.energies.functional import terms_of
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.transport.log_convolution import LEAST
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run
from fokkerplanck.transport.potentials import Ends, Potentials, Rung
from fokkerplanck.transport.proximal import ProximalStep

#: Smallest width, cells: sums over cells do not resolve narrower kernels.
NARROWEST = 1.0
#: L1 distance from the density at rest within which a step starts from there.
NEAR = 1e-3
#: Tolerance in a step, L1, for the free energy
TOLERANCE = 1e-8
#: and for other energies, whose iteration is slower.
ROUGH = 1e-4
#: Solves for the field of an interaction.
FIELDS = 50
#: Terms of a free energy.
FREE = (Entropy, Potential, Interaction)
#: Change of the masses, over the largest, by which a step begins where the last one ended.
SAME = 1e-12
#: Masses below this have lost digits; the logarithms of the last step have not.
UNDERFLOW = 1e-290


@dataclass(frozen=True)
class Entropic(MinimisingMovement):
    r"""JKO step in the Wasserstein distance itself, for constant D.

    .. math:: \rho_{k+1}=\arg\min_\rho E(\rho)+S_\gamma(\rho,\rho_k),\qquad
              S_\gamma(\rho,\sigma)=\mathrm{OT}_\gamma(\rho,\sigma)
              -\tfrac12\mathrm{OT}_\gamma(\rho,\rho)-\tfrac12\mathrm{OT}_\gamma(\sigma,\sigma)
              =\frac{W_2^2(\rho,\sigma)}{2\tau}+O(\gamma^2)

    :math:`\mathrm{OT}_\gamma` is transport of cost :math:`(x-y)\cdot D^{-1}(x-y)/2\tau` with
    :math:`\gamma` times its relative entropy. The Gaussian kernel has the variance
    :math:`\tau\gamma D`, of standard deviation ``width`` cells along the axis where that is least,
    so that the error is of fourth order in the cell width.

    Parameters
    ----------
    tau : float
        Longest step, time.
    energy : Energy, optional
        Default: the free energy of the problem. An entropy with potentials and interactions is
        solved likewise, again and again until the field of the interaction stays (``fields`` in
        ``stats``); all others take the plain iteration, whose number of steps grows with the grid.
    width : float, default 1.2
        Cells, at least 1.
    richardson : bool, default False
        Extrapolate log densities, :math:`2\log\rho_\gamma` and :math:`\log\rho_{2\gamma}` as
        (4, -1)/3: of higher order in h, at more than twice the cost.
    tolerance : float, optional
        L1 error of the iteration in a step, relative to the L1 distance from the density at rest
        where that is small. Default: 1e-8, and 1e-4 for other energies than the free energy.

    Raises
    ------
    ValueError
        For graded axes, absorbing sides, D that depends on x, drifts without detailed balance, and
        off-diagonal entries of D but in the plane without periodic axes: the scheme on the edge
        list does all of these.
    ConvergenceError
        If the iteration does not end; it says what to change.

    Notes
    -----
    ``stats`` counts ``iterations`` (on the grid itself), ``coarse_iterations``, ``convolutions`` of
    the grid and ``restarts`` of the acceleration.

    The density at rest is a fixed point to rounding, since there all three couplings are one; mass
    is exact, densities are positive. Their far tails are as exact as their logarithms. Reflecting
    walls and periodic axes are those of transport on the box and on the torus. The iteration is
    that of :mod:`fokkerplanck.transport.potentials`. Off-diagonal entries of D make the kernel no
    product of axes, at n times the price on n x n cells: for small grids. That the energy falls in
    every step is what we measure; it is a theorem for the step without debiasing. Steps whose
    thermal length :math:`\sqrt{2D\tau/\beta}` is far below a cell need smooth densities.

    References
    ----------
    Peyré, SIAM J. Imaging Sci. 8 (2015), entropic steps; Feydy et al., AISTATS (2019), debiasing;
    Chizat et al., NeurIPS (2020), its order.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> problem = fp.Problem(grid, f=lambda x, y: (x**2 + y**2) / 2, beta=2.0)
    >>> start = fp.gaussian(grid, (1, 0), 0.25)
    >>> solution = fp.solve(problem, start, [0, 0.1], fp.jko.Entropic(tau=0.1))
    >>> round(float(grid.integrate(grid.x[0] * solution[1])), 4)  # 1/(1 + tau)
    0.9091
    """

    width: float = 1.2
    richardson: bool = False
    tolerance: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        width = positive_number(self.width, "width")
        if width < NARROWEST:
            raise ValueError(
                f"width is {width:g} cells; give at least {NARROWEST:g}, or sums over cells do "
                "not resolve the kernel"
            )
        if self.tolerance is not None:
            tolerance = positive_number(self.tolerance, "tolerance")
            if tolerance >= 1:
                raise ValueError(f"tolerance is {tolerance:g}; give a number below 1")
            object.__setattr__(self, "tolerance", tolerance)
        true_or_false(self.richardson, "richardson")
        object.__setattr__(self, "width", width)

    def prepare(self, run: Run) -> _Scheme:
        """Check the problem; the solvers are made with the first step of a length."""
        return _Scheme(self, run)

    def fork_scheme(self, scheme: _Scheme) -> _Scheme:
        """What is kept, for a trial step: solvers are made anew, for they remember steps."""
        other = copy.copy(scheme)
        other._solvers, other._proximal_steps, other._gammas = {}, {}, {}
        return other

    def snapshot_scheme(self, scheme: _Scheme) -> Any:
        """The last density, lengths of the steps that there are solvers for, where these begin."""
        warm = {key: (step._warm, step._level) for key, step in scheme._proximal_steps.items()}
        return {"last": scheme._last, "gammas": dict(scheme._gammas), "warm": warm}

    def restore_scheme(self, scheme: _Scheme, snapshot: Any) -> None:
        """Make the solvers again."""
        scheme._last = snapshot["last"]
        for (log_tau, width), gamma in snapshot["gammas"].items():
            scheme.make((log_tau, width), gamma)
        for key, (warm, level) in snapshot["warm"].items():
            step = scheme._proximal_steps[key]
            step._warm, step._level = warm, level

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """One step, or two of different width."""
        scheme = run.scheme
        q = scheme.log_mass(p)
        if not self.richardson:
            r = scheme.step(q, tau, self.width)
        else:
            fine, wide = (scheme.step(q, tau, self.width * s) for s in (1.0, np.sqrt(2.0)))
            r = (4 * fine - wide) / 3
            r -= logsumexp(r)
        return scheme.masses(r, float(p.sum()))

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        return {"positivity": "by construction (exponential of a potential)"}


class _Scheme:
    """What is kept during a run: the potential, solvers by step and width, the last density."""

    def __init__(self, method: Entropic, run: Run) -> None:
        self.method, self.run = method, run
        problem, grid = run.problem, run.grid
        D = _check(problem, grid, run) / np.outer(grid.h, grid.h)
        # Widths over the narrowest, across which cells have to resolve the kernel.
        self.unit = float(np.sqrt(np.linalg.eigvalsh(D)[0]))
        self.ratios = np.sqrt(np.diag(D)) / self.unit
        skew = problem.D_kind == "tensor"
        self.correlation = float(D[0, 1] / np.sqrt(D[0, 0] * D[1, 1])) if skew else 0.0
        self.kT, self.beta_V = _free_energy(run)
        self.interacts = any(isinstance(e, Interaction) for e in terms_of(run.energy))
        default = TOLERANCE if self.beta_V is not None else ROUGH
        self.tolerance = default if method.tolerance is None else method.tolerance
        # By log tau and width; steps that differ by rounding share one, and its gamma.
        self._solvers: dict[tuple[float, float], Callable[[Array], Array]] = {}
        self._proximal_steps: dict[tuple[float, float], ProximalStep] = {}
        self._gammas: dict[tuple[float, float], float] = {}
        self._last: tuple[Array, Array] | None = None

    def log_mass(self, p: Array) -> Array:
        """Log masses (*shape); those of the step before where doubles have underflowed."""
        p = p.reshape(self.run.grid.shape) / p.sum()
        with np.errstate(divide="ignore"):
            q = np.log(p)
        if self._last is not None:
            before, r = self._last
            if np.abs(p - before).max() <= SAME * before.max():
                q = np.where(p > UNDERFLOW, q, r)
        return np.maximum(q, LEAST)

    def masses(self, r: Array, total: float) -> Array:
        """Masses (n,) of a log density, which is kept for the next step."""
        p = np.exp(r)
        p /= p.sum()
        self._last = p, r
        return (p * total).ravel()

    def step(self, q: Array, tau: float, width: float) -> Array:
        """Log masses after one step with one kernel."""
        key = float(round(np.log(tau), 12)), float(width)
        if key not in self._solvers:
            self.make(key, (width / self.unit) ** 2 / tau)
        return self._solvers[key](q)

    def make(self, key: tuple[float, float], gamma: float) -> None:
        """Make the solver for a length of step and a width."""
        self._gammas[key] = gamma
        if self.beta_V is None:
            self._solvers[key] = self._proximal(gamma, key)
        else:
            self._solvers[key] = self._potentials(self.beta_V, gamma, key[1])

    def _potentials(self, beta_V: Array, gamma: float, width: float) -> Callable[[Array], Array]:
        """Solver for the free energy."""
        grid, widths, c = self.run.grid, width * self.ratios, gamma / self.kT
        solver = Potentials(
            grid.shape, grid.periodic, widths, c, self.tolerance, correlation=self.correlation
        )
        at_rest = -beta_V - logsumexp(-beta_V)
        rest = np.exp(at_rest)

        def solve(q: Array) -> Array:
            distance = float(np.sum(np.abs(np.exp(q) - rest)))
            before, ends = dict(solver.count), Ends(q, beta_V=beta_V)
            if self.interacts:
                rung = self._with_interaction(solver, q, beta_V)
            elif distance < NEAR:
                rung = solver.solve_near(ends, at_rest, self.tolerance * distance)
            else:
                rung = solver.solve(ends)
            self.run.add(**{k: solver.count[k] - before[k] for k in before})
            return rung.r

        return solve

    def _with_interaction(self, solver: Potentials, q: Array, beta_V: Array) -> Rung:
        """Solution for a field W * rho of its own density: solved again until it stays."""
        r, rung, change = q, None, np.inf
        for _ in range(FIELDS):
            field = self.run.energy.interaction(np.exp(r) / self.run.grid.volume, self.run.grid)
            rung = solver.solve(Ends(q, beta_V=beta_V + field / self.kT), rung)
            self.run.add(fields=1)
            change = float(np.sum(np.abs(np.exp(rung.r) - np.exp(r))))
            r = rung.r
            if change <= 10 * self.tolerance:
                return rung
        raise ConvergenceError(
            f"the field of the interaction still changes the density by {change:.1e} after "
            f"{FIELDS} solves; shorten tau",
            iterate=r,
            residual=change,
        )

    def _proximal(self, gamma: float, key: tuple[float, float]) -> Callable[[Array], Array]:
        """Solver for any other energy."""
        widths = key[1] * self.ratios
        solver = ProximalStep(self.run.energy, self.run.grid, widths, gamma, self.tolerance)
        self._proximal_steps[key] = solver

        def solve(q: Array) -> Array:
            r = solver(q)
            self.run.add(**solver.spent)
            return r

        return solve


def _check(problem: Problem, grid: Grid, run: Run) -> Array:
    """Return the one D (d, d) of all cells; ValueError for what the kernel can not do."""
    other = "use the edge-list scheme"
    if not grid.is_uniform:
        raise ValueError(f"Entropic needs a uniform grid, this one is graded; {other}")
    if not problem.D_constant:
        raise ValueError(f"Entropic needs a constant D, this one depends on x; {other}")
    if problem.D_kind == "tensor":
        if grid.dim != 2 or any(grid.periodic):
            raise ValueError(
                "Entropic takes a D with off-diagonal entries in two dimensions without periodic "
                f"axes only; {other}"
            )
        if run.given is not None:
            raise ValueError(
                "Entropic takes a D with off-diagonal entries with the free energy of the problem "
                f"only, not with another energy; {other}"
            )
    corner: tuple = (..., *(0,) * grid.dim)
    D = np.array(problem.D[corner])
    least = float(np.linalg.eigvalsh(D)[0])
    if not least > 0:
        raise ValueError(
            f"Entropic needs D > 0, the smallest eigenvalue of this one is {least:g}; {other}"
        )
    if run.given is None and not run.is_reversible:
        raise ValueError(
            f"Entropic needs detailed balance, the drift of this problem circulates; {other} or a "
            "splitting"
        )
    return D


def _free_energy(run: Run) -> tuple[float, Array | None]:
    """Temperature kT and potential over kT of a free energy; kT and None for other energies."""
    terms = terms_of(run.energy)
    entropies = [e for e in terms if isinstance(e, Entropy)]
    if len(entropies) != 1 or not all(isinstance(e, FREE) for e in terms):
        return run.kT, None
    if isinstance(run.energy, FreeEnergy):
        return run.energy.kT, -run.energy.log_rho_inf
    kT = entropies[0].kT
    return kT, run.energy.potential(run.grid) / kT
