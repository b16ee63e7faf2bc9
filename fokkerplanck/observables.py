r"""Numbers that a density has: mass, entropy, energy, free energy and how fast it is spent.

Pure functions on arrays. Leading axes of ``rho`` (time) pass through.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe, positive_number, real_array
from fokkerplanck.domain.densities import check_densities
from fokkerplanck.domain.grid import Grid
from fokkerplanck.domain.types import Array
from fokkerplanck.kernels.linalg import evolution

#: Reference densities below this take part by their logarithms.
SMALL = 1e-280
#: Stands in for an empty cell in a logarithm.
TINY = np.finfo(float).tiny
#: Coefficients (-1)^k / (k (k - 1)), k = 2, 3, ..., of the series of h(z) = (1 + z) log(1 + z) - z.
SERIES = [(-1) ** k / (k * (k - 1)) for k in range(2, 10)]
#: Largest |z| at which h is summed by its series.
SERIES_UP_TO = 1e-2


def mass(rho: ArrayLike, grid: Grid) -> Any:
    r"""Mass :math:`\int\rho\,dx`.

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
        Density, 1/volume.
    grid : Grid

    Returns
    -------
    array, shape (...)
        Dimensionless.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 4)
    >>> float(fp.observables.mass(fp.uniform(grid), grid))
    1.0
    """
    rho = check_densities(rho, grid, signed=True)
    return grid.integrate(rho)


def entropy(rho: ArrayLike, grid: Grid) -> Any:
    r"""Entropy :math:`S=-\int\rho\log\rho\,dx`.

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
        Density >= 0; 0 log 0 = 0.
    grid : Grid

    Returns
    -------
    array, shape (...)
        In units of Boltzmann's constant; of a density, so it may be negative.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 4)
    >>> round(float(fp.observables.entropy(fp.uniform(grid), grid)), 6)
    0.693147
    """
    rho = check_densities(rho, grid)
    return -grid.integrate(rho * np.log(np.where(rho > 0, rho, 1.0)))


def energy(rho: ArrayLike, Phi: ArrayLike, grid: Grid) -> Any:
    r"""Mean potential :math:`\langle\Phi\rangle=\int\Phi\,\rho\,dx`.

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
    Phi : array, shape (\*grid.shape)
        Potential of the steady state, :math:`-\beta^{-1}\log\rho_\infty` up to a constant.
    grid : Grid

    Returns
    -------
    array, shape (...)
        In units of Phi. Free energy = energy - kT entropy + constant.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2)], 4)
    >>> float(fp.observables.energy(fp.uniform(grid), grid.x[0], grid))
    1.0
    """
    rho = check_densities(rho, grid, signed=True)
    Phi = real_array(Phi, "Phi", f"a number or an array of shape {grid.shape}")
    if Phi.shape not in ((), grid.shape) or not (Phi > -np.inf).all():
        raise ValueError(
            f"Phi has shape {Phi.shape} and {np.sum(~(Phi > -np.inf))} entries of nan or -inf; "
            f"give a potential of the grid's shape {grid.shape}"
        )
    # Where nothing is, an infinite potential costs nothing.
    return grid.integrate(np.where(rho != 0, rho * np.where(rho != 0, Phi, 0.0), 0.0))


def kl(rho: ArrayLike, rho_inf: ArrayLike, grid: Grid, *, log: bool = False) -> Any:
    r"""Relative entropy :math:`\int\rho\log(\rho/\rho_\infty)\,dx` of two densities of one mass.

    Of two masses, where some has left, :math:`\int\rho\log(\rho/\rho_\infty)-\rho+\rho_\infty`,
    which is the same for one mass, >= 0 for any, and zero for equal densities alone.

    Evaluated as :math:`\int\rho_\infty\,h(\rho/\rho_\infty-1)\,dx`, :math:`h(z)=(1+z)\log(1+z)-z`
    by its series for small z: every term is positive and of the size of the deviation squared, so
    that values down to about 1e-30 are resolved, where the plain sum ends in rounding at 1e-16.

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
        Density >= 0; cells may be empty.
    rho_inf : array, shape (\*grid.shape)
        Reference density; with ``log=True`` its logarithm, which may lie below -745.
    grid : Grid
    log : bool

    Returns
    -------
    array, shape (...)
        Dimensionless, >= 0. Infinite where rho has mass and the reference has none.

    Raises
    ------
    ValueError
        If a shape does not fit the grid, or rho is negative or not finite.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 64)
    >>> a, b = fp.gaussian(grid, 0, 1), fp.gaussian(grid, 1, 1)
    >>> round(float(fp.observables.kl(a, b, grid)), 6)
    0.5
    >>> round(float(fp.observables.kl(a, a * (1 + 1e-12), grid) * 1e24), 3)
    0.5
    """
    rho = check_densities(rho, grid)
    inf, log_inf = _reference(rho_inf, grid, log)
    leading = rho.shape[: rho.ndim - grid.dim]
    volume = grid.volumes
    out = np.empty(leading)
    for index in np.ndindex(leading):
        out[index] = _kl(rho[index], inf, log_inf, volume)
    return out[()]


def free_energy(rho: ArrayLike, log_rho_inf: ArrayLike, grid: Grid, beta: float) -> Any:
    r"""Free energy above equilibrium :math:`F(\rho)=\beta^{-1}\,\mathrm{KL}(\rho\|\rho_\infty)`.

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
    log_rho_inf : array, shape (\*grid.shape)
        Logarithm of the steady density.
    grid : Grid
    beta : float
        Inverse temperature.

    Returns
    -------
    array, shape (...)
        Energy, >= 0; zero exactly at the steady density.

    Notes
    -----
    Never increases along ``solve`` against the null vector of the generator, reversible or not.

    References
    ----------
    Chaudhari and Soatto, arXiv:1710.11029, Theorem 5; without its assumption on the current.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> grid = fp.Grid([(-8, 8)], 64)
    >>> rho_inf = fp.gaussian(grid, 0, 1)
    >>> F = fp.observables.free_energy(fp.gaussian(grid, 1, 1), np.log(rho_inf), grid, beta=2)
    >>> round(float(F), 6)
    0.25
    """
    return kl(rho, log_rho_inf, grid, log=True) / positive_number(beta, "beta")


class EntropyProduction(NamedTuple):
    """Rates of entropy production, 1/time: total = adiabatic + nonadiabatic, none negative."""

    total: Array
    adiabatic: Array
    nonadiabatic: Array


def dissipation(rho: ArrayLike, log_rho_inf: ArrayLike, generator: Any, beta: float) -> Any:
    r"""Rate at which free energy is spent, :math:`-dF/dt` along the generator, as a positive sum.

    .. math:: -\frac{dF}{dt} = \beta^{-1}\sum_{i\ne k} A_{ik}\,p_k\,\varphi(u_i/u_k),
              \qquad u=\rho/\rho_\infty,\quad \varphi(s)=s-1-\log s\ge0

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
    log_rho_inf : array, shape (\*grid.shape)
        Null vector of this generator, as log density: the identity holds for no other.
    generator : Generator
        Without absorbing sides.
    beta : float
        Inverse temperature.

    Returns
    -------
    array, shape (...)
        Energy/time, >= 0. An empty cell beside one that is not spends free energy infinitely fast;
        it counts as the smallest positive number, which gives a large but finite rate.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(-6, 6)], 256)
    >>> problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    >>> rate = fp.observables.dissipation(
    ...     fp.gaussian(grid, 1, 1), -problem.f, fp.Generator(problem), beta=1
    ... )
    >>> round(float(rate), 3)
    1.0
    """
    beta = positive_number(beta, "beta")
    return entropy_production(rho, log_rho_inf, generator).nonadiabatic / beta


def entropy_production(rho: ArrayLike, log_rho_inf: ArrayLike, generator: Any) -> EntropyProduction:
    r"""Entropy production of a density: adiabatic (housekeeping) and nonadiabatic (excess) part.

    .. math:: \sigma = \tfrac12\sum_{ik}(A_{ik}p_k-A_{ki}p_i)\log\frac{A_{ik}p_k}{A_{ki}p_i}
              = \sigma_a + \sigma_{na},\quad
              \sigma_{na} = -\frac{d}{dt}\mathrm{KL}(\rho\|\rho_\infty)

    Parameters
    ----------
    rho : array, shape (..., \*grid.shape)
    log_rho_inf : array, shape (\*grid.shape)
        Null vector of this generator, as log density.
    generator : Generator
        Without absorbing sides.

    Returns
    -------
    EntropyProduction
        Named tuple (total, adiabatic, nonadiabatic) of arrays (...), in units of Boltzmann's
        constant per time. In the steady state the nonadiabatic part vanishes; the adiabatic part
        vanishes for every rho exactly if the steady state carries no current.

    Raises
    ------
    ValueError
        If the generator loses mass through absorbing sides.

    References
    ----------
    Esposito and Van den Broeck, Phys. Rev. Lett. 104, 090601 (2010).

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> import numpy as np
    >>> ring = fp.Grid([(0, 2 * np.pi)], 64, sides="periodic")
    >>> generator = fp.Generator(fp.Problem(ring, drift=lambda x: 0 * x + 1.5))
    >>> rho = fp.uniform(ring)
    >>> rates = fp.observables.entropy_production(rho, np.log(rho), generator)
    >>> round(float(rates.total), 6), float(rates.nonadiabatic) < 1e-12
    (2.25, True)
    """
    if isinstance(generator, type) or not hasattr(generator, "edge_rates"):
        raise ValueError(f"generator is {describe(generator)}; give a Generator of the problem")
    grid, edges = generator.grid, generator.edges
    if generator.leaks:
        raise ValueError("the generator loses mass through absorbing sides: it has no steady state")
    rho = check_densities(rho, grid)
    _, log_inf = _reference(log_rho_inf, grid, True)
    log_inf = np.maximum(log_inf, -1e5).ravel()
    forward, backward = generator.edge_rates
    leading = rho.shape[: rho.ndim - grid.dim]
    rates = np.empty((2, *leading))
    for index in np.ndindex(leading):
        p = np.maximum(rho[index].ravel(), TINY)
        log_u = _log_ratio(p, log_inf)
        rates[(slice(None), *index)] = evolution.entropy_rates(
            edges.tail, edges.head, forward, backward, edges.tilt, p, log_inf, log_u
        )
    nonadiabatic, adiabatic = rates[0], rates[1]
    return EntropyProduction((nonadiabatic + adiabatic)[()], adiabatic[()], nonadiabatic[()])


def _reference(rho_inf: ArrayLike, grid: Grid, log: bool) -> tuple[Array, Array]:
    """Reference density and its logarithm, each (*shape)."""
    name = "log_rho_inf" if log else "rho_inf"
    expected = "the logarithm of the steady density" if log else "the steady density"
    given = real_array(rho_inf, name, f"{expected}, of shape {grid.shape}")
    if given.shape != grid.shape:
        raise ValueError(f"{name} has shape {given.shape}, expected the grid's {grid.shape}")
    if not (given < np.inf).all():
        raise ValueError(
            f"{name} is not a number below infinity in {np.sum(~(given < np.inf))} cells; give "
            f"{expected}"
        )
    if log:
        return np.exp(np.maximum(given, -1e5)), given
    if (given < 0).any():
        raise ValueError(f"{name} is negative in {np.sum(given < 0)} cells; give a density >= 0")
    with np.errstate(divide="ignore"):
        return given, np.log(given)


def _kl(rho: Array, inf: Array, log_inf: Array, volume: Array) -> float:
    """Relative entropy of one density."""
    if not (rho >= 0).all():
        return np.nan
    plain = inf > SMALL
    z = rho[plain] / inf[plain] - 1
    total = np.sum(volume[plain] * inf[plain] * _h(z))
    if plain.all():
        return float(total)
    # Where the reference underflows: rho (log rho - log rho_inf) - rho + rho_inf.
    p, log_q, q, V = rho[~plain], log_inf[~plain], inf[~plain], volume[~plain]
    held = p > 0
    if np.isneginf(log_q[held]).any():
        return np.inf
    terms = p[held] * (np.log(p[held]) - log_q[held] - 1)
    return float(total + np.sum(V[held] * terms) + np.sum(V * q))


def _h(z: Array) -> Array:
    """(1 + z) log(1 + z) - z >= 0 for z >= -1."""
    small = np.abs(z) < SERIES_UP_TO
    out = np.zeros_like(z)
    s = z[small]
    for coefficient in reversed(SERIES):
        out[small] = out[small] * s + coefficient
    out[small] *= s * s
    b = z[~small]
    empty = b <= -1
    log1p = np.log1p(np.where(empty, 0.0, b))
    out[~small] = np.where(empty, 1.0, (1 + b) * log1p - b)
    return out


def _log_ratio(p: Array, log_inf: Array) -> Array:
    """log(p / p_inf), from the difference where the two are close."""
    direct = np.log(p) - log_inf
    close = (np.abs(direct) < 0.1) & (log_inf > -600)
    inf = np.exp(log_inf[close])
    direct[close] = np.log1p((p[close] - inf) / inf)
    return direct
