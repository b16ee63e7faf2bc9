"""Factorisations of I - dt A, the matrix of implicit steps and of shift-and-invert methods."""

from __future__ import annotations

import copy
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, spilu, splu

from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.fill import check_factors
from fokkerplanck.scheme.chain import Chain
from fokkerplanck.scheme.flows import Flows

#: Columns at the leaves of the elimination tree that SuperLU takes as one block, and columns that
#: it updates at a time: with few neighbours a cell its own 10 and 20 take a third longer.
RELAX, PANEL = 4, 8
#: Refinements after which an implicit solve counts as failed.
MAX_REFINEMENTS = 6
#: Relative change of a solution that is rounding: refinement ends.
ROUNDING = 1e-15
#: Factorisations kept at a time.
KEPT = 4
#: Numbers in incomplete factors over those of the matrix, at the most.
MOST_INCOMPLETE = 10
#: Relative difference up to which two steps count as the same.
SAME = 1e-12


def sparse_lu(
    matrix: Any, pivot: float = 0.0, equilibrate: bool = True, ordered: bool = False
) -> SuperLU:
    """Sparse LU factors (SuperLU) of a matrix whose pattern is symmetric, or nearly so.

    Columns in minimum-degree order of the pattern of A + A^T, or, if they are ``ordered`` already,
    as they come. ``pivot`` is the part of the largest
    entry of a column below which a diagonal entry is exchanged: 0 for M-matrices, which need none.
    Raises RuntimeError if the matrix is singular, MemoryError before the factors that will not fit.
    """
    check_factors(matrix)
    return splu(
        matrix.tocsc(),
        permc_spec="NATURAL" if ordered else "MMD_AT_PLUS_A",
        diag_pivot_thresh=pivot,
        relax=RELAX,
        panel_size=PANEL,
        options={"SymmetricMode": True, "Equil": equilibrate},
    )


def minimum_degree(matrix: Any) -> Integers:
    """Minimum-degree order (n,) of the pattern of A + A^T: the one of ``sparse_lu``, before it.

    SuperLU tells its order only with factors, so those of another matrix of this pattern are made,
    with next to no entries: a quarter of the time of a factorisation in the plane.
    """
    pattern = sparse.csc_array(matrix)
    n = pattern.shape[0]
    small = np.full(pattern.indices.size, 1e-3 / n)
    shape = sparse.csc_array((small, pattern.indices, pattern.indptr), shape=pattern.shape)
    factors = spilu(
        sparse.csc_array(shape + sparse.eye_array(n)),
        drop_tol=1.0,
        fill_factor=1.0,
        diag_pivot_thresh=0.0,
        permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True},
    )
    # Column i is eliminated as number perm_c[i].
    return np.argsort(factors.perm_c)


def incomplete_lu(matrix: Any, drop: float) -> SuperLU:
    """Incomplete factors of an M-matrix, without the entries below ``drop`` of their columns.

    Raises RuntimeError if the matrix is singular, MemoryError before the factors that will not fit.
    """
    check_factors(matrix, most=MOST_INCOMPLETE * matrix.nnz)
    return spilu(
        matrix.tocsc(),
        fill_factor=MOST_INCOMPLETE,
        drop_tol=drop,
        diag_pivot_thresh=0.0,
        permc_spec="MMD_AT_PLUS_A",
        options={"SymmetricMode": True},
    )


class ImplicitFactor:
    r"""Sparse LU factors of the M-matrix :math:`I-\Delta t\,A`, and solves that keep mass.

    The columns are scaled to a unit diagonal and eliminated in minimum-degree order without
    pivoting: the factors of an M-matrix have the signs of an M-matrix, so the two triangular solves
    of a non-negative right side add non-negative numbers only. The diagonal of the factors loses
    about :math:`\Delta t\Lambda` units of rounding to cancellation (mass would be off by 1e-6 at
    :math:`\Delta t\Lambda=10^{10}`), which iterative refinement gives back: its residual is formed
    from edge currents and conserves mass by construction.

    Parameters
    ----------
    chain : Chain
    dt : float
        Step, > 0.
    flows : Flows, optional
        Flows of the chain. Where they are left out the chain has to be a Generator.

    Attributes
    ----------
    n_fill : int
        Numbers stored in the factors.

    Raises
    ------
    ConvergenceError
        If the factorisation breaks down, or refinement does not converge (dt times the largest rate
        beyond about 1e14).

    References
    ----------
    Berman and Plemmons, Nonnegative Matrices in the Mathematical Sciences, chapter 6 (M-matrices).
    Higham, Accuracy and Stability of Numerical Algorithms, chapter 12 (refinement).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.factors import ImplicitFactor
    >>> grid = fp.Grid([(-3, 3)], 32)
    >>> generator = fp.Generator(fp.Problem(grid, f=lambda x: x**2))
    >>> p = fp.gaussian(grid, 1, 0.1) * grid.volume
    >>> q = ImplicitFactor(generator, 1e6).solve(p)
    >>> abs(float(q.sum()) - 1) < 1e-14, bool(q.min() > 0)
    (True, True)
    """

    #: Mass that was negative and set to zero: none, as no factor of an M-matrix makes any.
    repaired: float = 0

    def __init__(self, chain: Chain, dt: float, flows: Flows | None = None) -> None:
        self.dt = float(dt)
        self.flows = Flows.from_generator(chain) if flows is None else flows
        self._scale = 1 / (1 + self.dt * chain.exit_rates)
        matrix = sparse.eye_array(chain.grid.size) - self.dt * chain.matrix
        matrix = (matrix @ sparse.diags_array(self._scale)).tocsc()
        try:
            self._lu = sparse_lu(matrix, equilibrate=False)
        except RuntimeError as error:
            raise ConvergenceError(
                f"I - dt A could not be factorised at dt = {self.dt:g} ({error}); take a smaller dt"
            ) from error

    @property
    def n_fill(self) -> int:
        """Numbers stored in the factors."""
        return int(self._lu.nnz)

    def solve(self, b: Array, refine: bool = True) -> Array:
        """Solve (I - dt A) x = b, refined to rounding; b of any sign, shape (n,).

        Entries of a non-negative b's solution that refinement would push below zero keep their
        first, non-negative value. Without refinement, at half the price, the solution is off by
        about ``rounding``, mass included, and of the sign of a b of one sign all the same.
        """
        first = self._raw(b)
        if not refine:
            return first
        x, size = first, np.abs(first).sum()
        if size == 0:
            return x
        last = 1.0
        for _ in range(MAX_REFINEMENTS):
            correction = self._raw(self.flows.implicit_residual(self.dt, b, x))
            change = np.abs(correction).sum() / size
            if not change < 0.5 * last:
                if change < 1e-13:
                    break
                raise ConvergenceError(
                    f"refinement of an implicit step of dt = {self.dt:g} stalls at {change:.1e}: "
                    "the step is too long for double precision; take a smaller dt",
                    iterate=x, residual=float(change),
                )  # fmt: skip
            x = x + correction
            # The next correction would be about change^2.
            if change * change < ROUNDING:
                break
            last = change
        negative = x < 0
        if negative.any() and b.min() >= 0:
            x = np.where(negative, first, x)
        return x

    @property
    def rounding(self) -> float:
        """About the relative error of a solution without refinement: dt times the largest rate."""
        return float(np.finfo(float).eps / self._scale.min())

    def _raw(self, b: Array) -> Array:
        """Solution from the factors alone."""
        return self._lu.solve(b) * self._scale


