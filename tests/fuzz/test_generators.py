"""The Markov generator of random problems: signs, sums, symmetries, against edge-by-edge sums."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import fokkerplanck as fp
from tests.fuzz.references import dense_generator
from tests.fuzz.strategies import Setup, setups


def dense(problem):
    """Dense generator of the library."""
    return fp.Generator(problem).matrix.toarray()


def same(A, B, tolerance=1e-11):
    """True if two generators agree, relative to the larger of the rates out of the two cells."""
    out = np.maximum(-A.diagonal(), -B.diagonal())
    return np.all(np.abs(A - B) <= tolerance * np.maximum(out[:, None], out) + 1e-300)


@given(setups(singular=True))
def test_signs_and_sums(setup):
    generator = fp.Generator(setup.problem())
    A, edges = generator.matrix.toarray(), generator.edges
    off = A - np.diag(A.diagonal())
    V = np.broadcast_to(generator.grid.volume, generator.grid.shape).ravel()
    exits = 0 if edges.exit_rate is None else edges.exit_rate / V
    assert np.isfinite(A).all()
    assert (off >= 0).all()
    assert (np.abs(A.sum(axis=0) + exits) <= 1e-13 * -A.diagonal() + 1e-300).all()
    assert edges.weight.min() >= 0


@given(setups(singular=True))
def test_matrix_is_the_sum_of_its_edges(setup):
    generator = fp.Generator(setup.problem())
    assert same(generator.matrix.toarray(), dense_generator(generator.edges))


@given(setups(dims=(2, 3), periodic=True, absorbing=False, kinds=("tensor",), decades=0.0,
              condition=1.0), st.data())  # fmt: skip
def test_weights_add_up_to_the_tensor(setup, data):
    """Sum over offsets of w e e^T = kT D V, cell by cell (Selling), away from walls and floors."""
    n = data.draw(st.integers(5, 7))
    setup = replace(
        setup, shape=(n,) * len(setup.shape), sides=("periodic",) * len(setup.shape), peclet=0.0
    )
    problem = setup.problem()
    edges = fp.Edges.from_problem(problem)
    assume(not edges.n_floored)
    grid, total = problem.grid, 0.0
    place = np.array(np.unravel_index(np.arange(grid.size), grid.shape))
    step = place[:, edges.head] - place[:, edges.tail]
    step = (step + n // 2) % n - n // 2
    e = step * np.array(grid.h)[:, None]
    total = np.einsum("e,ie,ke->ik", edges.weight, e, e) / (grid.size * grid.volume)
    D = problem.D.reshape(grid.dim, grid.dim, -1)[..., 0]
    assert np.abs(total - problem.kT * D).max() <= 1e-11 * problem.kT * np.abs(D).max()


def moved(setup, fields, problem):
    """Problem of the same kind on the same axes with other arrays."""
    return fp.Problem(problem.grid, beta=setup.beta, **fields)


@given(setups(dims=(2, 3), graded=False))
def test_axes_may_be_exchanged(setup):
    problem, d = setup.problem(), len(setup.shape)
    order = [*range(1, d), 0]
    grid = problem.grid
    turned = fp.Grid(
        [grid.box[k] for k in order],
        [grid.shape[k] for k in order],
        sides=[grid.sides[k][0] if grid.periodic[k] else grid.sides[k] for k in order],
    )
    swap = lambda field, lead: np.moveaxis(field, range(lead, lead + d), np.argsort(order) + lead)  # noqa: E731
    other = fp.Problem(
        turned,
        drift=swap(problem.drift, 1)[order],
        D=swap(problem.D, 2)[np.ix_(order, order)],
        beta=problem.beta,
    )
    numbers = np.moveaxis(np.arange(grid.size).reshape(grid.shape), range(d), np.argsort(order))
    A, B = dense(problem), dense(other)
    assert same(A[np.ix_(numbers.ravel(), numbers.ravel())], B)


@given(setups(), st.data())
def test_an_axis_may_be_reflected(setup, data):
    problem, d = setup.problem(), len(setup.shape)
    axis = data.draw(st.integers(0, d - 1))
    grid = problem.grid
    faces = list(grid.faces)
    faces[axis] = -faces[axis][::-1]
    sides = [
        pair[0] if wraps else pair for pair, wraps in zip(grid.sides, grid.periodic, strict=True)
    ]
    if not grid.periodic[axis]:
        sides[axis] = sides[axis][::-1]
    even = not any(grid.graded)
    box = [(F[0], F[-1]) for F in faces] if even else faces
    other_grid = fp.Grid(box, grid.shape if even else None, sides=sides)
    sign = np.ones(d)
    sign[axis] = -1
    turn = lambda field, lead: np.flip(field, lead + axis)  # noqa: E731
    other = fp.Problem(
        other_grid,
        drift=turn(problem.drift, 1) * sign.reshape(d, *[1] * d),
        D=turn(problem.D, 2) * np.outer(sign, sign).reshape(d, d, *[1] * d),
        beta=problem.beta,
    )
    numbers = np.flip(np.arange(grid.size).reshape(grid.shape), axis).ravel()
    assert same(dense(problem)[np.ix_(numbers, numbers)], dense(other))


@given(setups(), st.data())
def test_rings_may_be_turned(setup, data):
    setup = replace(
        setup,
        sides=("periodic", *setup.sides[1:]),
        graded=(False, *setup.graded[1:]),
        shape=(max(setup.shape[0], 3), *setup.shape[1:]),
    )
    problem = setup.problem()
    by = data.draw(st.integers(1, setup.shape[0] - 1))
    other = fp.Problem(
        problem.grid,
        drift=np.roll(problem.drift, by, 1),
        D=np.roll(problem.D, by, 2),
        beta=problem.beta,
    )
    numbers = np.roll(np.arange(problem.grid.size).reshape(problem.grid.shape), by, 0).ravel()
    assert same(dense(problem)[np.ix_(numbers, numbers)], dense(other))


def in_other_units(problem, L, T, c):
    """The problem with lengths times L, times times T, and beta D in place of D, c times beta."""
    grid = problem.grid
    sides = [
        pair[0] if wraps else pair for pair, wraps in zip(grid.sides, grid.periodic, strict=True)
    ]
    even = not any(grid.graded)
    faces = [L * F for F in grid.faces]
    box = [(F[0], F[-1]) for F in faces] if even else faces
    return fp.Problem(
        fp.Grid(box, grid.shape if even else None, sides=sides),
        drift=problem.drift * L / T,
        D=problem.D * c * L**2 / T,
        beta=problem.beta * c,
    )


#: The last digit of D moves the rates of this problem by 1e-11: D changes 10^4-fold between cells.
ILL_CONDITIONED = Setup(
    (2, 7),
    (1.0, 1.0),
    (False, False),
    (("reflecting", "reflecting"),) * 2,
    kind="tensor",
    decades=4.0,
    condition=1e4,
    scale=10.0,
    seed=1,
)


@given(setups(), st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
@example(ILL_CONDITIONED, 0, 0, 1)
def test_units(setup, length, time, heat):
    """Units of x and t, and beta D in place of D, change the rates by the unit of time alone.

    Powers of two round nothing, so that the rates agree to the last bit, however ill-conditioned.
    """
    problem = setup.problem()
    L, T, c = 2.0**length, 2.0**time, 2.0**heat
    assert same(dense(problem) / T, dense(in_other_units(problem, L, T, c)), 0.0)


@given(setups(decades=0.0, condition=2.0), st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_units_of_any_size(setup, length, time, heat):
    """The same for factors that round D, where one digit of D is about one of the rates."""
    problem = setup.problem()
    L, T, c = 10.0**length, 10.0**time, 10.0**heat
    assert same(dense(problem) / T, dense(in_other_units(problem, L, T, c)))


@given(setups(climb=200.0, absorbing=False, kinds=("number", "diagonal")))
def test_gibbs_masses_stay(setup):
    """A Gibbs density is a fixed point to rounding, whatever D: detailed balance on every edge."""
    raw = setup.problem()
    problem = fp.Problem.from_potential(raw.grid, raw.f, setup.D(), setup.beta)
    generator = fp.Generator(problem)
    rho = np.exp(-setup.beta * (raw.f - raw.f.min()))
    V = np.broadcast_to(raw.grid.volume, raw.grid.shape)
    p = (rho * V).ravel()
    flow = generator.matrix @ p
    through = generator.exit_rates * p
    assert (np.abs(flow) <= 1e-11 * through + 1e-290 * through.max()).all()


@given(setups(climb=50.0), st.floats(-1e3, 1e3))
def test_a_constant_in_the_loss_is_nothing(setup, constant):
    problem = setup.problem()
    lifted = fp.Problem(problem.grid, problem.f + constant / setup.beta, setup.D(), setup.beta)
    assert same(dense(problem), dense(lifted), 1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_drift_with_the_wrong_sign_is_seen(sign):
    """What `same` compares: the counterexample of the tests above."""
    grid = fp.Grid([(0, 1)], 4)
    A = dense(fp.Problem(grid, drift=[1.0]))
    B = dense(fp.Problem(grid, drift=[1.0 * sign]))
    assert same(A, B) is np.True_ if sign > 0 else not same(A, B)
