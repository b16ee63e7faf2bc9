"""Transition paths from one set to another: committors, reactive current, rates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from fokkerplanck.domain.arguments import frozen, one_of_or_none
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.run_stats import RunStats
from fokkerplanck.domain.types import Array, Field, Flags, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.killed import SOLVERS, KilledChain, choose, restricted
from fokkerplanck.linalg.null_vector import closed_class
from fokkerplanck.rates.backward_result import BackwardResult
from fokkerplanck.rates.ends import (
    Crossings,
    Ended,
    Target,
    ended,
    steps_of,
)
from fokkerplanck.rates.linear_ends import LinearEnded
from fokkerplanck.rates.linear_paths import cell_currents, linear_paths
from fokkerplanck.scheme.bernoulli import both_sides
from fokkerplanck.scheme.currents import is_singular
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.sets import mask_of
from fokkerplanck.steady import steady_state
from fokkerplanck.steady.operator_choice import choose_operator

#: Numbers of the two sets among the ends of the chain.
IN_A, IN_B = 0, 1
#: Largest difference, relative to the flux, between what leaves A and what arrives in B.
TRUSTED = 1e-6


class LabelledEdges(NamedTuple):
    """Cells at both ends of every edge, and the set of every cell: IN_A, IN_B or -1."""

    tail: Integers
    head: Integers
    label: Integers


@dataclass(frozen=True, eq=False)
class Committor(BackwardResult):
    r"""Transition paths from A to B in the steady state, :math:`q^+(x)=P_x(t_B<t_A)`.

    Attributes
    ----------
    forward, backward : arrays (\*shape)
        Chance :math:`q^+` that a path in x reaches B before A, and :math:`q^-` that it came from A
        and not from B. In detailed balance :math:`q^-=1-q^+`, and only then.
    density : array (\*shape)
        Reactive density :math:`\rho_{ss}q^-q^+`, 1/volume: being in x on the way from A to B.
    current : array (d, \*shape)
        Reactive current, 1/area/time: net flow of paths on their way from A to B.
    flux : float
        Transitions from A to B per unit of time.
    rate, rate_back : float
        :math:`k_{AB}`, flux over the share of time in which A was visited last, and
        :math:`k_{BA}`.
    mean_duration : float
        Mean time on the way, :math:`\int\rho_{ss}q^-q^+dx` over flux.
    residual : float
        What leaves A less what arrives in B, over flux: rounding.
    stats : dict
    grid : Grid
    edge_flow : array (n_edges,)
        Reactive current of every edge from tail to head, 1/time.
    error_estimate, error_report : float, ErrorReport
        Of ``forward``, relative, in the mean over all cells. Of the rate:
        ``paths.error_of(lambda p: p.rate)``.
    """

    forward: Array = field(repr=False)
    backward: Array = field(repr=False)
    density: Array = field(repr=False)
    current: Array = field(repr=False)
    flux: float
    rate: float
    rate_back: float
    mean_duration: float
    residual: float
    stats: RunStats
    grid: Grid
    edge_flow: Array = field(repr=False)
    _ends: LabelledEdges = field(repr=False)
    _asked: Question | None = field(default=None, repr=False)

    @property
    def _answer(self) -> Array:
        """Field of ``error_estimate``."""
        return self.forward

    @property
    def A(self) -> Flags:
        r"""Cells of A (\*shape)."""
        return (self._ends.label == IN_A).reshape(self.grid.shape)

    @property
    def B(self) -> Flags:
        r"""Cells of B (\*shape)."""
        return (self._ends.label == IN_B).reshape(self.grid.shape)

    def flux_through(self, region: Field) -> float:
        """Reactive flux out of a region that holds A and nothing of B: the same for all of them.

        Parameters
        ----------
        region : boolean array, function or helper of ``fokkerplanck.sets``

        Returns
        -------
        float
            Transitions per unit of time.

        Raises
        ------
        ValueError
            If the region does not hold all of A, or some of B.
        """
        mask = mask_of(region, self.grid, "region").ravel()
        tail, head, label = self._ends
        if not mask[label == IN_A].all() or mask[label == IN_B].any():
            raise ValueError("the region has to hold all cells of A and none of B")
        return float(self.edge_flow @ (mask[tail].astype(float) - mask[head]))


def committor(
    problem: Problem | Generator,
    A: Target,
    B: Target,
    solver: str | None = None,
    *,
    scheme: str = "auto",
) -> Committor:
    r"""Committors, :math:`\mathcal L^\dagger q^+=0`, 0 in A and 1 in B, and the reactive current.

    Parameters
    ----------
    problem : Problem or Generator of one
        Without absorbing sides (``exit_probabilities`` takes these); reversible or not.
    A, B : boolean arrays, functions or helpers of ``fokkerplanck.sets``
        Disjoint, and not neighbours.
    solver : {None, "direct", "multilevel"}
        As in ``mfpt``.
    scheme : {"auto", "markov", "upwind5", "phase_space"}
        As in ``mfpt``. ``"upwind5"``: stationary masses, committors and currents of the flux of
        fifth order; the backward committor is that of the chain where the density is below 1e-7 of
        its largest value, and edges are pairs of cells up to three apart. ``"phase_space"``, for
        ``Problem.langevin`` alone and the default there: currents by the transpose of that flux,
        committors by its backward operator, as in ``exit_probabilities``, the backward one of the
        motion turned round; shares of time are sums of positive terms.

    Returns
    -------
    Committor

    Raises
    ------
    ValueError
        For sets that are empty, overlap, touch, have the wrong shape or type or cannot be reached,
        and for absorbing sides.
    ConvergenceError
        If the flux is lost in rounding, or as in ``mfpt``.

    Notes
    -----
    The backward committor is the forward one of the reversed chain,
    :math:`\tilde A_{ik}=\pi_iA_{ki}/\pi_k`, from B to A. The reactive current of an edge k to i is
    :math:`\pi_kq^-_kA_{ik}q^+_i-\pi_iq^-_iA_{ki}q^+_k`; between A and B it has no source, so that
    the flux through every surface in between is the same, to rounding.

    References
    ----------
    W. E, E. Vanden-Eijnden, J. Stat. Phys. 123 (2006), 503. P. Metzner, C. Schuette,
    E. Vanden-Eijnden, Multiscale Model. Simul. 7 (2009), 1192, equations (2.15), (2.20), (2.33).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck import sets
    >>> well = fp.Problem(fp.Grid([(-2, 2)], 80), f=lambda x: (x**2 - 1) ** 2 / 4, beta=10)
    >>> paths = fp.committor(well, sets.half_space(-1, 1), sets.half_space(1, 1))
    >>> float((paths.forward + paths.forward[::-1]).max().round(9))
    1.0
    >>> abs(paths.flux_through(lambda x: x < 0.3) / paths.flux - 1) < 1e-9
    True
    """
    equation = Generator.problem_of(problem, "committor")  # its steady state needs one
    generator = Generator.of(problem, "committor")
    grid = generator.grid
    one_of_or_none(solver, "solver", SOLVERS)
    if generator.leaks:
        raise ValueError(
            "the problem has absorbing sides, so there is no steady state and no reactive current; "
            "exit_probabilities(problem, [A, B]) gives the chance of B before A"
        )
    _check_all_return(generator, equation)
    ends = [("A", A), ("B", B)]
    choice = choose_operator(generator, scheme, "committor", solver, "paths")
    end = ended(generator, ends)
    found, message = choice.answer(lambda f: _linear(LinearEnded.of(f, end, ends)))
    again = partial(committor, A=A, B=B, solver=solver)
    if found is not None:
        again = partial(again, scheme=found.stats["scheme"])
        return replace(found, _asked=Question.of(generator.problem, again))
    steady, solve = steady_state(generator, scheme="markov"), choose(end.chain, solver)
    log_rho, rho = steady.log_rho.ravel(), steady.rho
    q = end.on_grid(solve.solve(end.kills[IN_B]), (0.0, 1.0))
    back_in = inflow_rates(grid, end.crossings, log_rho)
    turned, back_kills = _reversed(end, log_rho, back_in)
    solve_back = choose(turned, solver)
    # 1 - p is solved for and not subtracted: where p is nearly 1 everywhere nothing would be left.
    from_A, from_B = (solve_back.solve(back_kills[k]) for k in (IN_A, IN_B))
    p, not_p = end.on_grid(from_A, (1.0, 0.0)), end.on_grid(from_B, (0.0, 1.0))
    flow, left, arrived = _reactive_flow(generator, end.crossings, rho, q, p, back_in)
    flux, residual = _flux(left, arrived)
    edges, n_fill = generator.edges, solve.n_fill + solve_back.n_fill
    stats: dict = {"solver": solve.name, "steady": steady.stats.message, "n_fill": n_fill}
    stats |= {"scheme": "markov", "message": message}
    return Committor(
        forward=q,
        backward=p,
        density=frozen(rho * q * p),
        current=frozen(_at_cells(edges, flow)),
        flux=flux,
        rate=_over(flux, float(grid.integrate(rho * p)), "A"),
        rate_back=_over(flux, float(grid.integrate(rho * not_p)), "B"),
        mean_duration=float(grid.integrate(rho * q * p)) / flux,
        residual=residual,
        stats=RunStats(stats),
        grid=grid,
        edge_flow=frozen(flow),
        _ends=LabelledEdges(edges.tail, edges.head, end.label),
        _asked=Question.of(generator.problem, partial(again, scheme="markov")),
    )


def _check_all_return(generator: Generator, problem: Problem) -> None:
    """Raise if some cells are left for good, for one reason or another."""
    grid = generator.grid
    if closed_class(generator.matrix, grid.shape).size == grid.size:
        return
    if not is_singular(problem).any():
        raise ConvergenceError(
            "rates between neighbouring cells differ by more than e^700, so that some are left "
            "for good in doubles: transitions are slower than 1e-280 per unit of "
            "time; lower beta times the barrier, or refine the grid"
        )
    raise ValueError(
        "some cells are left for good, so that nothing comes from them (D vanishes there, or "
        "rates underflow); transition paths need a little diffusion, or a lower beta"
    )


def _flux(left: float, arrived: float) -> tuple[float, float]:
    """Transitions a unit of time, and the relative difference of those at A and those at B."""
    flux = 0.5 * (left + arrived)
    residual = abs(left - arrived) / flux if flux > 0 else np.inf
    if not residual <= TRUSTED:
        raise ConvergenceError(
            f"{left:.6g} transitions a unit of time leave A but {arrived:.6g} arrive in B; the "
            'flux is below what rounding leaves, use solver="direct" or lower beta times the '
            "barrier",
            residual=residual,
        )
    return flux, residual


def _over(flux: float, share: float, name: str) -> float:
    """Transitions over the share of time in which a set was visited last."""
    if not share > np.finfo(float).tiny:
        raise ConvergenceError(
            f"the share of time in which {name} was visited last is below what double precision "
            "holds; lower beta times the difference of the wells"
        )
    return flux / share


def _linear(flux: LinearEnded) -> Committor:
    """Transition paths by the fifth-order flux; tails of the backward committor by the chain."""
    end, found = flux.end, linear_paths(flux)
    grid, cells = end.grid, end.cells
    through, residual = _flux(found.left, found.arrived)
    flux.linear.check_rate(through / found.share, "a transition at the rate")
    log_rho = flux.linear.log_mass - np.log(grid.volumes.ravel())
    backward = found.backward
    if not found.known.all():
        chain, back_kills = _reversed(end, log_rho, inflow_rates(grid, end.crossings, log_rho))
        backward = np.where(found.known, backward, choose(chain).solve(back_kills[IN_A]))
    reactive = found.last_A * found.forward / grid.volumes.ravel()[cells]
    unknown = np.count_nonzero(~found.known)
    tails = f"q- of the Markov chain in {unknown} cells of the tails" if unknown else ""
    message = "; ".join(filter(None, (tails, found.message)))
    stats = {**flux.stats(), "overshoot": found.over, "message": message}
    return Committor(
        forward=end.on_grid(found.forward, (0.0, 1.0)),
        backward=end.on_grid(backward, (1.0, 0.0)),
        density=end.on_grid(reactive),
        current=frozen(cell_currents(grid, found.tail, found.head, found.flow)),
        flux=through,
        rate=through / found.share,
        rate_back=through / found.share_back,
        mean_duration=float(found.last_A @ found.forward) / through,
        residual=residual,
        stats=RunStats(stats),
        grid=grid,
        edge_flow=frozen(found.flow),
        _ends=LabelledEdges(found.tail, found.head, end.label),
    )


def inflow_rates(grid: Grid, crossings: Crossings, log_rho: Array) -> Array:
    r"""Rates (m,) of the reversed chain from free cells into sets, 1/time.

    :math:`(w/sV_i)B(sz)\rho_b/\rho_i` with the density at the boundary that keeps the stationary
    current of the edge,
    :math:`\rho_b=\frac{B(-sz)\rho_i/s+B((1-s)z)\rho_j/(1-s)}{B(sz)/s+B(-(1-s)z)/(1-s)}`.
    """
    c, s = crossings, crossings.part
    near_in, near_out = both_sides(s * c.tilt)
    far_in, far_out = both_sides((1 - s) * c.tilt)
    below = (1 - s) / s * near_in + far_out
    first = (1 - s) / s * near_out * near_in
    with np.errstate(divide="ignore"):  # the product may be moderate where its factors are not
        second = np.log(far_in) + np.log(near_in) + log_rho[c.other] - log_rho[c.free]
    return c.weight / (s * grid.volumes.ravel()[c.free]) * (first + np.exp(second)) / below


def _reversed(end: Ended, log_rho: Array, back_in: Array) -> tuple[KilledChain, Array]:
    """Reversed chain on the free cells, and its rates (2, n_free) into A and B."""
    flows, n = end.flows, end.grid.size
    log_mass = log_rho + np.log(end.grid.volumes.ravel())
    rows = np.repeat(np.arange(n), np.diff(flows.indptr))
    step = log_mass[flows.indices] - log_mass[rows]
    with np.errstate(divide="ignore"):
        out, inn = np.exp(np.log(flows.inflow) + step), np.exp(np.log(flows.outflow) - step)
    kills = np.zeros((2, n))
    np.add.at(kills, (end.crossings.end, end.crossings.free), back_in)
    kills = kills[:, end.cells]
    turned = Flows(flows.indptr, flows.indices, inn, out, flows.exits)
    chain = KilledChain(restricted(turned, end.cells, kills.sum(axis=0)), end.chain.coordinates)
    return chain, kills


def _reactive_flow(
    generator: Generator, crossings: Crossings, rho: Array, q: Array, p: Array, back_in: Array
) -> tuple[Array, float, float]:
    """Reactive current of every edge, tail to head; what leaves A and what arrives in B, 1/time."""
    edges, volumes = generator.edges, generator.grid.volumes.ravel()
    rho, q, p = rho.ravel(), q.ravel(), p.ravel()
    forward, backward = generator.edge_rates
    tail, head = edges.tail, edges.head
    flow = forward * rho[tail] * p[tail] * q[head] - backward * rho[head] * p[head] * q[tail]
    c = crossings
    mass = rho[c.free] * volumes[c.free]
    from_A, into_B = mass * q[c.free] * back_in, mass * p[c.free] * c.rate
    flow[c.edge] = c.sign * np.where(c.end == IN_B, into_B, -from_A)
    return flow, float(from_A[c.end == IN_A].sum()), float(into_B[c.end == IN_B].sum())


def _at_cells(edges: Edges, flow: Array) -> Array:
    r"""Currents at cells (d, \*shape), half the sum of edge currents times displacements."""
    grid = edges.grid
    step = steps_of(edges, slice(None))
    out = np.empty((grid.dim, grid.size))
    for k in range(grid.dim):
        half = 0.5 * flow * step[k]
        out[k] = np.bincount(edges.tail, half, grid.size) + np.bincount(edges.head, half, grid.size)
    return out.reshape(grid.dim, *grid.shape) / grid.volume
