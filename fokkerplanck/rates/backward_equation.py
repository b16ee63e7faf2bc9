"""The backward equation: expectations of functions of the end of a path."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import frozen, one_of, positive_number
from fokkerplanck.domain.fields import check_finite, scalar_field
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array, Field
from fokkerplanck.equation.problem import Problem
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.evolution.time_loop import check_times
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import Factors
from fokkerplanck.linalg.semigroup.dense import DenseSemigroup
from fokkerplanck.linalg.semigroup.rational_krylov import check_length, krylov_action
from fokkerplanck.linalg.semigroup.uniformisation import JumpChain
from fokkerplanck.rates.linear_backward import LinearBackward
from fokkerplanck.scheme.chain import PlainChain
from fokkerplanck.scheme.flows import Flows
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.steady.operator_choice import choose_operator

KINDS = ("auto", "uniformisation", "krylov")
#: Error in time where none is asked for, relative to the range of phi.
TOLERANCE = 1e-13
#: Best error that is asked of Krylov spaces, relative to the largest value of u.
KRYLOV_TOLERANCE = 1e-13
#: Rounding of a Krylov step, over that of the inverse of its small matrix.
ROUNDING = 8.0
#: Error of a Krylov step, over what was asked for, above which it counts as failed.
FAILED = 1e3
#: Products below which a failed Krylov step is not halved again but uniformised.
FEW = 100


@dataclass(frozen=True, eq=False)
class Backward(Portable):
    r"""Expectations :math:`u(t,x)=E[\varphi(x(t))\,|\,x(0)=x]`.

    Attributes
    ----------
    t : array (n_t,)
    u : array (n_t, \*shape)
        ``u[i]`` belongs to ``t[i]``; ``u[0]`` is phi where ``t[0]`` is 0.
    stats : dict
        Scheme, kind of exponential, products, solves, ``error_bound`` (largest error in time of u,
        in units of u; a bound for uniformisation, else an estimate).
    grid : Grid
    """

    t: Array
    u: Array = field(repr=False)
    stats: dict
    grid: Grid

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, i: int | slice) -> Array:
        return self.u[i]


def backward(
    problem: Problem | Generator,
    phi: Field,
    t: ArrayLike,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    kind: str = "auto",
    scheme: str = "auto",
) -> Backward:
    r"""Solve :math:`u_t=A^Tu`, :math:`u(0)=\varphi`, in the continuum :math:`u_t=-g\cdot\nabla u+\beta^{-1}D:\nabla^2u`.

    A^T is the exact transpose of the generator of ``solve`` (with ``scheme="markov"``): for every
    density :math:`\int\rho(t)\varphi\,dx=\int\rho_0u(t)\,dx` to rounding, constants stay as they
    are and u never leaves the range of phi.

    Parameters
    ----------
    problem : Problem or Generator
        At absorbing sides u is 0: phi counts for paths that have not left.
    phi : callable ``phi(x, y)``, array (\*shape) or number
    t : number or increasing array (n_t,)
        Times >= 0, the first may be 0. A number T means [0, T].
    rtol, atol : float, optional
        Largest error in time of u: rtol times the range of phi, plus atol. Neither: 1e-13 of the
        range. Says nothing of the error of the grid.
    kind : {"auto", "uniformisation", "krylov"}
        As in ``Exponential``: a Poisson mixture of powers of a stochastic matrix, or shift-and-invert
        Krylov spaces for long times; "auto" takes the matrix of the semigroup for these where the
        grid has at most 64 cells. ``"uniformisation"`` is for the Markov chain.
    scheme : {"auto", "markov", "upwind5", "well_balanced", "phase_space"}
        ``"markov"``: the chain of ``solve``. ``"upwind5"``: the exact transpose of the linear flux of fifth order, by its
        Taylor series or Krylov spaces; u may leave the range of phi, by ``stats["overshoot"]`` of
        it at most, and nothing is clipped. ``"well_balanced"``, ``"phase_space"``: as in ``solve``. ``"auto"``: the flux that
        ``solve`` takes near the steady state, if the guards of ``mfpt`` pass, else the chain, with ``stats["message"]``. A run
        of ``solve`` whose density feels other noise may take another scheme: ``stats["scheme"]`` of both.

    Returns
    -------
    Backward

    Raises
    ------
    ValueError
        For arguments that do not fit.
    ConvergenceError
        If Krylov spaces do not converge; if ``"upwind5"`` was asked for and the grid does not
        resolve the problem for it.

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
    generator = Generator.of(problem, "backward")
    times, grid = check_times(t), generator.grid
    if times[0] < 0:
        raise ValueError(f"t[0] is {times[0]:g}; give times >= 0, counted from when x is known")
    one_of(kind, "kind", KINDS)
    u = check_finite(scalar_field(phi, grid, "phi"), grid.x, "phi").astype(float).ravel()
    tolerance = _tolerance(rtol, atol, float(np.ptp(u)) or 1.0)
    each = tolerance / max(times.size, 1)
    chain_only = kind if kind == "uniformisation" else None
    if isinstance(problem, Generator) and scheme == "auto":
        scheme = "markov"  # as in solve
    choice = choose_operator(generator, scheme, "backward", chain_only, "evolution")
    found, message = choice.answer(lambda f: LinearBackward(f, kind, each).run(u, times))
    if found is not None:
        out, stats = found
        return Backward(frozen(times), frozen(out.reshape(-1, *grid.shape)), stats, grid)
    run = _Run(generator, kind, each)
    out, now = np.empty((times.size, grid.size)), 0.0
    for k, time in enumerate(times):
        if time > now:
            u = run.step(u, time - now)
        out[k], now = u, time
    stats = {**run.report(), "scheme": "markov", "message": message}
    return Backward(frozen(times), frozen(out.reshape(times.size, *grid.shape)), stats, grid)


