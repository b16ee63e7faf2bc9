"""Multigrid by aggregation for the matrices of Markov chains on any graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import aggregation as kernels
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.fill import check_factors

#: Pairs weaker than this are not formed: condition number of a pair at most 2 / STRENGTH.
STRENGTH = 0.25
#: Lumping ends where a level would keep more than this part of the cells.
LEAST_REDUCTION = 0.8
#: Part of its diagonal added on the coarsest level of a singular chain, which has no inverse.
REGULARISATION = 1e-7
#: Part of the residual that a coarse cycle may leave for a second one to be left out.
ENOUGH = 0.25
#: Part of the second direction, squared, that must point away from the first to be of use.
INDEPENDENT = 1e-14

#: What a matrix of the chain acts on; see ``kernels.linalg.aggregation``.
FORMS = ("ratio", "mass", "function")


@dataclass(frozen=True, eq=False)
class Lumps:
    """Lumps of the cells of a level: the cells of the next one.

    Attributes
    ----------
    number : int array (n,)
        Lump of every cell.
    start, cells : int arrays
        Cells of lump i: ``cells[start[i]:start[i + 1]]``.
    share : array (n,)
        Mass of a cell over that of its lump.
    """

    number: Integers
    start: Integers
    cells: Integers
    share: Array


@dataclass(eq=False)
class Level:
    """A chain: pattern, rates out and back, log masses, shift."""

    indptr: Integers
    indices: Integers
    out: Array
    back: Array
    phi: Array
    shift: Array
    diagonal: Array = field(init=False)
    inn: Array = field(init=False)

    def __post_init__(self) -> None:
        self.diagonal, self.inn = np.empty_like(self.phi), np.empty_like(self.out)
        kernels.diagonals(self.indptr, self.out, self.shift, self.diagonal)
        self.refresh()

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.phi.size

    @property
    def is_large(self) -> bool:
        """Whether a second thread pays."""
        return self.size >= sizes.THREADS_FROM

    def refresh(self) -> None:
        """Bring ``inn`` up to date with ``phi``."""
        kernels.ratio_rows(self.indptr, self.indices, self.back, self.phi, self.inn)

    def values(self, form: str) -> Array:
        """Entries outside of the diagonal, without their sign."""
        return {"ratio": self.inn, "mass": self.back, "function": self.out}[form]

    def residual(self, form: str, r: Array, u: Array) -> Array:
        """Residual r - M u."""
        result = np.empty_like(u)
        kernel = kernels.residual_threads if self.is_large else kernels.residual
        rows = self.indptr, self.indices, self.values(form), self.diagonal
        threads.call(kernel, self.size, *rows, r, u, result)
        return result

    def sweep(self, form: str, is_forward: bool, r: Array, u: Array) -> None:
        """Gauss-Seidel sweep on M u = r."""
        kernel = kernels.sweep_threads if self.is_large else kernels.sweep
        rows = self.indptr, self.indices, self.values(form), self.diagonal
        threads.call(kernel, self.size, is_forward, *rows, r, u)

    def apply(self, form: str, u: Array) -> Array:
        """Product M u."""
        return -self.residual(form, np.zeros_like(u), u)

    def lumped(self, strength: float) -> tuple[Level, Lumps]:
        """Coarse level of pairs of pairs, and how cells were lumped."""
        number, count = self._pairs(strength)
        numbers, count = self._lump(number, count)[0]._pairs(strength)
        return self._lump(numbers[number], count)

    def _pairs(self, strength: float) -> tuple[Integers, int]:
        """Pair of every cell, and how many pairs there are."""
        number = np.empty(self.size, np.int32)
        count = kernels.pair(
            self.indptr, self.indices, self.out, self.inn, self.diagonal, strength, number
        )
        return number, count

    def _lump(self, number: Integers, count: int) -> tuple[Level, Lumps]:
        """Chain of so many lumps, given the lump of every cell, and how it was made."""
        n, m = self.size, self.indices.size
        start, cells = np.empty(count + 1, self.indptr.dtype), np.empty(n, np.int32)
        kernels.members(number, start, cells)
        share, phi, shift = np.empty(n), np.empty(count), np.empty(count)
        kernels.shares(start, cells, self.phi, self.shift, share, phi, shift)
        indptr, indices = np.empty(count + 1, self.indptr.dtype), np.empty(m, np.int32)
        out, back = np.empty(m), np.empty(m)
        k = kernels.lump(
            start, cells, share, number, self.indptr, self.indices, self.out, self.back,
            indptr, indices, out, back,
        )  # fmt: skip
        coarse = Level(indptr, indices[:k].copy(), out[:k].copy(), back[:k].copy(), phi, shift)
        return coarse, Lumps(number, start, cells, share)


class Aggregation:
    r"""K-cycle of aggregation multigrid for the matrix of a chain, as a preconditioner.

    Cells are joined in pairs of pairs along their strongest edges, whatever the dimension, the
    stencil and the anisotropy; every coarse level is the lumped chain, again a Markov generator.
    On each level two steps of a minimal residual method correct what lumping distorts, so that the
    number of iterations hardly depends on the number of cells or on the anisotropy.

    Parameters
    ----------
    level : Level
        The chain, with the best guess of its log masses at hand, and a shift >= 0.
    form : {"ratio", "mass", "function"}
        Which of the matrices of ``kernels.linalg.aggregation``.

    References
    ----------
    Napov and Notay, SIAM J. Sci. Comput. 34 (2012), A1079; Notay, ibid., A2288 (convection).
    Notay and Vassilevski, Numer. Linear Algebra Appl. 15 (2008): K-cycles.
    """

    def __init__(self, level: Level, form: str = "ratio") -> None:
        self.form, self.levels = one_of(form, "form", FORMS), [level]
        self.lumps: list[Lumps] = []  # from every level to the next
        while level.size > sizes.AGGREGATION_COARSEST:
            coarse, lumps = level.lumped(STRENGTH)
            if coarse.size > LEAST_REDUCTION * level.size:
                break
            self.levels.append(coarse)
            self.lumps.append(lumps)
            level = coarse
        matrix = sparse.csr_array(
            (-level.values(form), level.indices, level.indptr), shape=(level.size,) * 2
        )
        raised = 0.0 if level.shift.all() else REGULARISATION
        matrix = matrix + sparse.diags_array(level.diagonal * (1 + raised))
        check_factors(matrix)  # where lumping ended early
        self._direct = splu(matrix.tocsc())

    def apply(self, u: Array) -> Array:
        """Product with the matrix of the finest level."""
        return self.levels[0].apply(self.form, u)

    def precondition(self, r: Array) -> Array:
        """Approximate solution of M u = r."""
        return self._cycle(0, r)

    def _cycle(self, k: int, r: Array) -> Array:
        """Smooth, correct on the next level, smooth."""
        if k == len(self.lumps):
            return self._direct.solve(r)
        level, lumps = self.levels[k], self.lumps[k]
        u = np.zeros_like(r)
        level.sweep(self.form, True, r, u)
        rest = level.residual(self.form, r, u)
        ones = np.broadcast_to(1.0, r.shape)
        down, up = (ones, lumps.share) if self.form == "mass" else (lumps.share, ones)
        coarse_r = np.empty(self.levels[k + 1].size)
        kernel = kernels.restrict_threads if level.is_large else kernels.restrict
        threads.call(kernel, level.size, lumps.start, lumps.cells, down, rest, coarse_r)
        is_last = k + 2 == len(self.levels)
        coarse_u = self._cycle(k + 1, coarse_r) if is_last else self._accelerated(k + 1, coarse_r)
        kernels.prolong_add(lumps.number, up, coarse_u, u)
        level.sweep(self.form, False, r, u)
        return u

    def _accelerated(self, k: int, r: Array) -> Array:
        """At most two cycles, combined to the least residual over the diagonal."""
        level = self.levels[k]
        w = level.diagonal
        c = self._cycle(k, r)
        v = level.apply(self.form, c)
        vv, vr, rr = kernels.one_step(w, v, r)
        if not vv > 0:
            return c
        t = vr / vv
        rest = r - t * v
        if rr - t * vr <= ENOUGH**2 * rr:
            return t * c
        d = self._cycle(k, rest)
        q = level.apply(self.form, d)
        vv, vr, vq, qq, qs = kernels.two_step(w, v, q, r, rest)
        left = qq - vq * vq / vv
        if not left > INDEPENDENT * qq:
            return t * c
        s = qs / left
        return (t - s * vq / vv) * c + s * d
