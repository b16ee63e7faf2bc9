"""Statements about the way to the steady state: what decreases, and along which steps."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck import observables
from fokkerplanck.domain.arguments import positive_number
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.evolution.time_loop import solve
from fokkerplanck.methods import JKO, Method
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.currents import is_still
from fokkerplanck.theorems.start import away, time_scale
from fokkerplanck.theorems.study import ROUNDING, Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Relative entropies below this are rounding: about (1e-15)^2, summed over the cells.
FLOOR = 1e-28
#: Relative entropy below which the run ends once it no longer halves from one output to the next:
#: what is left is rounding of the method.
LOW = 1e-20
#: First output time, over the time in which drift and noise cross the box.
FIRST = 0.01
#: Ratio of each output time to the one before.
FACTOR = 1.5
#: Most output times; the run ends earlier where relative entropy has met its rounding.
MOST = 48
#: JKO steps of a run that is compared with the flow; a run with half as many gives its error.
JKO_STEPS = 8


def h_theorem(
    problem: Problem | Study,
    steady: SteadyState | None = None,
    rho0: ArrayLike | None = None,
    method: Method | None = None,
    progress: bool = False,
) -> Verdict:
    r"""Theorem 5: :math:`F(\rho)=\beta^{-1}\mathrm{KL}(\rho\|\rho_{ss})` decreases monotonically.

    For every steady density > 0, whether it circulates or not, and without Assumption 4.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    rho0 : array (\*shape), optional
        Start; by default a Gaussian off the middle of the box.
    method : Method, optional
        Of ``solve``, by default ``Exponential()``.
    progress : bool

    Returns
    -------
    Verdict
        Comparisons: the largest rise of F between two output times, beyond rounding, against
        zero; and F against :math:`\langle\Phi\rangle-\beta^{-1}H` up to a constant. In ``numbers``
        F at the start and at the end, rms div j, and the time it took.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Theorem 5.

    Examples
    --------
    Example 19 of the paper has div j != 0.

    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.h_theorem(fp.zoo.example_19(1.5).build(32))
    >>> verdict.outcome, bool(verdict.numbers["F at the end"] < 1e-26)
    ('holds', True)
    """
    study = Study.of(problem, steady)
    run = relax(study, away(study, rho0), method, progress)
    F, kT = run.free_energy, study.problem.kT
    unresolved = _rounding(study, method, float(run.t[-1] - run.t[-2]))
    split = run.energy - kT * run.entropy
    drift = np.abs((F - F[0]) - (split - split[0])).max()
    scale = ROUNDING * (np.abs(run.energy) + kT * np.abs(run.entropy) + F).max()
    least = float(run.min_rho.min())
    div_j = study.rms(study.steady.div_j)
    hypotheses = [
        Hypothesis(
            "rho_ss is positive in every cell", "left for good" not in study.markov.stats.message
        ),
        Hypothesis("the time steps keep densities positive", least >= 0, least),
    ]
    return judged(
        "h_theorem",
        "the free energy F = kT KL(rho|rho_ss) = E Phi - kT H + const decreases monotonically.",
        [
            _rise("largest rise of F", F, kT, unresolved),
            Comparison(
                "F - F(0)",
                float(F[-1] - F[0]),
                "E Phi - kT H, less its start",
                float(split[-1] - split[0]),
                float(drift),
                0.0,
                float(scale),
            ),
        ],
        hypotheses,
        is_theorem=True,
        reference=f"{PAPER}, Theorem 5",
        remark=f"F falls from {F[0]:.4g} to {F[-1]:.1e} in {len(F)} outputs; Assumption 4 is not "
        f"needed, rms div j = {div_j:.3g}.",
        numbers={
            "F at the start": float(F[0]),
            "F at the end": float(F[-1]),
            "t at the end": float(run.t[-1]),
            "outputs": len(F),
            "rms div j": div_j,
            "least density": least,
        },
    )


def information_bottleneck(
    problem: Problem | Study,
    steady: SteadyState | None = None,
    rho0: ArrayLike | None = None,
    progress: bool = False,
) -> Verdict:
    r"""Remark 9: :math:`E_\rho f+\beta^{-1}\mathrm{KL}(\rho\|\mathrm{uniform})` decreases.

    True if :math:`\Phi=f` up to a constant, as for D = 1; with :math:`\Phi` in place of f it is the
    free energy, always. The start that shows it best is the minimiser of the functional,
    :math:`e^{-\beta f}/Z`: whatever leaves it goes up. The sign of the second term is a plus; with
    a minus there is no minimum.

    Parameters
    ----------
    problem : Problem
        With a loss f.
    steady : SteadyState, optional
    rho0 : array (\*shape), optional
        Start; by default :math:`e^{-\beta f}/Z`, and for D = c a Gaussian off the middle.
    progress : bool

    Returns
    -------
    Verdict
        Left: the largest rise of the functional above its start; right: zero. ``is_theorem`` is
        True for D = 1 alone.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Remark 9.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> for exact in (fp.zoo.double_well(), fp.zoo.gyrator()):
    ...     print(fp.theorems.information_bottleneck(exact.build(48)).outcome)
    holds
    fails
    """
    study = Study.of(problem, steady)
    unit = _is_unit(study.problem)
    words: dict[str, Any] = {
        "name": "information_bottleneck",
        "statement": "the functional E f + kT KL(rho|uniform) decreases along the flow.",
        "reference": f"{PAPER}, Remark 9",
    }
    has_loss = study.problem.f is not None
    hypotheses = [
        Hypothesis("there is a loss f", has_loss),
        Hypothesis("D = 1, so that Phi = f", unit, study.problem.D_kind),
    ]
    if not has_loss:
        return judged(comparisons=(), hypotheses=hypotheses, is_theorem=False, **words)
    run, error = _bottleneck_run(study, rho0, unit, progress)
    kT = study.problem.kT
    scale = ROUNDING * (abs(run.start) + kT * abs(math.log(study.grid.integrate(1.0))) + kT)
    return judged(
        comparisons=[
            Comparison.between("largest rise of E f + kT KL(rho|uniform)", run.rise, error, scale),
            Comparison.between("the same with Phi, less F", run.drift_of_F, 0.0, scale),
        ],
        hypotheses=hypotheses,
        is_theorem=unit,
        remark=f"It goes from {run.start:.5g} to {run.end:.5g}; with Phi in place of f it is F + "
        "const.",
        numbers={"start": run.start, "end": run.end, "rise": run.rise},
        **words,
    )


def jko_lyapunov(
    problem: Problem | Study,
    steady: SteadyState | None = None,
    rho0: ArrayLike | None = None,
    tau: float | None = None,
    progress: bool = False,
) -> Verdict:
    r"""Corollary 8: the flow is steepest descent of F in Wasserstein's metric, by minimising moves.

    .. math:: \rho_{k+1}=\arg\min_\rho\; W_2^2(\rho,\rho_k)/2\tau + E_\rho\Phi-\beta^{-1}H(\rho)

    with the cost :math:`|D^{-1/2}(x-y)|^2`. True without circulation; with j != 0 the flow is not
    a gradient flow of F, and the statement does not apply.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    rho0 : array (\*shape), optional
    tau : float, optional
        Step; by default an eighth of the time in which F falls to a tenth.
    progress : bool

    Returns
    -------
    Verdict
        Comparisons: the largest rise of F at a step; the distance (L1) that a step moves
        :math:`\rho_{ss}`; and the distance (L1) of the steps from the flow, which falls with tau:
        its error is estimated from steps twice as long.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Jordan, Kinderlehrer and Otto, SIAM J. Math. Anal. 29 (1998); Chaudhari and Soatto,
    arXiv:1710.11029, Corollary 8.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.jko_lyapunov(fp.zoo.noise_induced_transition().build(64))
    >>> verdict.outcome
    'holds'
    """
    study = Study.of(problem, steady)
    still, rms_j = is_still(study)
    hypotheses = [Hypothesis("no circulation, j = 0", still, f"rms j = {rms_j:.3g}")]
    words: dict[str, Any] = {
        "name": "jko_lyapunov",
        "statement": "the flow is the gradient flow of F: steps that minimise W2^2/(2 tau) + F "
        "lower F, keep rho_ss, and follow the flow as tau goes to 0.",
        "is_theorem": True,
        "reference": f"{PAPER}, Corollary 8; Jordan, Kinderlehrer, Otto (1998)",
        "hypotheses": hypotheses,
    }
    if still is False:
        remark = "The flow splits: gradient flow plus a motion along j that leaves F alone."
        return judged(comparisons=(), remark=remark, **words)
    start = away(study, rho0)
    end = _time_to_tenth(study, start) if tau is None else JKO_STEPS * positive_number(tau, "tau")
    options: dict[str, Any] = {"steady": study.markov, "progress": None if progress else False}

    def distance(one: Array, other: Array) -> float:
        return float(study.grid.integrate(np.abs(one - other)))

    exact = solve(study.generator, start, [0.0, end], **options).rho[-1]
    runs = [
        solve(study.problem, start, np.linspace(0, end, n + 1), JKO(end / n), **options)
        for n in (JKO_STEPS // 2, JKO_STEPS)
    ]
    F, (twice, far) = runs[-1].free_energy, (distance(run.rho[-1], exact) for run in runs)
    rest = solve(study.problem, study.markov.rho, [0.0, end], JKO(end), **options)
    moved = distance(rest.rho[-1], study.markov.rho)
    ratio = twice / max(far, 1e-300)
    return judged(
        comparisons=[
            _rise("largest rise of F at a step", F, study.problem.kT),
            Comparison.between("distance a step moves rho_ss", moved, 0.0, 1e-12),
            Comparison.between(
                f"distance from the flow after {JKO_STEPS} steps", far, abs(twice - far), ROUNDING
            ),
        ],
        remark=f"{rest.stats['scheme']} steps; F falls from {F[0]:.4g} to {F[-1]:.3g}, "
        f"halving tau divides the distance from the flow by {ratio:.2f}.",
        numbers={"tau": end / JKO_STEPS, "distance": far, "order in tau": math.log2(ratio)},
        **words,
    )


def relax(
    study: Study, rho0: Array, method: Method | None = None, progress: bool = False
) -> Solution:
    """Solution from rho0 until F is at its floor, against the generator's own steady state."""
    times = FIRST * time_scale(study) * FACTOR ** np.arange(MOST)
    log_inf, grid = study.markov.log_rho, study.grid
    last = np.inf

    def at_rest(_: float, rho: Array) -> bool:
        nonlocal last
        if rho.min() < 0:
            return False  # no free energy
        now = float(observables.kl(rho, log_inf, grid, log=True))
        stalled = now < LOW and now > 0.5 * last
        last = now
        return now < FLOOR or stalled

    return solve(
        study.generator,
        rho0,
        np.concatenate([[0.0], times]),
        method,
        steady=study.markov,
        callback=at_rest,
        progress=None if progress else False,
    )


