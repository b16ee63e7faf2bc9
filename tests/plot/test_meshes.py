"""Maps of colours: the interpolant is right to second order, bounded, and at home on every grid."""

import io

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from PIL import Image

from fokkerplanck import plot
from fokkerplanck.domain.densities import gaussian, point
from fokkerplanck.domain.grid import Grid
from fokkerplanck.plot.meshes import color_mesh

PLANE = Grid([(-4, 4), (-3, 3)], (16, 12))
GRADED = Grid([np.sinh(np.linspace(-2, 2, 17)), (-3, 3)], (16, 12))


def mesh_of(grid, u, **style):
    return color_mesh(grid, u, plot.canvas().subplots(), **style)


def pixels(sheet, dpi=100):
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=dpi)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


@pytest.mark.parametrize("grid", [PLANE, GRADED])
def test_bilinear_functions_are_drawn_exactly(grid):
    # Up to the walls, where colours go straight on: outermost centres excepted.
    def f(x, y):
        return 1 + 2 * x - y + x * y / 3

    x, y = (np.linspace(c[0], c[-1], 57) for c in grid.centers)
    drawn = mesh_of(grid, f(*grid.x)).at(x, y)
    np.testing.assert_allclose(drawn, f(x[None], y[:, None]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("grid", [PLANE, GRADED])
def test_at_the_centres_stand_the_values_of_the_cells(grid):
    rho = gaussian(grid, (1, -1), 0.4)
    drawn = mesh_of(grid, rho).at(*grid.centers)
    np.testing.assert_allclose(drawn, rho.T, rtol=0, atol=1e-14)


def test_the_error_falls_with_the_square_of_the_cells():
    errors = []
    x = np.linspace(-2, 2, 101)
    for n in (24, 48):
        grid = Grid([(-4, 4), (-4, 4)], n)
        drawn = mesh_of(grid, np.sin(grid.x[0]) * np.cos(grid.x[1])).at(x, x)
        # Second order at hills, where the neighbours bound the interpolant, elsewhere third.
        exact = np.sin(x[None]) * np.cos(x[:, None])
        errors.append(float(np.mean(np.abs(drawn - exact))))
    assert errors[0] < 1e-2
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("log", [False, True])
def test_nothing_is_drawn_beyond_the_neighbouring_cells(log):
    rho = point(PLANE, (0.1, 0.1))
    x, y = np.linspace(-4, 4, 201), np.linspace(-3, 3, 201)
    mesh = plot.density(PLANE, rho, plot.canvas().subplots(), log=log)
    drawn, cells = mesh.at(x, y), mesh.get_array()
    assert drawn.min() >= cells.min()
    assert drawn.max() <= cells.max()
    far = (np.abs(x - 0.1) > 2)[None] & np.ones((201, 1), dtype=bool)
    assert (np.abs(drawn[far] - cells.min()) <= 1e-12 * cells.max()).all()


def test_logarithmic_colours_follow_the_logarithm():
    # log of a Gaussian is a parabola: cubic pieces with slopes of second order are exact on it.
    rho = np.exp(-2 * PLANE.x[0] ** 2)
    x = np.linspace(0.5, 3, 50)
    mesh = mesh_of(PLANE, rho, norm=LogNorm(1e-16, 1))
    np.testing.assert_allclose(mesh.at(x, [0.0])[0], np.exp(-2 * x**2), rtol=1e-11)


def test_periodic_axes_join():
    ring = Grid([(0, 2 * np.pi), (0, 1)], (24, 4), sides=["periodic", "reflecting"])
    mesh = mesh_of(ring, np.sin(ring.x[0] + 0.7))
    x = np.array([0.0, 0.05, 2 * np.pi - 0.05, 2 * np.pi])
    drawn = mesh.at(x, [0.5])[0]
    np.testing.assert_allclose(drawn, np.sin(x + 0.7), atol=2e-3)
    assert drawn[0] == pytest.approx(drawn[-1], abs=1e-14)
    walled = Grid([(0, 2 * np.pi), (0, 1)], (24, 4))
    apart = mesh_of(walled, np.sin(ring.x[0] + 0.7)).at(x, [0.5])[0]
    np.testing.assert_allclose(apart, np.sin(x + 0.7), atol=3e-2)


def test_cells_without_a_value_stay_hidden_and_do_not_stain():
    u = np.where(PLANE.x[0] > 0, np.nan, 1.0)
    x = np.linspace(-3.9, 3.9, 40)
    drawn = plot.signed(PLANE, u, plot.canvas().subplots()).at(x, [0.1])[0]
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), x > 0)
    np.testing.assert_allclose(drawn.compressed(), 1)
    nothing = mesh_of(PLANE, np.full(PLANE.shape, np.nan)).at(x, [0.1])
    assert np.ma.getmaskarray(nothing).all()


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
def test_boxes_and_values_of_any_size(size):
    grid = Grid([(-size, size), (-size, size)], (6, 2))
    mesh = mesh_of(grid, size * np.arange(6.0)[:, None] * np.ones(2))
    drawn = mesh.at(size * np.array([-1, 0.0, 1]), size * np.array([0.2]))
    np.testing.assert_allclose(drawn[0] / size, [0, 2.5, 5], atol=1e-12)


def test_pictures_show_what_is_computed_and_cells_on_request():
    grid = Grid([(0, 8), (0, 4)], (8, 4))
    seen = {}
    for smooth in (True, False):
        sheet = Figure(figsize=(8, 4))
        ax = sheet.add_axes((0, 0, 1, 1))
        mesh = color_mesh(grid, grid.x[0] + 0 * grid.x[1], ax, smooth=smooth, cmap="gray")
        mesh.set_clim(0, 8)
        ax.set(xlim=(0, 8), ylim=(0, 4))
        ax.axis("off")
        seen[smooth] = pixels(sheet)[:, :, 0]
    inner = slice(60, 740)
    exact = (np.arange(800) + 0.5) / 800 * 255
    assert np.abs(seen[True][:, inner] - exact[inner]).max() < 2
    assert len(np.unique(seen[False])) == 8
    # Beyond the box, and where axes run backwards.
    ax.set(xlim=(16, 0), ylim=(-4, 4))
    mesh.remove()
    mesh = color_mesh(grid, 0 * grid.x[0] + grid.x[1], ax, cmap="gray")
    mesh.set_clim(0, 4)
    ax.set(xlim=(16, 0), ylim=(-4, 4))
    picture = pixels(sheet)[:, :, 0]
    assert (picture[:, :398] == 255).all()
    assert (picture[202:] == 255).all()
    column = picture[30:170, 600]
    assert np.abs(column - (1 - (np.arange(30, 170) + 0.5) / 200) * 255).max() < 2


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_every_kind_of_file_holds_the_mesh(kind):
    sheet = plot.canvas(3, 3)
    for rasterized in (True, False):
        color_mesh(PLANE, PLANE.x[0], sheet.subplots(), rasterized=rasterized)
        file = io.BytesIO()
        sheet.savefig(file, format=kind)
        assert len(file.getvalue()) > 3000
        sheet.clear()


def test_edges_of_cells_ask_for_cells():
    ax = plot.canvas().subplots()
    rho = gaussian(PLANE, (0, 0), 1)
    assert hasattr(plot.density(PLANE, rho, ax), "at")
    for style in ({"edgecolors": "k"}, {"shading": "flat"}, {"smooth": False}):
        assert not hasattr(plot.density(PLANE, rho, ax, **style), "at")
    with pytest.raises(ValueError, match="smooth is 3"):
        plot.density(PLANE, rho, ax, smooth=3)
