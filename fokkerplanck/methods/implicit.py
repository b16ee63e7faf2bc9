"""L-stable implicit steps with error control, every one of them positive."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fokkerplanck import observables
from fokkerplanck.domain.arguments import describe, is_whole, one_of
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.scheme import limiter
from fokkerplanck.linalg import powers, sizes
from fokkerplanck.linalg.factors import ImplicitFactor
from fokkerplanck.linalg.implicit_multigrid import SOLVERS, Solvers
from fokkerplanck.methods.method import Context, Method, attributes, of_mass, set_attributes
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

# Least tolerance that sums of a few terms of alternating sign can keep.
LEAST_TOLERANCE = 1e-12
# Half of the tolerance is spread over the run; the other half, and what steps did not use, is the
# reserve. A step may take this part of the reserve, the last step all of it.
SHARE = 1 / 8
# The ratio of successive differences, as it was last seen, is taken this much larger for the next.
NEXT = 1.5
# Error aimed at, over the error allowed.
SAFETY = 0.8
# Largest change of the length of a step, in factors of two.
MOST_DOUBLINGS = 4
# Steps after a rejection before longer ones are tried.
WAIT = 8
# Passes of the limiter.
PASSES = 10
# Halvings in a row for the sake of the relative entropy before a step of order one is taken.
MAX_HALVINGS = 6
# Relative entropy that is nothing but rounding.
KL_ROUNDING = 1e-27
# Relative entropy below which solves are refined.
KL_SMALL = 1e-8
# Length times the largest rate below which shorter steps do not lessen the error.
SHORTEST = 1e-6
# What a run keeps from one interval to the next, besides its solvers.
KEPT = (
    "tau",
    "is_begun",
    "rate",
    "reserve",
    "elapsed",
    "mass",
    "spent",
    "order_one_error",
    "kl",
    "wait",
    "halvings",
    "shortest",
)


@dataclass(frozen=True)
class Implicit(Method):
    r"""L-stable implicit steps of order 2 or 4 with error control: positive, mass exact.

    A step of length h is :math:`\sum_jc_jy_j` of successive solutions
    :math:`(I-\tau A)\,y_j=y_{j-1}`, :math:`y_0=p`: what singly diagonally implicit Runge-Kutta
    methods (SDIRK) are for equations like this one. :math:`\tau` is a power of two, and one
    factorisation serves all steps between h/2 and h, so that any output times are met at no cost.

    Parameters
    ----------
    order : {2, 4}
        3 or 5 solves a step.
    tolerance : float, default 1e-6
        L1 error in time over the whole run, of a density of mass 1; at least 1e-12. Overridden by
        ``solve(..., rtol=, atol=)``.
    solver : {"auto", "direct", "multilevel"}
        "direct" factorises; "multilevel" needs memory like the number of cells alone, and slower
        solves. "auto" takes it beyond 1.5e6 cells in two and 5e4 in three dimensions.

    Notes
    -----
    *Error.* Every step estimates its local error by a multiple of
    :math:`(I-(I-\tau A)^{-1})^sp`, s the number of solves. The semigroup never lengthens a
    difference in L1, so the sum of local errors, ``stats["error_estimate"]``, bounds the error at
    the end; it is kept below the tolerance. Steps are halved and doubled by what is left of it.

    *Positivity.* No linear method of order above one is positive (Bolley and Crouzeix 1978). Every
    step has a partner of order one at no further solve, a mixture of the :math:`y_j` with weights
    >= 0, i.e. of backward Euler steps: positive, of exact mass and decreasing relative entropy for
    any step. A step with a negative mass is put together again from its partner and as much of the
    edge currents between the two as keeps all masses positive (flux-corrected transport). What this
    changes in L1 counts as error of the step, so such a step is accepted or halved as any other.
    How often and how much: ``stats["limited_steps"]``, ``stats["limited_mass"]``.

    *Relative entropy.* It is evaluated after every step, if ``solve`` knows the steady state of the
    generator. A step that would raise it is rejected and halved; after six halvings in a row the
    partner of order one is taken instead, whose relative entropy decreases by convexity:
    ``stats["rejected_entropy"]``, ``stats["order_one_steps"]``; what that costs is in the error
    estimate, which may then exceed the tolerance. Below 1e-27 it is rounding.

    References
    ----------
    Nørsett, BIT 14 (1974), restricted Padé approximations; Hairer and Wanner, Solving Ordinary
    Differential Equations II, sections IV.6 and IV.8; Zalesak, J. Comput. Phys. 31 (1979).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> start = fp.gaussian(grid, 1, 0.2)
    >>> a = fp.solve(problem, start, [0, 0.3, 1, 100], fp.Implicit(), rtol=1e-5)
    >>> b = fp.solve(problem, start, [0, 0.3, 1, 100])
    >>> bool(grid.integrate(abs(a.rho - b.rho)).max() < 1e-5), bool(a.min_rho.min() > 0)
    (True, True)
    """

    order: int = 4
    tolerance: float = 1e-6
    solver: str = "auto"

    is_adaptive = True

    def __post_init__(self) -> None:
        if not is_whole(self.order) or self.order not in powers.FAMILIES:
            choices = " or ".join(map(str, powers.FAMILIES))
            raise ValueError(f"order is {self.order!r}; give {choices}")
        given = self.tolerance
        if not (isinstance(given, (int, float, np.floating)) and LEAST_TOLERANCE <= given < 1):
            raise ValueError(f"tolerance is {describe(given)}; give a number from 1e-12 to 1")
        one_of(self.solver, "solver", SOLVERS)

    def init(self, generator: Generator, context: Context) -> ImplicitState:
        """State of a run: factorisations, length of the steps, what is left of the tolerance."""
        tolerance = self.tolerance if context.tolerance is None else context.tolerance
        if tolerance < LEAST_TOLERANCE:
            raise ValueError(
                f"rtol + atol is {tolerance:g}; Implicit keeps 1e-12 and more, give that or use "
                "Exponential()"
            )
        return ImplicitState(generator, context, self, tolerance)

    def step(self, state: ImplicitState, p: Array, span: float) -> Array:
        """Masses after a span of time, by steps of the method's own."""
        done = 0.0
        state.kl = state.relative_entropy(p)  # p may be any masses
        if not state.is_begun:
            state.begin(p)
        while done < span:
            h, tau = state.plan(span - done)
            attempt = state.attempt(p, h, tau)
            if attempt.error > state.allowed(h):
                state.shorten(tau, attempt)
                continue
            if attempt.rises and state.halvings < MAX_HALVINGS:
                state.context.record.add(rejected_entropy=1)
                state.tau, state.halvings = tau / 2, state.halvings + 1
                continue
            if attempt.rises:
                attempt = state.order_one(attempt)
            else:
                state.halvings = 0
            last = h >= span - done
            done = span if last else done + h
            p = state.accept(attempt, h)
            state.lengthen(tau, attempt, span - done)
            state.context.observe(done, p)
            state.context.tick(done / span)
        return p

    def fork(self, state: ImplicitState) -> ImplicitState:
        """State for a trial step."""
        other = copy.copy(state)
        other.factors = state.factors.fork()
        return other

    def snapshot(self, state: ImplicitState) -> Any:
        """Length of the steps, what is left of the tolerance, lengths that are factorised."""
        return attributes(state, KEPT) | {"factors": state.factors.snapshot()}

    def restore(self, state: ImplicitState, snapshot: Any) -> None:
        """Go on with these, and factorise again."""
        set_attributes(state, {name: snapshot[name] for name in KEPT})
        state.factors.restore(snapshot["factors"])