class _Run:
    """Transposed chain, factorisations and counters."""

    def __init__(self, generator: Generator, kind: str, tolerance: float) -> None:
        self.generator, self.kind, self.tolerance = generator, kind, tolerance
        flows = Flows.from_generator(generator)
        # (A^T u)_i = sum_k A_ki (u_k - u_i): differences, so that constants stay to the last bit.
        self.flows = replace(flows, inflow=flows.outflow)
        self.chain = JumpChain(generator, self.flows, _largest)
        self.products = self.solves = 0
        self.bound = self.clipped = 0.0
        self.kinds: set[str] = set()

    @cached_property
    def factors(self) -> Factors:
        """Factorisations of the transposed generator."""
        A, flows = self.generator, self.flows
        transposed = PlainChain(A.grid, A.matrix.T, A.exit_rates, A.leaks)
        # The sum of a function is no mass: nothing is to be corrected to keep it.
        functions = _Functions(
            flows.indptr, flows.indices, flows.inflow, flows.outflow, flows.exits
        )
        return Factors(transposed, functions)

    @cached_property
    def dense(self) -> DenseSemigroup:
        """Matrix of the semigroup, on few cells."""
        return DenseSemigroup(Flows.from_generator(self.generator))

    def step(self, u: Array, span: float) -> Array:
        """Function a span of time earlier."""
        if not self.flows.conserves_mass:
            return self._moved(u, span)
        low, high = float(u.min()), float(u.max())
        if low == high:
            return u
        middle = 0.5 * (low + high)
        return middle + self._moved(u - middle, span)

    def _moved(self, u: Array, span: float) -> Array:
        """The same, for a function about zero."""
        if not u.any():
            return u
        grid, kind = self.generator.grid, self.kind
        if kind == "auto":
            cheap = self.chain.products(span) * grid.size <= sizes.UNIFORMISATION_CHEAP_EXACT
            small = grid.size <= sizes.BACKWARD_FACTORISED[grid.dim]
            kind = "uniformisation" if cheap or not small else "krylov"
            if kind == "krylov" and grid.size <= sizes.DENSE_EXPONENTIAL:
                kind = "dense"
        self.kinds.add(kind)
        if kind == "dense":
            action = self.dense.act_on_function(u, span)
            self.bound += action.bound * _largest(u)
            return self._kept(u, action.p)
        if kind == "uniformisation":
            return self._uniformised(u, span)
        check_length(self.chain.rate, span)
        done, piece = 0.0, span
        while done < span:
            piece = min(piece, span - done)
            q = self._krylov(u, piece)
            if q is None:
                piece /= 2
                if self.chain.rate * piece < FEW:
                    return self._uniformised(u, span - done)
                continue
            u, done = q, done + piece if piece < span - done else span
            piece *= 2  # functions grow smooth: try longer steps again
        return u

    def _uniformised(self, u: Array, span: float) -> Array:
        """Uniformisation, within the tolerance."""
        size = _largest(u)
        share = min(self.tolerance / size, 0.1)
        action = self.chain.act(u, span, 0.1 * share, 0.1 * share)
        self.products += action.n_products
        self.bound += action.bound * size
        return self._kept(u, action.p)

    def _krylov(self, u: Array, span: float) -> Array | None:
        """Krylov step, or None if the span is too long for it."""
        size = float(np.abs(u).sum())
        wanted = max(self.tolerance / size, KRYLOV_TOLERANCE * _largest(u) / size)
        # Steps of powers of two, so that spans of about one length share a factorisation.
        factor = self.factors.get(2.0 ** round(math.log2(span / 10)))
        try:
            action = krylov_action(factor, u, span, wanted)
        except ConvergenceError:
            return None
        if action is None or action.error > FAILED * wanted:
            return None
        self.solves += action.dimension
        self.bound += action.error * size + ROUNDING * action.rounding * _largest(u)
        return self._kept(u, action.p)

    def _kept(self, before: Array, after: Array) -> Array:
        """Values in the range of those before (and 0, where paths end): the maximum principle."""
        low, high = float(before.min()), float(before.max())
        if not self.flows.conserves_mass:
            low, high = min(low, 0.0), max(high, 0.0)
        kept = np.clip(after, low, high)
        self.clipped = max(self.clipped, float(np.abs(kept - after).max()))
        return kept

    def report(self) -> dict[str, str | int | float]:
        """Work, error bound and what the maximum principle corrected."""
        return {
            "kind": " and ".join(sorted(self.kinds)) or "none",
            "products": self.products,
            "solves": self.solves,
            "error_bound": self.bound,
            "clipped": self.clipped,
        }


class _Functions(Flows):
    """Flows of a transposed generator, to which no conservation of mass applies."""

    @property
    def conserves_mass(self) -> bool:
        """False."""
        return False


def _largest(u: Array) -> float:
    """Largest absolute value."""
    return float(np.abs(u).max())


def _tolerance(rtol: float | None, atol: float | None, spread: float) -> float:
    """Largest error of u that is allowed."""
    if rtol is None and atol is None:
        return TOLERANCE * spread
    relative = 0.0 if rtol is None else positive_number(rtol, "rtol")
    absolute = 0.0 if atol is None else positive_number(atol, "atol")
    return relative * spread + absolute
