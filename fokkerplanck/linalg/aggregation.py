"""Multigrid by aggregation for the matrices of Markov chains on any graph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from fokkerplanck.kernels.linalg import aggregation as kernels
from fokkerplanck.linalg import sizes

#: Pairs weaker than this are not formed: condition number of a pair at most 2 / STRENGTH.
STRENGTH = 0.25
#: Lumping ends where a level would keep more than this part of the cells.
LEAST_REDUCTION = 0.8
#: Part of its diagonal added on the coarsest level of a singular chain: slower modes are noise.
REGULARISATION = 1e-7
#: Residual after one coarse cycle, over the one before, at which the second one is left out.
ENOUGH = 0.25

#: What stands outside of the diagonal, and the weights of restriction and prolongation.
FORMS = ("ratio", "mass", "function")


@dataclass(eq=False)
class Level:
    """A chain: pattern, rates out and back, log masses, shift; and how it was lumped."""

    indptr: np.ndarray
    indices: np.ndarray
    out: np.ndarray
    back: np.ndarray
    phi: np.ndarray
    shift: np.ndarray
    aggregate: np.ndarray | None = None
    start: np.ndarray | None = None
    cells: np.ndarray | None = None
    share: np.ndarray | None = None
    diagonal: np.ndarray = field(init=False)
    inn: np.ndarray = field(init=False)

    def __post_init__(self):
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

    def refresh(self):
        """Bring ``inn`` up to date with ``phi``."""
        kernels.ratio_rows(self.indptr, self.indices, self.back, self.phi, self.inn)

    def values(self, form):
        """Entries outside of the diagonal, without their sign."""
        return {"ratio": self.inn, "mass": self.back, "function": self.out}[form]

    def residual(self, form, r, u):
        """Residual r - M u."""
        result = np.empty_like(u)
        kernel = kernels.residual_threads if self.is_large else kernels.residual
        kernel(self.indptr, self.indices, self.values(form), self.diagonal, r, u, result)
        return result

    def sweep(self, form, is_forward, r, u):
        """Gauss-Seidel sweep on M u = r."""
        kernel = kernels.sweep_threads if self.is_large else kernels.sweep
        kernel(is_forward, self.indptr, self.indices, self.values(form), self.diagonal, r, u)

    def apply(self, form, u):
        """Product M u."""
        return -self.residual(form, np.zeros_like(u), u)

    def lumped(self, strength) -> Level:
        """Coarse level of pairs of pairs; keeps how cells were lumped."""
        once, _, _, _, aggregate = self._pairs(strength)
        twice = np.empty(once.size, np.int32)
        count = kernels.pair(
            once.indptr, once.indices, once.out, once.inn, once.diagonal, strength, twice
        )
        self.aggregate = twice[aggregate]
        coarse, self.start, self.cells, self.share = self._lump(self.aggregate, count)
        return coarse

    def _pairs(self, strength):
        """Level of pairs, how it was lumped, and the pair of every cell."""
        aggregate = np.empty(self.size, np.int32)
        count = kernels.pair(
            self.indptr, self.indices, self.out, self.inn, self.diagonal, strength, aggregate
        )
        return *self._lump(aggregate, count), aggregate

    def _lump(self, aggregate, count):
        """Lumped chain, cells of every aggregate, and the shares of mass."""
        n, m = self.size, self.indices.size
        start, cells = np.empty(count + 1, self.indptr.dtype), np.empty(n, np.int32)
        kernels.members(aggregate, start, cells)
        share, phi, shift = np.empty(n), np.empty(count), np.empty(count)
        kernels.shares(start, cells, self.phi, self.shift, share, phi, shift)
        indptr, indices = np.empty(count + 1, self.indptr.dtype), np.empty(m, np.int32)
        out, back = np.empty(m), np.empty(m)
        k = kernels.lump(
            start, cells, share, aggregate, self.indptr, self.indices, self.out, self.back,
            indptr, indices, out, back,
        )  # fmt: skip
        rows = (a[:k].copy() for a in (indices, out, back))
        return Level(indptr, *rows, phi, shift), start, cells, share


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
        Which of the matrices of ``kernels.aggregation``.

    References
    ----------
    Napov and Notay, SIAM J. Sci. Comput. 34 (2012), A1079; Notay, ibid., A2288 (convection).
    Notay and Vassilevski, Numer. Linear Algebra Appl. 15 (2008): K-cycles.
    """

    def __init__(self, level, form="ratio", strength=STRENGTH):
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; choose from {', '.join(FORMS)}")
        self.form, self.levels = form, [level]
        while level.size > sizes.AGGREGATION_COARSEST:
            coarse = level.lumped(strength)
            if coarse.size > LEAST_REDUCTION * level.size:
                break
            self.levels.append(coarse)
            level = coarse
        matrix = sparse.csr_array(
            (-level.values(form), level.indices, level.indptr), shape=(level.size,) * 2
        )
        raised = 0.0 if level.shift.all() else REGULARISATION
        matrix = matrix + sparse.diags_array(level.diagonal * (1 + raised))
        self._direct = splu(matrix.tocsc())

    @property
    def complexity(self) -> float:
        """Entries on all levels over those on the finest."""
        return sum(level.indices.size for level in self.levels) / self.levels[0].indices.size

    def apply(self, u):
        """Product with the matrix of the finest level."""
        return self.levels[0].apply(self.form, u)

    def precondition(self, r):
        """Approximate solution of M u = r."""
        return self._cycle(0, r)

    def _cycle(self, k, r):
        """Smooth, correct on the next level, smooth."""
        level = self.levels[k]
        if k == len(self.levels) - 1:
            return self._direct.solve(r)
        u = np.zeros_like(r)
        level.sweep(self.form, True, r, u)
        rest = level.residual(self.form, r, u)
        ones = np.broadcast_to(1.0, r.shape)
        down, up = (ones, level.share) if self.form == "mass" else (level.share, ones)
        coarse_r = np.empty(self.levels[k + 1].size)
        kernel = kernels.restrict_threads if level.is_large else kernels.restrict
        kernel(level.start, level.cells, down, rest, coarse_r)
        is_last = k + 2 == len(self.levels)
        coarse_u = self._cycle(k + 1, coarse_r) if is_last else self._accelerated(k + 1, coarse_r)
        kernels.prolong_add(level.aggregate, up, coarse_u, u)
        level.sweep(self.form, False, r, u)
        return u

    def _accelerated(self, k, r):
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
        if not left > 1e-14 * qq:
            return t * c
        s = qs / left
        return (t - s * vq / vv) * c + s * d
