r"""The shortest path between two densities moves mass; it does not fade one in and one out.

Claim: Wasserstein's distance of two Gaussians is Bures', W2^2 = |m0 - m1|^2 + tr(A + B - 2 C) with
C = (A^1/2 B A^1/2)^1/2, and the geodesic between them is Gaussian at every time, with the
covariance of the linear map that carries one to the other. Here A = [[1, .5], [.5, .6]] and
B = [[.3, -.2], [-.2, 1.5]]: W2^2 = 0.748488825598. The mixture (1 - s) rho0 + s rho1, the straight
line of L2, has two heads on the way; the geodesic has one, that turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import sqrtm

from fokkerplanck.demos.text import aligned, moments
from fokkerplanck.domain.densities import gaussian
from fokkerplanck.domain.grid import Grid
from fokkerplanck.plot import canvas, colorbar, density, transport_map
from fokkerplanck.transport import wasserstein

TITLE = "Displacement interpolation between two densities, and what mixing does instead"
QUICK = {"n": 64}
A = np.array([[1.0, 0.5], [0.5, 0.6]])
B = np.array([[0.3, -0.2], [-0.2, 1.5]])
HALF_WIDTH, SHIFT, TIMES = 8.0, 1.5, (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Result:
    """Densities along both paths, the transport, and the closed form."""

    grid: Grid
    transport: Any
    geodesic: list[np.ndarray]
    mixture: list[np.ndarray]
    cost: float
    covariance: np.ndarray  # of the midpoint, closed form


def bures(A, B):
    """Squared Bures distance and covariance of the midpoint of two centred Gaussians."""
    root = np.real(sqrtm(A))
    inverse = np.linalg.inv(root)
    T = inverse @ np.real(sqrtm(root @ B @ root)) @ inverse
    half = (np.eye(len(A)) + T) / 2
    return float(np.trace(A + B - 2 * T @ A)), half @ A @ half.T


def compute(n=96, seed=0, progress=False) -> Result:
    """Transport between the Gaussians, shifted apart along x, on n x n cells."""
    grid = Grid([(-HALF_WIDTH, HALF_WIDTH)] * 2, n)
    ends = gaussian(grid, (-SHIFT, 0), A), gaussian(grid, (SHIFT, 0), B)
    transport = wasserstein(*ends, grid)
    cost, covariance = bures(A, B)
    return Result(
        grid=grid,
        transport=transport,
        geodesic=[transport.interpolate(s) for s in TIMES],
        mixture=[(1 - s) * ends[0] + s * ends[1] for s in TIMES],
        cost=cost + (2 * SHIFT) ** 2,
        covariance=covariance,
    )


def table(result) -> str:
    """All figures as text."""
    grid, transport = result.grid, result.transport
    _, middle = moments(grid, result.geodesic[2])
    _, mixed = moments(grid, result.mixture[2])
    off = np.abs(middle - result.covariance).max()
    lost = max(abs(float(grid.integrate(rho)) - 1) for rho in result.geodesic)
    rows = [
        ("W2^2", f"{transport.cost:.8f}", f"closed form {result.cost:.8f}"),
        ("error", f"{transport.cost - result.cost:+.1e}", f"estimate {transport.error:.1e}"),
        ("variance in x half way, geodesic", f"{middle[0, 0]:.4f}", "closed form "
         f"{result.covariance[0, 0]:.4f}"),
        ("variance in x half way, mixture", f"{mixed[0, 0]:.4f}", "two heads, far apart"),
        ("error of the covariance half way", f"{off:.1e}", "largest entry"),
        ("mass along the geodesic", f"{lost:.0e}", "largest distance from 1"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Upper row: geodesic; lower row: mixture; at the right the map as arrows."""
    sheet = canvas(16, 5)
    axes = sheet.subplots(2, 6)
    top = max(rho.max() for rho in result.geodesic)
    for row, path, name in ((0, result.geodesic, "geodesic"), (1, result.mixture, "mixture")):
        for ax, rho, s in zip(axes[row], path, TIMES, strict=False):
            mesh = density(result.grid, rho, ax, top=top)
            ax.set(xlim=(-5, 5), ylim=(-4, 4), title=f"{name}, s = {s:g}")
    ends = result.geodesic[0], result.geodesic[-1]
    for ax, rho, name in zip(axes[:, 5], ends, ("start", "end"), strict=True):
        density(result.grid, rho, ax, top=top, cmap="Greys")
        transport_map(result.transport, ax, count=9)
        ax.set(xlim=(-5, 5), ylim=(-4, 4), title=f"the map over the {name}")
    colorbar(mesh, "density", axes[1, 4])
    return sheet
