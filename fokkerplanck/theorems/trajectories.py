"""Lemma 7: the leftover motion x' = j leaves the free energy alone; whether its orbits close."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.integrate import DOP853, solve_ivp

from fokkerplanck.domain.arguments import positive_number, real_array
from fokkerplanck.equation.zeros import Spline
from fokkerplanck.theorems.start import away
from fokkerplanck.theorems.study import ROUNDING, SOLVED, Study, check_state
from fokkerplanck.theorems.verdict import Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Orbits start at these parts of a standard deviation from the mean, along the first axis.
STARTS = (0.4, 0.8, 1.2)
#: Length of an orbit in the plane, in times that |j| takes round a circle of one deviation.
TURNS = 3.0
#: Time over which exponents of Lyapunov are taken, in times of the same kind.
LONG = 60.0
TOLERANCE = 1e-9
#: Most evaluations for one exponent; fast motion is followed for a shorter time.
MOST = 60_000
#: Distance of the neighbours by which stretching is measured, in cells.
NEAR = 1e-4
#: Exponents are means over so many orbits, from starts within this part of a period or deviation:
#: how much one chaotic orbit stretches hangs on the last bits of the processor's arithmetic.
ORBITS, APART = 64, 0.003
#: Start on a periodic axis, in parts of the period: the point (0.1, 0.2, 3) of the ABC flow.
ROUND = (0.1 / (2 * np.pi), 0.2 / (2 * np.pi), 3 / (2 * np.pi))


def closed_orbits(problem, steady=None, rho=None, long=LONG) -> Verdict:
    r"""Lemma 7: along :math:`\dot x=j` F is conserved; in two dimensions its orbits are closed.

    Conserved: :math:`\int\rho\,j\cdot\nabla\log(\rho/\rho_{ss})=0` for every density. Closed: they
    are level sets of the stream function :math:`\psi`, and of :math:`\Phi` if div j = 0. In three
    dimensions they need not close, and may be chaotic. Limit cycles they are not: a flow that keeps
    a positive density has no attracting cycle; its closed orbits come in continuous families.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    rho : array (\*shape), optional
        Density along which the change of F is taken; by default one off the middle of the box.
    long : float
        Length of orbits in three dimensions, in turns.

    Returns
    -------
    Verdict
        Comparisons: dF/dt along j, zero to the error of the grid; in two dimensions the change of
        psi along orbits over its range; in three dimensions, where "closed" is a claim and no
        theorem, the exponent of Lyapunov against zero: the mean of many orbits from neighbouring
        points over the second half of the time, after they have parted. Its error: the standard
        error, what regular motion stretches by in that time, and half the cells.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Lemma 7; Dombre et al., J. Fluid Mech. 167 (1986).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> fp.theorems.closed_orbits(fp.zoo.repaired_example().build(64)).outcome
    'holds'
    """
    study = Study.of(problem, steady)
    d, long = study.grid.dim, positive_number(long, "long")
    rms_j, j_error = study.measured(lambda s: s.rms(s.steady.j))
    scale = study.rms(np.einsum("ik...,k...->i...", study.problem.D, study.grad_Phi))
    found = Comparison("", rms_j, "", 0.0, rms_j, j_error, 1e-8 * scale, scale=scale).outcome
    moving = {"holds": False, "fails": True}.get(found)
    hypotheses = [Hypothesis("something circulates, j != 0", moving, f"rms j = {rms_j:.3g}")]
    if d == 2 and all(study.grid.periodic):
        net = float(np.abs(study.steady.mean_current).max() * study.grid.integrate(1.0))
        _, error = study.measured(lambda s: s.steady.mean_current * s.grid.integrate(1.0))
        none = moving is False or net <= 3 * (error if np.isfinite(error) else 0.0) + SOLVED * rms_j
        hypotheses.append(Hypothesis("no net current round a torus", none, f"{net:.3g}"))
    words = {
        "name": "closed_orbits",
        "statement": "the motion x' = j leaves F unchanged, and its orbits are closed"
        + (": level sets of psi." if d < 3 else "."),
        "reference": f"{PAPER}, Lemma 7", "hypotheses": hypotheses,
    }  # fmt: skip
    if d == 1 or any(h.holds is False for h in hypotheses):
        if d == 1 and moving:
            words["remark"] = "On a ring every motion is closed."
            hypotheses.append(Hypothesis("two dimensions or more", False))
        return judged(comparisons=(), is_theorem=d < 3, applies=False, **words)
    comparisons = [_change_of_F(study, rho)]
    numbers: dict[str, Any] = {}
    if d == 2:
        (drift, back), error = _on_level_sets(study)
        comparisons.append(Comparison("change of psi along orbits, of its range", drift, "", 0.0,
                                      drift, error, 10 * TOLERANCE))  # fmt: skip
        numbers |= {"change of psi": drift, "nearest return": back}
        remark = (
            f"Orbits come back to within {back:.1e} deviations. They are no limit cycles: closed "
            "orbits come in families."
        )
    else:
        mean, spread, regular = _exponents(study, long)
        error = float("nan")
        if study.is_resolved:
            by_grid = (mean - _exponents(study.coarse, long)[0]) / 3
            error = float(np.linalg.norm([spread, regular, by_grid]))
        comparisons.append(Comparison("exponent of Lyapunov of x' = j", mean, "", 0.0, abs(mean),
                                      error, ROUNDING, scale=2 * np.pi / _turn(study)))  # fmt: skip
        numbers |= {"exponent": mean, "exponent, standard error": spread}
        remark = "In three dimensions orbits need not close."
    return judged(
        comparisons=comparisons, is_theorem=d == 2, remark=remark, numbers=numbers, **words
    )


def orbits(state, starts, t, samples=400) -> np.ndarray:
    r"""Orbits of :math:`\dot x=j` on cubic splines of j, by DOP853.

    Parameters
    ----------
    state : SteadyState
    starts : array (m, d)
    t : float
        Length in time.
    samples : int

    Returns
    -------
    array, shape (m, samples, d)
        On periodic axes not wrapped.

    Raises
    ------
    ValueError
        For anything but a steady state, points that are not finite or of another dimension, a
        length that is not positive.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> state = fp.steady_state(fp.zoo.repaired_example().build(48))
    >>> fp.theorems.orbits(state, [[0.5, 0.0]], 1.0, 5).shape
    (1, 5, 2)
    """
    grid = check_state(state).grid
    starts, t = _points(starts, "starts", grid), positive_number(t, "t")
    field, (m, d) = Spline(state.j, grid), starts.shape

    def velocity(_, x):
        return field.value(_inside(grid, x.reshape(m, d).T)).T.ravel()

    run = solve_ivp(
        velocity, (0.0, t), starts.ravel(), "DOP853", np.linspace(0, t, samples),
        rtol=TOLERANCE, atol=TOLERANCE,
    )  # fmt: skip
    return run.y.reshape(m, d, -1).transpose(0, 2, 1)


def lyapunov_exponent(state, start, t) -> tuple[float, float]:
    r"""Growth rate of small separations along :math:`\dot x=j`, over half the time and over all.

    Parameters
    ----------
    state : SteadyState
    start : array (d,)
    t : float

    Returns
    -------
    tuple of float
        Over t/2 and over t, 1/time; over less if t takes more than 60 000 evaluations of j.
        Regular motion gives about (log t)/t, which halves; chaotic motion gives the same twice, but
        for how one orbit fares by chance: its digits hang on the processor.

    Raises
    ------
    ValueError
        As `orbits`.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> state = fp.steady_state(fp.zoo.repaired_example().build(32))
    >>> half, whole = fp.theorems.lyapunov_exponent(state, [0.5, 0.0], 300.0)
    >>> bool(whole < 0.8 * half)
    True
    """
    grid = check_state(state).grid
    (start,), t = _points(start, "start", grid), positive_number(t, "t")
    times, growth = _growth(state, start[None], t, 1e-7)
    end = times[-1]
    return float(_at(times, growth, end / 2)[0] / (end / 2)), float(growth[-1, 0] / end)


def _growth(state, starts, t, tolerance):
    """Times (n,), and logarithms (n, m) of how far m orbits have stretched small separations."""
    grid, (m, d) = state.grid, starts.shape
    field, near = Spline(state.j, grid), NEAR * min(w.min() for w in grid.widths)
    steps = near * np.array([[-1.0], [0.0], [1.0]])

    def velocity(_, z):
        x, w = z[: 2 * d * m].reshape(2, d, m)
        w = w / np.linalg.norm(w, axis=0)
        points = (x[:, None] + w[:, None] * steps).reshape(d, -1)
        values = field.value(_inside(grid, points)).reshape(d, 3, m)
        stretched = (values[:, 2] - values[:, 0]) / (2 * near)
        rate = np.sum(w * stretched, axis=0)
        return np.concatenate([values[:, 1], stretched - rate * w, rate[None]]).ravel()

    z = np.concatenate([starts.T, np.full((d, m), 1 / np.sqrt(d)), np.zeros((1, m))]).ravel()
    run = DOP853(velocity, 0.0, z, t, rtol=tolerance, atol=tolerance)
    times, growth = [0.0], [np.zeros(m)]
    while run.status == "running" and run.nfev < MOST:
        run.step()
        times.append(run.t)
        growth.append(run.y[-m:].copy())
    return np.array(times), np.array(growth)


def _at(times, growth, t):
    """Growth (m,) at a time, linear between two steps."""
    return np.array([np.interp(t, times, g) for g in growth.T])


def _points(x, name, grid):
    """Finite points (m, d), of the dimension of the grid."""
    x = np.atleast_2d(real_array(x, name, "points (m, d)"))
    if x.ndim != 2 or x.shape[1] != grid.dim or not np.isfinite(x).all():
        raise ValueError(f"{name} is {x.tolist()!r:.60}; give points of {grid.dim} finite numbers")
    return x


def _inside(grid, x):
    """Points (d, m) wrapped round periodic axes and held within walls."""
    lo, hi = np.array(grid.box).T[..., None]
    wraps = np.array(grid.periodic)[:, None]
    return np.where(wraps, lo + np.mod(x - lo, hi - lo), np.clip(x, lo, hi))


def _change_of_F(study, rho):
    """Comparison of dF/dt along j with zero."""

    def rate(s):
        density = away(s, rho if s is study else None)
        slope = s.gradient(np.log(np.maximum(density, 1e-300)) - s.steady.log_rho)
        flow = s.problem.kT * density * np.sum(s.steady.j * slope, axis=0)
        return np.array([s.grid.integrate(flow), s.grid.integrate(np.abs(flow))])

    # Where gain and loss cancel, so do their errors, on one of two grids by chance.
    (value, _), error = study.measured(rate)
    if rho is not None:
        error = float("nan")  # a density given by its values is known on one grid only
    scale = SOLVED * study.problem.kT * study.turnover
    value = float(value)
    return Comparison("dF/dt along j", value, "", 0.0, abs(value), error, scale)


def _deviation(study):
    """Mean and standard deviation of the steady state along each axis."""
    mean = study.mean(study.grid.x)
    return mean, np.sqrt(np.maximum(study.mean(study.grid.x**2) - mean**2, 0))


def _turn(study):
    """Time of |j| round a circle of one deviation."""
    return 2 * np.pi * float(_deviation(study)[1].max()) / study.rms(study.steady.j)


def _on_level_sets(study):
    """(Change of psi over its range, nearest return in deviations), and the error of the first."""
    mean, spread = _deviation(study)
    starts = np.tile(mean, (len(STARTS), 1))
    starts[:, 0] += np.array(STARTS) * spread[0]
    t = TURNS * _turn(study)

    def measure(s):
        path = orbits(s.steady, starts, t, 2000)
        psi = s.steady.currents.from_corners(s.steady.psi)
        value = Spline(psi, s.grid).value(_inside(s.grid, path.reshape(-1, 2).T))
        value = value.reshape(path.shape[:2])
        drift = float(np.ptp(value, axis=1).max() / np.ptp(psi))
        return drift, path

    drift, path = measure(study)
    apart = path - path[:, :1]
    length = np.array([hi - lo if w else np.inf for (lo, hi), w in zip(
        study.grid.box, study.grid.periodic, strict=True)])  # fmt: skip
    apart = np.linalg.norm((apart - np.round(apart / length) * np.where(
        np.isfinite(length), length, 0.0)) / spread, axis=2)  # fmt: skip
    gone = np.maximum.accumulate(apart, axis=1) > 2 * apart
    back = max((a[g].min() if g.any() else np.nan) for a, g in zip(apart, gone, strict=True))
    if not study.is_resolved:
        return (drift, back), float("nan")
    return (drift, back), abs(drift - measure(study.coarse)[0]) / 3


def _exponents(study, long):
    """Mean exponent of many orbits over the second half of the time, its standard error, log(2)/it.

    The last is what regular motion gives, where separations grow like t.
    """
    centre, spread = _deviation(study)
    start, apart = centre + np.array([-1.2, -1.0, -0.1]) * spread, APART * spread
    for k, ((lo, hi), wraps) in enumerate(zip(study.grid.box, study.grid.periodic, strict=True)):
        if wraps:
            start[k], apart[k] = lo + ROUND[k] * (hi - lo), APART * (hi - lo)
    aside = np.random.default_rng(0).uniform(-1, 1, (ORBITS, study.grid.dim))
    # Errors of the orbits are far below the standard error.
    times, growth = _growth(study.steady, start + apart * aside, long * _turn(study), 1e-5)
    half = times[-1] / 2
    rates = (growth[-1] - _at(times, growth, half)) / half
    return float(rates.mean()), float(rates.std() / np.sqrt(ORBITS)), float(np.log(2) / half)
