"""JKO steps on the generator's own edges: any D(x), any drift, any dimension."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.implicit_multigrid import Solvers
from fokkerplanck.methods.jko.circulation import Circulation
from fokkerplanck.methods.jko.edge_metric import FrozenMetric, split
from fokkerplanck.methods.jko.inner_steps import minimal_path
from fokkerplanck.methods.jko.movement import MinimisingMovement

#: Ways to step, the default first, by order.
VARIANTS = {1: ("frozen", "path"), 2: ("stages", "crank-nicolson")}
# Relative rise of the energy that counts as rounding, and the energy that is nothing else.
ROUNDING, NOISE = 1e-12, 1e-28
# Mass, over that which moves, up to which stages are solved, and the least such tolerance.
ACCURACY, LEAST = 1e-9, 1e-14
# Where residuals of a second try end to count by mass, over the largest.
FAR = 1e-24
# Weights of the stages, of rho_k and of those before (op. cit., section 3).
WEIGHTS = ((5.0,), (-2.0, 6.0), (-2.0, 3 / 14, 44 / 7))
# Times of the stages less that of the metric, over tau / 2: where their first guesses lie.
GUESS = (-0.6, 0.1)


@dataclass(frozen=True)
class EdgeJKO(MinimisingMovement):
    r"""Minimising movement of the free energy in the transport metric of the edge list.

    .. math:: \rho_{k+1}=\arg\min_\rho F(\rho)+\frac1{2\tau}d(\rho,\rho_k)^2, \qquad
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
    stages, each :math:`\arg\min F+\frac1{2\tau}\sum_j\gamma_{ij}|\rho-\rho_j|^2_\theta`.

    Parameters
    ----------
    tau : float
        Longest step, time.
    order : {1, 2}
    variant : str, optional
        Order 1: "frozen" or "path", which minimises over paths of ``inner_steps`` steps, with the
        metric at the end of each: slow, for small grids, and exact in the limit of many.
        Order 2: "stages" or "crank-nicolson", which is not stable for long steps.
    inner_steps : int
        With "path".

    Raises
    ------
    ValueError
        If an energy is given that is not the problem's own, or for absorbing sides.

    Notes
    -----
    For every tau: positive, mass exact, F never rises, the steady state is fixed: with "frozen"
    because it is a minimiser, with "stages" because F is convex, so that with :math:`d_i=\rho_i-
    \rho_{i-1}` its change is at most :math:`-\frac1\tau(5d_1^2+4d_2^2+\frac92d_3^2-2d_1d_2-2d_1d_3
    -\frac{25}{14}d_2d_3)\le0` in the frozen inner product. Crank-Nicolson has none. After a
    second-order step that raised F or was not solved, two half steps of order 1 take its place,
    counted in ``stats["fallback_energy"]``, ``["fallback_newton"]`` and ``["fallback_empty"]``
    (Crank-Nicolson needs mass in every cell); ``["retries"]`` counts second tries of stages with a
    stricter linear solver. In second-order stages cells of mass below e^-230
    keep that of backward Euler. Narrow starts show order two at small tau only: their tails, where
    the metric at the middle is of first order, come in late.
    A drift that is not a gradient is split: the currents J of the steady state are transported by
    uniformisation, before and after the JKO step of what is left, :math:`\kappa-|J|/2` (Strang;
    transport first, then the step, at order 1).

    References
    ----------
    Maas, J. Funct. Anal. 261 (2011); Mielke, Nonlinearity 24 (2011); Lisini, ESAIM COCV 15 (2009),
    for D(x). Zaitzeff, Esedoglu and Garikipati, SIAM J. Numer. Anal. 59 (2021), for the stages.
    Li, Lu and Wang, J. Comput. Phys. 418 (2020), and Cancès, Gallouët and Todeschi, Numer. Math.
    146 (2020), for one inner step.

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
    variant: str | None = None
    inner_steps: int = 1

    def __post_init__(self):
        super().__post_init__()
        is_number = isinstance(self.order, (int, np.integer)) and not isinstance(self.order, bool)
        if not is_number or self.order not in VARIANTS:
            raise ValueError(f"order is {self.order!r}; give 1 or 2")
        names = VARIANTS[self.order]
        if self.variant is None:
            object.__setattr__(self, "variant", names[0])
        if self.variant not in names:
            raise ValueError(
                f"variant is {self.variant!r}; with order={self.order} choose {' or '.join(names)}"
            )
        n = self.inner_steps
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"inner_steps is {n!r}; give a whole number >= 1")
        if n > 1 and self.variant != "path":
            raise ValueError(f'inner_steps is {n}, which needs variant="path"')

    def prepare(self, run):
        """Split the generator; energies are those of the edges."""
        if self.energy is not None:
            raise ValueError(
                f"EdgeJKO lowers the free energy of the problem only, not {self.energy!r}; use "
                "jko.ExactW2, jko.Lagrangian (1D) or jko.Entropic"
            )
        if self.order == 2:
            run.add(newton_steps=0, krylov_steps=0, retries=0)
            run.add(fallback_newton=0, fallback_energy=0, fallback_empty=0)
        return _Scheme(run)

    def fork_scheme(self, scheme):
        """What is kept, for a trial step."""
        other = copy.copy(scheme)
        other.solvers = scheme.solvers.fork()
        return other

    def minimise(self, run, p, tau):
        """Transport and descend."""
        scheme = run.scheme
        if scheme.circulation is None:
            return self._descend(run, p, tau)
        before = scheme.circulation.products
        if self.order == 1:
            q = self._descend(run, scheme.circulation.transport(p, tau), tau)
        else:
            q = self._descend(run, scheme.circulation.transport(p, tau / 2), tau)
            q = scheme.circulation.transport(q, tau / 2)
        run.add(products=scheme.circulation.products - before)
        return q

    def _descend(self, run, p, tau):
        """JKO step of the reversible part."""
        scheme = run.scheme
        if self.variant == "frozen":
            return scheme.backward_euler(p, tau)
        if self.variant == "path":
            q, n_newton = minimal_path(
                scheme.chain.flows, scheme.log_pi, p, tau, self.inner_steps, scheme.backward_euler
            )
            run.add(newton_steps=n_newton)
            return q
        middle = scheme.backward_euler(p, tau / 2)
        step = scheme.stages if self.variant == "stages" else scheme.crank_nicolson
        try:
            q = step(run, p, middle, tau)
            before, after = scheme.relative_entropy(p), scheme.relative_entropy(q)
            if after <= before * (1 + ROUNDING) + NOISE:
                return q
            reason = "energy"
        except ConvergenceError:
            reason = "newton"
        except _EmptyError:
            reason = "empty"
        run.add(**{f"fallback_{reason}": 1})
        return scheme.backward_euler(middle, tau / 2)

    def report(self, state):
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
    def guarantees(self):
        """What holds by construction."""
        energy = {
            "frozen": "falls at every tau",
            "stages": "falls at every tau; checked after every step",
            "crank-nicolson": "checked after every step, two backward Euler steps where it rose",
            "path": "falls at every tau up to the solution of the equations",
        }[self.variant]
        return {"positivity": "by construction", "free_energy": energy, "variant": self.variant}


