"""JKO steps on a line by the positions of mass, for any energy; front positions and quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import LinAlgError, solveh_banded

from fokkerplanck.domain.arguments import real_array
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.methods.jko.energy_on_line import EnergyOnLine, FieldIteration
from fokkerplanck.methods.jko.line_setting import check_line, metric_faces
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run
from fokkerplanck.methods.jko.stages import advance, check_integrator
from fokkerplanck.methods.method import attributes, set_attributes

#: Weight of the logarithms that keep lengths positive, over the energy, where there is a largest
#: density: there the solution is approached from the inside.
FIRST_BARRIER = 1e-2
#: Their weight at last, and from the start where there is no largest density: it keeps faces of
#: empty cells apart.
LAST_BARRIER = 1e-9
#: Reduction of the weight from one minimisation to the next.
FADE = 0.1
#: Part of the limit by which it is set higher, so that a density at the limit is inside.
ROOM = 5e-10
#: Newton's method ends when it moves no face by more than this part of the box,
TOLERANCE = 1e-12
#: or than this one while the weight is not yet the last.
ROUGH = 1e-3
#: Moves below this part of the box are rounding if they do not become less.
SMALL = 1e-9
#: Newton iterations at one weight.
MAX_ITERATIONS = 100
#: Times that a Newton step is shortened.
MAX_CUTS = 12
#: Change of the field by an update, over the field, at which it counts as found.
SAME = 1e-10
#: Updates of the field of an interaction in a step.
MAX_UPDATES = 100
#: Gauss points of [0, 1] for the potential,
POINTS = 0.5 + 0.5 * np.array([-np.sqrt(0.6), 0.0, np.sqrt(0.6)])
#: and their weights.
WEIGHTS = np.array([5, 8, 5]) / 18


@dataclass(frozen=True)
class Lagrangian(MinimisingMovement):
    r"""JKO steps in one dimension by where the faces of the initial cells move, X.

    .. math:: \min_X \sum_k\ell_kU(p_k/\ell_k) + \sum_kp_k\overline V_k
              + \frac1{2\tau}\int(X-X_{old})^2\,d\rho_0,\qquad \ell_k=X_{k+1}-X_k

    The mass p_k between two faces never changes, so that nothing is ever interpolated between
    steps: fronts stay sharp, empty cells are no difficulty, and trajectories are at hand. Densities
    on the grid are what lies between its faces.

    Parameters
    ----------
    tau : float
        Longest step, time.
    energy : Energy, optional
        Default: the free energy of the problem. Any other will do: porous media, interactions (at
        the end of the step, by fixed-point iteration), a largest density (by an interior point
        method), your own.
    integrator : {"jko", "zeg2"}, default "jko"
        Order one or two in tau; "zeg2" makes three JKO steps of each, with sums of earlier
        positions in place of the last.
    levels : sequence of float
        Masses whose positions are kept after every step.

    Raises
    ------
    ValueError
        In two or three dimensions, on periodic grids, with absorbing sides, if D is not positive,
        if D depends on x and the energy has more internal energy than entropy, or if there is more
        mass than the largest density has room for.
    ConvergenceError
        If Newton's method or the fixed-point iteration does not converge.

    Notes
    -----
    Mass stays within the walls: the first and last face do not move. Second order in the width of
    the *moving* cells (first at fronts, read from the grid): where mass has spread by a large
    factor the picture gets coarse. The density at rest of the generator is kept up to this error
    only; ``ExactW2`` keeps it to rounding.
    Where the potential is far from convex and tau long, the functional may have several minima;
    one below the start is found, or a ConvergenceError raised.
    The energy falls as a function of the positions; read from the grid it may rise by what the
    cells do not resolve.
    ``stats["quantiles"]`` holds positions (steps + 1, levels), ``stats["faces"]`` the last X,
    in x, or in :math:`\int D^{-1/2}dx` where D depends on x.

    References
    ----------
    Blanchet, Calvez and Carrillo, SIAM J. Numer. Anal. 46 (2008); Carrillo and Moll, SIAM J. Sci.
    Comput. 31 (2009).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 200)
    >>> gas = fp.jko.Lagrangian(0.1, energy=fp.energies.PorousMedium(2))
    >>> start = fp.gaussian(grid, 0, 0.1)
    >>> solution = fp.solve(fp.Problem(grid), start, [0, 1], gas, steady=False)
    >>> solution.stats["quantiles"].shape
    (11, 5)
    """

    integrator: str = "jko"
    levels: Sequence[float] = (0.05, 0.25, 0.5, 0.75, 0.95)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integrator(self.integrator)
        levels = real_array(self.levels, "levels", "numbers between 0 and 1")
        if levels.ndim != 1 or not levels.size or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(
                f"levels are {np.ravel(self.levels).tolist()!r:.60}; give numbers between 0 and 1"
            )
        object.__setattr__(self, "levels", tuple(float(u) for u in levels))

    def prepare(self, run: Run) -> _Positions:
        """Energy, coordinate and room for positions."""
        return _Positions(run, check_integrator(self.integrator), self.levels)

    def snapshot_scheme(self, scheme: _Positions) -> Any:
        """Where the faces are, and have been."""
        return attributes(scheme, ("p", "X", "last", "quantiles"))

    def restore_scheme(self, scheme: _Positions, snapshot: Any) -> None:
        """Go on from there."""
        set_attributes(scheme, snapshot)

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """One step."""
        return run.scheme.step(run, p, tau)

    def report(self, state: Run) -> dict[str, Any]:
        """Counters and positions."""
        return {
            **super().report(state),
            "quantile_levels": np.array(self.levels),
            "quantiles": np.array(state.scheme.quantiles),
            "faces": state.scheme.X,
        }

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        return {"positivity": "by construction (masses between moving faces)"}


class _Positions:
    """Positions of the faces between fixed masses, in the course of one run."""

    def __init__(
        self, run: Run, weights: tuple[tuple[float, ...], ...], levels: Sequence[float]
    ) -> None:
        check_line(run, "Lagrangian")
        self.energy = EnergyOnLine(run.energy, run.grid)
        self.weights, self.levels = weights, np.array(levels)
        self.volume = np.array(run.volume, float)
        D = np.ravel(run.problem.D)
        if run.problem.D_constant:  # stay in x, and measure distances in units of D^(1/2)
            self.home, self.metric = np.array(run.grid.faces[0]), 1 / float(D[0])
        else:
            self.home, self.metric = metric_faces(run), 1.0
            if self.energy.internal or self.energy.limit < np.inf:
                raise ValueError(
                    "Lagrangian takes a D that depends on x for entropy, potential and interaction "
                    "only; give a constant D"
                )
        if self.energy.limit * self.volume.sum() < 1:
            raise ValueError(
                f"the largest density {self.energy.limit:g} leaves no room for a mass of 1 in "
                f"this box of {self.volume.sum():g}; raise the limit or enlarge the box"
            )
        self.centers = 0.5 * (self.home[1:] + self.home[:-1])
        # Masses between the faces X, and what they were on the grid after the last step.
        self.p, self.X, self.last = np.empty(0), self.home, np.empty(0)
        self.quantiles: list[Array] = []
        run.add(newton_iterations=0, interaction_updates=0)

    def step(self, run: Run, p: Array, tau: float) -> Array:
        """Masses of the grid's cells after one step."""
        goes_on = self.last.size and np.allclose(p, self.last, rtol=1e-12, atol=1e-300)
        if not goes_on:
            self.p, self.X = p, self.home.copy()
            if self.energy.limit * (1 + ROOM) < (p / self.volume).max():
                raise ValueError(
                    f"the density reaches {(p / self.volume).max():.12g}, above the largest one "
                    f"allowed, {self.energy.limit:g}; begin with less"
                )
        if not self.quantiles:
            self.quantiles = [self.positions()]
        self.X = advance(self.weights, lambda Z, s: self.movement(run, Z, s), self.X, tau)
        self.quantiles = [*self.quantiles, self.positions()]  # trial steps share the old list
        self.last = self.on_grid(self.X)
        return self.last

    def positions(self) -> Array:
        """Quantiles at the levels."""
        sums = np.append(0.0, np.cumsum(self.p))
        keep = np.append(True, np.diff(sums) > 0)
        return np.interp(self.levels * sums[-1], sums[keep], self.X[keep])

    def on_grid(self, X: Array) -> Array:
        """Masses between the faces of the grid, from the end of the line that is nearer."""
        left = np.append(0.0, np.cumsum(self.p))
        right = np.append(np.cumsum(self.p[::-1])[::-1], 0.0)
        from_left, from_right = (np.interp(self.home, X, sums) for sums in (left, right))
        is_left = from_left[1:] <= 0.5 * left[-1]
        m = np.where(is_left, np.diff(from_left), -np.diff(from_right))
        return np.maximum(m, 0.0)

    def movement(self, run: Run, Z: Array, sigma: float) -> Array:
        """Positions that minimise the energy plus the squared distance to Z over 2 sigma."""
        X = self.X
        iteration = FieldIteration(self.energy.field(self.on_grid(X) / self.volume))
        for update in range(MAX_UPDATES):
            functional = _Functional(self, iteration.field, Z, sigma / self.metric)
            X = functional.minimise(run, X)
            if not self.energy.pairs:
                return X
            m = self.on_grid(X)
            wanted = self.energy.field(m / self.volume)
            change = iteration.update(wanted, m)
            if change <= SAME * (1e-30 + float(np.sum(m * np.abs(wanted)))):
                run.add(interaction_updates=update + 1)
                return X
        raise ConvergenceError(
            f"the interaction at the end of a JKO step is still off by {change:.1e} after "
            f"{MAX_UPDATES} updates; take a smaller tau",
            iterate=X,
            residual=change,
        )


