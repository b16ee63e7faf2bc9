"""Spectra against closed forms, and what holds for them on every grid to rounding."""

import inspect
import itertools
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.linalg import eigh, expm

import fokkerplanck as fp
from fokkerplanck import spectrum as find
from fokkerplanck import zoo
from tests.convergence.cases import sigmas
from tests.convergence.rates import assert_rate

PLANE = fp.Grid([(-3, 3), (-2, 2)], (18, 14))


def rates_of(problem, k, **words):
    """Slowest rates as complex numbers."""
    return find(problem, k, **words).eigenvalues.astype(complex)


def distance(found, exact):
    """Largest distance of two lists of eigenvalues, relative, whatever the order among equals."""
    found, exact = np.asarray(found, complex), np.asarray(exact, complex)
    best = min(np.abs(found - np.array(p)).max() for p in itertools.permutations(exact))
    return float(best / np.abs(exact).max())


def errors(build, sizes, exact):
    """Widths and distances of the slowest non-zero rates from exact ones on several grids."""
    first = 1
    h, err = [], []
    for n in sizes:
        problem = build(n)
        first = 0 if problem.grid.has_absorbing_sides else 1
        found = rates_of(problem, len(exact) + first)[first:]
        h.append(max(float(np.max(w)) for w in problem.grid.widths))
        err.append(distance(found, exact))
    return np.array(h), np.array(err)


# --- closed forms: order and cap -----------------------------------------------------------------

WELL = [-0.792088427, -1.0, -1.792088427, -2.0]
RING = {
    0.1: [-0.2798029565 + 0.1806745254j, -0.2798029565 - 0.1806745254j,
          -1.0365731793 + 0.3282404579j, -1.0365731793 - 0.3282404579j],
    0.2: [-0.5891801466 + 0.3334800733j, -0.5891801466 - 0.3334800733j],
}  # fmt: skip


def linear(exact, count):
    """Slowest eigenvalues of a linear problem, with no pair cut in two."""
    values = exact.eigenvalues
    order = np.lexsort((values.imag, np.abs(values.imag), -values.real.round(9)))
    return values[order][:count]


def ring(kT, half=2.0):
    """Ring on a box as small as its walls allow."""
    return zoo.ring(kT=kT).boxed([(-half, half)] * 2)


def neumann(n):
    """Heat in a box of sides 1 and 2."""
    return fp.Problem(fp.Grid([(0, 1), (0, 2)], n))


def torus(n):
    """Anisotropic diffusion and advection on a torus."""
    grid = fp.Grid([(0, 1), (0, 1)], n, sides="periodic")
    return fp.Problem(grid, drift=lambda x, y: (0.5 + 0 * x, 0.2 + 0 * y), D=(1.0, 0.5), beta=4.0)


def torus_rates():
    """All -kT k.Dk - i k.c, slowest four."""
    k = 2 * np.pi * np.array(list(itertools.product(range(-2, 3), repeat=2)))
    values = -0.25 * (k**2 @ [1.0, 0.5]) - 1j * k @ [0.5, 0.2]
    return values[np.argsort(-values.real, kind="stable")][1:5]


CASES = {
    "R1": (zoo.ornstein_uhlenbeck().build, (100, 200, 400), [-2.0, -4.0, -6.0], 1e-3),
    "R2": (sigmas(zoo.gyrator, 6).build, (48, 96, 192), linear(zoo.gyrator(), 4), 6e-3),
    "R3": (sigmas(zoo.spiral, 5.5).build, (40, 80, 120), linear(zoo.spiral(), 5), 6e-3),
    "R12": (zoo.jacobi().build, (50, 100, 200), zoo.jacobi().eigenvalues[:3], 2e-3),
    "E1": (zoo.example_19(lam=0.0).build, (48, 96, 192), WELL, 2e-3),
    "E3, T=.1": (ring(0.1, 1.9).build, (48, 96, 192), RING[0.1], 4e-3),
    "E3, T=.2": (ring(0.2, 2.4).build, (48, 96, 192), RING[0.2], 4e-3),
    "R18 box": (neumann, (16, 32, 64), -(np.pi**2) * np.array([0.25, 1, 1, 1.25, 2]), 2e-3),
    "R18 torus": (torus, (16, 32, 64), torus_rates(), 4e-3),
}


