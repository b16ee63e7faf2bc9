"""Masses and resistances of walled lines against a twin without logs, and against quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma, gammainc

from fokkerplanck.kernels.scheme import wall_cells as kernels
from fokkerplanck.scheme.wall_lines import gauss, panels

MODES = (kernels.PLAIN, kernels.SHAPED, kernels.ABSORBING, kernels.CLOSED)
N, DEPTHS = 10, (16, 14)


def power_line(al, sg, lines=1):
    """Line on (0, 1) with b/a = p/x - 1 and a = x^q: m ~ x^(al - 1) e^-x, s ~ x^(sg - 1) e^x."""
    p, q = 1 - sg, 2 - sg - al
    faces = np.linspace(0, 1, N + 1)
    grids = panels(faces, DEPTHS, (True, True))
    x = grids.x
    ratio = np.repeat((p / x - 1)[None], lines, 0)
    log_a = np.repeat(q * np.log(x)[None], lines, 0)
    depth = np.array([0.1 * 0.5 ** DEPTHS[0], 0.1 * 0.5 ** DEPTHS[1]])
    return grids, ratio, log_a, depth, q


def run(al, sg, mode, near=4):
    grids, ratio, log_a, depth, q = power_line(al, sg)
    out = tuple(np.full(s, np.nan) for s in [(1, N)] * 3 + [(1, 2), (1, N), (1,)])
    exponents = (
        np.array([[al, 1.0]]),
        np.array([[sg, 1.0]]),
        np.array([[q * np.log(depth[0]), q * np.log1p(-depth[1])]]),
    )
    rule = (grids.width, gauss()[2], gauss()[1])
    kernels.walled_lines(
        ratio,
        log_a,
        grids.x,
        rule,
        grids.first,
        near,
        np.array([[mode, kernels.PLAIN]]),
        exponents,
        depth,
        np.array([0.0, 1.0]),
        1e-6,
        out,
    )
    return grids, out


def twin(al, sg, mode, near=4):
    """The same sums over the same nodes in plain numbers, B = 0 at the first inner face."""
    grids, ratio, log_a, depth, q = power_line(al, sg)
    w = grids.width[:, None] * gauss()[1]
    total = (ratio[0] * w).sum(axis=1)
    ends = np.concatenate([[0], np.cumsum(total)])
    ends -= ends[grids.first[1]]
    B = ends[:-1, None] + grids.width[:, None] * (ratio[0] @ gauss()[2].T)
    m, s = np.exp(B - log_a[0]), np.exp(-B)
    tail = {
        0: (np.exp(ends[0]) * depth[0] ** (1 - q), np.exp(-ends[0]) * depth[0], al, sg, 0.0),
        N - 1: (
            np.exp(ends[-1]) * depth[1] / (1 - depth[1]) ** q,
            np.exp(-ends[-1]) * depth[1],
            1,
            1,
            1.0,
        ),
    }
    mass, up, down, place = np.empty(N), np.empty(N), np.empty(N), np.empty(N)
    from_wall = 0.0
    for c in range(N):
        r = slice(grids.first[c], grids.first[c + 1])
        beyond = tail[c][0] / tail[c][2] if c in tail else 0.0
        mass[c] = (m[r] * w[r]).sum() + beyond
        inner = grids.width[r][:, None] * (m[r] @ gauss()[2].T)
        q_panel = (m[r] * w[r]).sum(axis=1)
        below = inner + np.concatenate([[0], np.cumsum(q_panel)[:-1]])[:, None]
        below = (below + beyond * (c == 0)) / mass[c]
        above = 1 - below
        plus = minus = np.ones(below.shape)
        if mode == kernels.SHAPED and c < near:
            base = from_wall / mass[c]
            minus = (base + below) / base if base else minus
            plus = (base + below) / (base + 1) if c < near - 1 else plus
            from_wall += mass[c]
        place[c] = (m[r] * w[r] * grids.x[r]).sum() / mass[c]
        up[c] = (s[r] * w[r] * below * plus).sum()
        down[c] = (s[r] * w[r] * above * minus).sum()
        if c in tail:
            md, sd, alpha, sigma, wall = tail[c]
            k = 2 if mode == kernels.SHAPED and c == 0 else 1
            inward = sd * (md / alpha / mass[c]) ** k / (sigma + k * alpha)
            open_share = 1 / sigma - md / alpha / mass[c] / (sigma + alpha) if sigma > 0 else np.inf
            reach = sd * open_share
            up[c] += inward if c == 0 else reach
            down[c] += reach if c == 0 else inward
            side = 1 if c == 0 else -1
            far = wall + side * depth[int(c > 0)] * alpha / (alpha + 1)
            place[c] += beyond * far / mass[c]
    place[near:-near] = np.nan  # told near walls only
    return mass, up, down, place


@pytest.mark.parametrize("mode", [kernels.PLAIN, kernels.SHAPED])
@pytest.mark.parametrize(("al", "sg"), [(0.1, 0.9), (0.6, 0.4), (2.0, -1.0), (1.0, 1.0)])
def test_against_the_twin(al, sg, mode):
    _, (mass, up, down, _, place, turn) = run(al, sg, mode)
    expected = twin(al, sg, mode)
    np.testing.assert_allclose(np.exp(mass[0]), expected[0], rtol=1e-11)
    np.testing.assert_allclose(np.exp(up[0]), expected[1], rtol=1e-7)
    # The twin forms 1 - mu, which loses digits where mu is close to one.
    np.testing.assert_allclose(np.exp(down[0, 1:]), expected[2][1:], rtol=1e-7)
    np.testing.assert_allclose(place[0], expected[3], rtol=1e-11)
    assert np.isfinite(turn).all()


@pytest.mark.parametrize(("al", "sg"), [(0.1, 0.9), (0.6, 0.4)])
def test_against_quadrature(al, sg):
    """M, r+ and r- of the first two cells by adaptive quadrature, B = 0 at x = 0.1."""
    _, (mass, up, down, *_) = run(al, sg, kernels.PLAIN)
    scale = np.exp(0.1) * 0.1 ** (sg - 1)  # of m, with B = 0 there

    def s(x):
        return x ** (sg - 1) * np.exp(x) / scale

    def below(x):
        return scale * gamma(al) * gammainc(al, x)

    def integral(u, lo, hi, power):  # of a singular function, by x = y^power
        ends = lo ** (1 / power), hi ** (1 / power)
        return quad(lambda y: u(y**power) * power * y ** (power - 1), *ends, epsrel=1e-12)[0]

    for c in (0, 1):
        lo, hi = 0.1 * c, 0.1 * (c + 1)
        M = below(hi) - below(lo)
        assert np.exp(mass[0, c]) == pytest.approx(M, rel=1e-6)
        plus = integral(lambda y, M=M, lo=lo: s(y) * (below(y) - below(lo)) / M, lo, hi, 4)
        minus = integral(lambda y, M=M, hi=hi: s(y) * (below(hi) - below(y)) / M, lo, hi, 2 / sg)
        assert np.exp(up[0, c]) == pytest.approx(plus, rel=1e-6)
        assert np.exp(down[0, c]) == pytest.approx(minus, rel=1e-6)


@pytest.mark.parametrize(("al", "sg"), [(0.1, 0.9), (-0.4, 1.4), (1e-9, 1.0)])
def test_absorbing_walls_against_quadrature(al, sg):
    """N and N2 of u = S - S_w are finite also where the mass is not."""
    _, (mass, up, _, leave, place, _) = run(al, sg, kernels.ABSORBING)
    scale = np.exp(0.1) * 0.1 ** (sg - 1)

    def S(x):
        return quad(lambda y: y ** (sg - 1) * np.exp(y), 0, x)[0] / scale

    def m(x):
        return scale * x ** (al - 1) * np.exp(-x)

    N1 = quad(lambda x: m(x) * S(x), 0, 0.1)[0]
    N2 = quad(lambda x: m(x) * S(x) ** 2, 0, 0.1)[0]
    first = quad(lambda x: x * m(x) * S(x), 0, 0.1)[0]
    assert np.exp(leave[0, 0]) == pytest.approx(1 / N1, rel=1e-5)
    assert np.exp(mass[0, 0]) == pytest.approx(N1**2 / N2, rel=1e-5)
    assert np.exp(up[0, 0]) == pytest.approx(S(0.1) - N2 / N1, rel=1e-5)
    assert place[0, 0] == pytest.approx(first / N1, rel=1e-5)


def test_a_closed_wall_has_infinite_mass_and_the_others_are_as_before():
    _, closed = run(-0.5, 1.5, kernels.CLOSED)
    _, absorbing = run(-0.5, 1.5, kernels.ABSORBING)
    assert closed[0][0, 0] == np.inf
    np.testing.assert_array_equal(closed[0][0, 1:], absorbing[0][0, 1:])
    np.testing.assert_array_equal(closed[1][0, 1:], absorbing[1][0, 1:])


def test_logs_hold_where_numbers_do_not():
    """B = 1e6 (x - 1/2): masses from e^-5e5 to e^5e5, and every resistance finite."""
    faces = np.linspace(0, 1, N + 1)
    parts = np.full(panels(faces, DEPTHS, (False, False)).width.size, 32)
    grids = panels(faces, DEPTHS, (False, False), parts)
    ratio, log_a = np.full((1, *grids.x.shape), 1e6), np.zeros((1, *grids.x.shape))
    out = tuple(np.zeros(s) for s in [(1, N)] * 3 + [(1, 2), (1, N), (1,)])
    ones, rule = np.ones((1, 2)), (grids.width, gauss()[2], gauss()[1])
    kernels.walled_lines(
        ratio,
        log_a,
        grids.x,
        rule,
        grids.first,
        2,
        np.zeros((1, 2), int),
        (ones, ones, ones),
        np.ones(2),
        np.array([0.0, 1.0]),
        1e-6,
        out,
    )
    assert all(np.isfinite(a).all() for a in out[:3])
    assert out[5][0] == pytest.approx(1e6)
    np.testing.assert_allclose(np.diff(out[0][0]), 1e5, rtol=1e-9)
