"""Accurate and positive transients where noise is strongly anisotropic and mass circulates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.kernels.scheme import limiter
from fokkerplanck.linalg import powers
from fokkerplanck.linalg.factors import CentralFactor, Factors
from fokkerplanck.methods.method import Method
from fokkerplanck.scheme.central_flux import CentralFlux
from fokkerplanck.scheme.currents import edge_offsets
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

#: gamma of the L-stable method of order two by two solves, and its weights.
GAMMA = 1 - math.sqrt(0.5)
WEIGHTS = powers.weights(2, GAMMA)
# Long steps need many: fluxes then exceed what their donors hold at any one time.
PASSES = 50
# Relative difference of two steps up to which they are the same; factorisations kept.
SLACK = 1e-12
KEPT = 2
# L1 change by the limiter below which a step counts as not limited.
ROUNDING = 1e-13


@dataclass(frozen=True)
class FluxCorrected(Method):
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

    def __post_init__(self):
        object.__setattr__(self, "dt", positive_number(self.dt, "dt"))

    def init(self, generator, tolerance=None, tick=None, context=None):
        """State of a run: the two fluxes, their factorisations, counters.

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
        return _State(generator, tick, None if context is None else context.observe)

    def step(self, state, p, span):
        """Masses after equal steps of at most dt that fill the span."""
        n = max(1, math.ceil(span / self.dt * (1 - SLACK)))
        for k in range(n):
            p = state.advance(p, span / n)
            if state.observe is not None:
                state.observe((k + 1) / n * span, p)
            if state.tick is not None:
                state.tick((k + 1) / n)
        return p

    def report(self, state):
        """Counters of the run, and how much was limited."""
        return {
            "steps": state.steps,
            "factorisations": state.factors.made + state.made,
            "limited_steps": state.limited_steps,
            "limited_mass": state.limited_mass,
            "mass_correction": state.mass_correction,
            "positivity": "every step, by construction",
            "entropy": "not guaranteed",
        }


@dataclass(eq=False)
class _State:
    """Fluxes, factorisations and counters of one run."""

    generator: Generator
    tick: object
    observe: object
    steps: int = 0
    made: int = 0
    limited_steps: int = 0
    limited_mass: float = 0.0
    mass_correction: float = 0.0
    kept: list[CentralFactor] = field(default_factory=list)

    def __post_init__(self):
        generator = self.generator
        self.central = CentralFlux(generator.problem)
        self.factors = Factors(generator, Flows.from_generator(generator))
        self.routes = staircases(generator.edges, self.central)
        self.volume = generator.grid.volumes.ravel()

    def advance(self, p, dt):
        """One step."""
        tau = GAMMA * dt
        factor = self.factor(tau)
        first = factor.solve(p)
        second = factor.solve(first)
        high = WEIGHTS[0] * first + WEIGHTS[1] * second
        low = self.factors.get(dt).solve(p)
        correction = p.sum() / low.sum()
        self.mass_correction = max(self.mass_correction, float(abs(correction - 1)))
        out = low * correction
        # first - p = tau H first, second - first = tau H second, and the weights add up to one.
        through_faces = tau * (self.central.currents @ (first + WEIGHTS[1] * second))
        along_edges = dt * self.generator.currents(low / self.volume)
        # Through the same faces: what is limited is the small difference of the two.
        flux = through_faces - self.routes @ along_edges
        limiter.limit(self.central.lower, self.central.upper, flux, np.zeros(0), PASSES, out)
        change = float(np.abs(out - high).sum() / np.abs(p).sum())
        self.steps += 1
        if change > ROUNDING * (1 + tau * float(self.generator.exit_rates.max())):
            self.limited_steps += 1
            self.limited_mass += change
        return out

    def factor(self, tau) -> CentralFactor:
        """Factorisation of the nine-point flux, an old one where steps differ by rounding only."""
        for factor in self.kept:
            if abs(factor.tau - tau) <= SLACK * tau:
                return factor
        while len(self.kept) >= KEPT:
            self.kept.pop(0)
        self.kept.append(CentralFactor(self.central.matrix, tau))
        self.made += 1
        return self.kept[-1]


def staircases(edges, central):
    """Matrix (n_faces, n_edges) that sends currents along edges through faces.

    Each oblique edge goes along its two axis-parallel routes (the order of the axes and its
    reverse), half along each: in every cell the balance of face currents is that of edge currents.
    """
    grid = edges.grid
    d, offset = grid.dim, edge_offsets(edges)
    faces = np.arange(len(central.lower))
    face_above = np.full((d, grid.size), -1)
    face_above[central.axis, central.lower] = faces
    rows, columns, values = [], [], []
    for order in (range(d), range(d - 1, -1, -1)):
        place = np.stack(np.unravel_index(edges.tail, grid.shape))
        for k in order:
            for m in range(int(np.abs(offset[:, k]).max())):
                moving = np.flatnonzero(np.abs(offset[:, k]) > m)
                sign = np.sign(offset[moving, k])
                here = place[:, moving]
                there = here.copy()
                there[k] = (there[k] + sign) % grid.shape[k]
                lower = np.where(sign > 0, here, there)
                rows.append(face_above[k, np.ravel_multi_index(tuple(lower), grid.shape)])
                columns.append(moving)
                values.append(0.5 * sign)
                place[:, moving] = there
    where = np.concatenate(rows), np.concatenate(columns)
    shape = (len(faces), len(edges.tail))
    return sparse.csr_array((np.concatenate(values), where), shape=shape)
