"""Pictures: the right numbers reach matplotlib, nothing is shown, bad input is refused."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm

from fokkerplanck import plot
from fokkerplanck.domain.densities import gaussian, point
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem

LINE = Grid([(-4, 4)], 40)
PLANE = Grid([(-4, 4), (-3, 3)], (40, 30))
GRADED = Grid([np.sinh(np.linspace(-2, 2, 41)), (-3, 3)], (40, 30))
SPACE = Grid([(-1, 1)] * 3, 4)


def rotating(grid):
    """Steady state of a rotation in a harmonic well: rho = e^(-r^2/2)/Z, j = (-y, x)."""
    x, y = grid.x
    problem = Problem(grid, drift=lambda x, y: (-x - y, x - y))
    Phi = (x**2 + y**2) / 2
    log_rho = -Phi - np.log(grid.integrate(np.exp(-Phi)))
    j = np.stack([-y, x])
    return SimpleNamespace(
        problem=problem,
        rho=np.exp(log_rho),
        log_rho=log_rho,
        Phi=Phi,
        j=j,
        is_reversible=lambda: False,
    )


def test_line_is_the_graph():
    rho = gaussian(LINE, 0, 1)
    artist = plot.line(LINE, rho, label="rho")
    np.testing.assert_array_equal(artist.get_xydata(), np.stack([LINE.centers[0], rho], axis=1))
    assert artist.axes is plt.gca()
    assert artist.axes.get_xlim() == (-4, 4)


@pytest.mark.parametrize("grid", [PLANE, GRADED])
def test_density_puts_x_to_the_right(grid):
    # A peak at large x and small y: transposed arrays would put it elsewhere.
    rho = gaussian(grid, (2, -1), 0.1)
    mesh = plot.density(grid, rho)
    values = mesh.get_array()
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert grid.centers[0][column] == pytest.approx(2, abs=0.3)
    assert grid.centers[1][row] == pytest.approx(-1, abs=0.3)
    assert mesh.get_clim() == (0, rho.max())
    assert mesh.axes.get_aspect() == 1


def test_log_density_survives_zeros():
    rho = point(PLANE, (0, 0))
    assert (rho == 0).any()
    mesh = plot.density(PLANE, rho, log=True, floor=1e-4)
    assert isinstance(mesh.norm, LogNorm)
    assert mesh.get_array().min() == pytest.approx(1e-4 * rho.max())
    mesh.axes.figure.canvas.draw()
    filled = plot.density(LINE, gaussian(LINE, 0, 0.01), plt.figure().gca(), log=True)
    filled.axes.figure.canvas.draw()
    assert filled.axes.get_yscale() == "log"


def test_density_of_nothing_draws():
    mesh = plot.density(PLANE, np.zeros(PLANE.shape), log=True)
    mesh.axes.figure.canvas.draw()
    assert (mesh.get_array() == mesh.norm.vmin).all()


def test_potential_ends_at_top_and_leaves_infinities_out():
    x, y = PLANE.x
    Phi = np.where(x < 3, x**2 + y**2, np.inf)
    lines = plot.potential(PLANE, Phi + 5, top=4.0, levels=4)
    np.testing.assert_allclose(lines.levels, [1, 2, 3, 4])
    # Contours are circles: those at height 4 have radius 2.
    radius = np.linalg.norm(lines.get_paths()[-1].vertices, axis=1)
    np.testing.assert_allclose(radius, 2, atol=0.02)
    graph = plot.potential(LINE, LINE.x[0] ** 2, plt.figure().gca(), top=4.0)
    assert np.nanmax(graph.get_ydata()) <= 4


def test_signed_field_is_white_at_zero():
    mesh = plot.signed(PLANE, PLANE.x[0] - 1)
    low, high = mesh.get_clim()
    assert low == -high
    np.testing.assert_allclose(mesh.cmap(mesh.norm(0.0))[:3], 1, atol=0.05)
    assert plot.signed(PLANE, np.zeros(PLANE.shape)).get_clim() == (-1, 1)


@pytest.mark.parametrize("grid", [PLANE, GRADED])
def test_streamlines_of_a_rotation_are_circles(grid):
    x, y = grid.x
    streams = plot.streamlines(grid, np.stack([-y, x]), where=x**2 + y**2 < 6.0)
    segments = np.array(streams.lines.get_segments())
    radius = np.linalg.norm(segments, axis=-1)
    assert len(segments) > 50
    assert radius.max() < 2.8
    # Each short segment keeps its distance to the centre.
    assert np.abs(radius[:, 1] - radius[:, 0]).max() < 0.02
    # And turns to the left about it, as (-y, x) does.
    (ax, ay), (bx, by) = segments[:, 0].T, segments[:, 1].T
    turn = ax * by - ay * bx
    assert turn.min() > -1e-9
    assert turn.sum() > 10
    # Colours are the speed, which is the radius.
    speed = np.asarray(streams.lines.get_array())
    np.testing.assert_allclose(speed, radius[:, 0], rtol=0.1, atol=0.15)


def test_a_field_at_rest_draws_no_streamline():
    streams = plot.streamlines(PLANE, np.zeros((2, *PLANE.shape)))
    assert len(streams.lines.get_segments()) == 0


def test_current_is_drawn_where_the_density_is():
    steady = rotating(PLANE)
    streams = plot.current(steady, cutoff=np.exp(-2))
    radius = np.linalg.norm(np.concatenate(streams.lines.get_segments()), axis=-1)
    assert radius.max() < 2.3


def test_portrait_in_two_and_one_dimensions():
    portrait = plot.steady(rotating(PLANE))
    assert portrait.potential.levels[-1] == pytest.approx(12)
    assert len(portrait.current.lines.get_segments()) > 20
    portrait.density.axes.figure.canvas.draw()
    Phi = LINE.x[0] ** 2 / 2
    rho = gaussian(LINE, 0, 1)
    flat = SimpleNamespace(
        problem=Problem(LINE, lambda x: x**2 / 2), rho=rho, log_rho=np.log(rho), Phi=Phi, j=None
    )
    portrait = plot.steady(flat, plt.figure().gca())
    assert portrait.current is None
    assert portrait.potential.axes is not portrait.density.axes


def test_free_energy_leaves_zeros_out():
    solution = SimpleNamespace(t=np.arange(4.0), free_energy=np.array([1.0, 1e-20, 1e-30, 0.0]))
    curve = plot.free_energy(solution, color="k")
    assert curve.axes.get_yscale() == "log"
    np.testing.assert_array_equal(curve.get_ydata()[:3], solution.free_energy[:3])
    assert np.isnan(curve.get_ydata()[3])
    curve.axes.figure.canvas.draw()


def test_colorbar_is_as_tall_as_its_axes():
    sheet = plot.canvas(6, 6)
    mesh = plot.density(PLANE, gaussian(PLANE, (0, 0), 1), sheet.subplots())
    bar = plot.colorbar(mesh, "density")
    sheet.canvas.draw()
    heights = [a.get_window_extent().height for a in (bar.ax, mesh.axes)]
    assert heights[0] == pytest.approx(heights[1], rel=0.01)


class Modes(SimpleNamespace):
    """Stand-in for a Spectrum: the steady state, a pair that turns, and one that does not."""

    def __len__(self):
        return len(self.eigenvalues)


def some_modes(grid):
    x = grid.x
    shapes = np.stack([np.ones(grid.shape), x[0], x[0], x[-1] ** 2 - 1]).astype(complex)
    rates = np.array([0, -1 + 2j, -1 - 2j, -3])
    return Modes(
        grid=grid, eigenvalues=rates, decay=-rates.real, frequency=np.abs(rates.imag),
        right=shapes, left=2 * shapes,
    )  # fmt: skip


def test_spectrum_is_drawn_in_the_complex_plane():
    dots = plot.spectrum(some_modes(PLANE))
    np.testing.assert_allclose(dots.get_offsets(), [(0, 0), (-1, 2), (-1, -2), (-3, 0)])
    ax = dots.axes
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "3"]
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < -3 < 0 < right
    assert low == -high < -2
    assert "decay" in ax.get_xlabel()
    # A pair is joined; a second spectrum on the same axes leaves the first in view.
    pair = dots.axes.collections[-1].get_segments()
    np.testing.assert_allclose(pair, [[(-1, -2), (-1, 2)]])
    modes = some_modes(PLANE)
    modes.eigenvalues = np.array([0, -0.5, -0.6, -0.7])
    plot.spectrum(modes, ax, numbers=False)
    assert (ax.get_xlim(), ax.get_ylim()) == ((left, right), (low, high))
    modes.eigenvalues = np.array([0, -1e-9, -1.0, -1.0])
    ax = plot.spectrum(modes, plot.canvas().subplots()).axes
    assert [text.get_text() for text in ax.texts] == ["0, 1", "2, 3"]
    assert not plot.spectrum(modes, plot.canvas().subplots(), numbers=False).axes.texts


def test_modes_are_white_at_zero_and_lines_on_a_line():
    mesh = plot.mode(some_modes(PLANE), 1, side="left")
    low, high = mesh.get_clim()
    assert low == -high
    np.testing.assert_allclose(mesh.get_array(), 2 * PLANE.x[0].T)
    assert mesh.axes.get_title() == "left mode 1: decay 1, frequency 2"
    steady = plot.mode(some_modes(PLANE), 0, plt.figure().gca())
    assert steady.axes.get_title().startswith("right mode 0")
    curve = plot.mode(some_modes(LINE), 3, plt.figure().gca())
    np.testing.assert_allclose(curve.get_ydata(), LINE.x[0] ** 2 - 1)
    assert curve.axes.get_ylabel() == "right mode"
    mesh.axes.figure.canvas.draw()


@pytest.mark.parametrize(
    ("grid", "arguments", "words"),
    [
        (PLANE, (4,), "k is 4; give the number of a mode, 0 to 3"),
        (PLANE, (True,), "k is True"),
        (PLANE, (1.0,), "k is 1.0"),
        (SPACE, (1,), "3D grid; slice them"),
    ],
)
def test_modes_that_cannot_be_drawn(grid, arguments, words):
    with pytest.raises(ValueError, match=words):
        plot.mode(some_modes(grid), *arguments)
    with pytest.raises(ValueError, match="side is 'both'"):
        plot.mode(some_modes(grid), 1, side="both")


def test_an_axes_given_is_the_axes_used():
    ax = plot.canvas().subplots()
    artists = [
        plot.density(PLANE, gaussian(PLANE, (0, 0), 1), ax),
        plot.potential(PLANE, PLANE.x[0] ** 2, ax),
        plot.signed(PLANE, PLANE.x[0], ax),
        plot.streamlines(PLANE, np.stack([PLANE.x[1], PLANE.x[0]]), ax).lines,
    ]
    assert all(artist.axes is ax for artist in artists)
    assert not plt.get_fignums()


BAD = [
    (plot.line, (PLANE, np.zeros(PLANE.shape)), "2D grid, this picture is of 1D fields"),
    (plot.density, (SPACE, np.zeros(SPACE.shape)), "3D grid.*slice the other axes away"),
    (plot.density, (PLANE, np.zeros(3)), r"rho has shape \(3,\), expected the grid's \(40, 30\)"),
    (plot.potential, (SPACE, np.zeros(SPACE.shape)), "Phi lives on a 3D grid"),
    (plot.potential, (PLANE, np.full(PLANE.shape, np.nan)), "Phi has no finite value"),
    (plot.signed, (LINE, np.zeros(LINE.shape)), "u lives on a 1D grid"),
    (plot.streamlines, (PLANE, np.zeros(PLANE.shape)), r"v has shape \(40, 30\) on a 2D grid"),
    (
        plot.current,
        (SimpleNamespace(problem=SimpleNamespace(grid=LINE), log_rho=None),),
        "a 1D current",
    ),
]


@pytest.mark.parametrize(("function", "arguments", "words"), BAD)
def test_bad_input_is_refused_with_a_reason(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


def test_potential_needs_a_positive_height():
    with pytest.raises(ValueError, match="top is 0, expected a height > 0"):
        plot.potential(PLANE, PLANE.x[0], top=0)


def test_every_function_is_on_its_page():
    page = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    functions = [name for name in plot.__all__ if inspect.isfunction(getattr(plot, name))]
    assert len(functions) > 20
    assert [name for name in functions if f"plot.{name}(" not in page] == []


def bars(ax):
    """Names of the colour bars of axes."""
    return [child.get_ylabel() for child in ax.child_axes]


def test_a_picture_alone_in_its_figure_has_a_colour_bar():
    rho, v = gaussian(PLANE, (0, 0), 1), np.stack([-PLANE.x[1], PLANE.x[0]])
    pictures = {
        "ρ, 1/area": lambda ax, **o: plot.density(PLANE, rho, ax, **o),
        "": lambda ax, **o: plot.signed(PLANE, PLANE.x[0], ax, **o),
        "|v|": lambda ax, **o: plot.streamlines(PLANE, v, ax, **o),
        "|j|, length/time": lambda ax, **o: plot.current(rotating(PLANE), ax, **o),
        "left mode 1": lambda ax, **o: plot.mode(some_modes(PLANE), 1, ax, side="left", **o),
        "time": lambda ax, **o: plot.orbit(np.arange(9.0), np.ones((9, 2)), ax, **o),
    }
    for name, draw in pictures.items():
        ax = plot.canvas().subplots()
        draw(ax)
        draw(ax)  # one bar for two pictures
        assert bars(ax) == [name]
        left, _ = plot.canvas(8, 3).subplots(1, 2)
        draw(left)
        assert bars(left) == []
        draw(left, colorbar="its name")
        assert bars(left) == ["its name"]
        ax = plot.canvas().subplots()
        draw(ax, colorbar=False)
        assert bars(ax) == []
        with pytest.raises(ValueError, match="colorbar is 3; give True, False"):
            draw(ax, colorbar=3)


def test_a_bar_that_is_asked_for_takes_the_place_of_the_one_that_came_by_itself():
    ax = plot.canvas().subplots()
    mesh = plot.density(PLANE, gaussian(PLANE, (0, 0), 1), ax)
    plot.colorbar(mesh, "mean time")
    assert bars(ax) == ["mean time"]
    plot.density(PLANE, gaussian(PLANE, (0, 0), 1), ax)
    assert bars(ax) == ["mean time"]
    mesh.set_clim(0, 3)
    ax.figure.canvas.draw()


def test_a_bar_in_a_figure_of_pyplot_stays_on_the_paper():
    wide = Grid([(0, 8), (0, 5)], (8, 5))
    mesh = plot.density(wide, np.ones(wide.shape))
    sheet = mesh.axes.figure
    sheet.canvas.draw()
    (bar,) = mesh.axes.child_axes
    assert bar.get_tightbbox().x1 <= sheet.bbox.x1
    assert plt.subplot(1, 2, 1) is not mesh.axes
    assert bars(plot.density(wide, np.ones(wide.shape)).axes) == []


def test_a_steady_state_alone_has_a_title():
    ax = plot.steady(rotating(PLANE)).density.axes
    assert ax.get_title().startswith("steady state: ρ")
    assert bars(ax) == ["ρ, 1/area"]
    ax = plot.canvas().subplots()
    ax.set_title("mine")
    plot.steady(rotating(PLANE), ax, colorbar=False)
    assert ax.get_title() == "mine"
    assert bars(ax) == []


def test_orbits_of_a_steady_state_are_drawn_whole():
    lines = plot.steady(rotating(PLANE)).current.lines
    segments = np.array(lines.get_segments())
    middle = segments.mean(axis=1)
    # Circles that fit into the box are seen from every side of its centre.
    inside = np.linalg.norm(middle, axis=1) < 2.5
    radius = np.round(np.linalg.norm(middle[inside], axis=1) / 0.5).astype(int)
    angle = np.arctan2(middle[inside, 1], middle[inside, 0])
    for ring in np.unique(radius[radius > 0]):
        gaps = np.diff(np.sort(angle[radius == ring]))
        assert gaps.max() < 1.0


def test_where_nothing_flows_no_orbit_is_drawn():
    still = rotating(PLANE)
    still.j, still.is_reversible = 1e-17 * still.j, lambda: True
    picture = plot.steady(still)
    assert not picture.current.lines.get_segments()
    assert picture.density.axes.get_title().endswith("j = 0")
