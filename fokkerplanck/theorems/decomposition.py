"""The decomposition g = (D + Q) grad Phi - kT div(D + Q): Theorem 22, and Lemma 20 for linear g."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_sylvester

from fokkerplanck import sde
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.theorems.currents import is_density
from fokkerplanck.theorems.points import at_walls, virial
from fokkerplanck.theorems.start import time_scale
from fokkerplanck.theorems.study import ROUNDING, SOLVED, Study, check_state
from fokkerplanck.theorems.verdict import WITHIN, Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Relative deviation up to which a field is taken for linear, and eigenvalues for opposite.
LINEAR = 1e-9


def a_type(
    problem: Problem | Study,
    steady: SteadyState | None = None,
    divergence: str = "row",
    particles: int = 0,
    seed: int = 0,
) -> Verdict:
    r"""Theorem 22: :math:`g=(D+Q)\nabla\Phi-\beta^{-1}\nabla\cdot(D+Q)`, Q antisymmetric.

    In two dimensions Q comes from the stream function, and the process of drift
    :math:`-(D+Q)\nabla\Phi+\beta^{-1}\nabla\cdot(D+Q)` in Ito's sense is solved once more: it has
    the same steady state. In three dimensions Q has a gauge, its mean has none:
    :math:`\langle Q\rangle=\frac\beta2\langle gx^T-xg^T\rangle`. A net current round a torus has no
    Q, and the theorem does not apply.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    divergence : {"row", "column"}
        Of :math:`(\nabla\cdot Q)_i=\partial_kQ_{ik}`. With columns, as the paper words it, the sign
        of the term flips and the equation is wrong.
    particles : int
        If not 0, in one and two dimensions: so many particles of that process, simulated.
    seed : int

    Returns
    -------
    Verdict
        Comparisons: root mean square of the residual; the mean of Q; :math:`\int|\rho_A-\rho|dx` of
        the steady states of the two processes; the trace of the covariance of particles, with an
        error that adds up their noise, their time step (from steps twice as long) and the grid.
        In ``numbers`` the residual with either divergence.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Theorem 22 and equations (18)-(19); Kwon, Ao and
    Thouless, PNAS 102 (2005).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.zoo.example_19(0.5).build(64)
    >>> [fp.theorems.a_type(problem, divergence=word).outcome for word in ("row", "column")]
    ['holds', 'fails']
    """
    _check_divergence(divergence)
    study = Study.of(problem, steady)
    d, periodic = study.grid.dim, any(study.grid.periodic)
    hypotheses = [is_density(study)]
    if d == 1 or periodic:
        hypotheses.append(_no_net_current(study))
    if d == 3:
        text = "no periodic axis, in 3D, where the mean of Q is taken from positions"
        hypotheses.append(Hypothesis(text, not periodic))
    applies = all(h.holds is not False for h in hypotheses)
    comparisons: list[Comparison] = []
    numbers: dict[str, Any] = {}
    remark = ""
    if applies and d < 3:
        comparisons, numbers = _plane(study, divergence)
        row, column = (numbers[f"residual, {word}"] for word in ("row", "column"))
        remark = (
            f"Residual {row:.3g} with the row divergence, {column:.3g} with the column divergence."
        )
        if particles:
            comparisons.append(_simulated(study, divergence, particles, seed))
    if applies and d > 1 and not periodic:
        comparisons.append(_mean_of_Q(study))
        numbers["mean Q"] = study.steady.mean_Q
    return judged(
        "a_type",
        "g = (D + Q) grad Phi - kT div(D + Q) with antisymmetric Q, and the A-type process has the "
        "same steady state.",
        comparisons,
        hypotheses,
        is_theorem=divergence == "row",
        reference=f"{PAPER}, Theorem 22",
        remark=remark,
        numbers=numbers,
        applies=applies,
    )


def a_type_residual(state: SteadyState, divergence: str = "row") -> Array:
    r"""Residual :math:`(D+Q)\nabla\Phi-\beta^{-1}\nabla\cdot(D+Q)-g`, (d, \*shape), in 1D or 2D.

    Parameters
    ----------
    state : SteadyState
    divergence : {"row", "column"}

    Returns
    -------
    array, shape (d, \*shape)

    Raises
    ------
    ValueError
        For anything but a steady state, one in 3D (where Q has a gauge), or another divergence.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> state = fp.steady_state(fp.zoo.gyrator().build(24))
    >>> fp.theorems.a_type_residual(state).shape
    (2, 24, 24)
    """
    drift = a_type_drift(state, divergence)
    return -state.problem.g - drift


def a_type_drift(state: SteadyState, divergence: str = "row") -> Array:
    r"""Ito drift :math:`-(D+Q)\nabla\Phi+\beta^{-1}\nabla\cdot(D+Q)` of the A-type process.

    Parameters
    ----------
    state : SteadyState
        In one or two dimensions.
    divergence : {"row", "column"}

    Returns
    -------
    array, shape (d, \*shape)

    Raises
    ------
    ValueError
        For anything but a steady state, one in 3D (where Q has a gauge), or another divergence.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> problem = fp.zoo.gyrator().build(48)
    >>> b = fp.theorems.a_type_drift(fp.steady_state(problem))
    >>> bool(np.abs(b - problem.drift)[:, 20:28, 20:28].max() < 0.05)
    True
    """
    problem = check_state(state).problem
    _check_divergence(divergence)
    if problem.grid.dim == 3:
        raise ValueError("the state is in 3D, where Q has a gauge; give one in 1D or 2D")
    study = Study(problem, state)
    drift = -np.einsum("ik...,k...->i...", problem.D, study.grad_Phi) + problem.kT * problem.div_D
    if state.Q is None:
        return drift
    sign = 1.0 if divergence == "row" else -1.0
    turning = -np.einsum("ik...,k...->i...", state.Q, study.grad_Phi)
    return drift + turning + sign * problem.kT * study.row_divergence(state.Q)


def _check_divergence(divergence: str) -> None:
    """Refuse a word that is neither of the two."""
    if divergence not in ("row", "column"):
        raise ValueError(f'divergence is {divergence!r:.60}; choose "row" or "column"')


def linear(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Lemma 20: a linear g = Fx with constant D is :math:`F=(D+Q)U` with one Q, one U = U^T.

    :math:`FQ+QF^T=FD-DF^T`, :math:`\Sigma=TU^{-1}`, :math:`F\Sigma+\Sigma F^T=2TD`. Unique if no
    two eigenvalues of F add up to zero: not at a saddle with eigenvalues a and -a. If F is stable,
    :math:`\Sigma` is the covariance of the steady state; at other critical points the decomposition
    exists, a steady state does not.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Comparisons: the asymmetry of U, zero to rounding; and for stable F the covariance and the
        mean of Q on the grid. In ``numbers`` F, Q and U.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Lemma 20; Kwon, Ao and Thouless, PNAS 102 (2005).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdict = fp.theorems.linear(fp.zoo.gyrator().build(64))
    >>> verdict.outcome, verdict.numbers["Q"].round(4)[0].tolist()
    ('holds', [0.0, 0.2286])
    """
    study = Study.of(problem, steady)
    p = study.problem
    F, center, left_over = _fitted(study)
    D = np.array(p.D.reshape(*p.D.shape[:2], -1)[..., 0])
    rates = np.linalg.eigvals(F)
    sums = np.abs(rates[:, None] + rates[None]).min()
    size = float(np.abs(rates).max())
    hypotheses = [
        Hypothesis("g is linear", left_over <= LINEAR, f"rest {left_over:.1e} of its size"),
        Hypothesis("D is constant", p.D_constant),
    ]
    if all(h.holds for h in hypotheses):
        listed = ", ".join(f"{u:.4g}" for u in np.sort_complex(rates))
        text = "no two eigenvalues of F add up to zero"
        hypotheses.append(Hypothesis(text, bool(sums > LINEAR * size), f"eigenvalues {listed}"))
    words: dict[str, Any] = {
        "name": "linear",
        "statement": "F = (D + Q) U with exactly one antisymmetric Q and one symmetric U, and "
        "Sigma = kT U^-1.",
        "is_theorem": True,
        "reference": f"{PAPER}, Lemma 20",
    }
    if not all(h.holds for h in hypotheses):
        if len(hypotheses) > 2:
            words["remark"] = "Q is then not determined by F and D."
        return judged(comparisons=(), hypotheses=hypotheses, numbers={"F": F}, **words)
    Q = solve_sylvester(F, F.T, F @ D - D @ F.T)
    U = np.linalg.solve(D + Q, F)
    G = D + Q
    asymmetry = float(np.abs(U - U.T).max() + np.abs(G @ F.T - F @ G.T).max())
    rounding = LINEAR * float(np.abs(U).max() + np.abs(F @ D).max()) * size / sums
    comparisons = [Comparison.between("asymmetry of U and of G F^T", asymmetry, 0.0, rounding)]
    numbers = {"F": F, "Q": (Q - Q.T) / 2, "U": (U + U.T) / 2, "center": center}
    stable = bool(rates.real.min() > 0)
    if stable:
        (_, noise, wall), error = study.measured(virial)
        at_wall = float(abs(wall))
        small = bool(at_wall <= WITHIN * error + SOLVED * noise) if np.isfinite(error) else None
        hypotheses.append(Hypothesis("no density at the walls", small, f"wall term {at_wall:.2g}"))
        # What the walls cut off the virial changes the covariance by so much over a relaxation.
        cut = at_wall / float(rates.real.min())
        comparisons += _gaussian(study, p.kT * np.linalg.inv(U), numbers["Q"], cut)
    words["remark"] = "" if stable else "F is not stable: there is no steady state to compare with."
    return judged(comparisons=comparisons, hypotheses=hypotheses, numbers=numbers, **words)


