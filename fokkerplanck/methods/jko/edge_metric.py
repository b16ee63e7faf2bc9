r"""The edge metric frozen at a state, and the convex equations that JKO steps in it lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.transport import edge_metric as kernels
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

#: Cells whose log mass is below this keep their mass in second-order stages; e^-230 is 1e-100.
LOWEST = -230.0
#: Cells up to which Newton's matrices are preconditioned by factors, by dimension of the grid.
FACTORED = {1: np.inf, 2: 10_000, 3: 6_000}
#: Cells with less than this part of the largest mass have equal weight in Krylov residuals, with
#: factors as preconditioner
NEAR_WITH_FACTORS = 1e-16
#: and with multigrid.
NEAR_WITH_MULTIGRID = 1e-6
#: Newton steps of a stage.
MAX_NEWTON = 60
#: Krylov steps of a Newton step.
MAX_KRYLOV = 60
#: Krylov directions kept at a time.
RESTART = 20
#: Halvings of a Newton step.
MAX_HALVINGS = 40
#: Part of the mass out of place at which Newton's method ends.
ROUNDING = 1e-14
#: Part of the mass out of place that is taken for rounding if a step does not halve it.
SMALL = 1e-11


@dataclass(frozen=True, eq=False)
class PartChain:
    """A Markov chain on a grid that is given by its flows, without absorbing sides."""

    grid: Grid
    flows: Flows
    leaks: bool = False

    @cached_property
    def exit_rates(self) -> Array:
        """Total rate out of each cell (n,), 1/time."""
        n = self.grid.size
        rows = np.repeat(np.arange(n), np.diff(self.flows.indptr))
        return np.asarray(np.bincount(rows, self.flows.outflow, n), float)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Generator on cell masses, CSR."""
        flows, n = self.flows, self.grid.size
        off = sparse.csr_array((flows.inflow, flows.indices, flows.indptr), shape=(n, n))
        return (off - sparse.diags_array(self.exit_rates)).tocsr()


def split(generator: Generator, log_pi: Array) -> tuple[PartChain, PartChain]:
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

    def part(outflow: Array, inflow: Array) -> PartChain:
        kept = Flows(flows.indptr, flows.indices, inflow, outflow, flows.exits)
        return PartChain(generator.grid, kept)

    # Both ends of an edge form the same expressions, so that mass is kept to rounding.
    return (
        part(np.minimum(flows.outflow, there), np.minimum(flows.inflow, back)),
        part(np.maximum(flows.outflow - there, 0.0), np.maximum(flows.inflow - back, 0.0)),
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
        Cells with less than this part of the largest mass have equal weight in Krylov residuals.
    """

    def __init__(
        self, chain: PartChain, log_pi: Array, q: Array, c: float, near: float | None = None
    ) -> None:
        flows, self.log_pi, self.q = chain.flows, log_pi, q
        with np.errstate(divide="ignore"):
            log_q = np.log(q)
        self.is_live = log_q > LOWEST
        self.log_q = np.where(self.is_live, log_q, LOWEST)
        self.v = np.where(self.is_live, self.log_q - log_pi, 0.0)
        self.indptr, self.indices = flows.indptr, flows.indices
        self.out, self.back = np.empty_like(flows.outflow), np.empty_like(flows.inflow)
        self._parts, pair = threads.parts(q.size), (kernels.mobility, kernels.mobility_threads)
        rates, state = (flows.outflow, flows.inflow), (self.v, self.is_live)
        filled = self.out, self.back
        threads.run(*pair, self._parts, self.indptr, self.indices, *rates, *state, *filled)
        rows = np.repeat(np.arange(q.size), np.diff(self.indptr))
        self._sums = np.bincount(rows, self.out, q.size)
        # Upper bound of w: no cell will hold more than twice the mass there is.
        self._most = np.log(2 * q.sum()) - self.log_q
        self.c, self.newton_steps, self.krylov_steps = c, 0, 0
        self._is_small = q.size <= FACTORED[chain.grid.dim]
        if near is None:
            near = NEAR_WITH_FACTORS if self._is_small else NEAR_WITH_MULTIGRID
        self._root = np.sqrt(q / q.max() + near)

    def divergence(self, y: Array) -> Array:
        r"""L y over the masses q, (n,)."""
        result = np.empty_like(y)
        pair = kernels.divergence, kernels.divergence_threads
        threads.run(*pair, self._parts, self.indptr, self.indices, self.out, y, result)
        return result

    def solve(self, b: Array, c: float, start: Array, tol: float = ROUNDING) -> tuple[Array, Array]:
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
                    "out of place; take a smaller tau",
                    iterate=w + self.v,
                    residual=size,
                )
            w, r_new, e = self._search(right, c, w, r, d)
            new = float(np.abs(self.q * r_new).sum()) / total
            r = r_new
            if new > 0.5 * size and size < SMALL:
                break
        else:
            raise ConvergenceError(
                f"Newton's method left {size:.1e} of the mass out of place after {MAX_NEWTON} "
                "steps; take a smaller tau",
                iterate=w + self.v,
                residual=size,
            )
        return self.q * e, self.v + w

    def _residual(self, right: Array, c: float, w: Array) -> tuple[Array, Array]:
        """What is missing to equality, over q; and e^w."""
        with np.errstate(over="ignore"):
            e = np.exp(np.minimum(w, self._most))
        return right - e - c * self.divergence(self.v + w), e

    def _search(
        self, right: Array, c: float, w: Array, r: Array, d: Array
    ) -> tuple[Array, Array, Array]:
        """Step along d, halved while it goes far beyond the minimum of the convex functional."""
        slope = float(np.sum(self.q * r * d))
        t = 1.0
        for _ in range(MAX_HALVINGS):
            new = w + t * d
            r_new, e = self._residual(right, c, new)
            if float(np.sum(self.q * r_new * d)) >= -0.5 * abs(slope):
                break
            t *= 0.5
        return new, r_new, e

    def _direction(self, r: Array, e: Array, c: float, reduction: float) -> tuple[Array, int]:
        """Newton's direction, (diag(e) + c L/q) d = r, by FGMRES; and its Krylov steps."""
        diagonal = np.maximum(e / c + self._sums, np.finfo(float).tiny)

        def apply(d: Array) -> Array:
            return self.divergence(d) + (e / c) * d

        weight = self._root / diagonal
        result = fgmres(apply, self._precondition, r / c, weight, reduction, MAX_KRYLOV, RESTART)
        if not np.isfinite(result.x).all():
            raise ConvergenceError(
                "a direction of Newton's method is not finite; take a smaller tau"
            )
        return result.x, result.iterations

    @cached_property
    def _precondition(self) -> Callable[[Array], Array]:
        """Approximate inverse of the matrix at q, made when it is first needed."""
        return self._factors() if self._is_small else self._multigrid()

    def _multigrid(self) -> Callable[[Array], Array]:
        """Aggregation multigrid for the matrix at q."""
        shift = np.full(self.q.size, 1 / self.c)
        level = Level(self.indptr, self.indices, self.out, self.back, self.log_q, shift)
        return Aggregation(level, "function").precondition

    def _factors(self) -> Callable[[Array], Array]:
        """Factors of the matrix at q."""
        n = self.q.size
        matrix = sparse.csr_array((-self.out, self.indices, self.indptr), shape=(n, n))
        matrix = matrix + sparse.diags_array(1 / self.c + self._sums)
        try:
            return sparse_lu(matrix, equilibrate=False).solve
        except RuntimeError as error:
            raise ConvergenceError(
                f"a matrix of Newton's method could not be factorised ({error}); take a smaller tau"
            ) from error