@pytest.mark.parametrize("code", CASES)
def test_closed_forms_are_approached_at_second_order(code):
    build, sizes, exact, cap = CASES[code]
    h, err = errors(build, sizes, exact)
    assert_rate(h, err, 2, cap)


def test_three_dimensions():
    def torus(n):
        grid = fp.Grid([(0, 1), (0, 1), (0, 1)], n, sides="periodic")
        return fp.Problem(grid, drift=lambda x, y, z: (1 + 0 * x, 0 * x, 0 * x), D=(1, 2, 3))

    exact = -4 * np.pi**2 + 2j * np.pi * np.array([1, -1])
    assert_rate(*errors(torus, (8, 12, 16), exact), 2, 0.02)
    # A spiral is not in its range of second order on grids as small as these: extrapolate.
    exact = sigmas(zoo.spiral_3d, 4.5)
    coarse, fine = (rates_of(exact.build(n), 4)[1:] for n in (16, 24))
    best = fine + (fine - coarse) / (1.5**2 - 1)
    assert distance(best, linear(exact, 3)) < 5e-3


def test_absorbing_box_and_the_quasi_stationary_state():
    def build(n):
        return fp.Problem(fp.Grid([(0, 1), (0, 2)], n, sides="absorbing"))

    exact = -(np.pi**2) * np.array([1.25, 2.0, 3.25, 4.25])
    assert_rate(*errors(build, (16, 32, 64), exact), 2, 4e-3)
    grid = fp.Grid([(-1, 1), (-1, 1)], 24, sides=[("absorbing", "reflecting"), "reflecting"])
    problem = fp.Problem(grid, drift=lambda x, y: (-x - 3 * y, 2 * x - y))
    modes, state = find(problem, 3), fp.quasi_stationary(problem)
    assert not modes.is_reversible
    assert modes.gap == pytest.approx(state.decay_rate, rel=1e-12)
    shape = modes.right[0].real / grid.integrate(modes.right[0].real)
    assert np.abs(shape - state.rho).max() < 1e-11


@pytest.mark.parametrize(("q", "gap"), [(0, 1.0), (1, 2.2984379), (2, 5.5), (3, 5.5)])
def test_circulation_widens_the_gap_up_to_half_the_trace(q, gap):
    """Lelievre, Nier, Pavliotis: gap of (D + Q) U, never above tr(D U) / d."""
    F = np.array([[1.0, 10.0 * q], [-float(q), 10.0]])

    def build(n):
        grid = fp.Grid([(-5, 5), (-1.6, 1.6)], n)
        return fp.Problem(grid, drift=lambda x, y: -np.tensordot(F, np.stack([x, y]), axes=1))

    found = np.array([find(build(n), 3).gap for n in (32, 64, 128)])
    assert_rate(1 / np.array([32, 64, 128]), np.abs(found / gap - 1), 2, 0.03)
    assert found[-1] < 5.5 * 1.001


@pytest.mark.parametrize(
    ("beta", "gap"),
    [(5, 0.1347783), (10, 0.03354557), (20, 0.0027762011), (40, 1.9590231e-5)],
)
def test_metastable_gaps(beta, gap):
    def build(n):
        return fp.Problem(fp.Grid([(-2, 2)], n), f=lambda x: (x**2 - 1) ** 2 / 4, beta=beta)

    found = np.array([find(build(n), 2).gap for n in (100, 200, 400)])
    assert_rate(1 / np.array([100, 200, 400]), np.abs(found / gap - 1), 2, 5e-4)


# --- truths of the discrete chain, to rounding ---------------------------------------------------

