"""Conversion of drifts between the calculi, noise matrices, and checks of derivatives."""

import math

import mpmath
import numpy as np
import pytest

from fokkerplanck import steady_state
from fokkerplanck.domain.expressions import Formula
from fokkerplanck.domain.fields import matrix_field
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation import calculus
from fokkerplanck.equation.problem import Problem

LINE = Grid([(-3, 3)], 60)
PLANE = Grid([(-2, 2), (-1.5, 1.5)], (24, 20))
T = 0.4
SHARES = [("ito", 0.0), ("stratonovich", 0.5), ("klimontovich", 1.0)]
shares = pytest.mark.parametrize(("word", "share"), SHARES)


@shares
def test_drift_on_a_line_with_a_function(word, share):
    problem = Problem(
        LINE, drift=lambda x: -x, D=lambda x: 1 + 0.3 * np.sin(x), kT=T, calculus=word
    )
    x = LINE.x[0]
    np.testing.assert_allclose(problem.drift[0], -x + share * T * 0.3 * np.cos(x), atol=1e-8)
    np.testing.assert_allclose(problem.v[0], -x - (1 - share) * T * 0.3 * np.cos(x), atol=1e-8)


@shares
def test_drift_on_a_line_with_an_array(word, share):
    errors = []
    for n in (30, 60, 120):
        grid = Grid([(-3, 3)], n)
        x = grid.x[0]
        problem = Problem(grid, drift=-grid.x, D=1 + 0.3 * np.sin(x), kT=T, calculus=word)
        exact = -x + share * T * 0.3 * np.cos(x)
        errors.append(np.abs(problem.drift[0] - exact).max())
    assert errors[-1] < 1e-4
    if share:
        assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 1.85)


@shares
def test_a_loss_is_converted_like_a_drift(word, share):
    D = {"D": lambda x: 1 + 0.3 * np.sin(x), "kT": T, "calculus": word}
    loss = Problem(LINE, lambda x: x**2 / 2, **D)
    drift = Problem(LINE, drift=lambda x: -x, **D)
    np.testing.assert_allclose(loss.g, drift.g, atol=1e-9)
    assert share is not None


@shares
def test_noise_matrix_on_a_line(word, share):
    """Ito drift for b dt + sigma o dW: b + sigma sigma'/2, or b + sigma sigma' (Klimontovich)."""
    problem = Problem(
        LINE, drift=lambda x: -x, sigma=lambda x: 1 + 0.3 * np.sin(x), beta=3, calculus=word
    )
    x = LINE.x[0]
    slope = (1 + 0.3 * np.sin(x)) * 0.3 * np.cos(x)
    np.testing.assert_allclose(problem.drift[0], -x + share * slope, atol=1e-8)


@shares
def test_steady_state_on_a_line(word, share):
    r"""sigma^2 = s0^2 + s1^2 x^2, b = -x: rho ~ (sigma^2)^(share - 1 - 1/s1^2), at any beta."""
    s0, s1 = 0.8, 0.6
    errors = []
    for n in (100, 200):
        grid = Grid([(-4, 4)], n)
        problem = Problem(
            grid,
            drift=lambda x: -x,
            sigma=lambda x: np.sqrt(s0**2 + s1**2 * x**2),
            kT=0.7,
            calculus=word,
        )
        exact = (s0**2 + s1**2 * grid.x[0] ** 2) ** (share - 1 - 1 / s1**2)
        exact /= grid.integrate(exact)
        errors.append(np.abs(np.log(steady_state(problem).rho / exact)).max())
    assert errors[1] < 1e-5
    assert errors[0] / errors[1] > 3.8


def test_the_calculi_agree_for_constant_noise():
    problems = [
        Problem(PLANE, drift=lambda x, y: (-x + y, -y), D=[[1, 0.3], [0.3, 0.5]], calculus=word)
        for word, _ in SHARES
    ]
    for other in problems[1:]:
        np.testing.assert_allclose(other.drift, problems[0].drift, atol=1e-14)


# Two dimensions ----------------------------------------------------------------------------------


def rotation(angle):
    """Noise matrix that turns with the place; its D is constant."""
    return lambda x, y: [
        [np.cos(angle(x, y)), -np.sin(angle(x, y))],
        [np.sin(angle(x, y)), np.cos(angle(x, y))],
    ]


