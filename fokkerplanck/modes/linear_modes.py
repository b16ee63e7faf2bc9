r"""Slowest modes of the fifth-order upwind flux.

As for a chain: shift-and-invert Krylov spaces for left and right modes, and Rayleigh quotients

.. math:: \lambda=\frac{\sum_f\delta_fu\,F_f(p)}{\sum_iu_ip_i}

of differences across faces and of face currents. The flux is dissipative in no inner product that
is known: eigenvalues to the right of zero are looked for and refused.

A mode decays by the noise of the problem alone, :math:`-\mathrm{Re}\,\lambda\int\rho|u|^2dx=
kT\int\rho\nabla u^*\cdot D\nabla u\,dx`. What the slowest mode loses beyond that is lost by the
interpolation of the flux: refused where it is more than half, for grids too coarse for weak
friction give rates then that are too large by factors, and the same on two grids.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from fokkerplanck.domain.progress import count_one
from fokkerplanck.domain.types import Array
from fokkerplanck.errors import ConvergenceError
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.factors import sparse_lu
from fokkerplanck.modes.slow_modes import Modes, search_modes
from fokkerplanck.scheme.chain import PlainChain
from fokkerplanck.scheme.dissipation import dissipation_of_function
from fokkerplanck.scheme.interpolation import Damping
from fokkerplanck.scheme.linear_fluxes import LinearFlux
from fokkerplanck.steady.operator_choice import LinearOperator

#: Weight of the cells in norms, over the largest, at the least: errors of left modes where there is
#: less mass are those of the weight.
LEAST_WEIGHT = 1e-8
#: Part of the largest entry of a column below which a diagonal entry is exchanged.
PIVOT = 1e-2
#: Share of a decay that the noise of the problem makes, below which the mode is that of the grid,
#: and below which the answer says so: rates were 2.4 times too large at .5, and 1.8 at .6.
OWN, NOTED = 0.5, 0.9


class FluxForm:
    r"""Forms :math:`u^TA(\omega v)` and :math:`u^T(\omega v)` of a linear flux.

    Parameters
    ----------
    flux : Upwind5 or PhaseSpaceFlux
    mass : array (n,)
        :math:`\omega>0`.
    """

    is_reversible = False

    def __init__(self, flux: LinearFlux, mass: Array) -> None:
        self.flux, self.mass = flux, mass
        self._ends = None
        if flux.grid.has_absorbing_sides:
            self._ends = sparse.csr_array(flux.balance @ flux.currents - flux.matrix)

    def rates(self, U: Array, V: Array) -> Array:
        """Form with A, shape (a, b), of real functions U (a, n) and V (b, n)."""
        masses = (V * self.mass).T
        slope = U[:, self.flux.upper] - U[:, self.flux.lower]
        total: Array = slope @ (self.flux.currents @ masses)
        if self._ends is not None:
            total = total - U @ (self._ends @ masses)
        return total

    def products(self, U: Array, V: Array) -> Array:
        """Form without A."""
        return (U * self.mass) @ V.T


class LinearShiftInvert:
    """Sparse LU factors of s - A of a linear flux; see `ShiftInvert`.

    Raises
    ------
    ConvergenceError
        If the factorisation breaks down, or the grid is too large for it.
    """

    name = "direct"

    def __init__(self, flux: LinearFlux, shift: float) -> None:
        grid, most = flux.grid, sizes.LINEAR_FLUX_FACTORISED[flux.grid.dim]
        if grid.size > most:
            raise ConvergenceError(
                f"slow modes of the fifth-order flux need complete factors, which are kept up to "
                f"{most:g} cells in {grid.dim}D, and the grid has {grid.size}; coarsen it, or use "
                'scheme="markov"'
            )
        self.shift, self.n_solves = float(shift), 0
        matrix = sparse.csc_array(self.shift * sparse.eye_array(grid.size) - flux.matrix)
        try:
            self._factors = sparse_lu(matrix, PIVOT)
        except (RuntimeError, MemoryError) as error:
            raise ConvergenceError(
                f"s - A could not be factorised at s = {shift:.3g} ({error}); coarsen the grid"
            ) from error
        self.n_fill = int(self._factors.nnz)

    def solve(self, b: Array) -> Array:
        """Solve (s - A) x = b for masses, shape (n,)."""
        self.n_solves += 1
        count_one()
        return np.asarray(self._factors.solve(b))

    def solve_transposed(self, b: Array) -> Array:
        """Solve (s - A^T) u = b for functions, shape (n,)."""
        self.n_solves += 1
        count_one()
        return np.asarray(self._factors.solve(b, "T"))


def linear_modes(
    linear: LinearOperator, count: int, tol: float, max_solves: int
) -> tuple[Modes, PlainChain, Array]:
    """At least `count` of the slowest modes besides that of eigenvalue 0.

    Returns
    -------
    (modes, operator, log_mass)
        The flux as a chain, and log masses (n,) of sum 1 that scale the modes.

    Raises
    ------
    ConvergenceError
        Where an eigenvalue has a positive real part, or the slowest rate is lost in rounding.
    """
    flux, pi = linear.flux, linear.mass
    start = np.exp(linear.log_mass) if pi is None else pi
    volume = flux.grid.volumes.ravel()
    density = start / volume
    omega = volume * np.maximum(density, LEAST_WEIGHT * density.max())
    log_mass = np.log(omega) - logsumexp(np.log(omega))
    omega = np.exp(log_mass)
    make = partial(LinearShiftInvert, flux)
    how = "stationary masses of the fifth-order upwind flux"
    form = FluxForm(flux, omega)
    modes = search_modes(form, flux.grid, pi, make, count, tol, max_solves, how)
    growth = float(modes.rates.real.max())
    if growth > 0:
        raise ConvergenceError(
            f"an eigenvalue of the fifth-order flux has the positive real part {growth:.1e}: the "
            'grid does not resolve the problem; refine it, or use scheme="markov"',
            iterate=modes.rates,
            residual=growth,
        )
    linear.check_rate(-growth, "a mode that decays at the rate")
    if pi is not None:
        modes = replace(modes, message=modes.message + _own_decay(linear, pi, modes))
    words = damping_words(flux, omega, modes)
    modes = replace(modes, message="; ".join(filter(None, (modes.message, words))))
    operator = PlainChain(flux.grid, flux.matrix, np.abs(flux.matrix.diagonal()))
    return modes, operator, log_mass


def damping_words(flux: LinearFlux, omega: Array, modes: Modes) -> str:
    """What to say of the part of the slowest mode that the bias of the flux makes."""
    slowest = int(np.argmax(modes.rates.real))
    u, mass = modes.left[slowest], modes.right[slowest] * omega
    damping = Damping.of(flux, u, mass, -modes.rates[slowest] * (u @ mass))
    return "" if damping is None else damping.said("the slowest decay")


def _own_decay(linear: LinearOperator, pi: Array, modes: Modes) -> str:
    """What to say of the part of the slowest decay that the grid makes.

    Raises
    ------
    ConvergenceError
        If it is more than half.
    """
    slowest = int(np.argmax(modes.rates.real))
    u, decay = modes.left[slowest], -float(modes.rates[slowest].real)
    square = float(np.maximum(pi, 0.0) @ np.abs(u) ** 2)
    own = dissipation_of_function(linear.generator.edges, pi, u) / (decay * square)
    if own < OWN:
        raise ConvergenceError(
            f"the grid does not resolve the slowest mode: of its decay rate {decay:.2e} the noise "
            f"of the problem makes {own:.2g} and the interpolation of the flux the rest; refine "
            'the grid, or use scheme="markov"',
            iterate=modes.rates,
            residual=1 - own,
        )
    if own < NOTED:
        return (
            f"; the noise of the problem makes {own:.2g} of the slowest decay, the grid the rest: "
            "refine it"
        )
    return ""
