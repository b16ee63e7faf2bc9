"""How much noise the grid adds: numerical over physical dissipation of a Markov scheme."""

from __future__ import annotations

import numpy as np

from fokkerplanck.domain.types import Array, Flags
from fokkerplanck.scheme.bernoulli import bernoulli
from fokkerplanck.scheme.edges import Edges

#: Tilt below which the series of z/2 coth(z/2) - 1 is used.
SMALL = 1e-3
#: Largest difference of log density between neighbours that counts, so that squares stay finite.
STEEPEST = 600.0
#: Mean square of the differences of a log density that is rounding.
FLAT = 1e-20


def noise_words(added: float) -> str:
    """What a grid adds to the noise of a problem, in the words of all messages.

    Examples
    --------
    >>> from fokkerplanck.scheme.dissipation import noise_words
    >>> noise_words(0.0312)
    'the grid adds 0.031 times the noise'
    """
    return f"the grid adds {added:.2g} times the noise"


def numerical_dissipation(edges: Edges, log_rho: Array) -> float:
    r"""Dissipation by the diffusion that upwinding adds, over that by the diffusion of the problem.

    .. math:: R=\frac{\sum_em_ew_e\,(\frac{z_e}2\coth\frac{z_e}2-1)\,(\delta_e\log\rho)^2}
                     {\sum_em_ew_e\,(\delta_e\log\rho)^2}

    over the edges, with conductances w, tilts z and the logarithmic mean m of the density at both
    ends. To leading order the Markov scheme shows a temperature of 1 + R times the right one. Along
    axes that end at walls without noise masses are exact whatever the tilt: what is wrong there is
    that of ``added_noise``, and R is the larger of the two.

    Parameters
    ----------
    edges : Edges
    log_rho : array (n,) or of the grid's shape
        Log density of the Markov scheme; -inf where there is none.

    Returns
    -------
    float
        Inf where nothing but drift acts.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.dissipation import numerical_dissipation
    >>> grid = fp.Grid([(-4, 4), (-4, 4)], 32)
    >>> problem = fp.Problem(grid, drift=lambda x, y: (y - x, -x - y), kT=0.2)
    >>> rho = fp.steady_state(problem, scheme="markov").log_rho
    >>> round(numerical_dissipation(fp.Edges.from_problem(problem), rho), 2)
    0.1
    """
    if not edges.exact_axes:
        return _dissipation(edges, log_rho)
    exact = added_noise(edges, log_rho, chosen=edges.is_exact)
    return exact if edges.is_exact.all() else max(exact, _dissipation(edges, log_rho))


def _dissipation(edges: Edges, log_rho: Array) -> float:
    """R of the edges along axes that do not end at walls without noise."""
    conductance, tilt, step = _on_edges(edges, log_rho, ~edges.is_exact)
    physical = conductance * step**2
    added = coth_excess(0.5 * np.abs(tilt))
    whole = float(physical.sum())
    return float((physical * added).sum()) / whole if whole > 0 else float("inf")


def _on_edges(
    edges: Edges, log_rho: Array, chosen: Flags | None = None
) -> tuple[Array, Array, Array]:
    """Mean density times conductance, tilt and difference of log density, where there is mass."""
    phi = np.asarray(log_rho, dtype=float).ravel()
    phi = phi - phi.max()
    some = np.isfinite(phi[edges.tail]) & np.isfinite(phi[edges.head])
    if chosen is not None:
        some &= chosen
    a, b = phi[edges.tail[some]], phi[edges.head[some]]
    step = np.clip(b - a, -STEEPEST, STEEPEST)
    # Logarithmic mean of e^a and e^b: the larger over B(-|step|) = |step| / (1 - e^-|step|).
    mean = np.exp(np.maximum(a, b)) / bernoulli(-np.abs(step))
    return mean * edges.weight[some], edges.tilt[some], step


