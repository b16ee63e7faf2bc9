"""Portraits, stream functions, force fields, ledgers, tables: what is drawn is what was given."""

import inspect
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import plot, zoo
from fokkerplanck.observables import EntropyProduction

PLANE = fp.Grid([(-4, 4), (-3, 3)], (48, 36))


def rotating(sign=1):
    """Steady state of a rotation in a harmonic well: psi = -rho times sign, T = 1."""
    problem = fp.Problem(PLANE, drift=lambda x, y: (-x - sign * y, sign * x - y))
    return fp.steady_state(problem)


@pytest.fixture(scope="module")
def left():
    return rotating()


@pytest.fixture
def axes():
    return plot.canvas(12, 4).subplots(1, 3)


def test_portrait_has_a_panel_for_each(left, axes):
    picture = plot.portrait(left, axes, height=6)
    mesh, hills, flow = picture
    assert (mesh.axes, hills.axes, flow.lines.axes) == tuple(axes)
    np.testing.assert_array_equal(mesh.get_array(), left.rho.T)
    assert (hills.levels[0], hills.levels[-1]) == (0, pytest.approx(6))
    radius = np.linalg.norm(np.concatenate(flow.lines.get_segments()), axis=-1)
    assert radius.max() < np.sqrt(2 * 6) + 0.2
    assert [ax.get_title() for ax in axes] == ["density ρ", "Φ", "circulation j"]
    bars = [ax.child_axes[0].get_ylabel() for ax in axes]
    assert bars == ["ρ, 1/area", "Φ − min Φ, units of f", "|j|, length/time"]
    axes[0].figure.canvas.draw()


def test_portrait_on_a_line_shows_the_loss_and_no_rounding_errors(axes):
    exact = zoo.noise_induced_transition(0.1)
    steady = fp.steady_state(exact.build(80))
    picture = plot.portrait(steady, axes)
    assert [curve.get_label() for curve in axes[1].lines] == ["Φ", "f"]
    drawn = picture.current.get_ydata()
    assert (drawn[np.isfinite(drawn)] == 0).all()
    assert np.isnan(drawn[0])
    assert "rounding" in axes[2].texts[0].get_text()
    labels = [ax.get_ylabel() for ax in axes]
    assert labels == ["ρ, 1/length", "Φ − min Φ, units of f", "j, length/time"]
    ring = fp.steady_state(zoo.tilted_ring().build(60))
    drawn = plot.portrait(ring, plot.canvas().subplots(1, 3)).current.get_ydata()
    np.testing.assert_array_equal(drawn, ring.j[0])


def test_portrait_of_a_reversible_plane_has_no_streamlines(axes):
    problem = fp.Problem(PLANE, f=lambda x, y: (x**2 + y**2) / 2)
    picture = plot.portrait(fp.steady_state(problem), axes)
    assert not len(picture.current.lines.get_segments())
    assert "j = 0" in axes[2].texts[0].get_text()


def test_portrait_makes_its_own_figure(left):
    picture = plot.portrait(left)
    assert plt.get_fignums()
    assert picture.density.axes.figure is plt.gcf()


@pytest.mark.parametrize("sign", [1, -1])
def test_stream_function_has_closed_loops_along_the_current(sign):
    steady, ax = rotating(sign), plot.canvas().subplots()
    loops = plot.stream_function(steady, ax, levels=4)
    size = np.abs(steady.psi).max()
    np.testing.assert_allclose(np.abs(loops.levels), size * np.array([7, 5, 3, 1, 1, 3, 5, 7]) / 8)
    paths = [p for p in loops.get_paths() if len(p.vertices)]
    # psi = sign rho: the loops are ellipses of rho, all of one sign.
    assert len(paths) == 4
    for path in paths:
        radius = np.linalg.norm(path.vertices, axis=1)
        assert np.ptp(radius) < 0.05
    assert len(ax.patches) == 4
    for arrow in ax.patches:
        (x, y), (u, v) = arrow._posA_posB
        assert sign * (x * (v - y) - y * (u - x)) > 0


def test_stream_function_of_nothing_draws_nothing():
    problem = fp.Problem(PLANE, f=lambda x, y: (x**2 + y**2) / 2)
    ax = plot.canvas().subplots()
    loops = plot.stream_function(fp.steady_state(problem), ax)
    assert not any(len(path.vertices) for path in loops.get_paths())
    assert not ax.patches
    ax.figure.canvas.draw()