def test_stratonovich_depends_on_sigma_and_not_on_D_alone():
    """Columns (c, s), (-s, c) of an angle a: sum_j (s_j . grad) s_j / 2 = (-a_y, a_x) / 2."""
    beta = 2.5
    sigma = rotation(lambda x, y: x**2 * y + y)
    turning = Problem(PLANE, sigma=sigma, beta=beta, calculus="stratonovich")
    x, y = PLANE.x
    np.testing.assert_allclose(turning.drift[0], -(x**2 + 1) / 2, atol=3e-6)
    np.testing.assert_allclose(turning.drift[1], x * y, atol=3e-6)
    # The same D without its sigma, and the same sigma in the Ito sense, have no such drift.
    np.testing.assert_allclose(turning.D[0, 0], beta / 2, rtol=1e-15)
    np.testing.assert_allclose(turning.D[0, 1], 0, atol=1e-15)
    by_D = Problem(PLANE, D=beta / 2, beta=beta, calculus="stratonovich")
    np.testing.assert_allclose(by_D.drift, 0, atol=1e-15)
    ito = Problem(PLANE, sigma=sigma, beta=beta)
    np.testing.assert_allclose(ito.drift, 0, atol=1e-15)


def test_stratonovich_with_more_noises_than_dimensions():
    def sigma(x, y):
        return [[1 + x**2, y, 0.5], [x * y, 2, np.sin(x)]]

    problem = Problem(PLANE, drift=lambda x, y: (y, 1), sigma=sigma, calculus="stratonovich")
    x, y = PLANE.x
    s = matrix_field(sigma, PLANE, "sigma", columns=True)
    by_x = np.array([[2 * x, 0 * x, 0 * x], [y, 0 * x, np.cos(x)]])
    by_y = np.array([[0 * x, 1 + 0 * x, 0 * x], [x, 0 * x, 0 * x]])
    correction = 0.5 * np.einsum("kjxy,kijxy->ixy", s, np.stack([by_x, by_y]))
    np.testing.assert_allclose(problem.drift, np.stack([y, 1 + 0 * x]) + correction, atol=1e-7)


def test_stratonovich_with_arrays_is_of_second_order():
    errors = []
    for n in (20, 40):
        grid = Grid([(-1, 1), (-1, 1)], n)
        sigma = np.asarray(rotation(lambda x, y: x * y)(*grid.x))
        drift = Problem(grid, sigma=sigma, calculus="stratonovich").drift
        x, y = grid.x
        errors.append(np.abs(drift - np.stack([-x, y]) / 2).max())
    assert errors[1] < 2e-3
    assert errors[0] / errors[1] > 3.4


def test_stratonovich_of_a_diagonal_D_takes_half_of_its_slope():
    problem = Problem(
        PLANE, D=lambda x, y: (1 + x**2 + y**2, 2 + np.sin(x * y)), kT=T, calculus="stratonovich"
    )
    x, y = PLANE.x
    exact = 0.5 * T * np.stack([2 * x, x * np.cos(x * y)])
    np.testing.assert_allclose(problem.drift, exact, atol=1e-7)


def full_tensor(x, y):
    """Positive definite, varying, not diagonal."""
    return [[1 + 0.3 * x**2, 0.3 * np.sin(x + y)], [0.3 * np.sin(x + y), 0.8 + 0.2 * np.cos(y)]]


def test_stratonovich_of_a_tensor_uses_its_symmetric_root():
    by_D = Problem(PLANE, D=full_tensor, kT=T, calculus="stratonovich")

    def root(x, y):
        return np.sqrt(2 * T) * calculus.symmetric_root(np.array(full_tensor(x, y)))

    by_sigma = Problem(PLANE, sigma=root, kT=T, calculus="stratonovich")
    np.testing.assert_allclose(by_sigma.D, by_D.D, atol=1e-14)
    np.testing.assert_allclose(by_sigma.drift, by_D.drift, atol=1e-12)