@dataclass(frozen=True, eq=False)
class _Tridiagonal:
    """A symmetric matrix by its diagonal and the entries next to it."""

    diagonal: Array
    off: Array


class _Functional:
    """Energy and squared distance of one movement, as a function of the inner faces."""

    def __init__(self, positions: _Positions, field: Array, Z: Array, sigma: float) -> None:
        energy = self.energy = positions.energy
        self.p, self.Z, self.sigma = positions.p, Z, sigma
        self.volume, self.home = positions.volume, positions.home
        # Per length of the coordinate; in x the second term is zero.
        V = field - energy.kT * np.log(positions.volume / np.diff(positions.home))
        self.V = CubicSpline(positions.centers, V)
        self.dV, self.ddV = self.V.derivative(), self.V.derivative(2)
        # What the functional is of the order of.
        scale = float(np.sum(self.p * np.abs(V - np.sum(self.p * V)))) + energy.kT
        rho = self.p / self.volume
        scale += sum(
            float(np.sum(np.abs(part.internal(rho)) * self.volume)) for part in energy.internal
        )
        self.scale = max(scale, float(np.sum(self.p * self.apart(Z)))) or 1.0
        limit = energy.limit * (1 + ROOM)
        self.least = self.p / limit if limit < np.inf else np.zeros_like(self.p)

    def apart(self, X: Array) -> Array:
        """Squared distance of each piece from the target over 2 sigma, per mass."""
        d = X - self.Z
        return (d[1:] ** 2 + d[1:] * d[:-1] + d[:-1] ** 2) / (6 * self.sigma)

    def minimise(self, run: Run, X: Array) -> Array:
        """Newton's method, with less and less of a barrier if the density has a limit."""
        weight = FIRST_BARRIER if self.energy.limit < np.inf else LAST_BARRIER
        while weight > LAST_BARRIER:
            X = self._newton(run, X, weight * self.scale, ROUGH)
            weight = max(FADE * weight, LAST_BARRIER)
        return self._newton(run, X, LAST_BARRIER * self.scale, TOLERANCE)

    def _newton(self, run: Run, X: Array, barrier: float, tolerance: float) -> Array:
        """Damped Newton steps at one weight of the barrier, relative to the number of cells."""
        barrier = barrier / self.p.size
        size, best = X[-1] - X[0], np.inf
        g, matrices = self._derivatives(X, barrier)
        value = self._value(X, barrier)
        for _ in range(MAX_ITERATIONS):
            run.add(newton_iterations=1)
            dX = np.zeros_like(X)
            dX[1:-1] = _solve(matrices, g)
            room, change = np.diff(X) - self.least, np.diff(dX)
            shrinks = change < 0
            part = min(1.0, 0.95 * float(np.min(room[shrinks] / -change[shrinks], initial=np.inf)))
            slope, moved = -float(g @ dX[1:-1]), float(np.abs(dX).max())
            for _ in range(MAX_CUTS):
                new = X + part * dX
                new_value = self._value(new, barrier)
                slack = 1e-4 * part * slope + 1e-13 * (abs(value) + self.scale)
                if new_value <= value + slack or moved <= SMALL * size:
                    break
                part *= 0.4
            X, value = new, new_value
            g, matrices = self._derivatives(X, barrier)
            if moved <= tolerance * size or (moved <= SMALL * size and moved >= 0.5 * best):
                return X
            best = min(best, moved)
        raise ConvergenceError(
            f"Newton's method of a JKO step still moves a face by {moved:.1e}; take a smaller tau",
            iterate=X,
            residual=moved,
        )

    def _value(self, X: Array, barrier: float) -> float:
        """Energy, squared distance and barrier."""
        length = np.diff(X)
        room = length - self.least
        if not (room > 0).all():
            return np.inf
        x = np.clip(X[:-1, None] + length[:, None] * POINTS, self.home[0], self.home[-1])
        total = np.sum(self.p * (self.V(x) @ WEIGHTS + self.apart(X)))
        total -= self.energy.kT * np.sum(self.p * np.log(length)) + barrier * np.sum(np.log(room))
        for part in self.energy.internal:
            total += np.sum(length * part.internal(self.p / length))
        return float(total)

    def _derivatives(self, X: Array, barrier: float) -> tuple[Array, list[_Tridiagonal]]:
        """Minus the derivatives by the inner faces, their matrix, and a positive one near it."""
        length, p = np.diff(X), self.p
        x = X[:-1, None] + length[:, None] * POINTS
        x = np.clip(x, self.home[0], self.home[-1])
        force, stiff = self.dV(x) * WEIGHTS, self.ddV(x) * WEIGHTS
        d = (X - self.Z) / self.sigma
        a, b = 1 - POINTS, POINTS
        left = p * (force @ a + (2 * d[:-1] + d[1:]) / 6)
        right = p * (force @ b + (2 * d[1:] + d[:-1]) / 6)
        pressure, bulk = self._pressure(length)
        room = length - self.least
        pressure = pressure + barrier / room
        bulk = bulk + barrier / room**2
        g = right[:-1] + left[1:] - pressure[:-1] + pressure[1:]
        spring, matrices = p / self.sigma, []
        # Where the potential is not convex, its curvature is taken positive: steps stay bounded.
        for curvature in (stiff, np.abs(stiff)):
            ll, rr, lr = (curvature @ (u * v) * p for u, v in ((a, a), (b, b), (a, b)))
            diagonal = (rr + spring / 3 + bulk)[:-1] + (ll + spring / 3 + bulk)[1:]
            matrices.append(_Tridiagonal(diagonal, (lr + spring / 6 - bulk)[1:-1]))
        return -g, matrices

    def _pressure(self, length: Array) -> tuple[Array, Array]:
        """Pressure rho U' - U of each piece, and minus its derivative by the length."""
        rho = self.p / length
        pressure, bulk = self.energy.kT * rho, self.energy.kT * rho / length
        for part in self.energy.internal:
            pressure = pressure + rho * part.d_internal(rho) - part.internal(rho)
            bulk = bulk + rho**2 * part.dd_internal(rho) / length
        return pressure, bulk


def _solve(matrices: list[_Tridiagonal], g: Array) -> Array:
    """Newton step; by the second matrix, which is positive, if the first is not."""
    full, safe = matrices
    # Stiff pieces side by side leave a matrix that is singular to rounding: hence the shift.
    for matrix, shift in ((full, 0.0), (safe, 0.0), (safe, 1e-13)):
        if not (matrix.diagonal > 0).all():
            continue
        scale = 1 / np.sqrt(matrix.diagonal)
        band = np.full((2, g.size), 1.0 + shift)  # upper form, scaled to a unit diagonal
        band[0, 1:] = matrix.off * scale[1:] * scale[:-1]
        try:
            return scale * solveh_banded(band, scale * g)
        except LinAlgError:
            continue
    raise ConvergenceError("the Newton matrix of a JKO step is not positive; take a smaller tau")
