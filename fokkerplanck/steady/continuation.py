"""Newton's method for log rho, made global by pseudo-time, and when it is given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.scheme.nine_point import NinePoint
from fokkerplanck.steady.wells import Iteration, deep_wells

#: Largest change of a difference of log rho between neighbours in one step.
MAX_CHANGE = 3.0
#: First pseudo-time step, in exchange times of a cell.
FIRST_STEP = 10.0
#: Least factor by which pseudo-time steps grow after a full step.
LEAST_GROWTH = 2.0
#: Largest such factor.
MOST_GROWTH = 10.0
#: Pseudo-time step beyond which a step is Newton's own.
INFINITE_STEP = 1e6
#: Steps after which the iteration gives up.
MAX_ITERATIONS = 100
#: Mean balance under rho that counts as none: only thin tails are not in balance yet.
MASS_BALANCED = 1e-9


@dataclass(frozen=True)
class Patience:
    """When an iteration that does not move the mass is given up, by its balances alone.

    Far tails hold no mass and may need dozens of steps, in which the largest balance of all cells
    stays near one; but where the mass is, an iteration that gets somewhere shows it soon.

    Attributes
    ----------
    trials : tuple of (int, float, float)
        Steps, least, front: given up after so many steps unless the mean balance has fallen below
        ``least`` times the first, or the largest one below ``front``: it is near one at a front
        that goes through far tails.
    window : float
        Given up later unless it falls below this multiple in ``every`` steps.
    tails : float
        Or the largest balance below this one: 0 where it does not count.
    every : int
    """

    trials: tuple[tuple[int, float, float], ...]
    window: float
    tails: float = 0.0
    every: int = 8

    @property
    def last_trial(self) -> int:
        """Steps of the last trial."""
        return max(steps for steps, *_ in self.trials)

    def runs_out(self, mean: list[float], largest: list[float]) -> bool:
        """Whether to give up, from the balances after each step so far."""
        steps = len(mean) - 1
        for trial, least, front in self.trials:
            if steps == trial and mean[-1] > least * mean[0] and largest[-1] > front:
                return True
        if steps < self.last_trial + self.every:
            return False
        moves = mean[-1] <= self.window * mean[-1 - self.every]
        if mean[-1] < MASS_BALANCED:  # the mass is at rest, so it is up to the tails
            moves = self.tails == 0.0
        return not (moves or largest[-1] <= self.tails * largest[-1 - self.every])


def no_tick() -> None:
    """Show no progress."""


def iterate(
    scheme: NinePoint,
    phi: Array,
    tol: float,
    linear: Any,
    held: Flags | None = None,
    limit: int | None = None,
    patience: Patience | None = None,
    tick: Callable[[], object] = no_tick,
) -> Iteration:
    """Newton's method by pseudo-transient continuation, with some cells held.

    Each step is an implicit step of d log rho/dt = - balance / exchange rate, every cell in its own
    time, with steps that grow as the balance falls (Kelley and Keyes, SIAM J. Numer. Anal. 35,
    1998). But for the times of cells that is the Fokker-Planck dynamics, which reaches the steady
    state from anywhere; plain Newton steps do not.

    Parameters
    ----------
    scheme : NinePoint
    phi : array (n,)
        Log density to start from.
    tol : float
        On the balance over the exchange rate of the cells that are not held.
    linear : object with ``solve`` and ``name``
    held : flags (n,), optional
        By default the densest cell of every well, chosen anew after each step.
    limit : int, optional
        Most steps.
    patience : Patience, optional
    tick : callable
        Called before every step.
    """
    limit = MAX_ITERATIONS if limit is None else limit
    scaled, rate, now_held = _balance(scheme, phi, held)
    history, mean = [float(np.abs(scaled).max())], [_mean(scaled, phi)]
    time_step, gave_up = FIRST_STEP / np.clip(history[0], 1e-6, 1.0) ** 2, False
    while history[-1] > tol and len(history) <= limit and time_step > 1e-3 and not gave_up:
        tick()
        step = _step(scheme, phi, now_held, scaled, rate, time_step, linear)
        if step is None:  # a shorter time step makes the diagonal larger
            time_step = min(time_step, INFINITE_STEP) / 5
        else:
            change = float(np.abs(scheme.step @ step).max())
            t = min(1.0, MAX_CHANGE / change) if change > 0 else 1.0
            trial = phi + t * step
            new, new_rate, new_held = _balance(scheme, trial, held)
            with np.errstate(invalid="ignore"):
                ratio = float(np.linalg.norm(scaled)) / max(float(np.linalg.norm(new)), 1e-300)
            if np.isfinite(ratio) and ratio > 0.5:
                phi, scaled, rate, now_held = trial, new, new_rate, new_held
                if t == 1.0:
                    time_step *= min(MOST_GROWTH, max(LEAST_GROWTH, ratio))
                elif t < 0.3:
                    time_step /= 2
            else:
                time_step /= 5
        history.append(float(np.abs(scaled).max()))
        mean.append(_mean(scaled, phi))
        gave_up = patience is not None and patience.runs_out(mean, history)
    converged = history[-1] <= tol
    return Iteration(
        phi - phi.max(),
        history[-1],
        len(history) - 1,
        converged,
        tuple(history),
        linear.name,
        gave_up and not converged,
    )


def _mean(scaled: Array, phi: Array) -> float:
    """Mean of the relative balance under the density."""
    weight = np.exp(phi - phi.max())
    return float(weight @ np.abs(scaled) / weight.sum())


def _balance(scheme: NinePoint, phi: Array, held: Flags | None) -> tuple[Array, Array, Flags]:
    """Balance over exchange rate with zeros at the held cells, the rates, and the held cells."""
    balance, rate = scheme.residual(phi)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = balance / rate
    if held is not None:
        scaled[held] = 0.0
        return scaled, rate, held
    wells = deep_wells(scheme.graph, phi)
    flags = np.zeros(phi.size, bool)
    flags[wells] = True
    if len(wells) > 1:  # held cells come into balance by their weights, later
        scaled[wells] = 0.0
    return scaled, rate, flags


def _step(
    scheme: NinePoint,
    phi: Array,
    held: Flags,
    scaled: Array,
    rate: Array,
    time_step: float,
    linear: Any,
) -> Array | None:
    """Solve the linearised equation with some cells held; None if it is singular."""
    time_step = time_step if time_step < INFINITE_STEP else np.inf
    J = scheme.scaled_jacobian(phi, rate, 1 / time_step)
    step = linear.solve(J, -scaled, held, phi, rate, time_step)
    return step if step is not None and np.isfinite(step).all() else None
