"""Steady states by the fifth-order upwind flux, with tails of a scheme that keeps signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.face_chain import (
    FaceChain,
    conductances,
    state_of_currents,
    state_of_masses,
)
from fokkerplanck.steady.linear_flux import LinearState, linear_state

#: Density over the largest below which tails begin, where signs show no larger errors.
TAILS = 1e-9
#: The same in units of the largest negative density.
ABOVE_NOISE = 100.0
#: Density over the largest above which the linear flux is trusted whatever logarithms say.
BULK = 1e-2
#: Difference of two log densities above which the linear flux is not trusted: it has no error of
#: this size but where log rho changes by much from cell to cell, which logarithms bear.
DISAGREE = 0.1


@dataclass(frozen=True, eq=False)
class Upwinded:
    """Log density (n,) by the fifth-order flux, with its currents.

    Attributes
    ----------
    log_rho : array (n,)
        Up to a constant.
    currents : EdgeCurrents
    residual : float
        Net outflow of a cell over its outflow, the largest.
    linear : LinearState
        Before the tails were mended.
    tails : float
        Log density over the largest, below which another scheme has at least a part.
    changed : float
        L1 distance of the density from that of the linear flux.
    """

    log_rho: Array
    currents: EdgeCurrents
    residual: float
    linear: LinearState
    tails: float
    changed: float

    @property
    def words(self) -> str:
        """What was done about negative masses."""
        linear, parts = self.linear, [f"{self.linear.steps} Krylov steps"]
        if linear.passes:
            parts.append(
                f"{linear.negative:.1e} of the mass was negative and {linear.passes} passes of a "
                f"limiter moved {linear.moved:.1e}"
            )
        elif linear.negative > 0:
            parts.append(f"{linear.negative:.1e} of the mass was negative")
        return ", ".join(parts)


def solve_upwind5(
    generator: Generator, log_mass: Array, tail: EdgeCurrents, compare: bool, tol: float
) -> Upwinded:
    """Steady log density of a problem by the fifth-order flux.

    Parameters
    ----------
    generator : Generator
        Of a Problem.
    log_mass : array (n,)
        Its stationary log masses.
    tail : EdgeCurrents
        Log density and currents of the state that the tails are taken from.
    compare : bool
        Whether that state is as good as this one but for its order: tails are then all that the two
        do not agree upon.
    tol : float
        Of the multilevel solver.

    Raises
    ------
    ConvergenceError
        If the grid does not resolve the problem, or a solver fails.
    """
    assert generator.problem is not None
    problem, grid = generator.problem, generator.grid
    flux, volume = Upwind5(problem, edges=generator.edges), grid.volumes.ravel()
    linear = linear_state(flux, generator, log_mass)
    phi = np.log(np.maximum(linear.mass / volume, 1e-300))
    low = _low_cells(linear, phi, tail.log_rho if compare else None, volume)
    faces = _low_faces(flux, linear, low)
    mine = state_of_masses(grid, flux.lower, flux.upper, linear.mass, linear.current)
    other = state_of_currents(flux.lower, flux.upper, flux.axis, tail)
    d = grid.dim
    D = np.broadcast_to(problem.kT * problem.D.reshape(d, d, -1), (d, d, grid.size))
    exchange = conductances(grid, D, flux.lower, flux.upper, flux.axis)
    chain = FaceChain.of(flux, exchange, mine.where(~faces, other))
    start = np.where(low, tail.log_rho - tail.log_rho.max(), phi - phi.max()) + np.log(volume)
    mass, residual = chain.stationary(start, tol)
    log_rho = mass - np.log(volume)
    changed = float(np.abs(np.exp(mass) - linear.mass).sum())
    top = phi.max() - phi[low].max() if low.any() else np.inf
    smooth = ~faces & ~flux.pressed & ~np.isin(flux.axis, flux.exact_axes)
    currents = chain.currents(log_rho, smooth)
    return Upwinded(log_rho, currents, residual, linear, top, changed)


def _low_cells(linear: LinearState, phi: Array, other: Array | None, volume: Array) -> Flags:
    """Cells (n,) whose density the linear flux does not resolve."""
    rho = linear.mass / volume
    floor = TAILS * rho.max()
    if not linear.passes:
        floor = max(floor, ABOVE_NOISE * max(-rho.min(), 0.0))
    low: Flags = rho < floor
    if other is not None:
        top = int(np.argmax(phi))
        disagree = np.abs(phi - phi[top] - (other - other[top])) > DISAGREE
        low = low | (disagree & (rho < BULK * rho.max()))
    return low


def _low_faces(flux: Upwind5, linear: LinearState, low: Flags) -> Flags:
    """Faces (n_faces,) that read such a cell; after the limiter, those of such a cell."""
    if linear.passes:
        return np.asarray(low[flux.lower] | low[flux.upper])
    reads = flux.currents.copy()
    reads.data = np.ones_like(reads.data)
    return np.asarray(reads @ low.astype(float) > 0)
