"""Flexible restarted GMRES for preconditioners that change from step to step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fokkerplanck.domain.progress import count_one
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.linalg import krylov as kernels
from fokkerplanck.linalg import sizes

Map: TypeAlias = Callable[[Array], Array]

#: A vector of which less than this part is left by orthogonalisation is orthogonalised again, for
#: rounding has then spoilt the right angle (Kahan's "twice is enough").
REORTHOGONALISE = 0.5
#: Part of a vector below which nothing but rounding is left: the space holds the solution.
NOTHING_LEFT = 1e-15
#: A restart that leaves more than this part of the residual has stalled.
STALLED = 0.9


@dataclass(frozen=True, eq=False)
class KrylovResult:
    """Solution, and relative residual (weighted norm) after each step, the first one 1."""

    x: Array
    history: tuple[float, ...]

    @property
    def iterations(self) -> int:
        """Number of products with the matrix."""
        return len(self.history) - 1


def fgmres(
    apply: Map,
    precondition: Map,
    b: Array,
    weight: Array,
    reduction: float,
    max_iterations: int = 100,
    restart: int = 12,
    floor: float = 0.0,
    flexible: bool = True,
) -> KrylovResult:
    r"""Solve A x = b by flexible GMRES: least :math:`\|w(b-Ax)\|_2` over preconditioned directions.

    Parameters
    ----------
    apply, precondition : callable
        ``apply(x)`` is A x, ``precondition(r)`` about :math:`A^{-1}r`, and may differ from call to
        call. A may be singular if b is in its range.
    b, weight : arrays (n,)
    reduction : float
        Relative residual to reach.
    max_iterations, restart : int
        Products in all, and directions kept at a time (2 n numbers each).
    floor : float
        Weighted norm of a residual that is rounding: reached too, the iteration ends.
    flexible : bool
        False for a preconditioner that is the same linear map at every call: saves memory.

    Returns
    -------
    KrylovResult
        The last relative residual says whether it converged; nothing is raised.

    References
    ----------
    Saad, SIAM J. Sci. Comput. 14 (1993).

    Examples
    --------
    >>> import numpy as np
    >>> from fokkerplanck.linalg.fgmres import fgmres
    >>> A = np.array([[2.0, 1.0], [0.0, 3.0]])
    >>> fgmres(lambda x: A @ x, lambda r: r, np.array([3.0, 3.0]), np.ones(2), 1e-12).x.round(6)
    array([1., 1.])
    """
    first = kernels.weighted_norm(weight, b)
    history = [1.0]
    x, r = np.zeros_like(b), b
    if not first > floor:
        return KrylovResult(x, (1.0,))
    goal = max(reduction * first, floor)
    V = np.empty((restart + 1, b.size))
    Z = np.empty((restart if flexible else 0, b.size))
    size, stalled = first, False
    while size > goal and len(history) <= max_iterations and not stalled:
        np.multiply(r, weight / size, out=V[0])
        H, target = np.zeros((restart + 1, restart)), np.zeros(restart + 1)
        target[0] = size
        normal = np.zeros(restart + 1)
        normal[0] = 1.0
        for k in range(restart):
            count_one()
            z = precondition(V[k] / weight)
            if flexible:
                Z[k] = z
            stalled = _extend(V, H, k, weight, apply(z))
            norm = size * _share_left(H, k, normal)
            history.append(norm / first)
            if norm <= goal or stalled or len(history) > max_iterations:
                break
        y = _least(H[: k + 2, : k + 1], target[: k + 2])
        if flexible:
            kernels.combine(y, Z, x)
        else:
            direction = np.zeros_like(b)
            kernels.combine(y, V, direction)
            direction /= weight
            x += precondition(direction)
        r = b - apply(x)
        before, size = size, kernels.weighted_norm(weight, r)
        history[-1] = float(size / first)
        stalled = stalled or size > STALLED * before
    return KrylovResult(x, tuple(history))


def _extend(V: Array, H: Array, k: int, weight: Array, q: Array) -> bool:
    """Orthogonalise weight q to V[: k + 1], into V[k + 1] and column k of H; True if 0 is left."""
    is_long = q.size >= sizes.THREADS_FROM
    orthogonalise = kernels.orthogonalise_threads if is_long else kernels.orthogonalise
    before, after = threads.call(orthogonalise, q.size, V, k + 1, weight, q, True, H[:, k])
    if after < REORTHOGONALISE * before:
        _, after = threads.call(orthogonalise, q.size, V, k + 1, weight, q, False, H[:, k])
    H[k + 1, k] = after
    if not after > NOTHING_LEFT * before:
        V[k + 1] = 0.0
        return True
    np.divide(q, after, out=V[k + 1])
    return False


def _share_left(H: Array, k: int, normal: Array) -> float:
    """Share of the first unit vector that is left by least squares of the columns of H up to k.

    It is the part along the one direction that is normal to all these columns, whose next entry
    follows from the last column. The vector is made longer here, its first entry is 1.
    """
    if not H[k + 1, k] > 0:  # the space holds the solution
        return 0.0
    normal[k + 1] = -(normal[: k + 1] @ H[: k + 1, k]) / H[k + 1, k]
    return float(1 / np.linalg.norm(normal[: k + 2]))


def _least(H: Array, target: Array) -> Array:
    """Least-squares solution of H y = target."""
    Q, R = np.linalg.qr(H)
    y: Array = np.linalg.lstsq(R, Q.T @ target, rcond=None)[0]
    return y
