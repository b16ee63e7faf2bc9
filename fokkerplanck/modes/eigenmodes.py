r"""Slowest modes of relaxation: eigenvalues of the generator, its right and its left modes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from fokkerplanck.domain.arguments import frozen, is_whole, one_of_or_none, positive_number
from fokkerplanck.domain.densities import check_density
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.observed_order import ErrorReport, number_report, ratios_of
from fokkerplanck.domain.packing import Saved
from fokkerplanck.domain.progress import counted
from fokkerplanck.domain.run_stats import ByKey
from fokkerplanck.domain.types import Array
from fokkerplanck.equation.problem import Problem
from fokkerplanck.equation.repeated import Question, Repeatable
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.modes.linear_modes import linear_modes
from fokkerplanck.modes.shift_invert import ShiftInvert
from fokkerplanck.modes.slow_modes import Modes, find_masses, moments, repair_tails, slow_modes
from fokkerplanck.modes.well_modes import between_wells, check_count
from fokkerplanck.scheme.chain import Chain
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.operator_choice import LinearOperator, choose_operator

#: Real if all eigenvalues are.
RealOrComplex: TypeAlias = Array | NDArray[np.complex128]
#: Solvers with s - A, ``solver(generator, log_mass, shift)``; see `ShiftInvert`.
SOLVERS = {"direct": ShiftInvert}
#: Residual above which modes are not handed out.
TRUSTED = 1e-7


@dataclass(frozen=True)
class SpectrumStats(ByKey):
    """How a spectrum was computed.

    Attributes
    ----------
    method : {"symmetric", "two-sided"}
        Detailed balance, and one set of modes; or left and right modes each by themselves.
    solver : str
    shift : float
        s in (s - A)^-1, 1/time.
    n_solves : int
        Solves with s - A and its transpose.
    n_fill : int
        Numbers stored in the factors.
    message : str
        In words.
    scheme : str
        ``"markov"``, or the linear flux.
    """

    method: str
    solver: str
    shift: float
    n_solves: int
    n_fill: int
    message: str
    scheme: str = "markov"


@dataclass(frozen=True, eq=False)
class Spectrum(Repeatable, Saved):
    r"""Slowest modes :math:`Ap_k=\lambda_kp_k`, :math:`A^Tu_k=\lambda_ku_k`, :math:`u_k^Tp_k=1`.

    Every density relaxes as
    :math:`\rho(t)=\sum_kc_ke^{\lambda_kt}r_k`, :math:`c_k=\int u_k\rho_0\,dx`, over all modes.

    Attributes
    ----------
    eigenvalues : array (k,)
        Of the generator, 1/time, slowest decay first; real if ``is_reversible``, else complex.
        Without absorbing sides the first is 0. Of a conjugate pair that with the positive
        imaginary part comes first.
    right : array (k, \*shape)
        Right modes :math:`r_k=p_k/V`, densities (1/volume); mode 0 is the steady state.
    left : array (k, \*shape)
        Left modes :math:`u_k`, eigenfunctions of the backward equation
        :math:`\mathcal L^\dagger u=\lambda u`; mode 0 is the constant 1, of the others the mean of
        :math:`|u_k|^2` under the steady state is 1. They hold in the tails too, whatever the
        density there: residuals are below 1e-9 of the largest value, or ``stats`` says otherwise.
    condition : array (k,)
        :math:`\|u_k\|\,\|p_k/\pi\|/|u_k^Tp_k|\ge1` with norms under :math:`\pi`: how much a change
        of the generator moves the eigenvalue; 1 if reversible.
    residuals : array (k,)
        The larger of :math:`\|A^Tu-\lambda u\|/\|u\|` and the same for p/π, over the largest exit
        rate: 1e-16 is one rounding.
    is_reversible : bool
        Detailed balance on every edge, to rounding: all eigenvalues are real, :math:`p_k=\pi u_k`.
    stats : SpectrumStats
    grid : Grid
    error_estimate, error_report : array (k,), ErrorReport
        Of the eigenvalues, 1/time; of anything else by ``error_of``.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> spectrum = fp.spectrum(fp.Problem(fp.Grid([(-6, 6)], 200), f=lambda x: x**2 / 2), 4)
    >>> spectrum.decay.round(2).tolist()
    [0.0, 1.0, 2.0, 3.0]
    >>> spectrum.relaxation_time.__round__(2)
    1.0
    """

    eigenvalues: RealOrComplex
    right: RealOrComplex = field(repr=False)
    left: RealOrComplex = field(repr=False)
    condition: Array
    residuals: Array
    is_reversible: bool
    stats: SpectrumStats
    grid: Grid
    _asked: Question | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def decay(self) -> Array:
        """Decay rates -Re(lambda) (k,), 1/time."""
        return -self.eigenvalues.real + 0.0

    @property
    def frequency(self) -> Array:
        """Angular frequencies |Im(lambda)| (k,), 1/time."""
        return np.abs(self.eigenvalues.imag)

    @property
    def period(self) -> Array:
        """Periods 2 pi / frequency (k,), infinite for real eigenvalues."""
        frequency = self.frequency
        safe = np.where(frequency > 0, frequency, 1.0)
        return np.where(frequency > 0, 2 * np.pi / safe, np.inf)

    @property
    def gap(self) -> float:
        """Decay rate of the slowest mode that decays; nan if only mode 0 was asked for."""
        # An absorbing side may be out of reach: then mass stays, and the first is 0.
        first = 0 if self.grid.has_absorbing_sides and self.eigenvalues[0] != 0 else 1
        return float(self.decay[first]) if len(self) > first else float("nan")

    @property
    def relaxation_time(self) -> float:
        """1 / gap."""
        return 1 / self.gap if self.gap > 0 else float("inf") if self.gap == 0 else float("nan")

    @property
    def error_estimate(self) -> Array:
        r"""Errors :math:`|\lambda_k-\lambda|` (k,), 1/time, by observed order.

        From as many modes on half and on a quarter as many cells along each axis, each matched with
        the eigenvalue next to it. nan for problems given by arrays, where a coarser grid has no
        spectrum, and where differences grow as cells shrink; ``error_report`` has the orders, and
        says why.
        """
        return np.asarray(self.error_report.value)

    @cached_property
    def error_report(self) -> ErrorReport:
        """``error_estimate`` with the orders it rests on, and what speaks against it."""
        three = self._three_grids
        if isinstance(three, str):
            return ErrorReport.missing(three, (len(self),))
        values = [self.eigenvalues]
        for coarser in three[1:]:
            values.append(_matched(values[-1], coarser.eigenvalues))
        return number_report(values, ratios_of([s.grid for s in three]))

    def _unlike(self, other: Spectrum) -> str:
        """Modes that were not found."""
        return "" if len(other) == len(self) else f"only {len(other)} modes were found"

    def coefficients(self, rho0: ArrayLike) -> RealOrComplex:
        r"""Parts :math:`c_k=\int u_k\rho_0\,dx` of a density in the modes.

        Parameters
        ----------
        rho0 : array (\*shape)
            Density with integral 1.

        Returns
        -------
        array (k,)
            The distance of :math:`\sum_kc_ke^{\lambda_kt}r_k` from :math:`\rho(t)` decays at the
            rate of the first mode that is not among these.

        Examples
        --------
        >>> import fokkerplanck as fp
        >>> grid = fp.Grid([(-6, 6)], 200)
        >>> spectrum = fp.spectrum(fp.Problem(grid, f=lambda x: x**2 / 2), 2)
        >>> abs(spectrum.coefficients(fp.gaussian(grid, 0.5, 1))).round(3).tolist()
        [1.0, 0.5]
        """
        is_rest = self.grid.has_absorbing_sides
        mass = check_density(rho0, self.grid, is_rest=is_rest) * self.grid.volume
        return np.array([np.sum(u * mass) for u in self.left])

    def __repr__(self) -> str:
        """Table of the modes."""
        kind = "reversible" if self.is_reversible else "not reversible"
        lines = [f"Spectrum({len(self)} modes, {kind}, {self.stats.solver}, on {self.grid!r})"]
        lines.append("  mode         decay     frequency  condition  residual")
        rows = zip(self.decay, self.frequency, self.condition, self.residuals, strict=True)
        for i, (decay, frequency, condition, residual) in enumerate(rows):
            lines.append(
                f"  {i:4d}  {decay:12.6g}  {frequency:12.6g}  {condition:9.3g}  {residual:8.1e}"
            )
        return "\n".join(lines)


@counted("spectrum", "solves")
def spectrum(
    problem: Problem | Generator,
    k: int = 6,
    tol: float = 1e-11,
    solver: str | None = None,
    max_solves: int = 2000,
    *,
    scheme: str = "auto",
    progress: Any = None,
) -> Spectrum:
    r"""Slowest k eigenvalues of the generator, with right and left modes: :math:`Ap=\lambda p`.

    Parameters
    ----------
    problem : Problem or Generator
        With absorbing sides too: the slowest mode is then the quasi-stationary state.
    k : int
        Modes, mode 0 (eigenvalue 0, steady state and constant) among them; 1 <= k <= cells - 2.
    tol : float
        Residual of modes in :math:`(s-A)^{-1}`, relative. Eigenvalues have about its square.
    solver : {None, "direct"}
        For s - A: sparse LU.
    max_solves : int
        After which the iteration gives up.
    scheme : {"auto", "markov", "upwind5", "phase_space"}
        ``"markov"``: the generator of ``solve``; it adds noise where drift wins over noise within a
        cell. ``"upwind5"``: the linear flux of fifth order (`Upwind5`), for directions without
        noise, with complete factors: in the plane, and on small grids in space.
        ``"phase_space"``: `PhaseSpaceFlux`, for ``Problem.langevin`` alone. ``"auto"``: as in
        ``mfpt``; ``stats.message`` says which.
    progress : None, bool, tqdm or tqdm-like, optional
        As in ``solve``: None is a bar on a terminal if it takes longer than a second; it counts
        solves.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If k is out of range, a name is unknown, or the steady state is not unique (then 0 is a
        multiple eigenvalue).
    ConvergenceError
        If ``max_solves`` (for left or right modes) is used up, or if an eigenvalue is defective, so
        that left and right modes do not pair; ``.iterate`` holds the eigenvalues found. If
        ``"upwind5"`` was asked for and the grid does not resolve the problem for it.

    Notes
    -----
    Shift-and-invert Krylov-Schur iteration, in the inner product of the stationary masses, for
    functions :math:`u` and for :math:`v=p/\pi`, eigenfunctions of the reversed process. In detailed
    balance :math:`u=v` and the operator is symmetric. Eigenvalues come last, as Rayleigh quotients
    of differences along edges,

    .. math:: \lambda=-\frac{\sum_ec_e(\delta_eu)^2}{\sum_i\pi_iu_i^2}, \qquad\text{or}\qquad
       \lambda=\frac{\sum_e\delta_eu\,J_e(\pi v)}{\sum_iu_i\pi_iv_i}

    if not reversible, since those of the iteration have absolute errors of some
    :math:`10^{-16}\Lambda`, more than a slow rate may amount to.

    The slowest are chosen by decay among all modes that the iteration can see, which it does from a
    shift of the size of the slow eigenvalues: modes that turn many times faster than all the
    others decay may be missed.

    References
    ----------
    G. W. Stewart, A Krylov-Schur algorithm for large eigenproblems, SIAM J. Matrix Anal. Appl. 23
    (2001). H. Risken, The Fokker-Planck Equation, chapters 5 and 6.

    Examples
    --------
    A spiral sink: every pair of eigenvalues turns.

    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-5, 5), (-5, 5)], 48)
    >>> spiral = fp.Problem(grid, drift=lambda x, y: (-x - 2 * y, 2 * x - y))
    >>> modes = fp.spectrum(spiral, k=3)
    >>> modes.decay.round(1).tolist(), modes.frequency.round(1).tolist()
    ([0.0, 1.0, 1.0], [0.0, 2.0, 2.0])
    """
    generator = Generator.of(problem, "spectrum")
    grid = generator.grid
    _check_arguments(grid, k, tol, solver, max_solves)
    choice = choose_operator(generator, scheme, "spectrum", solver)
    found, message = choice.answer(lambda f: _linear(f, k, tol, max_solves))
    again = partial(spectrum, k=k, tol=tol, solver=solver, max_solves=max_solves)
    if found is not None:
        assert choice.linear is not None
        scheme = choice.linear.scheme
        again = partial(again, scheme=scheme)
        found = replace(found, stats=replace(found.stats, scheme=scheme))
        return replace(found, _asked=Question.of(generator.problem, again))
    masses = find_masses(generator)
    inverse_by = SOLVERS[solver or "direct"]
    count = k - int(masses.log_pi is not None)
    modes = slow_modes(generator, masses, max(count, 1), tol, inverse_by, max_solves)
    modes = between_wells(generator, masses, modes)
    log_mass = masses.log_mass
    still = None if masses.log_pi is None else np.exp(masses.log_pi - log_mass)
    modes = replace(modes, message=modes.message + (f"; {message}" if message else ""))
    found = _finished(generator, log_mass, still, modes, count, masses.is_reversible)
    if masses.is_reversible:
        check_count(generator, found.eigenvalues)
    again = partial(again, scheme="markov")
    return replace(found, _asked=Question.of(generator.problem, again))


def _linear(linear: LinearOperator, k: int, tol: float, max_solves: int) -> Spectrum:
    """Spectrum of the fifth-order flux."""
    pi = linear.mass
    count = k - int(pi is not None)
    modes, operator, log_mass = linear_modes(linear, max(count, 1), tol, max_solves)
    still = None if pi is None else pi / np.exp(log_mass)
    return _finished(operator, log_mass, still, modes, count, False)


def _finished(
    operator: Chain,
    log_mass: Array,
    still: Array | None,
    modes: Modes,
    count: int,
    is_reversible: bool,
) -> Spectrum:
    """Result from modes besides the stationary one, ``still``, in units of the masses."""
    omega, grid = np.exp(log_mass), operator.grid
    rates, U, V, note = _chosen(modes, omega, grid, count)
    note += repair_tails(operator, log_mass, rates, U, V)
    if is_reversible:
        V = U
    if still is not None:
        rates = np.concatenate([[0.0], rates])
        U = np.concatenate([np.ones((1, omega.size)), U])
        V = np.concatenate([still[None], V])
    residuals = _residuals(operator, omega, rates, U, V)
    if not residuals.max() <= TRUSTED:
        raise ConvergenceError(
            f"the modes leave a residual of {residuals.max():.1e} of the largest exit rate, for "
            "eigenvalues are almost defective (drift without noise does that, by upwinding); the "
            "eigenvalues are in .iterate; add a little noise or ask for fewer modes",
            iterate=rates,
            residual=float(residuals.max()),
        )
    inverse = modes.inverse
    method = "symmetric" if is_reversible else "two-sided"
    solves = inverse.name, inverse.shift, inverse.n_solves, inverse.n_fill
    shape = (len(rates), *grid.shape)
    return Spectrum(
        eigenvalues=frozen(rates),
        right=frozen((V * omega).reshape(shape) / grid.volume),
        left=frozen(U.reshape(shape)),
        condition=frozen(_norms(U, omega) * _norms(V, omega)),
        residuals=frozen(residuals),
        is_reversible=is_reversible,
        stats=SpectrumStats(method, *solves, modes.message + note),
        grid=grid,
    )


def _check_arguments(grid: Grid, k: int, tol: float, solver: str | None, max_solves: int) -> None:
    """Raise ValueError for what cannot be asked."""
    n = grid.size
    if not is_whole(k) or not 1 <= k <= n - 2:
        raise ValueError(
            f"k is {k!r:.60}; give a whole number of modes from 1 to {n - 2}, the cells less two"
        )
    positive_number(tol, "tol")
    one_of_or_none(solver, "solver", SOLVERS)
    if not is_whole(max_solves) or max_solves < 1:
        raise ValueError(f"max_solves is {max_solves!r:.60}; give a whole number, at least 1")


def _chosen(
    modes: Modes, omega: Array, grid: Grid, count: int
) -> tuple[RealOrComplex, RealOrComplex, RealOrComplex, str]:
    """Rates, left and right modes of the slowest `count`, normalised; a note if a pair is cut."""
    rates = modes.rates
    order = np.lexsort((-rates.imag, np.abs(rates.imag), -rates.real))[:count]
    rates, U, V = rates[order], modes.left[order], modes.right[order]
    note = ""
    if count and rates[-1].imag > 0:
        note = "; the last mode is one of a conjugate pair, ask for one more to get both"
    towards = moments(grid, omega, True)
    for i, rate in enumerate(rates):
        if rate.imag < 0 and i and rates[i - 1] == rate.conjugate():
            U[i], V[i] = U[i - 1].conj(), V[i - 1].conj()
            continue
        if rate.imag == 0:
            U[i], V[i] = U[i].real, V[i].real
        u = U[i] / np.sqrt(np.sum(omega * np.abs(U[i]) ** 2) / omega.sum())
        if rate.imag != 0:
            u *= np.exp(-0.5j * np.angle(np.sum(omega * u**2)))
        # Upwards along x; if it has no slope along x, along y, and so on.
        slope = (towards @ (omega * u)).real
        if slope.size and slope[np.argmax(np.abs(slope) > 0.1 * np.abs(slope).max())] < 0:
            u = -u
        V[i] = V[i] / np.sum(u * omega * V[i])
        U[i] = u
    return rates, U, V, note


def _matched(wanted: RealOrComplex, found: RealOrComplex) -> RealOrComplex:
    """Eigenvalues of another grid, each in the place of the one next to it."""
    distance = np.abs(np.subtract.outer(wanted, found))
    return found[linear_sum_assignment(distance)[1]]


def _norms(U: RealOrComplex, omega: Array) -> Array:
    """Norms of functions (r, n) under masses of sum 1."""
    return np.sqrt((np.abs(U) ** 2) @ omega)


def _residuals(
    operator: Chain, omega: Array, rates: RealOrComplex, U: RealOrComplex, V: RealOrComplex
) -> Array:
    """Larger relative residual of each pair of modes, over the largest exit rate."""
    A = operator.matrix
    left = _norms((A.T @ U.T).T - rates[:, None] * U, omega) / _norms(U, omega)
    right = ((A @ (V * omega).T).T - rates[:, None] * (V * omega)) / omega
    right = _norms(right, omega) / _norms(V, omega)
    return np.maximum(left, right) / operator.exit_rates.max()
