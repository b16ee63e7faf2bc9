r"""One Markov chain from states that are right in different places.

A state is known by its log density and by the mass currents through faces. On each face

.. math:: r_{x\to y} = (c+J_f/2)/p_x, \qquad r_{y\to x} = (c-J_f/2)/p_y, \qquad c>|J_f|/2,

with current and masses of the state that is trusted there. The stationary masses of this chain are
those of the states wherever their currents balance, joined where one state gives place to the
other. Elimination without subtractions finds them: they are positive, entry by entry accurate, and
their currents balance to rounding in every cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.null_vector import balance_residual, null_vector
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.cells import cell_type
from fokkerplanck.scheme.chain import PlainChain
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.chains import GraphChain
from fokkerplanck.steady.multilevel import stationary

#: Differences of log density between neighbours beyond which rates are cut.
STEEPEST = 250.0
#: Largest scaled current, volume/time: where log rho changes by hundreds from cell to cell.
LARGEST = 1e30
#: Weights of four faces in the mean over the cell in the middle, of third-degree polynomials.
MEANS = np.array([-1.0, 13.0, 13.0, -1.0]) / 24
#: The same of the wall and the two faces next to it, over the cell at the wall.
WALL_MEANS = np.array([5.0, 8.0, -1.0]) / 12
#: Cells an axis needs for these means.
LEAST_CELLS = 4
#: Exchange of a face over its current, at the least.
EXCHANGE = 0.75
#: Exchange of faces without noise and current, in units of the largest: the graph stays connected.
LEAST = 1e-300


@dataclass(frozen=True, eq=False)
class FaceState:
    """A positive state as faces see it.

    Attributes
    ----------
    step : array (n_faces,)
        Difference of log density, upper minus lower.
    scaled : array (n_faces,)
        Mass current from lower to upper, over the density of the denser cell, volume/time.
    """

    step: Array
    scaled: Array

    def where(self, chosen: Flags, other: FaceState) -> FaceState:
        """Return this state on the chosen faces, and another one elsewhere."""
        return FaceState(
            np.where(chosen, self.step, other.step), np.where(chosen, self.scaled, other.scaled)
        )


@dataclass(frozen=True, eq=False)
class FaceChain:
    """Rates through the faces of a grid.

    Attributes
    ----------
    lower, upper, axis : int arrays (n_faces,)
    up, down : arrays (n_faces,)
        Rates of mass from lower to upper and back, 1/time.
    """

    grid: Grid
    lower: Integers
    upper: Integers
    axis: Integers
    up: Array
    down: Array

    @classmethod
    def of(cls, flux: Upwind5, exchange: Array, state: FaceState) -> FaceChain:
        """Rates that keep a state, with conductances (n_faces,), volume/time."""
        grid, lower, upper = flux.grid, flux.lower, flux.upper
        step = np.clip(state.step, -STEEPEST, STEEPEST)
        c = exchange * np.exp(-0.5 * np.abs(step))
        c = np.maximum(np.maximum(c, EXCHANGE * np.abs(state.scaled)), LEAST)
        volume = grid.volumes.ravel()
        # The denser cell has the reference density 1, the other one e^-|step|.
        up = (c + 0.5 * state.scaled) * np.exp(np.maximum(step, 0.0)) / volume[lower]
        down = (c - 0.5 * state.scaled) * np.exp(np.maximum(-step, 0.0)) / volume[upper]
        return cls(grid, lower, upper, flux.axis, up, down)

    @property
    def matrix(self) -> sparse.csr_array:
        """Generator on cell masses."""
        n = self.grid.size
        where = np.concatenate([self.upper, self.lower]), np.concatenate([self.lower, self.upper])
        A = sparse.coo_array((np.concatenate([self.up, self.down]), where), shape=(n, n)).tocsr()
        return sparse.csr_array(A - sparse.diags_array(np.asarray(A.sum(axis=0)).ravel()))

    def stationary(self, start: Array, tol: float) -> tuple[Array, float]:
        """Stationary log masses (n,), from a guess of them, and the balance they leave."""
        matrix, grid = self.matrix, self.grid
        if grid.size < sizes.STEADY_MULTILEVEL_FROM[grid.dim]:
            log_mass = null_vector(matrix, grid.shape).log_mass
        else:
            chain = PlainChain(grid, matrix, -matrix.diagonal())
            flows = Flows.from_generator(chain)
            log_mass = stationary(GraphChain(flows, grid.shape, start), tol).log_mass
        return log_mass, balance_residual(matrix, log_mass)

    def currents(self, log_rho: Array, smooth: Flags) -> JoinedCurrents:
        """Velocities of a log density (n,) on the faces; see `JoinedCurrents` for ``smooth``."""
        grid, volume = self.grid, self.grid.volumes.ravel()
        a, b = log_rho[self.lower], log_rho[self.upper]
        densest = np.maximum(a, b)
        mean = 0.5 * (volume[self.lower] + volume[self.upper])
        forward = self.up * volume[self.lower] * np.exp(a - densest)
        backward = self.down * volume[self.upper] * np.exp(b - densest)
        over_denser = (forward - backward) / mean
        velocity = over_denser / np.maximum(bernoulli(np.abs(b - a)), 1e-300)
        tail, head = (x.astype(cell_type(grid.size)) for x in (self.lower, self.upper))
        given = grid, log_rho, tail, head, velocity, None, over_denser
        return JoinedCurrents(*given, self.axis, smooth)


@dataclass(frozen=True, eq=False)
class JoinedCurrents(EdgeCurrents):
    """Currents through the faces of a chain of joined states.

    Attributes
    ----------
    axis : int array (n_faces,)
    smooth : bool array (n_faces,)
        Faces whose current is that of the fifth-order flux: a function whose *mean* over a cell is
        the current at its centre.
    """

    axis: Integers
    smooth: Flags

    def leftover_field(self) -> Array:
        r"""Field :math:`j=J/\rho`, shape (d, \*shape).

        Where all faces around are smooth, J is that mean, by four of them along each axis.
        """
        out, grid = np.array(super().leftover_field()), self.grid
        rho = np.exp(self.log_rho - self.log_rho.max()).reshape(grid.shape)
        scaled, reference = self.scaled_mass_currents()
        current = scaled * np.exp(reference - self.log_rho.max())
        for k, wraps in enumerate(grid.periodic):
            n = grid.shape[k]
            if grid.graded[k] or n < LEAST_CELLS:
                continue
            mine = self.axis == k
            shape = (*grid.shape[:k], n if wraps else n - 1, *grid.shape[k + 1 :])
            area = np.take(grid.volumes, range(shape[k]), axis=k) / grid.h[k]
            faces = current[mine].reshape(shape) / area
            mean = _cell_means(np.moveaxis(faces, k, -1), wraps)
            rough = np.moveaxis((~self.smooth[mine]).reshape(shape), k, -1)
            smooth = _cell_means(rough.astype(float), wraps, np.abs(MEANS), np.abs(WALL_MEANS)) == 0
            mean, smooth = np.moveaxis(mean, -1, k), np.moveaxis(smooth, -1, k)
            out[k] = np.where(smooth, mean / np.where(smooth, rho, 1.0), out[k])
        return out


def _cell_means(faces: Array, wraps: bool, inner: Array = MEANS, wall: Array = WALL_MEANS) -> Array:
    """Means over cells of a function that is given at faces along the last axis, 0 at walls."""
    if wraps:
        below = [np.roll(faces, 2 - m, axis=-1) for m in range(4)]  # face m - 1 below cell i
        return sum(w * f for w, f in zip(inner, below, strict=True))
    rim = np.zeros((*faces.shape[:-1], 1))
    padded = np.concatenate([rim, faces, rim], axis=-1)
    n = padded.shape[-1] - 1
    out = np.empty((*faces.shape[:-1], n))
    out[..., 1:-1] = sum(w * padded[..., m : n - 2 + m] for m, w in enumerate(inner))
    out[..., 0] = padded[..., :3] @ wall
    out[..., -1] = padded[..., :-4:-1] @ wall
    return out


def conductances(grid: Grid, D: Array, lower: Integers, upper: Integers, axis: Integers) -> Array:
    """Conductances (n_faces,) of kT D (d, d, n) through faces, volume/time."""
    at = np.unravel_index(lower, grid.shape), np.unravel_index(upper, grid.shape)
    out, volume = np.empty(lower.size), grid.volumes.ravel()
    for k, w in enumerate(grid.widths):
        mine = axis == k
        a, b = w[at[0][k][mine]], w[at[1][k][mine]]
        noise = 0.5 * (D[k, k, lower[mine]] + D[k, k, upper[mine]])
        out[mine] = noise * volume[lower[mine]] / (0.5 * a * (a + b))
    return out


def state_of_masses(
    grid: Grid, lower: Integers, upper: Integers, mass: Array, current: Array
) -> FaceState:
    """Faces of a state that is given by masses (some may not be positive) and mass currents."""
    rho = mass / grid.volumes.ravel()
    a, b = rho[lower], rho[upper]
    good = (a > 0) & (b > 0)
    a, b = np.where(good, a, 1.0), np.where(good, b, 1.0)
    return FaceState(np.log(b / a), np.where(good, current / np.maximum(a, b), 0.0))


def state_of_currents(
    lower: Integers, upper: Integers, axis: Integers, currents: EdgeCurrents
) -> FaceState:
    """Faces of a state that is given by the currents of its edges, through staircases."""
    faces, reference = currents.faces()
    d, phi = len(faces), currents.log_rho
    a, b = phi[lower], phi[upper]
    at = axis, lower
    shift = np.clip(reference.reshape(d, -1)[at] - np.maximum(a, b), -STEEPEST, STEEPEST)
    scaled = np.clip(faces.reshape(d, -1)[at], -LARGEST, LARGEST) * np.exp(shift)
    return FaceState(b - a, np.clip(scaled, -LARGEST, LARGEST))
