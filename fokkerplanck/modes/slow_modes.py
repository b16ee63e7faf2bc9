"""Slowest left and right modes of a generator: masses that scale them, a start, and the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.linalg.null_vector import closed_class, null_vector
from fokkerplanck.modes.edge_form import EdgeForm, symmetric_modes, two_sided_modes
from fokkerplanck.modes.krylov_schur import SlowSpace
from fokkerplanck.modes.shift_invert import ShiftInvert
from fokkerplanck.scheme.detailed_balance import exact_log_density
from fokkerplanck.scheme.generator import Generator

#: Largest range of the log masses that scale unknowns: products of smaller masses underflow.
RANGE = 600.0
#: Shift s, over the size of the slow eigenvalues.
SHIFT = 0.3
#: A moment that varies by less of its size is a constant, as squares on an axis of two cells are.
CONSTANT = 1e-12
#: Distance of log density from its maximum beyond which a cell lies in the tails.
TAIL = 16.0
#: Part of the largest root mass times |u| below which a mode does not live in a cell.
LIVES = 1e-4
#: Residual of a left mode, over the largest value and the exit rate, above which it is repaired.
WRONG = 1e-9
#: Such a residual above which the message says that it is left.
REPORTED = 1e-6


@dataclass(frozen=True, eq=False)
class Masses:
    r"""Masses that scale modes: :math:`p=\omega v`.

    Attributes
    ----------
    log_pi : array (n,) or None
        Stationary masses, sum 1; None with absorbing sides.
    log_mass : array (n,)
        :math:`\log\omega`: those, where they are positive and within reach; with absorbing sides
        those of the same box with the exits closed.
    is_reversible : bool
        Detailed balance.
    message : str
    """

    log_pi: Array | None
    log_mass: Array
    is_reversible: bool
    message: str


@dataclass(frozen=True, eq=False)
class Modes:
    """Rates (r,), functions u (r, n) and v (r, n) with sum u omega v = 1, and the solver used."""

    rates: np.ndarray
    left: np.ndarray
    right: np.ndarray
    inverse: ShiftInvert
    message: str


def find_masses(generator: Generator) -> Masses:
    """Stationary masses of a generator; with absorbing sides those with the exits closed.

    Raises
    ------
    ValueError
        If the stationary state is not unique.
    """
    grid, edges = generator.grid, generator.edges
    log_volume = np.log(grid.volumes.ravel())
    is_open = generator.leaks
    cells = None if is_open else closed_class(generator.matrix, grid.shape)
    is_connected = cells is None or cells.size == grid.size
    exact = exact_log_density(generator.problem, edges) if is_connected else None
    if exact is not None:
        log_pi = exact[0] + log_volume
        how = f"detailed balance on every edge, masses from {exact[1]}"
    else:
        how = "masses by elimination"
        closed = Generator(replace(edges, exits={})) if is_open else generator
        try:
            log_pi = null_vector(closed.matrix, grid.shape, cells).log_mass
        except ValueError:
            if not is_open:
                raise
            log_pi, how = log_volume, "masses are volumes, for parts of the box are not connected"
    log_pi = log_pi - logsumexp(log_pi)
    log_mass = np.maximum(log_pi, log_pi.max() - RANGE)
    if np.isneginf(log_pi).any():  # cells without mass: functions on them need a norm too
        log_mass = np.logaddexp(log_pi, log_volume - logsumexp(log_volume)) - np.log(2)
    return Masses(None if is_open else log_pi, log_mass, exact is not None, how)


def slow_modes(
    generator: Generator,
    masses: Masses,
    count: int,
    tol: float,
    solver: Callable[..., ShiftInvert],
    max_solves: int,
) -> Modes:
    """At least `count` of the slowest modes, in no particular order.

    Parameters
    ----------
    generator : Generator
    masses : Masses
    count : int
        Modes besides that of eigenvalue 0, at least 1.
    tol : float
        Of the residuals in (s - A)^-1.
    solver : callable
        ``solver(generator, log_mass, shift)``; see `ShiftInvert`.
    max_solves : int
        For each of the two sides.

    Raises
    ------
    ConvergenceError
        With the rates that have converged.
    """
    form = EdgeForm(generator, masses.log_mass, masses.is_reversible)
    pi = None if masses.log_pi is None else np.exp(masses.log_pi)
    inverse = partial(solver, generator, masses.log_mass)
    grid, how = generator.grid, masses.message
    return search_modes(form, grid, pi, inverse, count, tol, max_solves, how)


def search_modes(form, grid, pi, make_inverse, count, tol, max_solves, how):
    """At least `count` of the slowest modes of any operator, in no particular order.

    Parameters
    ----------
    form : EdgeForm, or something like it
    grid : Grid
    pi : array (n,) or None
        Stationary masses, sum 1.
    make_inverse : callable
        ``make_inverse(shift)``; see `ShiftInvert`.
    count, tol, max_solves
        As in ``slow_modes``.
    how : str
        How the masses were found.
    """
    start = moments(grid, form.mass, pi is not None)
    shift = SHIFT * rate_scale(form, start, count)
    inverse = make_inverse(shift)
    omega = form.mass

    def search(apply, removed):
        return SlowSpace(apply, shift, omega, removed, start, form.is_reversible, tol, max_solves)

    functions = search(inverse.solve_transposed, None if pi is None else (np.ones_like(pi), pi))
    X, rates = functions.converge(count)
    if form.is_reversible:
        rates, U = symmetric_modes(form, X)
        V = U
    else:
        densities = search(
            lambda v: inverse.solve(omega * v) / omega,
            None if pi is None else (pi / omega, omega),
        )
        Y, again = densities.converge(len(X), rates)
        for _ in range(3):  # one side may have cut between rates that the other found equal
            if len(X) < len(Y):
                X, rates = functions.converge(len(Y), again)
            elif len(Y) < len(X):
                Y, again = densities.converge(len(X), rates)
        rates, U, V = _paired(form, X, Y, rates)
    message = f"Krylov-Schur iteration from {len(start)} moments; {how}"
    return Modes(rates, U, V, inverse, message)


def _paired(form, X, Y, rates):
    """Modes of both sides; ConvergenceError where left and right modes cannot be biorthonormal."""
    try:
        if len(X) == len(Y):
            rates, U, V = two_sided_modes(form, X, Y)
            if np.isfinite(U).all() and np.isfinite(V).all():
                return rates, U, V
    except np.linalg.LinAlgError:
        pass
    raise ConvergenceError(
        "an eigenvalue is defective: left and right modes do not pair (drift without noise does "
        "that, by upwinding); the rates are in .iterate; add a little noise or ask for fewer modes",
        iterate=rates,
    )


def repair_tails(generator, log_mass, rates, U, V):
    """Solve for left modes in the tails, where the weight of the iteration is next to none.

    With the values in the bulk given, those in the tails follow from A^T u = lambda u there. V must
    be biorthonormal to U, which is changed in place. Returns a note on what was done, or "".
    """
    A = generator.matrix.T.tocsr()
    volume = generator.grid.volumes.ravel()
    log_density = log_mass - np.log(volume)
    is_thin = log_density < log_density.max() - TAIL
    root = np.exp(0.5 * log_mass)
    repaired, wrong = 0, 0.0
    for i, rate in enumerate(rates):
        if rate.imag < 0 and i and rates[i - 1] == rate.conjugate():
            U[i] = U[i - 1].conj()
            continue
        # The mode of a well with next to no mass lives there, and that well is no tail of it.
        part = root * np.abs(U[i])
        tail = np.flatnonzero(is_thin & (part <= LIVES * part.max()))
        before = _worst(A, generator.exit_rates, rate, U[i])
        if before > WRONG and tail.size:
            u = _with_tail(A, tail, rate, U[i])
            after = _worst(A, generator.exit_rates, rate, u)
            if after < before and abs(np.exp(log_mass) @ (V[i] * u) - 1) < WRONG:
                U[i], before = u, after
                repaired += 1
        wrong = max(wrong, before)
    note = f"; tails of {repaired} left modes from those modes in the bulk" if repaired else ""
    if wrong > REPORTED:
        note += f"; in the tails left modes have residuals of {wrong:.0e}"
    return note


def _with_tail(A, tail, rate, u):
    """Copy of u with (A u)_i = rate u_i solved in the cells of the tail."""
    u, known = u.copy(), u.copy()
    known[tail] = 0.0
    matrix = rate * sparse.eye_array(tail.size) - A[tail][:, tail]
    u[tail] = sparse_lu(matrix).solve((A[tail] @ known).astype(matrix.dtype))
    return u


def _worst(A, exit_rates, rate, u):
    """Largest residual of a left mode in any cell, over its exit rate and the largest |u|."""
    return float((np.abs(A @ u - rate * u) / exit_rates).max() / np.abs(u).max())


def moments(grid, mass, without_mean):
    """First and second moments (sine and cosine of periodic axes) as functions (m, n) of norm 1."""
    first = []
    for k, x in enumerate(grid.x):
        lo, hi = grid.box[k]
        if grid.periodic[k]:
            angle = 2 * np.pi * (x - lo) / (hi - lo)
            first += [np.sin(angle), np.cos(angle)]
        else:
            first.append((x - 0.5 * (lo + hi)) / (hi - lo))
    first = [np.broadcast_to(q, grid.shape).ravel() for q in first]
    if without_mean:
        first = [q - q @ mass / mass.sum() for q in first]
    second = [p * q for i, p in enumerate(first) for q in first[i:]]
    functions = np.stack(
        [*first, *second] if without_mean else [np.ones(grid.size), *first, *second]
    )
    size = np.sqrt((functions**2) @ mass)
    if without_mean:
        functions -= (functions @ mass / mass.sum())[:, None]
    norm = np.sqrt((functions**2) @ mass)
    varies = norm > CONSTANT * size
    return functions[varies] / norm[varies, None]


def rate_scale(form, functions, count):
    """Size of the slowest `count` eigenvalues, from the moments alone (exact for linear drift)."""
    values, Z = np.linalg.eigh(form.products(functions, functions))
    Z = Z[:, values > 1e-10 * values[-1]] / np.sqrt(values[values > 1e-10 * values[-1]])
    rates = np.linalg.eigvals(Z.T @ form.rates(functions, functions) @ Z)
    rates = rates[np.argsort(-rates.real)][:count]
    return float(np.median(np.abs(rates)))
