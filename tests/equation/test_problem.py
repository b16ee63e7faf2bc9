"""Problems: what is found from what was given, inverse design, and the generators they lead to."""

import numpy as np
import pytest

from fokkerplanck import Generator, steady_state
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem

LINE = Grid([(-3, 3)], 30)
PLANE = Grid([(-2, 2), (-1.5, 1.5)], (24, 20))
SPACE = Grid([(-1, 1), (0, 1), (2, 3)], (8, 7, 6))
T = 0.7


def f(x, y):
    """Loss with known slopes."""
    return x**4 / 4 + x * y / 3 + y**2


def grad_f(x, y):
    """Gradient of f."""
    return np.stack([x**3 + y / 3, x / 3 + 2 * y])


def D_full(x, y):
    """Positive definite tensor field."""
    return [[1 + 0.1 * x**2, 0.2 * np.sin(y)], [0.2 * np.sin(y), 1 + 0.1 * x * y]]


def div_D_full(x, y):
    """Row divergence of D_full."""
    return np.stack([0.2 * x + 0.2 * np.cos(y), 0.1 * x])


# Fields ------------------------------------------------------------------------------------------


def test_fields_of_a_loss():
    problem = Problem(PLANE, f, D=D_full, kT=T)
    x, y = PLANE.x
    assert problem.beta == pytest.approx(1 / T)
    assert problem.kT == pytest.approx(T)
    np.testing.assert_array_equal(problem.f, f(x, y))
    np.testing.assert_array_equal(problem.D, np.array(D_full(x, y)))
    np.testing.assert_allclose(problem.g, grad_f(x, y), atol=1e-8)
    np.testing.assert_allclose(problem.drift, -grad_f(x, y), atol=1e-8)
    np.testing.assert_allclose(problem.div_D, div_D_full(x, y), atol=1e-7)
    np.testing.assert_allclose(problem.v, -grad_f(x, y) - T * div_D_full(x, y), atol=1e-7)
    assert problem.potential is None
    assert problem.circulation is None


@pytest.mark.parametrize(
    "given",
    [
        {"f": f, "grad_f": grad_f},
        {"f": f, "grad_f": lambda x, y: list(grad_f(x, y))},
        {"f": f(*PLANE.x), "grad_f": grad_f(*PLANE.x)},
        {"drift": lambda x, y: -grad_f(x, y)},
        {"drift": lambda x, y: tuple(-grad_f(x, y))},
        {"drift": -grad_f(*PLANE.x)},
    ],
)
def test_given_gradients_are_used(given):
    problem = Problem(PLANE, **given)
    np.testing.assert_array_equal(problem.g, grad_f(*PLANE.x))
    assert (problem.f is None) == ("drift" in given)


def test_losses_given_as_arrays_are_differentiated_on_the_grid():
    errors = []
    for n in (16, 32, 64):
        grid = Grid([(-1, 1), (-1, 1)], n)
        errors.append(np.abs(Problem(grid, f(*grid.x)).g - grad_f(*grid.x)).max())
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 1.85)


def test_neither_loss_nor_drift_is_plain_diffusion():
    problem = Problem(PLANE)
    assert problem.beta == problem.kT == 1
    assert problem.f is None
    for array in (problem.g, problem.v, problem.div_D):
        np.testing.assert_array_equal(array, np.zeros((2, *PLANE.shape)))
    np.testing.assert_array_equal(problem.D[0, 0], 1)
    np.testing.assert_array_equal(problem.D[0, 1], 0)


@pytest.mark.parametrize("f", [0, 2.5, lambda x, y: 3])
def test_a_loss_may_be_flat(f):
    np.testing.assert_array_equal(Problem(PLANE, f).g, 0)


KINDS = [
    (2, "isotropic", True),
    ((2, 2), "isotropic", True),
    (2 * np.eye(2), "isotropic", True),
    (np.full(PLANE.shape, 2.0), "isotropic", True),
    (lambda x, y: 2, "isotropic", True),
    (lambda x, y: 2 + 0 * x, "isotropic", True),
    (lambda x, y: 2 + np.sin(x), "isotropic", False),
    (lambda x, y: [[2 + y, 0], [0, 2 + y]], "isotropic", False),
    ((1, 2), "diagonal", True),
    ([[1, 0], [0, 2]], "diagonal", True),
    (lambda x, y: (1, 2 + x), "diagonal", False),
    (lambda x, y: (1, 1e-12 * (2 + x)), "diagonal", False),
    ([[1, 0.5], [0.5, 1]], "tensor", True),
    (lambda x, y: [[1, 0.5], [0.5, 1]], "tensor", True),
    (D_full, "tensor", False),
    ([[1, 1e-10], [1e-10, 1e-8]], "tensor", True),
    # Off-diagonal entries that are rounding do not make a tensor.
    ([[1, 1e-17], [1e-17, 2]], "diagonal", True),
    ([[1, 1e-17], [1e-17, 1]], "isotropic", True),
]


