"""One multigrid cycle as a preconditioner: how many GMRES steps, on what chains."""

import numpy as np
import pytest
from scipy.sparse import coo_array, diags_array

from fokkerplanck.errors import ConvergenceError
from fokkerplanck.kernels.linalg import grid_multigrid as kernels
from fokkerplanck.linalg.grid_multigrid import GridMultigrid
from fokkerplanck.linalg.null_vector import null_vector

ROTATION = np.array([[1, -1.5], [1.5, 1]])
LINEAR_3D = np.array([[1, -2, 0.5], [1.5, 1.2, -0.3], [0.2, 0.4, 0.8]])


def bernoulli(z):
    """z / (e^z - 1)."""
    z = np.where(np.abs(z) < 1e-8, 1e-8, z)
    with np.errstate(over="ignore"):
        return z / np.expm1(z)


def chain(drift, box, shape, beta, D=None, periodic=None):
    """Scharfetter-Gummel rates up, down (d, *shape) and periodic flags."""
    d = len(shape)
    D = np.ones(d) if D is None else np.asarray(D)
    periodic = periodic or (False,) * d
    h = [(hi - lo) / n for (lo, hi), n in zip(box, shape, strict=True)]
    axes = [
        lo + step * (np.arange(n) + 0.5) for (lo, _), n, step in zip(box, shape, h, strict=True)
    ]
    up, down = np.empty((2, d, *shape))
    for k in range(d):
        x = list(np.meshgrid(*axes, indexing="ij"))
        x[k] = x[k] + h[k] / 2
        tilt = np.clip(np.asarray(drift(*x)[k]) * h[k] * beta / D[k], -700, 700)
        weight = D[k] / beta / h[k] ** 2
        up[k], down[k] = weight * bernoulli(-tilt), np.roll(weight * bernoulli(tilt), 1, k)
        if not periodic[k]:
            np.moveaxis(up[k], k, 0)[-1] = 0
            np.moveaxis(down[k], k, 0)[0] = 0
    return up, down, periodic


def linear(F):
    return lambda *x: -np.einsum("ij,j...->i...", F, np.stack(x))


def random_rates(shape, spread):
    rng = np.random.default_rng(5)
    up, down = rng.random((2, len(shape), *shape)) * np.exp(-spread * rng.random((2, 1, *shape)))
    for k in range(len(shape)):
        np.moveaxis(up[k], k, 0)[-1] = 0
        np.moveaxis(down[k], k, 0)[0] = 0
    return up, down, (False,) * len(shape)


def stationary(up, down):
    """Exact log mass by elimination."""
    shape = up.shape[1:]
    cells = np.arange(up[0].size).reshape(shape)
    rows, columns, values = [], [], []
    for k in range(len(shape)):
        for rate, step in ((up, -1), (down, 1)):
            rows.append(np.roll(cells, step, k).ravel())
            columns.append(cells.ravel())
            values.append(rate[k].ravel())
    rows, columns, values = map(np.concatenate, (rows, columns, values))
    keep = values > 0
    A = coo_array((values[keep], (rows[keep], columns[keep])), shape=(cells.size,) * 2).tocsr()
    return null_vector(A - diags_array(A.sum(axis=0)), shape).log_mass.reshape(shape)


def gmres(levels, b, tol=1e-10, restart=20, limit=60):
    """Right-preconditioned GMRES: solution, number of steps (limit if it did not converge)."""
    x, steps, target = np.zeros_like(b), 0, tol * np.linalg.norm(b)
    while steps < limit:
        r = b - levels.apply(x)
        size = np.linalg.norm(r)
        if size <= target:
            break
        V, Z, H = [r / size], [], np.zeros((restart + 1, restart))
        for j in range(restart):
            Z.append(levels.precondition(V[j]))
            w = levels.apply(Z[j])
            for i in range(j + 1):
                H[i, j] = np.vdot(w, V[i])
                w = w - H[i, j] * V[i]
            H[j + 1, j] = np.linalg.norm(w)
            steps += 1
            e = size * np.eye(j + 2)[0]
            y = np.linalg.lstsq(H[: j + 2, : j + 1], e, rcond=None)[0]
            if np.linalg.norm(H[: j + 2, : j + 1] @ y - e) <= target or steps == limit:
                break
            V.append(w / H[j + 1, j])
        x = x + sum(a * z for a, z in zip(y, Z, strict=True))
    return x, steps


