"""L-stable implicit steps with error control, every one of them positive."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from fokkerplanck import observables
from fokkerplanck.domain.arguments import describe
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.scheme import limiter
from fokkerplanck.linalg import powers, sizes
from fokkerplanck.linalg.implicit_multigrid import SOLVERS, Solvers
from fokkerplanck.methods.method import Context, Method
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

# Least tolerance that sums of a few terms of alternating sign can keep.
LEAST_TOLERANCE = 1e-12
# Half of the tolerance is for all of the time alike. A step may use this part of what others have
# left of theirs and of the other half.
SHARE = 1 / 8
# Differences of the next order are taken to be this much larger than those before let expect.
NEXT = 1.5
# Error aimed at, over the error allowed; largest change of a step, in factors of two.
SAFETY, MOST_DOUBLINGS = 0.8, 4
# Steps after a rejection before longer ones are tried.
WAIT = 8
# Passes of the limiter; halvings for the sake of the relative entropy before a step of order one.
PASSES, MAX_HALVINGS = 10, 6
# Relative entropy that is nothing but rounding, and below which solves are refined.
KL_ROUNDING, KL_SMALL = 1e-27, 1e-8
# Steps shorter than this, over the inverse of the largest rate, help nothing.
SHORTEST = 1e-6


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

    def __post_init__(self):
        is_number = isinstance(self.order, (int, np.integer)) and not isinstance(self.order, bool)
        if not is_number or self.order not in powers.FAMILIES:
            choices = " or ".join(map(str, powers.FAMILIES))
            raise ValueError(f"order is {self.order!r}; give {choices}")
        given = self.tolerance
        if not (isinstance(given, (int, float, np.floating)) and LEAST_TOLERANCE <= given < 1):
            raise ValueError(f"tolerance is {describe(given)}; give a number from 1e-12 to 1")

        if not isinstance(self.solver, str) or self.solver not in SOLVERS:
            raise ValueError(f"solver is {self.solver!r}; choose from {', '.join(SOLVERS)}")

    def init(self, generator, tolerance=None, tick=None, context=None):
        """State of a run: factorisations, length of the steps, what is left of the tolerance."""
        tolerance = self.tolerance if tolerance is None else tolerance
        if tolerance < LEAST_TOLERANCE:
            raise ValueError(
                f"rtol + atol is {tolerance:g}; Implicit keeps 1e-12 and more, give that or use "
                "Exponential()"
            )
        return _State(generator, self.order, tolerance, tick, context, self.solver)

    def step(self, state, p, span):
        """Masses after a span of time, by steps of the method's own."""
        done = 0.0
        state.kl = None if state.log_inf is None else state.entropy(p)  # p may be any masses
        if state.tau is None:
            state.start(p, span)
        while done < span:
            h, tau = state.plan(span - done)
            attempt = state.attempt(p, h, tau)
            if attempt.error > state.allowed(h):
                state.shorten(tau, attempt)
                continue
            if attempt.rises and state.halvings < MAX_HALVINGS:
                state.rejected_entropy += 1
                state.tau, state.halvings = tau / 2, state.halvings + 1
                continue
            if attempt.rises:
                attempt = state.order_one(attempt)
            else:
                state.halvings = 0
            last = h >= span - done
            done = span if last else done + h
            p = state.accept(attempt, h)
            state.told(done, span, p)
            state.lengthen(tau, attempt, span - done)
        return p

    def report(self, state):
        """Work, error estimate, and what was done for positivity and relative entropy."""
        return {
            "order": self.order,
            "steps": state.steps,
            "rejected": state.rejected,
            "solves": state.solves,
            "solver": state.factors.solver,
            "factorisations": state.factors.made,
            "repaired_mass": state.factors.repaired,
            "shortest_step": state.shortest if state.steps else math.nan,
            "longest_step": state.longest,
            "tolerance": state.tolerance,
            "error_estimate": state.spent + state.order_one_error,
            "limited_steps": state.limited_steps,
            "limited_mass": state.limited_mass,
            "rejected_entropy": state.rejected_entropy,
            "order_one_steps": state.order_one_steps,
            "mass_correction": state.mass_correction,
            "positivity": "every step, by construction",
            "entropy": "every step, by comparison" if state.log_inf is not None else (
                "not compared, no steady state of the generator was given"
            ),
        }  # fmt: skip


