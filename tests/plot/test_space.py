"""Pictures in three dimensions: layers, marginals, level sets, orbits."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import plot
from fokkerplanck.plot.tetrahedra import level_triangles
from tests.convergence.rates import assert_rate

BOX = fp.Grid([(-2, 2), (-3, 3), (-1, 3)], (16, 24, 20))
GRADED = fp.Grid([np.sinh(np.linspace(-1.5, 1.5, 17)), (-3, 3), (-1, 3)], (16, 24, 20))


@pytest.fixture
def axes():
    return plot.canvas(12, 4).subplots(1, 3)


@pytest.fixture
def space():
    return plot.canvas().add_subplot(projection="3d")


def test_slices_are_the_layers_through_the_point(axes):
    x, y, z = BOX.x
    u = x + 10 * y + 100 * z
    picture = plot.slices(BOX, u, at=(0.9, -1.1, 1.9), axes=axes)
    i, j, k = 11, 7, 14
    layers = (u[:, :, k], u[:, j, :], u[i, :, :])
    for mesh, layer in zip(picture.maps, layers, strict=True):
        np.testing.assert_array_equal(mesh.get_array(), layer.T)
        low, high = mesh.get_clim()
        assert low == -high == -np.abs(u).max()
    assert axes[1].get_title() == f"y = {BOX.centers[1][j]:.3g}"
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes] == [
        ("x", "y"),
        ("x", "z"),
        ("y", "z"),
    ]
    corner = plot.slices(BOX, np.abs(u), at=(2, 3, 3), axes=plot.canvas().subplots(1, 3))
    np.testing.assert_array_equal(corner.maps[0].get_array(), np.abs(u)[:, :, -1].T)
    assert corner.maps[0].get_clim()[0] == 0
    axes[0].figure.canvas.draw()


@pytest.mark.parametrize("grid", [BOX, GRADED])
def test_projections_are_marginal_densities(grid, axes):
    rho = fp.gaussian(grid, (0.5, -1, 1), 0.2)
    picture = plot.projections(grid, rho, axes)
    widths = [np.diff(F) for F in grid.faces]
    for mesh, (a, b) in zip(picture.maps, ((0, 1), (0, 2), (1, 2)), strict=True):
        mass = widths[a] @ np.asarray(mesh.get_array()).T @ widths[b]
        assert mass == pytest.approx(1, abs=1e-12)
    peak = np.unravel_index(picture.maps[2].get_array().argmax(), (20, 24))
    assert grid.centers[1][peak[1]] == pytest.approx(-1, abs=0.2)
    assert grid.centers[2][peak[0]] == pytest.approx(1, abs=0.2)


def ball(n):
    """Triangles of the unit sphere, from its squared distance."""
    grid = fp.Grid([(-1.5, 1.5)] * 3, n)
    return level_triangles(grid.centers, sum(u**2 for u in grid.x), 1.0)


def area_and_volume(triangles):
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]) / 2
    volume = np.sum(triangles.mean(axis=1) * normal) / 3
    return np.linalg.norm(normal, axis=1).sum(), volume


def test_a_sphere_is_found_to_second_order():
    sizes = np.array([12, 24, 48])
    found = [area_and_volume(ball(n)) for n in sizes]
    assert_rate(3 / sizes, [abs(area - 4 * np.pi) for area, _ in found], 2, cap=0.03)
    # Squared distance grows outwards, and the normals point down the slope: inwards.
    assert_rate(3 / sizes, [abs(volume + 4 * np.pi / 3) for _, volume in found], 2, cap=0.02)
    radius = np.linalg.norm(ball(48), axis=-1)
    assert np.abs(radius - 1).max() < 0.003


def test_surfaces_have_no_cracks():
    corners = np.round(ball(15).reshape(-1, 3), 9) + 0.0
    _, names = np.unique(corners, axis=0, return_inverse=True)
    names = names.reshape(-1, 3)
    whole = names[(names[:, 0] != names[:, 1]) & (names[:, 1] != names[:, 2])
                  & (names[:, 2] != names[:, 0])]  # fmt: skip
    edges = np.concatenate([whole[:, [0, 1]], whole[:, [1, 2]], whole[:, [2, 0]]])
    there = {tuple(edge) for edge in edges.tolist()}
    # Closed and turned the same way: every edge is walked once in each direction.
    assert len(there) == len(edges)
    assert {(b, a) for a, b in there} == there


def test_isosurface_is_lit_and_framed(space):
    x, y, z = GRADED.x
    surface = plot.isosurface(GRADED, x**2 + y**2 + (z - 1) ** 2, 0.8, space, color="C2")
    colors = np.asarray(surface.get_facecolor())
    assert len(colors) > 100
    assert np.ptp(colors[:, 1]) > 0.2
    assert space.get_zlim() == (-1, 3)
    space.figure.canvas.draw()


def test_orbit_is_coloured_by_time_and_does_not_jump(space):
    torus = fp.Grid([(0, 1)] * 3, 4, sides="periodic")
    t = np.linspace(0, 3, 301)
    x = np.stack([0.5 + 0 * t, t, 0.25 * t], axis=1)
    artist = plot.orbit(t, x, space, grid=torus)
    # Wrapped twice on the way and once at the end: three pieces are left out.
    times = artist.get_array()
    assert times.size == 297
    assert (np.diff(times) > 0).all()
    assert x.max() == 3  # what was given is left alone
    assert space.get_xlim() == (0, 1)
    space.figure.canvas.draw()
    free = plot.orbit(t, x[:, :2], plot.canvas().subplots())
    assert free.get_array().size == 300
    assert free.axes.get_ylim()[1] >= 3


def test_space_axes_are_made_where_there_are_none():
    t = np.linspace(0, 1, 5)
    x = np.stack([t, t, t], axis=1)
    first = plot.orbit(t, x)
    assert first.axes.name == "3d"
    assert plot.orbit(t, x).axes is first.axes
    flat = plt.figure().gca()
    assert plot.orbit(t, x).axes.figure is not flat.figure


PLANE = fp.Grid([(0, 1)] * 2, 4)
BAD = [
    (plot.slices, (3, [1]), "grid is 3; give a Grid"),
    (plot.slices, (BOX, None), "u is None; give an array of shape"),
    (plot.slices, (PLANE, np.ones((4, 4))), "2D grid, this picture is of 3D fields"),
    (plot.slices, (BOX, np.ones(BOX.shape), (0, 0)), r"at is \[0.0, 0.0\]; give a point"),
    (plot.slices, (BOX, np.ones(BOX.shape), (0, 0, 9)), "in the box"),
    (plot.slices, (BOX, np.ones(BOX.shape), (0, 0, np.nan)), "in the box"),
    (plot.slices, (BOX, np.ones(BOX.shape), None, 3), "axes is 3; give 3 matplotlib Axes"),
    (plot.projections, (BOX, 3), r"rho has shape \(\), expected"),
    (plot.isosurface, (BOX, np.ones(BOX.shape), 1.0), "level is 1, but u goes from 1 to 1"),
    (plot.isosurface, (BOX, BOX.x[0], np.nan), "level is nan"),
    (plot.isosurface, (BOX, BOX.x[0], None), "level is None; give a number"),
    (plot.orbit, (3, 4), "expected .n_t,. and"),
    (plot.orbit, ([0, 1], np.ones((2, 4))), "expected .n_t,. and"),
    (plot.orbit, ([0, 1], [[0, 0, np.nan], [0, 0, 0]]), "not finite"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), BAD)
def test_bad_input(function, arguments, words):
    with pytest.raises(ValueError, match=words):
        function(*arguments)


def test_flat_axes_and_grids_are_refused():
    ax = plot.canvas().subplots()
    with pytest.raises(ValueError, match="three dimensions"):
        plot.isosurface(BOX, BOX.x[0], 0.5, ax)
    with pytest.raises(ValueError, match="positions are 3D, but grid is 2D"):
        plot.orbit([0, 1], np.ones((2, 3)), grid=PLANE)