def _rounding(study: Study, method: Method | None, span: float) -> float:
    """Free energy that a method gives to rho_ss itself in a time: what it cannot resolve."""
    rest = solve(
        study.generator, study.markov.rho, [0.0, span], method, steady=study.markov, progress=False
    )
    return float(rest.free_energy[-1])


def _rise(name: str, F: Array, kT: float, unresolved: float = 0.0) -> Comparison:
    """Comparison of the largest rise of F with zero."""
    rises = np.diff(F) - ROUNDING * F[:-1]
    rise = float(max(rises.max(initial=0.0), 0.0)) if np.isfinite(F).all() else math.inf
    return Comparison.between(name, rise, 0.0, FLOOR * kT + 3 * unresolved)


class BottleneckRun(NamedTuple):
    """The functional E f + kT KL(rho|uniform) along a run: largest rise, first and last value.

    ``drift_of_F`` is how much the same with Phi in place of f, less F, changes on the way.
    """

    rise: float
    start: float
    end: float
    drift_of_F: float


def _bottleneck_run(
    study: Study, rho0: ArrayLike | None, unit: bool, progress: bool
) -> tuple[BottleneckRun, float]:
    """Run of the functional, and the error of its rise."""

    def measure(s: Study) -> BottleneckRun:
        if rho0 is not None and s is study:
            start = away(s, rho0)
        elif unit or s.steady.gibbs is None:
            start = away(s)
        else:
            start = s.steady.gibbs
        run = relax(s, start, None, progress)
        grid, problem = s.grid, s.problem
        uniform = np.full(grid.shape, 1 / grid.integrate(1.0))
        spread = problem.kT * observables.kl(run.rho, uniform, grid)
        values = grid.integrate(s.loss * run.rho) + spread
        same = run.energy + spread - run.free_energy
        steps = np.diff(values) if unit else values - values[0]
        found = max(steps.max(), 0.0), values[0], values[-1], np.ptp(same)
        return BottleneckRun(*map(float, found))

    fine, coarse = measure(study), study.coarse
    # A start given by its values is known on one grid only.
    if coarse is None or not study.is_resolved or rho0 is not None:
        return fine, float("nan")
    return fine, abs(fine.rise - measure(coarse).rise) / study.reduction


def _is_unit(problem: Problem) -> bool:
    """Whether D = 1 in every cell."""
    return problem.D_kind == "isotropic" and problem.D_constant and float(problem.D.flat[0]) == 1


def _time_to_tenth(study: Study, start: Array) -> float:
    """Time in which F falls to a tenth."""
    run = relax(study, start)
    below = np.flatnonzero(run.free_energy < 0.1 * run.free_energy[0])
    return float(run.t[below[0]] if below.size else run.t[-1])
