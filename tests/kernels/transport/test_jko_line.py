"""Kernels of JKO steps on a line against dense matrices, quadrature and finite differences."""

import numpy as np
import pytest

from fokkerplanck.kernels.transport import jko_line as kernel
from fokkerplanck.transport.one_dimension import line_transport


def random_case(rng, n, empty=0.0):
    faces = np.cumsum(0.2 + rng.random(n + 1))
    p, m = rng.random(n) ** 3 + 1e-3, rng.random(n) ** 3 + 1e-3
    p[rng.random(n) < empty] = 0.0
    p[n // 2] += 0.1
    return faces, p / p.sum(), m / m.sum()


def moments(faces, p, m):
    n = p.size
    left, right, t = np.zeros((3, n + 1))
    first, second = np.zeros((2, n))
    kernel.tail_sums(p, left, right)
    slowness = np.diff(faces) / np.maximum(p, 1e-300)
    kernel.moments(faces, left, right, slowness, m, 1 / m, t, first, second)
    return t, first, second


def functional(faces, p, log_pi, kappa, m):
    """KL(m | pi) + kappa/2 W2(m, p)^2 for masses that add up to one."""
    return np.sum(m * (np.log(m) - log_pi)) + 0.5 * kappa * line_transport(faces, m, p).cost


def gradient(faces, p, log_pi, kappa, m):
    r = np.zeros(p.size + 1)
    kernel.gradient(faces, *moments(faces, p, m), np.log(m) - log_pi, kappa, r)
    return r


@pytest.mark.parametrize("empty", [0.0, 0.4])
@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_moments_are_integrals_over_the_map(n, empty, rng):
    faces, p, m = random_case(rng, n, empty)
    t, first, second = moments(faces, p, m)
    plan = line_transport(faces, m, p)
    np.testing.assert_allclose(t[1:-1], plan.map(faces[1:-1]), atol=1e-11)
    x = np.stack([plan.x0, plan.x1])
    k = np.clip(np.searchsorted(faces, x.mean(axis=0)) - 1, 0, n - 1)
    s = (x - faces[k]) / np.diff(faces)[k]
    length = plan.y1 - plan.y0
    one = np.bincount(k, length * s.mean(axis=0), n)
    two = np.bincount(k, length * (s[0] ** 2 + s[0] * s[1] + s[1] ** 2) / 3, n)
    if empty == 0:
        np.testing.assert_allclose(first, one, atol=1e-11)
        np.testing.assert_allclose(second, two, atol=1e-11)
    else:  # jumps of the map add their length where they are
        jump = plan.y0[1:] - plan.y1[:-1]
        place = plan.x1[:-1]
        k = np.clip(np.searchsorted(faces, place) - 1, 0, n - 1)
        s = (place - faces[k]) / np.diff(faces)[k]
        one += np.bincount(k, jump * s, n)
        np.testing.assert_allclose(first.sum(), one.sum(), atol=0.5 * np.diff(faces).max())


def test_nothing_moves_between_equal_masses():
    m = np.exp(-(np.linspace(-20, 20, 64) ** 2))
    m /= m.sum()
    faces = np.linspace(-3, 5, 65)
    r = np.zeros(65)
    kernel.gradient(faces, *moments(faces, m, m), np.zeros(64), 1e4, r)
    assert np.abs(r).max() < 1e-9 * 1e4 * 0.125 * 1e-4


@pytest.mark.parametrize("empty", [0.0, 0.4])
@pytest.mark.parametrize("n", [2, 3, 9])
def test_gradient_is_the_derivative(n, empty, rng):
    faces, p, m = random_case(rng, n, empty)
    log_pi, kappa = rng.random(n), 3.0
    r = gradient(faces, p, log_pi, kappa, m)
    for j in range(1, n):
        h, values = 1e-6, []
        for sign in (1, -1):
            moved = m.copy()
            moved[j - 1] += sign * h
            moved[j] -= sign * h
            values.append(functional(faces, p, log_pi, kappa, moved))
        assert abs(r[j] + (values[0] - values[1]) / (2 * h)) < 1e-4 * (1 + abs(r[j]))


@pytest.mark.parametrize("n", [2, 3, 4, 25])
def test_direction_solves_the_newton_system(n, rng):
    faces, p, m = random_case(rng, n)
    log_pi, kappa, widths = rng.random(n), 2.0, np.diff(faces)
    t, first, second = moments(faces, p, m)
    H = np.zeros((n + 1, n + 1))
    for j in range(n):
        a = kappa * widths[j] / m[j]
        zero = t[j + 1] - t[j]
        block = [[zero - 2 * first[j] + second[j], first[j] - second[j]],
                 [first[j] - second[j], second[j]]]  # fmt: skip
        H[j : j + 2, j : j + 2] += a * np.array(block) + np.array([[1, -1], [-1, 1]]) / m[j]
    r = gradient(faces, p, log_pi, kappa, m)
    expected = np.linalg.solve(H[1:-1, 1:-1], r[1:-1])
    slope = r[1:-1] @ expected
    rest, pivot, dG = np.zeros((3, n + 1))
    dm = np.zeros(n)
    got = kernel.direction(faces, t, first, second, 1 / m, kappa, r.copy(), rest, pivot, dG, dm)
    np.testing.assert_allclose(dG[1:-1], expected, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(dm, np.diff(dG), atol=1e-14)
    assert abs(got / slope - 1) < 1e-10
    assert abs(dm.sum()) < 1e-15
    if n > 2:  # H is the derivative of -r where no face crosses a knot
        h = 1e-7
        for j in range(1, n):
            moved = m.copy()
            moved[j - 1] += h
            moved[j] -= h
            change = -(gradient(faces, p, log_pi, kappa, moved) - r)[1:-1] / h
            np.testing.assert_allclose(change, H[1:-1, j], rtol=2e-3, atol=2e-3 * np.abs(H).max())


@pytest.mark.parametrize("n", [2, 3, 30])
def test_implicit_euler_is_the_resolvent(n, rng):
    up, down = rng.random((2, n)) * 10
    up[-1] = down[-1] = 0.0
    A = np.diag(up[:-1], -1) + np.diag(down[:-1], 1)
    A -= np.diag(A.sum(axis=0))
    p = rng.random(n)
    for span in (1e-3, 1.0, 1e6):
        q = np.empty(n)
        kernel.implicit_euler(up, down, span, p, q)
        np.testing.assert_allclose(q, np.linalg.solve(np.eye(n) - span * A, p), rtol=1e-8)
        assert abs(q.sum() / p.sum() - 1) < 1e-14
        assert q.min() > 0


def test_moves_keep_mass_and_sign(rng):
    m = rng.random(20) ** 8
    m /= m.sum()
    log_pi = rng.random(20)
    w, inverse = np.log(m) - log_pi, 1 / m
    dm = m * np.where(rng.random(20) > 0.5, 30, -30)
    kernel.moved(dm, 1.0, log_pi, w, m, inverse)
    assert abs(m.sum() - 1) < 1e-14
    assert m.min() >= kernel.TINY * 1e-3
    np.testing.assert_allclose(w, np.log(m) - log_pi, atol=1e-12)
    np.testing.assert_allclose(m * inverse, 1, rtol=1e-15)


def test_slope_after_a_step(rng):
    faces, p, m = random_case(rng, 12)
    log_pi, kappa = rng.random(12), 2.0
    dm = 0.3 * m * (rng.random(12) - 0.5)
    dm -= m * dm.sum()

    def along(part):
        new, inverse = m.copy(), 1 / m
        kernel.moved(dm, part, log_pi, np.log(new) - log_pi, new, inverse)
        return new

    part, h = 0.7, 1e-6
    values = [functional(faces, p, log_pi, kappa, along(s)) for s in (part + h, part - h)]
    new = along(part)
    got = kernel.slope_after(dm, part, gradient(faces, p, log_pi, kappa, new), m, new)
    assert abs(got + (values[0] - values[1]) / (2 * h)) < 1e-5


def test_cells_that_count():
    m = np.array([0.5, 0.5, 1e-100])
    still = np.array([1e-12, -1e-12, 0.0])
    assert kernel.step_size(still, 1 / m, m) == (2e-12, 2e-12)
    assert kernel.step_size(still + np.array([0, 0, 1e-31]), 1 / m, m)[0] == 2e-12
    assert kernel.step_size(still + np.array([0, 0, 1e-29]), 1 / m, m)[0] > 1e70


def test_smoothing_keeps_the_length_inside(rng):
    faces, p, m = random_case(rng, 40)
    t, first, second = moments(faces, p, m)
    lengths = np.diff(t)
    kernel.smoothed(3, t, first, second, np.zeros(41), np.zeros(40))
    expected = [lengths[max(j - 3, 0) : j + 4].sum() / 7 for j in range(40)]
    np.testing.assert_allclose(np.diff(t), expected, atol=1e-13)
    np.testing.assert_allclose(2 * first, expected, atol=1e-13)
    np.testing.assert_allclose(3 * second, expected, atol=1e-13)


def test_windows_open_and_close():
    assert kernel.next_window(1000, 0, False) == 0
    assert kernel.next_window(1000, 0, True) == 31
    assert kernel.next_window(1000, 200, True) == 250
    assert kernel.next_window(1000, 31, False) == 7


def test_a_minimum(rng):
    """No move of mass between neighbours makes the functional less."""
    faces, p, m = random_case(rng, 30)
    log_pi, kappa = np.log(rng.random(30)), 5.0
    out = kernel.minimise(faces, p, log_pi, kappa, 1e-10, 60, 99, m, np.empty((14, 31)))
    assert out[2] <= 1e-10
    assert abs(m.sum() - 1) < 1e-14
    assert np.abs(gradient(faces, p, log_pi, kappa, m)[1:-1]).max() < 1e-10
    least = functional(faces, p, log_pi, kappa, m)
    for j in range(29):
        for h in (1e-6, -1e-6):
            moved = m.copy()
            moved[j] += h
            moved[j + 1] -= h
            assert functional(faces, p, log_pi, kappa, moved) > least


def test_gain(rng):
    _, p, m = random_case(rng, 20, 0.3)
    log_pi = rng.random(20)
    kl = [np.sum(q[q > 0] * (np.log(q[q > 0]) - log_pi[q > 0])) for q in (p, m)]
    assert abs(kernel.gain(p, log_pi, np.log(m) - log_pi, m) - (kl[0] - kl[1])) < 1e-13


def test_a_false_minimum_is_not_believed():
    """Three cells, far from resolved: the middle of a short step is lost, the energy rises."""
    faces = np.array([-0.93, -0.31, 0.31, 0.93])
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.random(3) ** 12 + 1e-9
        p /= p.sum()
        log_pi = -3 * rng.random(3)
        m = p.copy()
        out = kernel.minimise(faces, p, log_pi, 1e6, 1e-8, 60, 99, m, np.empty((14, 4)))
        if out[2] <= 1e-8 or out[3] <= kernel.SETTLED:
            assert kernel.gain(p, log_pi, np.log(m) - log_pi, m) >= -kernel.LOSS