@dataclass(eq=False)
class _Attempt:
    """A step that may be accepted: masses, those of order one, error, relative entropy."""

    p: np.ndarray
    partner: np.ndarray
    error: float
    worst: float  # error of the longest step for the same tau
    kl: float
    rises: bool
    limited: float


@dataclass(eq=False)
class _State:
    """Factorisations, steps and counters of one run."""

    generator: Generator
    order: int
    tolerance: float
    tick: object
    context: Context | None
    solver: str
    tau: float | None = None
    spent: float = 0.0
    elapsed: float = 0.0
    kl: float | None = None
    steps: int = 0
    rejected: int = 0
    wait: int = 0
    rejected_entropy: int = 0
    halvings: int = 0  # since the last step of full order
    order_one_steps: int = 0
    order_one_error: float = 0.0
    limited_steps: int = 0
    limited_mass: float = 0.0
    solves: int = 0
    mass_correction: float = 0.0
    shortest: float = math.inf
    longest: float = 0.0
    factors: Solvers = field(init=False)

    def __post_init__(self):
        self.flows = Flows.from_generator(self.generator)
        self.stages, self.gamma = powers.FAMILIES[self.order]
        self.log_inf = None if self.context is None else self.context.log_rho_inf
        self.duration = None if self.context is None else self.context.duration
        grid = self.generator.grid
        self.volume = grid.volumes.ravel()
        masses = None if self.log_inf is None else self.log_inf.ravel() + np.log(self.volume)
        self.factors = Solvers(self.generator, self.flows, self.solver, masses)
        self.reserve = 0.5 * self.tolerance
        self.fastest = float(self.generator.exit_rates.max())
        self.mass = self.rate = 0.0

    def start(self, p, span):
        """Allot the tolerance, choose tau by the time scales of the first derivatives of p."""
        self.duration = span if self.duration is None else self.duration
        self.rate = 0.5 * self.tolerance / self.duration
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
        self.tau = powers.power_of_two(self.gamma * min(h, 1e100))

    def plan(self, remaining):
        """Length and tau of the next step towards an output time."""
        longest = self.tau / self.gamma
        if remaining > 2 * longest:
            return longest, self.tau
        if remaining > longest * (1 + 1e-12):
            return 0.5 * remaining, self.tau
        return remaining, powers.power_of_two(self.gamma * remaining * (1 - 1e-12), up=True)

    def allowed(self, h) -> float:
        """Local error that a step of length h may have."""
        part = SHARE if self.elapsed + h < self.duration * (1 - 1e-9) else 1.0
        return self.rate * h + part * self.reserve

    def attempt(self, p, h, tau) -> _Attempt:
        """Step of length h with the factorisation for tau."""
        factor = self.factors.get(tau)
        gamma = tau / h
        powers_of_step = [p, *self._solutions(factor, p)]
        c = powers.weights(self.stages, gamma)
        a = powers.mixture(self.stages, gamma)
        new = powers.combination(c, powers_of_step[1:])
        partner = powers.combination(a, powers_of_step[1:])
        remainder, worst = self._differences(powers_of_step)
        leading = abs(powers.error_coefficient(self.stages, gamma)) * remainder
        error, limited = max(leading, worst), 0.0
        if new.min() < 0:
            # y_j - y_(j-1) = tau A y_j: the two differ by the currents of one density.
            tails = np.cumsum((c - a)[::-1])[::-1]
            positive = self._limited(partner, tau * powers.combination(tails, powers_of_step[1:]))
            limited = self._norm(positive - new)
            new = positive
        kl, rises = self._rise(new)
        return _Attempt(new, partner, error + limited, worst, kl, rises, limited)

    def _differences(self, y):
        """L1 norm of the s-th difference, and the error where its coefficient vanishes."""
        s = self.stages
        last, before = (
            self._norm(powers.combination(powers.differences(k), y[: k + 1])) for k in (s, s - 1)
        )
        growth = min(1.0, NEXT * last / before) if before > 0 else 0.0
        return last, powers.WORST[s] * growth * last

    def _solutions(self, factor, p):
        """Successive solutions, each of the mass of p where no mass can leave."""
        refine = self.stages * factor.rounding > 1e-2 * self.tolerance
        refine = refine or (self.kl is not None and self.kl < KL_SMALL)
        y = p
        for _ in range(self.stages):
            y = factor.solve(y, refine)
            if self.flows.conserves_mass:
                correction = self.mass / y.sum()
                self.mass_correction = max(self.mass_correction, float(abs(correction - 1)))
                y = y * correction
            yield y
        self.solves += self.stages

    def _limited(self, partner, u):
        """Partner plus as much of A u as leaves it positive, in masses."""
        edges = self.generator.edges
        flux = self.generator.currents(u / self.volume)
        outside = np.zeros(0) if self.flows.conserves_mass else self.flows.exits * u
        out = partner.copy()
        limiter.limit(edges.tail, edges.head, flux, outside, PASSES, out)
        return out

    def _rise(self, new):
        """Relative entropy of a new density, and whether it rose beyond rounding."""
        if self.kl is None:
            return math.nan, False
        kl = self.entropy(new)
        return kl, kl > self.kl and kl > KL_ROUNDING

    def entropy(self, p) -> float:
        """Relative entropy of masses to the steady state."""
        grid = self.generator.grid
        rho = (p / self.volume).reshape(grid.shape)
        return float(observables.kl(rho, self.log_inf, grid, log=True))

    def _norm(self, p) -> float:
        """L1 norm over the mass at the start of the run."""
        return float(np.abs(p).sum()) / self.mass

    def order_one(self, attempt) -> _Attempt:
        """The attempt with its partner in its place; the distance is kept apart as error."""
        self.order_one_steps += 1
        self.order_one_error += self._norm(attempt.p - attempt.partner)
        kl = self.entropy(attempt.partner)
        return replace(attempt, p=attempt.partner, kl=kl, rises=False, limited=0.0)

    def accept(self, attempt, h):
        """Masses of an accepted step, entered into the books."""
        self.steps += 1
        self.spent += attempt.error
        self.reserve += self.rate * h - attempt.error
        self.elapsed += h
        self.kl = None if self.log_inf is None else attempt.kl
        if attempt.limited > 0:
            self.limited_steps += 1
            self.limited_mass += attempt.limited
        self.shortest, self.longest = min(self.shortest, h), max(self.longest, h)
        return attempt.p

    def shorten(self, tau, attempt):
        """Shorter steps after an error that was too large."""
        self.rejected += 1
        self.wait = WAIT
        growth = self._growth(tau, attempt)
        self.tau = tau / 2 ** max(1, min(MOST_DOUBLINGS, math.ceil(-math.log2(growth))))
        if self.tau < SHORTEST * self.gamma / self.fastest:
            raise ConvergenceError(
                f"steps of {self.tau / self.gamma:g} still have an error above what is left of the "
                f"tolerance {self.tolerance:g}; give a larger rtol or use Exponential()",
                iterate=attempt.p, residual=attempt.error,
            )  # fmt: skip

    def lengthen(self, tau, attempt, left):
        """Longer steps, if the error allows them and they save more than a factorisation."""
        self.wait -= 1
        if tau < self.tau or self.wait > 0:  # a step cut short says little of longer ones
            return
        doublings = math.floor(math.log2(self._growth(tau, attempt)))
        doublings = min(MOST_DOUBLINGS, doublings)
        left = max(left, self.duration - self.elapsed)
        saved = self.stages * left * self.gamma / tau * (1 - 0.5**doublings)
        if doublings > 0 and saved > sizes.SOLVES_PER_FACTORISATION[self.generator.grid.dim]:
            self.tau = tau * 2**doublings

    def _growth(self, tau, attempt) -> float:
        """Factor by which the longest step for tau could grow, by its error at its start."""
        error = attempt.worst + attempt.limited
        wanted = SAFETY * self.allowed(tau / self.gamma)
        return min(max((wanted / max(error, 1e-300)) ** (1 / self.stages), 1e-4), 1e4)

    def told(self, done, span, p):
        """Tell the run where it is."""
        if self.context is not None and self.context.observe is not None:
            self.context.observe(done, p)
        if self.tick is not None:
            self.tick(done / span)
