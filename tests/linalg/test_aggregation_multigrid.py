"""Multigrid by aggregation: few Krylov steps on any chain; the two forms are transposes."""

from itertools import pairwise

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.kernels.linalg import aggregation as kernels
from fokkerplanck.linalg import sizes
from fokkerplanck.linalg.aggregation import Aggregation, Level
from fokkerplanck.linalg.fgmres import fgmres
from fokkerplanck.linalg.null_vector import null_vector
from fokkerplanck.scheme.flows import Flows


def level_of(generator, phi, shift=0.0):
    flows = Flows.from_generator(generator)
    shift = np.zeros(phi.size) + shift
    return Level(flows.indptr, flows.indices, flows.outflow, flows.inflow, np.array(phi), shift)


#: Reduction to which steps are counted, and the most of them. At kappa = 1000 residuals may stall
#: at 4e-10, above or below 1e-10 by the last bits of the processor: 26 steps or 68 for the same.
COUNTED, MOST = 1e-8, 32


def wall_level(n, kappa=10.0, shift=0.0, **words):
    """Chain of a manufactured problem, with the exact density as guess."""
    exact = zoo.manufactured_wall(kappa, **words)
    generator = fp.Generator(exact.build(n))
    grid = generator.grid
    phi = -exact.Phi(*grid.x) + np.log(grid.volumes)
    return level_of(generator, phi.ravel(), shift)


def steps_needed(level, form, limit=100, reduction=1e-10):
    """Krylov steps for a right-hand side in the range; checks the solution."""
    hierarchy = Aggregation(level, form)
    assert len(hierarchy.levels) > 1
    b = hierarchy.apply(np.random.default_rng(3).standard_normal(level.size))
    w = 1 / level.diagonal
    result = fgmres(hierarchy.apply, hierarchy.precondition, b, w, reduction, limit, 40)
    if result.iterations < limit:
        left = np.linalg.norm(w * (b - hierarchy.apply(result.x)))
        assert left <= 1.001 * reduction * np.linalg.norm(w * b)
    return result.iterations


@pytest.mark.parametrize("form", ["ratio", "mass", "function"])
@pytest.mark.parametrize("kappa", [1.0, 100.0, 1000.0])
def test_steps_are_few_whatever_the_anisotropy(kappa, form):
    assert steps_needed(wall_level(64, kappa), form, reduction=COUNTED) <= MOST


@pytest.mark.parametrize("kappa", [1.0, 100.0])
def test_steps_hardly_grow_with_the_grid(kappa):
    levels = [wall_level(n, kappa) for n in (64, 128)]
    steps = [steps_needed(level, "ratio", reduction=COUNTED) for level in levels]
    assert steps[1] <= 1.35 * steps[0] + 2
    assert max(steps) <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ratio", "mass", "function"])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("kappa", [1.0, 100.0, 1000.0])
def test_steps_hardly_grow_with_the_grid_further(kappa, periodic, form):
    levels = [wall_level(n, kappa, periodic=periodic) for n in (64, 256)]
    steps = [steps_needed(level, form, reduction=COUNTED) for level in levels]
    assert steps[1] <= 1.5 * steps[0] + 2
    assert max(steps) <= MOST


@pytest.mark.parametrize("kappa", [10.0])
def test_steps_in_space(kappa):
    assert steps_needed(wall_level(16, kappa, dim=3), "ratio") <= 30


def test_without_coarse_levels_steps_are_many(monkeypatch):
    """Counterexample: smoothing alone, the coarse correction set to zero."""
    with_levels = steps_needed(wall_level(64), "ratio")
    monkeypatch.setattr(kernels, "prolong_add", lambda *args: None)
    assert steps_needed(wall_level(64), "ratio") > 2.5 * with_levels


