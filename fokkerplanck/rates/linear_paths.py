r"""Transition paths by the fifth-order upwind flux.

On free cells the stationary masses p solve :math:`Kp+r_A+r_B=0`, where K ends in A and B, and r_A
and r_B are what comes out of these sets. So p falls into what was in A last, :math:`-Km=r_A`, and
what was in B last, :math:`-Kn=r_B`: the backward committor is m/p. With the forward committor,
:math:`-K^Tq=\kappa_B`, every pair of cells carries the reactive current

.. math:: f_{k\to i}=q_iK_{ik}m_k-q_kK_{ki}m_i,

which has no source between the sets, to the residual of the solves: as in a chain, but pairs are up
to three cells apart, and rates of either sign.

``PhaseSpaceFlux`` has a backward operator with better tails than the transpose has. Currents are
those of the transpose; the committors handed out are those of that operator, and by reversal of
time m/p is the chance to reach A first, from the place with the velocity turned round, of sets that
are turned round: the same number, without a subtraction or a quotient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from fokkerplanck.domain.grid import Grid, shortest
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.rates.ends import Named, Target, ended
from fokkerplanck.rates.linear_ends import LinearEnded, overshoot
from fokkerplanck.rates.linear_passage import passage_damping
from fokkerplanck.scheme.linear_fluxes import linear_flux
from fokkerplanck.scheme.phase_space_flux import PhaseSpaceFlux
from fokkerplanck.scheme.upwind5 import Upwind5

#: Numbers of the two sets among the ends.
IN_A, IN_B = 0, 1
#: Entries of a matrix over the largest one that are rounding.
ROUNDING = 1e-12
#: Density, over the largest, and over the largest negative one, above which m/p is q-.
HELD, ABOVE_NOISE = 1e-7, 1e3
#: Difference of m + n and p, over the mass, above which the splitting is refused.
SPLIT = 1e-6


@dataclass(frozen=True, eq=False)
class LinearPaths:
    """Transition paths on free cells.

    Attributes
    ----------
    forward : array (n_free,)
        Forward committor.
    backward : array (n_free,)
        Backward committor; 0 where it is not known.
    known : bool array (n_free,)
        Where the density is large enough to tell.
    last_A, last_B : arrays (n_free,)
        Masses that were in A last, and in B.
    share, share_back : float
        The same in all, with the mass of the sets.
    tail, head : int arrays (m,)
        Pairs of cells of the grid; those at a set end in a cell of it.
    flow : array (m,)
        Reactive current from tail to head, 1/time.
    left, arrived : float
        What leaves A and what arrives in B, 1/time.
    over : float
        By how much committors leave [0, 1].
    message : str
        Of the part of the rate that the bias of the flux makes.
    """

    forward: Array
    backward: Array
    known: Flags
    last_A: Array
    last_B: Array
    share: float
    share_back: float
    tail: Integers
    head: Integers
    flow: Array
    left: float
    arrived: float
    over: float
    message: str = ""


def linear_paths(flux: LinearEnded) -> LinearPaths:
    """Transition paths of a flux that ends in A and in B.

    Raises
    ------
    ConvergenceError
        As `_dual_paths`, or if committors leave [0, 1].
    """
    found = _dual_paths(replace(flux, is_dual=True))
    if not isinstance(flux.flux, PhaseSpaceFlux):
        return found
    q = flux.function(flux.kills[IN_B])
    from_A, from_B = _came_from(flux)
    over = max(overshoot(q, "the forward committor"), overshoot(from_A, "the backward committor"))
    p, label = flux.linear.mass, flux.end.label
    assert p is not None  # no absorbing sides
    free = p[flux.end.cells]
    last_A, last_B = free * from_A, free * from_B
    return replace(
        found,
        forward=q,
        backward=from_A,
        known=np.ones_like(found.known),
        last_A=last_A,
        last_B=last_B,
        share=float(last_A.sum() + p[label == IN_A].sum()),
        share_back=float(last_B.sum() + p[label == IN_B].sum()),
        over=max(over, found.over),
    )


def _came_from(flux: LinearEnded) -> tuple[Array, Array]:
    """Chances (n_free,) to have been in A last, and in B last, by reversal of time."""
    ends: Named = [(name, _turned(region)) for name, region in flux.ends]
    end = ended(flux.linear.generator, ends)
    turned, shape = LinearEnded.of(flux.linear, end, ends), end.grid.shape
    chances = []
    for kill in turned.kills[[IN_A, IN_B]]:
        values = end.on_grid(turned.function(kill)).reshape(shape)
        chances.append(values[:, ::-1].ravel()[flux.end.cells])
    return chances[0], chances[1]


def _turned(region: Target) -> Target:
    """A set with velocities turned round."""
    if not callable(region):
        return np.asarray(region)[:, ::-1]
    inside: Callable[..., Any] = region
    return lambda x, v: inside(x, -v)


def _dual_paths(ended: LinearEnded) -> LinearPaths:
    """Committors and reactive currents of a flux that ends in A and in B.

    Raises
    ------
    ConvergenceError
        If A and B are nearer than the stencils reach, or the grid does not resolve the problem.
    """
    cells, label = ended.end.cells, ended.end.label
    p = ended.linear.mass
    assert p is not None  # no absorbing sides
    from_A, from_B = _sources(ended, p)
    q = ended.function(ended.kills[IN_B])
    over = overshoot(q, "the forward committor")
    m, n = ended.masses(from_A), ended.masses(from_B)
    split = float(np.abs(m + n - p[cells]).sum())
    if not split <= SPLIT:
        raise ConvergenceError(
            f"masses that come from A and from B differ from the stationary ones by {split:.1e} in "
            'all: rounding; lower beta times the barrier, or use scheme="markov"',
            residual=split,
        )
    rho = p[cells] / ended.end.grid.volumes.ravel()[cells]
    known = rho > max(HELD * float(rho.max()), -ABOVE_NOISE * float(rho.min()))
    backward = np.where(known, m / np.where(known, p[cells], 1.0), 0.0)
    over = max(over, overshoot(backward[known], "the backward committor"))
    tail, head, flow = _pairs(ended, q, m)
    leaving, arriving = q * from_A, m * ended.kills[IN_B]
    at_A = _at_set(ended, IN_A, leaving)
    at_B = _at_set(ended, IN_B, arriving)
    return LinearPaths(
        forward=q,
        backward=backward,
        known=known,
        last_A=m,
        last_B=n,
        share=float(m.sum() + p[label == IN_A].sum()),
        share_back=float(n.sum() + p[label == IN_B].sum()),
        tail=np.concatenate([tail, at_A[1], at_B[0]]),
        head=np.concatenate([head, at_A[0], at_B[1]]),
        flow=np.concatenate([flow, at_A[2], at_B[2]]),
        left=float(leaving.sum()),
        arrived=float(arriving.sum()),
        over=over,
        message=_damping(ended),
    )


def _damping(flux: LinearEnded) -> str:
    """What to say of the part that the bias of the flux makes of passages to either set.

    Of the rate itself one set would be held at masses that are off already.
    """
    if not isinstance(flux.flux, Upwind5):
        return ""
    said = []
    for name, region in flux.ends:
        one: Named = [(name, region)]
        alone = LinearEnded.of(flux.linear, ended(flux.linear.generator, one), one)
        try:
            damping = passage_damping(alone, alone.function(np.ones(alone.end.cells.size)))
        except ConvergenceError:
            return "the part of the damping in the rate is not known"
        said.append("" if damping is None else damping.said(f"the rate of passage to {name}"))
    return "; ".join(filter(None, said))


def _sources(ended: LinearEnded, p: Array) -> tuple[Array, Array]:
    """What comes out of A and out of B (n_free,), 1/time: what their cells do to the balance."""
    cells, flux, whole = ended.end.cells, ended.flux, ended.linear.flux.matrix
    edges = ended.linear.generator.edges
    changes = []
    for number in (IN_A, IN_B):
        alone = np.where(ended.end.label == number, 0, -1)
        ending = linear_flux(flux.problem, ended.linear.scheme, alone, flux.part, edges)
        changes.append((ending.matrix - whole)[cells])
    both = (flux.matrix - whole)[cells] - changes[0] - changes[1]
    if abs(both).max() > ROUNDING * abs(whole).max():
        raise ConvergenceError(
            "A and B are so near to each other that stencils of the fifth-order flux read both; "
            'leave at least six free cells between them, or use scheme="markov"'
        )
    return -(changes[0] @ p), -(changes[1] @ p)


def _pairs(ended: LinearEnded, q: Array, m: Array) -> tuple[Integers, Integers, Array]:
    """Pairs of free cells (tail, head, and the reactive current from tail to head)."""
    K = sparse.csr_array(-ended.transposed.T)
    weighted = sparse.diags_array(q) @ K @ sparse.diags_array(m)
    net = sparse.triu(weighted - weighted.T, 1).tocoo()
    cells = ended.end.cells
    return cells[net.col], cells[net.row], net.data


def _at_set(ended: LinearEnded, number: int, values: Array) -> tuple[Integers, Integers, Array]:
    """Free cells with a current from or to a set, the nearest cells of it, and these currents."""
    grid, end = ended.end.grid, ended.end
    some = np.flatnonzero(values)
    shape = np.array(grid.shape)
    tree_cells = np.flatnonzero(end.label == number)
    wraps = np.where(grid.periodic, shape, 0)  # 0: no period
    tree = cKDTree(np.stack(np.unravel_index(tree_cells, shape), axis=1), boxsize=wraps)
    places = np.stack(np.unravel_index(end.cells[some], shape), axis=1)
    nearest = tree_cells[tree.query(places)[1]]
    return end.cells[some], nearest, values[some]


def cell_currents(grid: Grid, tail: Integers, head: Integers, flow: Array) -> Array:
    r"""Currents at cells (d, \*shape), half the sum of those of pairs times displacements."""
    out = np.empty((grid.dim, grid.size))
    x = grid.x.reshape(grid.dim, -1)
    for k, step in enumerate(shortest(x[:, head] - x[:, tail], grid)):
        half = 0.5 * flow * step
        out[k] = np.bincount(tail, half, grid.size) + np.bincount(head, half, grid.size)
    return out.reshape(grid.dim, *grid.shape) / grid.volume