def test_symmetric_root(rng):
    A = rng.normal(size=(3, 3, 4, 5))
    D = np.einsum("ij...,kj...->ik...", A, A)
    root = calculus.symmetric_root(D)
    np.testing.assert_allclose(root, np.swapaxes(root, 0, 1), atol=1e-13)
    np.testing.assert_allclose(np.einsum("ij...,jk...->ik...", root, root), D, atol=1e-12)


D_FORMS = {
    "scalar": lambda x, y: 1 + 0.4 * np.sin(x + y),
    "diagonal": lambda x, y: (1 + 0.3 * x**2, 0.7 + 0.2 * np.cos(x)),
    "tensor": full_tensor,
}


@pytest.mark.parametrize("D", D_FORMS.values(), ids=D_FORMS)
def test_klimontovich_relaxes_to_gibbs_for_any_D(D):
    """Drift b = -D grad Phi of Klimontovich: J = b rho - kT D grad rho vanishes for Gibbs."""
    errors = []
    for n in (20, 40):
        grid = Grid([(-3, 3), (-3, 3)], n)

        def slope(x, y):
            return np.stack([x**3 - x + 0.3 * y, 0.3 * x + 2 * y])

        def drift(x, y, grid=grid):
            A = matrix_field(D, grid, "D", np.stack([x, y]))
            return -np.einsum("ik...,k...->i...", A, slope(x, y))

        problem = Problem(grid, drift=drift, D=D, kT=T, calculus="klimontovich")
        np.testing.assert_allclose(problem.v, drift(*grid.x), atol=1e-8)
        x, y = grid.x
        Phi = x**4 / 4 - x**2 / 2 + 0.3 * x * y + y**2
        gibbs = np.exp(-Phi / T)
        gibbs /= grid.integrate(gibbs)
        ss = steady_state(problem)
        errors.append(grid.integrate(np.abs(ss.rho - gibbs)))
        # With the potential told, the same equation is solved exactly.
        exact = steady_state(Problem.from_potential(grid, Phi, D=D, beta=1 / T))
        np.testing.assert_allclose(exact.rho, gibbs, rtol=1e-10)
    assert errors[1] < 0.02
    assert errors[0] / errors[1] > 3.6


def test_ito_does_not_relax_to_gibbs():
    """Counterexample: the same drift read in the sense of Ito has another steady state."""
    grid = Grid([(-3, 3)], 100)
    drift, D = (lambda x: -x * (1 + 0.5 * np.sin(x))), (lambda x: 1 + 0.5 * np.sin(x))
    gibbs = np.exp(-(grid.x[0] ** 2) / 2)
    gibbs /= grid.integrate(gibbs)
    distance = {
        word: grid.integrate(np.abs(steady_state(problem).rho - gibbs))
        for word, _ in SHARES
        for problem in [Problem(grid, drift=drift, D=D, calculus=word)]
    }
    assert distance["klimontovich"] < 1e-5
    assert distance["ito"] > distance["stratonovich"] > 0.1


# Noise and temperature ---------------------------------------------------------------------------


def test_diffusion_of_noise():
    beta = 3.0
    s = np.array([[1.0, 0.5, 0.0], [0.2, 1.0, 2.0]])
    expected = beta / 2 * s @ s.T
    D = calculus.diffusion_from_noise(s, PLANE, beta)
    np.testing.assert_allclose(D[:, :, 3, 4], expected)
    assert not any(D.strides[2:])
    call = calculus.diffusion_from_noise(lambda x, y: s, PLANE, beta)
    np.testing.assert_allclose(call(*PLANE.x)[:, :, 3, 4], expected)
    scalar = calculus.diffusion_from_noise(2, PLANE, beta)
    np.testing.assert_allclose(scalar[:, :, 0, 0], beta * 2 * np.eye(2))
    diagonal = calculus.diffusion_from_noise((1, 2), PLANE, beta)
    np.testing.assert_allclose(diagonal[:, :, 0, 0], beta / 2 * np.diag([1, 4]))


def test_inverse_temperature():
    assert calculus.inverse_temperature(None, None) == 1
    assert calculus.inverse_temperature(4, None) == 4
    assert calculus.inverse_temperature(None, 0.25) == 4
    assert calculus.inverse_temperature(np.float32(2), None) == 2
    assert math.isfinite(calculus.inverse_temperature(1e-200, None))


