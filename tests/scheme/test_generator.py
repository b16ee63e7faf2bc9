"""The generator: a Markov chain for any D and drift, Gibbs exactly where it must be, consistent."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.scheme.edges import Edges
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from tests.convergence.rates import assert_rate

ANISOTROPY = [1.0, 10.0, 100.0, 1000.0]
BOXES = {1: [(-1.3, 2.0)], 2: [(-1, 1), (0, 5)], 3: [(-1, 1), (0, 3), (-2, 2)]}
CELLS = {1: (40,), 2: (22, 31), 3: (7, 9, 8)}  # nowhere square


def rotating(d, kappa, seed):
    """Smooth D(x) of condition number kappa on axes that turn at random through the box."""
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(0, 0.8, (d, d)), rng.uniform(0, 2 * np.pi, d)

    def D(*x):
        n = [np.cos(sum(w * u for w, u in zip(wave, x, strict=True)) + p)
             for wave, p in zip(waves, phases, strict=True)]  # fmt: skip
        n = np.stack(n) + 1e-3
        n = n / np.sqrt(np.sum(n**2, axis=0))
        eye = np.eye(d).reshape(d, d, *[1] * d)
        return eye + (kappa - 1) * n[:, None] * n[None, :]

    return D


def swirl(*x):
    """Drift with divergence, curl and speed."""
    d = len(x)
    return [3 * np.sin(2 * x[(i + 1) % d] + i) - x[i] for i in range(d)]


def relative_defects(generator):
    """Largest column sum and smallest off-diagonal entry, over the exit rates."""
    A, exits = generator.matrix.tocoo(), generator.exit_rates
    off = A.row != A.col
    columns = np.abs(np.asarray(A.tocsr().sum(axis=0)).ravel() + lost(generator)) / exits
    return float(columns.max()), float((A.data[off] / exits[A.col[off]]).min())


def lost(generator):
    """Rate at which each cell loses mass through absorbing sides."""
    rate = generator.edges.exit_rate
    return 0.0 if rate is None else rate / generator.grid.volume


@pytest.mark.parametrize("sides", ["reflecting", "periodic", "absorbing"])
@pytest.mark.parametrize("kappa", ANISOTROPY)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_columns_sum_to_zero_and_rates_are_not_negative(d, kappa, sides):
    grid = fp.Grid(BOXES[d], CELLS[d], sides)
    for seed in range(3):
        # As arrays: nothing of it is periodic, which must not matter to the chain.
        D, drift = rotating(d, kappa, seed)(*grid.x), np.stack(swirl(*grid.x))
        problem = fp.Problem(grid, D=D, drift=drift, beta=4.0)
        columns, smallest = relative_defects(fp.Generator(problem))
        assert columns <= 1e-13
        assert smallest >= 0.0


def test_central_cross_differences_are_no_markov_chain():
    """Counterexample: linearised about a flat density, the nine-point scheme has negative rates."""
    grid = fp.Grid([(0, 1), (0, 1)], 12, "periodic")
    problem = fp.Problem(grid, D=[[1.0, 0.9], [0.9, 1.2]])
    nine = -NinePoint(grid, *index_units(problem)).jacobian(np.zeros(grid.size))
    for A, is_chain in ((fp.Generator(problem).matrix, True), (nine, False)):
        A = A.tocoo()
        smallest = A.data[A.row != A.col].min() / np.abs(A.data).max()
        assert (smallest >= 0) == is_chain
    assert smallest < -0.1


@pytest.mark.parametrize("d", [1, 2, 3])
def test_graded_axes_with_diagonal_noise(d):
    faces = [lo + (hi - lo) * np.linspace(0, 1, n + 1) ** 1.5
             for (lo, hi), n in zip(BOXES[d], CELLS[d], strict=True)]  # fmt: skip
    grid = fp.Grid(faces)
    problem = fp.Problem(grid, D=np.arange(1.0, d + 1), drift=swirl, beta=4.0)
    columns, smallest = relative_defects(fp.Generator(problem))
    assert columns <= 1e-13
    assert smallest >= 0.0


def potential(d, periodic):
    """Potential with range about 40 kT at beta = 20, on the boxes above."""

    def f(*x):
        if periodic:
            turns = [2 * np.pi * (u - lo) / (hi - lo)
                     for u, (lo, hi) in zip(x, BOXES[d], strict=True)]  # fmt: skip
            return sum(np.sin(t + 1) for t in turns) / d + 0.4 * np.cos(turns[0] + turns[-1])
        return sum(np.cos(2 * u) / 3 for u in x) + 0.5 * x[0] * x[-1]

    return f


@pytest.mark.parametrize("D", [1.0, 2.5])
@pytest.mark.parametrize("sides", ["reflecting", "periodic", "mixed"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_gibbs_state_carries_no_current_on_any_edge(d, sides, D):
    words = ["periodic" if k % 2 == 0 else "reflecting" for k in range(d)]
    grid = fp.Grid(BOXES[d], CELLS[d], words if sides == "mixed" else sides)
    problem = fp.Problem(grid, f=potential(d, sides != "reflecting"), D=D, beta=20.0)
    generator = fp.Generator(problem)
    gibbs = np.exp(-problem.beta * (problem.f - problem.f.min()) / D)
    assert np.ptp(np.log(gibbs)) > 8
    forward, _ = generator.edge_rates
    exchange = forward * gibbs.ravel()[generator.edges.tail]
    assert np.abs(generator.currents(gibbs) / exchange).max() <= 1e-12


def test_gibbs_is_not_exact_with_another_potential_or_an_averaged_drift():
    """Counterexample: tilts from the drift at centres, by the trapezoid, leave currents."""
    grid = fp.Grid(BOXES[2], CELLS[2])
    f = potential(2, periodic=False)
    exact = fp.Problem(grid, f=f, beta=20.0)
    sampled = fp.Problem(grid, drift=-fp.Problem(grid, f=f, beta=20.0).g, beta=20.0)
    gibbs = np.exp(-20 * (exact.f - exact.f.min()))
    for problem, small in ((exact, True), (sampled, False)):
        generator = fp.Generator(problem)
        exchange = generator.edge_rates[0] * gibbs.ravel()[generator.edges.tail]
        assert (np.abs(generator.currents(gibbs) / exchange).max() < 1e-6) == small


def test_apply_is_the_matrix_and_the_divergence_of_the_currents(rng):
    faces = np.linspace(0, 1, 9) ** 1.3
    for grid, D in (
        (fp.Grid([faces, (0, 2)], (8, 6)), (1.0, 0.3)),
        (fp.Grid([(0, 1), (0, 2)], (8, 6), ["periodic", "reflecting"]), [[1.0, 0.6], [0.6, 0.8]]),
    ):
        generator = fp.Generator(fp.Problem(grid, D=D, drift=swirl))
        rho = rng.random(grid.shape)
        rate = generator.apply(rho)
        volume = grid.volumes
        mass = generator.matrix @ (rho * volume).ravel()
        np.testing.assert_allclose((rate * volume).ravel(), mass, rtol=0, atol=1e-11)
        edges, flow = generator.edges, generator.currents(rho)
        inflow = np.bincount(edges.head, flow, grid.size) - np.bincount(edges.tail, flow, grid.size)
        np.testing.assert_allclose(mass, inflow, rtol=0, atol=1e-11)
        assert abs(grid.integrate(rate)) < 1e-12 * grid.integrate(np.abs(rate))


def test_arguments_are_checked():
    grid = fp.Grid([(0, 1)], 8)
    generator = fp.Generator(fp.Problem(grid))
    with pytest.raises(ValueError, match="give a Problem or Edges"):
        fp.Generator(grid)
    with pytest.raises(ValueError, match=r"shape \(7,\), expected the grid's \(8,\)"):
        generator.apply(np.ones(7))
    same = fp.Generator(Edges.from_problem(fp.Problem(grid)))
    assert (same.matrix != generator.matrix).nnz == 0
    assert "non-zeros" in repr(generator)


def test_questions_take_a_problem_or_a_generator():
    problem = fp.Problem(fp.Grid([(0, 1)], 8))
    generator = fp.Generator(problem)
    assert fp.Generator.of(generator, "a question") is generator
    assert fp.Generator.of(problem, "a question").problem is problem
    for given in (problem, generator):
        assert fp.Generator.problem_of(given, "a question") is problem
    with pytest.raises(ValueError, match=r"a question received .* made of Edges.*give the Problem"):
        fp.Generator.problem_of(fp.Generator(Edges.from_problem(problem)), "a question")
    for ask in (fp.Generator.of, fp.Generator.problem_of):
        with pytest.raises(ValueError, match="a question received NoneType; give a Problem"):
            ask(None, "a question")


def test_a_released_matrix_is_made_again():
    generator = fp.Generator(fp.Problem(fp.Grid([(0, 1)], 8)))
    matrix = generator.matrix
    assert generator.matrix is matrix
    generator.release()
    assert generator.matrix is not matrix
    assert (generator.matrix != matrix).nnz == 0


# --- consistency ------------------------------------------------------------------------------


CROSS_TERMS = {"diagonal": (0.0, 0.0), "one stencil": (0.4, 0.2), "two stencils": (0.0, 0.4)}


def torus_truth(cross_term):
    """Problem parts on the torus and the exact rate of change of a density rho.

    D = [[1.3 + .3 sin x, c], [c, .9]], c = m + a cos(x + y), drift b = (sin y, cos(x - y)/2),
    rho = 1 + .5 sin(x + 2 y); rate = -div(b rho) + sum_ik d_i d_k (D_ik rho).
    """
    m, a = CROSS_TERMS[cross_term]

    def D(x, y):
        cross = m + a * np.cos(x + y)
        return [[1.3 + 0.3 * np.sin(x), cross], [cross, 0.9 + 0 * x]]

    def drift(x, y):
        return np.sin(y), 0.5 * np.cos(x - y)

    def rho(x, y):
        return 1 + 0.5 * np.sin(x + 2 * y)

    def rate(x, y):
        s, p = np.sin(x + 2 * y), np.cos(x + 2 * y)
        r = 1 + 0.5 * s
        flow = np.sin(y) * 0.5 * p + 0.5 * np.cos(x - y) * p + 0.5 * np.sin(x - y) * r
        xx = -0.3 * np.sin(x) * r + 0.3 * np.cos(x) * p - (1.3 + 0.3 * np.sin(x)) * 0.5 * s
        yy = 0.9 * (-2 * s)
        C, S = a * np.cos(x + y), a * np.sin(x + y)
        xy = -C * r - S * p - S * 0.5 * p - (m + C) * s
        return -flow + xx + yy + 2 * xy

    return D, drift, rho, rate


def consistency(cross_term, norm=np.max, calculus="ito"):
    """Errors of the generator on a smooth density: one norm per grid."""
    D, drift, rho, rate = torus_truth(cross_term)
    h, error = [], []
    for n in (24, 48, 96):
        grid = fp.Grid([(0, 2 * np.pi)] * 2, n, "periodic")
        generator = fp.Generator(fp.Problem(grid, D=D, drift=drift, calculus=calculus))
        h.append(grid.h[0])
        error.append(norm(np.abs(generator.apply(rho(*grid.x)) - rate(*grid.x))))
    return h, error


@pytest.mark.parametrize(("cross_term", "cap"), [("diagonal", 6e-3), ("one stencil", 2e-2)])
def test_generator_is_second_order_consistent(cross_term, cap):
    assert_rate(*consistency(cross_term), order=2, cap=cap)


def test_a_change_of_stencil_costs_consistency_on_its_seam_only():
    """Selling's weights have kinks where offsets change: first order in the mean, none in the max.

    Solutions do not feel it: the convergence tests of steady states cross many such seams.
    """
    h, mean = consistency("two stencils", norm=np.mean)
    assert_rate(h, mean, order=1, cap=5e-2)
    assert consistency("two stencils")[1][-1] > 0.1


@pytest.mark.parametrize("cross_term", ["diagonal", "one stencil"])
def test_the_wrong_calculus_is_not_consistent(cross_term):
    """Counterexample: without div D the error does not fall at all."""
    with pytest.raises(AssertionError):
        assert_rate(*consistency(cross_term, calculus="klimontovich"), order=2, cap=2e-2)
