r"""Errors from three grids: how fast differences fall when cells are halved tells how far they go.

With differences :math:`e_1` between the grids h and :math:`r_1h`, :math:`e_2` between
:math:`r_1h` and :math:`r_1r_2h` (r = 2 for even numbers of cells), an error :math:`Ch^p` means

.. math:: \frac{e_2}{e_1} = r_1^p\,\frac{r_2^p-1}{r_1^p-1}, \qquad
   \text{error} = \frac{e_1}{r_1^p-1}.

The order p is measured and not assumed: upwinded drift, walls where D vanishes and layers thinner
than a cell have orders far below that of the scheme, and an assumed order would promise too much.

References
----------
P. J. Roache, Annu. Rev. Fluid Mech. 29 (1997), 123, on observed orders and grid convergence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array

#: Least order that an error is computed with: below it no factor 1/(2^p - 1) means anything.
LEAST = 0.2
#: Orders below this are reported: the differences hardly fall.
DOUBTFUL = 0.4
#: Orders by which what is seen exceeds what is believed, from which a word is due: two more, and
#: the error is about a fifth of the estimate.
SURPRISING = 2.0
#: Largest distance of two densities of mass 1, and of relative differences that are reported.
LARGEST = 2.0
#: A difference of densities above this leaves nothing of the coarser grid.
UNRESOLVED = 1.0
COARSE_UNRESOLVED = "coarse grids unresolved"
BESIDE = "distance to the fifth-order flux on the same grid"
#: Relative differences that are rounding, and say nothing of an order.
ROUNDING = 1e-12
#: Logarithm beyond which quotients of differences say no more.
LARGEST_LOG = 100.0
#: How far above the highest order a difference of numbers may seem to fall before chance is blamed.
LUCK = 2.0


@dataclass(frozen=True, eq=False)
class ErrorReport(Portable):
    """An estimated error, the order of convergence that it rests on, and a word of warning.

    Attributes
    ----------
    value : float, or array
        Estimated error; nan where there is none, and ``message`` says why.
    order : float, or array of the same shape
        Observed order, not limited; nan where it could not be measured, or where all three grids
        agree to rounding.
    message : str
        Empty if there is nothing to say.

    Examples
    --------
    >>> from fokkerplanck.domain.observed_order import number_report
    >>> report = number_report([1.01, 1.04, 1.16], (2.0, 2.0))  # 1 + h^2 on h = .1, .2, .4
    >>> round(report.value, 4), round(report.order, 4), report.message
    (0.01, 2.0, '')
    """

    value: float | Array
    order: float | Array
    message: str = ""

    @classmethod
    def missing(cls, reason: str, shape: tuple[int, ...] = ()) -> ErrorReport:
        """Report of no estimate, nan, with the reason."""
        nan = np.full(shape, np.nan)
        return cls(_plain(nan), _plain(nan), f"no estimate: {reason}")

    def noting(self, message: str) -> ErrorReport:
        """Return the same with one more message in front."""
        return ErrorReport(self.value, self.order, "; ".join(filter(None, (message, self.message))))


def coarse_masses(masses: Array, fine: Grid, coarse: Grid) -> Array:
    r"""Masses of the cells of a coarser grid on the same box, from those of a finer one.

    A cell that two coarse ones share is divided by length; no mass is lost on any pair of grids.

    Parameters
    ----------
    masses : array (..., \*fine.shape)
    fine, coarse : Grid

    Returns
    -------
    array (..., \*coarse.shape)

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> fine = fp.Grid([(0, 1)], 3)
    >>> coarse_masses(np.array([1.0, 2.0, 3.0]), fine, fine.coarsened())
    array([2., 4.])
    """
    for k, (own, wanted) in enumerate(zip(fine.faces, coarse.faces, strict=True)):
        axis = masses.ndim - fine.dim + k
        along = np.moveaxis(masses, axis, -1)
        below = np.concatenate([np.zeros((*along.shape[:-1], 1)), along.cumsum(axis=-1)], axis=-1)
        cell = np.clip(np.searchsorted(own, wanted, side="right") - 1, 0, own.size - 2)
        share = np.clip((wanted - own[cell]) / (own[cell + 1] - own[cell]), 0.0, 1.0)
        upto = below[..., cell] * (1 - share) + below[..., cell + 1] * share
        masses = np.moveaxis(np.diff(upto, axis=-1), -1, axis)
    return masses


def ratios_of(grids: Sequence[Grid]) -> tuple[float, float]:
    """Ratios of the cell widths of neighbours among three grids, the finest first."""
    first, second = (
        min(n / m for n, m in zip(a.shape, b.shape, strict=True)) for a, b in pairwise(grids)
    )
    return first, second


def observed_order(near: ArrayLike, far: ArrayLike, ratios: tuple[float, float]) -> Array:
    """Order p of differences, ``near`` between the finer two grids and ``far`` of the coarser two.

    Parameters
    ----------
    near, far : arrays of one shape, > 0
    ratios : (float, float)
        Of the cell widths, each above 1.

    Returns
    -------
    array

    Examples
    --------
    >>> float(observed_order(1.0, 4.0, (2, 2)))
    2.0
    """
    first, second = np.log(ratios)
    quotient = np.log(np.asarray(far, float)) - np.log(np.asarray(near, float))
    quotient = np.clip(quotient, -LARGEST_LOG, LARGEST_LOG)
    p = quotient / first
    if first == second:
        return p
    # r1^p = (far/near) (r1^p - 1)/(r2^p - 1), a contraction by |1 - log r2/log r1|.
    for _ in range(60):
        p = (quotient + _log_growth(p, first) - _log_growth(p, second)) / first
    return p


def mass_report(masses: Sequence[Array], grids: Sequence[Grid], cap: float = 2.0) -> ErrorReport:
    r"""L1 error of cell masses, :math:`\sum_i|p_i-\int_i\rho\,dx|`, from three grids.

    The error that normalisation and quadrature leave is part of it.

    Parameters
    ----------
    masses : three arrays (..., \*shape)
        On each grid, the finest first; leading axes (times) pass through.
    grids : three grids
    cap : float
        Highest order that is believed: that of the scheme.

    Returns
    -------
    ErrorReport
        With values (...), at most 2.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grids = [fp.Grid([(0, 1)], n) for n in (32, 16, 8)]
    >>> masses = [grid.volume * (1 + np.sin(6 * grid.x[0])) for grid in grids]
    >>> report = mass_report(masses, grids)
    >>> round(report.order, 1)
    2.0
    """
    d = grids[0].dim
    near, far = (
        np.abs(coarse_masses(masses[i], grids[i], grids[i + 1]) - masses[i + 1])
        .reshape(*masses[i].shape[: masses[i].ndim - d], -1)
        .sum(axis=-1)
        for i in (0, 1)
    )
    return distance_report(near, far, ratios_of(grids), cap)


def distance_report(
    near: ArrayLike, far: ArrayLike, ratios: tuple[float, float], cap: float = 2.0
) -> ErrorReport:
    """Error from the distances of three answers, relative to their size; see ``mass_report``."""
    near, far = np.asarray(near, float), np.asarray(far, float)
    order = _measured(near, far, ratios, np.ones_like(near))
    value = np.minimum(_error(near, order, ratios, cap), LARGEST)

    def words(worst: int) -> str:
        if far.flat[worst] > UNRESOLVED:
            return COARSE_UNRESOLVED
        p = order.flat[worst]
        if p > cap + SURPRISING:
            return f"order {p:.1f} seen, {cap:g} believed: the error may be many times smaller"
        return f"order {p:.2f}: not converging on this grid" if p < DOUBTFUL else ""

    return _reported(value, order, words)


def number_report(
    values: Sequence[ArrayLike], ratios: tuple[float, float], cap: float = 2.0
) -> ErrorReport:
    """Error of numbers, each by itself, from three grids.

    Where the differences change their sign the error is the larger of the first difference and a
    third of the second; where they grow as cells shrink there is none.

    Parameters
    ----------
    values : three numbers or arrays of one shape, real or complex
        The finest first.
    ratios : (float, float)
        Of the cell widths.
    cap : float
        Highest order that is believed.

    Examples
    --------
    >>> number_report([1.0, 2.0, 1.5], (2.0, 2.0)).value
    1.0
    >>> import math
    >>> math.isnan(number_report([1.0, 2.0, 2.5], (2.0, 2.0)).value)
    True
    """
    arrays = np.stack([np.asarray(value) for value in values])
    unknown = ~np.isfinite(arrays).all(axis=0)
    fine, half, quarter = np.where(unknown, 0.0, arrays)
    first, second = fine - half, half - quarter
    near, far = np.abs(first).astype(float), np.abs(second).astype(float)
    scale = np.maximum(np.abs(fine), np.abs(half)).astype(float)
    order = _measured(near, far, ratios, scale)
    # Differences that nearly vanish by chance prove nothing, unlike norms, which do not.
    lucky = far / ratios[0] ** (cap + LUCK)
    value = _error(np.maximum(near, lucky), order, ratios, cap)
    turns = (first * np.conj(second)).real < 0
    turns &= ~np.isnan(order)
    value = np.where(turns, np.maximum(near, far / 3), value)
    value = np.where(unknown | (~turns & (order < 0)), np.nan, value)

    def words(worst: int) -> str:
        p = order.flat[worst]
        if unknown.flat[worst]:
            return "no estimate: not a finite number on all three grids"
        if turns.flat[worst]:
            return "the differences of the three grids change sign"
        if p < 0:
            return (
                f"no estimate: order {p:.1f}, the values do not converge on this grid, whose finer "
                f"two differ by {near.flat[worst]:.2g}"
            )
        return f"order {p:.2f}: not converging on this grid" if p < DOUBTFUL else ""

    return _reported(value, order, words)


def field_report(
    values: Sequence[Array], grids: Sequence[Grid], weight: Array, cap: float = 2.0
) -> ErrorReport:
    r"""Relative error of a field in weighted L1, from three grids.

    Finer fields are compared with coarser ones at the centres of the coarser cells, by cubic
    splines: a mean over cells would add an error of second order.

    Parameters
    ----------
    values : three arrays (..., \*shape)
        On each grid, the finest first; leading axes are components of one field.
    grids : three grids
    weight : array (\*shape of the second grid)
        Masses or volumes of its cells.
    cap : float
        Highest order that is believed.
    """
    if not all(np.isfinite(value).all() for value in values):
        return ErrorReport.missing("the field is not finite on all three grids")
    weights = weight, coarse_masses(weight, grids[1], grids[2])
    known = [_at_centres(values[i], grids[i], grids[i + 1]) for i in (0, 1)]
    size = float(np.sum(weights[0] * _length(known[0])))
    gaps = [
        float(np.sum(w * _length(u - own.reshape(u.shape))))
        for w, u, own in zip(weights, known, values[1:], strict=True)
    ]
    near, far = (gap / size if size > 0 else LARGEST * (gap > 0) for gap in gaps)
    return distance_report(near, far, ratios_of(grids), cap)


def quantity_report(
    values: Sequence[ArrayLike],
    grids: Sequence[Grid],
    weight: Callable[[], Array],
    cap: float = 2.0,
) -> ErrorReport:
    """Error of a field if the values have the shapes of their grids, else of numbers.

    ``weight()`` gives the weights of ``field_report``, and is called for fields alone.
    """
    arrays = [np.asarray(value) for value in values]
    d = grids[0].dim
    is_field = all(a.shape[-d:] == g.shape for a, g in zip(arrays, grids, strict=True))
    if is_field:
        return field_report(arrays, grids, weight(), cap)
    if len({a.shape for a in arrays}) > 1 or any(a.dtype.kind not in "biufc" for a in arrays):
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ValueError(
            f"the quantity has shapes {shapes} on three grids of half as many cells each; give a "
            "function that returns a number, numbers, or a field over the grid of its argument"
        )
    return number_report(arrays, ratios_of(grids), cap)


def beside_report(
    mine: ArrayLike,
    theirs: ArrayLike,
    grid: Grid,
    weight: Callable[[], Array],
    reason: str,
) -> ErrorReport:
    """Distance of a quantity to that of another scheme on one grid, in place of an error.

    Of numbers as such; of a field over the grid relative, weighted, as in ``field_report``.
    """
    a, b = np.asarray(mine), np.asarray(theirs)
    if a.dtype.kind not in "biufc" or a.shape != b.shape:
        raise ValueError(
            f"the quantity has shapes {a.shape}, {b.shape}; give a function that returns a number, "
            "numbers, or a field over the grid of its argument"
        )
    difference = np.abs(a - b)
    if a.ndim >= grid.dim and a.shape[a.ndim - grid.dim :] == grid.shape:
        own, change = (_length(u.reshape(-1, *grid.shape)) for u in (a, a - b))
        masses = weight()
        whole = float(np.sum(own * masses))
        difference = np.asarray(np.sum(change * masses) / whole if whole > 0 else np.nan)
    return ErrorReport(
        _plain(difference), _plain(np.full(difference.shape, np.nan)), f"{BESIDE}: {reason}"
    )


def _measured(near: Array, far: Array, ratios: tuple[float, float], scale: Array) -> Array:
    """Observed orders; nan where all is rounding, large where the finer two grids agree."""
    floor = ROUNDING * np.maximum(scale, np.finfo(float).tiny / ROUNDING)
    order = observed_order(np.maximum(near, floor), np.maximum(far, floor), ratios)
    return np.where((near <= floor) & (far <= floor), np.nan, order)


def _error(near: Array, order: Array, ratios: tuple[float, float], cap: float) -> Array:
    """Difference over r^p - 1, p within limits; the difference itself where it is rounding."""
    p = np.clip(np.where(np.isnan(order), 1.0, order), LEAST, cap)
    return near / np.expm1(p * np.log(ratios[0]))


def _log_growth(p: Array, log_ratio: float) -> Array:
    """Log of (r^p - 1)/p, which has no pole at p = 0."""
    p = np.where(np.abs(p) < 1e-8, 1e-8, p)
    return np.log(np.expm1(p * log_ratio) / p)


def _length(u: Array) -> Array:
    """Euclidean length of a field (m, *shape) in every cell."""
    return np.sqrt(np.sum(np.abs(u) ** 2, axis=0))


def _at_centres(u: Array, fine: Grid, coarse: Grid) -> Array:
    """Field (m, *coarse.shape) of all components at the centres of coarser cells."""
    parts = u.reshape(-1, *fine.shape)
    return np.stack([fields.interpolate(part, fine, coarse) for part in parts])


def _reported(value: Array, order: Array, words: Callable[[int], str]) -> ErrorReport:
    """Report with the words for the worst entry, one without an error first."""
    value, order = np.asarray(value), np.asarray(order)
    message = ""
    if value.size:
        message = words(int(np.argmax(np.where(np.isnan(value), np.inf, value))))
    return ErrorReport(_plain(value), _plain(order), message)


def _plain(a: Array) -> float | Array:
    """Float of a single number."""
    if a.ndim == 0:
        return float(a)
    a.flags.writeable = False
    return a