# Checks of what a person derived -----------------------------------------------------------------


def kinked(x, y):
    """Loss with a kink."""
    return np.abs(x) + np.maximum(y, 0)


@pytest.mark.parametrize(
    ("f", "grad"),
    [
        (lambda x, y: np.sin(3 * x) * y, lambda x, y: (3 * np.cos(3 * x) * y, np.sin(3 * x))),
        (kinked, lambda x, y: (np.sign(x), (y > 0) * 1.0)),
        (lambda x, y: 1e8 + 0 * x, lambda x, y: (0, 0)),
        (lambda x, y: 1e6 + x, lambda x, y: (1, 0)),
        (lambda x, y: np.exp(20 * x), lambda x, y: (20 * np.exp(20 * x), 0)),
    ],
)
def test_right_gradients_pass(f, grad):
    calculus.check_gradient(f, grad, PLANE)
    Problem(PLANE, f, grad_f=grad)


@pytest.mark.parametrize("n", [4, 8, 32])
def test_right_gradient_arrays_pass_on_coarse_grids(n):
    grid = Grid([(-2, 2), (-2, 2)], n)
    x, y = grid.x
    calculus.check_gradient(x**4 / 4 - x**2 + y**2, np.stack([x**3 - 2 * x, 2 * y]), grid)


@pytest.mark.parametrize("n", [8, 16, 32])
@pytest.mark.parametrize("given", ["functions", "arrays"])
def test_right_leftover_fields_pass(n, given):
    """j = -Q grad Phi + kT div Q, of a Gaussian with constant and with varying Q, and a shear."""
    grid = Grid([(-3, 3), (-3, 3)], n)
    cases = [
        (lambda x, y: x**2 / 2 + y**2, lambda x, y: (-2 * y, x)),
        (
            lambda x, y: x**2 / 2 + y**2,
            lambda x, y: (-2 * y * np.sin(x * y) + x * np.cos(x * y),
                          x * np.sin(x * y) - y * np.cos(x * y)),
        ),
        (lambda x, y: y**2, lambda x, y: (np.cos(x) ** 2 + np.sin(x) ** 2 + y, 0)),
    ]  # fmt: skip
    for Phi, j in cases:
        if given == "arrays":
            Problem.from_potential(grid, Phi(*grid.x), j=list(j(*grid.x)))
        else:
            Problem.from_potential(grid, Phi, j=j)


def test_a_constant_current_on_a_ring_passes():
    ring = Grid([(0, 1)], 16, sides="periodic")
    problem = Problem.from_potential(ring, 0.0, j=[0.5])
    np.testing.assert_allclose(problem.drift[0], 0.5)
    with pytest.raises(ValueError, match="not zero"):
        Problem.from_potential(ring, lambda x: np.cos(2 * np.pi * x), j=lambda x: 0.5)


# --- formulas: all derivatives are exact ---------------------------------------------------------

TURN = {"c": "cos(x + y/2)", "s": "sin(x + y/2)"}


def turned(a, b):
    """Matrix R diag(a, b) R^T, R turning by x + y/2, as texts."""
    c, s = TURN["c"], TURN["s"]
    off = f"(({a}) - ({b}))*{c}*{s}"
    return [[f"({a})*{c}^2 + ({b})*{s}^2", off], [off, f"({a})*{s}^2 + ({b})*{c}^2"]]


def correction_by_mpmath(root, x, y):
    """c_i = T s_kj d_k s_ij of a root, by mpmath's derivatives."""
    with mpmath.workdps(30):
        out = []
        for i in range(2):
            total = mpmath.mpf(0)
            for k in range(2):
                for j in range(2):
                    order = (1, 0) if k == 0 else (0, 1)
                    slope = mpmath.diff(lambda u, v, i=i, j=j: root(u, v)[i][j], (x, y), order)
                    total += root(x, y)[k][j] * slope
            out.append(float(T * total))
    return out


def root_at(u, v):
    """R diag(1 + u^2/4, 1/2) R^T."""
    c, s = mpmath.cos(u + v / 2), mpmath.sin(u + v / 2)
    a, b = 1 + u**2 / 4, mpmath.mpf(1) / 2
    return [[a * c**2 + b * s**2, (a - b) * c * s], [(a - b) * c * s, a * s**2 + b * c**2]]


