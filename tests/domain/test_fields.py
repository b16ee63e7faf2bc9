"""Scalars, vectors and tensors in every accepted form, and their derivatives."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fokkerplanck.domain import fields
from fokkerplanck.domain.fields import matrix_field, scalar_field, vector_field
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem

LINE = Grid([(-2, 2)], 7)
PLANE = Grid([(-2, 2), (0, 3)], (6, 5))
SPACE = Grid([(-1, 1), (0, 1), (2, 3)], (4, 3, 2))
GRIDS = [LINE, PLANE, SPACE]
grids = pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{grid.dim}D")


def wave(*x):
    """Smooth scalar."""
    return sum((k + 1) * np.sin(u + k) for k, u in enumerate(x))


@grids
def test_forms_of_a_scalar(grid):
    array = wave(*grid.x)
    for form in (wave, array, array.tolist(), lambda *x: wave(*x).tolist()):
        np.testing.assert_array_equal(scalar_field(form, grid, "f"), array)
    for form in (2, 2.0, np.float32(2), Fraction(2), np.array(2), lambda *x: 2):
        np.testing.assert_array_equal(scalar_field(form, grid, "f"), np.full(grid.shape, 2.0))
    np.testing.assert_array_equal(scalar_field(lambda *x: x[0] > 0, grid, "f"), grid.x[0] > 0)


@grids
def test_forms_of_a_vector(grid):
    d = grid.dim
    array = np.stack([wave(*grid.x) * (k + 1) for k in range(d)])
    forms = [
        array,
        list(array),
        tuple(array),
        array.tolist(),
        lambda *x: array,
        lambda *x: tuple(wave(*x) * (k + 1) for k in range(d)),
        lambda *x: [wave(*x) * (k + 1) for k in range(d)],
    ]
    if d == 1:
        forms += [wave, array[0], array[0].tolist(), lambda x: wave(x).tolist()]
    for form in forms:
        np.testing.assert_array_equal(vector_field(form, grid, "drift"), array)
    constant = np.arange(d) + 0.5
    expected = np.broadcast_to(constant.reshape(-1, *[1] * d), (d, *grid.shape))
    forms = [constant, list(constant), tuple(constant), lambda *x: constant, lambda *x: [*constant]]
    for form in forms:
        np.testing.assert_array_equal(vector_field(form, grid, "drift"), expected)


@pytest.mark.parametrize("mixed", [lambda x, y: (y, 0), lambda x, y: [y, np.zeros(1)]])
def test_components_of_a_vector_may_be_numbers(mixed):
    expected = np.stack([PLANE.x[1], np.zeros(PLANE.shape)])
    np.testing.assert_array_equal(vector_field(mixed, PLANE, "drift"), expected)
    np.testing.assert_array_equal(vector_field(mixed(*PLANE.x), PLANE, "drift"), expected)


def forms_of(D, d, shape):
    """Every way to give the symmetric field D (d, d, *shape) as arrays."""
    return [
        D,
        D.tolist(),
        list(D),
        [list(row) for row in D],
        lambda *x: D,
        lambda *x: [list(row) for row in D],
        lambda *x: tuple(tuple(row) for row in D),
        lambda *x: np.array([[D[i, k] for k in range(d)] for i in range(d)]),
    ]


@grids
def test_forms_of_a_tensor_that_varies(grid):
    d, shape = grid.dim, grid.shape
    u = 1 + wave(*grid.x) ** 2
    D = np.stack([np.stack([u * (1 + (i == k)) for k in range(d)]) for i in range(d)])
    for form in forms_of(D, d, shape):
        np.testing.assert_array_equal(matrix_field(form, grid, "D"), D)


@grids
def test_forms_of_a_diagonal_that_varies(grid):
    d, shape = grid.dim, grid.shape
    u = 1 + wave(*grid.x) ** 2
    entries = [u * (k + 1) for k in range(d)]
    D = np.zeros((d, d, *shape))
    for k in range(d):
        D[k, k] = entries[k]
    forms = [entries, tuple(entries), np.stack(entries), lambda *x: entries, *forms_of(D, d, shape)]
    for form in forms:
        np.testing.assert_array_equal(matrix_field(form, grid, "D"), D)
    scalar = np.einsum("ik,...->ik...", np.eye(d), u)
    for form in (u, lambda *x: u, lambda *x: 1 + wave(*x) ** 2, [u] * d):
        np.testing.assert_array_equal(matrix_field(form, grid, "D"), scalar)


@grids
def test_forms_of_a_constant_matrix(grid):
    d = grid.dim
    space = (1,) * d

    def spread(A):
        return np.broadcast_to(np.reshape(A, (d, d, *space)), (d, d, *grid.shape))

    for form in (3, 3.0, np.array(3), lambda *x: 3, [3] * d, np.full(d, 3), 3 * np.eye(d)):
        np.testing.assert_array_equal(matrix_field(form, grid, "D"), spread(3 * np.eye(d)))
    A = np.arange(1.0, 1 + d * d).reshape(d, d)
    for form in (A, A.tolist(), lambda *x: A, lambda *x: A.tolist()):
        field = matrix_field(form, grid, "D")
        np.testing.assert_array_equal(field, spread(A))
        # One matrix in memory, however many cells.
        assert not any(field.strides[2:])


def test_numbers_and_arrays_mix_in_a_tensor():
    x = PLANE.x[0]
    expected = np.array([[1 + 0 * x, 0 * x], [0 * x, 2 + x**2]])
    for form in (
        lambda x, y: (1, 2 + x**2),
        lambda x, y: [[1, 0], [0, 2 + x**2]],
        lambda x, y: [[np.ones_like(x), 0.0], [np.zeros(1), 2 + x**2]],
        [1, 2 + x**2],
    ):
        np.testing.assert_array_equal(matrix_field(form, PLANE, "D"), expected)


def test_noise_matrices_may_have_any_number_of_columns():
    x = PLANE.x[0]
    sigma = matrix_field(lambda x, y: [[1, x, 0], [0, 1, y]], PLANE, "sigma", columns=True)
    assert sigma.shape == (2, 3, *PLANE.shape)
    np.testing.assert_array_equal(sigma[0, 1], x)
    column = matrix_field([[1], [2]], PLANE, "sigma", columns=True)
    assert column.shape == (2, 1, *PLANE.shape)
    array = matrix_field(np.ones((2, 3, *PLANE.shape)), PLANE, "sigma", columns=True)
    assert array.shape == (2, 3, *PLANE.shape)


def test_two_cells_per_axis_are_not_taken_for_components():
    grid = Grid([(0, 1)] * 2, 2)
    D = np.arange(1.0, 5).reshape(2, 2)
    np.testing.assert_array_equal(matrix_field(D.tolist(), grid, "D")[0, 1], np.full((2, 2), 2.0))
    field = matrix_field((D, 2 * D), grid, "D")
    np.testing.assert_array_equal(field[1, 1], 2 * D)
    np.testing.assert_array_equal(field[0, 1], np.zeros((2, 2)))


# Derivatives -------------------------------------------------------------------------------------


def smooth(x, y):
    """Function with known slopes, see ``slopes``; periodic with period 2 pi in x."""
    return np.exp(np.sin(x)) * np.cos(y) + y**3


def slopes(x, y):
    """Gradient of ``smooth``."""
    u = np.exp(np.sin(x))
    return np.stack([np.cos(x) * u * np.cos(y), 3 * y**2 - u * np.sin(y)])


def box(n, kind):
    """Grids on [0, 2 pi] x [-1, 1]: uniform or graded, x periodic or not."""
    if kind == "uniform":
        return Grid([(0, 2 * math.pi), (-1, 1)], (n, n))
    if kind == "periodic":
        return Grid([(0, 2 * math.pi), (-1, 1)], (n, n), sides=["periodic", "reflecting"])
    s = np.linspace(0, 1, n + 1)
    graded = [2 * math.pi * (s + 0.12 * np.sin(2 * math.pi * s)), (2 * s - 1) * (0.7 + 0.3 * s)]
    graded[1] = graded[1] / np.abs(graded[1]).max()
    sides = ["periodic", "reflecting"] if kind == "graded periodic" else "reflecting"
    return Grid(graded, (n, n), sides=sides)


KINDS = ["uniform", "periodic", "graded", "graded periodic"]


@pytest.mark.parametrize("kind", KINDS)
def test_functions_are_differentiated_to_eight_digits(kind):
    grid = box(64, kind)
    error = np.abs(fields.gradient(smooth, grid, "f") - slopes(*grid.x)).max()
    assert error < 1e-8 * np.abs(slopes(*grid.x)).max()


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_are_differentiated_to_second_order(kind):
    errors = []
    for n in (32, 64, 128):
        grid = box(n, kind)
        found = fields.gradient(smooth(*grid.x), grid, "f")
        errors.append(np.abs(found - slopes(*grid.x)).max())
    rates = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(rates > 1.85), (rates, errors)
    assert errors[-1] < 0.02


def test_a_seam_without_period_is_seen():
    """Counterexample: without its period the slope at the walls is off by more than at the seam."""
    u = np.sin(box(64, "periodic").x[0])
    periodic = fields.difference(u, box(64, "periodic"), 0)
    walls = fields.difference(u, box(64, "uniform"), 0)
    exact = np.cos(box(64, "periodic").x[0])
    assert np.abs(walls - exact)[0].max() > 1.5 * np.abs(periodic - exact)[0].max()
    np.testing.assert_array_equal(walls[1:-1], periodic[1:-1])


def test_differences_keep_leading_axes():
    u = np.stack([PLANE.x[0] ** 2, PLANE.x[1]])[:, None] * np.ones((1, 3, 1, 1))
    for k in range(2):
        found = fields.difference(u, PLANE, k)
        assert found.shape == u.shape
        np.testing.assert_allclose(found[1, 2], float(k == 1), atol=1e-13)
    np.testing.assert_array_equal(fields.difference(np.broadcast_to(3.0, PLANE.shape), PLANE, 0), 0)


def test_two_cells_can_be_differentiated():
    grid = Grid([(0, 1)], 2)
    np.testing.assert_allclose(fields.difference(grid.x[0], grid, 0), 1.0, atol=1e-15)


def test_three_cells_on_a_ring_can_be_differentiated():
    grid = Grid([(0, 1)], 3, sides="periodic")
    slope = fields.difference(np.array([1.0, 2.0, 4.0]), grid, 0)
    np.testing.assert_allclose(slope, [-3.0, 4.5, -1.5], atol=1e-14)


def tensor(x, y):
    """Tensor whose row and column divergences differ."""
    return [[x * y, np.sin(x)], [np.cos(y) + x**2, x + y**2]]


def test_divergence_goes_along_rows():
    grid = box(16, "uniform")
    x, y = grid.x
    rows = np.stack([y + 0 * x, 2 * x + 2 * y])
    columns = np.stack([y - np.sin(y), np.cos(x) + 2 * y])
    found = fields.row_divergence(tensor, grid, "A")
    np.testing.assert_allclose(found, rows, atol=1e-8)
    assert np.abs(found - columns).max() > 0.5
    array = fields.matrix_field(tensor, grid, "A")
    inner = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(
        fields.row_divergence(array, grid, "A")[inner], rows[inner], atol=0.03
    )


# Checks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_smallest_eigenvalue(d, rng):
    A = rng.normal(size=(50, d, d))
    D = np.moveaxis(A + np.swapaxes(A, 1, 2), 0, -1)
    D = D.reshape(d, d, *([50] if d == 1 else [5, 10] if d == 2 else [5, 5, 2]))
    exact = np.linalg.eigvalsh(np.moveaxis(D, (0, 1), (-2, -1)))[..., 0]
    np.testing.assert_allclose(fields.smallest_eigenvalue(D), exact, atol=1e-13)


def test_rounding_is_no_reason_to_refuse():
    angle = 0.7
    R = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    singular = R @ np.diag([1.0, 0.0]) @ R.T
    D = fields.check_diffusion(matrix_field(singular, PLANE, "D"), PLANE)
    np.testing.assert_array_equal(D[0, 1], D[1, 0])
    uneven = np.array([[1, 0.5 + 1e-13], [0.5, 1]])
    D = fields.check_diffusion(matrix_field(uneven, PLANE, "D"), PLANE)
    np.testing.assert_array_equal(D[0, 1], D[1, 0])
    with pytest.raises(ValueError, match="not symmetric"):
        fields.check_diffusion(matrix_field([[1, 0.5 + 1e-8], [0.5, 1]], PLANE, "D"), PLANE)


PERIODIC = box(24, "periodic")


@pytest.mark.parametrize(
    "f",
    [
        smooth,
        lambda x, y: np.sin(x) ** 2 + np.cos(x) ** 2 + 0 * y,
        lambda x, y: np.exp(40 * np.cos(x)) * y,
        lambda x, y: 1e6 + np.sin(3 * x) + y,
        lambda x, y: y,
        lambda x, y: np.where(x < 1, 5.0, 0.0) * (x > 0.5),
    ],
)
def test_periodic_fields_pass(f):
    values = scalar_field(f, PERIODIC, "f")
    fields.check_periodic(f, values, PERIODIC, "f")
    fields.check_periodic(values, values, PERIODIC, "f")


@pytest.mark.parametrize("seed", range(5))
def test_random_arrays_are_not_taken_for_jumps(seed):
    u = np.random.default_rng(seed).normal(size=(3, 24, 24))
    fields.check_periodic(u, u, PERIODIC, "f")


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + np.sin(x),
        lambda x, y: (x - 3) ** 3 + y,
        lambda x, y: np.cos(x / 2) + y,
        lambda x, y: np.where(x < 3, 0.0, 1e-3) + 0 * y,
    ],
)
def test_jumps_across_the_seam_do_not(f):
    values = scalar_field(f, PERIODIC, "f")
    with pytest.raises(ValueError, match=r"jumps by .* across the seam of the periodic axis 0"):
        fields.check_periodic(f, values, PERIODIC, "f")


def test_jumps_of_arrays_across_the_seam():
    x, y = PERIODIC.x
    for u in (x, x**2, np.stack([y, x])):
        with pytest.raises(ValueError, match="jumps"):
            fields.check_periodic(u, u, PERIODIC, "f")
    fields.check_periodic(y, y, PERIODIC, "f")
    open_along_x = Grid(PERIODIC.box, PERIODIC.shape, ["reflecting", "periodic"])
    fields.check_periodic(x, x, open_along_x, "f")


def test_functions_are_called_with_arrays_of_any_shape():
    """Fields can be evaluated at any points, as the edges of a line and the faces of a seam are."""
    points = np.stack([np.linspace(0, 1, 11), np.linspace(2, 3, 11)])
    assert scalar_field(smooth, PLANE, "f", points).shape == (11,)
    assert vector_field(lambda x, y: (x, 0), PLANE, "b", points).shape == (2, 11)
    assert matrix_field(lambda x, y: (1, x), PLANE, "D", points).shape == (2, 2, 11)
    with pytest.raises(ValueError, match=r"f is nan at cell \(0,\), x = \(0, 2\)"):
        scalar_field(lambda x, y: np.where(x > 0, x, np.nan), PLANE, "f", points)


def test_arrays_over_the_grid_are_told_from_constants():
    shape = PLANE.shape
    for u in (1.0, None, smooth, [1, 2], np.eye(2), [[1, 0], [0, 1]], np.ones(2)):
        assert not fields.is_gridded(u, shape)
    for u in (np.ones(shape), [1, np.ones(shape)], np.ones((2, 2, *shape)), [[1, np.ones(shape)]]):
        assert fields.is_gridded(u, shape)


def test_a_function_on_two_by_two_cells_is_not_taken_for_a_matrix():
    grid = Grid([(0, 2)] * 2, 2)
    D = Problem(grid, D=lambda x, y: 1 + x**2 + y**2).D
    np.testing.assert_array_equal(D[0, 0], 1 + grid.x[0] ** 2 + grid.x[1] ** 2)
    np.testing.assert_array_equal(D[0, 1], 0)
    matrix = np.array([[2, 0.5], [0.5, 1]])
    np.testing.assert_array_equal(Problem(grid, D=lambda x, y: matrix).D[..., 0, 1], matrix)
    np.testing.assert_array_equal(Problem(grid, D=matrix.tolist()).D[..., 0, 1], matrix)
    with pytest.raises(ValueError, match="may be a matrix or values over the grid"):
        Problem(grid, D=matrix)


def test_a_function_at_as_many_points_as_axes_is_not_taken_for_a_diagonal():
    grid, points = Grid([(0, 2)] * 2, 4), np.array([[0.0, 1.0], [0.0, 0.5]])
    D = matrix_field(lambda x, y: 1 + x, grid, "D", points)
    np.testing.assert_array_equal(D[0, 0], [1, 2])
    np.testing.assert_array_equal(D[1, 1], [1, 2])
