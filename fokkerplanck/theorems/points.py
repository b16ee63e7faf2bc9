"""Most likely points against critical points of the loss, and averages that balance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fokkerplanck.domain.grid import Grid, along
from fokkerplanck.domain.types import Array, Integers
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.zeros import CriticalPoint
from fokkerplanck.equation.zeros import critical_points as zeros_of
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.theorems.currents import is_density
from fokkerplanck.theorems.study import SOLVED, Study
from fokkerplanck.theorems.verdict import WITHIN, Comparison, Hypothesis, Verdict, judged

PAPER = "Chaudhari and Soatto, arXiv:1710.11029"
#: Critical points of Phi are sought where beta Phi is below this.
HEIGHT = 8.0
#: A range of beta Phi below this is rounding: the density is uniform.
FLAT = 1e-7


def critical_points(
    problem: Problem | Study, steady: SteadyState | None = None, cooler: Sequence[float] = ()
) -> Verdict:
    r"""Remark 23: the most likely points, :math:`\nabla\Phi=0`, against the zeros of g.

    They are the same for D = 1, and for linear g; the remark says that in general they are not.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional
    cooler : sequence of float, optional
        Factors above 1 on beta, increasing, at which the distance is measured too: it is
        :math:`O(\beta^{-1})`.

    Returns
    -------
    Verdict
        Left: largest distance from a maximum of :math:`\rho_{ss}` to the nearest zero of g; right:
        zero. In ``numbers``: ``"zeros of g"`` and ``"zeros of grad Phi"``, as text, with their
        kinds; ``"distances"`` at the given and the cooler temperatures and their ``"order"`` in T.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Remark 23.

    Examples
    --------
    D = 1 + x^2: from T = 1/2 on the most likely point is a maximum of f.

    >>> import fokkerplanck as fp
    >>> problem = fp.zoo.noise_induced_transition(kT=0.25).build(256)
    >>> verdict = fp.theorems.critical_points(problem)
    >>> verdict.outcome, round(verdict.left, 2)
    ('fails', 0.29)
    """
    study = Study.of(problem, steady)
    zeros = zeros_of(study.problem.g, study.grid) if study.problem.g.any() else ()
    extrema = [] if is_flat(study) else _extrema(study)
    modes = _modes(extrema)
    statement = (
        "the most likely points, grad Phi = 0, are the critical points, g = 0; Remark 23 says that "
        "in general they are not."
    )
    words: dict[str, Any] = {
        "name": "critical_points",
        "statement": statement,
        "is_theorem": False,
        "reference": f"{PAPER}, Remark 23",
    }
    numbers: dict[str, Any] = {"zeros of g": _listed(zeros), "zeros of grad Phi": _listed(extrema)}
    regular = is_density(study)
    if not modes or not zeros or regular.holds is False:
        inside = bool(modes and zeros)
        hypotheses = [
            Hypothesis("Phi has a minimum and g a zero inside the box", inside),
            regular,
        ]
        return judged(
            comparisons=(), hypotheses=hypotheses, applies=False, numbers=numbers, **words
        )

    def distance(s: Study) -> float:
        return _distance(s.grid, _modes(_extrema(s)), zeros_of(s.problem.g, s.grid))

    (gap, error), kT = study.measured(distance), study.problem.kT
    rounding = SOLVED * max(hi - lo for lo, hi in study.grid.box)
    comparisons = [Comparison.between("distance of a mode from g = 0", gap, error, rounding)]
    remark = f"Zeros of g: {_counted(zeros)}; of grad Phi: {_counted(extrema)}."
    if any("unstable" in _nearest(mode, zeros).kind for mode in modes):
        remark += " The nearest zero of g is unstable: a maximum of f, for a loss."
    if len(cooler):
        distances = [gap]
        for factor in cooler:
            s = Study(at_temperature(study.problem, kT / factor))
            distances.append(distance(s))
        last = (1.0, *cooler)[-2:]
        order = math.log(distances[-2] / distances[-1]) / math.log(last[1] / last[0])
        numbers |= {"distances": np.array(distances), "order": order}
        remark += f" Cooling, the distance falls as T^{order:.2f}."
    return judged(comparisons=comparisons, remark=remark, numbers=numbers, **words)


def fluctuation_dissipation(problem: Problem | Study, steady: SteadyState | None = None) -> Verdict:
    r"""Average :math:`\langle x\cdot g\rangle=T\langle\mathrm{tr}D\rangle`, circulation or not.

    And, for a loss, :math:`\langle|\nabla f|^2\rangle=T\langle D:\nabla^2f\rangle`. Both are
    :math:`\langle\mathcal L\varphi\rangle=0`, of :math:`|x|^2/2` and of f. In a box they
    have a wall term :math:`T\oint\rho\,n\cdot D\nabla\varphi\,dS`: they hold as printed where no
    density comes near a reflecting wall.

    Parameters
    ----------
    problem : Problem
    steady : SteadyState, optional

    Returns
    -------
    Verdict
        Of periodic axes only the second. In ``numbers`` both sides and both wall terms.

    Raises
    ------
    ValueError
        For anything but a Problem, for the state of another one, or without a unique steady state.

    References
    ----------
    Yaida, arXiv:1810.00004; Chaudhari and Soatto, arXiv:1710.11029, Remark 18, explains the second
    by j, which it does not contain.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> fp.theorems.fluctuation_dissipation(fp.zoo.gyrator().build(64)).outcome
    'holds'
    """
    study = Study.of(problem, steady)
    checks = [("x.g", "kT tr D", virial)] if not all(study.grid.periodic) else []
    if study.problem.f is not None:
        checks.append(("|grad f|^2", "kT D:Hess f", _gradients))
    comparisons: list[Comparison] = []
    hypotheses: list[Hypothesis] = []
    numbers: dict[str, Any] = {}
    for left, right, measure in checks:
        values, error = study.measured(measure)
        value, other, at_wall = (float(u) for u in values)
        numbers |= {f"<{left}>": value, f"<{right}>": other, f"wall term of {left}": at_wall}
        size = SOLVED * (abs(value) + abs(other))
        # What reaches the walls belongs to the gap, up to where the statement does not apply.
        comparisons.append(
            Comparison.between(f"<{left}>", value, error + abs(at_wall), size, f"<{right}>", other)
        )
        small = None if math.isnan(error) else abs(at_wall) <= WITHIN * error + size
        hypotheses.append(
            Hypothesis(f"no density at the walls, for {left}", small, f"wall term {at_wall:.2g}")
        )
    hypotheses.append(is_density(study))
    if not checks:
        hypotheses = [Hypothesis("an axis that is not periodic, or a loss", False)]
    return judged(
        "fluctuation_dissipation",
        "in the steady state <x.g> = kT <tr D>, and <|grad f|^2> = kT <D:Hess f> for a loss.",
        comparisons,
        hypotheses,
        is_theorem=True,
        reference="Yaida, arXiv:1810.00004",
        numbers=numbers,
        remark="j does not enter." if comparisons else "",
    )


def at_temperature(problem: Problem, kT: float) -> Problem:
    """Return the problem with the same g and D (as arrays) at another temperature."""
    if problem.f is not None:
        return Problem(problem.grid, f=problem.f, grad_f=problem.g, D=problem.D, kT=kT)
    return Problem(problem.grid, drift=problem.drift, D=problem.D, kT=kT)


def is_flat(study: Study) -> bool:
    """Whether Phi is one constant up to rounding."""
    return bool(study.problem.beta * np.ptp(study.steady.Phi) < FLAT)


def cells_of(grid: Grid, points: Sequence[CriticalPoint]) -> tuple[Integers, ...]:
    """Multi-index of the cells that hold some points."""
    return tuple(
        np.clip(np.searchsorted(F, [p.x[k] for p in points], side="right") - 1, 0, n - 1)
        for k, (F, n) in enumerate(zip(grid.faces, grid.shape, strict=True))
    )


def _extrema(study: Study) -> list[CriticalPoint]:
    """Critical points of Phi where the density is not negligible."""
    found = zeros_of(study.grad_Phi, study.grid)
    low = study.problem.beta * study.steady.Phi < HEIGHT
    return [p for p, keep in zip(found, low[cells_of(study.grid, found)], strict=True) if keep]


def _modes(extrema: Sequence[CriticalPoint]) -> list[CriticalPoint]:
    """Most likely points among critical points of Phi: minima, and points on a flat bottom."""
    return [p for p in extrema if p.is_stable or p.kind == "degenerate"]


def _distance(
    grid: Grid, points: Sequence[CriticalPoint], others: Sequence[CriticalPoint]
) -> float:
    """Largest distance of one of the points from the nearest of the others."""
    if not points or not others:
        return float("nan")
    apart = np.array([p.x for p in points])[:, None] - np.array([p.x for p in others])[None]
    for k, wraps in enumerate(grid.periodic):
        if wraps:
            length = grid.box[k][1] - grid.box[k][0]
            apart[..., k] -= length * np.round(apart[..., k] / length)
    return float(np.linalg.norm(apart, axis=-1).min(axis=1).max())


def _listed(points: Sequence[CriticalPoint]) -> str:
    """Kinds and places in words."""
    words = [f"{p.kind} ({', '.join(f'{u + 0:.4g}' for u in np.round(p.x, 9))})" for p in points]
    return "; ".join(words[:9]) + ("; ..." if len(words) > 9 else "")


def _counted(points: Sequence[CriticalPoint]) -> str:
    """How many zeros there are of which kind."""
    kinds = [p.kind for p in points]
    counts = [
        f"{kinds.count(kind)} {kind}{'s' if kinds.count(kind) > 1 and kind != 'degenerate' else ''}"
        for kind in sorted(set(kinds))
    ]
    return ", ".join(counts) or "none"


def _nearest(point: CriticalPoint, others: Sequence[CriticalPoint]) -> CriticalPoint:
    """The other point that is nearest."""
    return min(others, key=lambda p: float(np.linalg.norm(p.x - point.x)))


def at_walls(study: Study, u: Array) -> float:
    """Integral of u_k n_k over the reflecting walls, u (d, *shape), extrapolated to them."""
    grid, total = study.grid, 0.0
    for k, wraps in enumerate(grid.periodic):
        if wraps:
            continue
        area = grid.volumes / along(grid.widths[k], k, grid.dim)
        flow, centers, (lo, hi) = np.moveaxis(area * u[k], k, 0), grid.centers[k], grid.box[k]
        upper = flow[-1] + (flow[-1] - flow[-2]) * (hi - centers[-1]) / (centers[-1] - centers[-2])
        lower = flow[0] + (flow[0] - flow[1]) * (centers[0] - lo) / (centers[1] - centers[0])
        total += float(np.sum(upper) - np.sum(lower))
    return total


def virial(study: Study) -> Array:
    """<x.g> and T <tr D> over the axes that are not periodic, and the wall term.

    x is taken from the mean: <g> = 0, and far from the origin its error would drown the rest.
    """
    p, d = study.problem, study.grid.dim
    open_axes = [k for k, wraps in enumerate(study.grid.periodic) if not wraps]
    x = np.stack([study.centred[k] * (k in open_axes) for k in range(d)])
    trace = sum((p.D[k, k] for k in open_axes), start=np.zeros(study.grid.shape))
    flow = p.kT * study.steady.rho * np.einsum("ik...,k...->i...", p.D, x)
    position = study.mean(np.sum(x * p.g, axis=0))
    return np.array([position, p.kT * study.mean(trace), at_walls(study, flow)])


def _gradients(study: Study) -> Array:
    """<g.grad f> and T <D:Hess f>, and the wall term; g = grad f in the Ito sense."""
    p = study.problem
    slope = study.gradient(study.loss) if p.calculus != "ito" else p.g
    curvature = np.stack([study.gradient(row) for row in slope])
    flow = p.kT * study.steady.rho * np.einsum("ik...,k...->i...", p.D, slope)
    square = study.mean(np.sum(p.g * slope, axis=0))
    noise = p.kT * study.mean(np.sum(p.D * curvature, axis=(0, 1)))
    return np.array([square, noise, at_walls(study, flow)])
