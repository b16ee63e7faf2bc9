"""The Markov generator of a problem, from its edge list."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse

from fokkerplanck.edges import Edges
from fokkerplanck.kernels import flux
from fokkerplanck.problem import Problem


class Generator:
    r"""Markov generator A, :math:`\dot p = Ap` for cell masses :math:`p=\rho V`.

    Off-diagonal entries are rates :math:`A_{ik}=w_eB(\mp z_e)/V_k\ge0` from cell k to cell i;
    columns sum to zero (to minus the exit rate with absorbing sides). So for any D and any drift
    mass is exact, masses stay positive and every f-divergence to the steady state decays.

    Parameters
    ----------
    problem : Problem or Edges

    Attributes
    ----------
    matrix : scipy.sparse.csr_array, shape (n, n)
    exit_rates : array (n,)
        Total rate out of each cell, minus the diagonal, in 1/time.
    problem : Problem or None
        What the generator was made of; None if of Edges.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 32)
    >>> generator = fp.Generator(
    ...     fp.Problem(grid, f=lambda x, y: x**2 + y**2, D=[[1, 0.9], [0.9, 1]])
    ... )
    >>> bool(abs(generator.matrix.sum(axis=0)).max() < 1e-12 * generator.exit_rates.max())
    True
    """

    def __init__(self, problem):
        if not isinstance(problem, (Problem, Edges)):
            raise ValueError(
                f"Generator received {type(problem).__name__}; give a Problem or Edges"
            )
        self.problem = problem if isinstance(problem, Problem) else None
        self.edges = problem if isinstance(problem, Edges) else Edges.from_problem(problem)
        self.grid = self.edges.grid

    @cached_property
    def _rates(self):
        """Coefficients (forward, backward) of the edge currents, volume/time."""
        forward, backward = np.empty_like(self.edges.weight), np.empty_like(self.edges.weight)
        flux.edge_rates(self.edges.weight, self.edges.tilt, forward, backward)
        return forward, backward

    @cached_property
    def _volumes(self):
        """Cell volumes (n,)."""
        return np.broadcast_to(self.grid.volume, self.grid.shape).ravel()

    @cached_property
    def exit_rates(self) -> np.ndarray:
        """Total rate out of each cell (n,)."""
        forward, backward = self._rates
        n, edges = self.grid.size, self.edges
        out = np.bincount(edges.tail, forward, n) + np.bincount(edges.head, backward, n)
        if edges.exit_rate is not None:
            out = out + edges.exit_rate
        return out / self._volumes

    @cached_property
    def matrix(self):
        """Generator on cell masses, CSR."""
        forward, backward = self._rates
        n, edges, volumes = self.grid.size, self.edges, self._volumes
        diagonal = np.arange(n, dtype=np.int32)
        rows = np.concatenate([edges.head, edges.tail, diagonal])
        columns = np.concatenate([edges.tail, edges.head, diagonal])
        values = [forward / volumes[edges.tail], backward / volumes[edges.head], -self.exit_rates]
        matrix = sparse.coo_array((np.concatenate(values), (rows, columns)), shape=(n, n)).tocsr()
        matrix.sort_indices()
        return matrix

    def apply(self, rho):
        r"""Time derivative :math:`\dot\rho = V^{-1}A(V\rho)` of a density, shape (\*shape)."""
        rho = np.asarray(rho, dtype=float)
        if rho.shape != self.grid.shape:
            raise ValueError(f"rho has shape {rho.shape}, expected the grid's {self.grid.shape}")
        return (self.matrix @ (rho.ravel() * self._volumes) / self._volumes).reshape(rho.shape)

    def currents(self, rho):
        """Mass current of every edge (n_edges,), from tail to head."""
        forward, backward = self._rates
        rho = np.asarray(rho, dtype=float).ravel()
        return forward * rho[self.edges.tail] - backward * rho[self.edges.head]

    def __repr__(self):
        """Size and stencil."""
        return f"Generator({self.matrix.nnz} non-zeros from {self.edges!r})"
