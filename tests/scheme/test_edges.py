"""Edge lists: which edges, how heavy, how tilted, and what walls take and give back."""

import re

import numpy as np
import pytest
from scipy import sparse

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.currents import edge_offsets
from fokkerplanck.scheme.edges import Edges

FULL = np.array([[1.0, 0.9], [0.9, 1.2]])


def edges_of(problem):
    return Edges.from_problem(problem)


def turned(kappa, angle):
    """Matrix of condition number kappa, largest along an angle."""
    n = np.array([np.cos(angle), np.sin(angle)])
    return np.eye(2) + (kappa - 1) * np.outer(n, n)


@pytest.mark.parametrize(
    ("D", "kind"),
    [
        (2.0, "isotropic"),
        ((3.0, 3.0), "isotropic"),
        ([[0.5, 0.0], [0.0, 0.5]], "isotropic"),
        ((1.0, 0.2), "diagonal"),
        (lambda x, y: [[1 + x**2, 0 * x], [0 * x, 1 + x**2]], "isotropic"),
        (lambda x, y: (1 + x**2, 1 + y**2), "diagonal"),
        (FULL, "tensor"),
    ],
)
def test_smallest_edge_list_is_found_from_the_values(D, kind):
    grid = fp.Grid([(-1, 1), (-1, 1)], (6, 9))
    edges = edges_of(fp.Problem(grid, D=D))
    assert edges.kind == kind
    assert f"{kind} edges" in repr(edges)
    if kind != "tensor":
        assert edges.weight.size == 5 * 9 + 6 * 8
        assert edges.width == 1
    else:
        assert edges.weight.size > 5 * 9 + 6 * 8


@pytest.mark.parametrize("sides", ["reflecting", "periodic", ["periodic", "reflecting"]])
@pytest.mark.parametrize("kappa", [1.5, 10.0, 1000.0])
def test_edges_are_sane(kappa, sides):
    grid = fp.Grid([(0, 2), (0, 1)], (24, 20), sides)
    edges = edges_of(fp.Problem(grid, D=turned(kappa, 0.3), drift=lambda x, y: (y, -x)))
    assert np.all(edges.tail != edges.head)
    assert np.all(edges.weight > 0)
    assert np.isfinite(edges.tilt).all()
    offsets = edge_offsets(edges)
    assert np.abs(offsets).max() == edges.width
    key = list(zip(edges.tail, edges.head, np.round(edges.tilt, 9), strict=True))
    assert len(set(key)) == len(key)


@pytest.mark.parametrize("sides", ["reflecting", "periodic"])
def test_tilts_are_exact_differences_of_the_loss(sides):
    grid = fp.Grid([(0, 2 * np.pi)] * 2, (20, 14), sides)
    problem = fp.Problem(grid, f=lambda x, y: np.sin(x) + np.cos(x - y), D=2.0, beta=37.0)
    edges, f = edges_of(problem), problem.f.ravel()
    np.testing.assert_allclose(
        edges.tilt, 37.0 * (f[edges.tail] - f[edges.head]) / 2.0, rtol=0, atol=1e-13
    )


def test_tilts_on_a_line_are_integrals_of_the_drift():
    """With callables, b/D is integrated between centres, far better than by the trapezoid."""
    grid = fp.Grid([(-2, 2)], 40)
    problem = fp.Problem(grid, drift=lambda x: -(x**3) * (2 + np.sin(x)), D=lambda x: 2 + np.sin(x),
                         calculus="klimontovich")  # fmt: skip
    edges, x = edges_of(problem), grid.x[0]
    exact = (x[edges.tail] ** 4 - x[edges.head] ** 4) / 4
    np.testing.assert_allclose(edges.tilt, exact, atol=2e-5)
    middle = 0.5 * (x[edges.tail] ** 3 + x[edges.head] ** 3) * 0.1
    assert np.abs(-middle - exact).max() > 20 * np.abs(edges.tilt - exact).max()


def test_conductances_of_graded_axes():
    """Face between widths a and b: area kT (D_x b + D_y a)/(a + b) / distance."""
    faces = np.array([0.0, 0.1, 0.3, 0.6, 1.0, 1.5])
    grid = fp.Grid([faces, (0, 2)], (5, 4))
    edges = edges_of(fp.Problem(grid, D=lambda x, y: (1 + x, 2.0 + 0 * x), kT=0.5))
    a, x = np.diff(faces), grid.centers[0]
    across = edge_offsets(edges)[:, 0] == 1
    i = np.unravel_index(edges.tail[across], grid.shape)[0]
    at_face = ((1 + x[i]) * a[i + 1] + (1 + x[i + 1]) * a[i]) / (a[i] + a[i + 1])
    expected = 0.5 * 0.5 * at_face / (0.5 * (a[i] + a[i + 1]))
    np.testing.assert_allclose(edges.weight[across], expected, rtol=1e-13)
    np.testing.assert_allclose(edges.weight[~across], (a * 0.5 * 2.0 / 0.5).repeat(3), rtol=1e-13)