class _EmptyError(Exception):
    """A cell without mass where a logarithm is needed."""


class _Scheme:
    """What belongs to one run: the two chains, solvers, stages."""

    def __init__(self, run):
        log_V = np.log(run.volume).ravel()
        log_pi = run.log_rho_inf.ravel() + log_V
        self.log_pi = log_pi - np.log(np.sum(np.exp(log_pi)))
        self.chain, circulating = split(run.generator, self.log_pi)
        self.circulation = None if run.is_reversible else Circulation(circulating)
        self.solvers = Solvers(self.chain, self.chain.flows, "auto", self.log_pi)
        self._grid, self._volume = run.grid, run.volume
        self._energy, self._rho = run.energy, run.rho

    def backward_euler(self, p, tau):
        """Implicit step, of the mass of p."""
        q = self.solvers.get(tau).solve(p)
        return q * (p.sum() / q.sum())

    def relative_entropy(self, p):
        """F of masses."""
        return self._energy.value(self._rho(p), self._grid)

    def stages(self, run, p, middle, tau):
        """Three stages in the metric at the middle, once more with far tails counting if needed."""
        try:
            return self._three(run, p, middle, tau, None)
        except ConvergenceError:
            run.add(retries=1)
            return self._three(run, p, middle, tau, FAR)

    def _three(self, run, p, middle, tau, near):
        """Three stages."""
        metric = FrozenMetric(self.chain, self.log_pi, middle, tau / 4.5, near)
        tol = max(LEAST, ACCURACY * float(np.abs(p - middle).sum() / p.sum()))
        jump = self._jump(metric, p)
        masses, y = [p], []
        for k, weights in enumerate(WEIGHTS):
            total = sum(weights)
            b = sum(w * m for w, m in zip(weights, masses, strict=True)) / total
            if k < 2:
                start = metric.v + GUESS[k] * jump
            else:
                start = y[1] + np.clip((y[1] - y[0]) * (9 / 7), -1, 1)
            q, log_u = metric.solve(b, tau / total, start, tol)
            masses.append(q * (p.sum() / q.sum()))
            y.append(log_u)
        self._count(run, metric)
        return masses[-1]

    def crank_nicolson(self, run, p, middle, tau):
        """Both ends of the step at the same weight, in the metric at the middle."""
        metric = FrozenMetric(self.chain, self.log_pi, middle, tau / 2, near=1.0)
        if (p[metric.is_live] <= 0).any():
            raise _EmptyError
        with np.errstate(divide="ignore"):
            before = np.where(metric.is_live, np.log(p) - self.log_pi, 0.0)
            end = self.backward_euler(p, tau)
            start = np.where(metric.is_live & (end > 0), np.log(end) - self.log_pi, metric.v)
        b = p - 0.5 * tau * middle * metric.divergence(before)
        tol = max(LEAST, ACCURACY * float(np.abs(p - middle).sum() / p.sum()))
        q, _ = metric.solve(b, tau / 2, start, tol)
        self._count(run, metric)
        return q * (p.sum() / q.sum())

    def _jump(self, metric, p):
        """Change of log density from p to the middle, cut where it says nothing."""
        with np.errstate(divide="ignore"):
            change = metric.v - (np.log(p) - self.log_pi)
        return np.clip(np.where(metric.is_live, change, 0.0), -1, 1)

    @staticmethod
    def _count(run, metric):
        """Add up the work."""
        run.add(newton_steps=metric.newton_steps, krylov_steps=metric.krylov_steps)