class CentralFactor:
    """LU factors of I - tau H, H the matrix of a `CentralFlux`: no M-matrix, so with pivots."""

    def __init__(self, matrix: Any, tau: float) -> None:
        self.dt = tau
        shifted = sparse.csc_array(sparse.eye_array(matrix.shape[0]) - tau * matrix)
        try:
            self._lu = sparse_lu(shifted, pivot=1e-3)
        except RuntimeError as error:
            raise ConvergenceError(
                f"I - tau H could not be factorised at tau = {tau:g} ({error}); take a smaller dt"
            ) from error

    def solve(self, b: Array) -> Array:
        """Solve (I - tau H) x = b, to rounding times tau times the largest rate."""
        return self._lu.solve(b)


class _Factor(Protocol):
    """Something that solves equations for one length of step."""

    dt: float


F = TypeVar("F", bound=_Factor)


class Recent(Generic[F]):
    """The last few factorisations, by the length of step dt; ``make`` makes a new one."""

    most_kept = KEPT

    def __init__(self) -> None:
        self.made = 0
        self._kept: list[F] = []

    def get(self, dt: float) -> F:
        """Factorisation for dt, an old one where the steps differ by rounding only."""
        for factor in self._kept:
            if abs(factor.dt - dt) <= SAME * dt:
                return factor
        while len(self._kept) >= self.most_kept:  # before the next one needs the memory
            self.drop()
        self._kept.append(self.make(dt))
        self.made += 1
        return self._kept[-1]

    def drop(self) -> None:
        """Forget the oldest factorisation."""
        self._kept.pop(0)

    def fork(self) -> Self:
        """Copy for trial steps: shares the factorisations at hand, keeps and counts its own."""
        other = copy.copy(self)
        other._kept = [copy.copy(factor) for factor in self._kept]
        return other

    def snapshot(self) -> dict[str, Any]:
        """Numbers from which ``restore`` makes the same factorisations again."""
        repaired = [getattr(factor, "repaired", 0.0) for factor in self._kept]
        return {"made": self.made, "steps": [f.dt for f in self._kept], "repaired": repaired}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Make the factorisations of a snapshot: a step that differs by rounding takes an old one.

        Solvers keep nothing else from one solve to the next.
        """
        self._kept = [self.make(dt) for dt in snapshot["steps"]]
        for factor, repaired in zip(self._kept, snapshot["repaired"], strict=True):
            if repaired:
                factor.repaired = repaired  # type: ignore[attr-defined]
        self.made = snapshot["made"]

    def make(self, dt: float) -> F:
        """New factorisation for dt."""
        raise NotImplementedError


class Factors(Recent[ImplicitFactor]):
    """The last few factorisations of I - dt A of one chain, by dt."""

    def __init__(self, chain: Chain, flows: Flows) -> None:
        super().__init__()
        self.chain, self.flows = chain, flows

    def make(self, dt: float) -> ImplicitFactor:
        """New factorisation for dt."""
        return ImplicitFactor(self.chain, dt, self.flows)


class CentralFactors(Recent[CentralFactor]):
    """The last few factorisations of I - dt H of one `CentralFlux`, by dt."""

    most_kept = 2

    def __init__(self, matrix: Any) -> None:
        super().__init__()
        self.matrix = matrix

    def make(self, dt: float) -> CentralFactor:
        """New factorisation for dt."""
        return CentralFactor(self.matrix, dt)
