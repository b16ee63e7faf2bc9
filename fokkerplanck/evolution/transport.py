"""By which scheme in space a density evolves: the Markov generator, or the upwind flux."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np

from fokkerplanck.domain.arguments import one_of
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.methods.backward_euler import BackwardEuler
from fokkerplanck.methods.exponential import Exponential
from fokkerplanck.methods.flux_corrected import FluxCorrected
from fokkerplanck.methods.implicit import Implicit
from fokkerplanck.methods.method import Method
from fokkerplanck.methods.on_upwind5 import OnUpwind5
from fokkerplanck.methods.splitting import Splitting
from fokkerplanck.scheme.chain_error import FLOOR, ChainError
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.dissipation import coth_excess, noise_words
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.linear_fluxes import (
    EVOLUTIONS,
    FLUXES,
    evolving_flux,
    linear_flux,
    maxwell_boltzmann_log_mass,
)
from fokkerplanck.steady import steady_state
from fokkerplanck.steady.upwind import solve_upwind5

_log = logging.getLogger("fokkerplanck")

#: Numerical diffusion over the noise of the problem from which on a run says so.
WORTH_A_WORD = 0.02
#: Methods that evolve the Markov generator.
ON_THE_GENERATOR = (Exponential, Implicit, BackwardEuler, Splitting)


class GridNoise:
    r"""Noise that a Markov scheme adds, over that of the problem, as a density feels it.

    .. math:: R=\frac{\sum_ew_e(\frac{z_e}2\coth\frac{z_e}2-1)\,\delta_e\rho\,\delta_e\log\rho}
                     {\sum_ew_e\,\delta_e\rho\,\delta_e\log\rho}

    over edges with conductances w and tilts z: `numerical_dissipation`, for many densities.
    """

    def __init__(self, edges: Edges) -> None:
        # Along axes that end at walls without noise masses are exact: no upwinding there.
        added = np.where(edges.is_exact, 0.0, coth_excess(0.5 * np.abs(edges.tilt)))
        self.most = float(added.max(initial=0.0))
        self._edges, self._added = edges, added
        self._weight = np.where(edges.is_exact, 0.0, edges.weight)

    def of(self, rho: Array) -> float:
        """R of a density >= 0 (negative values count as none); 0 of one without gradient."""
        if self.most <= WORTH_A_WORD:
            return self.most  # the most that any density may feel
        top = rho.max()
        if not top > 0:  # all of the mass has left
            return 0.0
        rho = np.maximum(rho.ravel(), 0.0) / top
        log = np.log(np.maximum(rho, FLOOR))
        tail, head = self._edges.tail, self._edges.head
        steps = (rho[head] - rho[tail]) * (log[head] - log[tail])
        physical = self._weight * np.maximum(steps, 0.0)
        whole = float(physical.sum())
        return float(physical @ self._added) / whole if whole > 0 else 0.0


class Transport:
    """The scheme of a run, which may change once, and what it has to say.

    Parameters
    ----------
    generator : Generator
    method : Method or None
        None for the default.
    scheme : {"auto", "markov", "upwind5", "well_balanced", "phase_space"}
    is_free : bool
        Whether "auto" may leave the Markov generator: a Problem came, and no method.
    """

    def __init__(
        self, generator: Generator, method: Method | None, scheme: str, is_free: bool
    ) -> None:
        one_of(scheme, "scheme", EVOLUTIONS)
        self.generator, self.scheme = generator, "markov"
        self.method: Method = Exponential() if method is None else method
        #: Method before it was put on another scheme.
        self.asked_method = self.method
        self.worst, self._is_free = 0.0, False
        #: What free energy is measured against, where it is not what the run relaxes to.
        self.reference = ""
        if isinstance(self.method, FluxCorrected):
            _check_limited(self.method, scheme)
            self.scheme, self._noise = self.method.flux, None
            return
        if scheme in FLUXES:
            self.method, self.scheme = _on_flux(self.method, scheme), scheme
        on_edges = isinstance(self.method, (*ON_THE_GENERATOR, OnUpwind5))
        self._noise = GridNoise(generator.edges) if on_edges else None
        if self._noise is not None and is_free and scheme == "auto":
            self._chain = ChainError(Generator.problem_of(generator, "solve"), generator.edges)
            self._is_free = not self._chain.never_matters

    @property
    def scheme_again(self) -> str:
        """Scheme by which to ask for the same run: limited methods have one of their own."""
        return "auto" if isinstance(self.asked_method, FluxCorrected) else self.scheme

    @property
    def moves_values(self) -> bool:
        """Whether values at cell centres evolve, to high order, and not masses of cells.

        Near walls where D vanishes these are means over cells.
        """
        problem = self.generator.problem
        if self.scheme not in FLUXES or problem is None:
            return False
        return bool(problem.grid.is_uniform and not problem.walls)

    @property
    def is_linear(self) -> bool:
        """Whether the linear semigroup of the upwind flux is what evolves."""
        return isinstance(self.method, OnUpwind5)

    def feels_too_much(self, rho: Array) -> bool:
        """Note the noise that the grid adds to a density; whether the scheme has to change."""
        if self._noise is None:
            return False
        self.worst = max(self.worst, self._noise.of(rho))
        if not self._is_free or self.scheme != "markov":
            return False
        return self._chain.wants_flux(self._chain.of(rho))

    def change(self) -> Method:
        """Take the linear flux from now on."""
        self.scheme = evolving_flux(Generator.problem_of(self.generator, "solve"))
        self.method = _on_flux(self.method, self.scheme)
        _log.debug("solve leaves the Markov chain for %s: upwinding adds noise", self.scheme)
        return self.method

    def snapshot(self) -> dict[str, Any]:
        """What has become of it in a run."""
        return {"scheme": self.scheme, "worst": self.worst, "reference": self.reference}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go on from a snapshot of a transport that was asked the same."""
        if snapshot["scheme"] != self.scheme:
            self.scheme = snapshot["scheme"]
            self.method = _on_flux(self.method, self.scheme)
        self.worst, self.reference = snapshot["worst"], snapshot["reference"]

    @property
    def words(self) -> str:
        """What a user has to know of the scheme; "" for nothing."""
        if self.scheme == "markov" and self.worst > WORTH_A_WORD:
            return f'{noise_words(self.worst)}; refine it, or use "upwind5"'
        return ""

    def stats(self, report: dict[str, Any]) -> dict[str, Any]:
        """Scheme, and noise of the grid that the Markov generator adds or would add."""
        if self._noise is None:  # a method of its own scheme, which it may report
            return {"scheme": self.scheme} if isinstance(self.method, FluxCorrected) else {}
        found: dict[str, Any] = {"scheme": self.scheme, "numerical_diffusion": self.worst}
        if self.reference:
            found["reference"] = self.reference
        if self.is_linear and report.get("limited_intervals"):
            found["scheme_reason"] = (
                f"negative mass {report['negative_mass']:.1e} of the linear flux: "
                f"{report['limited_intervals']} intervals by FluxCorrected"
            )
        return found


