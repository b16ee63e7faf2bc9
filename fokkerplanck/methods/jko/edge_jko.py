"""JKO steps on the generator's own edges: any D(x), any drift, any dimension."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import is_whole
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.implicit_multigrid import Solvers
from fokkerplanck.methods.jko.circulation import Circulation
from fokkerplanck.methods.jko.edge_metric import FrozenMetric, split
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run
from fokkerplanck.methods.jko.stages import INTEGRATORS, advance

#: Relative rise of the energy that counts as rounding.
ROUNDING = 1e-12
#: Energy that is nothing but rounding.
NOISE = 1e-28
#: Mass out of place at which a stage is solved, over the mass that moves in half a step,
ACCURACY = 1e-9
#: but never less than this.
LEAST = 1e-14
#: Part of the largest mass from which on cells have equal weight in the residuals of a second try.
FAR = 1e-24
#: Weights of the three stages; they end at 0.2, 0.55 and 1 times tau.
WEIGHTS = INTEGRATORS["zeg2"]
#: Ends of the first two stages, counted from tau / 2 in units of tau / 2.
PLACES = (-0.6, 0.1)
#: Length of the third stage over that of the second, (1 - 0.55) / (0.55 - 0.2).
LAST_OVER_SECOND = 9 / 7


@dataclass(frozen=True)
class EdgeJKO(MinimisingMovement):
    r"""Minimising movement of the free energy in the transport metric of the edge list.

    .. math:: \rho_{k+1}=\arg\min_\rho\,\mathrm{KL}(\rho\|\rho_\infty)
              +\frac1{2\tau}d(\rho,\rho_k)^2, \qquad
              d^2\approx\langle\rho-\rho_k, L_\theta^{-1}(\rho-\rho_k)\rangle,\quad
              L_\theta\mu=\sum_e\kappa_e\theta(u_x,u_y)(\mu_x-\mu_y)

    with :math:`u=\rho/\rho_\infty`, the stationary flows :math:`\kappa_e` of the edges and the
    logarithmic mean :math:`\theta(a,b)=(a-b)/(\log a-\log b)`: the Benamou-Brenier distance on a
    graph, of which :math:`W_2` in the metric :math:`D^{-1}` is the limit.

    Order 1: the metric is frozen at the solution itself. Since :math:`\theta(u_x,u_y)(\log u_x-\log
    u_y)=u_x-u_y`, the Euler equation :math:`\rho-\rho_k+\tau L_\theta\log u=0` is then linear,

    .. math:: (I-\tau A)\,\rho_{k+1}=\rho_k,

    and **backward Euler is the JKO step**.
    Order 2: the metric is frozen at a step of half the length, and the energy is minimised in three
    stages, each :math:`\arg\min\mathrm{KL}+\frac1{2\tau}\sum_j\gamma_{ij}|\rho-\rho_j|^2_\theta`.

    Parameters
    ----------
    tau : float
        Longest step, time.
    order : {1, 2}

    Raises
    ------
    ValueError
        If an energy is given that is not the problem's own, or for absorbing sides.

    Notes
    -----
    For every tau: positive, mass exact, F never rises, the steady state is fixed: at order 1
    because the step is a minimiser, at order 2 because F is convex, so that with :math:`d_i=\rho_i-
    \rho_{i-1}` its change is at most :math:`-\frac1\tau(5d_1^2+4d_2^2+\frac92d_3^2-2d_1d_2-2d_1d_3
    -\frac{25}{14}d_2d_3)\le0` in the frozen inner product. After a second-order step that raised F
    or was not solved, two half steps of order 1 take its place, counted in
    ``stats["fallback_energy"]`` and ``["fallback_newton"]``; ``["retries"]`` counts second tries of
    stages with a stricter linear solver. In second-order stages cells of mass below e^-230 keep
    that of backward Euler. Narrow starts show order two at small tau only: in their tails the
    metric at the middle is of first order until tau is small.
    A drift that is not a gradient is split: the currents J of the steady state are transported by
    uniformisation, before and after the JKO step of what is left, :math:`\kappa-|J|/2` (Strang;
    transport first, then the step, at order 1).

    References
    ----------
    Maas, J. Funct. Anal. 261 (2011); Mielke, Nonlinearity 24 (2011); Lisini, ESAIM COCV 15 (2009),
    for D(x). Zaitzeff, Esedoglu and Garikipati, SIAM J. Numer. Anal. 59 (2021), for the stages.
    Li, Lu and Wang, J. Comput. Phys. 418 (2020), and Cancès, Gallouët and Todeschi, Numer. Math.
    146 (2020), for the transport in one step.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 24)
    >>> problem = fp.Problem.from_potential(
    ...     grid, lambda x, y: x**2 / 2 + y**2, D=[[1, 0.5], [0.5, 0.4]]
    ... )
    >>> start = fp.gaussian(grid, (1, 0), 0.2)
    >>> solution = fp.solve(problem, start, [0, 1], fp.jko.EdgeJKO(0.25, order=2))
    >>> solution.stats["largest_rise"] < 0, bool(solution.min_rho.min() > 0)
    (True, True)
    """

    order: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.order) or self.order not in (1, 2):
            raise ValueError(f"order is {self.order!r}; give 1 or 2")

    def prepare(self, run: Run) -> _Scheme:
        """Split the generator."""
        if self.order == 2:
            run.add(newton_steps=0, krylov_steps=0, retries=0, fallback_newton=0, fallback_energy=0)
        return _Scheme(run)

    def fork_scheme(self, scheme: _Scheme) -> _Scheme:
        """What is kept, for a trial step."""
        other = copy.copy(scheme)
        other.solvers = scheme.solvers.fork()
        return other

    def snapshot_scheme(self, scheme: _Scheme) -> Any:
        """Lengths of the steps that there are solvers for."""
        return scheme.solvers.snapshot()

    def restore_scheme(self, scheme: _Scheme, snapshot: Any) -> None:
        """Make the solvers again."""
        scheme.solvers.restore(snapshot)

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """Transport and descend."""
        circulation = run.scheme.circulation
        if circulation is None:
            return self._descend(run, p, tau)
        before = circulation.products
        if self.order == 1:
            q = self._descend(run, circulation.transport(p, tau), tau)
        else:
            q = self._descend(run, circulation.transport(p, tau / 2), tau)
            q = circulation.transport(q, tau / 2)
        run.add(products=circulation.products - before)
        return q

    def _descend(self, run: Run, p: Array, tau: float) -> Array:
        """JKO step of the reversible part."""
        scheme: _Scheme = run.scheme
        if self.order == 1:
            return scheme.backward_euler(p, tau)
        middle = scheme.backward_euler(p, tau / 2)
        try:
            q = scheme.stages(run, p, middle, tau)
            before, after = scheme.relative_entropy(p), scheme.relative_entropy(q)
            if after <= before * (1 + ROUNDING) + NOISE:
                return q
            run.add(fallback_energy=1)
        except ConvergenceError:
            run.add(fallback_newton=1)
        return scheme.backward_euler(middle, tau / 2)

    def report(self, state: Run) -> dict[str, Any]:
        """Counters, and what the steps consisted of."""
        report = super().report(state)
        report["drift"] = (
            "reversible: one JKO step"
            if state.scheme.circulation is None
            else "not reversible: transport along the stationary currents, and a JKO step of the "
            "reversible rest"
        )
        return report | {"factorisations": state.scheme.solvers.made}

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        variant, energy = (
            ("frozen", "falls at every tau")
            if self.order == 1
            else ("stages", "falls at every tau; checked after every step")
        )
        return {"positivity": "by construction", "free_energy": energy, "variant": variant}


def _for_energies(run: Run) -> str:
    """Advice: the schemes that take another energy on this grid."""
    grid, problem = run.grid, run.problem
    schemes = []
    if grid.dim == 1 and not grid.periodic[0]:
        schemes += ["jko.Lagrangian", "jko.ExactW2"]
    if grid.is_uniform and problem.D_constant and problem.D_kind == "isotropic":
        schemes += ["jko.Entropic"]
    if schemes:
        return f"use {' or '.join(schemes)}"
    return "for another energy give a uniform grid and one constant number D, for jko.Entropic"


class _Scheme:
    """What belongs to one run: the two chains, solvers, stages."""

    def __init__(self, run: Run) -> None:
        if run.log_rho_inf is None:
            raise ValueError(
                f"EdgeJKO lowers the free energy of the problem only, not {run.energy!r:.80}; "
                f"{_for_energies(run)}"
            )
        log_pi = (run.log_rho_inf + np.log(run.volume)).ravel()
        self.log_pi = log_pi - np.log(np.sum(np.exp(log_pi)))
        self.chain, circulating = split(run.generator, self.log_pi)
        self.circulation = None if run.is_reversible else Circulation(circulating)
        self.solvers = Solvers(self.chain, self.chain.flows, "auto", self.log_pi)
        self._grid, self._energy, self._rho = run.grid, run.energy, run.rho

    def backward_euler(self, p: Array, tau: float) -> Array:
        """Implicit step, of the mass of p."""
        q = self.solvers.get(tau).solve(p)
        return q * (p.sum() / q.sum())

    def relative_entropy(self, p: Array) -> float:
        """F of masses."""
        return self._energy.value(self._rho(p), self._grid)

    def stages(self, run: Run, p: Array, middle: Array, tau: float) -> Array:
        """Three stages in the metric at the middle, once more with far tails counting if needed."""
        try:
            return self._three(run, p, middle, tau)
        except ConvergenceError:
            run.add(retries=1)
            return self._three(run, p, middle, tau, FAR)

    def _three(
        self, run: Run, p: Array, middle: Array, tau: float, near: float | None = None
    ) -> Array:
        """Three stages."""
        metric = FrozenMetric(self.chain, self.log_pi, middle, tau / 4.5, near)
        tol = max(LEAST, ACCURACY * float(np.abs(p - middle).sum() / p.sum()))
        change = self._change(metric, p)
        y: list[Array] = []

        def movement(b: Array, c: float) -> Array:
            if len(y) < len(PLACES):
                start = metric.v + PLACES[len(y)] * change
            else:
                start = y[1] + np.clip((y[1] - y[0]) * LAST_OVER_SECOND, -1, 1)
            q, log_u = metric.solve(b, c, start, tol)
            y.append(log_u)
            return q * (p.sum() / q.sum())

        q = advance(WEIGHTS, movement, p, tau)
        run.add(newton_steps=metric.newton_steps, krylov_steps=metric.krylov_steps)
        return q

    def _change(self, metric: FrozenMetric, p: Array) -> Array:
        """Change of log density from p to the middle, at most 1: first guesses need no more."""
        with np.errstate(divide="ignore"):
            change = metric.v - (np.log(p) - self.log_pi)
        return np.clip(np.where(metric.is_live, change, 0.0), -1, 1)
