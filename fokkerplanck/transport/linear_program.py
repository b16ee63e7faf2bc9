"""Exact optimal transport between masses at few cell centres, by a linear program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix
from scipy.special import logsumexp

from fokkerplanck.domain.grid import Grid, shortest
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.spreading import places_of, spread
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError

#: Pairs of cells, one of each density, up to which the program is solved: about two seconds.
MOST_PAIRS = 400_000
#: Least cells of a density, in all this part of its mass, that are left out.
NEGLIGIBLE = 1e-15
#: Total mass in the program, large against the solver's absolute tolerances.
TOTAL = 1e3
#: The solver's tolerances, from the smallest that it takes; what they cost is in the error.
TOLERANCES = (1e-10, 1e-9, 1e-8)
#: Reduced cost, over the largest cost, below which a route may still pay.
PAYS = -1e-10
#: Routes per cell that the program starts with, and that each round adds.
FIRST, MORE = 8, 4
#: Rounds of routes.
MAX_ROUNDS = 50
#: Softness of the first guess of the potentials over the largest cost: from, to; sweeps at each.
SOFTEST, HARDEST, SWEEPS = 1 / 50, 1 / 3000, 4


@dataclass(frozen=True, eq=False)
class Plan(Portable):
    r"""Optimal plan between masses at cell centres.

    Attributes
    ----------
    cost, error : float
        :math:`W_2^2` of the plan; how far below it the optimum can be, by the dual problem.
    masses : array (m,)
        Of the routes that the plan takes.
    start, step : arrays (d, m)
        Where each begins, and the way it goes: around periodic axes where that is shorter.
    map : array, shape (d, \*shape)
        Mean end of the routes from a cell; of cells without mass, where the potential points.
    potentials : array, shape (2, \*shape)
        :math:`\varphi(x)=\min_y\frac12|x-y|^2-\psi(y)` and the other way around.
    pairs, rounds : int
    """

    cost: float
    error: float
    masses: Array
    start: Array
    step: Array
    map: Array
    potentials: Array
    pairs: int
    rounds: int

    def interpolation(self, s: float, grid: Grid) -> Array:
        r"""Masses at s on the geodesic, shared among the nearest cells (\*shape)."""
        return spread(self.masses, places_of(self.start + s * self.step, grid), grid)


def pairs(p: Array, q: Array) -> int:
    """Pairs of cells with mass that is not negligible."""
    return int(_support(p).size * _support(q).size)


def optimal_plan(p: Array, q: Array, grid: Grid) -> Plan:
    r"""Solve :math:`\min\sum_{ij}|x_i-y_j|^2\pi_{ij}` with marginals p, q at the cell centres.

    The program knows a few routes from every cell; those that pay at its dual prices are added
    until there are none.

    Parameters
    ----------
    p, q : arrays, shape (\*shape)
        Masses of one total.
    grid : Grid

    Returns
    -------
    Plan

    Raises
    ------
    ConvergenceError
        If the program cannot be solved.

    References
    ----------
    Peyré and Cuturi, Computational Optimal Transport (2019), chapter 3.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> from fokkerplanck.transport.linear_program import optimal_plan
    >>> ring = fp.Grid([(0, 1)], 32, sides="periodic")
    >>> optimal_plan(np.eye(32)[2], np.eye(32)[26], ring).cost  # a quarter of the way around
    0.0625
    """
    x = grid.x.reshape(grid.dim, -1)
    here, there = _support(p), _support(q)
    a, b = p.ravel()[here], q.ravel()[there]
    a, b = a / a.sum(), b / b.sum()
    steps = shortest(x[:, None, there] - x[:, here, None], grid)
    costs = np.sum(steps**2, axis=0)
    scale = float(costs.max()) or 1.0
    flow, prices, rounds = _solved(costs / scale, a, b)
    i, j = np.nonzero(flow)
    masses = flow[i, j]
    # Prices of the starts make those of the ends the best ones, and those again of the starts:
    # feasible in the dual problem to the last bit, so that their sum bounds the cost from below.
    g = np.min(costs - scale * prices[:, None], axis=0)
    f = np.min(costs - g, axis=1)
    cost = float(masses @ costs[i, j])
    moved = np.abs(flow.sum(axis=1) - a).sum() + np.abs(flow.sum(axis=0) - b).sum()
    slack = moved + 2 * NEGLIGIBLE + 8 * np.finfo(float).eps
    error = float(abs(cost - a @ f - b @ g) + scale * slack)
    phi, target = _extended(x, x[:, there], 0.5 * g, grid)
    psi, _ = _extended(x, x[:, here], 0.5 * f, grid)
    T = x + target
    sent = flow.sum(axis=1)
    some = sent > 0  # the solver leaves out what is less than its tolerance
    mean = np.einsum("ij,kij->ki", flow[some], steps[:, some]) / sent[some]
    T[:, here[some]] = x[:, here[some]] + mean
    both = np.stack([phi, psi]).reshape(2, *grid.shape)
    routes = x[:, here[i]], steps[:, i, j]
    T = T.reshape(grid.x.shape)
    return Plan(cost, error, masses, *routes, T, both, costs.size, rounds)


def _support(p: Array) -> np.ndarray:
    """Flat indices of the cells that hold all but a negligible part of the mass."""
    flat = p.ravel()
    order = np.argsort(flat, kind="stable")
    dropped = np.searchsorted(np.cumsum(flat[order]), NEGLIGIBLE * flat.sum(), side="right")
    return np.sort(order[dropped:])


def _extended(x: Array, ends: Array, g: Array, grid: Grid) -> tuple[Array, Array]:
    """Potential min |x - y|^2/2 - g at all cells, and the way (d, n) to the minimiser."""
    phi, best = np.full(x.shape[1], np.inf), np.zeros(x.shape[1], np.int64)
    block = max(1, MOST_PAIRS // x.shape[1])
    for start in range(0, ends.shape[1], block):
        part = slice(start, start + block)
        steps = shortest(ends[:, None, part] - x[:, :, None], grid)
        value = 0.5 * np.sum(steps**2, axis=0) - g[part]
        least = np.argmin(value, axis=1)
        value = value[np.arange(len(least)), least]
        better = value < phi
        phi, best = np.where(better, value, phi), np.where(better, start + least, best)
    return phi, shortest(ends[:, best] - x, grid)


def _solved(costs: Array, a: Array, b: Array) -> tuple[Array, Array, int]:
    """Optimal flow (n, m), prices (n,) of the starts, and how many rounds it took."""
    n, m = costs.shape
    routes = _corner(a, b)
    routes[_cheapest(costs - _guess(costs, a, b), FIRST)] = True
    # One of the sums over ends follows from the others: the largest, which rounding cannot empty.
    left_out = n + int(np.argmax(b))
    supply = np.delete(TOTAL * np.concatenate([a, b]), left_out)
    for rounds in range(1, MAX_ROUNDS + 1):  # noqa: B007
        i, j = np.nonzero(routes)
        column = np.tile(np.arange(i.size), 2)
        rows = np.concatenate([i, n + j])
        sums = csr_matrix((np.ones(rows.size), (rows, column)), shape=(n + m, i.size))
        sums = sums[np.delete(np.arange(n + m), left_out)]
        for small in TOLERANCES:
            options = {"primal_feasibility_tolerance": small, "dual_feasibility_tolerance": small}
            found = linprog(costs[i, j], A_eq=sums, b_eq=supply, method="highs-ds", options=options)
            if found.status == 0:
                break
        if found.status != 0:
            raise ConvergenceError(
                f"the linear program of {i.size} routes between {n} and {m} cells was not solved "
                f"({found.message:.60}); take fewer cells or smoother densities",
                iterate=None,
                residual=np.inf,
            )
        prices = np.insert(found.eqlin.marginals, left_out, 0.0)
        reduced = costs - prices[:n, None] - prices[n:]
        fresh = np.zeros_like(routes)
        fresh[_cheapest(reduced, MORE)] = True
        fresh &= (reduced < PAYS) & ~routes
        if not fresh.any():
            break
        routes |= fresh
    flow = np.zeros_like(costs)
    flow[i, j] = np.maximum(found.x, 0.0) / TOTAL
    return flow, prices[:n], rounds


def _guess(costs: Array, a: Array, b: Array) -> Array:
    """Sums of potentials (n, m) by a few softened sweeps: where they meet costs, mass moves."""
    log_a, log_b = np.log(a)[:, None], np.log(b)
    f, g, softness = np.zeros((len(a), 1)), np.zeros(len(b)), SOFTEST
    while softness > HARDEST:
        for _ in range(SWEEPS):
            f = -softness * logsumexp((g - costs) / softness + log_b, axis=1, keepdims=True)
            g = -softness * logsumexp((f - costs) / softness + log_a, axis=0)
        softness /= 2
    return f + g


def _cheapest(values: Array, count: int) -> tuple[Array, Array]:
    """Indices of the least entries of every row and of every column."""
    n, m = values.shape
    j = np.argpartition(values, min(count, m) - 1, axis=1)[:, :count]
    i = np.argpartition(values, min(count, n) - 1, axis=0)[:count]
    rows = np.concatenate([np.repeat(np.arange(n), j.shape[1]), i.ravel()])
    return rows, np.concatenate([j.ravel(), np.tile(np.arange(m), i.shape[0])])


def _corner(a: Array, b: Array) -> np.ndarray:
    """Routes (n, m) of one plan, in the order of the cells: so that there is a solution."""
    ends = np.union1d(np.cumsum(a)[:-1], np.cumsum(b)[:-1])
    routes = np.zeros((len(a), len(b)), bool)
    for side in ("left", "right"):
        i = np.searchsorted(np.cumsum(a)[:-1], ends, side=side)
        routes[i, np.searchsorted(np.cumsum(b)[:-1], ends, side=side)] = True
    routes[0, 0] = routes[-1, -1] = True
    return routes
