"""The flux that keeps Maxwell-Boltzmann: exact properties, and rates against references."""

import numpy as np
import pytest
from scipy import sparse
from scipy.interpolate import RectBivariateSpline
from scipy.sparse.linalg import LinearOperator, eigs, splu

import fokkerplanck as fp
from fokkerplanck.scheme.maxwell_boltzmann import STEEP
from fokkerplanck.scheme.phase_space_flux import PhaseSpaceFlux
from tests.convergence.rates import assert_rate

KT = 0.05
BOX = [(-2, 2), (-1.6, 1.6)]


def U(x):
    """Double well with a barrier of five kT."""
    return x**4 / 4 - x**2 / 2


def well(n, gamma=0.1, kT=KT, box=BOX, **options):
    return fp.Problem.langevin(fp.Grid(box, n), U, gamma, kT, **options)


def oscillator(n, gamma, half=4.0, **options):
    return fp.Problem.langevin(
        fp.Grid([(-half, half)] * 2, n), lambda x: x**2 / 2, gamma, **options
    )


def mass(problem):
    """Masses of the Maxwell-Boltzmann state."""
    return (fp.steady_state(problem).rho * problem.grid.volumes).ravel()


def factorised(matrix):
    """Factors of a matrix with a nearly symmetric pattern."""
    options = {"SymmetricMode": True}
    return splu(matrix.tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options=options)


def slowest(matrix, k, shift=1e-5):
    """Eigenvalues next to a shift, by decreasing real part."""
    lu = factorised(matrix - shift * sparse.eye_array(matrix.shape[0]))
    inverse = LinearOperator(matrix.shape, matvec=lu.solve, dtype=np.result_type(shift, float))
    mu = eigs(
        inverse, k=k, which="LM", return_eigenvectors=False, v0=np.ones(matrix.shape[0]), tol=1e-9
    )
    values = shift + 1 / mu
    return values[np.argsort(-values.real)]


def target(problem, edge=0.9):
    """Label and parts of the set x > edge."""
    grid = problem.grid
    label = np.where(grid.x[0] > edge, 0, -1).ravel()
    flux, x = PhaseSpaceFlux(problem), grid.x[0].ravel()
    part = np.full(flux.lower.size, 0.5)
    cut = (label[flux.lower] < 0) & (label[flux.upper] >= 0)
    part[cut] = (edge - x[flux.lower[cut]]) / grid.h[0]
    return label, part


def passage(problem, backward=True, order=5):
    """Mean times (*shape) to x > 0.9."""
    label, part = target(problem)
    flux, free = PhaseSpaceFlux(problem, label, part, order), label < 0
    operator = flux.backward if backward else flux.matrix.T
    times = np.zeros(label.size)
    lu = factorised(sparse.csr_array(operator)[free][:, free])
    times[free] = lu.solve(-np.ones(free.sum()))
    return times.reshape(problem.grid.shape)


def at(problem, values, x, v):
    """Value at a point between cell centres."""
    return float(RectBivariateSpline(*problem.grid.centers, values)(x, v)[0, 0])


# Exact properties --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 3, 5])
@pytest.mark.parametrize("n", [(7, 6), (24, 40), (64, 64)])
def test_the_state_is_stationary_on_any_grid(n, order):
    problem = well(n, mass=0.7)
    flux = PhaseSpaceFlux(problem, order=order)
    p, size = mass(problem), np.abs(flux.matrix).max()
    assert np.abs(flux.matrix @ p).max() < 1e-14 * size
    assert np.abs(flux.matrix.sum(axis=0)).max() < 1e-12 * size
    # Entry by entry, down to the smallest masses: with masses of one, rows sum to zero.
    scaled = sparse.diags_array(1 / p) @ flux.matrix @ sparse.diags_array(p)
    assert np.abs(scaled.sum(axis=1)).max() < 1e-12 * np.abs(scaled).max()
    # What the state carries is the known current.
    found = flux.currents @ p
    exact = fp.steady_state(problem).currents.mass_currents()
    np.testing.assert_allclose(found, exact, atol=1e-14 * np.abs(found).max())


def test_first_order_is_a_markov_chain():
    problem = well((24, 30), gamma=0.02)
    for label in (None, np.where(problem.grid.x[0] > 0.9, 0, -1).ravel()):
        flux = PhaseSpaceFlux(problem, label, order=1)
        matrix = flux.matrix.toarray()
        assert (matrix[~np.eye(len(matrix), dtype=bool)] >= 0).all()
        assert (flux.exits.toarray() >= 0).all()
    wide = PhaseSpaceFlux(problem).matrix.toarray()
    assert (wide[~np.eye(len(wide), dtype=bool)] < 0).any()


