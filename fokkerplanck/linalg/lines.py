r"""Strang splitting along the axes, with a rational approximation of the exponential on every line.

.. math:: S(h) = R(\tfrac h2A_1)\,R(hA_2)\,R(\tfrac h2A_1),\qquad
          R(z) = \sum_{j=1}^{5} b_j\,(1-\gamma z)^{-j} = e^z + O(z^6)
"""

from __future__ import annotations

import numpy as np

from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import lines
from fokkerplanck.linalg import powers
from fokkerplanck.scheme.axis_rates import AxisRates

#: Poles of R, all of them at 1 / GAMMA: L-stable of order 5 (Hairer and Wanner, Solving ODEs II,
#: table IV.6.4).
STAGES = 5
GAMMA = 0.27805384113645248
#: Substeps of the three results that are extrapolated to order six (order four without the first),
#: by the scheme of Aitken and Neville in the square of the step.
SUBSTEPS = (1, 2, 3)
#: Bytes of the second-level cache that the lines worked on side by side may fill.
CACHE = 600_000
#: Bytes that the kernel needs for a cell: ten numbers.
PER_CELL = 80
#: Lines worked on side by side, at least and at most.
WIDTHS = (8, 32)


class LineSplitting:
    r"""Steps of Strang's splitting, and of their extrapolation.

    In detailed balance every :math:`A_k` is, with the same density, which all steps keep. Mass is
    kept to rounding. The error has an expansion in even powers of the step (up to the order of R),
    so that h, h/2 and h/3 give order six; in long steps over stiff lines four is observed.

    Parameters
    ----------
    rates : AxisRates

    References
    ----------
    Strang, SIAM J. Numer. Anal. 5 (1968); Hairer, Lubich and Wanner, Geometric Numerical
    Integration, II.4.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.axis_rates import AxisRates
    >>> from fokkerplanck.linalg.lines import LineSplitting
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> generator = fp.Generator(fp.Problem(grid, f=lambda x, y: x**2 + x * y + y**2))
    >>> p = (fp.gaussian(grid, (1, 1), 0.1) * grid.volume).ravel()
    >>> q, error = LineSplitting(AxisRates.from_generator(generator)).step(p, 0.01)
    >>> error < 1e-4, abs(float(q.sum()) - 1) < 1e-14
    (True, True)
    """

    def __init__(self, rates: AxisRates) -> None:
        self._weights = powers.weights(STAGES, GAMMA)
        axes, n0, m = rates.up.shape
        n2 = m // rates.n1
        self._exits = rates.exits.ravel()
        shapes = {1: [(m, 1)], 2: [(n0, m), (m, 1)], 3: [(n0, m), (rates.n1, n2), (n2, 1)]}[axes]
        self._axes = []
        for k, (n, inner) in enumerate(shapes):
            up, down = rates.up[k].ravel(), rates.down[k].ravel()
            self._axes.append((n, inner, rates.rings[k], up, down))
        self.n_sweeps = 0

    def along(self, k, p, h):
        """Overwrite p by R(h A_k) p."""
        n, inner, ring, up, down = self._axes[k]
        exits = self._exits if k == 0 else np.zeros(0)
        width = int(min(max(CACHE // (PER_CELL * n), WIDTHS[0]), WIDTHS[1]))
        line = n, inner, ring, GAMMA * h
        rest = self._weights, up, down, exits, p
        threads.call(lines.along_lines, p.size, width, *line, *rest)
        self.n_sweeps += 1

    def strang(self, p, h, n_steps):
        """Masses after n_steps equal steps over h, half steps of the first axis put together."""
        q, dt = p.copy(), h / n_steps
        rest = range(1, len(self._axes))
        if not rest:
            for _ in range(n_steps):
                self.along(0, q, dt)
            return q
        self.along(0, q, dt / 2)
        for step in range(n_steps):
            for k in rest[:-1]:
                self.along(k, q, dt / 2)
            self.along(rest[-1], q, dt)
            for k in reversed(rest[:-1]):
                self.along(k, q, dt / 2)
            self.along(0, q, dt if step < n_steps - 1 else dt / 2)
        return q

    def step(self, p, h):
        """Masses after a step h, of order six, and an L1 error: twice what order four is off."""
        table = [self.strang(p, h, n) for n in SUBSTEPS]
        fourth = table[2] + (table[2] - table[1]) / ((3 / 2) ** 2 - 1)
        low = table[1] + (table[1] - table[0]) / (2**2 - 1)
        sixth = fourth + (fourth - low) / (3**2 - 1)
        return sixth, 2 * float(np.abs(sixth - fourth).sum())
