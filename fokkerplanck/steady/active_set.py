"""Steady log density of the nine-point scheme where the mass is, from the top downwards.

In far tails log rho may fall by tens of kT from cell to cell. Newton's method moves the fronts of
such tails by a few cells a step, while they hold no mass that could matter. So the cells below
e^-c of the maximum are held at the shape of the Markov state, c = 20, 40, 80, ..., each level from
the last, as long as the work stays in proportion to that of the Markov state itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csgraph

from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.linalg import sizes
from fokkerplanck.scheme.nine_point import NinePoint
from fokkerplanck.steady.continuation import Patience, iterate
from fokkerplanck.steady.wells import Iteration, deep_wells, with_weights

#: Depth of the first level in kT; each of the next is twice as deep.
FIRST_LEVEL = 20.0
#: Steps of one level.
LEVEL_STEPS = 15
#: Steps of the level that leaves next to no cell out.
LAST_STEPS = 40
#: Share of the cells from which on a level takes all of them.
NEARLY_ALL = 0.98
#: Work from which on no further level starts, in solutions of the Markov generator.
BUDGET = 5.0
#: Depth of a cut below the saddles between the wells that it encloses, in kT.
BELOW_SADDLES = 14.0
#: Depth of the layer, above the cells that are held, in which log rho bends towards theirs.
LAYER = 5.0
#: When the first level is given up.
LEVEL_PATIENCE = Patience(((4, 0.6, 0.0),), window=0.5)


@dataclass(frozen=True, eq=False)
class Level:
    """Cells that one level solves for.

    Attributes
    ----------
    depth : float
        In kT below the densest cell; inf for the whole box.
    active : flags (n,)
        Cells above, in one piece.
    wells : int array
        Densest cells of the wells among them: held while the others are solved for.
    """

    depth: float
    active: Flags
    wells: Integers

    @property
    def share(self) -> float:
        """Part of the cells that is solved for."""
        return float(np.mean(self.active))


def from_above(
    scheme: NinePoint,
    markov: Array,
    given_up: Iteration,
    tol: float,
    linear: Any,
    tick: Callable[[], object],
) -> Iteration:
    """Solution down to a depth, or, if there is none, the iteration that was given up.

    Parameters
    ----------
    scheme : NinePoint
    markov : array (n,)
        Log density of the Markov scheme.
    given_up : Iteration
        On the whole box.
    tol : float
        On the balance of the cells that are solved for.
    linear : object with ``solve`` and ``name``
    tick : callable
        Called before every step.
    """
    cost = sizes.NEWTON_STEP[scheme.grid.dim]
    spent, steps, history = cost * given_up.iterations, given_up.iterations, given_up.history
    found, phi, depth = None, markov - markov.max(), FIRST_LEVEL
    while depth < np.inf:
        level = level_of(scheme, phi, depth)
        if level is None or (found is None and level.depth == np.inf):
            break  # all of the box, which was just given up
        result = _solved(scheme, phi, level, tol, linear, found is None, tick)
        work = cost * level.share * result.iterations
        spent, steps, history = (
            spent + work,
            steps + result.iterations,
            history + result.history[1:],
        )
        if not result.converged:
            break
        kept = None if level.depth == np.inf else ~level.active
        found = replace(result, log_down_to=level.depth, kept=kept)
        nearly_there = level_of(scheme, phi, 2 * level.depth)
        is_last = nearly_there is not None and nearly_there.depth == np.inf
        if kept is None or (spent + work >= BUDGET and not is_last):
            break
        phi = continued(scheme, result.log_rho, phi, level)
        depth = 2 * level.depth
    best = given_up if found is None else found
    return replace(best, iterations=steps, history=history)


def level_of(scheme: NinePoint, phi: Array, depth: float) -> Level | None:
    """Level of at least this depth whose cells hang together; None if there is none.

    What leaks through the cut shifts the weights of wells by as much as it is to the flow over the
    saddles between them, so the cut lies ``BELOW_SADDLES`` under these.
    """
    top, lowest = int(np.argmax(phi)), float(np.ptp(phi))
    while depth < 2 * lowest + FIRST_LEVEL:
        joined = _piece(scheme, phi, depth - BELOW_SADDLES, top)
        populous = phi > phi[top] - min(FIRST_LEVEL, depth - BELOW_SADDLES)
        if joined[populous].all():
            active, wells = _piece(scheme, phi, depth, top), deep_wells(scheme.graph, phi)
            if np.mean(active) < NEARLY_ALL:
                return Level(depth, active, wells[active[wells]])
            return Level(np.inf, np.ones(phi.size, bool), wells)
        depth *= 2
    return None


def _piece(scheme: NinePoint, phi: Array, depth: float, top: int) -> Flags:
    """Flags (n,) of the cells less than a depth below the top that hang together with it."""
    cells = np.flatnonzero(phi > phi[top] - depth)
    _, label = csgraph.connected_components(scheme.graph[cells][:, cells], directed=False)
    out = np.zeros(phi.size, bool)
    out[cells[label == label[np.searchsorted(cells, top)]]] = True
    return out


def continued(scheme: NinePoint, found: Array, phi: Array, level: Level) -> Array:
    """Start of the next level: the last one, and below the old shape shifted as the cells nearby.

    Next to the cells that were held log rho bends towards theirs; that layer is shifted too.
    """
    if level.depth == np.inf:
        return found
    change = found - phi
    inner = np.flatnonzero(level.active & (phi > phi.max() - level.depth + LAYER))
    *_, nearest = csgraph.dijkstra(
        scheme.graph,
        directed=False,
        indices=inner,
        unweighted=True,
        min_only=True,
        return_predecessors=True,
    )
    shifted = phi + change[np.where(nearest < 0, inner[0], nearest)]
    return shifted - shifted.max()


def _solved(
    scheme: NinePoint,
    phi: Array,
    level: Level,
    tol: float,
    linear: Any,
    is_first: bool,
    tick: Callable[[], object],
) -> Iteration:
    """Solution of one level, with the weights of its wells."""
    held = ~level.active
    held[level.wells] = True
    limit = LAST_STEPS if level.depth == np.inf else LEVEL_STEPS
    patience = LEVEL_PATIENCE if is_first else None
    tol = max(tol, float(np.exp(-level.depth)))  # what leaks through the cut is about that
    rules: dict[str, Any] = {"held": held, "limit": limit, "tick": tick}

    def again(weighted: Array) -> Iteration:
        # New weights for what is solved for, and the rest goes with it.
        return iterate(scheme, continued(scheme, weighted, phi, level), tol, linear, **rules)

    first = iterate(scheme, phi, tol, linear, patience=patience, **rules)
    return with_weights(scheme, first, lambda _: level.wells, again)
