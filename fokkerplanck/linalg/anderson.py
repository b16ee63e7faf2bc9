r"""Anderson acceleration of fixed-point iterations :math:`x\leftarrow x+g(x)`.

.. math:: x_{k+1}=x_k+g_k-\sum_j\theta_j(\Delta x_j+\Delta g_j),\quad
          \theta=\arg\min\|g_k-\sum_j\theta_j\Delta g_j\|

Walker and Ni, SIAM J. Numer. Anal. 49 (2011). ``anderson_step`` solves the least squares by QR, to
rounding, for short vectors and iterations that go to rounding. ``Anderson`` is for long vectors: it
keeps the products of the differences, one pass over the vectors a step, in threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import mixing

#: Singular values, over the largest, that count as zero in the QR form; eigenvalues of the
#: normalised Gram matrix in the other.
DEPENDENT = 1e-12


def anderson_step(
    iterates: Sequence[Array], residuals: Sequence[Array], seen: Sequence[Array] | None = None
) -> Array:
    """Step from the last iterate to the next one (n,), from iterates and residuals, oldest first.

    Parameters
    ----------
    iterates, residuals : sequences of arrays (n,)
    seen : sequence of arrays, optional
        Residuals as the norm sees them, e.g. weighted; the residuals themselves where left out.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.linalg.anderson import anderson_step
    >>> iterates, residuals, x = [], [], np.ones(3)
    >>> for _ in range(5):
    ...     iterates.append(x)
    ...     residuals.append(np.array([0.1, 0.5, 0.02]) * (2 - x))
    ...     x = x + anderson_step(iterates, residuals)
    >>> bool(np.abs(x - 2).max() < 1e-9)
    True
    """
    if len(residuals) == 1:
        return residuals[-1]
    dX, dF = _differences(iterates), _differences(residuals)
    dS, last = (dF, residuals[-1]) if seen is None else (_differences(seen), seen[-1])
    Q, R = np.linalg.qr(dS)
    theta = np.linalg.lstsq(R, Q.T @ last, rcond=DEPENDENT)[0]
    return residuals[-1] - (dX + dF) @ theta


def _differences(vectors: Sequence[Array]) -> Array:
    """Differences of neighbours, as columns."""
    return np.stack([b - a for a, b in pairwise(vectors)], axis=1)


class Anderson:
    """Next iterate from the last few, in a weighted norm.

    Parameters
    ----------
    weight : array (n,)
        Weights of the squares.
    memory : int
        Differences kept.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.linalg.anderson import Anderson
    >>> mix, x = Anderson(np.ones(3), 3), np.ones(3)
    >>> for _ in range(5):
    ...     x = mix(x, np.array([0.1, 0.5, 0.02]) * (2 - x))
    >>> bool(np.abs(x - 2).max() < 1e-9)
    True
    """

    def __init__(self, weight: Array, memory: int) -> None:
        self.weight, self.memory = weight, memory
        # Differences of residuals g and of sums s = x + g; the oldest are overwritten first.
        self._dg, self._ds = np.empty((2, memory, weight.size))
        self._gram = np.zeros((memory, memory))
        self._last: tuple[Array, Array] | None = None
        self._count = 0

    def reset(self) -> None:
        """Forget everything."""
        self._last, self._count = None, 0

    def __call__(self, x: Array, g: Array) -> Array:
        """Next iterate (n,) from the iterate x and its residual g."""
        s = x + g
        out = s
        if self._last is not None:
            new = self._count % self.memory
            np.subtract(s, self._last[0], out=self._ds[new])
            np.subtract(g, self._last[1], out=self._dg[new])
            self._count += 1
            out = s.copy()
            parts, used = threads.parts(x.size), min(self._count, self.memory)
            theta = self._coefficients(parts, used, new, g)
            threads.run(mixing.subtract, mixing.subtract_threads, parts, used, theta, self._ds, out)
        self._last = s, g
        return out

    def _coefficients(self, parts: int, used: int, new: int, g: Array) -> Array:
        """Least squares, by the normalised Gram matrix."""
        sums = np.zeros((mixing.chunks(g.size), 2, self.memory))
        kernels = mixing.products, mixing.products_threads
        threads.run(*kernels, parts, used, new, self.weight, self._dg, g, sums)
        column, right = sums.sum(0)
        self._gram[new, :used] = self._gram[:used, new] = column[:used]
        gram = self._gram[:used, :used]
        size = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(gram / np.outer(size, size))
        keep = values > DEPENDENT * values[-1]
        V = vectors[:, keep]
        return V @ ((V.T @ (right[:used] / size)) / values[keep]) / size