def test_graded_axes_in_first_order():
    edges = -2 + 4 * np.linspace(0, 1, 20) ** 1.2
    grid = fp.Grid([edges, np.sinh(np.linspace(-2, 2, 26)) / 2])
    problem = fp.Problem.langevin(grid, U, 0.3, 0.2)
    flux = PhaseSpaceFlux(problem, order=1)
    p = mass(problem)
    assert np.abs(flux.matrix @ p).max() < 1e-14 * np.abs(flux.matrix).max()
    assert np.abs(flux.matrix.sum(axis=0)).max() < 1e-12 * np.abs(flux.matrix).max()
    with pytest.raises(ValueError, match="the grid is graded, and order=5 is for uniform axes"):
        PhaseSpaceFlux(problem)


def test_a_ring():
    """A periodic axis has no seam: with U turned by some cells, so is the matrix."""
    grid = fp.Grid([(0, 2 * np.pi), (-3, 3)], (12, 20), ["periodic", "reflecting"])
    still, turned = (
        PhaseSpaceFlux(fp.Problem.langevin(grid, lambda x, s=s: np.cos(x - s), 0.3, 0.4)).matrix
        for s in (0, 3 * grid.h[0])
    )
    cells = np.arange(grid.size).reshape(grid.shape)
    place = np.roll(cells, -3, axis=0).ravel()
    assert np.abs(turned[place][:, place] - still).max() < 1e-12 * np.abs(still).max()
    assert np.abs(turned - still).max() > 0.01


@pytest.mark.parametrize("order", [1, 3, 5])
def test_what_ends_is_counted(order):
    problem = well((26, 24))
    x, v = problem.grid.x
    region = np.where(x > 0.95, 0, np.where((x + 1) ** 2 + v**2 < 0.16, 1, -1)).ravel()
    part = np.linspace(0.02, 1, PhaseSpaceFlux(problem).lower.size)
    flux = PhaseSpaceFlux(problem, region, part, order)
    size, inside = np.abs(flux.matrix).max(), region >= 0
    assert flux.exits.shape == (3, problem.grid.size)
    assert flux.exits[[2]].nnz == 0
    assert np.abs(flux.matrix.sum(axis=0) + flux.exits.sum(axis=0)).max() < 1e-12 * size
    assert abs(flux.matrix[inside]).sum() == abs(flux.matrix[:, inside]).sum() == 0
    assert abs(flux.currents[:, inside]).sum() == 0
    left = flux.backward.sum(axis=1) + flux.arrivals.sum(axis=0)
    assert np.abs(left).max() < 1e-11 * np.abs(flux.backward).max()
    assert flux.arrivals.min() >= 0


