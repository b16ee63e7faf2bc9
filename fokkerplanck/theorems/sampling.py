"""Lemma 2 and Remarks 11-12: minibatch SGD at temperature eta/2b, and what batches must be."""

from __future__ import annotations

import numpy as np

from fokkerplanck import sgd
from fokkerplanck.theorems.points import at_temperature
from fokkerplanck.theorems.study import Study
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Relaxation times before the first snapshot, and between first and last.
BURN_IN, SNAPSHOTS = 8, 12


def sgd_temperature(
    problem, steady=None, sampling=None, particles=4000, seed=0, progress=False
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
    words = {
        "name": "sgd_temperature",
        "statement": "minibatch SGD has the covariance of the steady state at kT = eta/2b "
        "(with fresh batches; less without replacement), to first order in eta.",
        "reference": f"{PAPER}, Lemma 2, Remarks 11-12",
    }  # fmt: skip
    if model is None:
        hypotheses = [Hypothesis("the problem comes from minibatch SGD", False)]
        return judged(comparisons=(), hypotheses=hypotheses, is_theorem=True, **words)
    share = p.kT * 2 * p.batch_size / p.eta
    if sampling is None:
        sampling = "with_replacement" if share > 1 - 1e-12 else "without_replacement"
    fresh = sampling != "reshuffle"
    options = {"sampling": sampling, "n_particles": particles, "seed": seed, "progress": progress}
    draw = {"model": model, "b": p.batch_size, "options": options}
    r1, e1, trace, exact = _ratio(study, p.eta, **draw)
    r2, e2, _, _ = _ratio(Study(at_temperature(p, p.kT / 2)), p.eta / 2, **draw)
    _, grid_error = study.measured(lambda s: float(np.trace(_covariance(s))))
    grid_error = 0.0 if np.isnan(grid_error) else 3 * grid_error / exact
    left = 2 * r2 - r1
    error = float(np.hypot(2 * e2, e1)) + (r2 - r1) ** 2 + grid_error
    return judged(
        comparisons=[
            Comparison("trace of the covariance of SGD / of rho_ss, eta to 0", left, "", 1.0,
                       abs(left - 1), error)
        ],
        hypotheses=[Hypothesis("fresh, independent batches", fresh, sampling)],
        is_theorem=fresh,
        remark=f"At eta = {p.eta:g}, b = {p.batch_size}: {trace:.4g} +- {e1 * exact:.1g} against "
        f"{exact:.4g}, {sampling.replace('_', ' ')}; kT is {share:.4g} of eta/2b.",
        numbers={"trace of SGD": trace, "its error": e1 * exact, "trace of rho_ss": exact,
                 "kT over eta/2b": share, "ratio": r1, "ratio at eta/2": r2}, **words,
    )  # fmt: skip


def _covariance(study):
    """Covariance (d, d) of the steady state."""
    d = study.grid.dim
    x = study.grid.x - study.mean(study.grid.x).reshape((d,) + (1,) * d)
    return study.mean(x[:, None] * x[None])


def _ratio(study, eta, model, b, options):
    """Trace of SGD over that of the steady state, its error, and the two traces."""
    cov, kT = _covariance(study), study.problem.kT
    # Near a minimum the slowest rate is about the least eigenvalue of kT <D> Sigma^-1.
    rates = np.linalg.eigvals(kT * study.mean(study.problem.D) @ np.linalg.inv(cov)).real
    relaxation = max(int(np.ceil(1 / (eta * rates.min()))), 1)
    # Where in an epoch a snapshot is taken matters to reshuffled runs: all places count.
    thin = 1 if options["sampling"] == "reshuffle" else relaxation
    swarm = sgd.run(
        lambda theta, data: model.gradients(theta), study.mean(study.grid.x), eta, b,
        (BURN_IN + SNAPSHOTS) * relaxation, burn_in=BURN_IN * relaxation, thin=thin, **options,
    )  # fmt: skip
    trace, exact = float(np.trace(swarm.cov)), float(np.trace(cov))
    error = float(np.sqrt(np.sum(np.diagonal(swarm.cov_error) ** 2)))
    return trace / exact, error / exact, trace, exact
