"""Feller's classes of walls where D vanishes or the drift is singular, and what they lead to."""

import mpmath
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.domain.grid import Side
from fokkerplanck.equation.walls import _exponent

LOWER = Side(0, "lower")


def line(drift, D, sides="reflecting", box=(0, 1), n=100):
    sides = sides if isinstance(sides, list) else [sides]
    return fp.Problem(fp.Grid([box], n, sides=sides), drift=drift, D=D)


def cir(feller, sides="reflecting"):
    return line(lambda x: 1 - x, lambda x: x / feller, sides, (0, 25))


#: Drift, D, and of each singular wall its class, al and sg.
CLASSES = {
    "square, pushed": (lambda x: 1 + 0 * x, lambda x: x**2, [("entrance", np.inf, -np.inf)]),
    "square, pulled": (lambda x: -1 + 0 * x, lambda x: x**2, [("exit", -np.inf, np.inf)]),
    "cube, pulled": (lambda x: -x, lambda x: x**3, [("natural", -np.inf, np.inf)]),
    "cube, pushed": (lambda x: x, lambda x: x**3, [("natural", np.inf, -np.inf)]),
    "square root, pulled on": (lambda x: -np.sqrt(x), lambda x: x**2, [("exit", -np.inf, np.inf)]),
    "cube, pushed by a logarithm": (
        lambda x: x * (2 - np.log(x)),
        lambda x: x**3,
        [("natural", np.inf, -np.inf)],
    ),
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


def by_feller(p, q, c):
    r"""Class of the wall 0 for D = x^p and drift c x^q, by Feller's integrals.

    With s = exp(-int b/a) and m = 1/(a s) the wall is reached where int_0 M[x, 1] dS converges, and
    left where int_0 S[x, 1] dM does (Karlin and Taylor, section 15.6): where x times the integrand
    falls like a power.
    """
    e = mpmath.mpf(q) + 1 - p

    def pull_from(x, y):
        """int_x^y b/a."""
        return c * (mpmath.log(y / x) if e == 0 else (y**e - x**e) / e)

    def term(x, is_reached):
        sign = 1 if is_reached else -1
        steep = abs(c) * x**e + 1
        cuts = [x, *(y for j in range(-2, 12) if (y := x * (1 + 2 ** (2 * j) / steep)) < 1), 1]
        power = (p, 0) if is_reached else (0, p)
        inner = mpmath.quad(
            lambda y: mpmath.exp(sign * pull_from(x, y)) / (y ** power[0] * x ** power[1]),
            cuts,
            maxdegree=4,
        )
        return x * inner

    far, near = mpmath.mpf("1e-4"), mpmath.mpf("1e-8")
    reached, left = (term(near, how) < term(far, how) / 2 for how in (True, False))
    return {(True, True): "regular", (True, False): "exit", (False, True): "entrance"}.get(
        (bool(reached), bool(left)), "natural"
    )


@pytest.mark.parametrize("p", [0.5, 1, 2, 3])
@pytest.mark.parametrize("q", [0, 0.5, 1])
def test_powers_are_classified_by_fellers_integrals(p, q):
    for c in (-2, 0.5):
        walls = line(lambda x, c=c: c * x**q, lambda x: x**p).walls
        assert walls[0].side == LOWER
        assert walls[0].kind == by_feller(p, q, c), c


@pytest.mark.parametrize(("p", "q", "kind"), [(3, 0.95, "exit"), (2.05, 0.95, "exit")])
def test_pulls_that_grow_slowly(p, q, kind):
    """What takes a finite time by the drift alone does so whatever grid and side."""
    for n in (10, 200):
        for up in (False, True):
            box, sign = ((-1, 0), -1) if up else ((0, 1), 1)
            wall = line(
                lambda x, s=sign: -s * np.abs(x) ** q, lambda x: np.abs(x) ** p, box=box, n=n
            ).walls[0]
            assert (wall.kind, wall.al) == (kind, -np.inf)


def test_walls_into_which_the_drift_carries_everything():
    """x' = -1 with D = x^2 arrives, and in the time x: nothing reflects, and no rate absorbs."""
    for sides, said in (
        ("reflecting", "nothing to reflect"),
        ("absorbing", "end the box a little"),
    ):
        problem = line(lambda x: -1 + 0 * x, lambda x: x**2, [(sides, "reflecting")])
        assert not problem.walls[0].gathers
        for ask in (fp.Generator, fp.mfpt if sides == "absorbing" else fp.steady_state):
            with pytest.raises(ValueError, match=said):
                ask(problem)
    # As told: with noise of 1e-4 times x^2 paths take the time that the drift takes.
    short = fp.Problem(
        fp.Grid([(1e-3, 1)], 400, sides=[("absorbing", "reflecting")]),
        drift=lambda x: -1 + 0 * x,
        D=lambda x: x**2,
        kT=1e-4,
    )
    assert fp.mfpt(short).at(0.5) == pytest.approx(0.5, abs=5e-3)


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


@pytest.mark.parametrize("scale", [1e-200, 1.0, -1e200])
def test_exponents_at_any_size(scale):
    """A cube, whose values have no product in doubles; no power where the sign changes."""
    u = scale * np.array([[1.0, 8.0], [1.0, -8.0], [0.0, 8.0]])
    np.testing.assert_allclose(_exponent(u, np.array([0.5, 1.0])), [3, 0, 0], rtol=1e-15)


def test_exponents_beyond_all_powers():
    u = np.array([[1e-250, 1e250], [np.inf, 1.0], [-np.inf, -np.inf]])
    found = _exponent(u, np.array([0.5, 1.0]))
    assert found[0] > 500
    assert found[1] < -500
    assert found[2] == 0


def test_noise_of_next_to_nothing_along_an_axis():
    """D of eigenvalues 1, 1e-178 and 0: drifts over noise have no squares in doubles."""
    grid = fp.Grid([(0, 1)] * 3, (2, 2, 3), sides=["reflecting", "reflecting", "periodic"])
    drift = np.linspace(-1, 1, 3 * grid.size).reshape(3, *grid.shape)
    problem = fp.Problem(grid, drift=drift, D=np.diag([1.0, 1e-178, 0.0]).tolist())
    state = fp.steady_state(problem)
    assert abs(grid.integrate(state.rho) - 1) < 1e-12
    assert state.rho.min() >= 0
