"""Pictures of transition paths."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import fokkerplanck as fp
from fokkerplanck import plot, sets


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture
def paths():
    problem = fp.Problem(fp.Grid([(-2, 2), (-1, 1)], (32, 20)))
    return fp.committor(problem, sets.ball((-1, 0), 0.5), sets.ball((1, 0), 0.5))


def test_committor_in_bands_with_both_sets(paths, ax):
    bands = plot.committor(paths, ax, levels=4)
    assert bands.levels.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert [text.get_text() for text in ax.texts] == ["A", "B"]
    assert ax.texts[0].get_position() == pytest.approx((-1, 0))
    plot.committor(paths, ax, which="backward")


def test_committor_on_a_line_is_a_graph(ax):
    problem = fp.Problem(fp.Grid([(-2, 2)], 40))
    paths = fp.committor(problem, sets.half_space(-1, 1), sets.half_space(1, 1))
    graph = plot.committor(paths, ax, color="C3")
    assert np.array_equal(graph.get_ydata(), paths.forward)
    with pytest.raises(ValueError, match="only in 2D"):
        plot.reactive(paths, ax)


def test_reactive_current_leads_from_A_to_B(paths, ax):
    lines = plot.reactive(paths, ax).lines
    assert lines.get_clim()[1] == pytest.approx(np.hypot(*paths.current).max(), rel=0.05)
    middle = paths.current[:, 15:17]
    assert middle[0].min() > 0
    assert np.abs(middle[1].sum()) < 1e-10


def test_unknown_names(paths, ax):
    with pytest.raises(ValueError, match="which is 'left'"):
        plot.committor(paths, ax, which="left")


def test_pictures_alone_name_their_colours(paths):
    names = {
        "chance to reach B before A": lambda ax, **o: plot.committor(paths, ax, **o),
        "chance to come from A, not B": lambda ax, **o: plot.committor(
            paths, ax, which="backward", **o
        ),
        "reactive density, 1/area": lambda ax, **o: plot.reactive(paths, ax, **o),
    }
    for name, draw in names.items():
        for options, found in (({}, [name]), ({"colorbar": False}, []), ({"colorbar": "q"}, ["q"])):
            ax = plot.canvas().subplots()
            draw(ax, **options)
            assert [child.get_ylabel() for child in ax.child_axes] == found
