"""Accurate and positive transients where the Markov generator adds too much noise of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from fokkerplanck.domain.arguments import one_of, positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.scheme import limiter
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.wide_factors import WideFactors
from fokkerplanck.methods.method import Context, EqualSteps, of_mass
from fokkerplanck.scheme.central_flux import CentralFlux
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.linear_fluxes import LinearFlux
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.linear_flux import markov_currents

LIMITED = ("upwind5", "central")

#: gamma of the L-stable method of order two by two solves.
GAMMA = 1 - math.sqrt(0.5)
#: Weights of the two solutions in its step.
WEIGHTS = powers.weights(2, GAMMA)
# Passes of the limiter. Long steps need many: a flux may exceed what its donor holds at any time.
PASSES = 50
# L1 change by the limiter below which a step counts as not limited.
ROUNDING = 1e-13
#: Explicit steps times the largest rate of the Markov generator: a forward Euler step keeps a tenth
#: of every cell.
COURANT = 0.9
#: Explicit steps times the L1 norm of the linear flux: the Taylor series of degree four is stable
#: in the left half of a disc of radius 2.7.
STABLE = 2.7
#: Terms of that series.
TERMS = 4


@dataclass(frozen=True)
class FluxCorrected(EqualSteps):
    r"""Linear flux of high order, limited by the Markov generator: positive, mass exact.

    Positive steps of low order on the Markov generator, and as much of what the linear flux would
    carry instead as every donor can pay (Zalesak's limiter for the lower bound zero, pass after
    pass): :math:`p=p_{low}+\sum_f\pm R_f\,(F_{high}-F_{low})_f`, 0 <= R <= 1, over faces f;
    currents along oblique edges go through faces by staircases.

    Take it where the grid would add to the noise: where the drift crosses a cell faster than the
    noise does, along directions without noise, for D of condition number 10 and more with a
    circulation. ``solve`` says how much that is in ``stats["numerical_diffusion"]``.

    Parameters
    ----------
    dt : float, optional
        Longest step. Every output interval is divided into equal steps of at most dt, implicit ones
        of second order (L-stable SDIRK2, limited towards backward Euler), whose error in time is
        not controlled. None: explicit steps of fourth order (Taylor's series, limited towards
        forward Euler), as long as positivity of the latter allows, 0.9 over the largest rate of the
        generator: the error is that of the grid, and nothing is factorised.
    flux : {"upwind5", "central"}
        ``"upwind5"``: fifth-order upwind-biased drift and fourth-order diffusion; any D down to
        none, absorbing sides. ``"central"``: the nine-point flux, second order, with the
        closure n.J = 0 in cross terms at walls: better where D is tilted against a reflecting
        wall at which there is density.

    Notes
    -----
    Guaranteed at any dt: masses >= 0, mass exact. Not guaranteed: *decrease of the free energy*
    towards any steady state. Where nothing is limited the run relaxes to the null vector of the
    linear flux, which is not the one that ``solve`` measures free energy against (F levels off
    at the distance of the two and may rise on its way), and where the grid resolves so little that
    it is limited for ever, to something in between. Where rho is many orders below its maximum its
    relative error is large.

    ``stats["limited_mass"]`` is the L1 sum of what the limiter took back; as long as it is small
    against the error wanted, the limiter did no harm.

    Full tensors on uniform axes. Explicit steps cost five products with a matrix of 13 (plane,
    diagonal D) entries a row; implicit ones two factorisations for a length of step, and three
    solves a step. Take these where the run is long against the largest rate of the generator.

    References
    ----------
    Zalesak, J. Comput. Phys. 31 (1979); Kuzmin, Löhner and Turek (eds.), Flux-Corrected Transport
    (2012); Shu and Osher, J. Comput. Phys. 77 (1988).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-1, 1), (-1, 1)], 50)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (-x - 5 * y, 5 * x - y), kT=1e-3)
    >>> start = fp.gaussian(grid, (0.6, 0), 0.01)
    >>> run = fp.solve(problem, start, [0, 0.5], fp.FluxCorrected(), steady=False)
    >>> bool(run.min_rho.min() >= 0), bool(abs(run.mass - 1).max() < 1e-13)
    (True, True)
    """

    dt: float | None = None
    flux: str = "upwind5"

    def __post_init__(self) -> None:
        if self.dt is not None:
            object.__setattr__(self, "dt", positive_number(self.dt, "dt"))
        one_of(self.flux, "flux", LIMITED)

    @property
    def longest(self) -> float:
        """Longest step that was asked for, time."""
        return math.inf if self.dt is None else self.dt

    def longest_in(self, state: State) -> float:
        """Longest step of a run, time."""
        return state.longest if self.dt is None else self.dt

    def init(self, generator: Generator, context: Context) -> State:
        """State of a run: the two fluxes and their factorisations.

        Raises
        ------
        ValueError
            If the generator was not made of a problem, or for the central flux at absorbing sides.
        """
        if generator.problem is None:
            raise ValueError(
                "FluxCorrected received a generator made of Edges, which do not know D and the "
                "drift; make it of the Problem"
            )
        context.record.put(steps=0, factorisations=0, limited_steps=0, limited_mass=0.0)
        context.record.put(mass_correction=0.0, positivity="every step, by construction")
        context.record.put(entropy="not guaranteed", flux=self.flux)
        problem = generator.problem
        if self.flux == "central":
            return State.of(generator, context, CentralFlux(problem))
        return State.of(generator, context, Upwind5(problem, edges=generator.edges))

    def one_step(self, state: State, p: Array, tau: float) -> Array:
        """Masses after a step of low order and as much of the better flux as is allowed."""
        record = state.context.record
        step = _explicit if self.dt is None else _implicit
        low, high, through, before = step(state, p, tau)
        out = low if state.leaks else of_mass(low, p.sum(), record)
        # Through the same faces: what is limited is the small difference of the two.
        flux = state.flux.currents @ through - state.low @ before
        outside = np.zeros(0)
        if state.losses is not None:
            outside = np.maximum(state.losses @ through, 0.0) - state.exits * before
        limiter.limit(state.flux.lower, state.flux.upper, flux, outside, PASSES, out)
        change = float(np.abs(out - high).sum() / np.abs(p).sum())
        if change > ROUNDING * (1 + tau * state.fastest):
            record.add(limited_steps=1, limited_mass=change)
        return out

    def fork(self, state: State) -> State:
        """State for a trial step."""
        return replace(state, factors=state.factors.fork(), wide=state.wide.fork())

    def snapshot(self, state: State) -> Any:
        """Lengths of the steps that are factorised."""
        return {"factors": state.factors.snapshot(), "wide": state.wide.snapshot()}

    def restore(self, state: State, snapshot: Any) -> None:
        """Factorise again."""
        state.factors.restore(snapshot["factors"])
        state.wide.restore(snapshot["wide"])


@dataclass(eq=False)
class State:
    """Fluxes and factorisations of one run."""

    generator: Generator
    context: Context
    flux: CentralFlux | LinearFlux
    low: sparse.csr_array  # currents of the generator through the same faces
    factors: Factors
    wide: WideFactors
    exits: Array  # rates (n,) out of the generator's cells, through absorbing sides
    losses: sparse.csr_array | None  # the same of the linear flux (n, n); None without such sides

    @classmethod
    def of(cls, generator: Generator, context: Context, flux: CentralFlux | LinearFlux) -> State:
        """State before the first step."""
        flows = Flows.from_generator(generator)
        wide = WideFactors(flux.matrix, generator.matrix, generator.grid.dim)
        losses = flux.losses if generator.leaks and isinstance(flux, Upwind5) else None
        low = markov_currents(flux, generator)
        factors = Factors(generator, flows)
        return cls(generator, context, flux, low, factors, wide, flows.exits, losses)

    @property
    def leaks(self) -> bool:
        """True if mass leaves through absorbing sides."""
        return self.losses is not None

    @cached_property
    def fastest(self) -> float:
        """Largest rate out of a cell, of the generator."""
        return float(self.generator.exit_rates.max())

    @cached_property
    def longest(self) -> float:
        """Longest explicit step, time."""
        norm = float(np.abs(self.flux.matrix).sum(axis=0).max())
        return min(COURANT / max(self.fastest, 1e-300), STABLE / max(norm, 1e-300))


def _implicit(state: State, p: Array, tau: float) -> tuple[Array, Array, Array, Array]:
    """Step of backward Euler, of SDIRK2, and masses times time that carried their currents."""
    part = GAMMA * tau
    factor = state.wide.get(part)
    first = factor.solve(p, refine=False)
    second = factor.solve(first, refine=False)
    low = state.factors.get(tau).solve(p)
    state.context.record.put(factorisations=state.factors.made + state.wide.made)
    # first - p = part H first, second - first = part H second, and the weights add up to one.
    through = part * (first + WEIGHTS[1] * second)
    return low, WEIGHTS[0] * first + WEIGHTS[1] * second, through, tau * low


def _explicit(state: State, p: Array, tau: float) -> tuple[Array, Array, Array, Array]:
    """Step of forward Euler, of Taylor's series, and masses times time that carried their currents.

    The series of the density integrated over the step is that of the step, a power of tau ahead.
    """
    term, high, through = p, p.copy(), tau * p
    for k in range(1, TERMS + 1):
        term = (state.flux.matrix @ term) * (tau / k)
        high += term
        if k < TERMS:
            through += term * (tau / (k + 1))
    return p + tau * (state.generator.matrix @ p), high, through, tau * p
