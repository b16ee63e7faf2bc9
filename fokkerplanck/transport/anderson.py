"""Anderson acceleration of a fixed-point iteration, in a weighted norm."""

from __future__ import annotations

import numpy as np

from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import mixing

#: Eigenvalues of the normalised Gram matrix below this are left out.
DEPENDENT = 1e-12


class Anderson:
    r"""Next iterate of :math:`x\leftarrow x+g(x)` from the last few.

    .. math:: x_{k+1}=x_k+g_k-\sum_j\theta_j(\Delta x_j+\Delta g_j),\quad
              \theta=\arg\min\|g_k-\sum_j\theta_j\Delta g_j\|_w

    Parameters
    ----------
    weight : array (n,)
        Weights w of the squares.
    memory : int
        Differences kept.

    References
    ----------
    Walker and Ni, SIAM J. Numer. Anal. 49 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.transport.anderson import Anderson
    >>> mix, x = Anderson(np.ones(3), 3), np.ones(3)
    >>> for _ in range(5):
    ...     x = mix(x, np.array([0.1, 0.5, 0.02]) * (2 - x))
    >>> bool(np.abs(x - 2).max() < 1e-9)
    True
    """

    def __init__(self, weight, memory):
        self.weight, self.memory = weight, memory
        self.dg, self.ds = np.empty((memory, weight.size)), np.empty((memory, weight.size))
        self.gram = np.zeros((memory, memory))
        self.last = None
        self.count = 0

    def reset(self):
        """Forget everything."""
        self.last, self.count = None, 0

    def __call__(self, x, g):
        """Next iterate (n,) from the iterate x and its residual g."""
        s = x + g
        out = s
        if self.last is not None:
            new = self.count % self.memory
            np.subtract(g, self.last[1], out=self.dg[new])
            np.subtract(s, self.last[0], out=self.ds[new])
            self.count += 1
            out = s.copy()
            parts = threads.parts(x.size)
            used = min(self.count, self.memory)
            theta = self._coefficients(parts, used, new, g)
            threads.run(
                mixing.subtract, mixing.subtract_threads, parts, used, theta, self.ds, out
            )  # fmt: skip
        self.last = s, g
        return out

    def _coefficients(self, parts, used, new, g):
        """Least squares, by the normalised Gram matrix."""
        sums = np.zeros((mixing.chunks(g.size), 2, self.memory))
        threads.run(
            mixing.products, mixing.products_threads, parts, used, new, self.weight, self.dg, g,
            sums,
        )  # fmt: skip
        column, right = sums.sum(0)
        self.gram[new, :used] = self.gram[:used, new] = column[:used]
        gram = self.gram[:used, :used]
        size = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
        values, vectors = np.linalg.eigh(gram / np.outer(size, size))
        keep = values > DEPENDENT * values[-1]
        V = vectors[:, keep]
        return V @ ((V.T @ (right[:used] / size)) / values[keep]) / size
