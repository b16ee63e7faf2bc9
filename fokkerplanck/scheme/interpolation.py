r"""The part of the fifth-order flux by which it damps: what its bias adds to a central flux.

Five cells with the wind and five against it give a value at a face each; their mean is the central
one, of sixth order, which damps nothing. The biased one differs from it by half of their
difference, on uniform axes

.. math:: N\rho=\frac{|b|}{60}\,(1,-5,10,-10,5,-1)\cdot\rho\to-\frac{|b|h^5}{60}\,\partial^5\rho,

the leading error of the flux where its stencils are whole. To first order it changes the decay
:math:`\lambda` of a mode with function u and masses p by :math:`-u^TBNp/u^Tp`, B the balance of the
faces: on the flanks of a barrier u differs from its value in the well by as little as p is large,
so that this sees what carries too much mass up to the pass, which neither signs of masses nor the
dissipation of u show. Parts of faces that cancel count by their sizes: where these are as large as
the rate itself, the first order says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from fokkerplanck.domain.types import Array, Flags, Integers
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.scheme import upwind5 as kernels
from fokkerplanck.scheme.linear_fluxes import LinearFlux
from fokkerplanck.scheme.upwind5 import Upwind5

#: Sizes of all parts of a rate that the bias of the flux makes, over the rate, beyond which it is
#: refused. Over 8 to 16 kT: rates 3.0 times too large or more from .75 on, 1.4 at .65, 1.25 at .24.
MOST = 0.5
#: The same from which on the answer says so.
NOTED = 0.1


def damping_currents(flux: Upwind5) -> sparse.csr_array:
    """Mass currents N (n_faces, n) by the bias of the flux, 1/time.

    Faces whose six cells are not all free, at pressed walls, and along axes with the currents of
    the edge list have none.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.interpolation import damping_currents
    >>> from fokkerplanck.scheme.upwind5 import Upwind5
    >>> ring = fp.Problem(fp.Grid([(0, 8)], 8, "periodic"), drift=lambda x: 1 + 0 * x)
    >>> N = damping_currents(Upwind5(ring))
    >>> (60 * N[[2]].toarray()).round(9).tolist()
    [[1.0, -5.0, 10.0, -10.0, 5.0, -1.0, 0.0, 0.0]]
    """
    grid = flux.grid
    rows: list[Integers] = []
    columns: list[Integers] = []
    values: list[Array] = []
    for k in range(grid.dim):
        if k in flux.exact_axes:
            continue
        faces, cells = _whole(flux, k)
        places = np.unravel_index(flux.lower[faces], grid.shape)[k]
        tables = flux._tables(k)
        half = 0.5 * (tables[kernels.UP5] - tables[kernels.DOWN5])[places]
        b = flux._b[k]
        wind = np.sign(b[flux.lower[faces]] + b[flux.upper[faces]])
        at_faces = flux._face_drift(k)
        if at_faces.size:
            along = np.flatnonzero(flux.axis == k)
            drift = at_faces[np.searchsorted(along, faces)][:, None]
        else:
            drift = b[cells]
        width = grid.widths[k][np.unravel_index(cells, grid.shape)[k]]
        rows.append(np.repeat(faces, kernels.WIDTH))
        columns.append(cells.ravel())
        values.append((wind[:, None] * half * drift / width).ravel())
    shape = flux.lower.size, grid.size
    if not rows:
        return sparse.csr_array(shape)
    where = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_array((np.concatenate(values), where), shape=shape)


@dataclass(frozen=True)
class Damping:
    """Part of a rate that the bias of the flux makes, and the sizes of its parts, over the rate."""

    share: float
    size: float

    @classmethod
    def of(cls, flux: LinearFlux, u: Array, mass: Array, whole: complex) -> Damping | None:
        r"""Part in a rate; None of a flux that has another interpolation.

        Parameters
        ----------
        flux : Upwind5 or PhaseSpaceFlux
        u : array (n,)
            Function, real or complex: a left mode, times until a set is reached, a committor.
        mass : array (n,)
            Masses that go with it: a right mode, time spent in cells, masses that come from a set.
        whole : complex
            Of a mode :math:`\lambda u^Tp` with the decay :math:`\lambda`, which turns where it is
            complex; of times their sum over where paths begin; of a committor the flux.
        """
        if not isinstance(flux, Upwind5):
            return None
        current = damping_currents(flux) @ mass
        parts = (u[flux.upper] - u[flux.lower]) * current / whole
        return cls(float(-parts.sum().real), float(np.abs(parts).sum()))

    def said(self, what: str) -> str:
        """What to say of it.

        Raises
        ------
        ConvergenceError
            If it is too much.
        """
        if not self.size <= MOST:
            raise ConvergenceError(
                f"the grid does not resolve {what}: the damping of the fifth-order flux makes "
                f"parts of it of {self.size:.2g} times its size, more than {MOST:g}, "
                f"{self.share:.2g} in all; refine the grid, give the potential (Problem.langevin) "
                'where there is one, or use scheme="markov"',
                residual=self.size,
            )
        if self.size <= NOTED:
            return ""
        return (
            f"the damping of the fifth-order flux makes {self.share:.2g} of {what}, in parts of "
            f"{self.size:.2g}: refine the grid"
        )


def _whole(flux: Upwind5, k: int) -> tuple[Integers, Integers]:
    """Faces (m,) across axis k whose six cells may be read, and these cells (m, 6)."""
    grid = flux.grid
    faces = np.flatnonzero(flux.axis == k)
    index = list(np.unravel_index(flux.lower[faces], grid.shape))
    place = index[k][:, None] + kernels.FIRST + np.arange(kernels.WIDTH)
    n = grid.shape[k]
    inside: Flags = np.full(faces.size, n >= kernels.WIDTH)
    if not grid.periodic[k]:
        inside &= ((place >= 0) & (place < n)).all(axis=1)
    columns = [np.broadcast_to(i[:, None], place.shape) for i in index]
    columns[k] = place % n
    cells = np.ravel_multi_index(columns, grid.shape)
    inside &= (flux.label[cells] < 0).all(axis=1) & ~flux._closed[k][cells].any(axis=1)
    return faces[inside], cells[inside]
