"""Coarser and finer grids, acceleration, and moving pieces: what the solver stands on."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.transport import ladder
from fokkerplanck.transport.geodesic import displaced
from tests.convergence.rates import assert_rate


def test_cubics_up_and_down_inside():
    """Fourth order between smooth functions, away from walls."""
    down, up, h = [], [], []
    for n in (32, 64, 128):
        x = (np.arange(n) + 0.5) / n
        X = (np.arange(n // 2) + 0.5) / (n // 2)
        f = lambda x: np.sin(5 * x) + x  # noqa: E731
        inner = slice(4, -4)
        down.append(np.abs(ladder.halved(f(x), (False,)) - f(X))[inner].max())
        up.append(np.abs(ladder.doubled(f(X), (n,), (False,)) - f(x))[inner].max())
        h.append(1 / n)
    assert_rate(h, down, 4, cap=1e-6)
    assert_rate(h, up, 4, cap=1e-5)


def test_parabolas_go_on_beyond_walls():
    x = (np.arange(20) + 0.5) / 20
    X = (np.arange(10) + 0.5) / 10
    fine = ladder.doubled(3 * X**2 - X, (20,), (False,))
    np.testing.assert_allclose(fine, 3 * x**2 - x, atol=1e-14)
    odd = ladder.doubled(3 * X**2 - X, (19,), (False,))
    np.testing.assert_allclose(odd, fine[:19])


def test_rings_have_no_ends():
    x = (np.arange(24) + 0.5) / 24
    u = np.cos(2 * np.pi * x)
    for k in (2, 6):
        np.testing.assert_allclose(
            ladder.halved(np.roll(u, k), (True,)), np.roll(ladder.halved(u, (True,)), k // 2),
            atol=1e-15,
        )  # fmt: skip
        np.testing.assert_allclose(
            ladder.doubled(np.roll(u, k), (48,), (True,)),
            np.roll(ladder.doubled(u, (48,), (True,)), 2 * k), atol=1e-15,
        )  # fmt: skip


def test_jumps_make_no_new_extremes():
    u = np.where(np.arange(20) < 9, 0.0, -800.0)
    coarse = ladder.halved(u, (False,))
    assert coarse.max() <= 0
    assert coarse.min() >= -800
    assert ladder.halved(np.arange(5.0), (False,), empty=-1e30).shape == (3,)
    assert not ladder.can_halve((30, 31), (False, True), 8)
    assert ladder.can_halve((30, 31), (True, False), 8)
    assert not ladder.can_halve((30, 12), (False, False), 8)


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_pieces_keep_mass_and_mean(sides, rng):
    grid = fp.Grid([(0, 1), (0, 2)], (20, 30), sides=sides)
    rho = 0.1 + rng.random(grid.shape)
    rho /= grid.integrate(rho)
    shift = np.array([0.05, 0.0]).reshape(2, 1, 1)
    moved = displaced(rho, grid.x + shift, 1.0, grid)
    assert abs(grid.integrate(moved) - 1) < 1e-14
    if sides == "periodic":  # one cell on: the same density, blurred by linear weights
        mean = np.exp(2j * np.pi * grid.x[0])
        turned = grid.integrate(moved * mean) / grid.integrate(rho * mean)
        assert abs(np.angle(turned) - 2 * np.pi * 0.05) < 1e-2
    else:  # against the wall nothing is lost
        away = displaced(rho, grid.x + 10.0, 1.0, grid)
        assert abs(away[-1, -1] * grid.volume - 1) < 1e-13