@dataclass(eq=False)
class _Attempt:
    """A step that may be accepted: masses, those of order one, error, relative entropy."""

    p: Array
    partner: Array
    error: float
    worst: float  # error of the longest step for the same tau
    kl: float
    rises: bool
    limited: float


class ImplicitState:
    """Factorisations, length of the steps and what is left of the tolerance, in one run."""

    #: Whether steps are limited where they are negative: a partner of order one is positive.
    keeps_signs = True

    def __init__(
        self, generator: Generator, context: Context, method: Implicit, tolerance: float
    ) -> None:
        self.generator, self.context, self.tolerance = generator, context, tolerance
        self.stages, self.gamma = powers.FAMILIES[method.order]
        self.volume = generator.grid.volumes.ravel()
        self.log_inf = context.log_rho_inf
        masses = None if self.log_inf is None else self.log_inf.ravel() + np.log(self.volume)
        self.flows, self.factors = self.solvers(method.solver, masses)
        self.fastest = float(generator.exit_rates.max())
        self.tau, self.is_begun = 0.0, False
        # Local error per time that every step may have, and what may be added to it.
        self.rate, self.reserve = 0.0, 0.5 * tolerance
        self.elapsed = self.mass = self.spent = self.order_one_error = 0.0
        self.kl = math.nan  # relative entropy, if there is a steady state
        self.wait = 0  # steps before longer ones are tried
        self.halvings = 0  # since the last step of full order
        self.shortest = math.inf
        compared = "every step, by comparison"
        if self.log_inf is None:
            compared = "not compared, no steady state of the generator was given"
        put = context.record.put
        put(order=method.order, steps=0, rejected=0, solves=0, solver=self.factors.solver)
        put(factorisations=0, repaired_mass=0, shortest_step=math.nan, longest_step=0.0)
        put(tolerance=tolerance, error_estimate=0.0, limited_steps=0, limited_mass=0.0)
        put(rejected_entropy=0, order_one_steps=0, mass_correction=0.0)
        put(positivity="every step, by construction", entropy=compared)

    def solvers(self, name: str, log_mass: Array | None) -> tuple[Any, Any]:
        """What tells whether mass is kept, and solvers for I - tau A by tau."""
        flows = Flows.from_generator(self.generator)
        return flows, Solvers(self.generator, flows, name, log_mass)

    def begin(self, p: Array) -> None:
        """Allot the tolerance, choose tau by the time scales of the first derivatives of p."""
        self.rate = 0.5 * self.tolerance / self.context.duration
        self.mass = float(p.sum())  # of the start: corrections do not add up
        scale, q = math.inf, p
        for k in range(1, 4):
            q = self.generator.matrix @ q
            size = float(np.abs(q).sum()) / self.mass
            if size > 0:
                scale = min(scale, size ** (-1 / k))
        order = self.stages + 1
        coefficient = powers.WORST[self.stages] * self.gamma**order
        h = (SHARE * self.tolerance / coefficient) ** (1 / order) * scale
        self.tau, self.is_begun = powers.power_of_two(self.gamma * min(h, 1e100)), True

    def plan(self, remaining: float) -> tuple[float, float]:
        """Length and tau of the next step towards an output time."""
        longest = self.tau / self.gamma
        if remaining > 2 * longest:
            return longest, self.tau
        if remaining > longest * (1 + 1e-12):
            return 0.5 * remaining, self.tau
        return remaining, powers.power_of_two(self.gamma * remaining * (1 - 1e-12), up=True)

    def allowed(self, h: float) -> float:
        """Local error that a step of length h may have."""
        part = SHARE if self.elapsed + h < self.context.duration * (1 - 1e-9) else 1.0
        return self.rate * h + part * self.reserve

    def attempt(self, p: Array, h: float, tau: float) -> _Attempt:
        """Step of length h with the factorisation for tau."""
        factor = self.factors.get(tau)
        gamma = tau / h
        y = [p, *self._solutions(factor, p)]
        self.context.record.put(
            factorisations=self.factors.made, repaired_mass=self.factors.repaired
        )
        c = powers.weights(self.stages, gamma)
        a = powers.mixture(self.stages, gamma)
        new, partner = powers.combination(c, y[1:]), powers.combination(a, y[1:])
        remainder, worst = self._differences(y)
        leading = powers.BEYOND_LEADING * abs(powers.error_coefficient(self.stages, gamma))
        error, limited = max(leading * remainder, worst), 0.0
        if self.keeps_signs and new.min() < 0:
            # y_j - y_(j-1) = tau A y_j: the two differ by the currents of one density.
            tails = np.cumsum((c - a)[::-1])[::-1]
            positive = self._limited(partner, tau * powers.combination(tails, y[1:]))
            limited = self._norm(positive - new)
            new = positive
        kl = self.relative_entropy(new)
        rises = kl > self.kl and kl > KL_ROUNDING
        return _Attempt(new, partner, error + limited, worst, kl, rises, limited)

    def _differences(self, y: list[Array]) -> tuple[float, float]:
        """L1 norm of the s-th difference, and the error where its coefficient vanishes."""
        s = self.stages
        last, before = (
            self._norm(powers.combination(powers.differences(k), y[: k + 1])) for k in (s, s - 1)
        )
        growth = min(1.0, NEXT * last / before) if before > 0 else 0.0
        return last, powers.WORST[s] * growth * last

    def _solutions(self, factor: ImplicitFactor, p: Array) -> Iterator[Array]:
        """Successive solutions, each of the mass of p where no mass can leave."""
        refine = self.stages * factor.rounding > 1e-2 * self.tolerance or self.kl < KL_SMALL
        record, y = self.context.record, p
        for _ in range(self.stages):
            y = factor.solve(y, refine)
            y = of_mass(y, self.mass, record) if self.flows.conserves_mass else y
            yield y
        record.add(solves=self.stages)

    def _limited(self, partner: Array, u: Array) -> Array:
        """Partner plus as much of A u as leaves it positive, in masses."""
        edges = self.generator.edges
        flux = self.generator.currents(u / self.volume)
        outside = np.zeros(0) if self.flows.conserves_mass else self.flows.exits * u
        out = partner.copy()
        limiter.limit(edges.tail, edges.head, flux, outside, PASSES, out)
        return out

    def relative_entropy(self, p: Array) -> float:
        """Relative entropy of masses to the steady state, nan if that is not known."""
        if self.log_inf is None or p.min() < 0:
            return math.nan
        grid = self.generator.grid
        rho = (p / self.volume).reshape(grid.shape)
        return float(observables.kl(rho, self.log_inf, grid, log=True))

    def _norm(self, p: Array) -> float:
        """L1 norm over the mass at the start of the run."""
        return float(np.abs(p).sum()) / self.mass

    def order_one(self, attempt: _Attempt) -> _Attempt:
        """The attempt with its partner in its place; the distance is kept apart as error."""
        self.context.record.add(order_one_steps=1)
        self.order_one_error += self._norm(attempt.p - attempt.partner)
        kl = self.relative_entropy(attempt.partner)
        return replace(attempt, p=attempt.partner, kl=kl, rises=False, limited=0.0)

    def accept(self, attempt: _Attempt, h: float) -> Array:
        """Masses of an accepted step, whose error and length are noted."""
        record = self.context.record
        self.spent += attempt.error
        self.reserve += self.rate * h - attempt.error
        self.elapsed += h
        self.kl, self.shortest = attempt.kl, min(self.shortest, h)
        record.add(steps=1)
        record.put(shortest_step=self.shortest, error_estimate=self.spent + self.order_one_error)
        record.most(longest_step=h)
        if attempt.limited > 0:
            record.add(limited_steps=1, limited_mass=attempt.limited)
        return attempt.p

    def shorten(self, tau: float, attempt: _Attempt) -> None:
        """Shorter steps after an error that was too large."""
        self.context.record.add(rejected=1)
        self.wait = WAIT
        growth = self._growth(tau, attempt)
        self.tau = tau / 2 ** max(1, min(MOST_DOUBLINGS, math.ceil(-math.log2(growth))))
        if self.tau < SHORTEST * self.gamma / self.fastest:
            raise ConvergenceError(
                f"steps of {self.tau / self.gamma:g} still have an error above what is left of the "
                f"tolerance {self.tolerance:g}; give a larger rtol or use Exponential()",
                iterate=attempt.p,
                residual=attempt.error,
            )

    def lengthen(self, tau: float, attempt: _Attempt, left: float) -> None:
        """Longer steps, if the error allows them and they save more than a factorisation."""
        self.wait -= 1
        if tau < self.tau or self.wait > 0:  # a step cut short says little of longer ones
            return
        doublings = math.floor(math.log2(self._growth(tau, attempt)))
        doublings = min(MOST_DOUBLINGS, doublings)
        left = max(left, self.context.duration - self.elapsed)
        saved = self.stages * left * self.gamma / tau * (1 - 0.5**doublings)
        if doublings > 0 and saved > sizes.SOLVES_PER_FACTORISATION[self.generator.grid.dim]:
            self.tau = tau * 2**doublings

    def _growth(self, tau: float, attempt: _Attempt) -> float:
        """Factor by which the longest step for tau could grow, by its error at its start."""
        error = attempt.worst + attempt.limited
        wanted = SAFETY * self.allowed(tau / self.gamma)
        return min(max((wanted / max(error, 1e-300)) ** (1 / self.stages), 1e-4), 1e4)