def dissipation_of_function(edges: Edges, mass: Array, u: Array) -> float:
    r"""Dirichlet form :math:`\sum_em_ew_e|\delta_eu|^2\to kT\int\rho\nabla u^*\cdot D\nabla u\,dx`.

    Of a left mode it is its decay rate times :math:`\int\rho|u|^2dx`, whatever circulates: drift
    that keeps the density takes nothing off a square.

    Parameters
    ----------
    edges : Edges
    mass : array (n,)
        Stationary masses; negative ones count as none.
    u : array (n,)
        Real or complex.
    """
    rho = np.asarray(mass) / edges.grid.volumes.ravel()
    top = float(rho.max())
    with np.errstate(divide="ignore"):
        log_rho = np.log(np.maximum(rho / top, 0.0))
    some = np.isfinite(log_rho[edges.tail]) & np.isfinite(log_rho[edges.head])
    mean, _, _ = _on_edges(edges, log_rho)
    slope = u[edges.head[some]] - u[edges.tail[some]]
    return top * float(mean @ np.abs(slope) ** 2)


def coth_excess(half: Array) -> Array:
    """half coth(half) - 1 for half >= 0: what an edge of tilt 2 half adds to its conductance."""
    half = np.asarray(half, dtype=float)
    safe = np.where(half > SMALL, half, 1.0)
    return np.where(half > SMALL, safe / np.tanh(safe) - 1, np.minimum(half, SMALL) ** 2 / 3)


def added_noise(
    edges: Edges, log_rho: Array, cells: float | None = None, chosen: Flags | None = None
) -> float:
    r"""Error of the diffusion currents of a Markov scheme, relative.

    .. math:: \frac{\sum_em_ew_e\min(|z_e-\delta_e-f_e|,\,c_e|\delta_e|)\,|\delta_e|}
                   {\sum_em_ew_e\,\delta_e^2},\qquad
              f=B(-z)B(\delta)-B(z)B(-\delta),\qquad \delta_e=\delta_e\log\rho.

    Of a density that is exponential between two cells an edge of tilt z carries :math:`m_ew_ef_e`
    where :math:`m_ew_e(z_e-\delta_e)` is right: too much by :math:`z(z-\delta)/12` of the
    diffusion current if both are small. Edges in detailed balance count for nothing, for there the
    fit is exact; where :math:`\delta` is small it is :math:`c\delta` as in
    ``numerical_dissipation``, :math:`c=\frac z2\coth\frac z2-1`, and never more: densities that
    jump between cells are not exponential there. Of a density without gradient it is that of small
    waves upon it.

    Parameters
    ----------
    edges : Edges
    log_rho : array (n,) or of the grid's shape
        Log density; -inf where there is none.
    cells : float, optional
        Cells along each axis of a grid that is asked about in place of that of the edges: z and
        delta, which are proportional to the width of cells, are taken as they would be there.
    chosen : bool array (n_edges,), optional
        Edges that count; all where left out.

    Returns
    -------
    float
        Inf where nothing but drift acts.

    Examples
    --------
    >>> import fokkerplanck as fp
    >>> from fokkerplanck.scheme.dissipation import added_noise
    >>> problem = fp.Problem(fp.Grid([(-4, 4), (-4, 4)], 12), f=lambda x, y: x**2 + y**2)
    >>> rho = fp.steady_state(problem).log_rho
    >>> bool(added_noise(fp.Edges.from_problem(problem), rho) < 1e-12)
    True
    """
    mean, z, step = _on_edges(edges, log_rho, chosen)
    if cells is not None:
        wider = edges.grid.size ** (1 / edges.grid.dim) / cells
        z, step = wider * z, wider * step
    most, whole = coth_excess(0.5 * np.abs(z)), float(mean.sum())
    physical = float((mean * step**2).sum())
    if physical <= FLAT * whole:
        return float(mean @ most) / whole if whole > 0 else float("inf")
    current = bernoulli(-z) * bernoulli(step) - bernoulli(z) * bernoulli(-step)
    wrong = np.minimum(np.abs(z - step - current), most * np.abs(step)) * np.abs(step)
    return float(mean @ wrong) / physical