RANDOM = {
    "loss": fp.Problem(PLANE, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2, beta=3.0),
    "stirred": fp.Problem(
        PLANE, drift=lambda x, y: (x - x**3 - y, x**3 - x - y), D=(1.0, 0.4), beta=3.0
    ),
    "tensor": fp.Problem(
        PLANE, drift=lambda x, y: (-x - 2 * y, x - y), D=[[1, 0.6], [0.6, 0.8]]
    ),
    "graded": fp.Problem(
        fp.Grid([np.linspace(0, 1, 17) ** 2 * 3, (0, 2)], (16, 12)),
        drift=lambda x, y: (1 - x - y, x - y),
    ),
    "torus": fp.Problem(
        fp.Grid([(0, 1), (0, 1)], 14, sides="periodic"),
        drift=lambda x, y: (np.sin(2 * np.pi * y) + 1, np.sin(2 * np.pi * x)),
        beta=5.0,
    ),
    "absorbing": fp.Problem(
        fp.Grid([(-1, 1), (-1, 1)], 14, sides=["absorbing", "reflecting"]),
        drift=lambda x, y: (-x - y, x - y),
    ),
    "momentum": zoo.langevin().build(16),
    "space": fp.Problem(
        fp.Grid([(-2, 2)] * 3, 6), drift=lambda x, y, z: (-x - y, x - y + z, -z - x)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("k", [1, 2, 7])
def test_modes_of_the_matrix_and_of_its_transpose(name, k):
    problem = RANDOM[name]
    modes = find(problem, k, tol=1e-13, scheme="markov")
    A = fp.Generator(problem).matrix
    volume = problem.grid.volumes
    U = modes.left.reshape(k, -1)
    P = (modes.right * volume).reshape(k, -1)
    size = abs(A).max()
    left = np.abs(A.T @ U.T - U.T * modes.eigenvalues).max(axis=0) / np.abs(U).max(axis=1)
    right = np.abs(A @ P.T - P.T * modes.eigenvalues).max(axis=0) / np.abs(P).max(axis=1)
    assert left.max() < 1e-9 * size  # in tails of e^-50, too
    assert right.max() < 5e-12 * size
    assert np.abs(U @ P.T - np.eye(k)).max() < 1e-11
    assert modes.residuals.max() < 1e-12
    assert modes.condition.min() > 1 - 1e-12
    # The spectrum of the dense matrix, slowest first, holds the same and nothing slower.
    dense = np.linalg.eigvals(A.toarray())
    dense = dense[np.argsort(-dense.real)]
    np.testing.assert_allclose(modes.decay, -dense.real[:k], atol=1e-10 * size)
    for value in modes.eigenvalues:
        assert np.abs(dense - value).min() < 1e-10 * size


@pytest.mark.parametrize("name", ["loss", "stirred", "torus"])
def test_mode_zero_is_the_steady_state_and_the_constant(name):
    problem = RANDOM[name]
    modes = find(problem, 3)
    steady = fp.steady_state(problem, scheme="markov")
    assert modes.eigenvalues[0] == 0
    assert modes.condition[0] == pytest.approx(1, rel=1e-12)
    np.testing.assert_array_equal(modes.left[0], 1.0)
    np.testing.assert_allclose(modes.right[0].real, steady.rho, rtol=1e-11)
    assert np.abs(problem.grid.integrate(modes.right[1:])).max() < 1e-12


def test_reversible_modes_are_one_and_the_same():
    problem = RANDOM["loss"]
    modes = find(problem, 6)
    assert modes.is_reversible
    assert modes.eigenvalues.dtype == modes.left.dtype == modes.right.dtype == float
    np.testing.assert_allclose(modes.right, modes.right[0] * modes.left, rtol=1e-12, atol=1e-300)
    np.testing.assert_array_equal(modes.condition.round(12), 1.0)
    np.testing.assert_array_equal(modes.frequency, 0.0)
    np.testing.assert_array_equal(modes.period, np.inf)
    assert modes.relaxation_time == 1 / modes.gap == 1 / modes.decay[1]


def symmetrised(problem):
    """sqrt(A_ik A_ki) off the diagonal, which has the eigenvalues of A in detailed balance."""
    A = fp.Generator(problem).matrix.toarray()
    return np.sqrt(np.where(np.eye(len(A)) > 0, 0, A * A.T)) + np.diag(np.diag(A))


@pytest.mark.parametrize("name", ["loss", "stirred", "tensor"])
def test_symmetrising_is_for_detailed_balance_alone(name):
    problem = RANDOM[name]
    modes = find(problem, 6)
    values = eigh(symmetrised(problem), eigvals_only=True)[::-1][:6]
    defect = np.abs(values - modes.eigenvalues).max()
    if name == "loss":
        assert defect < 1e-11
    else:  # what the test above would not have noticed otherwise
        assert not modes.is_reversible
        assert defect > 0.1


def test_complex_pairs_follow_each_other_and_turn():
    modes = find(zoo.spiral().build(40), 6)
    assert modes.eigenvalues.dtype == complex
    rates = modes.eigenvalues
    turning = np.flatnonzero(rates.imag > 0)
    assert turning.size >= 2
    for i in turning:
        assert rates[i + 1] == rates[i].conjugate()
        np.testing.assert_array_equal(modes.left[i + 1], modes.left[i].conj())
    np.testing.assert_allclose(modes.period[turning], 2 * np.pi / rates[turning].imag)
    assert (np.diff(modes.decay) >= -1e-12).all()


def test_a_pair_that_is_cut_in_two_is_said():
    problem = zoo.spiral().build(24)
    assert "ask for one more" in find(problem, 2).stats.message
    assert "ask for one more" not in find(problem, 3).stats.message


def test_slow_turning_modes_are_found_however_fast_they_turn():
    """Limit cycle: modes n turn n times as fast, but decay more slowly than the radius."""
    modes = find(zoo.stuart_landau(kT=0.05).build(48), 7)
    np.testing.assert_allclose(modes.frequency[1::2], 1.5 * np.array([1, 2, 3]), rtol=0.05)
    dense = np.linalg.eigvals(fp.Generator(zoo.stuart_landau(kT=0.05).build(24)).matrix.toarray())
    dense = np.sort(-dense.real)[:7]
    few = find(zoo.stuart_landau(kT=0.05).build(24), 7)
    np.testing.assert_allclose(few.decay, dense, atol=1e-9)


@pytest.mark.parametrize(("dim", "sides", "k"), [(3, "reflecting", 8), (2, "periodic", 9)])
def test_multiple_eigenvalues_are_found_as_often_as_they_are(dim, sides, k):
    problem = fp.Problem(fp.Grid([(0, 1)] * dim, 6 if dim == 3 else 12, sides=sides))
    A = fp.Generator(problem).matrix.toarray()
    exact = np.sort(-np.linalg.eigvalsh((A + A.T) / 2))[:k]
    assert np.unique(exact.round(6)).size < k - 3
    np.testing.assert_allclose(find(problem, k).decay, exact, atol=1e-9)


def test_all_modes_but_two_rebuild_the_evolution():
    """p(t) is the sum of the modes; those left out have died out by then."""
    grid = fp.Grid([(-2, 2)], 12)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, beta=2.0)
    modes = find(problem, 10)
    rho0 = fp.gaussian(grid, 1.0, 0.1)
    t = 1.5
    rebuilt = np.einsum(
        "k,k,k...->...", modes.coefficients(rho0), np.exp(modes.eigenvalues * t), modes.right
    )
    exact = expm(t * fp.Generator(problem).matrix.toarray()) @ rho0
    left_out = np.exp(-t * modes.decay[-1]) * rho0.max() * 10
    assert left_out < 1e-6
    assert np.abs(rebuilt - exact).max() < left_out


def test_complex_modes_rebuild_the_evolution_too():
    problem = zoo.spiral().build(32)
    grid = problem.grid
    modes = find(problem, 10, scheme="markov")  # as that of solve
    rho0 = fp.gaussian(grid, (0.3, 0.2), 0.05)
    rho = fp.solve(fp.Generator(problem), rho0, [0, 2.5]).rho[-1]
    part = modes.coefficients(rho0) * np.exp(2.5 * modes.eigenvalues)
    rebuilt = np.einsum("k,k...->...", part, modes.right)
    assert np.abs(rebuilt.imag).max() < 1e-12
    assert grid.integrate(np.abs(rebuilt.real - rho)) < 3e-3
    # Of the steady state alone the distance is far larger.
    assert grid.integrate(np.abs(modes.right[0].real - rho)) > 0.1


# --- tiny rates ----------------------------------------------------------------------------------


def decimal_gap(problem, steps=12, digits=80):
    """Slowest non-zero rate by inverse iteration with many digits, two-sided; small grids."""
    A = fp.Generator(problem).matrix.toarray()
    n = len(A)
    with localcontext() as context:
        context.prec = digits
        exact = np.array([[Decimal(float(a)) for a in row] for row in A], dtype=object)
        for i in range(n):
            exact[i, i] = Decimal(0)
        for i in range(n):
            exact[i, i] = -sum(exact[:, i])
        shift = Decimal("1e-30")
        M = np.array([[shift if i == j else Decimal(0) for j in range(n)] for i in range(n)])
        factor = _lu(M - exact)
        pi = _solve(factor, np.array([Decimal(1)] * n))
        for _ in range(2):
            pi = _solve(factor, pi / sum(pi))
        pi = pi / sum(pi)
        x = problem.grid.x[0].ravel()
        u = np.array([Decimal(float(a)) for a in x])
        p = pi * u
        for _ in range(steps):
            u = u - sum(pi * u)
            p = p - pi * sum(p)
            u = _solve_transposed(factor, u)
            p = _solve(factor, p)
            u, p = u / max(abs(u)), p / sum(abs(p))
        u = u - sum(pi * u)
        p = p - pi * sum(p)
        return float(-(u @ (exact @ p)) / (u @ p))


def _lu(M):
    """LU factors without pivoting, in place."""
    M = M.copy()
    for i in range(len(M)):
        rows = [k for k in range(i + 1, len(M)) if M[k, i] != 0]
        for k in rows:
            M[k, i] = M[k, i] / M[i, i]
            M[k, i + 1 :] = M[k, i + 1 :] - M[k, i] * M[i, i + 1 :]
    return M


def _solve(M, b):
    x, n = b.copy(), len(b)
    for i in range(n):
        x[i] = x[i] - M[i, :i] @ x[:i] if i else x[i]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - (M[i, i + 1 :] @ x[i + 1 :] if i < n - 1 else 0)) / M[i, i]
    return x


