"""Stationary masses of a linear flux of high order: of either sign where the grid is too coarse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.nearby import NearbyFactors
from fokkerplanck.scheme.face_routes import staircases
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.upwind5 import Upwind5

#: Relative residual of the solve.
TOLERANCE = 1e-10
#: The same of a first solve, which has only to find the densest cell.
ROUGH = 1e-3
#: The same where that one finds more negative mass than it may be wrong by: so much decides whether
#: there is need of the limiter, which starts from it. Negative mass that is no error of this solve.
DECIDING, DECIDED = 1e-5, 1e-4
#: Entries of factors that are left out in space, where complete ones fill up. As many Krylov steps
#: are taken as with complete factors (60 for the Lorenz system on 24^3), at a tenth of the time.
DROPPED = 1e-2
#: Mass over that of the cell held, beyond which the densest cell is held in its place.
HELD_WRONG = 10.0
#: Negative mass up to which it is a matter of tails.
CLEAN = 1e-6
#: Negative mass above which the grid does not resolve the problem.
UNRESOLVED = 0.2
#: Negative mass that the limiter has to reach.
LIMITED = 1e-5
#: Passes of the limiter after which it has failed.
PASSES = 16
#: L1 change by a pass that is to follow none larger.
SETTLED = 0.02
#: Relative residual of the solves of these passes, over the negative mass left before, and the
#: least and the largest one.
ROUGHLY, FINEST, COARSEST = 1e-2, 1e-6, 1e-3
#: The same of the last one, whose balance is mended afterwards where its masses are not positive.
LAST = 1e-8
#: L1 change by the limiter from which on the result is not one of the fifth-order flux any more.
MOST_MOVED = 0.25
#: Part of what flows into a cell that antidiffusion may take out of it.
DONATED = 0.98


@dataclass(frozen=True, eq=False)
class LinearState:
    """Stationary masses of a linear flux, and their currents.

    Attributes
    ----------
    mass : array (n,)
        Sum 1; some may be negative.
    current : array (n_faces,)
        Mass currents, lower to upper, 1/time.
    negative : float
        Negative mass of the linear solve.
    left : float
        Negative mass after the limiter.
    steps : int
        Krylov steps.
    passes : int
        Of the limiter; 0 where there was no need.
    moved : float
        L1 change by the limiter.
    """

    mass: Array
    current: Array
    negative: float
    left: float
    steps: int
    passes: int = 0
    moved: float = 0.0


def linear_state(flux: Upwind5, generator: Generator, log_mass: Array) -> LinearState:
    """Stationary masses of a linear flux; limited where more than tails are negative.

    Parameters
    ----------
    flux : Upwind5
    generator : Generator
        Of the same problem.
    log_mass : array (n,)
        Its stationary log masses.

    Raises
    ------
    ConvergenceError
        If GMRES fails, or if the grid does not resolve the problem; ``iterate`` holds the masses.
    """
    solver = _held(flux, generator, log_mass)
    is_doubtful = solver.rough_negative > ROUGH
    mass = solver.solve(flux.matrix, DECIDING if is_doubtful else TOLERANCE)
    negative = negative_mass(mass)
    if is_doubtful and negative < DECIDED:
        mass = solver.solve(flux.matrix)
        negative = negative_mass(mass)
    if negative < CLEAN:
        current = flux.currents @ mass
        return LinearState(mass, current, negative, negative, solver.steps)
    if negative > UNRESOLVED:
        raise _unresolved(mass, negative, "")
    return _limited(flux, generator, solver, mass)


def linear_masses(flux: Upwind5, generator: Generator, log_mass: Array) -> Array:
    """Stationary masses (n,) of a linear flux as they are, of sum 1; arguments as above.

    Raises
    ------
    ConvergenceError
        If GMRES fails.
    """
    return _held(flux, generator, log_mass).solve(flux.matrix)


def _held(flux: Upwind5, generator: Generator, log_mass: Array) -> _Held:
    """Solver for null vectors near that of a generator."""
    drop = DROPPED if flux.grid.dim == 3 else 0.0
    return _Held(flux.matrix, generator.matrix, log_mass, drop)


def negative_mass(mass: Array) -> float:
    """Sum of max(-p, 0)."""
    return float(-np.minimum(mass, 0.0).sum())


def _unresolved(mass: Array, negative: float, after: str) -> ConvergenceError:
    """What to say where signs cannot be mended."""
    return ConvergenceError(
        f"the grid does not resolve the problem for the fifth-order flux: {negative:.1%} of the "
        f"mass was negative{after}; refine the grid, or shrink the box to where the density is",
        iterate=mass,
        residual=negative,
    )


class _Held:
    """Null vectors of matrices near a Markov generator, with the mass of the densest cell held."""

    def __init__(self, A: Any, markov: Any, log_mass: Array, drop: float) -> None:
        self._markov, self._drop, self.steps = sparse.csr_array(markov), drop, 0
        self._start = np.exp(log_mass - log_mass.max())
        self._hold(int(np.argmax(log_mass)))
        x = self._null(A, ROUGH)
        densest = int(np.argmax(x))
        if x[densest] > HELD_WRONG * x[self._cell]:
            # Upwinding has smeared mass to where there is hardly any. With that cell held, all
            # others are huge, and so are their rounding errors.
            self._start = np.maximum(x, 0.0)
            self._hold(densest)
        else:
            self._start = x
        self.rough_negative = negative_mass(x / x.sum())

    def _hold(self, cell: int) -> None:
        """Factors with a cell held."""
        self._cell = cell
        self._keep = np.delete(np.arange(self._start.size), cell)
        self._factors = NearbyFactors(-self._markov[self._keep][:, self._keep], self._drop)

    def _null(self, A: Any, tol: float) -> Array:
        """Null vector, 1 in the cell held."""
        keep, cell = self._keep, self._cell
        rows = sparse.csr_array(A)[keep]
        b = rows[:, [cell]].toarray().ravel()
        x0 = self._start[keep] / self._start[cell]
        before = self._factors.steps
        x = self._factors.solve(-rows[:, keep], b, tol, x0)
        self.steps += self._factors.steps - before
        return np.insert(x, cell, 1.0)

    def solve(self, A: Any, tol: float = TOLERANCE) -> Array:
        """Null vector of sum 1; the next one starts from it."""
        self._start = self._null(A, tol)
        return self._start / self._start.sum()


def _limited(flux: Upwind5, generator: Generator, solver: _Held, linear: Array) -> LinearState:
    """Masses with as much of the linear flux as donors can pay: R F + (1 - R) F_Markov on faces.

    R of a cell is what flows into it by the Markov rates, over the antidiffusion out of it
    (Kuzmin, Löhner and Turek, eds., Flux-Corrected Transport, 2012), at the iterate before.
    """
    low = markov_currents(flux, generator)
    markov, negative = generator.matrix, negative_mass(linear)
    balance = flux.balance
    difference = sparse.csr_array(flux.currents - low)
    mass, share, left = linear, np.ones(low.shape[0]), negative
    moved = 0.0
    for n in range(1, PASSES + 1):
        positive = np.maximum(mass, 0.0)
        inflow = markov @ positive + generator.exit_rates * positive
        extra = difference @ positive
        donor = np.where(extra > 0, flux.lower, flux.upper)
        paid = np.bincount(donor, np.abs(extra), mass.size)
        allowed = np.minimum(1.0, DONATED * inflow / np.where(paid > 0, paid, np.inf))
        allowed = np.where(paid > 0, allowed, 1.0)
        # What cannot be paid is taken back at once; what can be after all is given by halves, for
        # shares that are given at once swing.
        share = np.minimum(allowed[donor], 0.5 * (share + allowed[donor]))
        currents = sparse.csr_array(low + sparse.diags_array(share) @ difference)
        tol = float(np.clip(ROUGHLY * left, FINEST, COARSEST))
        before, mass = mass, solver.solve(balance @ currents, tol)
        left, moved = negative_mass(mass), float(np.abs(mass - linear).sum())
        is_settled = left < LIMITED and float(np.abs(mass - before).sum()) < SETTLED
        if is_settled and moved < MOST_MOVED:
            mass = solver.solve(balance @ currents, LAST)
            current = currents @ mass
            return LinearState(mass, current, negative, left, solver.steps, n, moved)
        if is_settled or moved > 2 * MOST_MOVED:
            break
    after = f", and {left:.1e} of it, with {moved:.0%} moved, after {n} passes of the limiter"
    raise _unresolved(mass, negative, after)


class Faces(Protocol):
    """Faces of a grid: lower cell of each, and the axis that it is across."""

    lower: Any
    axis: Any


def markov_currents(flux: Faces, generator: Generator) -> sparse.csr_array:
    """Currents of the Markov scheme through faces (n_faces, n), from cell masses."""
    edges, grid = generator.edges, generator.grid
    forward, backward = generator.edge_rates
    m, volume = edges.tail.size, grid.volumes.ravel()
    number = np.arange(m)
    values = np.concatenate([forward / volume[edges.tail], -backward / volume[edges.head]])
    where = np.concatenate([number, number]), np.concatenate([edges.tail, edges.head])
    along = sparse.csr_array((values, where), shape=(m, grid.size))
    return sparse.csr_array(staircases(edges, flux.lower, flux.axis) @ along)