def test_force_field_widths_and_markers():
    exact = zoo.example_19(0.5)
    grid = fp.Grid([(-1.5, 1.5)] * 2, 40)
    zeros = fp.critical_points(exact.g, grid)
    ax = plot.canvas().subplots()
    picture = plot.force_field(grid, -exact.g(*grid.x), ax, zeros=zeros, thickness=3.0)
    places = np.array([mark.get_xydata()[0] for mark in picture.zeros])
    np.testing.assert_allclose(places[[0, 2]], exact.points["zeros_of_g"][:2], atol=1e-6)
    assert [mark.get_label() for mark in picture.zeros] == ["stable node", "saddle", "stable node"]
    words = [text.get_text() for text in picture.legend.get_texts()]
    assert words == ["stable node", "saddle"]
    widths = np.asarray(picture.streams.lines.get_linewidths())
    speed = np.asarray(picture.streams.lines.get_array())
    np.testing.assert_allclose(widths, np.maximum(0.3, 3 * speed / speed.max()), rtol=0.1)
    # Streamlines end in the stable nodes, to the error of interpolating between the cells.
    pieces = np.array(picture.streams.lines.get_segments())
    gap = pieces - places[0]
    near = (np.linalg.norm(gap, axis=-1) < 0.4).all(axis=1)
    assert near.sum() > 20
    lengths = np.linalg.norm(gap[near], axis=-1)
    assert (lengths[:, 1] <= lengths[:, 0] + 1e-3).all()
    ax.figure.canvas.draw()


def test_force_field_without_zeros_has_no_legend():
    picture = plot.force_field(PLANE, np.stack(PLANE.x), plot.canvas().subplots(), color="k")
    assert picture.zeros == ()
    assert picture.legend is None


@pytest.fixture(scope="module")
def run():
    grid = fp.Grid([(-4, 4)], 64)
    problem = fp.Problem(grid, lambda x: x**2 / 2, beta=2)
    return problem, fp.solve(problem, fp.gaussian(grid, 1, 0.2), np.linspace(0, 2, 11))


def test_ledger_adds_up(run, axes):
    _, solution = run
    picture = plot.ledger(solution, axes)
    energy, heat, total = (curve.get_ydata() for curve in picture.parts)
    np.testing.assert_allclose(energy + heat, total)
    np.testing.assert_allclose(total - total[-1], solution.free_energy - solution.free_energy[-1])
    spent, slope = picture.rates
    np.testing.assert_array_equal(spent.get_ydata(), solution.dissipation)
    lost = -np.diff(solution.free_energy)
    np.testing.assert_allclose(slope.get_ydata() * np.diff(solution.t), lost)
    # The dissipation is the slope, by Simpson's rule over two intervals each.
    d, h = solution.dissipation, solution.t[1]
    simpson = h / 3 * (d[:-2:2] + 4 * d[1:-1:2] + d[2::2])
    np.testing.assert_allclose(lost[::2] + lost[1::2], simpson, rtol=0.01)
    axes[0].figure.canvas.draw()


def test_ledger_splits_entropy_production(run, axes):
    problem, solution = run
    production = fp.observables.entropy_production(
        solution.rho, solution.log_rho_inf, fp.Generator(problem)
    )
    picture = plot.ledger(solution, axes, production=production)
    excess, housekeeping, total = (curve.get_ydata() for curve in picture.rates)
    np.testing.assert_allclose(excess, 2 * solution.dissipation)
    np.testing.assert_allclose(total, excess, rtol=1e-9)  # reversible: no housekeeping
    assert not (housekeeping > 1e-9).any()


def test_truth_table_shows_numbers_ticks_and_crosses():
    rows = [
        {"case": "D = I", "gap": 1e-17, "EP": 0.91428, "ok": True, "note": None},
        {"case": "other", "gap": 12345.678, "EP": 0, "ok": np.False_, "note": 3},
    ]
    ax = plot.canvas().subplots()
    table = plot.truth_table(rows, ax, columns={"case": "case", "gap": "|Φ − f|", "ok": "holds"})
    text = {at: cell.get_text().get_text() for at, cell in table.get_celld().items()}
    assert [text[0, k] for k in range(3)] == ["case", "|Φ − f|", "holds"]
    assert [text[1, k] for k in range(3)] == ["D = I", "0", "✓"]
    assert [text[2, k] for k in range(3)] == ["other", "1.23e+04", "✗"]
    every = plot.truth_table(rows, plot.canvas().subplots()).get_celld()
    assert [every[1, k].get_text().get_text() for k in (2, 4)] == ["0.914", ""]
    ax.figure.canvas.draw()


def test_truth_table_of_the_theorems():
    Row = fp.theorems.loss.Row
    rows = [
        Row("R6", "D = 1", "double well", (False, False), (False, False), 3e-9, 1e-11),
        Row("R2", "constant", "gyrator", (True, True), (True, False), 0.5, 1e-9),
        Row("R9", "varying", "transition", (True, False), (True, None), 0.5, 1e-9),
    ]
    table = plot.truth_table(rows, plot.canvas().subplots()).get_celld()
    text = [[table[i, k].get_text().get_text() for k in range(4)] for i in range(4)]
    assert text[0] == ["case", "max |Φ − f|", "entropy production", "as expected"]
    assert text[1] == ["R6: D = 1", "0", "0", "✓"]
    assert text[2] == ["R2: constant", "0.5", "0", "✗"]
    assert text[3] == ["R9: varying", "0.5", "1e-09", ""]