def _gaussian(study: Study, Sigma: Array, Q: Array, cut: float) -> list[Comparison]:
    """Covariance and mean of Q on the grid against those of the decomposition."""
    d = study.grid.dim
    upper, pairs = np.triu_indices(d), np.triu_indices(d, 1)
    found, error = study.measured(lambda s: s.covariance()[upper])
    scale = SOLVED * float(np.abs(Sigma).max())
    rows = [Comparison.between("covariance", found, error + cut, scale, "kT U^-1", Sigma[upper])]
    if d > 1 and not any(study.grid.periodic):
        found, error = study.measured(lambda s: s.steady.mean_Q[pairs])
        error += cut * study.problem.beta
        scale = SOLVED * float(np.abs(study.problem.D).max())
        rows.append(Comparison.between("<Q>", found, error, scale, "Q", Q[pairs]))
    return rows


def _no_net_current(study: Study) -> Hypothesis:
    """Hypothesis that no current goes round a periodic axis, up to the error of the grid."""
    net, error = study.measured(lambda s: s.steady.mean_current)
    size, integrate = float(np.abs(net).max()), study.grid.integrate
    scale = float(integrate(np.linalg.norm(study.steady.J, axis=0)) / integrate(1.0))
    known = error if np.isfinite(error) else 0.0
    holds = size <= 3 * known + SOLVED * (scale + _unit(study))
    return Hypothesis("no net current round a periodic axis", holds, f"{size:.3g}")


