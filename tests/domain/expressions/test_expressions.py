"""Formulas in text against Python's own arithmetic, mpmath, and what is wrong with them."""

import pickle
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fokkerplanck as fp
from fokkerplanck.domain.expressions import (
    ExpressionError,
    differentiate,
    names_in,
    parse,
    printed,
    valued,
)
from fokkerplanck.domain.expressions.parser import DEEPEST, LONGEST
from fokkerplanck.domain.expressions.tree import FUNCTIONS

NAMES = ("x", "y", "a")
SMOOTH = ("exp", "sin", "cos", "sinh", "cosh", "tanh", "atan")


def _python(text):
    """The same formula in Python: its ** binds as our ^ does."""
    return text.replace("^", "**")


def _texts(functions, pairs):
    leaves = st.sampled_from(["x", "y", "a", "2", "0.5", "1.25", "pi"])

    def grow(inner):
        brackets = inner.map(lambda u: f"({u})")
        return st.one_of(
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map("".join),
            st.tuples(brackets, st.sampled_from(["+", "-", "*", "/"]), brackets).map(" ".join),
            brackets.map(lambda u: f"-{u}"),
            st.tuples(brackets, st.sampled_from(["2", "3", "-1", "-2"])).map("^".join),
            st.tuples(st.sampled_from(functions), brackets).map("".join),
            st.tuples(st.sampled_from(pairs), inner, inner).map(lambda u: f"{u[0]}({u[1]},{u[2]})"),
        )

    return st.recursive(leaves, grow, max_leaves=12)


ALL = [name for name, (_, count) in FUNCTIONS.items() if count == 1]
PAIRS = [name for name, (_, count) in FUNCTIONS.items() if count != 1]
NUMPY = {
    **{name: function for name, (function, _) in FUNCTIONS.items()},
    "pi": np.float64(np.pi),
    "e": np.float64(np.e),
}


def _expected(text, values):
    numbers = {name: np.float64(u) if np.ndim(u) == 0 else u for name, u in values.items()}
    # Bare numbers of Python raise where numpy goes to infinity.
    code = re.sub(r"(?<![\w.])(\d+\.?\d*)", r"F(\1)", _python(text))
    with np.errstate(all="ignore"):
        return eval(code, {"__builtins__": {}, "F": np.float64, **NUMPY, **numbers})


@settings(max_examples=300, deadline=None)
@given(text=_texts(ALL, PAIRS))
def test_values_are_those_of_python(text):
    values = {"x": np.array([-1.5, 0.25, 2.0]), "y": np.array([0.5, -3.0, 1.0]), "a": 0.75}
    expected = _expected(text, values)
    np.testing.assert_allclose(valued(parse(text, NAMES), values), expected, 1e-9, 1e-9)


@settings(max_examples=300, deadline=None)
@given(text=_texts(ALL, PAIRS))
def test_what_is_printed_means_the_same(text):
    tree = parse(text, NAMES)
    assert parse(printed(tree), NAMES) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("-2^2", -4), ("2^3^2", 512), ("2^-1", 0.5), ("-2^-2", -0.25), ("(-2)^2", 4)],
        *[("8/4/2", 1), ("8-4-2", 2), ("8/(4/2)", 4), ("2*-3", -6), ("--3", 3), ("---3", -3)],
        *[("1-(2-3)", 2), ("1e2+.5+1.", 101.5), ("min(3,1,2)", 1), ("max(3,1,2,7)", 7)],
        *[("atan2(0,-1)", np.pi), ("hypot(3,4)", 5), ("sign(-3)+abs(-3)", 2), ("e^2", np.e**2)],
        *[("-3*2", -6), ("-6/2*3", -9), ("2*x^0", 2), ("4^0.5", 2), ("2^17", 131072)],
    ],
)
def test_precedence(text, value):
    assert valued(parse(text), {"x": 0.0}) == pytest.approx(value, rel=1e-15)


