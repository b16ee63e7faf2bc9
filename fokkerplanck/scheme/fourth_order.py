r"""Fourth-order conservative flux for log density, on the faces of the nine-point scheme.

With :math:`\varphi=\log\rho` the current is :math:`J=\rho\nu`, :math:`\nu=v-kT\,D\nabla\varphi`. At
the centre of a face v and D are evaluated, and phi and its slopes are those of polynomials through
the cells around, of fourth order up to the walls. A cell's balance asks for means over its faces:
they are taken with phi and nu polynomial in the transverse coordinates s,

.. math:: \bar J_f = \rho_f\int e^{\varphi(s)-\varphi_f}\,\nu(s)\,ds,

by Gauss's rule of three points along each. So only log rho is asked to be smooth, not rho; only
differences of it enter; and since both cells of a face see the same current, every balance
telescopes. No current passes a reflecting wall.

Where log rho is not smooth on the scale of cells (a wall layer thinner than a cell, far tails with
many kT per cell) the nine-point flux stays, by a weight of each face that is fixed beforehand.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import maximum_filter

from fokkerplanck.domain import fields
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.calculus import SHARE
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.bernoulli import bernoulli, both_sides, slopes_of_both_sides
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.stencils import (
    GAUSS_MIDDLE,
    GAUSS_OUTER,
    axis_formulas,
    face_formulas,
    quadrature_weights,
)

#: Limits of what counts as smooth, from loose to tight: largest third and fourth difference of log
#: rho along an axis, and largest difference between neighbours. Loose limits keep more faces of
#: fourth order; with tight ones the iteration converges faster.
RUNGS = ((1.0, 6.0), (1.0, 5.0), (1.0, 4.0), (0.5, 3.0), (0.5, 2.0))
#: Power by which the weight of a face falls beyond the limits.
SHARPNESS = 16
#: Multiple of the limits from which on the weight of a face is zero.
UNRESOLVED = 1.5
#: Largest difference of the log density at a corner from the mean of the cells around it.
FAR = 3.0


class FourthOrder:
    """Balance of the fourth-order flux, on the cells and faces of a nine-point scheme.

    Parameters
    ----------
    problem : Problem
        On a uniform grid.
    nine : NinePoint
        Of the same problem.
    log_rho : array (n,)
        Log density by the nine-point scheme, from which the weights of the faces are found.
    """

    def __init__(self, problem, nine, log_rho):
        grid, h = problem.grid, problem.grid.h
        self.grid, self.nine = grid, nine
        self.lower, self.upper, self.axis = nine.lower, nine.upper, nine.axis
        self.step, self.graph = nine.step, nine.graph
        self._formulas = face_formulas(grid)
        fields_at_faces = [face_fields(problem, k, axis) for k, axis in enumerate(_formulas(grid))]
        self._drift = np.concatenate(
            [(v[k] / h[k]).ravel() for k, (v, _) in enumerate(fields_at_faces)]
        )
        self._slopes = self._formulas.slopes(
            [
                [(problem.kT * D[k, t] / (h[k] * h[t])).ravel() for t in range(grid.dim)]
                for k, (_, D) in enumerate(fields_at_faces)
            ]
        )
        self._start = log_rho
        self.weight = np.ones(len(self.lower))

    @cached_property
    def _roughness(self):
        """Largest third or fourth difference of the first log density, and difference, around."""
        grid, phi = self.grid, self._start.reshape(self.grid.shape)
        rough, steep = np.zeros(grid.shape), np.zeros(grid.size)
        for k, axis in enumerate(_formulas(grid)):
            for name in ("third", "fourth"):
                np.maximum(rough, np.abs(axis.apply(name, phi, k)), out=rough)
        change = np.abs(self.step @ self._start)
        for cells in (self.lower, self.upper):
            np.maximum.at(steep, cells, change)
        # The flux reaches one cell beyond those next to its face, sideways too.
        modes = ["wrap" if wraps else "nearest" for wraps in grid.periodic]
        near = (maximum_filter(u.reshape(grid.shape), size=3, mode=modes) for u in (rough, steep))
        return [np.maximum(u.ravel()[self.lower], u.ravel()[self.upper]) for u in near]

    def on_rung(self, limits):
        """Return the scheme with the weights of faces (n_faces,) that go with a pair of RUNGS."""
        parts = (u / limit for u, limit in zip(self._roughness, limits, strict=True))
        rough = np.minimum(np.maximum(*parts), UNRESOLVED)
        weight = 1 / (1 + rough**SHARPNESS)
        out = copy.copy(self)
        out.weight = np.where(rough < UNRESOLVED, weight, 0.0)
        return out

    def unresolved(self):
        """Flags (n,) of the cells with a face at which the nine-point flux weighs more."""
        out = np.zeros(self.grid.size, bool)
        for cells in (self.lower, self.upper):
            out[cells[self.weight < 0.5]] = True
        return out

    def point_velocity(self, log_rho):
        """Velocity nu at the centres of the faces (n_faces,), in cells per time."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._blend(self._drift - self._slopes @ log_rho, log_rho)

    def velocity(self, log_rho):
        """Mean current of every face over the mean density m of the nine-point scheme."""
        with np.errstate(all="ignore"):  # where the weight is zero, or the iteration diverges
            mean, _, over_m = self._means(log_rho)
            return self._blend(mean * over_m, log_rho)

    def jacobian(self, log_rho):
        """Sparse derivative of the balance with the slopes of the nine-point scheme, as it has.

        Only the mean densities of the faces are those of fourth order: they are larger by
        factors of sinh(a/2)/(a/2), a the differences of log rho across and along the face.
        """
        nine = self.nine
        g = self.step @ log_rho
        with np.errstate(all="ignore"):
            _, mean, over_m = self._means(log_rho)
            factor = np.where(self.weight > 0, 1 + self.weight * (mean * over_m - 1), 1.0)
        nu, numbers = nine.velocity(log_rho), []
        for b, slope in zip(both_sides(g)[::-1], slopes_of_both_sides(g)[::-1], strict=True):
            # The logarithm of the mean density changes with g by 1/2, in (30) by B'/B.
            share = 0.5 * self.weight + (1 - self.weight) * (-slope / b)
            numbers += [-share * b * factor * nu, b * factor]
        return nine.from_faces(numbers)

    def _means(self, log_rho):
        """Means over faces of e^(phi - phi_f) nu and e^(phi - phi_f), and rho_f over m."""
        at_face = self._formulas.value @ log_rho
        nu = self._drift - self._slopes @ log_rho
        mean, product = nu, np.ones_like(nu)
        for t in range(self.grid.dim - 1):
            ratio, moment = self._transverse(at_face, nu, t)
            mean, product = mean * ratio + moment * product, product * ratio
        over_m = np.exp(at_face - log_rho[self.lower]) / bernoulli(-(self.step @ log_rho))
        return mean, product, over_m

    def residual(self, log_rho):
        """Net outflow of every cell over its own mass, and the outflow rate it is small against."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.nine.residual(log_rho, self.velocity(log_rho))

    def chain(self, log_rho):
        """Markov generator on masses with the same currents, as that of the nine-point scheme."""
        return self.nine.chain(log_rho, self.velocity(log_rho))

    def currents(self, log_rho):
        """Currents of a log density (n,), see ``SmoothCurrents``."""
        return SmoothCurrents.from_scheme(self, log_rho)

    def _transverse(self, phi, nu, t):
        """Means of e^(phi - phi_f), and of that times nu - nu_f, in direction t along each face."""
        ratio, moment = np.full_like(phi, GAUSS_MIDDLE), np.zeros_like(phi)
        for to_node in self._formulas.transverse[t]:
            weight = GAUSS_OUTER * np.exp(to_node @ phi)
            ratio += weight
            moment += weight * (to_node @ nu)
        return ratio, moment

    def _blend(self, nu, log_rho):
        """Velocities nu by weight, and those of the nine-point scheme for the rest."""
        if self.weight.min() == 1.0:
            return nu
        narrow = self.nine.velocity(log_rho)
        return np.where(self.weight > 0, narrow + self.weight * (nu - narrow), narrow)


@dataclass(frozen=True, eq=False)
class SmoothCurrents(EdgeCurrents):
    r"""Face currents of the fourth-order scheme, with fields at cells of the same order.

    Mass currents and :math:`\nabla\cdot J` are those of the balance. The leftover field and its
    divergence come from point velocities at the faces (zero at walls) by formulas of four points;
    integrals of products with rho use ``quadrature``.

    Attributes
    ----------
    point_velocity : array (n_faces,)
        nu at the centres of the faces, in cells per time.
    """

    point_velocity: np.ndarray

    @cached_property
    def axes(self):
        """Formulas along the axes."""
        return _formulas(self.grid)

    @classmethod
    def from_scheme(cls, scheme, log_rho):
        """Currents of a FourthOrder scheme, for log density (n,)."""
        faces = EdgeCurrents.from_faces(scheme, log_rho)
        given = {field.name: getattr(faces, field.name) for field in dataclasses.fields(faces)}
        return cls(**given, point_velocity=scheme.point_velocity(log_rho))

    def leftover_field(self):
        r"""Field :math:`j=J/\rho`, shape (d, \*shape)."""
        at_cells = zip(self.grid.h, self._to_cells("cell_value"), strict=True)
        return np.stack([h * nu for h, nu in at_cells])

    def divergence_of_j(self):
        r"""Divergence of j, shape (\*shape)."""
        return sum(self._to_cells("cell_slope"))

    def corner_log_density(self):
        """Log density at cell corners (nx + 1, ny + 1), extrapolated to the walls."""
        near, wide = super().corner_log_density(), self.log_rho.reshape(self.grid.shape)
        for k, formulas in enumerate(self.axes):
            wide = formulas.apply("edge_value", wide, k)
        # It only scales psi, so where log rho is not smooth a rough value will do: a bounded one.
        return near + np.clip(wide - near, -FAR, FAR)

    def from_corners(self, u):
        """Values at cells of a field at cell corners."""
        for k, formulas in enumerate(self.axes):
            u = formulas.apply("from_edges", u, k)
        return u

    def quadrature(self, rho):
        r"""Density (\*shape) in place of rho for integrals of fourth order by ``grid.integrate``.

        The midpoint rule with the correction :math:`\frac{h^2}{24}\int\Delta u\,dx`, normalised.
        """
        weighted = quadrature_weights(self.grid) * rho
        return weighted / self.grid.integrate(weighted)

    def mean_Q(self, beta):
        r"""Mean of Q, :math:`\frac\beta2\langle x_ij_k-x_kj_i\rangle`, shape (d, d)."""
        d, rho = self.grid.dim, np.exp(self.log_rho.reshape(self.grid.shape))
        J = (self.quadrature(rho) * self.leftover_field()).reshape(d, -1)
        moment = self.grid.x.reshape(d, -1) @ J.T
        return 0.5 * beta * (moment - moment.T) * self.grid.volume

    def _to_cells(self, name):
        """Point velocities taken from the faces of each axis to the cells."""
        shape = self.grid.shape
        axis = np.abs(self.offset).argmax(axis=1)
        for k, formulas in enumerate(self.axes):
            n = shape[k] if self.grid.periodic[k] else shape[k] - 1
            faces = self.point_velocity[axis == k].reshape(*shape[:k], n, *shape[k + 1 :])
            yield formulas.apply(name, faces, k)


def face_fields(problem, k, axis):
    r"""Drift v (d, \*faces) and D (d, d, \*faces) at the centres of the inner faces of axis k.

    Callables are evaluated there; arrays are interpolated, and differentiated, to fourth order.
    """
    grid = problem.grid
    if gridded(problem):
        v, D = _at_cells(problem)
        return axis.apply("face_value", v, k + 1), axis.apply("face_value", D, k + 2)
    half, (lo, hi), wraps = grid.h[k] / 2, grid.box[k], grid.periodic[k]
    box, shape = list(grid.box), list(grid.shape)
    box[k] = (lo + half, hi + half if wraps else hi - half)
    shape[k] -= not wraps
    moved = problem.on(Grid(box, shape))
    return moved.v, moved.D


def gridded(problem: Problem) -> list[str]:
    """Names of the arguments of a problem that are arrays over its grid."""
    return problem.given.arrays(problem.grid.shape)


def _at_cells(problem):
    """Drift v and D at cells, with differences of arrays of fourth order."""
    grid, given = problem.grid, gridded(problem)
    v = np.array(problem.v)
    if "f" in given and problem.given.grad_f is None:
        v += fields.gradient(problem.f, grid, "f") - _gradient(problem.f, grid)
    if "D" in given or "sigma" in given:
        div_D = sum(_slope(problem.D[:, k], grid, k) for k in range(grid.dim))
        v += SHARE[problem.calculus] * problem.kT * (problem.div_D - div_D)
    return v, np.array(problem.D)


def _gradient(u, grid):
    """Gradient (d, *shape) of an array by differences of fourth order."""
    return np.stack([_slope(u, grid, k) for k in range(grid.dim)])


def _slope(u, grid, k):
    """Partial derivative of an array (..., *shape) along axis k by differences of fourth order."""
    formulas = axis_formulas(grid.shape[k], grid.periodic[k])
    return formulas.apply("slope", u, u.ndim - grid.dim + k) / grid.h[k]


def _formulas(grid):
    """Formulas along every axis of a grid."""
    axes = zip(grid.shape, grid.periodic, strict=True)
    return tuple(axis_formulas(n, wraps) for n, wraps in axes)
