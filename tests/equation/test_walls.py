"""Feller's classes of walls where D vanishes or the drift is singular, and what they lead to."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.grid import Side

LOWER = Side(0, "lower")


def line(drift, D, sides="reflecting", box=(0, 1), n=100):
    return fp.Problem(fp.Grid([box], n, sides=[sides]), drift=drift, D=D)


def cir(feller, sides="reflecting"):
    return line(lambda x: 1 - x, lambda x: x / feller, sides, (0, 25))


#: Drift, D, and of each singular wall its class, al and sg.
CLASSES = {
    "square, pushed": (lambda x: 1 + 0 * x, lambda x: x**2, [("entrance", np.inf, -np.inf)]),
    "square, pulled": (lambda x: -1 + 0 * x, lambda x: x**2, [("natural", -np.inf, np.inf)]),
    "geometric, pulled": (lambda x: 0.2 * x, lambda x: 0.5 * x**2, [("natural", -0.6, 0.6)]),
    "geometric, pushed": (lambda x: 0.8 * x, lambda x: 0.5 * x**2, [("natural", 0.6, -0.6)]),
    "neutral": (lambda x: 0 * x, lambda x: x * (1 - x), [("exit", 0, 1), ("exit", 0, 1)]),
    "mutation": (
        lambda x: 0.1 * (1 - 2 * x),
        lambda x: x * (1 - x),
        [("regular", 0.1, 0.9), ("regular", 0.1, 0.9)],
    ),
    "biased": (
        lambda x: 0.1 * (1 - x) - 2 * x,
        lambda x: x * (1 - x),
        [("regular", 0.1, 0.9), ("entrance", 2, -1)],
    ),
    "Feller .32": (lambda x: 0.32 * (1 - x), lambda x: x, [("regular", 0.32, 0.68)]),
    "Feller 2": (lambda x: 2 * (1 - x), lambda x: x, [("entrance", 2, -1)]),
    "towards the wall": (lambda x: -0.5 - x, lambda x: x, [("exit", -0.5, 1.5)]),
    "square root": (lambda x: 0 * x, lambda x: np.sqrt(x), [("regular", 0.5, 1)]),
    "Bessel": (lambda x: 0.7 / x, lambda x: 1 + 0 * x, [("regular", 1.7, 0.3)]),
    "Bessel, pulled": (lambda x: -0.7 / x, lambda x: 1 + 0 * x, [("regular", 0.3, 1.7)]),
    "Bessel, caught": (lambda x: -1.5 / x, lambda x: 1 + 0 * x, [("exit", -0.5, 2.5)]),
    "Bessel, 3D": (lambda x: 2 / x, lambda x: 1 + 0 * x, [("entrance", 3, -1)]),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_and_exponents(name):
    drift, D, expected = CLASSES[name]
    walls = line(drift, D).walls
    assert [wall.kind for wall in walls] == [kind for kind, *_ in expected]
    for wall, (_, al, sg) in zip(walls, expected, strict=True):
        np.testing.assert_allclose([wall.al, wall.sg], [al, sg], atol=1e-6)


@pytest.mark.parametrize(
    ("drift", "D"),
    [
        (lambda x: np.sin(x), lambda x: 0.05 + x),
        (lambda x: 1e3 + 0 * x, lambda x: 1 + 0 * x),  # 10 kT a cell
        (lambda x: 1 / np.sqrt(x), lambda x: 1 + 0 * x),  # integrable: an ordinary wall
        (lambda x: -x, lambda x: (x - 0.5) ** 2),  # zero inside
        (lambda x: x, lambda x: np.maximum(x - 0.1, 0)),  # no noise at all near the wall
    ],
)
def test_ordinary_walls_are_none_of_these(drift, D):
    assert line(drift, D).walls == ()


def test_a_periodic_axis_has_no_walls():
    ring = fp.Grid([(0, 1)], 32, sides="periodic")
    assert fp.Problem(ring, D=lambda x: np.sin(np.pi * x) ** 2).walls == ()


@pytest.mark.parametrize("n", [50, 100, 400])
def test_zero_is_told_from_small_at_the_upper_wall_too(n):
    """1 - x is known to rounding only there: al = 0 must not be taken for 1e-5, nor 1e-4 for 0."""
    neutral = line(lambda x: 0 * x, lambda x: x * (1 - x), n=n)
    rare = line(lambda x: 1e-4 * (1 - 2 * x), lambda x: x * (1 - x), n=n)
    assert [w.kind for w in neutral.walls] == ["exit", "exit"]
    assert [w.kind for w in rare.walls] == ["regular", "regular"]


def test_the_words_of_each_class():
    words = {
        "regular": cir(0.32).walls[0].acts,
        "regular, absorbing": cir(0.32, ("absorbing", "reflecting")).walls[0].acts,
        "entrance": cir(2).walls[0].acts,
        "entrance, absorbing": cir(2, ("absorbing", "reflecting")).walls[0].acts,
        "gathers": line(lambda x: 0.2 * x, lambda x: 0.5 * x**2).walls[0].acts,
    }
    assert words == {
        "regular": "reflecting as asked",
        "regular, absorbing": "absorbing as asked",
        "entrance": "never reached, reflecting by itself",
        "entrance, absorbing": "never reached, so treated as reflecting",
        "gathers": "never reached, but mass gathers there",
    }
    shown = repr(cir(2, ("absorbing", "reflecting")))
    assert "lower x wall (D vanishes): entrance, never reached, so treated as reflecting" in shown
    assert "singular drift" in repr(line(lambda x: 0.7 / x, 1.0))


def test_sides_that_are_never_reached_are_not_open():
    assert cir(0.32, ("absorbing", "reflecting")).has_open_sides
    assert not cir(2, ("absorbing", "reflecting")).has_open_sides
    assert cir(2, ("absorbing", "absorbing")).has_open_sides
    assert not cir(2).has_open_sides


def test_the_class_may_change_along_a_wall():
    grid = fp.Grid([(0, 4), (0, 1)], (20, 10))
    problem = fp.Problem(
        grid, drift=lambda x, y: (0.1 + y - x, 0 * y), D=lambda x, y: (x, 1 + 0 * y)
    )
    (wall,) = problem.walls
    assert (wall.side, wall.kind, wall.everywhere) == (LOWER, "regular", False)
    assert wall.al == pytest.approx(0.15, abs=1e-6)
    assert (
        "regular on lines y=0.05..0.85, reflecting as asked; entrance on lines y=0.95" in wall.words
    )
    assert [part.kind for part in wall.parts] == ["regular", "entrance"]
    # <L x> = 0 but for what the wall of the box at x = 4 reflects, a = 4 there.
    state = fp.steady_state(problem)
    at_end = (1.5 * state.rho[-1] - 0.5 * state.rho[-2]).mean()
    # On 20 cells .0066 is left: exponents of lines for themselves, though paths mix them.
    assert state.mean(lambda x, y: x) == pytest.approx(0.6 - 4 * at_end, abs=8e-3)


def test_lines_that_keep_what_arrives_are_named():
    grid = fp.Grid([(0, 4), (0, 1)], (20, 10))

    def ask(grid):
        return fp.Problem(
            grid, drift=lambda x, y: (y - 0.5 - x, 0 * y), D=lambda x, y: (x, 1 + 0 * y)
        )

    with pytest.raises(
        ValueError, match=r"vanishes at x=0 on lines y=0.05..0.45 and nothing pushes"
    ):
        fp.steady_state(ask(grid))
    leaky = fp.Grid([(0, 4), (0, 1)], (20, 10), sides=[("absorbing", "reflecting"), "reflecting"])
    problem = ask(leaky)
    assert "exit on lines y=0.05..0.45, absorbing as asked" in repr(problem)
    assert problem.has_open_sides
    assert np.isfinite(fp.mfpt(problem).mean).all()


def test_parts_that_are_never_reached_shut_a_side():
    grid = fp.Grid([(0, 9), (0, 1)], (20, 10), sides=[("absorbing", "reflecting"), "reflecting"])
    problem = fp.Problem(
        grid,
        drift=lambda x, y: (1.5 + y - x * (y < 0.5) * (1 + 0 * x), 0 * y),
        D=lambda x, y: (x, 1 + 0 * y),
    )
    assert not problem.has_open_sides


POWERS = {1.0: 1, 1.5: 1.5, 2.0: 2, 3.0: 3}


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("graded", [False, True])
def test_arrays_tell_their_exponent(power, graded):
    grid = fp.Grid([np.linspace(0, 1, 41) ** 1.4]) if graded else fp.Grid([(0, 1)], 40)
    x = grid.x[0]
    (wall,) = fp.Problem(grid, drift=x * 0 + 0.3 * x**power / x, D=x**power * (1 + x)).walls
    assert wall.al == pytest.approx(1 + 0.3 - power, abs=0.02)


@pytest.mark.parametrize("D", [lambda x: 0.01 + x, lambda x: 1 + 10 * x, lambda x: 0.1 + x**2])
def test_arrays_that_do_not_vanish(D):
    grid = fp.Grid([(0, 1)], 10)
    assert fp.Problem(grid, D=D(grid.x[0])).walls == ()


def test_a_singular_drift_given_as_an_array():
    grid = fp.Grid([(0, 1)], 50)
    (wall,) = fp.Problem(grid, drift=-0.7 / grid.x[0]).walls
    assert (wall.kind, round(wall.al, 6), wall.vanishing) == ("regular", 0.3, False)


def test_random_arrays_show_no_wall(rng):
    """Noise that is small in one cell by chance is no wall."""
    grid = fp.Grid([(0, 1), (0, 1)], 6)
    for _ in range(200):
        assert fp.Problem(grid, D=list(10 ** rng.uniform(-2, 2, (2, 6, 6)))).walls == ()
