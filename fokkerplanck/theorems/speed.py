"""How fast: a circulation never slows relaxation down; escape over a barrier by Kramers' rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import eigsh

from fokkerplanck import rates, sets
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.zeros import critical_points
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.modes import spectrum
from fokkerplanck.scheme import currents
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.currents import divergence_inside
from fokkerplanck.theorems.points import cells_of, is_flat
from fokkerplanck.theorems.study import SOLVED, Study
from fokkerplanck.theorems.verdict import WITHIN, Comparison, Hypothesis, Verdict, judged

#: Height of Phi, in kT, up to which minima and saddles count: bumps in the tails, where Phi is high
#: and rough, are no wells.
HIGHEST = 200.0


def acceleration(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""A circulation that leaves :math:`\rho_{ss}` alone never slows relaxation down.

    The gap :math:`\min(-\mathrm{Re}\,\lambda)` of the generator is at least that of its reversible
    part, the process with the same :math:`\Phi` and D and without j.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Left: gap; right: gap of the reversible part. In ``numbers`` their ratio.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Hwang, Hwang-Ma and Sheu, Ann. Appl. Probab. 15 (2005); Lelievre, Nier and Pavliotis, J. Stat.
    Phys. 152 (2013), for the best linear case.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-5, 5), (-2, 2)], 48)
    >>> bowl = fp.Problem.from_potential(grid, lambda x, y: (x**2 + 10 * y**2) / 2, Q=3.0)
    >>> verdict = fp.theorems.acceleration(bowl)
    >>> verdict.outcome, bool(verdict.numbers["ratio"] > 5)
    ('holds', True)
    """
    study = Study.of(problem, steady)
    singular = bool(currents.is_singular(study.problem).any())
    hypotheses = [Hypothesis("D has noise in every direction", not singular)]
    words: dict[str, Any] = {
        "name": "acceleration",
        "statement": "the circulation does not slow relaxation down: the spectral gap is at least "
        "that of the process with the same Phi and D and without j.",
        "is_theorem": True,
        "hypotheses": hypotheses,
        "reference": "Hwang, Hwang-Ma and Sheu (2005); Lelievre, Nier and Pavliotis (2013)",
    }
    if singular:
        return judged(comparisons=(), **words)

    def gaps(s: Study) -> Array:
        p = s.problem
        if p.knows_walls:  # of which a potential given by its values would know nothing
            return np.array([spectrum(p, 2, scheme="markov").gap, reversible_gap(s)])
        still = Problem.from_potential(s.grid, s.steady.Phi, p.D, p.beta)
        return np.array([spectrum(p, 2).gap, spectrum(still, 2).gap])

    (gap, still), error = study.measured(gaps)
    gap, still, ratio = float(gap), float(still), float(gap / still)
    slower = max(still - gap, 0.0)
    comparison = Comparison(
        "spectral gap", gap, "without j", still, slower, error, SOLVED * still, size=still
    )
    return judged(
        comparisons=[comparison],
        remark=f"Relaxation is {ratio:.3g} times as fast.",
        numbers={"gap": gap, "gap without j": still, "ratio": ratio},
        **words,
    )


