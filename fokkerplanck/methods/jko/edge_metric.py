r"""The edge metric frozen at a state, and the convex equations that JKO steps in it lead to."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.transport import edge_metric as kernels
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.scheme.flows import Flows

#: Log masses below this are nobody's: such cells take no part in second-order stages.
LOWEST = -230.0
#: Part of the largest mass below which cells count alike in Krylov residuals: factors, multigrid.
NEAR = 1e-16, 1e-6
#: Newton steps of a stage, Krylov steps of each, halvings of a step, and the mass that ends it.
MAX_NEWTON, MAX_KRYLOV, MAX_HALVINGS = 60, 60, 40
ROUNDING = 1e-14
#: Mass out of place that may be rounding, if it does not become less.
SMALL = 1e-11


class PartChain:
    """A Markov chain on a grid by its flows, with what solvers want of a Generator.

    Parameters
    ----------
    grid : Grid
    flows : Flows
    """

    def __init__(self, grid, flows):
        self.grid, self.flows = grid, flows
        n = grid.size
        rows = np.repeat(np.arange(n), np.diff(flows.indptr))
        self.exit_rates = np.bincount(rows, flows.outflow, n)
        self.edges = SimpleNamespace(exit_rate=None)
        self._rows = rows

    @property
    def matrix(self):
        """Generator on cell masses, CSR."""
        flows, n = self.flows, self.grid.size
        off = sparse.csr_array((flows.inflow, flows.indices, flows.indptr), shape=(n, n))
        return (off - sparse.diags_array(self.exit_rates)).tocsr()


def split(generator, log_pi):
    r"""Split a generator with stationary log masses (n,) into a reversible and a circulating chain.

    With the stationary flows :math:`f_{xy}=A_{yx}\pi_x` along an edge and back, the reversible
    chain has the flow :math:`\min(f_{xy},f_{yx})=\kappa-|J|/2` both ways and the circulating one
    what is left, :math:`J^+` one way. Both are Markov generators that leave :math:`\pi` alone.

    Parameters
    ----------
    generator : Generator
    log_pi : array (n,)

    Returns
    -------
    reversible, circulating : PartChain
    """
    flows = Flows.from_generator(generator)
    rows = np.repeat(np.arange(log_pi.size), np.diff(flows.indptr))
    step = log_pi[flows.indices] - log_pi[rows]
    up = np.exp(np.clip(step, -kernels.MAX_STEP, kernels.MAX_STEP))
    down = np.exp(np.clip(-step, -kernels.MAX_STEP, kernels.MAX_STEP))
    there, back = flows.inflow * up, flows.outflow * down  # flows of the neighbour, over own mass
    # Both ends of an edge form the same expressions, so that mass is kept to rounding.
    parts = (
        (np.minimum(flows.outflow, there), np.minimum(flows.inflow, back)),
        (np.maximum(flows.outflow - there, 0.0), np.maximum(flows.inflow - back, 0.0)),
    )
    return tuple(
        PartChain(generator.grid, Flows(flows.indptr, flows.indices, inflow, outflow, flows.exits))
        for outflow, inflow in parts
    )


class FrozenMetric:
    r"""Metric of a reversible chain frozen at masses q, and the equations it leads to.

    .. math:: \pi e^y + c\,L_{\theta(q/\pi)}\,y = b, \qquad \sum_x b_x > 0,

    is the Euler equation of :math:`\sum_x\pi_x e^{y_x}+\frac c2\langle y,L_\theta y\rangle-\langle
    b,y\rangle`, strictly convex: there is one solution, and the masses :math:`\pi e^y` are positive
    whatever the signs of b.

    Parameters
    ----------
    chain : PartChain
    log_pi : array (n,)
    q : array (n,)
        Masses, > 0 or underflowed to 0: cells below e^-230 keep q.
    c : float
        About the factor c of the equations to come, time; their preconditioner is made for it.
    near : float, optional
        Part of the largest mass below which cells count alike in Krylov residuals.
    """

    def __init__(self, chain, log_pi, q, c, near=None):
        flows, self.log_pi, self.q = chain.flows, log_pi, q
        with np.errstate(divide="ignore"):
            log_q = np.log(q)
        self.is_live = log_q > LOWEST
        self.log_q = np.where(self.is_live, log_q, LOWEST)
        self.v = np.where(self.is_live, self.log_q - log_pi, 0.0)
        self.indptr, self.indices = flows.indptr, flows.indices
        self.out, self.back = np.empty_like(flows.outflow), np.empty_like(flows.inflow)
        self._is_large = q.size >= threads.LARGE
        kernel = kernels.mobility_threads if self._is_large else kernels.mobility
        kernel(
            self.indptr, self.indices, flows.outflow, flows.inflow, self.v, self.is_live,
            self.out, self.back,
        )  # fmt: skip
        rows = np.repeat(np.arange(q.size), np.diff(self.indptr))
        self._sums = np.bincount(rows, self.out, q.size)
        # No cell holds more than all.
        self._most = np.log(2 * q.sum()) - self.log_q
        self.c, self.newton_steps, self.krylov_steps = c, 0, 0
        is_small = q.size <= sizes.JKO_FACTORISED[chain.grid.dim]
        self._precondition = self._factors if is_small else self._multigrid
        self._solver = None
        self._root = np.sqrt(q / q.max() + (NEAR[0 if is_small else 1] if near is None else near))

    def divergence(self, y):
        r"""L y over the masses q, (n,)."""
        result = np.empty_like(y)
        kernel = kernels.divergence_threads if self._is_large else kernels.divergence
        kernel(self.indptr, self.indices, self.out, y, result)
        return result

    def solve(self, b, c, start, tol=ROUNDING):
        """Masses that solve the equation with right side b (n,), and y.

        ``start`` (n,) is a first guess of y. Raises ConvergenceError.
        """
        right = np.where(self.is_live, b, self.q) / np.exp(self.log_q)
        w = np.where(self.is_live, start - self.v, 0.0)
        total = float(self.q.sum())
        r, e = self._residual(right, c, w)
        for _ in range(MAX_NEWTON):
            size = float(np.abs(self.q * r).sum()) / total
            if size <= tol:
                break
            d, n_krylov = self._direction(r, e, c, max(min(1e-2, size), 0.1 * tol / size))
            self.newton_steps += 1
            self.krylov_steps += n_krylov
            # Newton's method for e^w, not w, in cells that hold more than they exchange.
            d = np.where((d > 0) & (e > c * self._sums), np.log1p(np.maximum(d, 0.0)), d)
            d = np.minimum(d, self._most - w)
            if size > SMALL and not float(np.sum(self.q * r * d)) > 0:
                raise ConvergenceError(
                    f"a direction of Newton's method does not descend, {size:.1e} of the mass is "
                    "out of place; take a smaller tau", iterate=w + self.v, residual=size,
                )  # fmt: skip
            w, r_new, e = self._search(right, c, w, r, d)
            new = float(np.abs(self.q * r_new).sum()) / total
            r = r_new
            if new > 0.5 * size and size < SMALL:  # rounding
                break
        else:
            raise ConvergenceError(
                f"Newton's method left {size:.1e} of the mass out of place after {MAX_NEWTON} "
                "steps; take a smaller tau", iterate=w + self.v, residual=size,
            )  # fmt: skip
        return self.q * e, self.v + w

    def _residual(self, right, c, w):
        """What is missing to equality, over q; and e^w."""
        with np.errstate(over="ignore"):
            e = np.exp(np.minimum(w, self._most))
        return right - e - c * self.divergence(self.v + w), e

    def _search(self, right, c, w, r, d):
        """Step along d: no further than a little beyond the minimum of the convex functional."""
        slope = float(np.sum(self.q * r * d))
        t = 1.0
        for _ in range(MAX_HALVINGS):
            new = w + t * d
            r_new, e = self._residual(right, c, new)
            if float(np.sum(self.q * r_new * d)) >= -0.5 * abs(slope):
                break
            t *= 0.5
        return new, r_new, e

    def _direction(self, r, e, c, reduction):
        """Newton's direction, (diag(e) + c L/q) d = r, by preconditioned FGMRES."""
        self._prepare()
        diagonal = np.maximum(e / c + self._sums, np.finfo(float).tiny)

        def apply(d):
            return self.divergence(d) + (e / c) * d

        result = fgmres(
            apply, self._solver, r / c, self._root / diagonal, reduction, MAX_KRYLOV, 20, 0.0,
        )  # fmt: skip
        if not np.isfinite(result.x).all():
            raise ConvergenceError(
                "a direction of Newton's method is not finite; take a smaller tau"
            )
        return result.x, result.iterations

    def _prepare(self):
        """Make the preconditioner when it is first needed."""
        if self._solver is None:
            self._solver = self._precondition()

    def _multigrid(self):
        """Aggregation multigrid for the matrix at q."""
        shift = np.full(self.q.size, 1 / self.c)
        level = Level(self.indptr, self.indices, self.out, self.back, self.log_q, shift)
        return Aggregation(level, "function").precondition

    def _factors(self):
        """Factors of the matrix at q."""
        n = self.q.size
        matrix = sparse.csr_array((-self.out, self.indices, self.indptr), shape=(n, n))
        matrix = (matrix + sparse.diags_array(1 / self.c + self._sums)).tocsc()
        try:
            lu = splu(
                matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
                options={"SymmetricMode": True, "Equil": False},
            )  # fmt: skip
        except RuntimeError as error:
            raise ConvergenceError(
                f"a matrix of Newton's method could not be factorised ({error}); take a smaller tau"
            ) from error
        return lu.solve