STEADY = "give what steady_state.problem. returned"
SPACE = SimpleNamespace(problem=SimpleNamespace(grid=fp.Grid([(0, 1)] * 3, 4)), log_rho=None)
LINE = SimpleNamespace(problem=SimpleNamespace(grid=fp.Grid([(0, 1)], 4)), log_rho=None)
BAD = [
    (plot.canvas, (0, 3), "width"),
    (plot.canvas, (None,), "width"),
    (plot.colorbar, (3, "u"), "artist is 3; give one with a colour map"),
    (plot.colorbar, (plot.canvas().subplots(), "u"), "give one with a colour map"),
    (plot.portrait, (3,), f"steady is 3; {STEADY}"),
    (plot.portrait, (None,), f"steady is None; {STEADY}"),
    (plot.portrait, (SPACE,), "plot.projections of its density"),
    (plot.steady, (3,), f"steady is 3; {STEADY}"),
    (plot.current, (None,), f"steady is None; {STEADY}"),
    (plot.free_energy, (3,), "solution is 3; give what solve"),
    (plot.energy, (3,), "solution is 3; give what solve"),
    (plot.transport_map, (3,), "transport is 3; give what wasserstein"),
    (plot.spectrum, (3,), "spectrum is 3; give what spectrum"),
    (plot.mode, (None, 1), "spectrum is None; give what spectrum"),
    (plot.order, (3, 4), "give two lists of positive numbers"),
    (plot.order, (None, [1]), "steps is None; give two lists"),
    (plot.trajectories, (None, None), "t is None; give times"),
    (plot.line, (3, [1]), "grid is 3; give a Grid"),
    (plot.density, (PLANE, None), "rho is None; give an array of shape"),
    (plot.density, (PLANE, np.ones(PLANE.shape), 3), "ax is 3; give matplotlib Axes"),
    (plot.potential, (None, 3), "grid is None; give a Grid"),
    (plot.signed, (PLANE, "u"), "u is 'u'; give an array"),
    (plot.streamlines, (PLANE, None), "v is None; give a vector field"),
    (plot.streamlines, (3, [1]), "grid is 3; give a Grid"),
    (plot.stream_function, (3,), f"steady is 3; {STEADY}"),
    (plot.stream_function, (LINE,), "a 1D current has no stream function"),
    (plot.force_field, (3, [1]), "grid is 3; give a Grid"),
    (plot.force_field, (PLANE, [1]), r"v has shape \(1,\) on a 2D grid"),
    (plot.ledger, (3,), "solution is 3; give what solve"),
    (plot.truth_table, (3,), "rows is 3; give a list of mappings"),
    (plot.truth_table, ([],), "rows holds nothing"),
    (plot.truth_table, ([1],), "rows holds 1; give a list of mappings"),
    (plot.truth_table, ({"a": 1},), "rows is of type dict"),
    (plot.truth_table, ([{"a": 1}, {"b": 2}],), "row 1 has no 'a'"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), BAD)
def test_one_sentence_for_bad_input(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


FUNCTIONS = [name for name in plot.__all__ if inspect.isfunction(getattr(plot, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_that_is_no_result_gets_through(name):
    function = getattr(plot, name)
    parameters = inspect.signature(function).parameters.values()
    count = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    for value in (3, None, "x", [], {}, object(), int, PLANE):
        for first in (value, PLANE):
            if count:
                with pytest.raises(ValueError, match=r"give|expected|choose|is \w+"):
                    function(first, *[value] * (count - 1))


def test_bad_panels_zeros_heights_and_productions(left, run):
    ax = plot.canvas().subplots()
    for axes in (3, ax, [ax, ax, None], [1, 2, 3]):
        with pytest.raises(ValueError, match=r"axes is .*; give 3 matplotlib Axes"):
            plot.portrait(left, axes)
    with pytest.raises(ValueError, match="height"):
        plot.portrait(left, [ax] * 3, height=0)
    for zeros in (3, [1], [SimpleNamespace(kind="nook", x=(0, 0))], [(0.0, 1.0)]):
        with pytest.raises(ValueError, match=r"zeros .*; give what critical_points"):
            plot.force_field(PLANE, np.stack(PLANE.x), ax, zeros=zeros)
    _, solution = run
    three = EntropyProduction(*np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"production has shape \(2,\), expected \(11,\)"):
        plot.ledger(solution, [ax] * 3, production=three)
    with pytest.raises(ValueError, match="production is 3; give what observables"):
        plot.ledger(solution, [ax] * 3, production=3)
    grid = fp.Grid([(0, 1)], 8, sides="absorbing")
    leak = fp.solve(fp.Problem(grid), fp.uniform(grid), 0.1)
    with pytest.raises(ValueError, match="no steady state"):
        plot.ledger(leak, [ax] * 3)
