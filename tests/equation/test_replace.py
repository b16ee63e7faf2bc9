"""``Problem.replace``: the same problem as one made of all its parts, and nothing stale in it."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.kept import forget_all
from fokkerplanck.linalg import dissection

PLANE = fp.Grid([(-2, 2), (-1.5, 1.5)], (24, 20))
FIELDS = ("D", "g", "drift", "v", "div_D", "f", "potential", "circulation", "beta")


def f(x, y):
    """Loss."""
    return x**4 / 4 + x * y / 3 + y**2


def drift(x, y):
    """Drift without a potential."""
    return y - x**3, -x - y


def D(x, y):
    """Positive definite tensor field."""
    return [[1 + 0.1 * x**2, 0.2 * np.sin(y)], [0.2 * np.sin(y), 1 + 0.1 * x * y]]


def assert_same(one, other):
    for name in FIELDS:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs, err_msg=name)
    assert (one.D_kind, one.D_constant, one.walls) == (other.D_kind, other.D_constant, other.walls)
    edges, others = fp.Edges.from_problem(one), fp.Edges.from_problem(other)
    np.testing.assert_array_equal(edges.weight, others.weight)
    np.testing.assert_array_equal(edges.tilt, others.tilt)


GIVEN = {
    "loss": {"f": f, "D": D},
    "loss in klimontovich": {"f": f, "D": D, "calculus": "klimontovich"},
    "drift in stratonovich": {"drift": drift, "D": D, "calculus": "stratonovich"},
    "loss with gradient": {"f": f, "grad_f": lambda x, y: (x**3 + y / 3, x / 3 + 2 * y)},
    "drift": {"drift": drift, "D": (1.0, 0.5)},
    "noise": {"drift": drift, "sigma": [[1.0, 0.2], [0.0, 0.7]]},
    "noise as callable": {"f": f, "sigma": lambda x, y: [[1 + 0.1 * x, 0 * x], [0 * x, 1 + 0 * x]]},
    "arrays": {"f": f(*PLANE.x), "D": np.stack([1 + 0.1 * PLANE.x[0] ** 2, np.ones((24, 20))])},
    "neither": {},
}
CHANGES = {
    "beta": {"beta": 2.5},
    "kT": {"kT": 0.3},
    "f": {"f": lambda x, y: x**2 + 3 * y**2},
    "drift": {"drift": lambda x, y: (-x, y * 0 - 2 * y)},
    "D": {"D": (0.5, 2.0)},
    "all": {"f": lambda x, y: x**2 + y**2, "D": 0.3, "kT": 0.1},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("given", GIVEN)
def test_it_is_the_problem_made_of_all_parts(given, change):
    old = fp.Problem(PLANE, **GIVEN[given], beta=1.7)
    fp.steady_state(old, scheme="markov")  # fills every cache that there is
    whole = {"beta": 1.7, **GIVEN[given], **CHANGES[change]}
    if "kT" in whole:
        del whole["beta"]
    if {"f", "drift"} & CHANGES[change].keys():
        whole.pop("grad_f", None)
        whole.pop("drift" if "f" in CHANGES[change] else "f", None)
    if "D" in CHANGES[change]:
        whole.pop("sigma", None)
    new, scratch = old.replace(**CHANGES[change]), fp.Problem(PLANE, **whole)
    assert_same(new, scratch)
    mine, theirs = (fp.steady_state(p, scheme="markov").log_rho for p in (new, scratch))
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("noise", [(1.0, 0.5), D], ids=["diagonal", "full"])
@pytest.mark.parametrize("sides", ["reflecting", ("periodic", "reflecting")])
def test_the_default_state_does_not_know_what_was_asked_before(noise, sides):
    """To the last bit that of a process that keeps nothing, whatever is kept of other questions."""
    grid = fp.Grid([(-2, 2), (-1.5, 1.5)], (20, 18), sides=sides)
    pull = (lambda x, y: (y - x**3, -x - y)) if sides == "reflecting" else _around
    noise = noise if sides == "reflecting" or not callable(noise) else [[1, 0.2], [0.2, 0.8]]
    first = fp.Problem(grid, drift=pull, D=noise, kT=0.6)
    fp.steady_state(first)
    fp.steady_state(fp.Problem(PLANE, drift=drift, D=(1.0, 0.5), kT=0.6))
    kept = [fp.steady_state(first.replace(kT=kT)) for kT in (0.5, 0.9)]
    for state, kT in zip(kept, (0.5, 0.9), strict=True):
        forget_all()
        alone = fp.steady_state(fp.Problem(grid, drift=pull, D=noise, kT=kT))
        assert (state.stats.scheme, state.stats.message) == ("log4", alone.stats.message)
        np.testing.assert_array_equal(state.log_rho, alone.log_rho)
        np.testing.assert_array_equal(state.J, alone.J)


def _around(x, y):
    """Drift of period 4 along x."""
    return np.sin(np.pi * x / 2) + 0.4 + 0 * y, np.cos(np.pi * x / 2) - y


def test_the_designed_potential_stays_that_of_the_steady_state():
    design = {"Phi": lambda x, y: x**2 + y**2, "D": D, "Q": 0.5}
    old = fp.Problem.from_potential(PLANE, **design)
    assert_same(old.replace(beta=3), fp.Problem.from_potential(PLANE, **design, beta=3))
    assert_same(old.replace(f=f), fp.Problem(PLANE, f=f, D=D))
    assert_same(old.replace(drift=drift, beta=2), fp.Problem(PLANE, drift=drift, D=D, beta=2))


def test_underdamped_motion_takes_another_temperature_or_grid():
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 20)
    old = fp.Problem.langevin(grid, lambda x: x**2 / 2, gamma=0.4, kT=0.1)
    assert_same(
        old.replace(kT=0.05), fp.Problem.langevin(grid, lambda x: x**2 / 2, gamma=0.4, kT=0.05)
    )
    fine = grid.refined()
    assert_same(old.replace(grid=fine), old.on(fine))
    with pytest.raises(ValueError, match=r"drift is given, .* call Problem.langevin again"):
        old.replace(drift=drift)


def test_another_grid_with_other_parts():
    fine = PLANE.refined()
    old = fp.Problem(PLANE, f=f(*PLANE.x), D=D)
    assert_same(old.replace(grid=fine, f=f(*fine.x)), fp.Problem(fine, f=f(*fine.x), D=D))
    with pytest.raises(ValueError, match="f given as arrays know one grid only"):
        old.replace(grid=fine)
    arrays = fp.Problem(PLANE, drift=np.stack(drift(*PLANE.x)), D=np.array(D(*PLANE.x)))
    with pytest.raises(ValueError, match="drift given as arrays know one grid only"):
        arrays.replace(grid=fine, D=2.0)


def test_a_changed_function_is_not_forgotten():
    class Loss:
        """A function that can be changed from outside."""

        stiffness = 1.0

        def __call__(self, x, y):
            return self.stiffness * (x**2 + y**2) / 2

    loss = Loss()
    old = fp.Problem(PLANE, f=loss)
    loss.stiffness = 4.0
    changed = old.replace(f=loss, beta=2)
    np.testing.assert_array_equal(changed.f, loss(*PLANE.x))
    np.testing.assert_array_equal(changed.g, fp.Problem(PLANE, f=loss).g)
    b = np.stack(drift(*PLANE.x))
    pushed = fp.Problem(PLANE, drift=b)
    b *= 3
    np.testing.assert_array_equal(pushed.replace(drift=b).drift, b)
    np.testing.assert_allclose(pushed.replace(beta=2).drift, b / 3, rtol=1e-15)


def test_what_stays_is_shared_and_not_evaluated():
    calls = []

    def counted(x, y):
        calls.append(x.size)
        return D(x, y)

    old = fp.Problem(PLANE, f=f, D=counted)
    assert old.div_D.any()
    calls.clear()
    new = old.replace(beta=2)
    assert new.D is old.D
    assert new.div_D is old.div_D
    assert calls == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "nothing is given to replace; give f, drift, D, grid, beta or kT"),
        ({"beta": 1, "kT": 1}, "beta and kT are both given"),
        ({"f": f, "drift": drift}, "f and drift are both given"),
        ({"beta": -1}, "beta is -1; give a finite positive number"),
        ({"D": -1.0}, "D"),
        ({"grid": 3}, "grid"),
        ({"f": "x**2"}, "f is 'x"),
    ],
)
def test_wrong_calls(change, words):
    with pytest.raises(ValueError, match=words):
        fp.Problem(PLANE, f=f).replace(**change)


def test_minibatch_problems_are_made_again():
    def losses(theta, data):
        return (np.multiply.outer([1.0, 2.0], theta[0]) - 1) ** 2 / 2

    old = fp.Problem.from_samples(fp.Grid([(-3, 3)], 32), losses, None, eta=0.1, b=1)
    for change in ({"beta": 2}, {"D": 1.0}, {"f": lambda x: x**2}):
        with pytest.raises(ValueError, match=r"call Problem.from_samples again"):
            old.replace(**change)
    assert old.replace(grid=fp.Grid([(-3, 3)], 16)).eta == 0.1


def test_an_order_is_taken_from_the_same_pattern_alone():
    line, ring = (fp.Grid([(0, 1)], 40, sides=s) for s in ("reflecting", "periodic"))
    trees = []
    for grid in (line, line, ring, line):
        A = fp.Generator(fp.Problem(grid)).matrix.tocoo()
        off = A.row != A.col
        A = type(A)((A.data[off], (A.row[off], A.col[off])), shape=A.shape).tocsr()
        trees.append(dissection.nested_dissection(A.indptr, A.indices, np.arange(40)[:, None]))
    assert trees[0] is trees[1] is trees[3]
    assert trees[2] is not trees[0]
    assert trees[2].n_fill > trees[0].n_fill
