"""Rows of the fifth-order upwind flux against a twin that evaluates one face after the other."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.upwind5 import Upwind5

UP5, UP3 = np.array([2, -13, 47, 27, -3]) / 60, np.array([-1, 5, 2]) / 6
SLOPE4, MEAN4 = np.array([1, -15, 15, -1]) / 12, np.array([-1, 7, 7, -1]) / 12
SLOPE5 = np.array([1, -8, 0, 8, -1]) / 12


def slope_across(q, t, cell, periodic):
    """Difference of a field along axis t at a cell."""
    n, i = q.shape[t], cell[t]

    def at(offset):
        place = list(cell)
        place[t] = (i + offset) % n
        return q[tuple(place)]

    if (periodic[t] and n > 4) or (not periodic[t] and 2 <= i < n - 2):
        return sum(w * at(o) for w, o in zip(SLOPE5, range(-2, 3), strict=True))
    if periodic[t] or 1 <= i < n - 1:
        return 0.5 * (at(1) - at(-1))
    return at(1) - at(0) if i == 0 else at(0) - at(-1)


def fitted(pressed_low, pressed_up, h):
    """Exponential fit of a face at a wall onto which mass is pressed: (drift, noise, rho) twice."""
    (bl, al, rl), (bu, au, ru) = pressed_low, pressed_up
    z = 0.5 * h * (bl / al + bu / au)
    return (-z / np.expm1(-z) * al * rl - z / np.expm1(z) * au * ru) / h


def readable(low, k, offset, grid, free, closed):
    """Cell at an offset along axis k that a face may read; None if it may not."""
    place, n = list(low), grid.shape[k]
    place[k] += offset
    if not grid.periodic[k] and not 0 <= place[k] < n:
        return None
    place[k] %= n
    place = tuple(place)
    return None if not free[place] or (closed[place] and offset not in (0, 1)) else place


def current_twin(problem, rho, free):
    """Current density through every face, in the order of the library's faces."""
    grid, d = problem.grid, problem.grid.dim
    out, h, periodic = [], grid.h, grid.periodic
    rho = np.where(free, rho, 0.0)
    for k in range(d):
        n = grid.shape[k]
        b = problem.drift[k] + np.zeros(grid.shape)
        a = problem.kT * problem.D[:, k] + np.zeros((d, *grid.shape))
        b, a = b.astype(float), a.astype(float)
        closed = np.zeros(grid.shape, bool)
        for side in grid.sides_of("reflecting"):
            if side.axis == k:
                row, sign = (n - 1, 1) if side.end == "upper" else (0, -1)
                at = (slice(None),) * k + (row,)
                closed[at] = (sign * b[at] * h[k] > 2 * a[k][at]) | (a[k][at] == 0)
        faces = n if periodic[k] else n - 1
        for low in np.ndindex(*(faces if t == k else m for t, m in enumerate(grid.shape))):
            cells = {o: readable(low, k, o, grid, free, closed) for o in range(-2, 4)}
            if cells[0] is None or cells[1] is None:
                out.append(0.0)
                continue
            lo, up = cells[0], cells[1]
            pressed = closed[lo] or closed[up]
            wide = all(cells[o] is not None for o in (-1, 2))
            cross = 0.0
            for t in range(d):
                if t != k:
                    q = a[t] * rho
                    offsets, means = (range(-1, 3), MEAN4) if wide else (range(2), (0.5, 0.5))
                    for o, mean in zip(offsets, means, strict=True):
                        cross -= mean * slope_across(q, t, cells[o], periodic) / h[t]
            if pressed and a[k][lo] > 0 and a[k][up] > 0:
                ends = [(b[c], a[k][c], rho[c]) for c in (lo, up)]
                out.append(fitted(*ends, h[k]) + cross)
                continue
            forward = b[lo] + b[up] > 0
            # Seen from where the drift comes from: offsets -2..2 of five cells, -1..1 of three.
            order = [-2, -1, 0, 1, 2] if forward else [3, 2, 1, 0, -1]
            if pressed:
                stencil, weights = order[2:3], [1.0]
            elif all(cells[o] is not None for o in order):
                stencil, weights = order, UP5
            elif all(cells[o] is not None for o in order[1:4]):
                stencil, weights = order[1:4], UP3
            else:
                stencil, weights = [0, 1], [0.5, 0.5]
            total = sum(
                w * b[cells[o]] * rho[cells[o]] for w, o in zip(weights, stencil, strict=True)
            )
            q = a[k] * rho
            if wide:
                total -= (
                    sum(w * q[cells[o]] for w, o in zip(SLOPE4, range(-1, 3), strict=True)) / h[k]
                )
            else:
                total -= (q[up] - q[lo]) / h[k]
            out.append(total + cross)
    return np.array(out)


CASES = {
    "box": (fp.Grid([(-2, 2), (-1, 2)], (9, 7)), [[1.0, 0.4], [0.4, 0.6]], 0.3),
    "torus": (fp.Grid([(0, 6), (0, 5)], (7, 8), "periodic"), [[1.0, 0.4], [0.4, 0.6]], 0.3),
    "noise on y": (fp.Grid([(-2, 2), (-3, 3)], (8, 9)), (0, 1), 0.2),
    "pressed": (fp.Grid([(-3, 3), (-3, 3)], (7, 8)), (0.02, 0.05), 1.0),
    "channel in space": (
        fp.Grid([(-1, 1), (0, 2), (0, 1)], (6, 7, 5), ["reflecting", "periodic", "reflecting"]),
        [[1.0, 0.3, 0.1], [0.3, 0.8, 0.0], [0.1, 0.0, 0.5]],
        0.2,
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("with_set", [False, True], ids=["whole", "with a set"])
def test_currents_are_those_of_the_twin(name, with_set, rng, monkeypatch):
    # Closures of slopes at walls are added to what the kernel writes, and tested on states.
    monkeypatch.setattr("fokkerplanck.scheme.upwind5.closed_cross_terms", lambda *_: None)
    grid, D, kT = CASES[name]

    def drift(*x):
        return tuple(np.sin(2 * x[k - 1]) + np.cos(x[k]) + 0.3 * x[k - 1] for k in range(grid.dim))

    problem = fp.Problem(grid, drift=drift, D=D, kT=kT)
    free = np.ones(grid.shape, bool)
    if with_set:
        free[2:4, 3:5] = False
    label = np.where(free, -1, 0).ravel()
    rho = rng.uniform(0.5, 1.5, grid.shape)
    flux = Upwind5(problem, label)
    area = grid.volume / np.array(grid.h)[flux.axis]
    found = flux.currents @ (rho.ravel() * grid.volume) / area
    wanted = current_twin(problem, rho, free)
    assert found.shape == wanted.shape
    # A slope across an axis may reach into the set, whose cells hold nothing: the same in both.
    assert np.abs(found - wanted).max() < 1e-12 * np.abs(wanted).max()
