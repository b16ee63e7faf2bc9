"""All statements at once, on one problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fokkerplanck import zoo
from fokkerplanck.data import problem_names
from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.progress import Bar
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.theorems.currents import assumption_4, entropy_production, stationarity
from fokkerplanck.theorems.decomposition import a_type, linear
from fokkerplanck.theorems.flow import h_theorem, information_bottleneck, jko_lyapunov
from fokkerplanck.theorems.loss import potential_is_loss
from fokkerplanck.theorems.points import critical_points, fluctuation_dissipation
from fokkerplanck.theorems.sampling import sgd_temperature
from fokkerplanck.theorems.speed import acceleration, kramers
from fokkerplanck.theorems.study import Study
from fokkerplanck.theorems.trajectories import closed_orbits
from fokkerplanck.theorems.verdict import Comparison, Verdict, Verdicts, judged

#: In the order of the paper, what follows from it last.
THEOREMS: tuple[Callable[..., Verdict], ...] = (
    *(sgd_temperature, stationarity, assumption_4, h_theorem, potential_is_loss, closed_orbits),
    *(jko_lyapunov, information_bottleneck, linear, a_type, critical_points, entropy_production),
    *(fluctuation_dissipation, acceleration, kramers),
)
#: Cells of a problem made from a name, per axis.
CELLS = {1: 256, 2: 64, 3: 20}
#: Most cells of a quick run, by dimension.
QUICK = {1: 256, 2: 48**2, 3: 16**3}
#: Options of a quick run: fewer particles, shorter orbits.
QUICK_OPTIONS: dict[Callable[..., Verdict], dict[str, Any]] = {
    sgd_temperature: {"particles": 1000},
    closed_orbits: {"long": 20.0},
}


def verify(problem: Problem, quick: bool = False, progress: Any = None) -> Verdicts:
    """Check every statement of this package on a problem.

    Parameters
    ----------
    problem : Problem
        Without absorbing sides.
    quick : bool
        On a grid of at most 48 x 48 cells (256 in one dimension, 16^3 in three), with fewer
        particles and shorter orbits. Problems given by arrays stay on their grid.
    progress : None, bool, tqdm or tqdm-like, optional
        As in ``solve``: by default a bar on a terminal if it takes longer than a second.

    Returns
    -------
    Verdicts
        Those that do not apply are in it, with the reason. ``ok`` is False only if a theorem fails
        whose hypotheses hold.

    Raises
    ------
    ValueError
        If the problem has no steady state, or it is not unique.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> verdicts = fp.theorems.verify(fp.zoo.gyrator().build(40))
    >>> verdicts.ok, verdicts["assumption_4"].outcome, verdicts["information_bottleneck"].outcome
    (True, 'holds', 'fails')
    """
    options = QUICK_OPTIONS if quick else {}
    verdicts = []
    with Bar(progress, "verify", total=len(THEOREMS)) as bar:
        study = Study.of(problem)
        if quick:
            study = Study(_coarser(study.problem))
        state = study.steady  # a problem without a steady state is refused here, once
        for k, theorem in enumerate(THEOREMS):
            verdicts.append(_checked(theorem, study, options.get(theorem, {})))
            bar.at(k + 1)
    return Verdicts(verdicts, repr(state))


def named(name: str, n: int | None = None) -> Problem:
    """Problem of a name: a code of the zoo such as R2, or a constructor such as gyrator.

    Parameters
    ----------
    name : str
    n : int, optional
        Cells per axis; by default 256, 64 or 20 in one, two or three dimensions.

    Raises
    ------
    ValueError
        For an unknown name, with the choices.

    Examples
    --------
    >>> from fokkerplanck import theorems
    >>> theorems.named("gyrator").grid.shape, theorems.named("r2", 16).grid.shape
    ((64, 64), (16, 16))
    """
    if not isinstance(name, str):
        raise ValueError(f"name is {describe(name)}; give a code or a name of the zoo, e.g. 'R2'")
    wanted = name.lower()
    code = next(
        (code for code, made in problem_names().items() if wanted in (code.lower(), made)), ""
    )
    if not code:
        raise ValueError(
            f"name is {name!r:.40}, and no problem is called so; choose from R1 "
            "ornstein_uhlenbeck, R2 gyrator and the others that zoo.table() lists"
        )
    exact = {**zoo.catalogue(), **zoo.degenerate()}[code]
    return exact.build(CELLS[exact.dim] if n is None else n)


def _checked(theorem: Callable[..., Verdict], study: Study, options: dict[str, Any]) -> Verdict:
    """Verdict of one statement; undecided, with the reason, where it could not be computed."""
    try:
        return theorem(study, **options)
    except (ValueError, ConvergenceError) as error:
        nan = float("nan")
        return judged(
            theorem.__name__,
            "not computed.",
            [Comparison("", nan, "", nan, nan, nan)],
            is_theorem=True,
            reference="",
            remark=f"Undecided, it could not be computed: {error}.",
        )


def _coarser(problem: Problem) -> Problem:
    """Return the problem on few enough cells, if it can be moved."""
    grid = problem.grid
    while grid.size > QUICK[grid.dim]:
        grid = grid.coarsened()
    if grid is problem.grid:
        return problem
    try:
        return problem.on(grid)
    except ValueError:
        return problem
