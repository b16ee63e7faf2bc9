"""Slow eigenvalues below the rounding of a solver, against many digits."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.modes.well_chain import SmallChain, small_modes, solve_dense
from fokkerplanck.modes.well_modes import check_count, count_below
from tests.modes.exact_chain import decays_of_a_line, exact_matrix, refined


def double_well(beta, n=40, **words):
    return fp.Problem(
        fp.Grid([(-1.6, 1.6)], n), f=lambda x: 2 * (x**2 - 1) ** 2 + 0.5 * x, beta=beta, **words
    )


@pytest.mark.parametrize(
    ("beta", "slow"),
    [(20, 1.06248e-13), (60, 4.46139e-40), (100, 2.11031e-66), (200, 3.92774e-132)],
)
def test_two_wells_of_unequal_depth(beta, slow):
    """None is missing either, though one well holds e^-beta of the mass of the other."""
    generator = fp.Generator(double_well(beta))
    exact = decays_of_a_line(generator, 6)
    assert exact[1] == pytest.approx(slow, rel=1e-5)
    modes = fp.spectrum(generator, 6)
    np.testing.assert_allclose(modes.decay, exact, rtol=1e-11)
    assert abs(modes.decay[1] / exact[1] - 1) < 1e-13
    # Left modes hold everywhere: constant in a well, to the digits of the rate.
    u = modes.left[1]
    A = generator.matrix
    assert np.abs(A.T @ u - modes.eigenvalues[1] * u).max() < 1e-12 * A.max() * np.abs(u).max()
    weights = modes.right[0] * modes.grid.volume
    gram = np.einsum("in,n,jn->ij", modes.left, weights, modes.left)
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-8)


@pytest.mark.parametrize("depths", [(1, 1, 1), (1, 0.6, 0.8), (1, 0.9, 0.5, 0.8), (0.7, 1, 1, 0.7)])
def test_three_and_four_wells(depths):
    """On a line, between saddles of one height; some are equal, so that rates come in pairs."""
    m = len(depths)
    x = np.linspace(0, m, 12 * m + 1)
    centers = 0.5 * (x[1:] + x[:-1])
    depth = np.asarray(depths)[np.minimum(centers.astype(int), m - 1)]
    f = -depth * np.sin(np.pi * centers) ** 2
    problem = fp.Problem(fp.Grid([x]), f=f, beta=90)
    generator = fp.Generator(problem)
    exact = decays_of_a_line(generator, m + 2)
    assert (exact[1:m] < 1e-12).all()
    assert exact[m] > 1e-3
    modes = fp.spectrum(generator, m + 2)
    np.testing.assert_allclose(modes.decay, exact, rtol=1e-11)
    weights = modes.right[0] * modes.grid.volume
    gram = np.einsum("in,n,jn->ij", modes.left, weights, modes.left)
    np.testing.assert_allclose(gram, np.eye(m + 2), atol=1e-7)


def test_the_plane_has_the_sums_of_the_rates_of_its_lines():
    one = fp.Problem(fp.Grid([(-1.6, 1.6)], 24), f=lambda x: 2 * (x**2 - 1) ** 2 + 0.5 * x, beta=60)
    other = fp.Problem(fp.Grid([(-1.5, 1.5)], 24), f=lambda y: (y**2 - 1) ** 2 + 0.1 * y, beta=60)
    grid = fp.Grid([(-1.6, 1.6), (-1.5, 1.5)], 24)
    plane = fp.Problem(
        grid, f=lambda x, y: 2 * (x**2 - 1) ** 2 + 0.5 * x + (y**2 - 1) ** 2 + 0.1 * y, beta=60
    )
    lines = [decays_of_a_line(fp.Generator(line), 8) for line in (one, other)]
    exact = np.sort(np.add.outer(*lines).ravel())[:6]
    assert exact[1] < exact[2] < 1e-15  # all four wells
    assert exact[3] < 1e-15
    np.testing.assert_allclose(fp.spectrum(plane, 6).decay, exact, rtol=1e-10)


@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_a_ring_of_three_wells_turns_as_slowly_as_it_relaxes(tilt):
    """Not in detailed balance: a slow pair of complex eigenvalues."""
    n, beta = 27, 12.0
    grid = fp.Grid([(0, 2 * np.pi)], n, sides="periodic")
    problem = fp.Problem(grid, drift=lambda x: tilt + 6 * np.sin(3 * x), beta=beta)
    generator = fp.Generator(problem)
    modes = fp.spectrum(generator, 3)
    assert modes.decay[1] < 1e-12
    with mpmath.workdps(60):
        exact = complex(refined(exact_matrix(generator), guess_of_a_ring(generator, modes)))
    pair = np.array([exact.conjugate(), exact])  # that which turns forwards comes first
    assert np.abs(-modes.eigenvalues[1:] - (pair if tilt else pair.real)).max() < 1e-11 * abs(exact)
    if tilt:
        assert modes.frequency[1] > 0.1 * modes.decay[1]
        assert modes.residuals.max() < 1e-12


def guess_of_a_ring(generator, modes):
    """A start for the refinement that is off by a percent: it finds the eigenvalue by itself."""
    return mpmath.mpc(complex(-modes.eigenvalues[1]).conjugate()) * mpmath.mpf("1.01")


def test_wells_of_a_plane_that_circulates():
    grid = fp.Grid([(-1.6, 1.6), (-1, 1)], (9, 5))
    problem = fp.Problem(
        grid, drift=lambda x, y: (8 * (x - x**3) - 1 - 2 * y, -6 * y + 2 * x), beta=70
    )
    generator = fp.Generator(problem)
    modes = fp.spectrum(generator, 3)
    assert not modes.is_reversible
    assert modes.decay[1] < 1e-9
    with mpmath.workdps(60):
        exact = float(refined(exact_matrix(generator), 1.01 * modes.decay[1]))
    assert abs(modes.decay[1] / exact - 1) < 1e-11
    # Left and right modes pair.
    weights = grid.volume
    gram = np.einsum("ixy,jxy->ij", modes.left, modes.right * weights)
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-8)


@pytest.mark.parametrize("sides", ["absorbing", ["reflecting"], [("absorbing", "reflecting")]])
def test_open_boxes(sides):
    f = lambda x: 30 * (x**2 - 1) ** 2 + 8 * x  # noqa: E731
    problem = fp.Problem(fp.Grid([(-1.9, 1.9)], 44, sides=sides), f=f)
    generator = fp.Generator(problem)
    exact = decays_of_a_line(generator, 4)
    np.testing.assert_allclose(fp.spectrum(generator, 4).decay, exact, rtol=1e-10, atol=0)


def test_what_double_precision_does_not_hold_is_refused_with_the_well():
    with pytest.raises(fp.ConvergenceError, match=r"the well at .*is left at a rate of .*lower"):
        fp.spectrum(double_well(320), 3)


def graded_chain(rng, m, spread, is_reversible):
    """Random rates over so many powers of ten, and times close to a diagonal."""
    log_mass = np.log(10) * spread * rng.random(m) / 2
    height = spread * (0.5 + rng.random((m, m)))
    height = 0.5 * (height + height.T)
    rates = 10.0**-height * np.exp(-log_mass)[:, None]
    if not is_reversible:
        rates *= np.exp(rng.standard_normal((m, m)))
    np.fill_diagonal(rates, 0)
    return SmallChain(rates, np.zeros(m), np.eye(m), np.zeros((m, m))), log_mass


@pytest.mark.parametrize("is_reversible", [True, False])
@pytest.mark.parametrize("spread", [3, 30])
def test_small_chains_of_any_grading(is_reversible, spread, rng):
    chain, log_mass = graded_chain(rng, 6, spread, is_reversible)
    found = small_modes(chain, log_mass, is_reversible).values
    with mpmath.workdps(200):
        S = mpmath.matrix(6, 6)
        for i in range(6):
            for j in range(6):
                if i != j:
                    S[i, j] = -mpmath.mpf(float(chain.rates[i, j]))
            S[i, i] = -mpmath.fsum(S[i, j] for j in range(6) if j != i)
        exact = np.array(sorted([complex(v) for v in mpmath.eig(S)[0]], key=lambda v: v.real))
    np.testing.assert_allclose(found[1:].real, exact[1:].real, rtol=1e-10)


def test_dense_elimination_keeps_every_entry(rng):
    n = 7
    rates = 10.0 ** (-40 * rng.random((n, n)))
    kill = np.zeros(n)
    kill[2] = 1e-60
    b = rng.random((n, 3))
    x = solve_dense(rates, kill, b)
    with mpmath.workdps(150):
        M = mpmath.matrix(n, n)
        for i in range(n):
            for j in range(n):
                if i != j:
                    M[i, j] = -mpmath.mpf(float(rates[i, j]))
            M[i, i] = mpmath.mpf(float(kill[i])) - mpmath.fsum(M[i, j] for j in range(n) if j != i)
        for k in range(3):
            exact = mpmath.lu_solve(M, mpmath.matrix([mpmath.mpf(float(v)) for v in b[:, k]]))
            assert max(abs(x[i, k] / exact[i] - 1) for i in range(n)) < 1e-14


def test_a_missing_mode_is_noticed():
    generator = fp.Generator(double_well(60))
    exact = decays_of_a_line(generator, 6)
    for k, decay in enumerate(exact[2:], start=2):
        assert count_below(generator, decay * 0.999) == k
        assert count_below(generator, decay * 1.001) == k + 1
    check_count(generator, -exact)
    with pytest.raises(
        fp.ConvergenceError, match=r"4 modes decay more slowly than .*but 3 of them"
    ):
        check_count(generator, -np.delete(exact, 3)[:4])


def test_a_count_that_breaks_down_says_so():
    """Two cells of unit width: at their decay rate, 2, the shifted generator is singular."""
    generator = fp.Generator(fp.Problem(fp.Grid([(0, 2)], 2)))
    assert (count_below(generator, 1.9), count_below(generator, 2.1)) == (1, 2)
    with pytest.raises(fp.ConvergenceError, match=r"slowly than 2 could not be counted"):
        count_below(generator, 2.0)
