"""Demonstrations of gradient flows: the claims of their docstrings, in their coarse versions."""

from functools import cache
from importlib import import_module

import numpy as np
import pytest

from fokkerplanck.demos.text import distances

NAMES = (
    "heat_flows", "jko_line", "jko_plane", "jko_tensor", "jko_circulation", "jko_energies",
    "geodesic",
)  # fmt: skip


@cache
def result(name):
    demo = module(name)
    return demo.compute(**demo.QUICK)


def module(name):
    return import_module(f"fokkerplanck.demos.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_table_and_picture(name, tmp_path):
    demo = module(name)
    text = demo.table(result(name))
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "nan" not in text
    path = tmp_path / "picture.png"
    demo.figure(result(name)).savefig(path, dpi=60)
    assert path.stat().st_size > 10_000


def test_both_energies_of_heat_fall_and_both_flows_are_one():
    demo, found = module("heat_flows"), result("heat_flows")
    for runs in (found.wasserstein, found.L2):
        for run in runs.values():
            for E in demo.both_energies(found, run):
                assert (np.diff(E) < 0).all()
        far = distances(runs.values(), found.exact)
        assert 0.8 < np.log2(far[-2] / far[-1]) < 1.2
    assert found.first_step == pytest.approx(1.0916079783, abs=1e-3)


@pytest.mark.parametrize("name", ["jko_tensor", "jko_circulation"])
def test_orders_one_and_two_on_edges(name):
    found = result(name)
    for runs, order in ((found.first, 1), (found.second, 2)):
        far = distances(runs.values(), found.exact)
        assert np.log2(far[-2] / far[-1]) > order - 0.2
        assert all(run.stats["largest_rise"] <= 1e-14 for run in runs.values())


def test_circulation_keeps_what_is_at_rest():
    assert result("jko_circulation").kept < 1e-13


def test_long_step_on_edges_comes_to_rest():
    E = result("jko_tensor").long.stats["energy"]
    assert E[-1] < 0.05 * E[0]


def test_plane():
    found = result("jko_plane")
    far = distances(found.runs.values(), found.exact)
    assert far[0] > far[1] > far[2]
    assert found.kept < 1e-13
    assert all(run.stats["largest_rise"] < 0 for run in found.runs.values())


def test_other_energies():
    demo, found = module("jko_energies"), result("jko_energies")
    grid = found.porous.grid
    exact = demo.barenblatt(grid, demo.T1)
    assert grid.integrate(np.abs(found.porous.rho[-1] - exact)) < 0.01
    assert demo.variance(grid, found.attraction.rho[-1]) == pytest.approx(demo.KT, abs=2e-3)
    assert found.crowd.rho[1:].max() <= 1 + 1e-9
    assert demo.right_half(found.transport)[-1] < 0.03
    assert demo.right_half(found.fading)[-1] > 0.3


def test_geodesic_is_gaussian_and_the_mixture_is_not():
    demo, found = module("geodesic"), result("geodesic")
    assert found.transport.cost == pytest.approx(found.cost, abs=1e-4)
    _, middle = demo.moments(found.grid, found.geodesic[2])
    np.testing.assert_allclose(middle, found.covariance, atol=0.02)
    _, mixed = demo.moments(found.grid, found.mixture[2])
    assert mixed[0, 0] > 2
