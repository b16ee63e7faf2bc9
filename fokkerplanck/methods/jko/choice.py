"""The front of all JKO schemes: one name, a scheme chosen by the problem."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from fokkerplanck.domain.arguments import describe, is_whole, positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.energies import Energy, Entropy
from fokkerplanck.methods.jko.edge_jko import EdgeJKO
from fokkerplanck.methods.jko.entropic import Entropic
from fokkerplanck.methods.jko.exact_w2 import ExactW2
from fokkerplanck.methods.jko.fisher_rao import FisherRao
from fokkerplanck.methods.jko.lagrangian import Lagrangian
from fokkerplanck.methods.jko.movement import MinimisingMovement, Run, check_energy
from fokkerplanck.methods.method import Context, Method
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator

SCHEMES = {
    "exact": ExactW2,
    "lagrangian": Lagrangian,
    "entropic": Entropic,
    "edges": EdgeJKO,
    "fisher-rao": FisherRao,
}


@dataclass(frozen=True)
class JKO(Method):
    r"""Minimising movement of the free energy in the Wasserstein metric, by the scheme that suits.

    .. math:: \rho_{k+1} = \arg\min_\rho F(\rho)+\frac1{2\tau}W_2^2(\rho,\rho_k),\qquad
              F(\rho)=\beta^{-1}\,\mathrm{KL}(\rho\|\rho_{ss})

    with the distance of the cost :math:`|D^{-1/2}(x-y)|^2`, for D(x) that of the Riemannian metric
    :math:`D^{-1}`. As :math:`\tau\to0` the steps follow the Fokker-Planck equation.

    Parameters
    ----------
    tau : float
        Longest step, time. Every output interval is divided into equal steps of at most tau.
    scheme : {"auto", "exact", "lagrangian", "entropic", "edges", "fisher-rao"}
        How a step is made: see Notes. Each is also a class of ``fokkerplanck.jko`` with parameters
        of its own.
    order : {1, 2}
        In tau. Order 2 is not a minimising movement of F alone, see the schemes.
    energy : Energy, optional
        Another energy than the free energy of the problem, e.g. ``energies.PorousMedium(2)``.

    Notes
    -----
    ==============  =====================  ================================================
    scheme          class                  what it is
    ==============  =====================  ================================================
    "exact"         ``jko.ExactW2``        1D, exact distance between densities on the grid
    "lagrangian"    ``jko.Lagrangian``     1D, moving mesh of high order
    "entropic"      ``jko.Entropic``       2D and 3D, constant D, debiased entropic distance
    "edges"         ``jko.EdgeJKO``        any D(x), any drift, distance on the grid's graph
    "fisher-rao"    ``jko.FisherRao``      no transport at all, for contrast
    ==============  =====================  ================================================

    "auto" takes "exact" on an interval ("lagrangian" for energies with fronts or a limit),
    "entropic" for scalar constant D and a drift that is a gradient (or another energy on periodic
    axes), and "edges" for all else;
    ``stats["scheme"]`` and ``stats["reason"]`` say which, and why.

    Raises
    ------
    ValueError
        If the scheme asked for does not suit the problem.

    References
    ----------
    Jordan, Kinderlehrer and Otto, SIAM J. Math. Anal. 29 (1998); Lisini, ESAIM: COCV 15 (2009), for
    D(x); Chaudhari and Soatto, arXiv:1710.11029, section 3.1.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-4, 4)], 64)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> solution = fp.solve(problem, fp.gaussian(grid, 1, 0.2), [0, 1], fp.JKO(tau=0.1))
    >>> solution.stats["scheme"], bool(solution.stats["largest_rise"] <= 0)
    ('exact', True)
    """

    tau: float
    scheme: str = "auto"
    order: int = 1
    energy: Energy | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", positive_number(self.tau, "tau"))
        if not isinstance(self.scheme, str) or self.scheme not in ("auto", *SCHEMES):
            names = ", ".join(["auto", *SCHEMES])
            raise ValueError(f"scheme is {describe(self.scheme)}; choose from {names}")
        if not is_whole(self.order) or self.order not in (1, 2):
            raise ValueError(f"order is {describe(self.order)}; give 1 or 2")
        check_energy(self.energy)

    def init(self, generator: Generator, context: Context) -> _State:
        """State of a run of the scheme that suits the problem."""
        scheme, reason = self._choose(generator)
        method = self._make(scheme)
        context.record.put(scheme=scheme, reason=reason)
        return _State(method, method.init(generator, context))

    def step(self, state: _State, p: Array, span: float) -> Array:
        """Masses after equal steps of at most tau that fill the span."""
        return state.method.step(state.run, p, span)

    def fork(self, state: _State) -> _State:
        """State for a trial step."""
        return replace(state, run=state.method.fork(state.run))

    def snapshot(self, state: _State) -> Any:
        """What the scheme keeps."""
        return state.method.snapshot(state.run)

    def restore(self, state: _State, snapshot: Any) -> None:
        """Go on with it."""
        state.method.restore(state.run, snapshot)

    def report(self, state: _State) -> dict[str, Any]:
        """Report of the scheme."""
        return state.method.report(state.run)

    def _make(self, scheme: str) -> MinimisingMovement:
        """Method object of a scheme."""
        if self.order == 1:
            return SCHEMES[scheme](self.tau, energy=self.energy)
        if scheme == "edges":
            return EdgeJKO(self.tau, energy=self.energy, order=2)
        if scheme == "lagrangian":
            return Lagrangian(self.tau, energy=self.energy, integrator="zeg2")
        raise ValueError(
            f'scheme "{scheme}" is of order 1 in tau; for order 2 use "edges", or "lagrangian" on '
            "an interval"
        )

    def _choose(self, generator: Generator) -> tuple[str, str]:
        """Name of the scheme, and why."""
        if self.scheme != "auto":
            return self.scheme, "asked for"
        problem, grid = generator.problem, generator.grid
        if problem is None:
            raise ValueError("JKO steps need the Problem; the generator was made of Edges")
        if self.order == 2:
            return "edges", "of second order in tau on any problem"
        is_one_number = problem.D_constant and problem.D_kind == "isotropic"
        if any(grid.periodic):
            if self.energy is not None and is_one_number and grid.is_uniform:
                return "entropic", "another energy on periodic axes"
            return "edges", "periodic axes"
        if grid.dim == 1 and _has_front(self.energy):
            return "lagrangian", "an interval, internal energy other than entropy"
        if grid.dim == 1:
            return "exact", "an interval"
        if not is_one_number:
            return "edges", "D is not one constant number"
        if not grid.is_uniform:
            return "edges", "graded axes"
        if self.energy is None and exact_log_density(problem, generator.edges) is None:
            return "edges", "the drift is not a gradient"
        return "entropic", "D is one constant number, the drift a gradient"


def _has_front(energy: Energy | None) -> bool:
    """Whether an energy has a limit, or internal energy that is not entropy."""
    parts = getattr(energy, "parts", (energy,))
    return any(
        part is not None
        and not isinstance(part, Entropy)
        and (type(part).d_internal is not Energy.d_internal or part.limit < math.inf)
        for part in parts
    )


@dataclass(eq=False)
class _State:
    """A run of the scheme that was chosen."""

    method: MinimisingMovement
    run: Run
