"""The Wasserstein distance between two densities on a grid, with map and geodesic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from fokkerplanck.domain.arguments import (
    describe,
    finite_number,
    frozen,
    positive_number,
)
from fokkerplanck.domain.densities import check_density
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.transport import linear_program
from fokkerplanck.transport.geodesic import displaced
from fokkerplanck.transport.one_dimension import LineTransport, line_transport
from fokkerplanck.transport.potentials import Ends, Potentials

#: Kernel widths over the narrowest; from one to the next the square is halved.
STEPS = (2.0, np.sqrt(2.0), 1.0)
#: Weights that remove errors of second and third order in the square: (8 b - a)/7 for the results a
#: of the first two widths and b of the last two by the weights below.
WEIGHTS = np.array([1.0, -12.0, 32.0]) / 21
#: Weights that remove errors of second order, (4 narrow - wide)/3.
LOWER = np.array([0.0, -1.0, 4.0]) / 3
#: Log densities are cut this far below their maximum: what is left out is e^-700 of the mass.
DEPTH = 700.0
#: Part of the mass that smoothing over neighbours moves, above which cells do not resolve a
#: density: a Gaussian of 1.4 cells has it, a single cell 0.5.
ROUGH = 0.06


@dataclass(frozen=True, eq=False)
class Transport(Portable):
    r"""Optimal transport between two densities for the cost :math:`|x-y|^2`.

    Attributes
    ----------
    cost : float
        :math:`W_2^2`, length squared.
    distance : float
        :math:`W_2`.
    error : float
        Estimate of what regularisation leaves in the cost: the last extrapolation against the one
        before, and what the distance of the means is above the cost; of densities that the cells do
        not resolve also the cost of the map against it. What the cells do not resolve it does not
        see otherwise: compare two grids. Of a linear program: the gap to the dual problem.
    map : array, shape (d, \*shape)
        Where the mass at each cell centre goes, :math:`T=x-\nabla\varphi`.
    potentials : array, shape (2, \*shape)
        :math:`\varphi` and :math:`\psi` with :math:`\int\varphi\rho_0+\int\psi\rho_1=W_2^2/2`,
        length squared; each up to a constant.
    rho0, rho1 : arrays (\*shape)
    grid : Grid
    stats : dict
        ``iterations`` and ``convolutions``; of a linear program ``pairs`` of cells and ``rounds``.
    line : LineTransport or None
        The exact plan on an interval, with the map between cell centres too.
    plan : Plan or None
        The exact plan between cell centres, where a linear program found it.
    """

    cost: float
    error: float
    map: Array
    potentials: Array
    rho0: Array
    rho1: Array
    grid: Grid
    stats: dict[str, int] = field(default_factory=dict)
    line: LineTransport | None = None
    plan: linear_program.Plan | None = None

    def __post_init__(self) -> None:
        for name in ("map", "potentials", "rho0", "rho1"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @property
    def distance(self) -> float:
        """W2, length."""
        return float(np.sqrt(self.cost))

    def interpolate(self, s: float) -> Array:
        r"""Density of the geodesic, :math:`((1-s)\,\mathrm{id}+sT)_\#\rho_0`, at s in [0, 1].

        Every cell is divided, its pieces move along straight lines and are shared among the nearest
        cells by linear weights: mass and mean are exact, densities of second order in h.

        Parameters
        ----------
        s : float

        Returns
        -------
        array, shape (\*shape)
        """
        s = finite_number(s, "s", "a number in [0, 1]")
        if not 0 <= s <= 1:
            raise ValueError(f"s is {s:g}; give a number in [0, 1]")
        if s in (0.0, 1.0):
            return np.array(self.rho1 if s else self.rho0)
        if self.line is not None:
            return self.line.interpolation(s) / self.grid.volume
        if self.plan is not None:
            return self.plan.interpolation(s, self.grid) / self.grid.volume
        return displaced(self.rho0, self.map, s, self.grid)


def wasserstein(
    rho0: ArrayLike, rho1: ArrayLike, grid: Grid, width: float = 1.2, tolerance: float = 1e-9
) -> Transport:
    r"""Distance :math:`W_2^2=\min_T\int|x-T(x)|^2\rho_0\,dx` over maps with :math:`T_\#\rho_0=\rho_1`.

    On an interval exactly, by quantiles of densities constant in cells. Else by debiased entropic
    transport at three regularisations, extrapolated; see :mod:`fokkerplanck.transport.potentials`.
    Densities so narrow that cells do not resolve them count as masses at cell centres, moved
    exactly by a linear program of up to 400,000 pairs of cells. Distances are those of the box, and
    go around periodic axes.

    Parameters
    ----------
    rho0, rho1 : arrays (\*shape)
        Densities, of integral 1.
    grid : Grid
        Uniform, or an interval.
    width : float, default 1.2
        Of the narrowest of the three kernels, in cells of the longest side, at least 1.
    tolerance : float, default 1e-9
        L1 error of the marginals.

    Returns
    -------
    Transport

    Raises
    ------
    ValueError
        For densities that are not (negative, of another mass: with the numbers), graded grids.
    ConvergenceError
        If the iteration does not end, or ends at a cost below zero, beyond the square of the box's
        diameter or below its own error, and there are too many pairs of cells for the program.

    Notes
    -----
    Densities count as smooth functions known at cell centres: features as narrow as the kernel
    are seen as the kernel sees them, and where the map or its inverse stretches by more than about
    the square of ``width``, sums over cells lose digits.

    References
    ----------
    Feydy et al., AISTATS (2019); Chizat et al., NeurIPS (2020), for the order and extrapolation.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> a, b = fp.gaussian(grid, (-1, 0), 0.3), fp.gaussian(grid, (1, 0), 0.3)
    >>> round(fp.wasserstein(a, b, grid).distance, 4)
    2.0
    """  # noqa: E501
    is_line = check_grid(grid).dim == 1 and not grid.periodic[0]
    if not (is_line or grid.is_uniform):
        raise ValueError("wasserstein needs a uniform grid or an interval, this one is graded")
    start, end = check_density(rho0, grid, "rho0"), check_density(rho1, grid, "rho1")
    width, tolerance = positive_number(width, "width"), positive_number(tolerance, "tolerance")
    if width < 1:
        raise ValueError(f"width is {width:g} cells; give at least 1")
    if tolerance >= 1:
        raise ValueError(f"tolerance is {describe(tolerance)}; give a number below 1")
    if is_line:
        return _on_line(start, end, grid)
    if np.array_equal(start, end):
        zero = np.zeros((2, *grid.shape))
        return Transport(0.0, 0.0, np.array(grid.x), zero, np.array(start), np.array(end), grid)
    is_small = linear_program.pairs(start, end) <= linear_program.MOST_PAIRS
    is_rough = (
        max(_roughness(start * grid.volume, grid), _roughness(end * grid.volume, grid)) > ROUGH
    )
    if is_small and is_rough:
        return _program(start, end, grid)
    try:
        return _checked(_debiased(start, end, grid, width, tolerance), is_rough)
    except ConvergenceError:
        if is_small:
            return _program(start, end, grid)
        raise


def _program(rho0: Array, rho1: Array, grid: Grid) -> Transport:
    """Exact transport between masses at cell centres."""
    plan = linear_program.optimal_plan(rho0, rho1, grid)
    stats = {"pairs": plan.pairs, "rounds": plan.rounds}
    ends = np.array(rho0), np.array(rho1)
    return Transport(
        plan.cost, plan.error, plan.map, plan.potentials, *ends, grid, stats, plan=plan
    )


def _roughness(mass: Array, grid: Grid) -> float:
    """Part of the mass that the weights (1, 6, 1)/8 move, along the worst axis."""
    sizes = []
    for k in range(mass.ndim):
        ring = [(1, 1) if i == k else (0, 0) for i in range(mass.ndim)]
        u = np.moveaxis(np.pad(mass, ring, mode="wrap" if grid.periodic[k] else "edge"), k, 0)
        sizes.append(float(np.abs(u[2:] - 2 * u[1:-1] + u[:-2]).sum()) / 8)
    return max(sizes)


def _checked(found: Transport, is_rough: bool) -> Transport:
    """Result of regularisation, with what else is known of its error, if it can be right."""
    grid, cost, error = found.grid, found.cost, found.error
    sides = [hi - lo for lo, hi in grid.box]
    reach = [0.5 * L if wraps else L for L, wraps in zip(sides, grid.periodic, strict=True)]
    means = grid.integrate(grid.x * (found.rho1 - found.rho0))
    least = sum(m**2 for m, wraps in zip(means, grid.periodic, strict=True) if not wraps)
    error = max(error, float(least) - cost)
    if is_rough and not any(grid.periodic):
        moved = grid.integrate(found.rho0 * np.sum((found.map - grid.x) ** 2, axis=0))
        error = max(error, abs(float(moved) - cost))
    if not (0 <= cost <= sum(L**2 for L in reach) and error <= cost):
        raise ConvergenceError(
            f"W2^2 came out as {cost:.3g} with an error of {error:.1g}, in a box of diameter "
            f"{np.hypot.reduce(reach):.3g}: the cells do not resolve how the densities differ; "
            "take more cells, or densities with fewer cells",
            residual=error,
        )
    return replace(found, error=error)


def _debiased(rho0: Array, rho1: Array, grid: Grid, width: float, tolerance: float) -> Transport:
    """Debiased entropic transport, extrapolated from three widths."""
    r0, r1, h = _logarithm(rho0), _logarithm(rho1), np.array(grid.h)
    ends, start = Ends(r1, r=r0), None
    costs, potentials = [], []
    stats = {"iterations": 0, "coarse_iterations": 0, "convolutions": 0, "restarts": 0}
    for step in STEPS:
        s = step * width * h.max()
        solver = Potentials(grid.shape, grid.periodic, s / h, 0.0, tolerance)
        start = solver.solve(ends, start)
        phi, psi = start.phi, solver.second(start)
        cost = 2 * s**2 * (np.sum(np.exp(r0) * phi) + np.sum(np.exp(r1) * psi))
        costs.append(float(cost))
        potentials.append(s**2 * np.stack([phi, psi]))
        for name, value in solver.count.items():
            stats[name] += value
    cost, lower = float(WEIGHTS @ costs), float(LOWER @ costs)
    both = np.tensordot(WEIGHTS, np.stack(potentials), 1)
    T = np.array(grid.x) - np.stack([slope(both[0], grid, k) for k in range(grid.dim)])
    for k, ((lo, hi), periodic) in enumerate(zip(grid.box, grid.periodic, strict=True)):
        if not periodic:
            T[k] = np.clip(T[k], lo, hi)
    error = abs(cost - lower)
    return Transport(cost, error, T, both, np.array(rho0), np.array(rho1), grid, stats)


def _on_line(rho0: Array, rho1: Array, grid: Grid) -> Transport:
    """Exact transport on an interval."""
    p, q = rho0 * grid.volume, rho1 * grid.volume
    there = line_transport(grid.faces[0], p, q)
    x = grid.x[0]
    T, back = there.map(x), line_transport(grid.faces[0], q, p).map(x)
    gaps = np.diff(x)
    phi, psi = (np.append(0.0, np.cumsum(0.5 * gaps * (v[1:] + v[:-1]))) for v in (x - T, x - back))
    phi += 0.5 * there.cost - p @ phi - q @ psi
    both, ends = np.stack([phi, psi]), (np.array(rho0), np.array(rho1))
    return Transport(there.cost, 0.0, T[None], both, *ends, grid, line=there)


def _logarithm(rho: Array) -> Array:
    """Log masses, of sum one."""
    with np.errstate(divide="ignore"):
        r = np.log(rho)
    r = np.maximum(r, r.max() - DEPTH)
    return r - logsumexp(r)


def slope(values: Array, grid: Grid, k: int) -> Array:
    """Derivative along axis k: fourth order inside, second at walls."""
    u, h = np.moveaxis(values, k, 0), float(grid.h[k])
    if grid.periodic[k]:
        d = (8 * (np.roll(u, -1, 0) - np.roll(u, 1, 0)) - np.roll(u, -2, 0) + np.roll(u, 2, 0)) / 12
    else:
        d = np.gradient(u, axis=0, edge_order=2 if len(u) > 2 else 1)
        if len(u) > 4:
            d[2:-2] = (8 * (u[3:-1] - u[1:-3]) - u[4:] + u[:-4]) / 12
    return np.moveaxis(d / h, 0, k)