def _solve_transposed(M, b):
    x, n = b.copy(), len(b)
    for i in range(n):
        x[i] = (x[i] - (M[:i, i] @ x[:i] if i else 0)) / M[i, i]
    for i in range(n - 1, -1, -1):
        x[i] = x[i] - M[i + 1 :, i] @ x[i + 1 :] if i < n - 1 else x[i]
    return x


def stirred_wells(n, beta, stirring):
    """Double well with a circulation along the level sets of its potential (C3 repaired)."""
    grid = fp.Grid([(-1.6, 1.6), (-1.2, 1.2)], n)

    def drift(x, y):
        return x - x**3 - stirring * y, stirring * (x**3 - x) - y

    return fp.Problem(grid, drift=drift, beta=beta)


@pytest.mark.parametrize("beta", [40.0, 90.0, 160.0])
def test_tiny_gap_of_a_reversible_chain_to_nine_digits(beta):
    problem = fp.Problem(fp.Grid([(-1.6, 1.6)], 40), f=lambda x: (x**2 - 1) ** 2 / 4, beta=beta)
    gap = find(problem, 3).gap
    exact = decimal_gap(problem)
    assert gap == pytest.approx(exact, rel=1e-9)
    if beta == 160:
        assert exact < 1e-16
        # A dense solver is right to rounding of the largest rate only.
        A = fp.Generator(problem).matrix.toarray()
        assert abs(np.sort(-np.linalg.eigvals(A).real)[1] / exact - 1) > 1e-3


