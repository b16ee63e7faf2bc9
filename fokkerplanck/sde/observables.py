"""What is seen along paths: current velocity, areas, turns and spectra, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from fokkerplanck.domain.arguments import describe, positive_number, real_array, whole_number
from fokkerplanck.domain.ensembles import Ensemble
from fokkerplanck.domain.grid import Grid, check_grid
from fokkerplanck.domain.portable import Portable
from fokkerplanck.domain.types import Array
from fokkerplanck.sde.simulation import Paths
from fokkerplanck.sde.walls import wrapped

# Groups of particles between which the errors of binned averages are taken.
_GROUPS = 32


@dataclass(frozen=True, eq=False)
class Estimate(Portable):
    """Average over particles and its standard error.

    Attributes
    ----------
    value, error : array or float
        Of the same shape; complex errors hold those of the real and of the imaginary part.
    """

    value: np.ndarray
    error: np.ndarray

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        self.value.flags.writeable = False
        self.error.flags.writeable = False

    def __repr__(self) -> str:
        """Value and error."""
        return f"Estimate({self.value.tolist()} ± {self.error.tolist()})"


@dataclass(frozen=True, eq=False)
class CurrentVelocity(Estimate):
    r"""Current velocity in every cell.

    Attributes
    ----------
    value, error : arrays, shape (d, \*shape)
        Not a number in cells that too few particles visited.
    counts : array of int, shape (\*shape)
        Visits.
    grid : Grid
    spacing : float
        The h of the increments.
    """

    counts: np.ndarray
    grid: Grid
    spacing: float


@dataclass(frozen=True, eq=False)
class IncrementSpectrum(Estimate):
    r"""Spectral matrix :math:`S(\omega)=\sum_k E[\delta_k\delta_0^T]e^{-i\omega k}` of increments.

    Attributes
    ----------
    value : complex array, shape (d, d, n)
        Two-sided density: the covariance of the increments is the mean of S over all frequencies.
        The imaginary part of ``S[i, k]``, the quadrature spectrum, changes sign when time is
        reversed.
    error : complex array, shape (d, d, n)
        Standard errors of the real and of the imaginary part.
    omega : array, shape (n,)
        From above 0 to pi, radians per snapshot; divide by `spacing` for radians per time.
    spacing : float
        Time between snapshots.
    """

    omega: np.ndarray
    spacing: float


def current_velocity(
    paths: Paths | Ensemble | ArrayLike,
    grid: Grid,
    spacing: float | None | None = None,
    least: int = 20,
) -> CurrentVelocity:
    r"""Current velocity :math:`j(x)=E[(x(t+h)-x(t-h))/2h \mid x(t)=x]` of stationary paths.

    Needs no density and no derivative: j = J/rho is what a camera sees on average.

    Parameters
    ----------
    paths : Paths, or array (n_snapshots, n_particles, d)
        Stationary and closely spaced: h is the time between snapshots, and the bias is O(h).
    grid : Grid
        Cells in which the increments are averaged.
    spacing : float, optional
        h, for an array.
    least : int
        Cells with fewer visits give no number.

    Returns
    -------
    CurrentVelocity
        Errors are taken between groups of particles.

    Raises
    ------
    ValueError
        If there are fewer than three snapshots or two particles, or particles have left.

    References
    ----------
    E. Nelson, Phys. Rev. 150 (1966) 1079, on forward and backward derivatives.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> problem = fp.Problem(fp.Grid([(-4, 4)], 64), f=lambda x: x**2 / 2, kT=0.25)
    >>> paths = fp.sde.simulate(problem, [0.0], 9, dt=0.1, n_particles=500, burn_in=50, thin=1)
    >>> seen = fp.sde.current_velocity(paths, fp.Grid([(-1, 1)], 4))
    >>> bool((abs(seen.value) < 5 * seen.error).all())  # detailed balance: no current
    True
    """
    x, h, places = _series(paths, spacing, 3)
    check_grid(grid)
    if x.shape[2] != grid.dim:
        raise ValueError(f"the paths have {x.shape[2]} components on a {grid.dim}D grid")
    least = whole_number(least, "least", 1)
    velocity = (x[2:] - x[:-2]) / (2 * h)
    where = wrapped(grid, places[1:-1])
    cell, inside = np.zeros(where.shape[:2], np.int64), np.ones(where.shape[:2], bool)
    for k, faces in enumerate(grid.faces):
        i = np.searchsorted(faces, where[..., k], side="right") - 1
        i[where[..., k] == faces[-1]] = grid.shape[k] - 1
        inside &= (i >= 0) & (i < grid.shape[k])
        cell = cell * grid.shape[k] + i
    groups = min(_GROUPS, x.shape[1])
    group = np.broadcast_to(np.arange(x.shape[1]) % groups, cell.shape)
    slot = (group * grid.size + cell)[inside]
    size = groups * grid.size
    counts = np.bincount(slot, minlength=size).reshape(groups, -1)
    sums = np.stack([
        np.bincount(slot, velocity[..., k][inside], size).reshape(groups, -1)
        for k in range(grid.dim)
    ])  # fmt: skip
    total = counts.sum(axis=0)
    seen = total >= least
    safe = np.where(seen, total, 1)
    j = np.where(seen, sums.sum(axis=1) / safe, np.nan)
    residual = sums - np.where(seen, j, 0)[:, None] * counts
    error = np.sqrt(groups / (groups - 1) * (residual**2).sum(axis=1)) / safe
    shape = (grid.dim, *grid.shape)
    return CurrentVelocity(
        j.reshape(shape), np.where(seen, error, np.nan).reshape(shape),
        total.reshape(grid.shape), grid, h,
    )  # fmt: skip


def levy_area(paths: Paths | Ensemble | ArrayLike, spacing: float | None | None = None) -> Estimate:
    r"""Area swept per time, :math:`\frac12\langle x_i\,dx_k - x_k\,dx_i\rangle/dt` (Levy area).

    At stationarity it is the antisymmetric part of :math:`\langle x\,j^T\rangle`, and T q for a
    constant q. Zero for all i, k if there is no current (and for some currents too).

    Parameters
    ----------
    paths : Paths, or array (n_snapshots, n_particles, d)
        Stationary; the bias is O(h) in the time h between snapshots. No periodic axes.
    spacing : float, optional
        h, for an array.

    Returns
    -------
    Estimate
        Antisymmetric matrix (d, d); its entry [0, 1] is positive for turns from axis 0 to axis 1.

    Raises
    ------
    ValueError
        If there are fewer than two snapshots or particles, or the paths go around.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> spiral = fp.zoo.spiral().build(32)
    >>> paths = fp.sde.simulate(spiral, [0, 0], 4, dt=0.02, n_particles=500, burn_in=150, thin=1)
    >>> bool(fp.sde.levy_area(paths).value[0, 1] < 0)  # clockwise
    True
    """
    x, h, _ = _series(paths, spacing, 2)
    if isinstance(paths, Paths) and paths.unwrapped is not paths.samples:
        raise ValueError("areas need a plane, these paths go around periodic axes; use winding")
    x = x - x.mean(axis=(0, 1))
    product = np.einsum("tni,tnk->nik", x[:-1], np.diff(x, axis=0)) / ((len(x) - 1) * h)
    return _over_particles(0.5 * (product - np.swapaxes(product, 1, 2)))


def winding(paths: Paths | Ensemble | ArrayLike) -> Estimate:
    """Turns per time around the periodic axes; in one dimension, the current J.

    Parameters
    ----------
    paths : Paths
        With at least two snapshots.

    Returns
    -------
    Estimate
        Shape (d,); zero along axes that are not periodic.

    Raises
    ------
    ValueError
        If no axis is periodic, or there are fewer than two snapshots or particles.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> grid = fp.Grid([(0, 2 * np.pi)], 32, sides="periodic")
    >>> problem = fp.Problem(grid, drift=1.0, kT=0.1)
    >>> paths = fp.sde.simulate(problem, [0.0], 10, dt=0.1, n_particles=1000, thin=10)
    >>> round(float(fp.sde.winding(paths).value[0]), 2)  # 1 / (2 pi)
    0.16
    """
    if not isinstance(paths, Paths):
        raise ValueError(f"paths is {describe(paths)}; give the Paths of simulate")
    if paths.unwrapped is paths.samples:
        raise ValueError("no axis is periodic: nothing winds; use levy_area or rotation")
    x, h, _ = _series(paths, None, 2)
    turns = (x[-1] - x[0]) / ((len(x) - 1) * h)
    length = np.where(paths.grid.periodic, np.ptp(paths.grid.box, axis=1), np.inf)
    return _over_particles(turns / length)


def rotation(
    paths: Paths | Ensemble | ArrayLike,
    center: ArrayLike | None | None = None,
    spacing: float | None | None = None,
) -> Estimate:
    r"""Mean angular velocity :math:`\langle (x j_y - y j_x)/r^2\rangle` about a centre, two axes.

    Parameters
    ----------
    paths : Paths, or array (n_snapshots, n_particles, 2)
        Closely spaced: a step past the centre counts as less than half a turn.
    center : sequence of 2, optional
        Default (0, 0).
    spacing : float, optional
        Time between snapshots, for an array.

    Returns
    -------
    Estimate
        Radians per time, counter-clockwise positive; its value and error have shape ().

    Raises
    ------
    ValueError
        If the paths are not two-dimensional.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> angle = 0.1 * np.arange(50)[:, None]
    >>> circle = np.stack([np.cos(angle + [0, 1]), np.sin(angle + [0, 1])], axis=-1)
    >>> float(fp.sde.rotation(circle, spacing=0.05).value.round(12))
    2.0
    """
    x, h, _ = _series(paths, spacing, 2)
    if x.shape[2] != 2:
        raise ValueError(
            f"rotation is about a point of the plane; the paths have {x.shape[2]} axes"
        )
    center = real_array((0.0, 0.0) if center is None else center, "center", "two numbers")
    if center.shape != (2,) or not np.isfinite(center).all():
        raise ValueError(f"center has shape {center.shape}; give two finite numbers")
    (u, v), (p, q) = np.moveaxis(x[:-1] - center, -1, 0), np.moveaxis(x[1:] - center, -1, 0)
    turned = np.arctan2(u * q - v * p, u * p + v * q).mean(axis=0) / h
    return _over_particles(turned)


def increment_spectrum(
    paths: Paths | Ensemble | ArrayLike, spacing: float | None | None = None, length: int = 256
) -> IncrementSpectrum:
    r"""Power and cross spectra of the increments between snapshots, by Welch's method.

    The imaginary part of a cross spectrum (quadrature spectrum) shows a current where no power
    spectrum does: for a linear drift -Hx with symmetric H and constant D the power spectra
    along eigenvectors of H have no peak; a hump in another coordinate implies j != 0.

    Parameters
    ----------
    paths : Paths, or array (n_snapshots, n_particles, d)
        Stationary; more snapshots than `length`.
    spacing : float, optional
        Time between snapshots, for an array; 1 makes frequencies those per snapshot.
    length : int
        Snapshots in one segment: the resolution is 2 pi / length radians per snapshot. Segments
        overlap by half and are weighted by a Hann window.

    Returns
    -------
    IncrementSpectrum

    Raises
    ------
    ValueError
        If the paths are shorter than one segment, or there are fewer than two particles.

    References
    ----------
    P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70.

    Examples
    --------
    >>> import numpy as np
    >>> import fokkerplanck as fp
    >>> walk = np.cumsum(np.random.default_rng(0).standard_normal((600, 50, 1)), axis=0)
    >>> seen = fp.sde.increment_spectrum(walk, spacing=1.0, length=64)
    >>> bool(abs(seen.value[0, 0].real.mean() - 1) < 0.05)  # white
    True
    """
    length = whole_number(length, "length", 4)
    x, h, _ = _series(paths, spacing, length + 1)
    steps = np.diff(x, axis=0)
    d, half = x.shape[2], length // 2
    each = np.empty((x.shape[1], d, d, half), complex)
    # Welch's method: segments that overlap by half, weighted by Hann's window.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    segments = sliding_window_view(steps, length, axis=0)[:: length - half]
    U = [np.fft.fft(window * segments[:, :, k])[..., 1 : half + 1] for k in range(d)]
    for i in range(d):
        for k in range(i, d):
            each[:, i, k] = np.mean(U[k].conj() * U[i], axis=0) / (window @ window)
            # What is real by symmetry carries no rounding in its imaginary part.
            each[:, i, i] = each[:, i, i].real
            each[:, k, i] = each[:, i, k].conj()
    if length % 2 == 0:
        each[..., -1] = each[..., -1].real  # at pi, where rounding leaves an imaginary part
    found = _over_particles(each)
    omega = 2 * np.pi * np.arange(1, half + 1) / length
    return IncrementSpectrum(found.value, found.error, omega, h)


def _over_particles(each: Array) -> Estimate:
    """Mean and standard error of one value per particle (n, ...)."""
    n = len(each)
    if np.iscomplexobj(each):
        error = each.real.std(axis=0, ddof=1) + 1j * each.imag.std(axis=0, ddof=1)
    else:
        error = each.std(axis=0, ddof=1)
    return Estimate(np.asarray(each.mean(axis=0)), np.asarray(error / np.sqrt(n)))


def _series(
    paths: Paths | Ensemble | ArrayLike, spacing: float | None, least: int
) -> tuple[Array, float, Array]:
    """Unwrapped positions (n_snapshots, n, d), time between them, and places in the box."""
    if isinstance(paths, Paths):
        if spacing is not None:
            raise ValueError("spacing is known for Paths; leave it out")
        if not paths.alive.all():
            raise ValueError("particles have left through absorbing sides: not stationary")
        x, places = paths.unwrapped, paths.samples
        spacing = float(paths.t[1] - paths.t[0]) if len(paths.t) > 1 else 1.0
    else:
        if isinstance(paths, Ensemble):
            paths = paths.samples
        x = places = real_array(paths, "paths", "Paths or an array (n_snapshots, n_particles, d)")
        if x.ndim != 3:
            raise ValueError(f"paths has shape {x.shape}; give (n_snapshots, n_particles, d)")
        if not np.isfinite(x).all():
            raise ValueError("paths has values that are not finite")
        if spacing is None:
            raise ValueError("spacing is missing: the time between the snapshots of an array")
        spacing = positive_number(spacing, "spacing")
    if len(x) < least:
        raise ValueError(
            f"the paths have {len(x)} snapshots, needed are {least}; simulate with thin= and longer"
        )
    if x.shape[1] < 2:
        raise ValueError("one particle has no standard error; simulate at least 2 (n_particles=)")
    return x, spacing, places
