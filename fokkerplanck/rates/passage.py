"""First passage times: their mean and variance from every cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import frozen, one_of_or_none
from fokkerplanck.domain.densities import check_density
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.points import points_of, values_at
from fokkerplanck.domain.progress import counted
from fokkerplanck.domain.run_stats import RunStats
from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.killed import SOLVERS, DirectSolver, KilledChain, MultigridSolver, choose
from fokkerplanck.rates.backward_result import BackwardResult
from fokkerplanck.rates.ends import Ended, Target, ended
from fokkerplanck.rates.linear_ends import LinearEnded
from fokkerplanck.rates.linear_passage import linear_times
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.operator_choice import choose_operator

#: Longest mean time, in units of time: its square, the variance, is still a finite number.
LONGEST = 1e150
#: Relative error of the second moment by rounding, about; and of a variance that is handed out.
NOISE, TRUSTED = 1e-13, 1e-6


@dataclass(frozen=True, eq=False)
class PassageTimes(BackwardResult):
    r"""Time until a set is reached, :math:`\tau(x)=E[t_A\,|\,x(0)=x]`, and its variance.

    Attributes
    ----------
    mean : array (\*shape)
        In units of time; 0 in the set.
    variance : array (\*shape)
    target : bool array (\*shape)
        Cells of the set.
    residual : float
        Largest :math:`|\sum_jq_{ij}(\tau_i-\tau_j)+c_i\tau_i-1|` of a cell, relative to the sum of
        its terms' sizes.
    stats : dict
        Scheme, solver, numbers stored in its factors, Krylov steps; ``message`` about the chain, ""
        for nothing. By key and by name, as with all results: ``stats["scheme"]``, ``stats.scheme``.
    grid : Grid
    error_estimate, error_report : float, ErrorReport
        Of ``mean``, relative, in the mean over all cells. A time from one point:
        ``times.error_of(lambda t: t.at(-1, 0))``.
    """

    mean: Array = field(repr=False)
    variance: Array = field(repr=False)
    target: Flags = field(repr=False)
    residual: float
    stats: RunStats
    grid: Grid
    _asked: Question | None = field(default=None, repr=False)

    @property
    def _answer(self) -> Array:
        """Field of ``error_estimate``."""
        return self.mean

    @property
    def std(self) -> Array:
        r"""Standard deviation (\*shape)."""
        return np.sqrt(self.variance)

    def at(self, *x: ArrayLike) -> Any:
        """Mean time from a point, linear between cell centres, constant in the outer half cells.

        Parameters
        ----------
        *x : numbers, a point (d,) or points (..., d)
            One number for each axis, or one argument; across periodic axes.

        Returns
        -------
        float, or array (...) of the points

        Raises
        ------
        ValueError
            For what is no point of the box.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> times = fp.mfpt(fp.Problem(fp.Grid([(0, 1)], 50)), fp.sets.half_space(1, 0.9))
        >>> round(times.at(0.0), 2), times.at([0.0, 0.5]).shape
        (0.4, (2,))
        """
        values = values_at(self.grid, self.mean, points_of(self.grid, *x))
        return values if values.ndim else float(values)

    def from_density(self, rho: ArrayLike) -> float:
        r"""Mean time from a density, :math:`\int\tau\rho\,dx`.

        Parameters
        ----------
        rho : array (\*shape)
            Density with integral 1.
        """
        return float(self.grid.integrate(self.mean * check_density(rho, self.grid)))


@counted("mfpt", "steps")
def mfpt(
    problem: Problem | Generator,
    target: Target | None = None,
    solver: str | None = None,
    *,
    scheme: str = "auto",
    progress: Any = None,
) -> PassageTimes:
    r"""Mean first passage time to a set, :math:`-A^T\tau=1` outside, :math:`\tau=0` inside.

    Parameters
    ----------
    problem : Problem or Generator
    target : boolean array, function or helper of ``fokkerplanck.sets``, optional
        Absorbing sides of the grid belong to the target in any case; without a target they are all
        of it.
    solver : {None, "direct", "multilevel"}
        ``"direct"``: elimination without subtractions, every entry accurate however metastable the
        problem. ``"multilevel"``: multigrid, cost proportional to the cells, refused where times
        are so long that rounding matters. None: direct below 200 000 cells in two dimensions and
        20 000 in three. A solver of the Markov chain.
    scheme : {"auto", "markov", "upwind5", "phase_space"}
        ``"markov"``: the chain of ``solve``, positive and accurate entry by entry; it adds noise
        where drift wins over noise within a cell. ``"upwind5"``: the linear flux of fifth order
        (`Upwind5`), for directions without noise; up to barriers of about 20 kT.
        ``"phase_space"``: `PhaseSpaceFlux`, for ``Problem.langevin`` alone, which keeps
        Maxwell-Boltzmann. ``"auto"``: the latter for such problems, on uniform axes and symmetric
        ones of velocity; else ``"upwind5"`` where drift goes along directions without noise, or
        where ``solve`` from the steady state would take it (on a line in the former case only), and
        if its guards pass; else the chain, with ``stats["message"]``.
    progress : None, bool, tqdm or tqdm-like, optional
        As in ``solve``: None is a bar on a terminal if it takes longer than a second; it counts
        Krylov steps of multigrid, and shows nothing of an elimination.

    Returns
    -------
    PassageTimes

    Raises
    ------
    ValueError
        For a target that is empty, the whole box, of the wrong shape or type, or out of reach from
        some cell, which is named.
    ConvergenceError
        If times are longer than double precision holds, or multigrid does not converge; if
        ``"upwind5"`` was asked for and the grid does not resolve the problem for it.

    Notes
    -----
    The variance solves :math:`-A^Tv=\sum_jq_{ij}(\tau_j-\tau_i)^2`, in the continuum
    :math:`-\mathcal L^\dagger v=2\beta^{-1}\nabla\tau\cdot D\nabla\tau`: a sum of positive terms,
    where the difference of the second moment and :math:`\tau^2` would cancel. That difference
    stands in for it where those of the mean are rounding, behind barriers of some 60 kT.
    ``"upwind5"`` takes it everywhere: values below zero are set to 0, and ``stats["variance_cut"]``
    is the largest.
    Second order in the cell width where there is noise; along directions without noise the chain
    is of first order, ``"upwind5"`` of second at a target and of fifth away from it. The boundary
    of a target given by a function is located between cells, that of a mask lies on faces.

    References
    ----------
    H. Risken, The Fokker-Planck Equation (1989), section 8.1; C. W. Gardiner, Stochastic Methods
    (2009), section 5.5.

    Examples
    --------
    Brownian motion, reflected at 0, to 1: :math:`\tau=(1-x^2)/2`, variance :math:`(1-x^4)/6`.

    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(0, 1.2)], 120))
    >>> times = fp.mfpt(problem, lambda x: x >= 1)
    >>> float(times.mean[0].round(3)), float(times.variance[0].round(3))
    (0.5, 0.167)
    """
    generator = Generator.of(problem, "mfpt")
    one_of_or_none(solver, "solver", SOLVERS)
    if target is None and not generator.leaks:
        raise ValueError(
            f"target is None and {generator.why_closed}, so nothing ends a passage; give a target"
        )
    ends = [] if target is None else [("target", target)]
    choice = choose_operator(generator, scheme, "mfpt", solver, "passage")
    end = ended(generator, ends)
    times, message = choice.answer(lambda f: linear_times(LinearEnded.of(f, end, ends)))
    again = partial(mfpt, target=target, solver=solver)
    if times is not None:
        again = partial(again, scheme=times.stats["scheme"])
        return _passage(end, *times, Question.of(generator.problem, again))
    solve = choose(end.chain, solver)
    one = np.ones(end.cells.size)
    with np.errstate(over="ignore", invalid="ignore"):
        tau = solve.solve(one)
    if not tau.max() < LONGEST:
        raise ConvergenceError(
            f"times above {LONGEST:g} have no variance in double precision; lower beta times the "
            "barrier",
            iterate=tau,
        )
    variance = _variance(solve, end.chain, tau)
    stats = {"solver": solve.name, "n_fill": solve.n_fill, "steps": solve.steps}
    stats |= {"scheme": "markov", "message": message}
    asked = Question.of(generator.problem, partial(again, scheme="markov"))
    return _passage(end, tau, variance, end.chain.residual(tau, one), stats, asked)


def _variance(solve: DirectSolver | MultigridSolver, chain: KilledChain, tau: Array) -> Array:
    r"""Variance (n_free,), from squared differences of the mean or as a difference of moments.

    Where times are long, differences :math:`\tau_j-\tau_i` inside of a well are rounding, which its
    many transitions add up; but there the variance is no small part of the second moment.
    """
    flows, rows = chain.flows, chain.rows
    # In units of the longest time, to a power of two: every digit stays, and cubes stay numbers.
    unit = 2.0 ** np.ceil(np.log2(tau.max()))
    tau = tau / unit
    one, other = tau[rows], tau[flows.indices]
    v = solve.solve(chain.sums(flows.outflow * (other - one) ** 2) + flows.exits * tau**2)
    noise = flows.outflow * (np.finfo(float).eps * (one + other)) ** 2
    doubt = solve.solve(chain.sums(noise))
    if (doubt <= (NOISE / 2) ** 2 * v).all():
        return unit**2 * v
    second = solve.solve(2 * tau / unit)
    # (a + b)^2 with noise b: its mean square, and by Cauchy and Schwarz the mixed term.
    errors = np.stack([doubt + 2 * np.sqrt(v) * np.sqrt(doubt), NOISE * second])
    best = np.where(errors[0] <= errors[1], v, np.maximum(second - tau**2, 0.0))
    error = errors.min(axis=0)
    if not (error <= TRUSTED * best).all():
        worst = float((error / np.maximum(best, 1e-300)).max())
        raise ConvergenceError(
            f"variances of so long times are known to {worst:.0e} of themselves only; lower beta "
            "times the barrier",
            iterate=unit**2 * best,
        )
    return unit**2 * best


def _passage(
    end: Ended,
    tau: Array,
    variance: Array,
    residual: float,
    stats: dict,
    asked: Question | None,
) -> PassageTimes:
    """Result from values on free cells."""
    return PassageTimes(
        mean=end.on_grid(tau),
        variance=end.on_grid(variance),
        target=frozen((end.label >= 0).reshape(end.grid.shape)),
        residual=residual,
        stats=RunStats(stats),
        grid=end.grid,
        _asked=asked,
    )
