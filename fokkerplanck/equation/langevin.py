r"""Underdamped motion in a potential: position and velocity, noise on the velocity alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fokkerplanck.domain.arguments import frozen, positive_number
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.fields import (
    STEP,
    check_periodic,
    gradient,
    quotient,
    scalar_field,
    vector_field,
)
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.equation.calculus import check_gradient


@dataclass(frozen=True, eq=False)
class Langevin:
    r"""What :math:`dx=v\,dt,\ m\,dv=(-U'(x)-\gamma v)\,dt+\sqrt{2\gamma kT}\,dW` is made of.

    Attributes
    ----------
    U : callable ``U(x)``, number or array (nx,)
        Potential energy.
    gamma : float
        Friction coefficient, mass/time: the force of friction is :math:`-\gamma v`.
    mass : float
    grad_U : callable ``grad_U(x)``, array (nx,) or None
        Its derivative; where None exact for a `Formula`, else by differences of U.
    """

    U: Field
    gamma: float
    mass: float = 1.0
    grad_U: Field | None = None

    def __post_init__(self) -> None:
        """Raise for a friction or a mass that is not positive."""
        for name in ("gamma", "mass"):
            object.__setattr__(self, name, positive_number(getattr(self, name), name))

    @property
    def D(self) -> tuple[float, float]:
        """Diagonal of the diffusion matrix, noise on the velocity alone."""
        return 0.0, self.gamma / self.mass**2

    def on(self, grid: Grid) -> Langevin:
        """The same with arrays checked against the x axis of a grid, and kept read-only."""
        line = _positions(grid)
        values = scalar_field(self.U, line, "U")
        check_periodic(self.U, values, line, "U")
        U, slope = self.U, self.grad_U
        if not callable(U) and np.ndim(U):
            U = frozen(np.array(values))
        if slope is not None:
            found = vector_field(slope, line, "grad_U")
            check_gradient(U if callable(U) else values, slope, line, "grad_U", "U")
            slope = slope if callable(slope) else frozen(np.array(found[0]))
        return replace(self, U=U, grad_U=slope)

    def drift(self, grid: Grid) -> Field:
        r"""Drift :math:`(v, -(U'(x)+\gamma v)/m)`: a callable, or an array where U is one."""
        line = _positions(grid)
        given = self.U if self.grad_U is None else self.grad_U
        if callable(given) or np.ndim(given) == 0:
            return lambda x, v: self._rates(self._slope(line, x), v)
        slope = gradient(self.U, line, "U")[0] if self.grad_U is None else given
        return np.stack(self._rates(np.asarray(slope)[:, None], grid.x[1]))

    def energies(self, grid: Grid) -> tuple[Array, Array]:
        r"""Potential energy U of the cells along x (nx,), kinetic :math:`mv^2/2` along v (nv,)."""
        U = scalar_field(self.U, _positions(grid), "U")
        return U, 0.5 * self.mass * grid.centers[1] ** 2

    def _rates(self, slope: Array, v: Array) -> tuple[Array, Array]:
        """Drift from U' and v, which broadcast."""
        acceleration = -(slope + self.gamma * v) / self.mass
        return np.broadcast_to(v, acceleration.shape), acceleration

    def _slope(self, line: Grid, x: Array) -> Array:
        """U' at points, of callables and constants."""
        points = np.reshape(x, (1, -1))
        if self.grad_U is not None:
            return vector_field(self.grad_U, line, "grad_U", points)[0].reshape(np.shape(x))
        if isinstance(self.U, Formula):  # exact
            return scalar_field(self.U.partial(0), line, "U", points).reshape(np.shape(x))
        step = STEP * float(line.widths[0].min())
        values = quotient(lambda at: scalar_field(self.U, line, "U", at), points, 0, step)
        return values.reshape(np.shape(x))

    def __repr__(self) -> str:
        """Friction and mass."""
        return f"Langevin(gamma={self.gamma:g}, mass={self.mass:g})"


def check_phase_space(grid: Grid) -> Grid:
    """Return a grid of position and velocity, or say what is wrong with it."""
    if grid.dim != 2:
        raise ValueError(
            f"the grid has {grid.dim} axes; give two, position x and velocity v, for "
            "Problem.langevin"
        )
    if grid.periodic[1]:
        raise ValueError(
            "the velocity axis, the second one, is periodic, and velocities do not wrap; make it "
            "reflecting"
        )
    low, high = grid.box[1]
    if not low < 0 < high:
        raise ValueError(
            f"the velocity axis, the second one, goes from {low:g} to {high:g}; give one with 0 "
            "inside"
        )
    return grid


def _positions(grid: Grid) -> Grid:
    """The x axis of a grid."""
    axis = grid.faces[0] if grid.graded[0] else grid.box[0]
    return Grid([axis], grid.shape[0], [grid.sides[0]])