def test_one_cycle_without_acceleration_needs_more_steps(monkeypatch):
    """Counterexample: a V-cycle of plain aggregation slows down as the grid grows."""
    growth = {}
    for name in ("K", "V"):
        if name == "V":
            monkeypatch.setattr(Aggregation, "_accelerated", Aggregation._cycle)
        growth[name] = [steps_needed(wall_level(n, 1.0), "ratio") for n in (64, 128)]
    assert growth["V"][1] > growth["V"][0] + 3
    assert growth["V"][1] > 1.3 * growth["K"][1]


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_mass_and_function_are_transposes(shift, rng):
    level = wall_level(24, 100.0, shift)
    p, v = rng.standard_normal((2, level.size))
    Mp, Mv = level.apply("mass", p), level.apply("function", v)
    scale = np.abs(Mp) @ np.abs(v) + np.abs(p) @ np.abs(Mv)
    assert abs(Mp @ v - p @ Mv) <= 1e-14 * scale
    generator = fp.Generator(zoo.manufactured_wall(100.0).build(24))
    twin = shift * p - generator.matrix @ p
    np.testing.assert_allclose(Mp, twin, rtol=0, atol=1e-13 * np.abs(level.diagonal).max())
    twin = shift * v - generator.matrix.T @ v
    np.testing.assert_allclose(Mv, twin, rtol=0, atol=1e-13 * np.abs(level.diagonal).max())


def test_ratio_form_is_the_mass_form_over_the_guess(rng):
    level = wall_level(24, 100.0, 0.7)
    u, mass = rng.standard_normal(level.size), np.exp(level.phi)
    twin = level.apply("mass", mass * u) / mass
    np.testing.assert_allclose(
        level.apply("ratio", u), twin, rtol=0, atol=1e-12 * np.abs(twin).max()
    )


def test_constant_and_mass_are_in_the_kernels(rng):
    """Functions: constants. Masses: the stationary one. Ratios to that: constants again."""
    generator = fp.Generator(zoo.manufactured_wall(10.0).build(24))
    phi = null_vector(generator.matrix, generator.grid.shape).log_mass
    level = level_of(generator, phi)
    ones = np.ones(level.size)
    for form, u in (("function", ones), ("mass", np.exp(phi)), ("ratio", ones)):
        assert np.abs(level.apply(form, u) / level.diagonal).max() <= 1e-13 * u.max()
    assert abs(level.apply("mass", rng.standard_normal(level.size)).sum()) < 1e-9


def test_levels_are_lumped_chains():
    level = wall_level(96)
    hierarchy = Aggregation(level)
    levels = hierarchy.levels
    assert len(levels) >= 3
    assert levels[-1].size <= sizes.AGGREGATION_COARSEST
    for (fine, coarse), lumps in zip(pairwise(levels), hierarchy.lumps, strict=True):
        assert coarse.size <= 0.4 * fine.size  # pairs of pairs
        assert np.bincount(lumps.number).max() <= 4
        mass = np.bincount(lumps.number, np.exp(fine.phi))
        np.testing.assert_allclose(np.exp(coarse.phi), mass, rtol=1e-12)
    assert sum(level.indices.size for level in levels) / levels[0].indices.size < 2.2


def test_zero_and_size_of_the_residual(rng):
    hierarchy = Aggregation(wall_level(40))
    r = rng.standard_normal(1600)
    z = hierarchy.precondition(r)
    np.testing.assert_allclose(hierarchy.precondition(2.0**40 * r), 2.0**40 * z, rtol=1e-9)
    np.testing.assert_array_equal(hierarchy.precondition(r), z)
    assert not hierarchy.precondition(0 * r).any()


def test_threaded_residual_is_the_plain_one(monkeypatch, rng):
    level = wall_level(40)
    r, u = rng.standard_normal((2, level.size))
    plain = level.residual("mass", r, u)
    monkeypatch.setattr(sizes, "THREADS_FROM", 1)
    np.testing.assert_array_equal(level.residual("mass", r, u), plain)


@pytest.mark.parametrize("form", ["masses", "", None, 2])
def test_unknown_form(form):
    with pytest.raises(ValueError, match=r"form is .*choose from ratio, mass, function"):
        Aggregation(wall_level(8), form)