@pytest.mark.parametrize("given", ["D", "sigma"])
def test_stratonovich_of_formulas_is_exact(given):
    root = turned("1 + x^2/4", "1/2")
    squared = turned("(1 + x^2/4)^2", "1/4")
    scale = math.sqrt(2 * T)
    sigma = [[f"{scale!r}*({u})" for u in row] for row in root]
    field = {"D": Formula(squared)} if given == "D" else {"sigma": Formula(sigma)}
    problem = Problem(PLANE, drift=(0.0, 0.0), kT=T, calculus="stratonovich", **field)
    for cell in [(0, 0), (11, 7), (23, 19)]:
        x, y = (float(u) for u in PLANE.x[(slice(None), *cell)])
        exact = correction_by_mpmath(root_at, mpmath.mpf(x), mpmath.mpf(y))
        np.testing.assert_allclose(problem.drift[(slice(None), *cell)], exact, atol=2e-14)


def test_stratonovich_of_a_formula_whose_noise_vanishes_somewhere():
    # D = x^2 on a line: s = |x|, c = T s s' = T x.
    grid = Grid([(-1, 1)], 21)
    x = grid.x[0]
    D = Formula("x^2")
    found = calculus.stratonovich_correction(D, None, grid, T)[0]
    np.testing.assert_allclose(found, T * x, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("sigma", "div_D"),
    [
        ("1 + x^2", lambda x, y: (2 * x * (1 + x**2), 0 * x)),
        (["x + 3", "exp(y)"], lambda x, y: (x + 3, np.exp(2 * y))),
        # D = sigma sigma^T/2 (beta = 1): [[x^2 + 1, x + y], [x + y, 1 + y^2]]/2
        ([["x", 1], [1, "y"]], lambda x, y: (x + 0.5, 0.5 + y)),
        # D = [[1 + x^4, x*y + x^2], [., y^2 + 1]]/2
        (
            [[1, "x^2", 0], ["x*y", 1, "y*sin(x)"]],
            lambda x, y: (2 * x**3 + x / 2, (y + 2 * x) / 2 + x**2 * y + y * np.sin(x) ** 2),
        ),
    ],
)
def test_the_divergence_of_noise_given_as_a_formula_is_exact(sigma, div_D):
    problem = Problem(PLANE, drift=(0.0, 0.0), sigma=Formula(sigma))
    exact = np.stack(div_D(*PLANE.x))
    np.testing.assert_allclose(problem.div_D, exact, rtol=4e-15, atol=4e-15)
    same = Problem(PLANE, drift=(0.0, 0.0), sigma=lambda x, y: Formula(sigma)(x, y))
    np.testing.assert_allclose(problem.D, same.D, rtol=4e-16, atol=4e-16)
    assert np.array_equal(problem.D, np.swapaxes(problem.D, 0, 1))


def test_noise_given_as_a_formula_follows_the_temperature():
    problem = Problem(PLANE, drift=(0.0, 0.0), sigma=Formula("1 + x^2"))
    warm = problem.replace(kT=2.0)
    np.testing.assert_allclose(warm.kT * warm.div_D, problem.div_D, rtol=1e-15, atol=1e-15)


def test_a_noise_matrix_of_a_wrong_shape_is_told_by_its_name():
    with pytest.raises(ValueError, match=r"^sigma returned 3 rows on a 2-dimensional grid"):
        Problem(PLANE, drift=(0.0, 0.0), sigma=Formula([[1, "x"], [1, 1], [0, 1]]))


def test_a_turning_part_given_as_a_formula_is_differentiated_exactly():
    # j = -Q grad Phi + kT div Q with Q = [[0, q], [-q, 0]], q = x*y^2, Phi = x^2/2.
    problem = Problem.from_potential(PLANE, Formula("x^2/2"), Q=Formula("x*y^2"), beta=1 / T)
    x, y = PLANE.x
    exact = [-x + 2 * T * x * y, x * y**2 * x - T * y**2]
    np.testing.assert_allclose(problem.drift, exact, rtol=2e-15, atol=4e-15)