@pytest.mark.parametrize(("beta", "stirring"), [(120.0, 0.7), (160.0, 0.3), (160.0, 1.0)])
def test_tiny_gap_of_stirred_wells_to_nine_digits(beta, stirring):
    problem = stirred_wells((14, 9), beta, stirring)
    modes = find(problem, 3, scheme="markov")
    assert not modes.is_reversible
    exact = decimal_gap(problem)
    assert exact < 1e-5
    assert modes.gap == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("drift", [False, True])
def test_rates_far_apart(drift):
    """Barriers of 10, 20 and 30 kT: three rates, each some 1e-4 of the next."""
    grid = fp.Grid([(0, 3), (0, 0.2)], (72, 2))
    x, _ = grid.x
    U = (10 + 10 * np.floor(x)) * np.sin(np.pi * x) ** 2 + 0.3 * x
    words = {"f": U}
    if drift:  # the same forces, and a little stirring, whose chain is not in detailed balance
        slope = (10 + 10 * np.floor(x)) * np.pi * np.sin(2 * np.pi * x) + 0.3
        words = {"drift": np.stack([-slope, np.sin(7 * x)])}
    problem = fp.Problem(grid, **words)
    modes = find(problem, 5, scheme="markov")
    assert modes.is_reversible is not drift
    assert modes.decay[1] < 1e-3 * modes.decay[2] < 1e-6 * modes.decay[3] < 1e-9 * modes.decay[4]
    assert modes.gap == pytest.approx(decimal_gap(problem, 30), rel=1e-9)
    dense = np.sort(-np.linalg.eigvals(fp.Generator(problem).matrix.toarray()).real)
    np.testing.assert_allclose(modes.decay[3:], dense[3:5], rtol=1e-6)


