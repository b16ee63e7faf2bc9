"""Statements about the steady current: stationarity, Assumption 4, entropy production."""

from __future__ import annotations

import numpy as np

from fokkerplanck import observables
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.scheme import currents
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.start import away
from fokkerplanck.theorems.study import ROUNDING, SOLVED, Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

#: Mass on walls from which on it is not taken for an error of the grid.
ATOM = 0.01
PAPER = "Chaudhari and Soatto, arXiv:1710.11029"


def stationarity(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Stationary: :math:`\nabla\cdot(j\rho_{ss})=0`, :math:`\nabla\cdot j=\beta j\cdot\nabla\Phi`.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Two comparisons: :math:`\int|\nabla\cdot(j\rho_{ss})|dx`, zero to rounding on every grid,
        and the root mean square of
        :math:`\nabla\cdot j-\beta j\cdot\nabla\Phi`, zero to the error of the grid. In ``numbers``
        the root mean square of :math:`\nabla\cdot j`, which need not be zero, and the order at
        which the identity is met.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.stationarity(fp.zoo.example_19(0.5).build(64))
    >>> verdict.outcome, round(float(verdict.numbers["rms div j"]), 2)
    ('holds', 0.22)
    """
    study = Study.of(problem, steady)
    balance = float(study.grid.integrate(np.abs(study.steady.div_J)))
    rounding = SOLVED * study.turnover
    defect, error = study.measured(lambda s: s.rms(s.steady.div_j - _along(s)))
    rms = study.rms(study.steady.div_j)
    coarse = study.coarse
    order = float("nan")
    if coarse is not None and defect > rounding:
        order = float(np.log2(coarse.rms(coarse.steady.div_j - _along(coarse)) / defect))
    return judged(
        "stationarity",
        "in the steady state div(j rho_ss) = 0, that is div j = beta j.grad Phi; div j itself need "
        "not vanish.",
        [
            Comparison.between("integral of |div(j rho_ss)|", balance, 0.0, rounding),
            Comparison.between(
                "rms of div j - beta j.grad Phi", defect, error, rounding, size=study.slope_at_most
            ),
        ],
        [is_density(study)],
        is_theorem=True,
        reference=f"{PAPER}, equation (8)",
        remark=f"Beside it, rms div j = {rms:.4g}.",
        numbers={"rms div j": rms, "defect": defect, "order": order},
    )


def assumption_4(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Assumption 4, "j is conservative": :math:`\nabla\cdot j=0`, or :math:`j\perp\nabla\Phi`.

    An assumption, not a theorem: stationarity gives :math:`\nabla\cdot j=\beta j\cdot\nabla\Phi`
    and no more. It holds for linear drifts, and to leading order for small temperatures; for
    constant D it holds if and only if the potential does not change with temperature.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Left: root mean square of :math:`\nabla\cdot j`, without the cells at reflecting walls,
        where every current ends; right: zero. In ``numbers`` that of
        :math:`\beta j\cdot\nabla\Phi`, and :math:`\langle|j\cdot\nabla\Phi|\rangle` over its bound.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Assumption 4; Bouchet and Reygner, arXiv:1507.02104,
    for the condition ("Gibbsian").

    Examples
    --------
    The paper's own Example 19 violates it, :math:`j=\lambda(-y,x^3-x)` on the same potential does
    not.

    >>> import fokkerplanck as fp
    >>> for exact in (fp.zoo.example_19(0.5), fp.zoo.repaired_example(0.5)):
    ...     print(fp.theorems.assumption_4(exact.build(96)).outcome)
    fails
    holds
    """
    study = Study.of(problem, steady)
    rms, error = study.measured(divergence_inside)
    along, defect = study.rms(_along(study)), study.steady.gibbsian_defect
    return judged(
        "assumption_4",
        "the leftover field j has no divergence (Assumption 4), and is orthogonal to grad Phi.",
        [
            Comparison.between(
                "rms div j", rms, error, SOLVED * study.turnover, size=study.slope_at_most
            )
        ],
        [regular := is_density(study)],
        is_theorem=False,
        applies=regular.holds is not False,
        reference=f"{PAPER}, Assumption 4",
        remark=f"rms beta j.grad Phi = {along:.4g}; <|j.grad Phi|> is {defect:.2g} of its bound.",
        numbers={"rms div j": rms, "rms beta j.grad Phi": along, "gibbsian defect": defect},
    )


def entropy_production(
    problem: Problem | Study, steady: SteadyState | None = None, rho: Array | None = None
) -> Verdict:
    r"""Entropy production :math:`\beta\int J\cdot D^{-1}J/\rho` = housekeeping + excess, both >= 0.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    rho : array (\*shape), optional
        Density of the transient split; by default one away from the steady state.

    Returns
    -------
    Verdict
        Comparisons: :math:`\beta\langle j\cdot D^{-1}j\rangle` by cells against the sum over edges
        :math:`\sum J_e\log(J_e^+/J_e^-)`; total of the transient against the sum of its parts;
        excess against :math:`-d\mathrm{KL}/dt`; and both parts against zero, from below.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Esposito and Van den Broeck, Phys. Rev. Lett. 104, 090601 (2010).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.entropy_production(fp.zoo.gyrator().build(64))
    >>> verdict.outcome, round(verdict.numbers["steady"], 2)
    ('holds', 0.92)
    """
    study = Study.of(problem, steady)
    singular = bool(currents.is_singular(study.problem).any())
    by_cells = study.steady.entropy_production
    hypotheses = [
        Hypothesis("D has noise in every direction", not singular),
        Hypothesis("entropy production is finite", bool(np.isfinite(by_cells)), by_cells),
    ]
    rho = away(study) if rho is None else rho
    parts = observables.entropy_production(rho, study.markov.log_rho, study.generator)
    housekeeping, excess = float(parts.adiabatic), float(parts.nonadiabatic)
    total, slope = _total_and_slope(study, rho)
    comparisons = []
    if not singular:
        by_edges = study.markov.currents.entropy_production_of_edges()
        _, error = study.measured(lambda s: s.steady.entropy_production)
        _, other = study.measured(lambda s: s.markov.currents.entropy_production_of_edges())
        rounding = SOLVED * study.turnover
        comparisons.append(
            Comparison.between(
                "beta <j.D^-1 j>", by_cells, error + other, rounding, "sum over edges", by_edges
            )
        )
    scale = ROUNDING * (abs(total) + study.turnover)
    both, least = float(parts.total), min(housekeeping, excess)
    comparisons += [
        Comparison.between(
            "total of a transient", total, 0.0, scale, "housekeeping + excess", both
        ),
        Comparison.between("excess", excess, 0.0, scale, "-dKL/dt", -slope),
        # The claim is least >= 0: only a negative value is a gap.
        Comparison("lesser part", least, "", 0.0, max(-least, 0.0), 0.0, scale),
    ]
    return judged(
        "entropy_production",
        "entropy production is what circulation costs (housekeeping) plus what relaxation costs "
        "(excess, -dKL/dt), neither negative.",
        comparisons,
        hypotheses,
        is_theorem=True,
        reference="Esposito and Van den Broeck, PRL 104, 090601 (2010)",
        remark=f"Steady {by_cells:.4g}; on the way {housekeeping:.4g} + {excess:.4g}.",
        numbers={
            "steady": by_cells,
            "housekeeping": housekeeping,
            "excess": excess,
            "total": total,
        },
    )


def is_density(study: Study) -> Hypothesis:
    """Hypothesis that the steady state is a density, and not mass on a wall in part.

    Where drift presses mass onto a wall that no noise leaves, j and Phi mean nothing on the wall. A
    little of it may come from the grid alone.
    """
    share = sum(study.steady.stats.atoms.values())
    holds = False if share > ATOM else None if share else True
    return Hypothesis("no mass sits on a wall", holds, f"{share:.2g} of it")


def divergence_inside(study: Study) -> float:
    """Root mean square of div j, without the cells at reflecting walls."""
    return study.rms_inside(study.steady.div_j)


def is_still(study: Study) -> tuple[bool | None, float]:
    """Whether j is zero up to the error of the grid (None: open), and its root mean square."""
    rms, error = study.measured(lambda s: s.rms(s.steady.j))
    if study.rms(study.free_motion) > SOLVED * study.rms(study.problem.g):
        return False, rms  # known exactly, on any grid
    scale = study.rms(np.einsum("ik...,k...->i...", study.problem.D, study.grad_Phi))
    outcome = Comparison.between("rms j", rms, error, 1e-8 * scale, scale=scale).outcome
    return {"holds": True, "fails": False}.get(outcome), rms


def _along(study: Study) -> Array:
    """Part beta j.grad Phi of the divergence of j."""
    return study.problem.beta * np.sum(study.steady.j * study.grad_Phi, axis=0)


def _total_and_slope(study: Study, rho: Array) -> tuple[float, float]:
    """Total entropy production from edge currents, and dKL/dt from the generator."""
    generator, edges = study.generator, study.generator.edges
    forward, backward = generator.edge_rates
    p = np.maximum(rho.ravel(), np.finfo(float).tiny)
    current = forward * p[edges.tail] - backward * p[edges.head]
    ratio = edges.tilt + np.log(p[edges.tail]) - np.log(p[edges.head])
    volume = study.grid.volumes.ravel()
    log_u = np.log(p) - study.markov.log_rho.ravel()
    return float(np.sum(current * ratio)), float(log_u @ (generator.matrix @ (p * volume)))