@pytest.mark.parametrize(("D", "kind", "constant"), KINDS)
def test_kind_of_D_is_found_by_value(D, kind, constant):
    problem = Problem(PLANE, D=D)
    assert (problem.D_kind, problem.D_constant) == (kind, constant)
    if constant:
        np.testing.assert_array_equal(problem.div_D, 0)
    array = Problem(PLANE, D=np.array(problem.D))
    assert (array.D_kind, array.D_constant) == (kind, constant)
    assert kind in repr(problem)
    assert ("constant" if constant else "varying") in repr(problem)


def test_a_quarter_turn_is_diagonal():
    c, s = np.cos(np.pi / 2), np.sin(np.pi / 2)
    R = np.array([[c, -s], [s, c]])
    D = R @ np.diag([1.0, 1e-3]) @ R.T
    assert D[0, 1] != 0
    assert Problem(PLANE, D=D).D_kind == "diagonal"


SIGMAS = [
    (0.8, 0.64 * np.eye(2)),
    ((0.8, 0.5), np.diag([0.64, 0.25])),
    ([[1, 0.5], [0, 2]], np.array([[1.25, 1], [1, 4]])),
    ([[1, 0.5, 1], [0, 2, 1]], np.array([[2.25, 2], [2, 5]])),
    (lambda x, y: [[1, 0.5], [0, 2]], np.array([[1.25, 1], [1, 4]])),
    (np.array([[1], [2]]) * [1.0, 0.1] + [[0, 1], [0, 0]], np.array([[2.21, 2.22], [2.22, 4.04]])),
]


@pytest.mark.parametrize(("sigma", "squared"), SIGMAS)
@pytest.mark.parametrize("temperature", [{"beta": 3.0}, {"kT": 1 / 3}])
def test_sigma_stands_for_D(sigma, squared, temperature):
    by_sigma = Problem(PLANE, drift=lambda x, y: (-x, y), sigma=sigma, **temperature)
    by_D = Problem(PLANE, drift=lambda x, y: (-x, y), D=1.5 * squared, beta=3)
    np.testing.assert_allclose(by_sigma.D, by_D.D, rtol=1e-14, atol=1e-16)
    assert (by_sigma.D_kind, by_sigma.D_constant) == (by_D.D_kind, by_D.D_constant)
    assert by_sigma.beta == pytest.approx(by_D.beta, rel=1e-15)
    A, B = Generator(by_sigma).matrix, Generator(by_D).matrix
    assert abs(A - B).max() < 1e-12 * abs(B).max()


def ripple(x):
    """Noise of period 1."""
    return 1 + 0.3 * np.sin(2 * np.pi * x)


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
@pytest.mark.parametrize(
    ("sigma", "D"),
    [(ripple, lambda x: 2 * ripple(x) ** 2), (0.5, 0.5), ([[0.3, 0.4]], np.full(16, 0.5))],
)
def test_sigma_stands_for_D_on_a_line(sigma, D, sides):
    """Edges of a line are integrated between the centres, where functions are called again."""
    grid = Grid([(0, 1)], 16, sides=sides)
    A, B = (
        Generator(Problem(grid, drift=lambda x: np.cos(2 * np.pi * x), beta=4, **noise)).matrix
        for noise in ({"sigma": sigma}, {"D": D})
    )
    assert abs(A - B).max() < 1e-12 * abs(B).max()


@pytest.mark.parametrize("sides", ["reflecting", "absorbing"])
@pytest.mark.parametrize(
    "given", [{"drift": lambda x: 2 * np.sin(x)}, {"f": lambda x: np.cos(2 * np.pi * x)}]
)
def test_two_cells_are_enough(sides, given):
    grid = Grid([(0, 1)], 2, sides=sides)
    A = Generator(Problem(grid, D=lambda x: 1 + x * (1 - x), **given)).matrix.toarray()
    assert np.all(A[~np.eye(2, dtype=bool)] > 0)
    assert np.all(A.sum(axis=0) < 1e-12)


# Frozen inputs -----------------------------------------------------------------------------------


