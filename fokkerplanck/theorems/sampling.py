"""Lemma 2 and Remarks 11-12: minibatch SGD at temperature eta/2b, and what batches must be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fokkerplanck import sgd
from fokkerplanck.equation.problem import Problem
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.points import at_temperature
from fokkerplanck.theorems.study import Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Relaxation times before the first snapshot.
BURN_IN = 8
#: Relaxation times between the first and the last snapshot.
SNAPSHOTS = 12


def sgd_temperature(
    problem: Problem | Study,
    steady: SteadyState | None = None,
    sampling: str | None = None,
    particles: int = 4000,
    seed: int = 0,
    progress: bool = False,
) -> Verdict:
    r"""Lemma 2: SGD has the covariance of the Fokker-Planck state at :math:`T=\eta/2b`, to O(eta).

    Without replacement :math:`T=\frac\eta{2b}(1-\frac bN)\frac N{N-1}` (fresh batches). With epochs
    of reshuffled data, the way it is done in practice, fluctuations are far smaller and the lemma
    does not describe them.

    Parameters
    ----------
    problem : Problem
        From ``Problem.from_samples``.
    steady : SteadyState, optional
    sampling : {"with_replacement", "without_replacement", "reshuffle"}, optional
        How the runs draw their batches; by default as the problem says.
    particles : int
        Independent runs.
    seed : int
    progress : bool

    Returns
    -------
    Verdict
        Left: trace of the covariance of SGD over that of the steady state, extrapolated to eta = 0
        from runs at eta and eta/2; right: 1. The error is statistical plus the square of the
        difference that is extrapolated, for the next order in eta. In ``numbers`` the two traces
        at eta, and the temperature over eta/2b.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Lemma 2, Remarks 11 and 12; Li, Tai and E, ICML 2017.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-2, 2), (-2, 2)], 48)
    >>> problem = fp.Problem.from_samples(grid, fp.zoo.regression_losses, None, eta=0.1, b=1)
    >>> for word in ("with_replacement", "reshuffle"):
    ...     print(fp.theorems.sgd_temperature(problem, sampling=word, particles=2000).outcome)
    holds
    fails
    """
    study = Study.of(problem, steady)
    p = study.problem
    model = p.minibatch
    words: dict[str, Any] = {
        "name": "sgd_temperature",
        "statement": "minibatch SGD has the covariance of the steady state at kT = eta/2b "
        "(with fresh batches; less without replacement), to first order in eta.",
        "reference": f"{PAPER}, Lemma 2, Remarks 11-12",
    }
    if model is None:
        hypotheses = [Hypothesis("the problem comes from minibatch SGD", False)]
        return judged(comparisons=(), hypotheses=hypotheses, is_theorem=True, **words)
    share = p.kT * 2 * p.batch_size / p.eta
    if sampling is None:
        sampling = "with_replacement" if share > 1 - 1e-12 else "without_replacement"
    fresh = sampling != "reshuffle"
    options: dict[str, Any] = {
        "sampling": sampling,
        "n_particles": particles,
        "seed": seed,
        "progress": progress,
    }
    draw: dict[str, Any] = {"model": model, "b": p.batch_size, "options": options}
    whole = _runs(study, p.eta, **draw)
    half = _runs(Study(at_temperature(p, p.kT / 2)), p.eta / 2, **draw)
    _, grid_error = study.measured(lambda s: float(np.trace(s.covariance())))
    grid_error = 0.0 if np.isnan(grid_error) else 3 * grid_error / whole.exact
    error = float(np.hypot(2 * half.error, whole.error)) + (half.ratio - whole.ratio) ** 2
    return judged(
        comparisons=[
            Comparison.between(
                "trace of the covariance of SGD / of rho_ss, eta to 0",
                2 * half.ratio - whole.ratio,
                error + grid_error,
                right=1.0,
            )
        ],
        hypotheses=[Hypothesis("fresh, independent batches", fresh, sampling)],
        is_theorem=fresh,
        remark=f"At eta = {p.eta:g}, b = {p.batch_size}: {whole.trace:.4g} +- "
        f"{whole.error * whole.exact:.1g} against {whole.exact:.4g}, {sampling.replace('_', ' ')}; "
        f"kT is {share:.4g} of eta/2b.",
        numbers={
            "trace of SGD": whole.trace,
            "its error": whole.error * whole.exact,
            "trace of rho_ss": whole.exact,
            "kT over eta/2b": share,
            "ratio": whole.ratio,
            "ratio at eta/2": half.ratio,
        },
        **words,
    )


class Runs(NamedTuple):
    """Trace of the covariance of SGD, of the steady state, their ratio and the ratio's error."""

    trace: float
    exact: float
    ratio: float
    error: float


def _runs(study: Study, eta: float, model: Any, b: int, options: dict[str, Any]) -> Runs:
    """Runs of SGD at one step size against the steady state."""
    cov, kT = study.covariance(), study.problem.kT
    # Near a minimum the slowest rate is about the least eigenvalue of kT <D> Sigma^-1.
    rates = np.linalg.eigvals(kT * study.mean(study.problem.D) @ np.linalg.inv(cov)).real
    relaxation = max(int(np.ceil(1 / (eta * rates.min()))), 1)
    # Where in an epoch a snapshot is taken matters to reshuffled runs: all places count.
    thin = 1 if options["sampling"] == "reshuffle" else relaxation
    swarm = sgd.run(
        lambda theta, data: model.gradients(theta),
        study.mean(study.grid.x),
        eta,
        b,
        (BURN_IN + SNAPSHOTS) * relaxation,
        burn_in=BURN_IN * relaxation,
        thin=thin,
        **options,
    )
    trace, exact = float(np.trace(swarm.cov)), float(np.trace(cov))
    error = float(np.sqrt(np.sum(np.diagonal(swarm.cov_error) ** 2)))
    return Runs(trace, exact, trace / exact, error / exact)