def test_full_tensor_on_graded_axes_is_refused():
    grid = fp.Grid([np.array([0, 0.1, 0.3, 0.7, 1.0]), (0, 1)], (4, 4))
    with pytest.raises(ValueError, match="off-diagonal entries on a graded grid"):
        edges_of(fp.Problem(grid, D=FULL))


@pytest.mark.parametrize("kappa", [3.0, 20.0, 60.0])
def test_interior_edges_add_up_to_the_tensor(kappa):
    """Sum over the edges of a cell of w e e^T / 2 = kT D/(h h), cells far from walls."""
    D = turned(kappa, 1.1)
    grid = fp.Grid([(0, 4), (0, 1)], 64)  # cells four times as long as wide
    edges = edges_of(fp.Problem(grid, D=D, kT=0.3))
    e, w = edge_offsets(edges), edges.weight / grid.volume
    terms = w[:, None, None] * e[:, :, None] * e[:, None, :]
    total = np.zeros((grid.size, 2, 2))
    for ends in (edges.tail, edges.head):
        np.add.at(total, ends, 0.5 * terms)
    middle = total.reshape(64, 64, 2, 2)[31, 31]
    h = np.array(grid.h)
    np.testing.assert_allclose(middle, 0.3 * D / np.multiply.outer(h, h), rtol=1e-10)


def channel_energy(kappa, angle):
    """(energy of the edges, exact energy) of a linear function that drives no current into walls.

    Reflecting along x, periodic along y: q = (-D_xy/D_xx, 1) has (D q)_x = 0.
    """
    D = turned(kappa, angle)
    grid = fp.Grid([(0, 1), (0, 1)], 32, ["reflecting", "periodic"])
    edges = edges_of(fp.Problem(grid, D=D))
    q = np.array([-D[0, 1] / D[0, 0], 1.0])
    step = edge_offsets(edges) * np.array(grid.h)
    return float(np.sum(edges.weight * (step @ q) ** 2)), float(q @ D @ q)


@pytest.mark.parametrize("angle", [0.2, 0.7, 1.3, 2.5])
@pytest.mark.parametrize("kappa", [2.0, 10.0, 100.0])
def test_walls_give_back_the_energy_of_dropped_edges(kappa, angle):
    found, exact = channel_energy(kappa, angle)
    assert found == pytest.approx(exact, rel=1e-11)


def test_without_the_wall_edges_energy_is_lost(monkeypatch):
    """Counterexample: dropping the edges that leave thins the medium along the wall."""
    monkeypatch.setattr("fokkerplanck.scheme.tensor_edges._lost", lambda *_: [])
    found, exact = channel_energy(10.0, 0.7)
    assert found < 0.985 * exact


def matrix_on(grid, D, drift):
    return fp.Generator(fp.Problem(grid, D=D, drift=drift)).matrix.toarray()


def varying(x, y):
    """Tensor field of condition number 20 that turns through the box."""
    angle = 0.4 + x - 0.7 * y
    n = np.stack([np.cos(angle), np.sin(angle)])
    return np.eye(2)[:, :, None, None] + 19 * n[:, None] * n[None, :]


def test_exchanging_the_axes_exchanges_the_cells():
    grid, other = fp.Grid([(0, 1), (0, 2)], (12, 10)), fp.Grid([(0, 2), (0, 1)], (10, 12))
    A = matrix_on(grid, varying, lambda x, y: (np.sin(3 * y), x * y))
    B = matrix_on(
        other, lambda x, y: varying(y, x)[::-1, ::-1], lambda x, y: (x * y, np.sin(3 * x))
    )
    order = np.arange(120).reshape(12, 10).T.ravel()
    np.testing.assert_allclose(A[np.ix_(order, order)], B, rtol=1e-10, atol=1e-9)


def test_mirroring_an_axis_mirrors_the_cells():
    grid = fp.Grid([(-1, 1), (-1, 1)], (12, 10))
    flip = np.array([[1.0, -1.0], [-1.0, 1.0]])[:, :, None, None]
    A = matrix_on(grid, varying, lambda x, y: (np.sin(3 * y), x + y))
    B = matrix_on(grid, lambda x, y: varying(-x, y) * flip, lambda x, y: (-np.sin(3 * y), -x + y))
    order = np.arange(120).reshape(12, 10)[::-1].ravel()
    np.testing.assert_allclose(A[np.ix_(order, order)], B, rtol=1e-10, atol=1e-9)


def test_stretching_an_axis_changes_nothing_but_units():
    """Only kT D_ik/(h_i h_k) and v_i/h_i matter."""
    narrow, wide = fp.Grid([(0, 1), (0, 1)], (12, 10)), fp.Grid([(0, 1), (0, 8)], (12, 10))
    stretch = np.array([[1.0, 8.0], [8.0, 64.0]])[:, :, None, None]
    A = matrix_on(narrow, varying, lambda x, y: (y, -x))
    B = matrix_on(wide, lambda x, y: varying(x, y / 8) * stretch, lambda x, y: (y / 8, -8 * x))
    # The row divergence of D is by differences whose step follows the cell.
    np.testing.assert_allclose(A, B, rtol=1e-9, atol=1e-8)


