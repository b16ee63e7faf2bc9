r"""Currents of a steady state, without a derivative of log rho.

Every edge (or face) carries a velocity :math:`\nu_e=J_e/m_e`, its current over the mean density

.. math:: m_e = \Big(\int_0^1 ds/\rho\Big)^{-1} = \rho_x B(-g),\qquad g=\log(\rho_y/\rho_x),

of an exponential profile. Only differences of log rho enter, so velocities are accurate where rho
underflows. The leftover field is :math:`j_x=\frac12\sum_e \nu_e\,\Delta x_e` over the edges of x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.kernels import threads
from fokkerplanck.kernels.scheme import assembly, tensors
from fokkerplanck.kernels.scheme import current as kernels
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.cells import cell_type, diffusion, flat, offsets_of
from fokkerplanck.scheme.nine_point import cell_widths

#: Least value of m over the denser end, so that velocities of unresolved edges stay finite.
TINY = 1e-100


@dataclass(frozen=True, eq=False)
class EdgeCurrents(Portable):
    """Current velocities of a density on an edge list or on the faces of the nine-point scheme.

    Attributes
    ----------
    grid : Grid
    log_rho : array (n,)
    tail, head : int32 arrays (n_edges,)
    offset : int16 array (n_edges, d)
        Head minus tail in cells, across periodic seams.
    velocity : array (n_edges,)
        nu_e in index units, 1/time.
    affinity : array (n_edges,) or None
        log(forward current / backward current) of Markov edges.
    """

    grid: Grid
    log_rho: np.ndarray
    tail: np.ndarray
    head: np.ndarray
    velocity: np.ndarray
    affinity: np.ndarray | None
    _over_denser: np.ndarray

    @classmethod
    def from_edges(cls, edges, log_rho):
        """Velocities of the Markov scheme on an edge list, for log density (n,)."""
        grid, tail, head = edges.grid, edges.tail, edges.head
        velocity, affinity, over_denser = (np.empty_like(edges.weight) for _ in range(3))
        threads.run(
            kernels.edge_currents, kernels.edge_currents_threads, threads.parts(grid.size),
            tail, head, edges.weight, edges.tilt, np.array(log_rho), np.ravel(grid.volume).copy(),
            TINY, velocity, affinity, over_denser,
        )  # fmt: skip
        return cls(grid, log_rho, tail, head, velocity, affinity, over_denser)

    @classmethod
    def from_faces(cls, scheme, log_rho):
        """Velocities of the nine-point scheme, for log density (n,)."""
        velocity = scheme.velocity(log_rho)
        over_denser = velocity * bernoulli(np.abs(scheme.step @ log_rho))
        tail, head = (a.astype(cell_type(scheme.grid.size)) for a in (scheme.lower, scheme.upper))
        return cls(scheme.grid, log_rho, tail, head, velocity, None, over_denser)

    @cached_property
    def offset(self) -> np.ndarray:
        """Head minus tail in cells (n_edges, d)."""
        return edge_offsets(self)

    @cached_property
    def _bounds(self):
        """Least and largest cell of every chunk of edges."""
        bounds = np.empty((-(-self.tail.size // kernels.CHUNK), 2), self.tail.dtype)
        threads.run(
            assembly.chunk_bounds, assembly.chunk_bounds_threads, threads.parts(self.grid.size),
            self.tail, self.head, bounds,
        )  # fmt: skip
        return bounds

    def without(self, empty):
        """Return the currents with those of edges at empty cells (n,) set to zero."""
        if not empty.any():
            return self
        dead = empty[self.tail] | empty[self.head]
        zeroed: dict[str, Any] = {
            name: np.where(dead, 0.0, getattr(self, name))
            for name in ("velocity", "affinity", "_over_denser")
        }
        return replace(self, **zeroed)

    def scaled_mass_currents(self):
        """Mass currents of the edges (1/time) over e^reference, and that log density."""
        reference = np.maximum(self.log_rho[self.tail], self.log_rho[self.head])
        return self._over_denser * self._mean_volume(), reference

    def _mean_volume(self):
        """Mean volume of the two cells: face area times distance for neighbours."""
        if self.grid.is_uniform:
            return self.grid.volume
        volume = self.grid.volume.ravel()
        return 0.5 * (volume[self.tail] + volume[self.head])

    def mass_currents(self):
        """Mass current of every edge, 1/time."""
        scaled, reference = self.scaled_mass_currents()
        return scaled * np.exp(reference)

    def current_of_a_line(self):
        """Steady current of all edges, 1/time, for d = 1; 0 between walls.

        That of the edge with the least density: the difference of what passes to and fro is known
        best where the least passes.
        """
        if not self.grid.periodic[0]:
            return 0.0
        scaled, reference = self.scaled_mass_currents()
        least = int(np.argmin(reference))
        sign = 1.0 if self.offset[least, 0] > 0 else -1.0
        return float(sign * scaled[least] * np.exp(reference[least]))

    def leftover_field(self):
        r"""Field :math:`j=J/\rho`, shape (d, \*shape)."""
        out = np.empty((self.grid.dim, *self.grid.shape))
        for k in range(self.grid.dim):
            out[k] = self._at_cells(0.5 * self.velocity * self._displacement(k), 1.0)
        return out

    def _displacement(self, k):
        """Distance from tail to head along axis k (n_edges,)."""
        if not self.grid.graded[k]:
            return self.offset[:, k] * self.grid.h[k]
        widths = cell_widths(self.grid)[k]
        return self.offset[:, k] * (0.5 * (widths[self.tail] + widths[self.head]))

    def divergence_of_j(self):
        r"""Divergence of j, shape (\*shape): net outflow of velocity."""
        flow = self.velocity * self._mean_volume()
        return self._at_cells(flow, -1.0) / self.grid.volume

    def divergence_of_J(self):
        r"""Divergence of :math:`j\rho`, shape (\*shape): zero to rounding at a steady state."""
        current = self.mass_currents()
        return self._at_cells(current, -1.0) / self.grid.volume

    def _at_cells(self, value, sign):
        """Sum edge values at their tails, and sign times these at their heads."""
        out = np.empty(self.grid.size)
        threads.run(
            kernels.at_cells, kernels.at_cells_threads, threads.parts(out.size), self.tail,
            self.head, self._bounds, value, sign, out,
        )  # fmt: skip
        return out.reshape(self.grid.shape)

    def corner_log_density(self):
        """Log density at cell corners (nx + 1, ny + 1), by which psi is scaled, for d = 2."""
        return corner_log_density(self.grid, self.log_rho.reshape(self.grid.shape))

    def from_corners(self, u):
        """Values at cells of a field at cell corners, for d = 2."""
        return 0.25 * (u[1:, 1:] + u[:-1, 1:] + u[1:, :-1] + u[:-1, :-1])

    def quadrature(self, rho):
        """Density in place of rho (*shape) for ``grid.integrate``: rho, the midpoint rule."""
        return rho

    def entropy_production_of_edges(self):
        r"""Rate :math:`\sum_eJ_e\log(J^+_e/J^-_e)\ge0`, 1/time (Schnakenberg, RMP 48, 1976)."""
        return float(np.sum(self.mass_currents() * self.affinity))

    def mean_Q(self, beta):
        r"""Mean of Q, :math:`\frac\beta2\langle x_ij_k-x_kj_i\rangle`, shape (d, d)."""
        grid, d = self.grid, self.grid.dim
        uniform = np.array(grid.h)[:, None] if grid.is_uniform else cell_widths(grid)
        out = np.empty((-(-self.tail.size // kernels.CHUNK), d * d))
        threads.run(
            kernels.moments, kernels.moments_threads, threads.parts(grid.size), self.tail,
            self.head, self.offset, grid.x.reshape(d, -1), uniform, self.mass_currents(), out,
        )  # fmt: skip
        moment = out.sum(axis=0).reshape(d, d)
        return 0.5 * beta * (moment - moment.T)

    def faces(self):
        r"""Currents through faces (d, \*shape), over e^(log density) of the returned second array.

        ``faces[k][x] * exp(reference[k][x])`` is the mass current from x to its upper neighbour
        along axis k. Oblique edges go along two staircases, half each, which keeps every balance.
        """
        d, n, shape = self.grid.dim, self.grid.size, self.grid.shape
        out, reference = np.zeros((d, n)), np.zeros((d, n))
        scaled, densest = self.scaled_mass_currents()
        if kernels.unit_faces(self.tail, self.offset, scaled, densest, out, reference):
            return out.reshape(d, *shape), reference.reshape(d, *shape)
        out[:] = 0.0
        kernels.staircase_fluxes(
            np.array(shape), np.array(self.grid.periodic), self.tail, self.offset, scaled, densest,
            np.array(self.log_rho), out,
        )  # fmt: skip
        reference = np.broadcast_to(self.log_rho.reshape(shape), (d, *shape))
        return out.reshape(d, *shape), reference


def edge_offsets(edges):
    """Head minus tail in cells (n_edges, d), int16; the shorter way round on periodic axes."""
    return offsets_of(edges.grid, edges.tail, edges.head)


def stream_function(currents, beta):
    r"""Stream function psi at cell corners and :math:`q=\beta\psi/\rho` at cells, for d = 2.

    :math:`J=(\partial_y\psi,-\partial_x\psi)`, psi = 0 on the walls (on the lower wall of a channel
    with one periodic axis). With two periodic axes a net current has no stream function: psi is
    that of the current minus its mean and has mean zero.

    Returns
    -------
    psi : array (nx + 1, ny + 1)
    q : array (nx, ny)
    """
    grid = currents.grid
    flux_faces, reference = currents.faces()
    corner = currents.corner_log_density()
    if all(grid.periodic):
        psi = _torus_psi(grid, flux_faces * np.exp(reference))
        with np.errstate(over="ignore"):
            ratio = psi * np.exp(-corner)
    elif grid.periodic[0]:
        ratio = _channel_ratio(flux_faces[0], reference[0], corner)
        ratio = np.vstack([ratio[-1:], ratio])
    elif grid.periodic[1]:
        ratio = _channel_ratio(-flux_faces[1].T, reference[1].T, corner.T)
        ratio = np.vstack([ratio[-1:], ratio]).T
    else:
        ratio = np.zeros_like(corner)
        inner = np.zeros((grid.shape[0] - 1, grid.shape[1] + 1))
        kernels.stream_ratio(
            np.ascontiguousarray(flux_faces[0][:-1]), np.ascontiguousarray(reference[0][:-1]),
            np.ascontiguousarray(corner[1:-1]), inner,
        )  # fmt: skip
        ratio[1:-1] = inner
    with np.errstate(under="ignore"):
        psi = psi if all(grid.periodic) else ratio * np.exp(corner)
    return psi, beta * currents.from_corners(ratio)


def corner_log_density(grid, phi):
    """Log density at cell corners (nx + 1, ny + 1): the mean of the cells around."""
    for k, wraps in enumerate(grid.periodic):
        padding = [(1, 1) if i == k else (0, 0) for i in range(2)]
        phi = np.pad(phi, padding, mode="wrap" if wraps else "edge")
    return 0.25 * (phi[1:, 1:] + phi[:-1, 1:] + phi[1:, :-1] + phi[:-1, :-1])


def _channel_ratio(flux_rows, reference, corner):
    """Ratio psi / rho swept across a channel from its lower wall; rows run along the channel."""
    n, m = flux_rows.shape
    ratio = np.zeros((n, m + 1))
    scale = corner[1:]
    for j in range(m):
        ratio[:, j + 1] = ratio[:, j] * np.exp(scale[:, j] - scale[:, j + 1])
        ratio[:, j + 1] += flux_rows[:, j] * np.exp(reference[:, j] - scale[:, j + 1])
    return ratio


def _torus_psi(grid, faces):
    """Stream function of the currents minus their means, on a torus."""
    first = faces[0] - faces[0].mean(axis=1, keepdims=True)
    second = faces[1] - faces[1].mean(axis=0, keepdims=True)
    psi = np.zeros((grid.shape[0] + 1, grid.shape[1] + 1))
    psi[1:, 0] = -np.cumsum(second[:, -1])
    psi[0, 1:] = np.cumsum(first[-1])
    psi[1:, 1:] = psi[1:, :1] + np.cumsum(first, axis=1)
    return psi - psi[1:, 1:].mean()


def entropy_production(j, problem, rho):
    r"""Entropy production :math:`\beta\int\rho\,j\cdot D^{-1}j\,dx`, 1/time; inf off range(D)."""
    grid, d = problem.grid, problem.grid.dim
    singular = is_singular(problem)
    inverse = np.empty((grid.size, d))
    D, parts = diffusion(problem), threads.parts(grid.size)
    packed = np.empty((D.shape[1], d * (d + 1) // 2))
    threads.run(tensors.pack, tensors.pack_threads, parts, D, np.ones((d, d)), packed)
    if singular.any():
        full = np.moveaxis(problem.D, (0, 1), (-2, -1)).reshape(-1, d, d)[singular]
        force = j.reshape(d, -1).T[singular, :, None]
        solution = np.linalg.pinv(full, hermitian=True) @ force
        left = np.abs(full @ solution - force).max(axis=(1, 2))
        if (left > 1e-10 * np.abs(j).max()).any():
            return float("inf")
        packed = np.broadcast_to(packed, (grid.size, packed.shape[1])).copy()
        packed[singular] = np.eye(d)[np.triu_indices(d)]
    threads.run(
        tensors.solve, tensors.solve_threads, parts, packed, flat(j, d), np.ones(d),
        np.empty((0, d)), inverse,
    )  # fmt: skip
    if singular.any():
        inverse[singular] = solution[..., 0]
    local = np.einsum("ni,in->n", inverse, j.reshape(d, -1)).reshape(grid.shape)
    return float(problem.beta * grid.integrate(rho * local))


def is_singular(problem):
    """Flags (n,) of the cells where D has a direction without noise, to rounding."""
    D, d = diffusion(problem), problem.grid.dim
    flags, parts = np.empty(D.shape[1], bool), threads.parts(D.shape[1])
    threads.run(
        tensors.suspects, tensors.suspects_threads, parts, D, np.ones((d, d)),
        2 * fields.ROUNDING, 1e-14, flags,
    )  # fmt: skip
    at = np.flatnonzero(flags)
    if at.size:  # the pivots leave a doubt
        some = D[:, at].reshape(d, d, -1)
        least = fields.smallest_eigenvalue(some)
        flags[at] = least <= fields.ROUNDING * np.abs(some).max(axis=(0, 1))
    return np.broadcast_to(flags, (problem.grid.size,))