def _mean_of_Q(study: Study) -> Comparison:
    """Mean of Q against the torque of g, which has no gauge."""
    pairs = np.triu_indices(study.grid.dim, 1)
    _, error = study.measured(lambda s: (_torque(s) - s.steady.mean_Q)[pairs])
    # Turning one way and the other may cancel on one grid by chance, and their errors with them:
    # the error of the size of the moment is not fooled.
    _, moment = study.measured(_moment)
    return Comparison.between(
        "beta/2 <g x^T - x g^T>",
        _torque(study)[pairs],
        max(error, moment),
        SOLVED * float(np.abs(study.problem.D).max()),
        "<Q>",
        study.steady.mean_Q[pairs],
    )


def _plane(study: Study, divergence: str) -> tuple[list[Comparison], dict[str, Any]]:
    """Residuals and steady states in one and two dimensions: comparisons, and what was measured."""

    def residual(word: str) -> tuple[float, float]:
        return study.measured(lambda s: s.rms(a_type_residual(s.steady, word)))

    def again(s: Study) -> float:
        rho = steady_state(_a_type_process(s, divergence)).rho
        return float(s.grid.integrate(np.abs(rho - s.steady.rho)))

    found = {word: residual(word) for word in ("row", "column")}
    rounding = SOLVED * _unit(study)
    rows = [Comparison.between("rms residual", *found[divergence], rounding, size=_unit(study))]
    numbers = {f"residual, {word}": value for word, (value, _) in found.items()}
    if study.coarse is not None and not study.is_resolved:
        return rows, numbers  # of a drift that is noise there would be no steady state to compare
    distance, error = study.measured(again)
    words = "distance of the two steady states"
    rows.append(Comparison.between(words, distance, error, 10 * SOLVED, size=2.0))
    return rows, {**numbers, "distance": distance}