def kramers(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Escape from a well: mean passage time and spectral gap against the Eyring-Kramers rate.

    .. math:: k=\frac{\lambda_-}{2\pi}\sqrt{\frac{\det\Phi''_{min}}{|\det\Phi''_{sad}|}}\,
              e^{-\beta\Delta\Phi}

    asymptotic as :math:`\beta\Delta\Phi\to\infty`, with a first correction of relative size
    :math:`1/\beta\Delta\Phi`, which is taken for its error. Where div j != 0 a further factor
    :math:`\exp\int\nabla\cdot j\,dt` along the optimal path comes in, and the formula is a claim.

    Parameters
    ----------
    problem : Problem
        With two minima of :math:`\Phi` and a saddle.
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Comparisons: mean time from the shallower of the two deepest minima a to the plane through
        the other, b, times k, against 1; and the spectral gap over the sum of the rates from a and
        from b, against 1.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Kramers, Physica 7 (1940); Bouchet and Reygner, Ann. Henri Poincare 17 (2016).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> wells = fp.Problem(fp.Grid([(-2, 2)], 400), f=lambda x: (x**2 - 1) ** 2 / 4, beta=20)
    >>> verdict = fp.theorems.kramers(wells)
    >>> verdict.outcome, round(verdict.numbers["time x rate"], 3)
    ('holds', 1.107)
    """
    study = Study.of(problem, steady)
    wells, saddles = _wells_and_saddles(study)
    two_wells = len(wells) > 1 and len(saddles) > 0
    hypotheses = [Hypothesis("Phi has two minima and a saddle between them", two_wells)]
    words: dict[str, Any] = {
        "name": "kramers",
        "statement": "the mean time from well to well is 1/k, and the spectral gap is the sum of "
        "the rates, with k = lambda/(2 pi) sqrt(det ratio) exp(-beta dPhi).",
        "reference": "Kramers (1940); Bouchet and Reygner (2016)",
    }
    found: list[rates.Kramers] = []
    if two_wells:
        try:
            found = [rates.kramers(study.steady, well, saddles[0]) for well in wells[:2]]
        except (ValueError, ConvergenceError) as odd:
            hypotheses.append(Hypothesis("a saddle of the drift there too", False, str(odd)))
    if not found:
        return judged(
            comparisons=(), hypotheses=hypotheses, is_theorem=True, applies=False, **words
        )
    (to, away), beta = found, study.problem.beta
    height = beta * away.barrier
    rms, error = study.measured(divergence_inside)
    outcome = Comparison.between("rms div j", rms, error, SOLVED * study.turnover).outcome
    hypotheses += [
        Hypothesis("the barrier is above kT", bool(height > 1), f"{height:.3g} kT"),
        Hypothesis("div j = 0", outcome == "holds", f"rms {rms:.3g}"),
    ]
    (product, ratio), grid_error = _products(study, to, away)
    # The first correction to the formula is of relative size kT / barrier.
    # A grid that may be wrong by the whole of it says nothing.
    error = 1 / height + (grid_error if WITHIN * grid_error < 1 else float("nan"))
    named = [("mean passage time x k", product)]
    if len(wells) == 2 and len(saddles) == 1:
        named.append(("spectral gap / sum of rates", ratio))
    comparisons = [
        Comparison.between(name, value, error, right_name="in the limit", right=1.0)
        for name, value in named
    ]
    return judged(
        comparisons=comparisons,
        hypotheses=hypotheses,
        is_theorem=outcome == "holds" or height <= 1,
        remark=f"Barrier {away.barrier:.4g}, {height:.3g} kT; k = {away.rate:.4g}.",
        numbers={
            "time x rate": product,
            "gap / rates": ratio,
            "rate": away.rate,
            "barrier": away.barrier,
            "rate back": to.rate,
        },
        **words,
    )


def reversible_gap(study: Study) -> float:
    r"""Spectral gap of the generator's reversible part, :math:`(A+\Pi A^T\Pi^{-1})/2`.

    In the frame of :math:`\sqrt{\Pi}` that is a symmetric matrix.
    """
    A = study.generator.matrix.tocoo()
    half = (study.markov.log_rho + np.log(study.grid.volumes)).ravel() / 2
    S = coo_array((A.data * np.exp(half[A.col] - half[A.row]), (A.row, A.col)), A.shape).tocsc()
    S = (S + S.T) / 2
    shift = 1e-6 * study.turnover
    values = eigsh(S, k=2, sigma=shift, which="LM", return_eigenvectors=False, v0=np.exp(half))
    return float(-np.sort(values)[0])


def _products(
    study: Study, to: rates.Kramers, away: rates.Kramers
) -> tuple[tuple[float, float], float]:
    """Passage time times rate and gap over the sum of rates, and the error of the grid."""
    normal = to.minimum - away.minimum

    def measure(s: Study) -> Array:
        plane = sets.half_space(normal, float(normal @ to.minimum))
        time = rates.mfpt(s.problem, plane).at(*away.minimum)
        return np.array([time * away.rate, spectrum(s.problem, 2).gap / (to.rate + away.rate)])

    (product, ratio), error = study.measured(measure)
    return (float(product), float(ratio)), error


def _wells_and_saddles(study: Study) -> tuple[list[Array], list[Array]]:
    """Minima of Phi, the deepest first, and its saddles, the lowest first, as points."""
    if is_flat(study):
        return [], []
    found = critical_points(study.grad_Phi, study.grid)
    height = study.steady.Phi[cells_of(study.grid, found)]
    order = np.argsort(height, kind="stable")
    low = [found[k] for k in order if study.problem.beta * height[k] < HIGHEST]
    saddle = "unstable node" if study.grid.dim == 1 else "saddle"
    return [p.x for p in low if p.is_stable], [p.x for p in low if p.kind == saddle]
