"""Problems written and read again are the same, to the last bit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fokkerplanck as fp

NUMBERS = st.floats(-3, 3, allow_subnormal=False).map(lambda u: u if abs(u) > 1e-3 else 0.5)


def expressions(variables):
    """Smooth formulas without poles in these coordinates and a, c."""
    leaves = st.one_of(
        st.sampled_from([*variables, "a", "c", "pi"]),
        NUMBERS.map(lambda u: repr(u) if u >= 0 else f"({u!r})"),
    )

    def deeper(inner):
        return st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
            st.tuples(inner, inner).map(lambda t: f"{t[0]}/(2 + ({t[1]})^2)"),
            st.tuples(st.sampled_from(["sin", "tanh", "atan", "abs"]), inner).map(
                lambda t: f"{t[0]}({t[1]})"
            ),
            inner.map(lambda u: f"-({u})"),
            inner.map(lambda u: f"sin({u})^2"),
        )

    return st.recursive(leaves, deeper, max_leaves=6)


@st.composite
def problems(draw):
    dim = draw(st.integers(1, 2))
    names = draw(st.sampled_from([("x", "y"), ("u", "v")]))[:dim]
    axes = []
    for _ in range(dim):
        low, width = draw(NUMBERS), draw(st.floats(0.1, 3))
        n = draw(st.integers(3, 5))
        faces = low + width * np.linspace(0, 1, n + 1)
        axes.append((low, low + width) if draw(st.booleans()) else low + (faces - low) ** 1.5)
    shape = [3 if len(axis) == 2 else len(axis) - 1 for axis in axes]
    sides = [draw(st.sampled_from(["reflecting", "absorbing"])) for _ in range(dim)]
    parameters = {"a": draw(NUMBERS), "c": draw(NUMBERS)}
    grid = fp.Grid(axes, shape, sides)

    def formula(text):
        return fp.Formula(text, parameters, names)

    words = expressions(names)
    force = draw(st.sampled_from(["f", "drift", "none"]))
    given = {"kT": draw(st.floats(0.01, 10))}
    if force == "f":
        given["f"] = formula(draw(words))
    elif force == "drift":
        given["drift"] = formula([draw(words) for _ in range(dim)])
    noise = draw(st.sampled_from(["number", "diagonal", "formula", "sigma"]))
    if noise == "number":
        given["D"] = draw(st.floats(0.01, 2))
    elif noise == "diagonal":
        given["D"] = [draw(st.floats(0.01, 2)) for _ in range(dim)]
    elif noise == "formula":
        given["D"] = formula(f"1 + ({draw(words)})^2")
    else:
        given["sigma"] = formula([f"1 + ({draw(words)})^2" for _ in range(dim)])
    given["calculus"] = draw(st.sampled_from(["ito", "stratonovich", "klimontovich"]))
    return fp.Problem(grid, **given)


def same(problem, again):
    """Compare all that defines an equation on cells, bit by bit."""
    assert again.grid == problem.grid
    assert again.beta == problem.beta
    for name in ("D", "div_D", "g", "v"):
        np.testing.assert_array_equal(getattr(again, name), getattr(problem, name), err_msg=name)
    if problem.f is not None:
        np.testing.assert_array_equal(again.f, problem.f)


def read_again(problem, folder):
    path = folder / "problem.toml"
    path.write_text(problem.to_toml(), encoding="utf-8")
    return fp.read_problem(path)


ANY_TIME = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(ANY_TIME, max_examples=12)
@given(problem=problems())
def test_written_and_read_again(problem, tmp_path):
    again = read_again(problem, tmp_path)
    same(problem, again)
    assert again.to_toml() == problem.to_toml()


@pytest.mark.slow
@settings(ANY_TIME, max_examples=300)
@given(problem=problems())
def test_many_written_and_read_again(problem, tmp_path):
    same(problem, read_again(problem, tmp_path))


@pytest.mark.parametrize("kT", [0.1, 0.3, 1 / 49, 7e-5])
def test_motion_with_inertia(kT, tmp_path):
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 12)
    U = fp.Formula("h*(x^2 - 1)^2", {"h": 0.25, "v": 3.0}, ("x",))
    problem = fp.Problem.langevin(grid, U, gamma=0.3, kT=kT, mass=1.7)
    again = read_again(problem, tmp_path)
    same(problem, again)
    assert again.given.langevin.gamma == 0.3


def test_inverse_design(tmp_path):
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 12)
    Phi = fp.Formula("x^2/2 + y^2")
    for Q in (0.5, fp.Formula("1 + x^2"), [[0.0, 0.25], [-0.25, 0.0]]):
        problem = fp.Problem.from_potential(grid, Phi, D=fp.Formula("1 + y^2"), Q=Q, beta=3.0)
        same(problem, read_again(problem, tmp_path))


def test_a_problem_that_differs_is_seen_to_differ(tmp_path):
    problem = fp.Problem(fp.Grid([(-1, 1)], 8), f=fp.Formula("x^2"))
    path = tmp_path / "problem.toml"
    path.write_text(problem.to_toml().replace('"x^2"', '"1.0000000001*x^2"'), encoding="utf-8")
    with pytest.raises(AssertionError):
        same(problem, fp.read_problem(path))
