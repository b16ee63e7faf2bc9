"""JKO steps on a line: the exact Wasserstein distance between densities constant in cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import describe, is_whole
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.transport import jko_line
from fokkerplanck.methods.jko.energy_on_line import EnergyOnLine, FieldIteration
from fokkerplanck.methods.jko.line_setting import check_line, metric_faces, rates
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run

#: Largest relative change of a mass in the last Newton iteration; the error is about its square.
TOLERANCE = 1e-8
#: Relative change of the masses at which the field of an interaction counts as found.
SAME = 1e-12
#: Updates of the field of an interaction in a step.
MAX_UPDATES = 100
#: Depth of the gaps that divide a density, over the lower of the peaks beside them.
DEEP = 1e-3
#: Mass by which steps of two parts may overlap and still be exact.
NO_OVERLAP = 1e-13
#: Newton iterations before a density is moved in parts.
TRIAL = 16
#: Shortened Newton steps before a density is moved in parts.
SHORT = 5
#: Shortened Newton steps of all other minimisations.
MANY = 10_000
#: Rise of the energy, over the energy and kT, that is rounding.
ROUNDING = 1e-14


@dataclass(frozen=True)
class ExactW2(MinimisingMovement):
    r"""JKO steps in one dimension with the exact Wasserstein distance.

    .. math:: \rho_{k+1} = \arg\min_\rho E(\rho) + \frac1{2\tau}W_2^2(\rho,\rho_k)

    over densities constant in the cells of the grid, at any tau. Where D depends on x the distance
    is that of the metric :math:`dx^2/D`: the coordinate becomes :math:`y=\int D^{-1/2}dx`, masses
    and the free energy stay what they are.

    Parameters
    ----------
    tau : float
        Longest step, time.
    energy : Energy, optional
        Default: the free energy of the problem, :math:`\beta^{-1}\mathrm{KL}(\rho\|\rho_\infty)`,
        whose least value is at the discrete density at rest of the generator.
    max_iterations : int, default 60
        Newton iterations of one step.

    Raises
    ------
    ValueError
        In two or three dimensions, on periodic grids, with absorbing sides, if D is not positive
        everywhere, or if the internal energy is not entropy alone: ``Lagrangian`` is for these.
    ConvergenceError
        If the iteration for an interaction does not converge.

    Notes
    -----
    The functional is convex and is minimised to rounding: positive, mass exact, the energy never
    rises, the density at rest does not move. First order in tau, second in the cell width. Newton's
    method takes the mass that crosses each face as unknown, moves logarithms of masses and starts
    from a step of backward Euler; a step costs O(n).

    Where the old density falls into parts with next to nothing between, and tau is too short to
    fill the gap, the place in the gap from where mass goes left and right is hardly determined in
    double precision. Should Newton's method fail there, the parts are moved each on its own
    (exactly, as long as the new ones overlap by less than 1e-13; else their sum is where Newton's
    method starts again): ``stats["steps_in_parts"]``. Should that fail too, the step is one of
    backward Euler, which is JKO's in the metric of the generator: positive, of falling energy, of
    first order too: ``stats["backward_euler_steps"]``. ``stats["unsettled_tails"]`` counts
    minimisations in which masses of less than 1e-13 in all had not converged relative to
    themselves.

    An interaction is taken at the end of the step, by fixed-point iteration with Anderson
    acceleration; then there is nothing to fall back on.

    References
    ----------
    Jordan, Kinderlehrer and Otto, SIAM J. Math. Anal. 29 (1998), scheme (11); Lisini, ESAIM COCV 15
    (2009), for D(x).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 200)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> start = fp.gaussian(grid, 1, 0.3)
    >>> solution = fp.solve(problem, start, [0, 0.1], fp.jko.ExactW2(tau=0.1))
    >>> round(float(grid.integrate(grid.x[0] * solution[-1])), 3)  # 1 / (1 + tau)
    0.909
    """

    max_iterations: int = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        k = self.max_iterations
        if not is_whole(k) or k < 1:
            raise ValueError(f"max_iterations is {describe(k)}; give a whole number, at least 1")

    def prepare(self, run: Run) -> _Line:
        """Coordinate, energy and work space."""
        return _Line(run, self.max_iterations)

    def snapshot_scheme(self, scheme: _Line) -> Any:
        """Nothing: a step begins with the field of its own masses."""
        return {}

    def minimise(self, run: Run, p: Array, tau: float) -> Array:
        """One step."""
        return run.scheme.step(run, p, tau)

    @property
    def guarantees(self) -> dict[str, str]:
        """What holds by construction."""
        return {"positivity": "by construction (logarithms of masses)"}


@dataclass(eq=False)
class _Group:
    """Parts of a density that are moved together: their masses before and after the step."""

    before: Array
    after: Array
    is_joint: bool = False


class _Line:
    """What steps on one line share."""

    def __init__(self, run: Run, max_iterations: int) -> None:
        check_line(run, "ExactW2")
        self.energy = EnergyOnLine(run.energy, run.grid)
        if not self.energy.is_entropic:
            raise ValueError(
                f"ExactW2 is for energies of entropy, potential and interaction, this one is "
                f"{run.energy!r}; add an Entropy(kT), or use Lagrangian(tau, energy), which takes "
                "any"
            )
        self.max_iterations = max_iterations
        self.faces = metric_faces(run)
        self.volume = np.array(run.volume, float)
        self.kT = self.energy.kT
        self.work = np.empty((14, self.faces.size))
        self.is_settled = True  # False if far tails had not converged in the last minimisation
        self.set_field(self.energy.V)
        run.add(
            newton_iterations=0,
            steps_shortened=0,
            unsettled_tails=0,
            steps_in_parts=0,
            backward_euler_steps=0,
        )

    def set_field(self, field: Array) -> None:
        """Potential of all forces but the entropy's."""
        log_pi = np.log(self.volume) - field / self.kT
        self.log_pi = log_pi - log_pi.max()
        self.rates = rates(self.faces, self.log_pi)  # up, down

    def step(self, run: Run, p: Array, tau: float) -> Array:
        """Masses after one step."""
        if not self.energy.pairs:
            return self.step_without_pairs(run, p, tau)
        iteration = FieldIteration(self.energy.field(p / self.volume))
        self.set_field(iteration.field)
        m = self.backward_euler(p, tau)
        for update in range(MAX_UPDATES):
            if not self.newton(run, p, tau, m):
                parts = self.in_parts(run, p, tau)
                if parts is None:
                    break
                m = parts
            # Relative change of the masses by the next update, to first order.
            change = iteration.update(self.energy.field(m / self.volume), m) / self.kT
            if change <= SAME:
                run.add(interaction_updates=update + 1)
                return m
            self.set_field(iteration.field)
        raise ConvergenceError(
            "the interaction at the end of a JKO step was not found; take a smaller tau, or begin "
            "with a density without empty gaps",
            iterate=p,
        )

    def step_without_pairs(self, run: Run, p: Array, tau: float) -> Array:
        """By Newton's method, in parts if that seems to fail, by backward Euler if all does."""
        m = self.backward_euler(p, tau)
        if self.newton(run, p, tau, m, min(TRIAL, self.max_iterations), SHORT):
            # Tails far beyond the resolution of the grid may hide that a step is none.
            if self.is_settled or self.falls(run, p, m):
                return m
        else:
            parts = self.in_parts(run, p, tau)
            if parts is not None and self.falls(run, p, parts):
                return parts
            if self.newton(run, p, tau, m) and self.falls(run, p, m):
                return m
        run.add(backward_euler_steps=1)
        return np.maximum(self.backward_euler(p, tau), jko_line.TINY)

    def falls(self, run: Run, p: Array, m: Array) -> bool:
        """Whether masses m have no more energy than p, up to rounding."""
        before, after = (run.energy.value(q / self.volume, run.grid) for q in (p, m))
        return after <= before + ROUNDING * (abs(before) + self.kT)

    def newton(
        self, run: Run, p: Array, tau: float, m: Array, limit: int | None = None, most: int = MANY
    ) -> bool:
        """Overwrite the start m by the minimiser; whether it was found.

        At most ``limit`` iterations, of which ``most`` steps may be shortened.
        """
        kappa, limit = 1 / (self.kT * tau), limit or self.max_iterations
        iterations, shortened, change, shift = jko_line.minimise(
            self.faces, p, self.log_pi, kappa, TOLERANCE, limit, most, m, self.work
        )
        run.add(newton_iterations=iterations, steps_shortened=shortened)
        found = change <= TOLERANCE or shift <= jko_line.SETTLED
        self.is_settled = not (found and change > TOLERANCE)
        run.add(unsettled_tails=int(not self.is_settled))
        return found

    def in_parts(self, run: Run, p: Array, tau: float) -> Array | None:
        """Step of the sum of parts that deep gaps divide, each on its own; None if that fails.

        The exact density is the larger of those of the parts where these hardly overlap. Parts that
        do are put together, the sum of their steps a good start.
        """
        groups: list[_Group] = []
        for part in divided(p):
            m = self.backward_euler(part, tau)
            if not self.newton(run, part, tau, m):
                return None
            if groups and np.minimum(groups[-1].after, m).sum() > NO_OVERLAP:
                groups[-1] = _Group(groups[-1].before + part, groups[-1].after + m, is_joint=True)
            else:
                groups.append(_Group(part, m))
        for group in groups:
            if group.is_joint and not self.newton(run, group.before, tau, group.after):
                return None
        run.add(steps_in_parts=1)
        return np.sum([group.after for group in groups], axis=0)

    def backward_euler(self, p: Array, tau: float) -> Array:
        """Masses after a step of backward Euler, at rest where the energy is least."""
        (up, down), m = self.rates, np.empty_like(p)
        jko_line.implicit_euler(up, down, self.kT * tau, p, m)
        return m


def divided(p: Array) -> list[Array]:
    """Parts of p on either side of its deepest gaps, as arrays (n,) with zeros elsewhere."""
    left, right = np.maximum.accumulate(p), np.maximum.accumulate(p[::-1])[::-1]
    lower = np.minimum(left, right)
    depth = np.divide(p, lower, out=np.ones_like(p), where=lower > 0)
    k = int(np.argmin(depth))
    if depth[k] > DEEP:
        return [p]
    # Divide in the middle of cells that are equally empty.
    k += int(np.flatnonzero(np.append(depth[k:] > depth[k], True))[0]) // 2
    low, high = p.copy(), p.copy()
    low[k:], high[:k] = 0.0, 0.0
    return divided(low) + divided(high)