def test_backward_is_the_reversed_chain():
    """Of a symmetric set, both operators have the eigenvalues of the other."""
    problem = well((14, 12), gamma=0.5, kT=0.3)
    label = np.where(problem.grid.x[0] > 0.9, 0, -1).ravel()
    flux, free = PhaseSpaceFlux(problem, label), label < 0
    a, b = (
        np.sort_complex(np.linalg.eigvals(m.toarray()[np.ix_(free, free)]))
        for m in (flux.matrix, flux.backward)
    )
    np.testing.assert_allclose(a, b, atol=1e-8 * np.abs(a).max())
    whole = PhaseSpaceFlux(problem)
    p = mass(problem)
    assert np.abs(whole.backward.T @ p).max() < 1e-14 * np.abs(whole.matrix).max()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: PhaseSpaceFlux(fp.Problem(fp.Grid(BOX, 8), drift=(1.0, 0.0), D=(0, 1))),
            "is not known to have a Maxwell-Boltzmann state",
        ),
        (lambda: PhaseSpaceFlux(well(8), order=2), "order is 2; choose from 5, 3, 1"),
        (
            lambda: PhaseSpaceFlux(
                fp.Problem.langevin(fp.Grid(BOX, 8, ["absorbing", "reflecting"]), U, 1, 1)
            ),
            "reflecting and periodic sides",
        ),
        (
            lambda: PhaseSpaceFlux(well(8, box=[(-2, 2), (-1, 1.5)])).backward,
            "goes from -1 to 1.5; the backward operator needs one",
        ),
        (
            lambda: PhaseSpaceFlux(well(8, kT=1e-4)),
            "the energy changes by .* kT from cell to cell along x, beyond floating point",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Rates -------------------------------------------------------------------------------------------


def turning(gamma):
    """Slowest pair of the oscillator."""
    return -gamma / 2 + np.sqrt(complex(gamma**2 / 4 - 1))


def test_oscillator():
    """All eigenvalues are sums of -gamma/2 +- sqrt(gamma^2/4 - 1), twice the real part included."""
    matrix = PhaseSpaceFlux(oscillator(40, 0.5, half=6.0, kT=1.0)).matrix
    found = slowest(matrix, 1, shift=turning(0.5) + 0.01)[0]
    assert found == pytest.approx(turning(0.5), abs=1e-4)
    slow = oscillator(48, 0.05, half=6.0, kT=1.0)
    found = slowest(PhaseSpaceFlux(slow).matrix, 2, shift=1e-3)
    assert found[1].real == pytest.approx(-0.05, abs=2e-6)
    chain = slowest(PhaseSpaceFlux(slow, order=1).matrix, 2, shift=1e-3)
    assert abs(chain[1].real + 0.05) > 0.05  # first order is far off


@pytest.mark.parametrize("shape", [(1, 1), (2, 1)])
def test_order_of_the_turning_rate(shape):
    """Friction is of fourth order, and cells need not be square."""
    grids, errors = (16, 22, 30), []
    for n in grids:
        problem = oscillator((n * shape[0], n * shape[1]), 0.5, half=5.5, kT=1.0)
        matrix = PhaseSpaceFlux(problem).matrix
        errors.append(abs(slowest(matrix, 1, shift=turning(0.5) + 0.01)[0] - turning(0.5)))
    assert_rate(1 / np.array(grids), errors, 3.7, cap=3e-4)


# Gaps by Hermite functions and sinc collocation, passage times by extrapolation: see the zoo.
GAPS = {1.0: (1.785350e-3, 3e-6), 5.0: (5.38066e-4, 5e-7)}


@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_gap_of_the_double_well(gamma):
    gap, tolerance = GAPS[gamma]
    found = slowest(PhaseSpaceFlux(well(80, gamma)).matrix, 2)
    assert -found[1].real == pytest.approx(gap, abs=tolerance)
    assert abs(found[0]) < 1e-10


@pytest.mark.parametrize("backward", [True, False])
def test_passage_over_the_barrier(backward):
    for gamma, limit in ((1.0, 1134.1), (5.0, 3761.0)):
        problem = well(80, gamma)
        times = passage(problem, backward)
        assert at(problem, times, -1, 0) == pytest.approx(limit, rel=5e-4)
        assert times.min() >= 0


def test_weak_friction():
    """gamma = 0.1, 1071.6: a grid on which an upwind chain gives 49, and its relative 750."""
    problem = well(80, 0.1)
    assert at(problem, passage(problem), -1, 0) == pytest.approx(1071.6, abs=1.5)
    assert at(problem, passage(problem, order=1), -1, 0) == pytest.approx(750, abs=10)


@pytest.mark.slow
def test_very_weak_friction():
    problem = well(160, 0.1)
    assert at(problem, passage(problem), -1, 0) == pytest.approx(1071.6, abs=0.5)
    gap = -slowest(PhaseSpaceFlux(problem).matrix, 2)[1].real
    assert gap == pytest.approx(1.49195e-3, abs=5e-7)
    problem = well(160, 0.02)
    gap = -slowest(PhaseSpaceFlux(problem).matrix, 2)[1].real
    assert gap == pytest.approx(4.4718e-4, rel=5e-3)
    assert at(problem, passage(problem), -1, 0) == pytest.approx(2825, abs=8)
    assert at(problem, passage(problem, backward=False), -1, 0) == pytest.approx(2825, abs=8)


def test_the_place_of_a_boundary():
    """x = 0.9 lies at any part of a distance; next to it times change by less than the grid's."""
    fine = 8.5  # at (0.8, -0.3), gamma = 1, 240 x 240 cells
    for n in (80, 84, 92, 96):
        problem = well(n, 1.0)
        times = passage(problem)
        assert at(problem, times, -1, 0) == pytest.approx(1134.1, abs=0.5)
        assert at(problem, times, 0.8, -0.3) == pytest.approx(fine, rel=0.03)


def test_committor():
    """Chance of x > 0.9 before x < -0.9, friction 0.1, against 10 000 paths a point."""
    problem = well(80, 0.1)
    x = problem.grid.x[0]
    label = np.where(x > 0.9, 1, np.where(x < -0.9, 0, -1)).ravel()
    flux, free = PhaseSpaceFlux(problem, label), label < 0
    q = (label == 1).astype(float)
    lu = factorised(flux.backward[free][:, free])
    q[free] = lu.solve(-flux.arrivals[[1]].toarray().ravel()[free])
    q = q.reshape(problem.grid.shape)
    assert at(problem, q, 0, 0.2) == pytest.approx(0.9971, abs=1.6e-3)
    assert at(problem, q, -0.5, 0.3) == pytest.approx(0.0062, abs=1.6e-3)
    assert at(problem, q, -0.5, 0.5) == pytest.approx(0.5356, abs=1e-2)
    assert -1e-3 < q.min() < q.max() < 1 + 1e-3


def test_tails_are_positive():
    """What is interpolated is t: positive in cells of weight 1e-20, unlike the transpose's."""
    problem = well(80, 0.1)
    step = np.abs(np.diff(U(problem.grid.centers[0]))).max() / KT
    assert step > 2 * STEEP  # the outermost cells are steep
    times, transposed = passage(problem), passage(problem, backward=False)
    assert times.min() >= 0
    assert transposed.min() < -1
    weight = mass(problem).reshape(times.shape)
    assert np.sum(weight * np.abs(times - transposed)) < 2e-3 * np.sum(weight * times)
