"""Which operator answers questions about time: the Markov chain, or the fifth-order upwind flux.

Upwinding adds noise along directions in which drift wins over noise within a cell. Where that is
too much, by the rule that ``solve`` goes by too, ``ChainError``, passage times, committors and
slow modes are those of another temperature, and a linear flux takes the place of the chain. It has
guards of its own. What they refuse is answered by the chain, with a message, where the noise that
it adds changes rates by less than a factor of e, and is refused elsewhere: `ChainNoise`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.scheme.chain_error import ChainError
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.linear_fluxes import (
    EVOLUTIONS,
    FLUXES,
    STATICS,
    LinearFlux,
    evolving_flux,
    linear_flux,
    maxwell_boltzmann_log_mass,
    static_flux,
)
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.chain_noise import ChainNoise
from fokkerplanck.steady.linear_flux import linear_masses, negative_mass
from fokkerplanck.steady.markov import stationary_log_mass
from fokkerplanck.steady.wells import deep_wells, pass_level

#: Negative stationary mass above which the grid does not resolve the problem: 7e-4 goes with a gap
#: that is three times too small.
RESOLVED = 1e-5
#: Density at the pass between two wells, over the largest negative one, at the least.
ABOVE_NOISE = 30.0
#: Slow rates over one rounding of the largest entry of the matrix, at the least.
SLOWEST = 1e4
#: Density over the largest that is noise whatever its sign.
LOST = 1e-12
#: Density that counts as none.
TINY = 1e-300

T = TypeVar("T")
Kind: TypeAlias = Literal["evolution", "modes", "passage", "paths"]


_log = logging.getLogger("fokkerplanck")


@dataclass(frozen=True, eq=False)
class LinearOperator:
    """A linear flux of a problem, where it may be trusted.

    Attributes
    ----------
    scheme : str
        Its name.
    flux : Upwind5 or PhaseSpaceFlux
    generator : Generator
        Of the same problem.
    mass : array (n,) or None
        Stationary masses of the flux; None with absorbing sides.
    log_mass : array (n,)
        Those of the generator, with the sides closed.
    """

    scheme: str
    flux: LinearFlux
    generator: Generator
    mass: Array | None
    log_mass: Array

    def check_rate(self, rate: float, what: str) -> None:
        """Raise ConvergenceError for a rate that rounding may have made."""
        largest = float(np.abs(self.flux.matrix.diagonal()).max())
        least = SLOWEST * float(np.finfo(float).eps) * largest
        if not rate > least:
            raise ConvergenceError(
                f"{what} {rate:.1e} is too slow for the linear flux in double precision, which "
                f"holds rates above {least:.1e}; lower beta times the barrier, or use "
                'scheme="markov"',
                residual=least,
            )


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    linear : LinearOperator or None
        None for the Markov chain.
    forced : bool
        Whether the linear flux was asked for by name.
    asker : str
        The question, for messages.
    noise : ChainNoise or None
        Noise that the chain adds; None where nobody asked, or nobody knows.
    message : str
        What has to be said about the answer of the chain; "" for nothing.
    """

    linear: LinearOperator | None
    forced: bool
    asker: str
    noise: ChainNoise | None
    message: str

    @property
    def added(self) -> float:
        """Noise that upwinding adds to that of the problem: nan where nobody asked."""
        return float("nan") if self.noise is None else self.noise.added

    def answer(self, ask: Callable[[LinearOperator], T]) -> tuple[T | None, str]:
        """Answer of the linear flux, or None and what to say about that of the chain.

        Raises
        ------
        ConvergenceError
            If the flux refuses, and was asked for by name or the chain is no substitute.
        """
        if self.linear is None:
            return None, self.message
        try:
            return ask(self.linear), ""
        except ConvergenceError as error:
            if self.forced:
                raise
            why = self.instead(self.linear.scheme, error)
            _log.debug("back to the Markov chain: %s", why)
            return None, why

    def instead(self, name: str, failure: ConvergenceError) -> str:
        """Message of an answer by the chain where the linear flux has failed."""
        assert self.noise is not None
        words = f"{self.noise.words}, and {name} was not usable because {failure}"
        if not self.noise.is_too_much:
            return words
        raise ConvergenceError(
            f"{self.asker} has no answer on this grid: {words}; the chain, which may be off by a "
            'factor of e or by powers of ten, answers to scheme="markov" alone',
            iterate=failure.iterate,
            residual=failure.residual,
        ) from failure


