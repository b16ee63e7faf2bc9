"""Gaussian kernels in the log domain on a box, the product of one convolution per axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fokkerplanck.domain.types import Array
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.transport import log_convolution

#: Work per cell of a convolution, over that of the loops for which threads were weighed.
WORK = 4


class GaussianKernel:
    r"""Logarithm of a Gaussian sum over the cells of a box.

    .. math:: (Kg)_x=\log\sum_{y\in\text{box}}\prod_k
              \frac{e^{-(x_k-y_k)^2/2r_k^2}}{\sqrt{2\pi}\,r_k}\;e^{g_y}

    Parameters
    ----------
    shape : tuple of int
    widths : sequence of float
        Standard deviations r, in cells, one per axis.
    periodic : sequence of bool
        Axes along which distances go around.

    Attributes
    ----------
    calls : int
        How often it was applied.

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.transport.gaussian_kernel import GaussianKernel
    >>> K = GaussianKernel((40,), (2.0,), (False,))
    >>> values = K(np.zeros(40))
    >>> abs(float(values[20])) < 1e-7, round(float(np.exp(values[0])), 1)  # half is outside
    (True, 0.6)
    """

    def __init__(
        self, shape: Iterable[int], widths: Iterable[float], periodic: Iterable[bool]
    ) -> None:
        self.shape, self.periodic = tuple(shape), tuple(periodic)
        self.widths = tuple(float(r) for r in widths)
        self.tables = [log_convolution.gaussian_table(r) for r in self.widths]
        self.calls = 0

    def __call__(self, g: Array) -> Array:
        r"""Apply the kernel to an array (\*shape); minus infinity stands for no mass."""
        values = np.ascontiguousarray(g, dtype=float)
        kernels = log_convolution.convolve, log_convolution.convolve_threads
        parts = threads.parts(WORK * values.size)
        for k, (n, r) in enumerate(zip(self.shape, self.widths, strict=True)):
            out = np.empty(self.shape)
            box = (int(np.prod(self.shape[:k])), n, int(np.prod(self.shape[k + 1 :])))
            ring, table = self.periodic[k], self.tables[k]
            threads.run(*kernels, parts, r, ring, table, values.reshape(box), out.reshape(box))
            values = out
        self.calls += 1
        return values


class SkewKernel(GaussianKernel):
    r"""Kernel of a Gaussian with correlated axes, in the plane; no product of axes.

    .. math:: e^{-\frac12 z\cdot C^{-1}z}\propto e^{-z_1^2/2r_1^2}\,e^{-(z_2-\mu)^2/2t^2},\qquad
              \mu=\frac{C_{12}}{C_{11}}z_1,\quad t^2=C_{22}-\frac{C_{12}^2}{C_{11}}

    For every offset z1 of rows, the shift by mu is a tilt: lines are tilted by
    :math:`-\mu y_2/t^2`, convolved, and tilted back: on n x n cells n times the price of a
    product.

    Parameters
    ----------
    shape : (int, int)
    widths : (float, float)
        Standard deviations, in cells.
    correlation : float
        :math:`C_{12}/r_1r_2`.
    """

    def __init__(self, shape: Iterable[int], widths: Iterable[float], correlation: float) -> None:
        super().__init__(shape, widths, (False, False))
        r1, r2 = self.widths
        self.drift = correlation * r2 / r1
        self.narrow = r2 * float(np.sqrt(1 - correlation**2))
        self.table = log_convolution.gaussian_table(self.narrow)

    def __call__(self, g: Array) -> Array:
        r"""Apply the kernel to an array (\*shape); minus infinity stands for no mass."""
        n, m = self.shape
        g = np.ascontiguousarray(np.maximum(g, log_convolution.LEAST), dtype=float)
        parts, place = threads.parts(WORK * g.size), np.arange(m) - 0.5 * (m - 1)
        kernels = log_convolution.convolve, log_convolution.convolve_threads
        total = np.full(self.shape, 2 * log_convolution.LEAST)
        for z in range(1 - n, n):
            shift = self.drift * z
            tilt = shift / self.narrow**2 * place
            rows = slice(max(0, z), min(n, n + z))
            values = g[max(0, -z) : min(n, n - z)] - tilt
            out = np.empty_like(values)
            lines = values[..., None], out[..., None]
            threads.run(*kernels, parts, self.narrow, False, self.table, *lines)
            out += tilt - 0.5 * (shift / self.narrow) ** 2 - 0.5 * (z / self.widths[0]) ** 2
            np.logaddexp(total[rows], out, out=total[rows])
        self.calls += 1
        return total - np.log(self.widths[0] * np.sqrt(2 * np.pi))