def test_left_modes_hold_in_tails_that_no_one_visits():
    """Hermite polynomials out to 20 standard deviations, where the density is e^-200."""
    grid = fp.Grid([(-20, 20)], 800)
    modes = find(fp.Problem(grid, f=lambda x: x**2 / 2), 4)
    x = grid.x[0]
    assert "tails" in modes.stats.message
    for k, exact in ((1, x), (2, (x**2 - 1) / np.sqrt(2))):
        np.testing.assert_allclose(modes.left[k], exact, atol=3e-3 * np.abs(exact).max())


# --- the door, and what is said when it does not work --------------------------------------------

SMALL = fp.Problem(fp.Grid([(0, 1)], 8), f=lambda x: x)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((fp.Grid([(0, 1)], 8), 2), "received Grid"),
        ((None, 2), "received NoneType; give a Problem"),
        ((SMALL, 0), r"k is 0; give a whole number of modes from 1 to 6"),
        ((SMALL, -1), r"k is -1; give"),
        ((SMALL, 7), r"k is 7; give a whole number of modes from 1 to 6"),
        ((SMALL, 2.0), r"k is 2.0; give"),
        ((SMALL, np.nan), r"k is nan; give"),
        ((SMALL, True), r"k is True; give"),
        ((SMALL, "all"), r"k is 'all'; give"),
        ((SMALL, 2, 0.0), r"tol is 0.0; give a finite positive"),
        ((SMALL, 2, np.nan), r"tol is nan; give a finite positive"),
        ((SMALL, 2, 1e-9, "magic"), r"solver is 'magic'; choose from direct"),
        ((SMALL, 2, 1e-9, 3), r"solver is 3; choose from direct"),
        ((SMALL, 2, 1e-9, None, 0), r"max_solves is 0; give a whole number"),
        ((SMALL, 2, 1e-9, None, 1.5), r"max_solves is 1.5; give a whole number"),
    ],
)
def test_wrong_calls(arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        find(*arguments)
    assert not str(caught.value).endswith(".")


def test_two_steady_states_are_refused():
    problem = fp.Problem(fp.Grid([(-1, 1)], 20), D=lambda x: 1.0 * (np.abs(x) > 0.3))
    with pytest.raises(ValueError, match="not unique"):
        find(problem, 3)


def test_what_has_converged_is_handed_over():
    with pytest.raises(fp.ConvergenceError, match="raise max_solves") as caught:
        find(RANDOM["loss"], 6, max_solves=14)
    found = find(RANDOM["loss"], 6).eigenvalues[1:]
    assert 1 <= len(caught.value.iterate) < 5
    np.testing.assert_allclose(caught.value.iterate[0], found[0], rtol=1e-9)
    assert caught.value.residual > 1e-11


def test_defective_eigenvalues_are_refused():
    """Drift without noise is upwinded: a triangular matrix with equal entries on its diagonal."""

    def D(x):
        return 1.0 * (x < 0.2)

    grid = fp.Grid([(0, 1)], 40)
    problem = fp.Problem(grid, drift=lambda x: -1.0 + 0 * x, D=D, beta=0.1)
    with pytest.raises(fp.ConvergenceError, match="defective"):
        find(problem, 30, scheme="markov")


def test_wrong_densities_are_refused():
    modes = find(SMALL, 2)
    with pytest.raises(ValueError, match="mass 2"):
        modes.coefficients(2 * fp.uniform(modes.grid))
    with pytest.raises(ValueError, match="shape"):
        modes.coefficients(np.ones(3))


def test_results_are_read_only_and_print_as_a_table():
    modes = find(SMALL, 3)
    for name in ("eigenvalues", "right", "left", "condition", "residuals"):
        assert not getattr(modes, name).flags.writeable
    lines = repr(modes).splitlines()
    assert len(lines) == len(modes) + 2
    assert "reversible" in lines[0]
    assert np.isnan(find(SMALL, 1).gap)


def test_the_same_twice_to_the_last_bit():
    one, two = (find(RANDOM["stirred"], 5) for _ in range(2))
    np.testing.assert_array_equal(one.eigenvalues, two.eigenvalues)
    np.testing.assert_array_equal(one.right, two.right)


def test_a_generator_will_do_even_of_edges_alone():
    problem = RANDOM["stirred"]
    edges = fp.Edges.from_problem(problem)
    ours, same, alone = (find(p, 3) for p in (problem, fp.Generator(problem), fp.Generator(edges)))
    for other in (same, alone):
        np.testing.assert_array_equal(other.eigenvalues, ours.eigenvalues)
        np.testing.assert_array_equal(other.left, ours.left)
        assert not other.right.flags.writeable


def test_another_solver_may_stand_in(monkeypatch):
    """Whatever solves with s - A and its transpose will do."""

    class Dense:
        name, n_fill = "dense", 0

        def __init__(self, generator, log_mass, shift):
            assert log_mass.shape == (generator.grid.size,)
            self.shift, self.n_solves = shift, 0
            self.matrix = shift * np.eye(generator.grid.size) - generator.matrix.toarray()

        def solve(self, b):
            return np.linalg.solve(self.matrix, b)

        def solve_transposed(self, b):
            return np.linalg.solve(self.matrix.T, b)

    monkeypatch.setitem(inspect.unwrap(find).__globals__["SOLVERS"], "dense", Dense)
    ours = find(RANDOM["stirred"], 4)
    other = find(RANDOM["stirred"], 4, solver="dense")
    assert other.stats.solver == "dense"
    np.testing.assert_allclose(ours.eigenvalues, other.eigenvalues, rtol=1e-10, atol=1e-12)


def test_axes_of_two_cells():
    """Squares are constant there, and say nothing about rates."""
    grid = fp.Grid([(0, 1), (0, 1)], (2, 3))
    modes = fp.spectrum(fp.Problem(grid, drift=np.zeros((2, 2, 3))), 2, scheme="markov")
    np.testing.assert_allclose(modes.decay, [0, 8], atol=1e-13)