def choose_operator(
    generator: Generator,
    scheme: str,
    asker: str,
    solver: str | None = None,
    kind: Kind = "modes",
) -> Choice:
    """Operator that answers a question.

    Parameters
    ----------
    generator : Generator
    scheme : {"auto", "markov", "upwind5", "well_balanced", "phase_space"}
    asker : str
        The question, for messages.
    solver : str, optional
        A solver of the Markov chain that was asked for by name.
    kind : {"evolution", "modes", "passage", "paths"}
        What the question is about. Evolutions are dual to those of ``solve``. Passages on a line
        are left to the chain, whose fit is exact for them where drift and noise are constant.

    Raises
    ------
    ValueError
        If the linear flux was asked for by name and there is no problem to build it of, or with a
        solver of the chain.
    ConvergenceError
        If it was asked for by name and may not be trusted.
    """
    one_of(scheme, "scheme", EVOLUTIONS if kind == "evolution" else STATICS)
    if scheme in FLUXES:
        Generator.problem_of(generator, f"{asker} with scheme={scheme!r}")
        if solver is not None:
            raise ValueError(
                f"solver is {solver!r}, which is for the Markov chain, and scheme is {scheme!r}; "
                "leave one of them out"
            )
        linear = _linear(generator, scheme, _closed_log_mass(generator))
        return Choice(linear, True, asker, None, "")
    choice = _automatic(generator, scheme == "markov", asker, solver, kind)
    name = "the Markov chain" if choice.linear is None else choice.linear.scheme
    _log.debug("%s: %s, upwinding adds %.2g; %s", asker, name, choice.added, choice.message)
    return choice


def _automatic(
    generator: Generator, is_chain: bool, asker: str, solver: str | None, kind: Kind
) -> Choice:
    """The linear flux where upwinding adds much noise, unless it may not be trusted.

    Where the chain was asked for by name it is only told what it adds.
    """
    chain = Choice(None, False, asker, None, "")
    problem = generator.problem
    if problem is None:
        return chain
    closed = _closed(generator)
    error = ChainError(problem, closed.edges)
    if error.never_matters or (
        kind in ("passage", "paths") and problem.grid.dim == 1 and not error.is_singular
    ):
        return chain
    try:
        log_mass = _closed_log_mass(generator)
    except (ValueError, ConvergenceError) as failure:
        return replace(chain, message=f"what upwinding adds to the noise is not known: {failure}")
    log_rho = log_mass - np.log(problem.grid.volumes.ravel())
    noise = ChainNoise.of(error, closed, log_rho, _exit_cells(generator))
    name = evolving_flux(problem) if kind == "evolution" else static_flux(problem)
    chain = replace(chain, noise=noise)
    if is_chain or not error.wants_flux(noise.reference):
        refine = f'; refine the grid for less, or use scheme="{name}"'
        asked = '; scheme="markov" asks for the chain' if is_chain else ""
        return replace(chain, message=f"{noise.words}{asked}{refine}") if noise.is_noted else chain
    if solver is not None:
        why = f"solver={solver!r} asks for the Markov chain"
        return replace(chain, message=f"{noise.words}, and {name} was not usable because {why}")
    try:
        return replace(chain, linear=_linear(generator, name, log_mass))
    except ConvergenceError as failure:
        return replace(chain, message=chain.instead(name, failure))


def _exit_cells(generator: Generator) -> Flags:
    """Cells (n,) at sides that absorb."""
    rate = generator.edges.exit_rate
    return np.zeros(generator.grid.size, bool) if rate is None else np.asarray(rate > 0)


def _closed(generator: Generator) -> Generator:
    """The same chain with its absorbing sides closed."""
    if not generator.edges.exits:
        return generator
    return Generator(replace(generator.edges, exits={}))


def _closed_log_mass(generator: Generator) -> Array:
    """Stationary log masses of the chain, with its sides closed."""
    return stationary_log_mass(_closed(generator)).log_mass


def _linear(generator: Generator, scheme: str, log_mass: Array) -> LinearOperator:
    """The linear flux; ConvergenceError where its steady state shows that it may not be trusted."""
    assert isinstance(generator.problem, Problem)
    flux = linear_flux(generator.problem, scheme, edges=generator.edges)
    if generator.grid.has_absorbing_sides:
        return LinearOperator(scheme, flux, generator, None, log_mass)
    if scheme != "upwind5":
        exact = maxwell_boltzmann_log_mass(generator.problem)
        return LinearOperator(scheme, flux, generator, np.exp(exact), exact)
    assert isinstance(flux, Upwind5)
    mass = linear_masses(flux, generator, log_mass)
    negative = negative_mass(mass)
    if negative > RESOLVED:
        raise ConvergenceError(
            f"the grid does not resolve the problem for the fifth-order flux: {negative:.1e} of "
            f"its stationary mass is negative, more than {RESOLVED:g}; refine the grid, or shrink "
            "the box to where the density is",
            iterate=mass,
            residual=negative,
        )
    _check_passes(generator, mass)
    return LinearOperator(scheme, flux, generator, mass, log_mass)


def _check_passes(generator: Generator, mass: Array) -> None:
    """Raise if the density at a pass between two wells is lost in the noise of the masses."""
    rho = mass / generator.grid.volumes.ravel()
    noise = max(ABOVE_NOISE * float(-rho.min()), LOST * float(rho.max()))
    floor = float(np.log(noise))
    phi = np.maximum(np.log(np.maximum(rho, TINY)), floor)
    wells = deep_wells(generator.matrix, phi)
    if wells.size > 1 and not pass_level(generator.matrix, phi, wells) > floor:
        raise ConvergenceError(
            f"the density at the pass between {wells.size} wells is below the noise of the "
            f"fifth-order flux, {noise:.1e}: the barrier is too high for double precision; lower "
            'beta times the barrier, or use scheme="markov"',
            iterate=mass,
            residual=noise,
        )