POINTS = [(0.3, 0.7), (-0.8, 1.1), (1.7, -0.4)]
MP = {name: getattr(mpmath, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan")}
MP |= {name: getattr(mpmath, name) for name in ("sinh", "cosh", "tanh", "atan", "atan2", "hypot")}
MP |= {"sign": mpmath.sign, "abs": abs, "min": min, "max": max, "pi": mpmath.pi, "e": mpmath.e}


def _derivative(text, point, k):
    """Derivative by differences in a hundred digits."""
    with mpmath.workdps(100):
        step = mpmath.mpf(10) ** -30

        def at(shift):
            x, y = (mpmath.mpf(u) + shift * (i == k) for i, u in enumerate(point))
            scope = {"__builtins__": {}, **MP, "x": x, "y": y, "a": mpmath.mpf(0.75)}
            return eval(_python(text), scope)

        return complex((at(step) - at(-step)) / (2 * step)).real


@pytest.mark.parametrize(
    "text",
    [
        *["x^2", "x^-3", "(x^2 + 1)^y", "2^x", "(x^2 + 2)^1.5", "(x^2+1)^(a*x)", "a*x*y", "1/x"],
        *["x/y", "x/y/(x+3)", "a/(x*y)", "x*y*x*y*x", "-x^2*y", "x - (y - x*y)", "1 - 1/x - x"],
        *[
            "exp(-x^2/2)*sin(y)",
            "log(x^2+y^2)",
            "sqrt(x^2+1)",
            "tan(x/2)",
            "sinh(x*y)",
            "cosh(y-x)",
        ],
        *["tanh(3*x)", "tanh(20+x)", "atan(x/y)", "atan2(y, x)", "atan2(x*y, x+2)", "hypot(x, y)"],
        *["abs(x)*y", "sign(x)*y", "min(x, y, x*y)", "max(x^2, y, 0.1)", "(x^2-1)^2/4 + y^2/2"],
        *["max(min(x, y), -x)", "exp(sin(cos(x*y)))", "x^x^2*0 + y", "cos(a*x)^3"],
    ],
)
def test_derivatives(text):
    for k, name in enumerate(("x", "y")):
        slope = differentiate(parse(text, NAMES), name)
        for point in POINTS:
            if "x^x" in text and point[0] < 0:
                continue
            found = valued(slope, {"x": point[0], "y": point[1], "a": 0.75})
            assert found == pytest.approx(_derivative(text, point, k), rel=1e-12, abs=1e-15), text


@settings(max_examples=100, deadline=None)
@given(text=_texts(list(SMOOTH), ["hypot"]))
def test_derivatives_of_random_formulas(text):
    point = POINTS[0]
    values = {"x": point[0], "y": point[1], "a": 0.75}
    try:
        expected = _derivative(text, point, 0)
    except (ZeroDivisionError, OverflowError, mpmath.libmp.NoConvergence):
        return
    size = abs(valued(parse(text, NAMES), values))
    if not np.isfinite(expected) or not 1e-6 < abs(expected) < 1e6 or not size < 1e6:
        return
    found = valued(differentiate(parse(text, NAMES), "x"), values)
    assert found == pytest.approx(expected, rel=1e-6), printed(
        differentiate(parse(text, NAMES), "x")
    )


def test_corners_have_the_mean_of_both_slopes():
    for text, mean in {"abs(x)": 0, "max(x, 0)": 0.5, "min(x, 3*x)": 2}.items():
        assert valued(differentiate(parse(text), "x"), {"x": 0.0}) == mean


def test_long_formulas_are_flat():
    for sign in "+-*/":
        text = sign.join(["x"] * 4000)
        tree = parse(text)
        assert printed(tree).replace(" ", "") == text
        slope = valued(differentiate(tree, "x"), {"x": 1.0})
        assert slope == {"+": 4000, "-": -3998, "*": 4000, "/": -3998}[sign]


def test_names():
    assert names_in(parse("a*x + pi*e", NAMES)) == {"a", "x"}


MISTAKES = {
    "": (1, 1, "the formula is empty"),
    "  \n ": (1, 1, "the formula is empty"),
    "x +": (1, 4, "the formula ends where a number"),
    "x + * y": (1, 5, "'*' stands where a number"),
    "+x": (1, 1, "'+' stands where a number"),
    "(x": (1, 1, "this bracket is never closed"),
    "x*(y + (x - 1)": (1, 3, "this bracket is never closed"),
    "sin(x": (1, 4, "this bracket is never closed"),
    "x)": (1, 2, "this bracket closes none"),
    "x, y": (1, 2, "a comma stands outside"),
    "(x, y)": (1, 3, "a comma stands outside"),
    "2x": (1, 2, "'x' follows '2'; write an operator, * for example"),
    "x y": (1, 3, "'y' follows 'x'"),
    "x\n+ q": (2, 3, "there is no name q; choose from x, y, a, pi, e"),
    "alpha*sinn(x)": (1, 1, "there is no name alpha"),
    "sinn(x)": (1, 1, "there is no function sinn; did you mean sin?"),
    "Exp(x)": (1, 1, "there is no function Exp; did you mean exp?"),
    "arctan(x)": (1, 1, "there is no function arctan; did you mean atan?"),
    "__import__(x)": (1, 1, "there is no function __import__"),
    "x.real": (1, 2, "'.' is not understood; leave it out"),
    "sin x": (1, 1, "sin is a function; write sin(...)"),
    "x(y)": (1, 1, "x is no function; write x*(...)"),
    "sin()": (1, 1, "sin takes 1 argument, not 0"),
    "sin(x, y)": (1, 1, "sin takes 1 argument, not 2"),
    "atan2(x)": (1, 1, "atan2 takes 2 arguments, not 1"),
    "min(x)": (1, 1, "min takes two or more arguments, not 1"),
    "x**2": (1, 2, "'**' is not understood; write ^ for powers"),
    "x < y": (1, 3, "there are no comparisons"),
    "x == y": (1, 3, "'=' is not understood"),
    "x²": (1, 2, "'²' is not understood; write ^2"),
    "[x]": (1, 1, "write ( )"),
    "x; y": (1, 2, "write ,"),
    "'x'": (1, 1, "is not understood"),
    "π*x": (1, 1, "write pi"),
    "x\u200b": (1, 2, "is not understood"),
    "١+x": (1, 1, "is not understood"),
    "1e999": (1, 1, "1e999 is beyond floating point"),
    "9" * 5000: (1, 1, "is beyond floating point"),
    "(" * 100_000: (1, 1, f"the formula has 100000 characters; give {LONGEST} at most"),
    "(" * 5000 + "x" + ")" * 5000: (1, 1, "10001 characters"),
    "(" * 4000 + "x" + ")" * 4000: (1, DEEPEST + 1, f"nested more than {DEEPEST} deep"),
    "x^" * 4000 + "x": (1, 2 * DEEPEST + 2, f"nested more than {DEEPEST} deep"),
    "sin(" * 1500 + "x" + ")" * 1500: (1, 4 * DEEPEST + 4, f"nested more than {DEEPEST} deep"),
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: repr(text[:14]))
def test_mistakes_have_a_place(text):
    line, column, words = MISTAKES[text]
    with pytest.raises(ExpressionError) as caught:
        parse(text, NAMES)
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert len(str(caught.value)) < 160
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_deep_enough_formulas_have_derivatives():
    text = "sin(" * (DEEPEST - 1) + "x^2" + ")" * (DEEPEST - 1)
    found = valued(differentiate(parse(text), "x"), {"x": 0.3})
    assert found == pytest.approx(_derivative(text, (0.3, 0), 0), rel=1e-12)
    deep = "(1 + x*" * (DEEPEST - 1) + "x^2" + ")" * (DEEPEST - 1)
    assert np.isfinite(valued(differentiate(parse(deep), "x"), {"x": 0.3}))


@pytest.mark.parametrize("text", ["1/0", "log(-1)*x", "x + 10^400", "exp(1000)", "a/(b-b)*x"])
def test_constant_parts_are_finite(text):
    with pytest.raises(ValueError, match=r"is (inf|nan); give finite numbers"):
        fp.Formula(text, {"a": 1, "b": 2})


@pytest.mark.parametrize("name", ["x", "sin", "pi", "e", "2a", "a b", "é"])
def test_names_of_parameters_are_free(name):
    with pytest.raises(ValueError, match="cannot name a parameter"):
        fp.Formula("x", {name: 1.0})


def test_a_problem_of_formulas_is_that_of_functions_with_exact_derivatives():
    grid = fp.Grid([(-2, 2), (-1.5, 1.5)], (24, 20))
    x, y = grid.x
    f = fp.Formula("(x^2 - 1)^2/4 + y^2/2 + c*sin(x*y)", {"c": 0.3})
    D = fp.Formula([["1 + x^2*y^2", "x*y/4"], ["x*y/4", "2 + cos(x)"]])
    problem = fp.Problem(grid, f=f, D=D, kT=0.5)
    slope = np.stack([x**3 - x + 0.3 * y * np.cos(x * y), y + 0.3 * x * np.cos(x * y)])
    np.testing.assert_allclose(problem.g, slope, 1e-14, 1e-14)
    div = np.stack([2 * x * y**2 + x / 4, y / 4 + 0 * x])
    np.testing.assert_allclose(problem.div_D, div, 1e-14, 1e-14)
    theirs = fp.Problem(
        grid,
        f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + 0.3 * np.sin(x * y),
        D=lambda x, y: [[1 + x**2 * y**2, x * y / 4], [x * y / 4, 2 + np.cos(x)]],
        kT=0.5,
    )
    np.testing.assert_allclose(problem.D, theirs.D, 1e-14)
    np.testing.assert_allclose(problem.div_D, theirs.div_D, atol=1e-5)
    assert pickle.loads(pickle.dumps(f))(0.5, 1.0) == f(0.5, 1.0)


def test_a_formula_of_too_many_coordinates_is_refused():
    with pytest.raises(ValueError, match="holds y, which 1 coordinates do not have"):
        fp.Problem(fp.Grid([(-1, 1)], 8), f=fp.Formula("x + y"))


def test_vectors_and_text():
    field = fp.Formula(["-x + w*y", 0.5], {"w": 2})
    assert field(1.0, 3.0) == (5.0, 0.5)
    assert field.text() == ("-x + w*y", "0.5")
    assert repr(field) == "Formula(('-x + 2*y', '0.5'))"
    with pytest.raises(ValueError, match="a formula is None"):
        fp.Formula([None, "x"])
    with pytest.raises(ValueError, match="an empty list"):
        fp.Formula([["1", "x"], []])
