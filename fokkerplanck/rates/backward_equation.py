"""The backward equation: expectations of functions of the end of a path."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from fokkerplanck.domain.arguments import describe
from fokkerplanck.domain.fields import check_finite, scalar_field
from fokkerplanck.domain.grid import Grid
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.time_loop import check_times
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.semigroup.rational_krylov import krylov_action
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
from fokkerplanck.rates.results import check_problem, frozen
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator

KINDS = ("auto", "uniformisation", "krylov")
#: Error where none is asked for, relative to the range of phi; best that Krylov spaces reach.
TOLERANCE, KRYLOV_TOLERANCE = 1e-13, 1e-13


@dataclass(frozen=True, eq=False)
class Backward:
    r"""Expectations :math:`u(t,x)=E[\varphi(x(t))\,|\,x(0)=x]`.

    Attributes
    ----------
    t : array (n_t,)
    u : array (n_t, \*shape)
        ``u[i]`` belongs to ``t[i]``; ``u[0]`` is phi where ``t[0]`` is 0.
    stats : dict
        Kind of exponential, products, solves, ``error_bound`` (largest error in time of u, in units
        of u; a bound for uniformisation, an estimate for Krylov).
    grid : Grid
    """

    t: np.ndarray
    u: np.ndarray = field(repr=False)
    stats: dict
    grid: Grid

    def __len__(self):
        return len(self.t)

    def __getitem__(self, i):
        return self.u[i]


def backward(problem, phi, t, *, rtol=None, atol=None, kind="auto") -> Backward:
    r"""Solve :math:`u_t=A^Tu`, :math:`u(0)=\varphi`, in the continuum :math:`u_t=-g\cdot\nabla u+\beta^{-1}D:\nabla^2u`.

    A^T is the exact transpose of the generator of ``solve``: for every density
    :math:`\int\rho(t)\varphi\,dx=\int\rho_0u(t)\,dx` to rounding, constants stay as they are and u
    never leaves the range of phi.

    Parameters
    ----------
    problem : Problem
        At absorbing sides u is 0: phi counts for paths that have not left.
    phi : callable ``phi(x, y)``, array (\*shape) or number
    t : number or increasing array (n_t,)
        Times >= 0, the first may be 0. A number T means [0, T].
    rtol, atol : float, optional
        Largest error in time of u: rtol times the range of phi, plus atol. Neither: 1e-13 of the
        range. Says nothing of the error of the grid.
    kind : {"auto", "uniformisation", "krylov"}
        As in ``Exponential``: a Poisson mixture of powers of a stochastic matrix, or shift-and-invert
        Krylov spaces for long times.

    Returns
    -------
    Backward

    Raises
    ------
    ValueError
        For arguments that do not fit.
    ConvergenceError
        If Krylov spaces do not converge.

    References
    ----------
    H. Risken, The Fokker-Planck Equation (1989), section 2.4.

    Examples
    --------
    The mean of an Ornstein-Uhlenbeck process decays like e^-t.

    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-8, 8)], 160)
    >>> mean = fp.backward(fp.Problem(grid, f=lambda x: x**2 / 2), lambda x: x, 1.0)
    >>> bool(abs(mean.u[-1][70:90] - grid.x[0][70:90] * 2.718281828**-1).max() < 1e-3)
    True
    """  # noqa: E501
    check_problem(problem, "backward")
    times = check_times(t)
    if times[0] < 0:
        raise ValueError(f"t[0] is {times[0]:g}; give times >= 0, counted from when x is known")
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; choose from {', '.join(KINDS)}")
    grid = problem.grid
    start = check_finite(scalar_field(phi, grid, "phi"), grid.x, "phi").astype(float).ravel()
    spread = float(np.ptp(start)) or 1.0
    tolerance = _tolerance(rtol, atol, spread)
    run = _Run(Generator(problem), kind, tolerance / max(times.size, 1))
    out, u, now = np.empty((times.size, grid.size)), start, 0.0
    for k, time in enumerate(times):
        if time > now:
            u = run.step(u, time - now)
        out[k], now = u, time
    return Backward(frozen(times), frozen(out.reshape(times.size, *grid.shape)), run.report(), grid)


class _Run:
    """Transposed chain, factorisations and counters."""

    def __init__(self, generator, kind, tolerance):
        self.generator, self.kind, self.tolerance = generator, kind, tolerance
        flows = Flows.from_generator(generator)
        # (A^T u)_i = sum_k A_ki (u_k - u_i): differences, so that constants stay to the last bit.
        self.flows = replace(flows, inflow=flows.outflow)
        self.chain = JumpChain(generator, self.flows, _largest)
        self.products = self.solves = 0
        self.bound, self.clipped, self.kinds = 0.0, 0.0, set()

    @cached_property
    def factors(self) -> Factors:
        """Factorisations of the transposed generator."""
        A = self.generator
        turned = SimpleNamespace(grid=A.grid, matrix=A.matrix.T, exit_rates=A.exit_rates)
        # Constants are not masses: nothing is to be corrected.
        return Factors(turned, _Functions(**vars(self.flows)))

    def step(self, u, span):
        """Function a span of time earlier."""
        low, high = float(u.min()), float(u.max())
        if self.flows.conserves_mass:
            middle = 0.5 * (low + high)
            if low == high:
                return u
            return middle + self._moved(u - middle, span)
        return self._moved(u, span)

    def _moved(self, u, span):
        """The same, for a function about zero."""
        if not u.any():
            return u
        grid, kind = self.generator.grid, self.kind
        if kind == "auto":
            cheap = self.chain.products(span) * grid.size <= sizes.UNIFORMISATION_CHEAP_EXACT
            small = grid.size <= sizes.BACKWARD_FACTORISED[grid.dim]
            kind = "uniformisation" if cheap or not small else "krylov"
        self.kinds.add(kind)
        if kind == "uniformisation":
            return self._uniformised(u, span)
        done, piece = 0.0, span
        while done < span:
            piece = min(piece, span - done)
            q = self._krylov(u, piece)
            if q is None:
                piece /= 2
                if self.chain.rate * piece < 100:
                    u = self._uniformised(u, span - done)
                    break
                continue
            u, done = q, done + piece if piece < span - done else span
            piece *= 2  # functions grow smooth: try longer steps again
        return u

    def _uniformised(self, u, span):
        """Uniformisation, within the tolerance."""
        size = _largest(u)
        share = min(self.tolerance / size, 0.1)
        action = self.chain.act(u, span, 0.1 * share, 0.1 * share)
        self.products += action.n_products
        self.bound += action.bound * size
        return self._kept(u, action.p)

    def _krylov(self, u, span):
        """Krylov step, or None if the span is too long for it."""
        size = float(np.abs(u).sum())
        wanted = max(self.tolerance / size, KRYLOV_TOLERANCE * _largest(u) / size)
        factor = self.factors.get(2.0 ** round(math.log2(span / 10)))
        try:
            action = krylov_action(factor, u, span, wanted)
        except ConvergenceError:
            return None
        if action is None or action.error > 1e3 * wanted:
            return None
        self.solves += action.dimension
        self.bound += action.error * size
        return self._kept(u, action.p)

    def _kept(self, before, after):
        """Values in the range of those before (and 0, where paths end): the maximum principle."""
        ends = not self.flows.conserves_mass
        low, high = float(before.min()), float(before.max())
        low, high = (min(low, 0.0), max(high, 0.0)) if ends else (low, high)
        kept = np.clip(after, low, high)
        self.clipped = max(self.clipped, float(np.abs(kept - after).max()))
        return kept

    def report(self):
        """Work, error bound and what the maximum principle corrected."""
        return {
            "kind": " and ".join(sorted(self.kinds)) or "none", "products": self.products,
            "solves": self.solves, "error_bound": self.bound, "clipped": self.clipped,
        }  # fmt: skip


class _Functions(Flows):
    """Flows of a transposed generator, to which no conservation of mass applies."""

    @property
    def conserves_mass(self) -> bool:
        """False."""
        return False


def _largest(u) -> float:
    """Largest absolute value."""
    return float(np.abs(u).max())


def _tolerance(rtol, atol, spread) -> float:
    """Largest error of u that is allowed."""
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value is not None and not (np.ndim(value) == 0 and np.isreal(value) and value > 0):
            raise ValueError(f"{name} is {describe(value)}; give a positive number")
    if rtol is None and atol is None:
        return TOLERANCE * spread
    return float((rtol or 0.0) * spread + (atol or 0.0))