def _a_type_process(study: Study, divergence: str) -> Problem:
    """Process with the drift of the A-type, which should have the same steady state."""
    p = study.problem
    drift = a_type_drift(study.steady, divergence)
    return Problem(study.grid, drift=drift, D=p.D, beta=p.beta)


def _simulated(study: Study, divergence: str, particles: int, seed: int) -> Comparison:
    """Covariance of particles of the A-type process, started in the steady state."""
    process = _a_type_process(study, divergence)
    start = sde.from_density(study.grid, study.steady.rho, particles, seed=seed)
    t, dt = time_scale(study), 1 / study.turnover
    runs = [
        sde.simulate(process, start, t=t, dt=step, seed=seed, burn_in=int(0.5 * t / step))
        for step in (dt, 2 * dt)
    ]
    trace, rough = (float(np.trace(run.cov)) for run in runs)
    noise = float(np.sqrt(np.sum(np.diagonal(runs[0].cov_error) ** 2)))
    right, error = study.measured(lambda s: float(s.mean(np.sum(s.centred**2, axis=0))))
    return Comparison.between(
        "trace of the covariance of particles",
        trace,
        noise + abs(rough - trace) + error,
        right_name="of the steady state",
        right=right,
    )


def _unit(study: Study) -> float:
    """Size of g, velocity."""
    return study.rms(study.problem.g) + study.problem.kT * float(np.abs(study.problem.div_D).max())


def _torque(study: Study) -> Array:
    r"""Moment beta/2 <g x^T - x g^T> about the mean, and what reflecting walls add to it.

    From g rho = -kT div((D + Q) rho), each <g_i x_k> lacks the wall term of kT rho (D n)_i x_k.
    """
    d, p, x = study.grid.dim, study.problem, study.centred
    moment = p.beta * study.mean(p.g[:, None] * x[None])
    for i in range(d):
        for k in range(d):
            moment[i, k] += at_walls(study, study.steady.rho * p.D[i] * x[k])
    return 0.5 * (moment - moment.T)


def _moment(study: Study) -> float:
    """beta/2 <|x||j|>, about the mean."""
    size = np.linalg.norm(study.centred, axis=0) * np.linalg.norm(study.steady.j, axis=0)
    return float(0.5 * study.problem.beta * study.mean(size))


def _fitted(study: Study) -> tuple[Array, Array, float]:
    """Matrix F and centre of the linear field nearest to g, and the size of the rest."""
    d, g = study.grid.dim, study.problem.g.reshape(study.grid.dim, -1)
    weight = np.sqrt((study.steady.rho * study.grid.volume).ravel())
    columns = np.vstack([study.grid.x.reshape(d, -1), np.ones(study.grid.size)])
    solution = np.linalg.lstsq((columns * weight).T, (g * weight).T, rcond=None)[0]
    F = solution[:d].T
    rest = float(np.linalg.norm((g - solution.T @ columns) * weight))
    center = -np.linalg.lstsq(F, solution[d], rcond=None)[0]
    return F, center, rest / max(float(np.linalg.norm(g * weight)), ROUNDING)
