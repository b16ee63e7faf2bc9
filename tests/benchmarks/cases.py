"""Problems that the benchmarks solve, each with its exact density, in a form every library takes.

The convention is dx = b dt + sqrt(2 kT) D^(1/2) dW on a box without flux through its walls.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo

TURN = 1.5  # angular speed of the rotating Ornstein-Uhlenbeck process, relaxation rate 1


@dataclass(frozen=True)
class Case:
    """Drift, diffusion and exact steady state; ``text`` is what the page says about it."""

    text: str
    box: tuple
    kT: float
    drift: Callable
    log_density: Callable
    pin: tuple  # a point of high density, for whoever pins one unknown
    f: Callable | None = None
    D: Callable | None = None
    div_D: Callable | None = None

    @property
    def dim(self):
        """Number of axes."""
        return len(self.box)

    def axes(self, n):
        """Cell centres of each axis, n cells a side."""
        return [lo + (np.arange(n) + 0.5) * (hi - lo) / n for lo, hi in self.box]

    def widths(self, n):
        """Cell width of each axis."""
        return np.array([(hi - lo) / n for lo, hi in self.box])

    def coordinates(self, n):
        """Cell centres, dense arrays (d, n, ...)."""
        return np.meshgrid(*self.axes(n), indexing="ij")

    def pinned(self, n):
        """Flat index of the cell that holds the point ``pin``."""
        index = [
            min(int((p - lo) / (hi - lo) * n), n - 1)
            for p, (lo, hi) in zip(self.pin, self.box, strict=True)
        ]
        return int(np.ravel_multi_index(index, (n,) * self.dim))

    def error(self, density, n):
        """L1 distance of a density from the exact one, axis 0 in slabs to save memory."""
        axes, volume = self.axes(n), float(np.prod(self.widths(n)))
        total = 0.0
        step = max(1, 2**20 // n ** (self.dim - 1))
        for start in range(0, n, step):
            rows = slice(start, start + step)
            x = np.meshgrid(axes[0][rows], *axes[1:], indexing="ij")
            total += float(np.abs(density[rows] - np.exp(self.log_density(*x))).sum())
        return total * volume


def _gaussian(kT):
    """Log density of N(0, kT I)."""
    return lambda *x: -sum(u**2 for u in x) / (2 * kT) - 0.5 * len(x) * np.log(2 * np.pi * kT)


def rotating(dim):
    """Ornstein-Uhlenbeck process that turns in its first two coordinates."""
    kT = 1 / 3

    def drift(*x):
        b = [-u for u in x]
        b[0], b[1] = TURN * x[1] - x[0], -TURN * x[0] - x[1]
        return b

    rest = "" if dim == 2 else ", -z"
    return Case(
        text=f"b = ({TURN} y - x, -{TURN} x - y{rest}), D = 1, beta = 3 on [-4, 4]^{dim}; "
        "exact density N(0, I/3), 4e-11 of its peak where the walls are nearest",
        box=((-4.0, 4.0),) * dim,
        kT=kT,
        drift=drift,
        log_density=_gaussian(kT),
        pin=(0.01,) * dim,
    )


def double_well():
    """Reversible double well: R6 of the zoo at beta = 3."""
    kT = 1 / 3

    def f(x, y):
        return (x**2 - 1) ** 2 / 4 + y**2 / 2

    x, w = np.polynomial.legendre.leggauss(200)
    along = np.sum(2.5 * w * np.exp(-(((2.5 * x) ** 2 - 1) ** 2) / 4 / kT))
    across = np.sum(4.0 * w * np.exp(-((4.0 * x) ** 2) / 2 / kT))
    return Case(
        text="f = (x^2 - 1)^2/4 + y^2/2, D = 1, beta = 3 on [-2.5, 2.5] x [-4, 4]; exact density "
        "exp(-3 f)/Z on the box",
        box=((-2.5, 2.5), (-4.0, 4.0)),
        kT=kT,
        drift=lambda x, y: [x - x**3 + 0 * y, -y + 0 * x],
        log_density=lambda x, y: -f(x, y) / kT - np.log(along * across),
        pin=(1.0, 0.0),
        f=f,
    )


def tensor(kappa, dim=2):
    """D(x) of condition number kappa that turns; circulating, and the walls matter."""
    exact = zoo.manufactured_wall(kappa, dim=dim)
    return Case(
        text=f"`zoo.manufactured_wall({kappa:g})`: D(x) of condition number {kappa:g} turning "
        "through all directions, circulating, density of order one on the walls of the unit box",
        box=tuple((float(lo), float(hi)) for lo, hi in exact.box),
        kT=exact.kT,
        drift=lambda *x: [-u for u in exact.g(*x)],
        log_density=exact.log_rho,
        pin=(0.5,) * dim,
        D=exact.D,
        div_D=exact.D.divergence,
    )


MAKERS = {
    "rotating OU, 2D": lambda: rotating(2),
    "rotating OU, 3D": lambda: rotating(3),
    "double well": double_well,
    "turning D, kappa 1": lambda: tensor(1.0),
    "turning D, kappa 100": lambda: tensor(100.0),
}


def case(name):
    """Case of that name."""
    if name not in MAKERS:
        raise ValueError(f"case is {name!r}; choose from {', '.join(MAKERS)}")
    return MAKERS[name]()


def face_points(made, n, axis):
    """Coordinates of the inner faces across an axis, broadcastable arrays."""
    axes = made.axes(n)
    lo, hi = made.box[axis]
    axes[axis] = lo + np.arange(1, n) * (hi - lo) / n
    return np.meshgrid(*axes, indexing="ij", sparse=True)