class FluxRates:
    """Rates of change by a linear flux, as interpolation between steps asks for them."""

    def __init__(self, generator: Generator, scheme: str) -> None:
        assert generator.problem is not None
        self.grid: Grid = generator.grid
        edges = generator.edges
        self._matrix = linear_flux(generator.problem, scheme, edges=edges).matrix
        is_balanced = scheme == "well_balanced"
        self._rest = np.exp(maxwell_boltzmann_log_mass(generator.problem)) if is_balanced else 0.0

    def apply(self, rho: Array) -> Array:
        """Time derivative of a density."""
        volume = self.grid.volumes
        p = (rho * volume).ravel()
        return (self._matrix @ (p - p.sum() * self._rest)).reshape(rho.shape) / volume


def flux_reference(generator: Generator, scheme: str) -> Array:
    """Log density that a linear flux relaxes to (n,), unnormalised.

    Raises
    ------
    ConvergenceError
        If the grid does not resolve it.
    """
    if scheme != "upwind5":
        assert generator.problem is not None
        return maxwell_boltzmann_log_mass(generator.problem) - np.log(
            generator.grid.volumes.ravel()
        )
    markov = steady_state(generator, scheme="markov", progress=False).log_rho.ravel()
    finite = np.where(np.isfinite(markov), markov, markov[np.isfinite(markov)].min() - 800.0)
    log_mass = finite + np.log(generator.grid.volumes.ravel())
    tail = EdgeCurrents.from_edges(generator.edges, finite)
    return solve_upwind5(generator, log_mass, tail, False, 1e-10).log_rho


def normal_log(log_rho: Array, grid: Grid) -> Array:
    """Log density (*shape) of integral 1."""
    log_rho = log_rho.reshape(grid.shape)
    top = log_rho.max()
    return log_rho - (top + math.log(float(grid.integrate(np.exp(log_rho - top)))))


def _on_flux(method: Method, scheme: str) -> Method:
    """The method on a linear flux."""
    if isinstance(method, Exponential):
        if method.kind not in ("auto", "krylov"):
            raise ValueError(
                f'kind={method.kind!r} needs a Markov generator; with scheme="{scheme}" give '
                'kind="auto" or "krylov"'
            )
        return OnUpwind5(method, scheme)
    if isinstance(method, Implicit) and scheme != "well_balanced":
        return OnUpwind5(method, scheme)
    is_balanced = scheme == "well_balanced"
    names = "Exponential" if is_balanced else "Exponential, Implicit and FluxCorrected"
    raise ValueError(
        f'scheme="{scheme}" exists for {names}, and method is '
        f'{method!r}; give one of these, or scheme="markov"'
    )


def _check_limited(method: FluxCorrected, scheme: str) -> None:
    """Raise if a limited method was asked for another scheme than its own."""
    if scheme not in ("auto", method.flux):
        raise ValueError(
            f"scheme is {scheme!r}, and method is {method!r}, which has its own: leave scheme out, "
            'or give FluxCorrected(flux="upwind5") or another method'
        )
