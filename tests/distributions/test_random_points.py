"""Samples: chi-square against the masses they are drawn from, and false samplers that fail."""

import numpy as np
import pytest
from scipy.stats import chi2

import fokkerplanck as fp

#: Chance that a right sampler fails; seeds are fixed, so that it either does or does not.
CHANCE = 1e-4
GRID = fp.Grid([[0, 0.1, 0.3, 1], (0, 2)], (3, 4), ["reflecting", "periodic"])
RHO = np.array([[3.0, 0.0, 1.0, 2.0], [1.0, 4.0, 0.5, 1.0], [0.2, 0.3, 0.0, 0.5]])


def is_refuted(points, grid, masses):
    """Whether counts in the cells of a grid are too far from masses (*shape) of sum 1."""
    counts, _ = np.histogramdd(points, bins=grid.faces)
    expected = masses.ravel() * len(points)
    held = expected > 0
    if counts.ravel()[~held].any():
        return True
    statistic = np.sum((counts.ravel()[held] - expected[held]) ** 2 / expected[held])
    return bool(statistic > chi2.ppf(1 - CHANCE, held.sum() - 1))


def test_cells_and_places_in_them_have_their_chances():
    masses = RHO * GRID.volumes
    points = fp.sample(RHO, GRID, 40_000, rng=3)
    assert not is_refuted(points, GRID, masses / masses.sum())
    fine = GRID.refined(3)  # evenly in the cells, too
    parts = np.kron(RHO, np.ones((3, 3))) * fine.volumes
    assert not is_refuted(points, fine, parts / parts.sum())


def test_false_samplers_are_found():
    masses = RHO * GRID.volumes / GRID.integrate(RHO)
    wrong = fp.sample(np.ones(GRID.shape), GRID, 40_000, rng=3)
    assert is_refuted(wrong, GRID, masses)
    no_volumes = fp.sample(RHO / GRID.volumes, GRID, 40_000, rng=3)
    assert is_refuted(no_volumes, GRID, masses)
    slightly = RHO.copy()
    slightly[1, 1] *= 1.1
    assert is_refuted(fp.sample(slightly, GRID, 40_000, rng=3), GRID, masses)


def test_the_interpolant_is_sampled():
    points = fp.sample(RHO, GRID, 60_000, rng=5, within="interpolant")
    fine = GRID.refined(2)
    s = 0.5 * (1 + np.polynomial.legendre.leggauss(3)[0])
    w = 0.5 * np.polynomial.legendre.leggauss(3)[1]
    axes = [F[:-1, None] + h[:, None] * s for F, h in zip(fine.faces, fine.widths, strict=True)]
    nodes = np.stack(np.meshgrid(*(a.ravel() for a in axes), indexing="ij"), axis=-1)
    values = fp.at(RHO, GRID, nodes).reshape(6, 3, 8, 3)
    masses = np.einsum("iajb,a,b->ij", values, w, w) * fine.volumes
    assert not is_refuted(points, fine, masses / masses.sum())
    assert is_refuted(fp.sample(RHO, GRID, 60_000, rng=5), fine, masses / masses.sum())


def test_samples_of_a_stack_and_of_one_generator():
    rho = np.stack([fp.point(GRID, (0.05, 0.25)), fp.point(GRID, (0.65, 1.25))])
    points = fp.sample(rho, GRID, 5)
    assert points.shape == (2, 5, 2)
    assert (points[0, :, 0] <= 0.1).all()
    assert (points[1, :, 0] >= 0.3).all()
    assert fp.sample(rho, GRID, 0).shape == (2, 0, 2)
    rng = np.random.default_rng(1)
    first, second = (fp.sample(RHO, GRID, 5, rng) for _ in range(2))
    np.testing.assert_array_equal(first, fp.sample(RHO, GRID, 5, rng=1))
    assert (first != second).all()


def test_atoms_are_on_their_wall():
    line = fp.Grid([(0, 1)], 4)
    side = fp.sets.side("x", "lower")
    rho = np.array([2.8, 0.4, 0.4, 0.4])  # .6 on the wall, .1 in each cell
    for within in ("uniform", "interpolant"):
        points = fp.sample(rho, line, 20_000, rng=2, within=within, atoms={side: 0.6})
        share = np.mean(points == 0)
        assert abs(share - 0.6) < 4 * np.sqrt(0.24 / 20_000)
        assert not is_refuted(points[points > 0, None], line, np.full(4, 0.25))


def test_wrong_draws():
    for words, arguments in (
        ("n is -1", {"n": -1}),
        ("rng is 'a'", {"n": 1, "rng": "a"}),
        ("rng is True", {"n": 1, "rng": True}),
        ("within is 'linear'", {"n": 1, "within": "linear"}),
        ("atoms is 0.5", {"n": 1, "atoms": 0.5}),
        ("atoms has 'x'", {"n": 1, "atoms": {"x": 0.5}}),
        ("have shape", {"n": 1, "atoms": {fp.sets.side("x", "lower"): 0.5}}),
        ("more than the mass", {"n": 1, "atoms": {fp.sets.side("x", "lower"): np.full(4, 9.0)}}),
    ):
        with pytest.raises(ValueError, match=words):
            fp.sample(RHO, GRID, **arguments)
