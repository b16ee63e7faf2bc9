"""By which scheme in space a density evolves: the Markov generator, or the upwind flux."""

from __future__ import annotations

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
from fokkerplanck.scheme.cells import UPWIND_TILT
from fokkerplanck.scheme.currents import EdgeCurrents
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.dissipation import coth_excess
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady import steady_state
from fokkerplanck.steady.upwind import solve_upwind5

SCHEMES = ("auto", "markov", "upwind5")
#: Numerical diffusion over the noise of the problem from which on "auto" takes the upwind flux.
TOO_MUCH = 0.1
#: The same from which on a run says so, and where drift along directions without noise is upwinded.
WORTH_A_WORD = 0.02
#: Density over the largest below which it counts as this much: gradients of logs stay finite.
FLOOR = 1e-12
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
        self.is_upwinded = bool((np.abs(edges.tilt) >= UPWIND_TILT).any())
        self._edges, self._added = edges, added
        self._weight = np.where(edges.is_exact, 0.0, edges.weight)

    def of(self, rho: Array) -> float:
        """R of a density >= 0 (negative values count as none); 0 of one without gradient."""
        if self.most <= WORTH_A_WORD:
            return self.most  # the most that any density may feel
        rho = np.maximum(rho.ravel(), 0.0) / rho.max()
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
    scheme : {"auto", "markov", "upwind5"}
    is_free : bool
        Whether "auto" may leave the Markov generator: a Problem came, and no method.
    """

    def __init__(
        self, generator: Generator, method: Method | None, scheme: str, is_free: bool
    ) -> None:
        one_of(scheme, "scheme", SCHEMES)
        self.generator, self.scheme = generator, "markov"
        self.method: Method = Exponential() if method is None else method
        #: Method before it was put on another scheme.
        self.asked_method = self.method
        self.asked, self.worst, self._is_free = scheme, 0.0, False
        #: What free energy is measured against, where it is not what the run relaxes to.
        self.reference = ""
        if isinstance(self.method, FluxCorrected):
            _check_limited(self.method, scheme)
            self.scheme, self._noise = self.method.flux, None
            return
        if scheme == "upwind5":
            self.method, self.scheme = _on_upwind5(self.method), "upwind5"
        on_edges = isinstance(self.method, (*ON_THE_GENERATOR, OnUpwind5))
        self._noise = GridNoise(generator.edges) if on_edges else None
        if self._noise is not None and is_free and scheme == "auto":
            problem = Generator.problem_of(generator, "solve")
            may = self._noise.most > self._limit
            may = may and not (problem.grid.dim == 1 and problem.inner_zeros)
            self._is_free = may and exact_log_density(problem, generator.edges) is None

    @property
    def scheme_again(self) -> str:
        """Scheme by which to ask for the same run: limited methods have one of their own."""
        return "auto" if isinstance(self.asked_method, FluxCorrected) else self.scheme

    @property
    def is_linear(self) -> bool:
        """Whether the linear semigroup of the upwind flux is what evolves."""
        return isinstance(self.method, OnUpwind5)

    @property
    def _limit(self) -> float:
        """R from which on "auto" takes the upwind flux."""
        assert self._noise is not None
        return WORTH_A_WORD if self._noise.is_upwinded else TOO_MUCH

    def feels_too_much(self, rho: Array) -> bool:
        """Note the noise that the grid adds to a density; whether the scheme has to change."""
        if self._noise is None:
            return False
        noise = self._noise.of(rho)
        self.worst = max(self.worst, noise)
        return self._is_free and self.scheme == "markov" and noise > self._limit

    def change(self) -> Method:
        """Take the upwind flux from now on."""
        self.method, self.scheme = _on_upwind5(self.method), "upwind5"
        return self.method

    @property
    def words(self) -> str:
        """What a user has to know of the scheme; "" for nothing."""
        if self.scheme == "markov" and self.worst > WORTH_A_WORD:
            return f'the grid adds {self.worst:.2g} times the noise; refine it, or use "upwind5"'
        return ""

    def stats(self, report: dict[str, Any]) -> dict[str, Any]:
        """Scheme, and noise of the grid that the Markov generator adds or would add."""
        if self._noise is None:  # a method of its own scheme, which it may report
            return {"scheme": self.scheme} if isinstance(self.method, FluxCorrected) else {}
        found: dict[str, Any] = {"scheme": self.scheme, "numerical_diffusion": self.worst}
        if self.reference:
            found["reference"] = self.reference
        if self.scheme == "upwind5" and report.get("limited_intervals"):
            found["scheme_reason"] = (
                f"negative mass {report['negative_mass']:.1e} of the linear flux: "
                f"{report['limited_intervals']} intervals by FluxCorrected"
            )
        return found


class UpwindRates:
    """Rates of change by the upwind flux, as interpolation between steps asks for them."""

    def __init__(self, generator: Generator) -> None:
        assert generator.problem is not None
        self.grid: Grid = generator.grid
        self._matrix = Upwind5(generator.problem, edges=generator.edges).matrix

    def apply(self, rho: Array) -> Array:
        """Time derivative of a density."""
        volume = self.grid.volumes
        return (self._matrix @ (rho * volume).ravel()).reshape(rho.shape) / volume


def upwind_reference(generator: Generator) -> Array:
    """Log density that the upwind flux relaxes to (n,), unnormalised.

    Raises
    ------
    ConvergenceError
        If the grid does not resolve it.
    """
    markov = steady_state(generator, scheme="markov").log_rho.ravel()
    finite = np.where(np.isfinite(markov), markov, markov[np.isfinite(markov)].min() - 800.0)
    log_mass = finite + np.log(generator.grid.volumes.ravel())
    tail = EdgeCurrents.from_edges(generator.edges, finite)
    return solve_upwind5(generator, log_mass, tail, False, 1e-10).log_rho


def normal_log(log_rho: Array, grid: Grid) -> Array:
    """Log density (*shape) of integral 1."""
    log_rho = log_rho.reshape(grid.shape)
    top = log_rho.max()
    return log_rho - (top + math.log(float(grid.integrate(np.exp(log_rho - top)))))


def _on_upwind5(method: Method) -> Method:
    """The method on the upwind flux."""
    if isinstance(method, Exponential):
        if method.kind not in ("auto", "krylov"):
            raise ValueError(
                f'kind={method.kind!r} needs a Markov generator; with scheme="upwind5" give '
                'kind="auto" or "krylov"'
            )
        return OnUpwind5(method)
    if isinstance(method, Implicit):
        return OnUpwind5(method)
    raise ValueError(
        f'scheme="upwind5" exists for Exponential, Implicit and FluxCorrected, and method is '
        f'{method!r}; give one of these, or scheme="markov"'
    )


def _check_limited(method: FluxCorrected, scheme: str) -> None:
    """Raise if a limited method was asked for another scheme than its own."""
    if scheme not in ("auto", method.flux):
        raise ValueError(
            f"scheme is {scheme!r}, and method is {method!r}, which has its own: leave scheme out, "
            'or give FluxCorrected(flux="upwind5") or another method'
        )