def steps_needed(levels, seed=0):
    """GMRES steps for a random right-hand side in the range of L."""
    u = np.random.default_rng(seed).standard_normal(levels.grid_shape)
    b = levels.apply(u)
    x, steps = gmres(levels, b)
    if steps < 60:
        assert np.linalg.norm(b - levels.apply(x)) <= 1.1e-10 * np.linalg.norm(b)
    return steps


def double_well(x, y):
    return x - x**3, -y


TWO_PI = 2 * np.pi
CASES = {
    "rotating ou": (lambda n: chain(linear(ROTATION), [(-5, 5)] * 2, (n, n), 3.0), 12),
    "odd": (lambda n: chain(linear(ROTATION), [(-5, 5)] * 2, (n + 1, n - 1), 3.0), 12),
    "out of the walls": (lambda n: chain(linear(-ROTATION), [(-5, 5)] * 2, (n, n), 3.0), 12),
    "cold": (lambda n: chain(linear(ROTATION), [(-5, 5)] * 2, (n, n), 10.0), 11),
    "barrier 40": (lambda n: chain(double_well, [(-2.5, 2.5), (-4, 4)], (n, n), 160.0), 12),
    "torus": (
        lambda n: chain(
            lambda x, y: (np.sin(x) + 0.5 + 0 * y, 0.3 * np.sin(x + y)),
            [(0, TWO_PI)] * 2, (n, n), 1.0, periodic=(True, True),
        ), 12,
    ),
    "odd torus": (
        lambda n: chain(
            lambda x, y: (4 * np.sin(x) * np.cos(y) + 8, 8 * np.cos(x)),
            [(0, TWO_PI)] * 2, (n - 1, n - 3), 5.0, periodic=(True, True),
        ), 18,
    ),
    "channel": (
        lambda n: chain(
            lambda x, y: (20 * np.cos(y) + 0 * x, -5 * y),
            [(0, TWO_PI), (-2, 2)], (n, n), 5.0, periodic=(True, False),
        ), 12,
    ),
    "diagonal D": (lambda n: chain(linear(np.eye(2)), [(-3, 3)] * 2, (n, n), 1.0, (1, 0.01)), 12),
    "other axis": (lambda n: chain(linear(np.eye(2)), [(-3, 3)] * 2, (n, n), 1.0, (0.01, 1)), 6),
    "flat cells": (lambda n: chain(linear(ROTATION), [(-5, 5), (-1, 1)], (n, n), 3.0), 7),
    "one way": (
        lambda n: chain(lambda x, y: (20 + 0 * x, 10 + 0 * y), [(-5, 5)] * 2, (n, n), 3.0), 8,
    ),
    "random rates": (lambda n: random_rates((n, n), 0.0), 16),
    "ou 3d": (lambda n: chain(linear(LINEAR_3D), [(-4, 4)] * 3, (n // 4,) * 3, 1.0), 14),
    "cold 3d": (lambda n: chain(linear(LINEAR_3D), [(-4, 4)] * 3, (17, 16, 15), 3.0), 14),
    "random 3d": (lambda n: random_rates((n // 4,) * 3, 0.0), 14),
    "line": (lambda n: chain(lambda x: (x - x**3,), [(-2, 2)], (16 * n + 1,), 3.0), 6),
    "ring": (
        lambda n: chain(
            lambda x: (np.sin(x) + 0.5,), [(0, TWO_PI)], (16 * n + 1,), 3.0, periodic=(True,)
        ), 6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_steps_are_few(name):
    make, limit = CASES[name]
    up, down, periodic = make(64)
    levels = GridMultigrid(up, down, periodic, stationary(up, down))
    assert len(levels.levels) > 1
    assert steps_needed(levels) <= limit


def test_steps_hardly_grow_with_the_grid():
    steps = []
    for n in (64, 256):
        up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (n, n), 3.0)
        x = -5 + 10 * (np.arange(n) + 0.5) / n
        # The Gaussian is not stationary next to walls; the preconditioner need not care.
        levels = GridMultigrid(up, down, periodic, -1.5 * np.add.outer(x**2, x**2))
        steps.append(steps_needed(levels))
    assert steps[1] <= 1.2 * steps[0]


def test_without_correction_of_the_coarse_flows_steps_grow(monkeypatch):
    connect = kernels.connect

    def plain(s0, s1, s2, periodic, centre, up, down, inflow, weights):
        kept = [a.copy() for a in (up, down, inflow)]
        connect(s0, s1, s2, periodic, centre, up, down, inflow, weights)
        for a, b in zip((up, down, inflow), kept, strict=True):
            a[...] = b

    steps = {}
    for n in (64, 256):
        up, down, periodic = chain(lambda x, y: (0 * x, 0 * y), [(0, 1)] * 2, (n, n), 1.0)
        phi = np.zeros((n, n))
        with monkeypatch.context() as patch:
            steps[n, "right"] = steps_needed(GridMultigrid(up, down, periodic, phi, cycle=1))
            patch.setattr(kernels, "connect", plain)
            steps[n, "plain"] = steps_needed(GridMultigrid(up, down, periodic, phi, cycle=1))
    assert steps[256, "right"] <= steps[64, "right"] + 2
    assert steps[256, "plain"] >= 1.3 * steps[64, "plain"]
    assert steps[256, "plain"] > 1.8 * steps[256, "right"]


def test_shift_is_solved_for():
    up, down, periodic = chain(double_well, [(-2.5, 2.5), (-4, 4)], (64, 64), 3.0)
    shift = 0.5 + np.random.default_rng(1).random((64, 64))
    levels = GridMultigrid(up, down, periodic, stationary(up, down), shift)
    b = np.random.default_rng(0).standard_normal((64, 64))
    x, steps = gmres(levels, b)
    assert steps <= 14
    assert np.linalg.norm(b - levels.apply(x)) <= 1.1e-10 * np.linalg.norm(b)


def test_constant_is_in_the_kernel_of_the_product():
    up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (40, 41), 3.0)
    levels = GridMultigrid(up, down, periodic, stationary(up, down))
    out = levels.apply(np.ones(40 * 41))
    assert out.shape == (40 * 41,)
    assert np.abs(out).max() < 1e-11 * levels.diagonal.max()


def test_product_conserves_mass(rng):
    up, down, periodic = random_rates((20, 30), 0.0)
    phi = rng.standard_normal((20, 30))
    levels = GridMultigrid(up, down, periodic, phi)
    u = rng.standard_normal((20, 30))
    assert abs((np.exp(phi) * levels.apply(u)).sum()) < 1e-11 * np.exp(phi).sum()


def test_same_answer_again_and_after_refresh(rng):
    up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (100, 120), 3.0)
    phi, other = stationary(up, down), rng.standard_normal((100, 120))
    levels = GridMultigrid(up, down, periodic, phi)
    r = rng.standard_normal((100, 120))
    first = levels.precondition(r)
    memory = levels.levels[0].inflow
    levels.refresh(other)
    assert not np.array_equal(first, levels.precondition(r))
    levels.refresh(phi)
    assert levels.levels[0].inflow is memory
    np.testing.assert_array_equal(first, levels.precondition(r))
    np.testing.assert_array_equal(first.ravel(), levels.precondition(r.ravel()))


def test_size_of_residual_and_offset_of_log_mass_do_not_matter(rng):
    up, down, periodic = chain(double_well, [(-2.5, 2.5), (-4, 4)], (48, 48), 3.0)
    phi = stationary(up, down)
    levels = GridMultigrid(up, down, periodic, phi)
    r = rng.standard_normal((48, 48))
    z = levels.precondition(r)
    np.testing.assert_allclose(levels.precondition(2.0**200 * r), 2.0**200 * z, rtol=1e-6)
    levels.refresh(phi - 1500.0)
    # The offset costs three digits of the differences.
    np.testing.assert_allclose(levels.precondition(r), z, rtol=0, atol=1e-4 * np.abs(z).max())
    assert not levels.precondition(0 * r).any()


def test_single_precision_is_enough():
    up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (64, 64), 3.0)
    phi = stationary(up, down)
    steps = [
        steps_needed(GridMultigrid(up, down, periodic, phi, dtype=dtype))
        for dtype in (np.float32, np.float64)
    ]
    assert abs(steps[0] - steps[1]) <= 1


def test_memory_and_complexity():
    up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (256, 256), 3.0)
    levels = GridMultigrid(up, down, periodic, np.zeros((256, 256)))
    assert len(levels.levels) == 5
    assert sum(level.u.size for level in levels.levels) / levels.levels[0].u.size < 1.34
    assert levels.nbytes <= 60 * 256**2


def test_axes_with_weak_coupling_are_not_coarsened():
    make, _ = CASES["diagonal D"]
    up, down, periodic = make(64)
    levels = GridMultigrid(up, down, periodic, np.zeros((64, 64)))
    assert levels.levels[1].u.shape == (1, 32, 64)


FINE = np.ones((2, 4, 5))
BAD = {
    "shape of up": ((FINE[:, 1:], FINE, (True, True), np.zeros((4, 5))), {}, "up has shape"),
    "shape of down": ((FINE, FINE[:1], (True, True), np.zeros((4, 5))), {}, "down has shape"),
    "dimension": ((FINE, FINE, (True, True), np.zeros((1, 1, 4, 5))), {}, "one to three axes"),
    "one cell": ((FINE[:, :1, :1],) * 2 + ((True,) * 2, np.zeros((1, 1))), {}, "two cells"),
    "periodic": ((FINE, FINE, (True,), np.zeros((4, 5))), {}, "periodic has 1"),
    "negative rate": ((-FINE, FINE, (True, True), np.zeros((4, 5))), {}, "negative or not finite"),
    "nan rate": ((FINE, FINE * np.nan, (True, True), np.zeros((4, 5))), {}, "not finite"),
    "nan mass": ((FINE, FINE, (True, True), np.full((4, 5), np.nan)), {}, "log_mass"),
    "shift": ((FINE, FINE, (True, True), np.zeros((4, 5)), -1.0), {}, "shift has entries"),
    "no exit": ((0 * FINE, 0 * FINE, (True, True), np.zeros((4, 5))), {}, r"cell \(0, 0\)"),
    "cycle": ((FINE, FINE, (True, True), np.zeros((4, 5))), {"cycle": 3}, "cycle is 3"),
    "dtype": ((FINE, FINE, (True, True), np.zeros((4, 5))), {"dtype": int}, "dtype is"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "options", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_stops_at_the_door(arguments, options, words):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=words):
        GridMultigrid(*arguments, **options)


def test_a_residual_that_is_not_finite_is_refused():
    levels = GridMultigrid(FINE, FINE, (True, True), np.zeros((4, 5)))
    with pytest.raises(ValueError, match="r has"):
        levels.precondition(np.full((4, 5), np.inf))


def test_far_guesses_stay_finite_and_hopeless_ones_raise(rng):
    up, down, periodic = chain(linear(ROTATION), [(-5, 5)] * 2, (64, 64), 10.0)
    x = -5 + 10 * (np.arange(64) + 0.5) / 64
    levels = GridMultigrid(up, down, periodic, -5 * np.add.outer(x**2, x**2))
    imbalance = np.abs(levels.apply(np.ones((64, 64)))) / levels.diagonal[0]
    assert imbalance.max() > 100
    r = rng.standard_normal((64, 64))
    assert np.isfinite(levels.precondition(r)).all()
    levels.refresh(500 * rng.random((64, 64)))
    with pytest.raises(ConvergenceError, match="too far from stationary"):
        levels.precondition(r)
