"""How fast: a circulation never slows relaxation down; escape over a barrier by Kramers' rate."""

from __future__ import annotations

import numpy as np

from fokkerplanck import rates, sets
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.zeros import critical_points
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.modes import spectrum
from fokkerplanck.scheme import currents
from fokkerplanck.theorems.study import SOLVED, Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

#: Height, in kT, up to which minima and saddles of Phi count.
WORN = 200.0


def acceleration(problem, steady=None) -> Verdict:
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
    words = {
        "name": "acceleration",
        "statement": "the circulation does not slow relaxation down: the spectral gap is at least "
        "that of the process with the same Phi and D and without j.",
        "is_theorem": True, "hypotheses": hypotheses,
        "reference": "Hwang, Hwang-Ma and Sheu (2005); Lelievre, Nier and Pavliotis (2013)",
    }  # fmt: skip
    if singular:
        return judged(comparisons=(), **words)

    def gaps(s):
        p = s.problem
        still = Problem.from_potential(s.grid, s.steady.Phi, p.D, p.beta)
        return np.array([spectrum(p, 2).gap, spectrum(still, 2).gap])

    (gap, still), error = study.measured(gaps)
    ratio = float(gap / still)
    comparison = Comparison("spectral gap", float(gap), "without j", float(still),
                            max(float(still - gap), 0.0), error, SOLVED * float(still))  # fmt: skip
    return judged(
        comparisons=[comparison], remark=f"Relaxation is {ratio:.3g} times as fast.",
        numbers={"gap": float(gap), "gap without j": float(still), "ratio": ratio}, **words,
    )  # fmt: skip


def kramers(problem, steady=None) -> Verdict:
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
    wells, saddles = _landscape(study)
    hypotheses = [Hypothesis("Phi has two minima and a saddle between them",
                             len(wells) > 1 and len(saddles) > 0)]  # fmt: skip
    words = {
        "name": "kramers",
        "statement": "the mean time from well to well is 1/k, and the spectral gap is the sum of "
        "the rates, with k = lambda/(2 pi) sqrt(det ratio) exp(-beta dPhi).",
        "reference": "Kramers (1940); Bouchet and Reygner (2016)",
    }  # fmt: skip
    found = None
    if hypotheses[0].holds:
        try:
            found = [rates.kramers(study.steady, well, saddles[0]) for well in wells[:2]]
        except (ValueError, ConvergenceError) as odd:
            hypotheses.append(Hypothesis("a saddle of the drift there too", False, str(odd)))
    if found is None:
        return judged(
            comparisons=(), hypotheses=hypotheses, is_theorem=True, applies=False, **words
        )
    (to, away), beta = found, study.problem.beta
    height = beta * away.barrier
    rms, error = study.measured(lambda s: s.rms(s.steady.div_j))
    conservative = Comparison("", rms, "", 0.0, rms, error, SOLVED * study.turnover).outcome
    hypotheses += [
        Hypothesis("the barrier is above kT", bool(height > 1), f"{height:.3g} kT"),
    ]
    assumed = Hypothesis("div j = 0", conservative == "holds", f"rms {rms:.3g}")
    normal = to.minimum - away.minimum

    def measure(s):
        plane = sets.half_space(normal, normal @ to.minimum)
        time = rates.mfpt(s.problem, plane).at(*away.minimum)
        return np.array([time * away.rate, spectrum(s.problem, 2).gap / (to.rate + away.rate)])

    (product, ratio), grid_error = study.measured(measure)
    expected = 1 / height + grid_error
    comparisons = [
        Comparison("mean passage time x k", float(product), "in the limit", 1.0,
                   abs(float(product) - 1), expected),
    ]  # fmt: skip
    if len(wells) == 2 and len(saddles) == 1:
        comparisons.append(
            Comparison("spectral gap / sum of rates", float(ratio), "in the limit", 1.0,
                       abs(float(ratio) - 1), expected)
        )  # fmt: skip
    return judged(
        comparisons=comparisons, hypotheses=[*hypotheses, assumed],
        is_theorem=bool(assumed.holds) or height <= 1,
        remark=f"Barrier {away.barrier:.4g}, {height:.3g} kT; k = {away.rate:.4g}.",
        numbers={"time x rate": float(product), "gap / rates": float(ratio), "rate": away.rate,
                 "barrier": away.barrier, "rate back": to.rate}, **words,
    )  # fmt: skip


def _landscape(study):
    """Minima of Phi by depth, and saddles by height, as points."""
    beta, Phi = study.problem.beta, study.steady.Phi
    if beta * np.ptp(Phi) < 1e-7:
        return [], []
    found = critical_points(study.grad_Phi, study.grid)
    cells = [
        np.clip(np.searchsorted(F, [p.x[k] for p in found], side="right") - 1, 0, n - 1)
        for k, (F, n) in enumerate(zip(study.grid.faces, study.grid.shape, strict=True))
    ]
    height = Phi[tuple(cells)]
    order = np.argsort(height, kind="stable")
    saddle = "unstable node" if study.grid.dim == 1 else "saddle"
    wells = [found[k].x for k in order if found[k].is_stable]
    between = [found[k].x for k in order if found[k].kind == saddle]
    # Bumps in the tails, where Phi is high and rough, are no part of the landscape.
    low = [h for k, h in enumerate(height) if found[k].is_stable and beta * h < WORN]
    tops = [x for x, h in zip(between, sorted(height[[p.kind == saddle for p in found]]),
                              strict=True) if beta * h < WORN]  # fmt: skip
    return wells[: len(low)], tops