def test_what_is_derived_is_read_only():
    for problem in (Problem(PLANE, f, D=D_full), Problem(PLANE, f(*PLANE.x)), Problem(PLANE)):
        for name in ("f", "D", "g", "drift", "v", "div_D"):
            array = getattr(problem, name)
            assert array is None or not array.flags.writeable, name
    inverse = Problem.from_potential(PLANE, f, Q=0.3)
    for array in (inverse.potential, inverse.circulation, inverse.g, inverse.v):
        assert not array.flags.writeable
    with pytest.raises(AttributeError, match="make a new one"):
        inverse.kT = 2.0
    with pytest.raises(AttributeError, match="make a new one"):
        inverse.circulation = None


def test_arrays_of_the_user_are_neither_frozen_nor_followed():
    given = {
        "f": f(*PLANE.x),
        "D": np.array(D_full(*PLANE.x)),
        "grad_f": grad_f(*PLANE.x),
    }
    problem = Problem(PLANE, **given, calculus="stratonovich")
    reference = Problem(PLANE, **{k: u.copy() for k, u in given.items()}, calculus="stratonovich")
    for array in given.values():
        assert array.flags.writeable
        array[:] = 7.0
    for name in ("f", "D", "g", "v", "div_D"):
        np.testing.assert_array_equal(getattr(problem, name), getattr(reference, name))
    sigma = np.array([[1 + 0 * PLANE.x[0], PLANE.x[1]], [PLANE.x[0], 2 + PLANE.x[1]]])
    problem = Problem(PLANE, sigma=sigma, calculus="stratonovich")
    reference = Problem(PLANE, sigma=sigma.copy(), calculus="stratonovich")
    sigma[:] = 0
    np.testing.assert_array_equal(problem.g, reference.g)
    Phi = f(*PLANE.x)
    problem = Problem.from_potential(PLANE, Phi)
    Phi[:] = 0
    np.testing.assert_array_equal(problem.potential, f(*PLANE.x))


# Another grid ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"f": f, "D": D_full, "kT": T},
        {"f": f, "grad_f": grad_f, "D": (1, 2)},
        {"f": 2.0},
        {"drift": lambda x, y: (y, -x), "sigma": [[1, 0.5], [0, 2]], "calculus": "stratonovich"},
        {"drift": (1.0, 0.0), "D": [[1, 0.5], [0.5, 1]], "beta": 5},
        {"sigma": lambda x, y: (1 + x**2, 1), "kT": T, "calculus": "klimontovich"},
    ],
)
def test_functions_and_constants_move_to_another_grid(given):
    fine = PLANE.refined()
    moved, made = Problem(PLANE, **given).on(fine), Problem(fine, **given)
    assert moved.grid is fine
    assert moved.beta == pytest.approx(made.beta, rel=1e-15)
    assert moved.calculus == made.calculus
    for name in ("D", "g", "v"):
        np.testing.assert_allclose(getattr(moved, name), getattr(made, name), atol=1e-14)


def test_inverse_problems_move_too():
    fine = PLANE.refined()
    given = {"Phi": f, "D": D_full, "beta": 2.0, "Q": lambda x, y: x * y}
    moved = Problem.from_potential(PLANE, **given).on(fine)
    made = Problem.from_potential(fine, **given)
    np.testing.assert_array_equal(moved.g, made.g)
    np.testing.assert_array_equal(moved.potential, made.potential)
    with pytest.raises(ValueError, match="Phi given as arrays"):
        Problem.from_potential(PLANE, f(*PLANE.x)).on(fine)


def test_what_was_given_is_kept_and_cannot_be_written_to_later():
    values, q = f(*PLANE.x), lambda x, y: x * y
    problem = Problem(PLANE, values, sigma=np.ones((2, 2, *PLANE.shape)))
    values[:] = 0.0
    assert problem.given.arrays(PLANE.shape) == ["f", "D", "sigma"]
    np.testing.assert_array_equal(problem.given.f, f(*PLANE.x))
    assert problem.minibatch is None
    designed = Problem.from_potential(PLANE, f, Q=q).given
    assert (designed.Phi, designed.Q, designed.f) == (f, q, None)
    assert designed.force == "Phi"


def test_text():
    assert repr(Problem(PLANE, f, D=(1, 2), kT=0.1)) == (
        "Problem(f, diagonal constant D, beta=10, on "
        "Grid([(-2, 2), (-1.5, 1.5)], shape=(24, 20), sides='reflecting'))"
    )
    assert repr(Problem(PLANE, drift=(1, 0))).startswith("Problem(drift, isotropic")
    assert repr(Problem.from_potential(PLANE, f)).startswith("Problem(Phi, isotropic")
    assert repr(Problem(PLANE)).startswith("Problem(no drift, isotropic")


