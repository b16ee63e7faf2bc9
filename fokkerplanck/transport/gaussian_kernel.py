"""Gaussian kernels in the log domain on a box, the product of one convolution per axis."""

from __future__ import annotations

import numpy as np

from fokkerplanck.kernels import log_convolution, threads


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

    def __init__(self, shape, widths, periodic):
        self.shape, self.periodic = tuple(shape), tuple(periodic)
        self.widths = tuple(float(r) for r in widths)
        self.tables = [log_convolution.gaussian_table(r) for r in self.widths]
        self.calls = 0

    def __call__(self, g):
        r"""Apply the kernel to an array (\*shape); minus infinity stands for no mass."""
        values = np.ascontiguousarray(g, dtype=float)
        parts = threads.parts(values.size)
        for k, (n, r) in enumerate(zip(self.shape, self.widths, strict=True)):
            out = np.empty(self.shape)
            box = (int(np.prod(self.shape[:k])), n, int(np.prod(self.shape[k + 1 :])))
            threads.run(
                log_convolution.convolve, log_convolution.convolve_threads, parts, r,
                self.periodic[k], self.tables[k], values.reshape(box), out.reshape(box),
            )  # fmt: skip
            values = out
        self.calls += 1
        return values
