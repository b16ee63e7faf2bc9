"""The semigroup of a generator by shift-and-invert Krylov subspaces: few solves for long times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import expm

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.memory import check_memory

#: Dimension of the space at which it counts as not converging.
MAX_DIMENSION = 60
#: Dimension from which on the small exponential is computed, and how many dimensions apart.
FIRST_LOOK, EVERY = 9, 3
#: Estimate of the error, relative, below which one that no longer falls is taken for rounding.
STALLED = 1e-9
#: Relative error of the mass above which the projection has failed and the result is not used.
MASS_DEFECT = 1e-8
#: Time times the largest rate, up to which the 1 counts in I - gamma A in doubles.
LONGEST = 1e15
EPS = 2.0**-52


@dataclass(frozen=True, eq=False)
class KrylovAction:
    """Result of a step: masses, dimension, estimated L1 error and correction of mass (relative)."""

    p: np.ndarray
    dimension: int
    error: float
    mass_correction: float = 0.0
    rounding: float = 0.0  # relative error that the small matrix may have brought in


def krylov_action(factor, p, span, tolerance=1e-14):
    r"""Approximate :math:`e^{tA}p` in a Krylov space of :math:`(I-\gamma A)^{-1}`, or return None.

    Arnoldi's method gives :math:`(I-\gamma A)^{-1}V=VH+\dots` and the approximation
    :math:`\|p\|\,V\exp\!\big(\tfrac{t}{\gamma}(I-H^{-1})\big)e_1`. Its rate of convergence does not
    depend on the largest rate of A. Entries are accurate to rounding of the largest entries, not to
    their own: those far below may come out negative.

    Parameters
    ----------
    factor : ImplicitFactor
        Of step gamma; span / 20 to span / 5 is good.
    p : array (n,)
    span : float
    tolerance : float
        Wanted L1 error, relative to the norm of p.

    Returns
    -------
    KrylovAction or None
        None where the subspace does not converge: halve the span.

    References
    ----------
    van den Eshof and Hochbruck, SIAM J. Sci. Comput. 27 (2006); Moret and Novati, BIT 44 (2004).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.linalg.factors import ImplicitFactor
    >>> from fokkerplanck.linalg.semigroup.rational_krylov import krylov_action
    >>> grid = fp.Grid([(-3, 3)], 64)
    >>> generator = fp.Generator(fp.Problem(grid, f=lambda x: x**2))
    >>> p = fp.gaussian(grid, 1, 0.1) * grid.volume
    >>> krylov_action(ImplicitFactor(generator, 0.1), p, 1.0).error < 1e-12
    True
    """
    numbers = (MAX_DIMENSION + 1.0) * p.size
    advice = "use fewer cells, or shorter intervals, which take no such space"
    check_memory(8 * numbers, f"a Krylov space of {p.size} cells", advice)
    ratio = span / factor.dt
    size = np.abs(p).sum()
    start = np.linalg.norm(p)
    V = np.empty((MAX_DIMENSION + 1, p.size))
    H = np.zeros((MAX_DIMENSION + 1, MAX_DIMENSION))
    V[0] = p / start
    norms = [np.abs(V[0]).sum()]
    history: list[tuple[float, np.ndarray]] = []
    for k in range(1, MAX_DIMENSION + 1):
        # In a space of all dimensions nothing is left to add but rounding.
        broke_down = _extend(factor, V, H, k) or k == p.size
        norms.append(np.abs(V[k]).sum())
        if not broke_down and (k < FIRST_LOOK or k % EVERY):
            continue
        y, rounding = _small(H[:k, :k], ratio)
        if y is None and k == p.size:
            return None
        if y is None:
            continue
        if broke_down:
            result = _result(factor, p, start * (y @ V[:k]), None, k, size)
            return replace(result, rounding=rounding)
        error = np.inf
        if history:
            difference = y.copy()
            difference[: history[-1][1].size] -= history[-1][1]
            error = start * float(np.abs(difference) @ norms[:k]) / size
        history.append((error, y))
        if error <= tolerance or _has_stalled([e for e, _ in history]):
            before = start * (history[-2][1] @ V[: history[-2][1].size])
            result = _result(factor, p, start * (y @ V[:k]), before, k, size)
            if result.mass_correction <= max(MASS_DEFECT, 10 * tolerance):
                return replace(result, rounding=rounding)
    return None


def check_length(rate: float, span: float) -> None:
    """Raise ConvergenceError for times so long that nothing is left of 1 in I - gamma A."""
    length = rate * span
    if not length <= LONGEST:
        raise ConvergenceError(
            f"a time of {span:.3g} is {length:.1e} times that of the fastest rate of the chain, "
            f"and Krylov spaces bear {LONGEST:.0e}; give a shorter time, or ask steady_state for "
            "what is left in the end"
        )


def _extend(factor, V, H, k):
    """Arnoldi step: fill V[k] and column k - 1 of H; True if the space is invariant."""
    w = factor.solve(V[k - 1])
    before = np.linalg.norm(w)
    for _ in range(2):  # orthogonal to rounding after the second pass
        h = V[:k] @ w
        w = w - h @ V[:k]
        H[:k, k - 1] += h
    H[k, k - 1] = np.linalg.norm(w)
    if H[k, k - 1] <= 1e-15 * before:
        V[k] = 0.0
        return True
    V[k] = w / H[k, k - 1]
    return False


def _small(H, ratio):
    """First column of exp(ratio (I - H^-1)), and what inversion may have cost it, relative.

    None if it grows: the space is still too small.
    """
    try:
        inverse = np.linalg.inv(H)
    except np.linalg.LinAlgError:
        return None, 0.0
    M = ratio * (np.eye(len(H)) - inverse)
    if not np.all(np.isfinite(M)) or np.linalg.eigvals(M).real.max() > 1.0:
        return None, 0.0
    condition = np.abs(H).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    return expm(M)[:, 0], EPS * float(condition)


def _has_stalled(errors):
    """Whether the last two estimates brought nothing, at the level of rounding."""
    if len(errors) < 4 or errors[-1] > STALLED:
        return False
    return min(errors[-2:]) > 0.5 * min(errors[:-2])


def _result(factor, p, q, before, k, size):
    """Result with the mass of p, and the difference of the last two approximations as its error."""
    correction = 0.0
    if factor.flows.conserves_mass:
        mass = p.sum()
        correction = float(abs(q.sum() - mass) / size)
        q = q + (mass - q.sum()) / np.abs(q).sum() * np.abs(q)
        if before is not None:
            before = before + (mass - before.sum()) / np.abs(before).sum() * np.abs(before)
    error = 0.0 if before is None else float(np.abs(q - before).sum() / size)
    return KrylovAction(q, k, error, correction)
