"""The semigroup of any matrix by its Taylor series, in steps: for short spans."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fokkerplanck.domain.types import Array

#: Norm of the matrix times a step: terms grow to e^3 before they fall, which costs a digit.
STEP = 3.0
#: Terms of a step after which the series counts as cut.
MOST_TERMS = 60
#: Products a step takes, about, to errors of 1e-13.
TERMS = 22


class TaylorAction(NamedTuple):
    """Result of a span, products, and the estimated error of the series in the largest value."""

    u: Array
    products: int
    error: float


def norm_of(A: Any) -> tuple[float, float]:
    """Mean of the diagonal, and the largest row sum of absolute values of A less that mean."""
    diagonal = A.diagonal()
    mean = float(diagonal.mean())
    rows = np.asarray(abs(A).sum(axis=1)).ravel() - np.abs(diagonal) + np.abs(diagonal - mean)
    return mean, float(rows.max())


def taylor_products(A: Any, span: float) -> float:
    """Products that a span will take, about."""
    return TERMS * max(norm_of(A)[1] * span / STEP, 1.0)


def taylor_action(A: Any, u: Array, span: float, tolerance: float) -> TaylorAction:
    r"""Return :math:`e^{tA}u` as :math:`e^{t\mu}(\sum_j(h(A-\mu))^j/j!)^{t/h}u`, mu the mean of A_ii.

    Parameters
    ----------
    A : csr_array (n, n)
    u : array (n,)
    span : float
        t.
    tolerance : float
        Of the largest value of the result, for all steps together.

    References
    ----------
    A. H. Al-Mohy, N. J. Higham, SIAM J. Sci. Comput. 33 (2011), 488.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from fokkerplanck.linalg.semigroup.taylor import taylor_action
    >>> turn = csr_array(np.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> taylor_action(turn, np.array([1.0, 0.0]), np.pi / 2, 1e-13).u.round(12) + 0.0
    array([0., 1.])
    """  # noqa: E501
    mean, norm = norm_of(A)
    steps = max(int(np.ceil(norm * span / STEP)), 1)
    h, products, error = span / steps, 0, 0.0
    damping = float(np.exp(mean * h))
    for _ in range(steps):
        term, total, last = u, u.copy(), np.inf
        for j in range(1, MOST_TERMS + 1):
            term = (A @ term - mean * term) * (h / j)
            total += term
            size = damping * float(np.abs(term).max(initial=0.0))
            products += 1
            if max(size, last) <= tolerance / steps:
                break
            last = size
        error += size
        u = damping * total
    return TaylorAction(u, products, error)
