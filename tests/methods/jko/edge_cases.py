"""Problems that the schemes on edges are tested on."""

import numpy as np

import fokkerplanck as fp


def turning(n=24, weak=0.15, sides="reflecting"):
    """Double well with D(x) of eigenvalues 1 and ``weak`` that turns from place to place."""

    def D(x, y):
        a = 0.5 * x + 0.3 * y
        c, s = np.cos(a), np.sin(a)
        return [
            [c * c + weak * s * s, (1 - weak) * c * s],
            [(1 - weak) * c * s, s * s + weak * c * c],
        ]

    grid = fp.Grid([(-3, 3)] * 2, n, sides)
    return fp.Problem.from_potential(grid, lambda x, y: (x**2 - 1) ** 2 / 2 + y**2 / 2, D)


def line(n=60):
    return fp.Problem(fp.Grid([(-4, 4)], n), f=lambda x: x**2 / 2)


def ring(n=20):
    grid = fp.Grid([(0, 2 * np.pi)] * 2, n, "periodic")
    return fp.Problem.from_potential(
        grid, lambda x, y: np.cos(x) + np.sin(y), [[1, 0.5], [0.5, 0.6]]
    )


def graded():
    faces = np.linspace(-1, 1, 25)
    grid = fp.Grid([3 * faces**3 + faces, (-3, 3)], (24, 18))
    return fp.Problem(grid, f=lambda x, y: (x**2 + y**2) / 2)


def space(n=8):
    grid = fp.Grid([(-2.5, 2.5)] * 3, n)
    D = [[1, 0.5, 0.2], [0.5, 0.8, 0.1], [0.2, 0.1, 0.5]]
    return fp.Problem.from_potential(grid, lambda x, y, z: (x**2 + y**2 + z**2) / 2, D)


def whirl(n=24):
    """Ornstein-Uhlenbeck process that circulates."""
    grid = fp.Grid([(-5, 5)] * 2, n)
    return fp.Problem(
        grid, drift=lambda x, y: (-x - 1.5 * y, 0.5 * x - y), D=[[1, 0.6], [0.6, 0.5]]
    )


CASES = {
    "line": line,
    "turning": turning,
    "condition 100": lambda: turning(weak=0.01),
    "periodic": ring,
    "graded": graded,
    "space": space,
    "whirl": whirl,
}


def start(problem):
    """Off centre and narrow."""
    grid = problem.grid
    middle = [lo + 0.62 * (hi - lo) for lo, hi in grid.box]
    return fp.gaussian(grid, middle, 0.15)


def run(problem, method, times, rho0=None):
    rho0 = start(problem) if rho0 is None else rho0
    return fp.solve(problem, rho0, times, method)
