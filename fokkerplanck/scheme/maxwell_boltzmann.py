r"""The Maxwell-Boltzmann state of underdamped motion on a grid, and its current as a discrete curl.

The state :math:`\pi=e^{-(U+mv^2/2)/kT}` of ``Problem.langevin`` carries the current

.. math:: J = \Big(v,\,-\frac{U'}m\Big)\pi = \frac{kT}m\,(-\partial_v\pi,\ \partial_x\pi),

a curl. Differences of one array at cell corners, products P(x) Q(v) of values at faces, give
currents through faces whose balance vanishes to rounding on any grid, whatever P and Q are. At
walls they are zero: within the last cells the current turns around, as an elastic wall makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.langevin import Langevin
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme.bernoulli import log_bernoulli
from fokkerplanck.scheme.cells import cell_type, neighbours
from fokkerplanck.scheme.currents import EdgeCurrents

#: Largest change of log pi from cell to cell at which polynomials through its cells are trusted.
STEEP = 2.0
#: Value at a face of the function whose cell means are six values around it.
SIXTH = np.array([1, -8, 37, 37, -8, 1]) / 60


@dataclass(frozen=True, eq=False)
class Profile:
    r"""One factor of :math:`\pi` along its axis.

    Attributes
    ----------
    log_pi : array (n,)
        At cell centres.
    step : array (m,)
        Difference of ``log_pi`` across every inner face, and across the seam of a periodic axis.
    log_mean : array (m,)
        Logarithm of :math:`(\int ds/\pi)^{-1}`, the mean over a face of an exponential profile.
    log_face : array (m,)
        Logarithm of the values P whose differences are slopes of :math:`\pi` at the centres: of
        sixth order where the cells resolve it, else ``log_mean``.
    widths : array (n,)
    """

    log_pi: Array
    step: Array
    log_mean: Array
    log_face: Array
    widths: Array

    @classmethod
    def along(cls, grid: Grid, k: int, log_pi: Array) -> Profile:
        """Profile of log pi (n,) along axis k of a grid."""
        lower, upper = (np.arange(grid.shape[k])[i[-1]] for i in neighbours(grid, k))
        step = log_pi[upper] - log_pi[lower]
        log_mean = np.maximum(log_pi[lower], log_pi[upper]) + log_bernoulli(np.abs(step))
        log_face = log_mean.copy()
        if not grid.graded[k]:
            for face in np.flatnonzero(smooth(step, lower, -2, 3, len(log_pi))):
                around = log_pi[(face + np.arange(-2, 4)) % len(log_pi)]
                ratio = SIXTH @ np.exp(around - log_mean[face])
                if 0.5 < ratio < 2:
                    log_face[face] += np.log(ratio)
        return cls(log_pi, step, log_mean, log_face, grid.widths[k])

    @property
    def lower(self) -> Integers:
        """Cell below every face; the one above is the next, or the first."""
        return np.arange(self.step.size)

    def slope(self) -> Array:
        r"""Logarithmic slope :math:`\pi'/\pi` of the cells (n,), from the differences of P."""
        n = self.log_pi.size
        slope = np.zeros(n)
        upper = (self.lower + 1) % n
        slope[self.lower] += np.exp(self.log_face - self.log_pi[self.lower])
        slope[upper] -= np.exp(self.log_face - self.log_pi[upper])
        return slope / self.widths


def smooth(step: Array, lower: Integers, first: int, last: int, n: int) -> Array:
    """Flags (m,) of faces around which cells first to last exist and log pi is not steep."""
    m = step.size
    low, high = lower + first, lower + last
    inside = (low >= 0) & (high < n) | (m == n)
    gaps = (lower[:, None] + np.arange(first, last)) % m
    return inside & (np.abs(step[gaps]).max(axis=1) <= STEEP)


def known(problem: Problem) -> Langevin:
    """Potential, friction and mass of a ``Problem.langevin``."""
    if problem.given.langevin is None:
        raise ValueError(
            f"{problem!r} is not known to have a Maxwell-Boltzmann state; make it by "
            "Problem.langevin"
        )
    return problem.given.langevin


def profiles(problem: Problem) -> tuple[Profile, Profile]:
    """Both factors of pi of a ``Problem.langevin``."""
    potential, kinetic = known(problem).energies(problem.grid)
    return (
        Profile.along(problem.grid, 0, -problem.beta * potential),
        Profile.along(problem.grid, 1, -problem.beta * kinetic),
    )


def velocities(problem: Problem, x: Profile, v: Profile) -> tuple[Array, Array]:
    r"""Velocities :math:`-\frac{kT}m\pi_v'/\pi` (nv,), accelerations :math:`\frac{kT}m\pi_x'/\pi`.

    These are v and -U'/m as the curl has them.
    """
    scale = problem.kT / known(problem).mass
    return -scale * v.slope(), scale * x.slope()


def reversible_acceleration(problem: Problem) -> Array:
    r"""Acceleration :math:`-U'/m` (\*shape) without friction."""
    langevin = known(problem)
    return problem.drift[1] + langevin.gamma / langevin.mass * problem.grid.x[1]


def irreversible_entropy_production(j: Array, problem: Problem, rho: Array) -> float:
    r"""Entropy production :math:`\frac{m^2}{\gamma kT}\int\rho j_r^2\,dx` of underdamped motion.

    The motion (v, -U'/m) of position and velocity is reversible, as v changes sign with time. What
    friction and noise leave of the current of velocity, :math:`j_r=j_v+U'/m`, is not (R. E.
    Spinney and I. J. Ford, Phys. Rev. Lett. 108 (2012) 170603).

    Parameters
    ----------
    j : array (2, \*shape)
        J/rho.
    problem : Problem
        Made by ``Problem.langevin``.
    rho : array (\*shape)

    Returns
    -------
    float
        1/time.
    """
    rest = j[1] - reversible_acceleration(problem)
    return float(problem.beta / known(problem).D[1] * problem.grid.integrate(rho * rest**2))


def steady_currents(problem: Problem) -> tuple[EdgeCurrents, float]:
    """Currents of the Maxwell-Boltzmann state, up to its normalisation, and its residual."""
    grid, (x, v) = problem.grid, profiles(problem)
    velocity, acceleration = velocities(problem, x, v)
    cells = np.arange(grid.size, dtype=cell_type(grid.size)).reshape(grid.shape)
    parts = []
    fields = grid.centers[1], reversible_acceleration(problem)[:, 0]
    for k, (here, speed) in enumerate(((x, velocity), (v, acceleration))):
        lower, upper = neighbours(grid, k)
        width = 0.5 * (here.widths[lower[-1]] + here.widths[upper[-1]])
        # The leftover field is known; currents, over the denser of two cells, have to balance.
        denser = np.maximum(here.log_pi[lower[-1]], here.log_pi[upper[-1]])
        carried = np.exp(here.log_face - denser) / width
        both = [np.multiply.outer(1 / width, fields[k]), np.multiply.outer(carried, speed)]
        both = both if k == 0 else [values.T for values in both]
        parts.append([a.ravel() for a in (cells[lower], cells[upper], *both)])
    tail, head, moved, over_denser = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    log_pi = np.add.outer(x.log_pi, v.log_pi).ravel()
    currents = EdgeCurrents(grid, log_pi, tail, head, moved, None, over_denser)
    return currents, _residual(x, v, velocity, acceleration)


def _residual(x: Profile, v: Profile, velocity: Array, acceleration: Array) -> float:
    """Largest net flow out of a cell over its outflow: rounding."""
    net = np.multiply.outer(x.slope(), velocity) + np.multiply.outer(acceleration, v.slope())
    both = np.zeros(net.shape)
    for here, speed, turn in ((x, velocity, False), (v, acceleration, True)):
        size = np.zeros(here.log_pi.size)
        for cell in (here.lower, (here.lower + 1) % size.size):
            np.add.at(size, cell, np.exp(here.log_face - here.log_pi[cell]))
        each = np.multiply.outer(size / here.widths, np.abs(speed))
        both += each.T if turn else each
    return float((np.abs(net) / np.where(both > 0, both, 1.0)).max())
