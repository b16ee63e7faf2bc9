"""Accurate and positive transients where noise is strongly anisotropic and mass circulates."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.scheme import limiter
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.factors import CentralFactors, Factors
from fokkerplanck.methods.method import Context, EqualSteps, of_mass
from fokkerplanck.scheme.central_flux import CentralFlux
from fokkerplanck.scheme.face_routes import staircases
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

#: gamma of the L-stable method of order two by two solves.
GAMMA = 1 - math.sqrt(0.5)
#: Weights of the two solutions in its step.
WEIGHTS = powers.weights(2, GAMMA)
# Passes of the limiter. Long steps need many: a flux may exceed what its donor holds at any time.
PASSES = 50
# L1 change by the limiter below which a step counts as not limited.
ROUNDING = 1e-13


@dataclass(frozen=True)
class FluxCorrected(EqualSteps):
    r"""Nine-point flux limited by the Markov generator: second order, positive, mass exact.

    The step of high order takes the linear nine-point flux (central, error independent of the
    anisotropy) by L-stable SDIRK2; that of low order is backward Euler on the Markov generator,
    positive whatever happens. The difference of their mass currents is added to the second as far
    as every donor can pay it (Zalesak's limiter for the lower bound zero, pass after pass):
    :math:`p=p_{low}+\sum_f\pm R_f\,(F_{high}-F_{low})_f`, 0 <= R <= 1, over faces f; currents along
    oblique edges go through faces by staircases.

    Take it for transients with D of condition number 10 and more and a circulation, where the
    Markov generator of all other methods needs far finer grids.

    Parameters
    ----------
    dt : float
        Longest step. Every output interval is divided into equal steps of at most dt. The error in
        time is of second order and not controlled.

    Notes
    -----
    Guaranteed at any dt: masses >= 0, mass exact. Not guaranteed: *decrease of the free energy*
    towards any steady state. Where nothing is limited the run relaxes to the null vector of the
    nine-point flux, which is not the one that ``solve`` measures free energy against (F levels off
    at the distance of the two and may rise on its way), and where the grid resolves so little that
    it is limited for ever, to something in between. Where rho is many orders below its maximum its
    relative error is large.

    ``stats["limited_mass"]`` is the L1 sum of what the limiter took back; as long as it is small
    against the error wanted, the limiter did no harm.

    Reflecting and periodic sides; full tensors on uniform axes. Costs two factorisations for a
    length of step, and three solves a step.

    References
    ----------
    Zalesak, J. Comput. Phys. 31 (1979); Kuzmin, Löhner and Turek (eds.), Flux-Corrected Transport
    (2012).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-3, 3), (-3, 3)], 48)
    >>> problem = fp.Problem(
    ...     grid, drift=lambda x, y: (-x + 2 * y, -2 * x - y), D=[[0.5, 0.45], [0.45, 0.5]], kT=0.3
    ... )
    >>> run = fp.solve(problem, fp.gaussian(grid, (1, 0), 0.1), [0, 0.5], fp.FluxCorrected(0.01))
    >>> bool(run.min_rho.min() >= 0), bool(abs(run.mass - 1).max() < 1e-13)
    (True, True)
    """

    dt: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", positive_number(self.dt, "dt"))

    @property
    def longest(self) -> float:
        """Longest step, time."""
        return self.dt

    def init(self, generator: Generator, context: Context) -> _State:
        """State of a run: the two fluxes and their factorisations.

        Raises
        ------
        ValueError
            If the generator was not made of a problem, or has absorbing sides.
        """
        if generator.problem is None:
            raise ValueError(
                "FluxCorrected received a generator made of Edges, which do not know D and the "
                "drift; make it of the Problem"
            )
        context.record.put(steps=0, factorisations=0, limited_steps=0, limited_mass=0.0)
        context.record.put(mass_correction=0.0, positivity="every step, by construction")
        context.record.put(entropy="not guaranteed")
        central = CentralFlux(generator.problem)
        factors = Factors(generator, Flows.from_generator(generator))
        routes = staircases(generator.edges, central.lower, central.axis)
        return _State(generator, context, central, factors, CentralFactors(central.matrix), routes)

    def one_step(self, state: _State, p: Array, tau: float) -> Array:
        """Masses after a step of backward Euler and as much of the better flux as is allowed."""
        generator, central, record = state.generator, state.central, state.context.record
        part = GAMMA * tau
        factor = state.central_factors.get(part)
        first = factor.solve(p)
        second = factor.solve(first)
        high = WEIGHTS[0] * first + WEIGHTS[1] * second
        low = state.factors.get(tau).solve(p)
        record.put(factorisations=state.factors.made + state.central_factors.made)
        out = of_mass(low, p.sum(), record)
        # first - p = part H first, second - first = part H second, and the weights add up to one.
        through_faces = part * (central.currents @ (first + WEIGHTS[1] * second))
        along_edges = tau * generator.currents(low / generator.grid.volumes.ravel())
        # Through the same faces: what is limited is the small difference of the two.
        flux = through_faces - state.routes @ along_edges
        limiter.limit(central.lower, central.upper, flux, np.zeros(0), PASSES, out)
        change = float(np.abs(out - high).sum() / np.abs(p).sum())
        if change > ROUNDING * (1 + part * float(generator.exit_rates.max())):
            record.add(limited_steps=1, limited_mass=change)
        return out

    def fork(self, state: _State) -> _State:
        """State for a trial step."""
        return replace(
            state, factors=state.factors.fork(), central_factors=state.central_factors.fork()
        )


@dataclass(eq=False)
class _State:
    """Fluxes and factorisations of one run."""

    generator: Generator
    context: Context
    central: CentralFlux
    factors: Factors
    central_factors: CentralFactors
    routes: sparse.csr_array  # from currents along edges to currents through faces
