"""The front of the JKO schemes: which one is taken, why, and that it is that one."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.methods import Context


def on(grid, **options):
    options = options or {"f": lambda *x: sum(u**2 for u in x) / 2}
    return fp.Problem(grid, **options)


LINE, PLANE = fp.Grid([(-3, 3)], 24), fp.Grid([(-3, 3), (-3, 3)], 16)
RING = fp.Grid([(0, 1), (-3, 3)], 16, ["periodic", "reflecting"])
GRADED = fp.Grid([np.linspace(-1.7, 1.7, 17) ** 3 / 2 + np.linspace(-1, 1, 17), (-3, 3)], 16)


def rotating(x, y):
    return -x - y, x - y


CASES = {
    "interval": (LINE, {}, 1, "exact"),
    "interval, order 2": (LINE, {}, 2, "edges"),
    "plane": (PLANE, {}, 1, "entropic"),
    "plane, order 2": (PLANE, {}, 2, "edges"),
    "periodic": (RING, {"f": lambda x, y: y**2}, 1, "edges"),
    "graded": (GRADED, {}, 1, "edges"),
    "D(x)": (PLANE, {"f": lambda x, y: x**2, "D": lambda x, y: 1 + x**2}, 1, "edges"),
    "tensor": (PLANE, {"f": lambda x, y: x**2 + y**2, "D": [[1, 0.5], [0.5, 1]]}, 1, "edges"),
    "circulating": (PLANE, {"drift": rotating}, 1, "edges"),
}


@pytest.mark.parametrize(("grid", "options", "order", "scheme"), CASES.values(), ids=CASES.keys())
def test_choice(grid, options, order, scheme):
    problem = on(grid, **options)
    start = fp.gaussian(grid, [0.4, -0.3][: grid.dim], 0.4)
    solution = fp.solve(problem, start, [0, 0.2], fp.JKO(0.1, order=order))
    assert solution.stats["scheme"] == scheme
    assert solution.stats["reason"]
    assert solution.stats["steps"] == 2
    assert solution.stats["largest_rise"] <= 1e-14


def test_the_scheme_asked_for_is_taken():
    problem, start = on(LINE), fp.gaussian(LINE, 1, 0.2)
    for scheme, made in {
        "exact": fp.jko.ExactW2(0.1),
        "lagrangian": fp.jko.Lagrangian(0.1),
        "entropic": fp.jko.Entropic(0.1),
        "edges": fp.jko.EdgeJKO(0.1),
        "fisher-rao": fp.jko.FisherRao(0.1),
    }.items():
        one = fp.solve(problem, start, [0, 0.1], fp.JKO(0.1, scheme=scheme))
        two = fp.solve(problem, start, [0, 0.1], made)
        np.testing.assert_array_equal(one.rho, two.rho)
        assert one.stats["reason"] == "asked for"


def test_energies_with_fronts_are_followed_by_positions():
    gas = fp.energies.PorousMedium(2)
    solution = fp.solve(
        on(LINE), fp.gaussian(LINE, 0, 0.1), [0, 0.1], fp.JKO(0.1, energy=gas), steady=False
    )
    assert solution.stats["scheme"] == "lagrangian"


def test_second_order_of_the_lagrangian_scheme():
    problem, start = on(LINE), fp.gaussian(LINE, 0.5, 0.2)
    one = fp.solve(problem, start, [0, 0.1], fp.JKO(0.1, scheme="lagrangian", order=2))
    two = fp.solve(problem, start, [0, 0.1], fp.jko.Lagrangian(0.1, integrator="zeg2"))
    np.testing.assert_array_equal(one.rho, two.rho)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 0}, "tau is 0"),
        ({"tau": "x"}, "tau is 'x'"),
        ({"tau": 1, "scheme": "sinkhorn"}, "scheme is 'sinkhorn'; choose from auto, exact"),
        ({"tau": 1, "scheme": None}, "scheme is None"),
        ({"tau": 1, "order": 3}, "order is 3"),
        ({"tau": 1, "order": True}, "order is True"),
        ({"tau": 1, "order": [2]}, "order is"),
        ({"tau": 1, "order": np.array([1, 2])}, "order is an array"),
        ({"tau": 1, "energy": "entropy"}, "energy is 'entropy'"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        fp.JKO(**options)


@pytest.mark.parametrize("scheme", ["exact", "entropic", "fisher-rao"])
def test_no_second_order_where_there_is_none(scheme):
    with pytest.raises(ValueError, match="of order 1 in tau"):
        fp.solve(on(LINE), fp.uniform(LINE), 1.0, fp.JKO(0.1, scheme=scheme, order=2))


def test_edges_without_a_problem_and_tolerances_are_refused():
    with pytest.raises(ValueError, match="need the Problem"):
        fp.JKO(0.1).init(fp.Generator(fp.Edges.from_problem(on(LINE))), Context(1.0))
    with pytest.raises(ValueError, match="does not control its error"):
        fp.solve(on(LINE), fp.uniform(LINE), 1.0, fp.JKO(0.1), rtol=1e-3)