# Inverse design ----------------------------------------------------------------------------------


def q(x, y):
    """Stream field."""
    return np.sin(x) * np.cos(y) + 0.5 * x


def leftover(x, y, sign=1.0):
    """Hand formula j = -Q grad f + kT div Q, Q = [[0, q], [-q, 0]], div Q = (q_y, -q_x)."""
    fx, fy = grad_f(x, y)
    q_x, q_y = np.cos(x) * np.cos(y) + 0.5, -np.sin(x) * np.sin(y)
    return np.stack([-q(x, y) * fy + sign * T * q_y, q(x, y) * fx - sign * T * q_x])


FORMS_OF_Q = {
    "q": q,
    "Q": lambda x, y: [[0, q(x, y)], [-q(x, y), 0]],
    "Q as tuples": lambda x, y: ((0.0, q(x, y)), (-q(x, y), 0.0)),
    "Q as array": lambda x, y: np.array([[0 * x, q(x, y)], [-q(x, y), 0 * x]]),
}


@pytest.mark.parametrize("Q", FORMS_OF_Q.values(), ids=FORMS_OF_Q)
def test_inverse_design_by_hand(Q):
    problem = Problem.from_potential(PLANE, f, D=D_full, beta=1 / T, Q=Q)
    x, y = PLANE.x
    j = leftover(x, y)
    D_grad = np.einsum("ikxy,kxy->ixy", np.array(D_full(x, y)), grad_f(x, y))
    g = D_grad - T * div_D_full(x, y) - j
    np.testing.assert_allclose(problem.circulation, j, atol=1e-7)
    np.testing.assert_allclose(problem.g, g, atol=1e-7)
    np.testing.assert_allclose(problem.v, j - D_grad, atol=1e-7)
    np.testing.assert_array_equal(problem.potential, f(x, y))
    assert problem.f is None


@pytest.mark.parametrize("Q", [0.5, np.full(PLANE.shape, 0.5), [[0, 0.5], [-0.5, 0]]])
def test_inverse_design_with_a_constant(Q):
    problem = Problem.from_potential(PLANE, f, beta=1 / T, Q=Q)
    fx, fy = grad_f(*PLANE.x)
    np.testing.assert_allclose(problem.circulation, 0.5 * np.stack([-fy, fx]), atol=1e-7)


def test_inverse_design_with_arrays_is_of_second_order():
    errors = []
    for n in (16, 32, 64):
        grid = Grid([(-1, 1), (-1, 1)], n)
        problem = Problem.from_potential(grid, f(*grid.x), beta=1 / T, Q=q(*grid.x))
        errors.append(np.abs(problem.g - grad_f(*grid.x) + leftover(*grid.x)).max())
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 1.85)


def test_a_given_leftover_field_is_kept():
    by_j = Problem.from_potential(PLANE, f, beta=1 / T, j=leftover)
    by_Q = Problem.from_potential(PLANE, f, beta=1 / T, Q=q)
    np.testing.assert_allclose(by_j.g, by_Q.g, atol=1e-7)


def test_the_column_divergence_is_refuted():
    """Counterexample: with div along columns the sign of div Q flips and rho is not stationary."""
    with pytest.raises(ValueError, match="is not zero"):
        Problem.from_potential(PLANE, f, beta=1 / T, j=lambda x, y: leftover(x, y, sign=-1.0))


def test_inverse_design_gives_its_steady_state():
    errors = {}
    for sign in (1.0, -1.0):
        for n in (24, 48):
            grid = Grid([(-3, 3), (-3, 3)], n)
            potential = Problem.from_potential(grid, f, D=D_full, beta=1 / T)
            drift = potential.drift + leftover(*grid.x, sign=sign)
            problem = Problem(grid, drift=drift, D=D_full, kT=T)
            rho = np.exp(-f(*grid.x) / T)
            rho /= grid.integrate(rho)
            errors[sign, n] = grid.integrate(np.abs(steady_state(problem).rho - rho))
    assert errors[1.0, 48] < 0.01
    assert errors[1.0, 24] / errors[1.0, 48] > 3.4
    assert errors[-1.0, 48] > 0.1