def test_exits_sit_at_absorbing_sides_only():
    grid = fp.Grid([(0, 1), (0, 1)], 8, [("absorbing", "reflecting"), "periodic"])
    for D in (1.0, FULL):
        exits = edges_of(fp.Problem(grid, D=D)).exit_rate.reshape(8, 8)
        assert np.all(exits[0] > 0)
        assert np.all(exits[2:] == 0)
    closed = fp.Grid([(0, 1), (0, 1)], 8)
    assert edges_of(fp.Problem(closed, D=FULL)).exit_rate is None


GRADED = fp.Grid([np.linspace(0, 1, 9) ** 2, (0, 1)], (8, 7), "absorbing")
PLANE = fp.Grid([(0, 1), (0, 1)], (8, 9), ["absorbing", ("reflecting", "absorbing")])
SPACE = fp.Grid([(0, 1)] * 3, (6, 5, 7), ["absorbing", "periodic", "absorbing"])


@pytest.mark.parametrize(
    ("grid", "D"),
    [
        (fp.Grid([(0, 1)], 9, "absorbing"), 0.5),
        (GRADED, (1.0, 0.0)),  # no noise along y
        (PLANE, FULL),
        (PLANE, [[1.0, 1.0], [1.0, 1.0]]),  # no noise across (1, 1)
        (SPACE, np.array([[2.0, 0.5, 0.3], [0.5, 1.0, -0.2], [0.3, -0.2, 1.0]])),
    ],
    ids=["line", "graded", "tensor", "singular", "space"],
)
def test_exits_of_a_side_are_those_of_a_box_that_absorbs_there_alone(grid, D):
    def drift(*x):
        return [(-1) ** k * (1 + u) for k, u in enumerate(reversed(x))]

    edges = edges_of(fp.Problem(grid, drift=drift, D=D))
    assert tuple(edges.exits) == grid.sides_of("absorbing")
    faces = [F if graded else (F[0], F[-1])
             for F, graded in zip(grid.faces, grid.graded, strict=True)]  # fmt: skip
    for side, exits in edges.exits.items():
        words = [["reflecting" if w == "absorbing" else w for w in pair] for pair in grid.sides]
        words[side.axis][side.end == "upper"] = "absorbing"
        alone = fp.Problem(fp.Grid(faces, grid.shape, words), drift=drift, D=D)
        np.testing.assert_array_equal(exits, edges_of(alone).exit_rate)
    assert edges.exit_rate.any()


def test_drift_alone_is_upwinded():
    """Where D vanishes the current is v rho of the cell it comes from."""
    grid = fp.Grid([(0, 1)], 10)
    problem = fp.Problem(grid, drift=lambda x: 1 + 0 * x, D=lambda x: np.where(x < 0.5, 1.0, 0.0))
    edges = edges_of(problem)
    rho = np.linspace(1.0, 2.0, 10)
    flow = fp.Generator(edges).currents(rho)
    noiseless = edges.tail >= 5
    np.testing.assert_allclose(flow[noiseless], rho[edges.tail[noiseless]], rtol=1e-12)
    # Counterexample: centred faces would carry the mean of both cells.
    centred = 0.5 * (rho[edges.tail] + rho[edges.head])[noiseless]
    assert np.abs(flow[noiseless] - centred).min() > 0.05


def test_hopeless_anisotropy_is_floored_and_said():
    grid = fp.Grid([(0, 1), (0, 1)], 16)
    mild, wild = (edges_of(fp.Problem(grid, D=turned(k, 0.5))) for k in (10.0, 1e8))
    assert (mild.n_floored, wild.n_floored) == (0, 256)
    assert re.search("floored in 256 cells", repr(wild))
    assert wild.width <= 16


def test_three_cells_on_a_ring_are_joined_symmetrically():
    grid = fp.Grid([(0, 1), (0, 1)], (3, 6), "periodic")
    A = fp.Generator(fp.Problem(grid, D=FULL)).matrix
    assert abs(A - A.T).max() < 1e-12 * abs(A).max()
    count, _ = sparse.csgraph.connected_components(A, directed=False)
    assert count == 1


def test_reference_problem_has_the_width_of_its_anisotropy():
    widths = [edges_of(zoo.manufactured_wall(k).build(48)).width for k in (1.0, 10.0, 100.0)]
    assert widths[0] == 1
    assert widths[1] <= 4
    assert widths[2] <= 8


def test_absorbing_sides_are_half_a_cell_away():
    """Out flows rho w B(-z/2) / (1/2), with w = D / h and z = v h / D of a whole cell."""
    n, v = 4, 3.0
    grid = fp.Grid([(0, 1)], n, "absorbing")
    np.testing.assert_allclose(Edges.from_problem(fp.Problem(grid)).exit_rate, [8, 0, 0, 8])
    z = 0.5 * v / n
    right = [2 * n * z / np.expm1(z), 0, 0, 2 * n * z / -np.expm1(-z)]
    found = Edges.from_problem(fp.Problem(grid, drift=v)).exit_rate
    np.testing.assert_allclose(found, right, rtol=1e-13)
