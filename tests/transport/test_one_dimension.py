"""Exact transport on a line: closed forms, geodesics, an LP, and bad input."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import ndtr

import fokkerplanck as fp
from fokkerplanck.transport.one_dimension import line_transport
from tests.convergence.rates import assert_rate


def normal(faces, mean, std):
    """Masses of a Gaussian in cells, tails accurate relative to themselves."""
    z = (faces - mean) / std
    return np.where(z[1:] <= 0, np.diff(ndtr(z)), -np.diff(ndtr(-z)))


def graded(n):
    return 12 * np.sinh(2 * np.linspace(-1, 1, n + 1)) / np.sinh(2)


def test_blocks():
    plan = line_transport([0, 1, 2, 3, 4], [1, 0, 0, 0], [0, 0, 0.5, 0.5])
    # x in [0, 1] goes to 2 + 2 x.
    assert abs(plan.cost - (4 + 2 + 1 / 3)) < 1e-14
    assert plan.distance == plan.cost**0.5
    np.testing.assert_allclose(plan.map([0, 0.25, 1]), [2, 2.5, 4], atol=1e-14)


def test_a_split_is_a_jump_of_the_map():
    plan = line_transport([0, 1, 2, 3, 4, 5], [0, 0, 1, 0, 0], [0.5, 0, 0, 0, 0.5])
    assert abs(plan.map(2.5 - 1e-9) - 1) < 1e-8
    assert abs(plan.map(2.5 + 1e-9) - 4) < 1e-8
    assert abs(plan.cost - 2 * 0.5 * (1.5**2 + 1.5 * 2 + 4) / 3) < 1e-14


def test_against_a_linear_program(rng):
    """Cells cut fine: the cost of the cut problem tends to the exact one from the side of grids."""
    p, q = rng.random(6), rng.random(6)
    p, q, fine = p / p.sum(), q / q.sum(), 8
    faces = np.cumsum(rng.random(7))
    x = np.concatenate([np.linspace(a, b, 2 * fine + 1)[1::2]
                        for a, b in pairwise(faces)])  # fmt: skip
    a, b = np.repeat(p / fine, fine), np.repeat(q / fine, fine)
    n = x.size
    rows = np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))
    cost = (x[:, None] - x) ** 2
    found = linprog(cost.ravel(), A_eq=np.vstack(rows), b_eq=np.concatenate([a, b]))
    assert abs(found.fun - line_transport(faces, p, q).cost) < 5e-3


def even(n):
    return np.linspace(-12, 12, n + 1)


@pytest.mark.parametrize("cells", [even, graded])
def test_gaussians(cells):
    """W2^2 = (m - m')^2 + (s - s')^2 on a line (Bures); the map is linear.

    Densities constant in cells go over into such with smaller steps, on cells of order one.
    """
    widths, costs, middles, maps = [], [], [], []
    for n in (100, 200, 400, 800):
        faces = cells(n)
        plan = line_transport(faces, normal(faces, -1, 0.7), normal(faces, 1, 1.4))
        widths.append(1 / n)
        costs.append(abs(plan.cost - (4 + 0.49)))
        middles.append(np.abs(plan.interpolation(0.5) - normal(faces, 0, 1.05)).sum())
        x = np.linspace(-3, 1, 9)
        maps.append(np.abs(plan.map(x) - (1 + 2 * (x + 1))).max())
    assert_rate(widths, costs, order=2, cap=1e-4)
    assert maps[-1] < 4e-3
    assert middles[-1] < 2e-3
    assert middles[-1] < middles[1] / 3


def test_geodesic(rng):
    faces = graded(64)
    p, q = rng.random(64) ** 3, rng.random(64) ** 3
    p, q = p / p.sum(), q / q.sum()
    plan = line_transport(faces, p, q)
    np.testing.assert_allclose(plan.interpolation(0), p, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(plan.interpolation(1), q, rtol=1e-11, atol=1e-15)
    for s in (0.1, 0.5, 0.77):
        assert abs(plan.interpolation(s).sum() - 1) < 1e-14
        z0, z1 = ((1 - s) * x + s * y for x, y in ((plan.x0, plan.y0), (plan.x1, plan.y1)))
        mean = np.sum(plan.mass * 0.5 * (z0 + z1))
        ends = [np.sum(m * 0.5 * (faces[1:] + faces[:-1])) for m in (p, q)]
        assert abs(mean - (1 - s) * ends[0] - s * ends[1]) < 1e-12
    # The cost along a geodesic is quadratic; on finer cells the projection hardly shows.
    fine = np.linspace(faces[0], faces[-1], 20001)
    half = plan.interpolation(0.5, fine)
    start = np.diff(np.interp(fine, faces, np.append(0, np.cumsum(p))))
    assert abs(line_transport(fine, start, half / half.sum()).cost / plan.cost - 0.25) < 1e-4


def test_tails_of_the_geodesic():
    faces = np.linspace(-12, 12, 601)
    plan = line_transport(faces, normal(faces, 0, 0.5), normal(faces, 1, 0.5))
    got, exact = plan.interpolation(0.5), normal(faces, 0.5, 0.5)
    assert exact.min() < 1e-100
    seen = exact > 1e-100
    assert np.abs(np.log(got[seen] / exact[seen])).max() < 0.35


def test_cost_scales_with_mass_and_is_symmetric(rng):
    faces = graded(30)
    p, q = rng.random(30), rng.random(30)
    p, q = p / p.sum(), q / q.sum()
    plan, back = line_transport(faces, p, q), line_transport(faces, q, p)
    assert abs(plan.cost - back.cost) < 1e-14
    assert abs(line_transport(faces, 3 * p, 3 * q).cost - 3 * plan.cost) < 1e-13
    np.testing.assert_allclose(back.map(plan.map(faces)), faces, atol=1e-12)


def test_triangle_inequality(rng):
    faces = graded(40)
    p, q, r = (v / v.sum() for v in rng.random((3, 40)) ** 4)
    d = [line_transport(faces, a, b).distance for a, b in ((p, q), (q, r), (p, r))]
    assert d[2] <= d[0] + d[1]
    squares = [line_transport(faces, a, b).cost for a, b in ((p, q), (q, p), (p, p))]
    assert squares[2] < 1e-28


def test_masses_of_densities():
    grid = fp.Grid([(-8, 8)], 512)
    p, q = (fp.gaussian(grid, m, 0.5) * grid.volume for m in (-1, 2))
    assert abs(line_transport(grid.faces[0], p, q).cost - 9) < 1e-10


GOOD = np.arange(4.0), np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])


@pytest.mark.parametrize(
    ("k", "value", "words"),
    [
        (0, [0, 1], "p has shape"),
        (0, [0, 1, 1, 2], "do not increase"),
        (0, [0, 1, np.nan, 2], "not finite"),
        (0, "cells", "give increasing positions"),
        (0, 3.0, "give one row"),
        (1, [0.5, 0.5], "but there are 3 cells"),
        (1, [1.5, -0.5, 0], r"negative or not finite in 1 of 3 cells, first p\[1\] = -0.5"),
        (2, [0.5, np.nan, 0.5], r"first q\[1\] = nan"),
        (2, [0.5, 0.4, 0], "p has mass 1 and q has 0.9"),
        (1, [0, 0, 0], "p has mass 0"),
        (1, None, "give an array of 3 masses"),
        (1, [1j, 0, 0], "complex"),
    ],
)
def test_bad_input(k, value, words):
    arguments = list(GOOD)
    arguments[k] = value
    with pytest.raises(ValueError, match=words):
        line_transport(*arguments)


@pytest.mark.parametrize("s", [-0.1, 1.1, np.nan, "half", None])
def test_bad_places_on_the_geodesic(s):
    with pytest.raises(ValueError, match="from 0 to 1"):
        line_transport(*GOOD).interpolation(s)