def test_inverse_design_in_space():
    """Q_ik = eps_ikm a_m: j = a x grad Phi + kT curl a."""

    def a(x, y, z):
        return np.stack([np.sin(y) + z, z * x, np.cos(x) + y**2])

    def Q(x, y, z):
        a1, a2, a3 = a(x, y, z)
        return [[0, a3, -a2], [-a3, 0, a1], [a2, -a1, 0]]

    problem = Problem.from_potential(
        SPACE, lambda x, y, z: x**2 + y * z + z**4 / 4, D=(1, 2, 3), beta=1 / T, Q=Q
    )
    x, y, z = SPACE.x
    slope = np.stack([2 * x, z, y + z**3])
    curl = np.stack([2 * y - x, 1 + np.sin(x), z - np.cos(y)])
    j = np.cross(a(x, y, z), slope, axis=0) + T * curl
    np.testing.assert_allclose(problem.circulation, j, atol=1e-7)
    D_slope = slope * np.reshape([1, 2, 3], (3, 1, 1, 1))
    np.testing.assert_allclose(problem.g, D_slope - j, atol=1e-7)
    constant = Problem.from_potential(
        SPACE, lambda x, y, z: x**2, Q=[[0, 1, 0], [-1, 0, 2], [0, -2, 0]]
    )
    np.testing.assert_allclose(constant.circulation, np.stack([0 * x, 2 * x, 0 * x]), atol=1e-7)


# Random problems ---------------------------------------------------------------------------------


def random_grid(rng, d, may_be_graded):
    """Grid of uneven boxes, shapes and sides."""
    shape = tuple(int(n) for n in rng.integers(2, {1: 40, 2: 14, 3: 8}[d], size=d))
    box, sides = [], []
    for n in shape:
        lo, width = rng.normal(), np.exp(rng.normal())
        steps = np.exp(rng.normal(size=n)) if may_be_graded and rng.random() < 0.5 else np.ones(n)
        box.append(lo + width * np.concatenate([[0], np.cumsum(steps)]))
        pair = rng.choice(["reflecting", "absorbing", "periodic"], size=2, p=[0.5, 0.2, 0.3])
        is_ring = "periodic" in pair and n > 2
        pair = ["absorbing" if word == "periodic" else str(word) for word in pair]
        sides.append(("periodic", "periodic") if is_ring else tuple(pair))
    return Grid(box, shape, sides)


def random_diffusion(rng, grid, kind):
    """Random positive semi-definite field of a kind, of anisotropy up to a thousand."""
    d = grid.dim
    scale = np.exp(rng.normal(size=grid.shape))
    if kind == "isotropic":
        return scale
    values = 10.0 ** rng.uniform(-3, 0, size=(d, *grid.shape)) * scale
    if kind == "diagonal":
        values[0][rng.random(grid.shape) < 0.2] = 0.0
        return values
    turn = np.linalg.qr(rng.normal(size=(*grid.shape, d, d)))[0]
    return np.einsum("...ij,j...,...kj->ik...", turn, values, turn)


TABLE = [(seed, d, kind) for d in (1, 2, 3) for kind in ("isotropic", "diagonal", "tensor")
         for seed in range(8) if d > 1 or kind != "tensor"]  # fmt: skip


@pytest.mark.parametrize(("seed", "d", "kind"), TABLE)
def test_random_problems_give_markov_generators(seed, d, kind):
    """Off-diagonal rates are >= 0 and columns sum to minus the rate of exit, whatever is given."""
    rng = np.random.default_rng([seed, d, len(kind)])
    grid = random_grid(rng, d, may_be_graded=kind != "tensor")
    D = random_diffusion(rng, grid, kind)
    drift = rng.normal(size=(d, *grid.shape)) * 10.0 ** rng.uniform(-2, 3)
    problem = Problem(grid, drift=drift, D=D, kT=10.0 ** rng.uniform(-2, 1))
    A = Generator(problem).matrix
    diagonal = A.diagonal()
    off = A.tocoo()
    rates = off.data[off.row != off.col]
    assert np.all(np.isfinite(rates))
    assert np.all(rates >= 0)
    assert np.all(diagonal <= 0)
    total = np.asarray(A.sum(axis=0)).ravel()
    scale = np.maximum(-diagonal, 1e-300)
    if grid.has_absorbing_sides:
        assert np.all(total <= 1e-12 * scale)
    else:
        assert np.all(np.abs(total) <= 1e-12 * scale)


def test_a_strong_wind_from_an_absorbing_wall():
    """No mass leaves against a drift of a thousand cell widths of diffusion; no warning either."""
    grid = Grid([(0, 1)], 8, sides=[("absorbing", "reflecting")])
    A = Generator(Problem(grid, drift=1e6)).matrix.toarray()
    np.testing.assert_allclose(A.sum(axis=0), 0, atol=1e-9 * np.abs(A).max())
