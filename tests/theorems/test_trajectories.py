"""Lemma 7: F along x' = j, orbits on level sets of psi in the plane, chaos in space."""

from dataclasses import replace

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.convergence.rates import assert_rate
from tests.theorems.altered import altered


@pytest.mark.parametrize(
    "build", [lambda: zoo.repaired_example(), lambda: zoo.gyrator(), lambda: zoo.example_19(1.5)]
)
def test_orbits_in_the_plane_close(build):
    verdict = fp.theorems.closed_orbits(build().build(64))
    assert (verdict.outcome, verdict.is_theorem) == ("holds", True), verdict.comparisons
    assert verdict.numbers["nearest return"] < 0.05
    assert "no limit cycles" in str(verdict)


def test_the_change_of_psi_falls_with_the_cell():
    sizes = (48, 96, 192)
    changes = [
        fp.theorems.closed_orbits(zoo.repaired_example().build(n)).numbers["change of psi"]
        for n in sizes
    ]
    assert_rate([1 / n for n in sizes], changes, order=2, cap=1e-3)


def test_chaos_in_space():
    verdict = fp.theorems.closed_orbits(zoo.abc_flow().build(24))
    assert (verdict.outcome, verdict.is_theorem) == ("fails", False)
    # 0.0655(5): 2048 orbits of the exact flow over the same time. One orbit hangs on rounding.
    exponent, error = (verdict.numbers[f"exponent{word}"] for word in ("", ", standard error"))
    assert abs(exponent - 0.0655) < 4 * error
    assert error < 0.004
    assert verdict.comparisons[0].outcome == "holds"  # F is conserved all the same


def test_linear_motion_in_space_is_regular():
    verdict = fp.theorems.closed_orbits(zoo.spiral_3d().build(20), long=30)
    assert verdict.comparisons[1].outcome == "holds"


def test_nothing_moves_without_circulation():
    assert fp.theorems.closed_orbits(zoo.double_well().build(24)).outcome == "not applicable"
    assert fp.theorems.closed_orbits(zoo.tilted_ring().build(32)).outcome == "not applicable"


def test_a_field_that_does_not_keep_the_density_changes_F():
    def pulled(currents):
        """A part of j points to where the density is higher."""
        climb = np.sign(currents.log_rho[currents.head] - currents.log_rho[currents.tail])
        return replace(
            currents, velocity=currents.velocity + 0.5 * climb * np.abs(currents.velocity)
        )

    verdict = fp.theorems.closed_orbits(altered(zoo.repaired_example().build(64), pulled))
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_net_currents_on_a_torus_have_no_stream_function():
    verdict = fp.theorems.closed_orbits(zoo.advection_diffusion().build(32))
    assert verdict.outcome == "not applicable"
    assert "no net current round a torus" in str(verdict)


def test_orbits_of_a_rotation():
    """The current of a spiral D = 1 turns: orbits are circles about the middle."""
    grid = fp.Grid([(-5, 5), (-5, 5)], 96)
    state = fp.steady_state(fp.Problem(grid, drift=lambda x, y: (-x - y, x - y)))
    path = fp.theorems.orbits(state, [[1.0, 0.0], [0.0, 0.5]], 2 * np.pi)
    radii = np.linalg.norm(path, axis=2)
    np.testing.assert_allclose(radii, np.broadcast_to([[1.0], [0.5]], radii.shape), atol=0.01)
    np.testing.assert_allclose(path[:, -1], path[:, 0], atol=0.1)
    with pytest.raises(ValueError, match="give points of 2 finite"):
        fp.theorems.orbits(state, [[1.0, 0.0, 0.0]], 1.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda state: fp.theorems.orbits(3, [[0, 0]], 1.0), "state is 3; give what steady_state"),
        (lambda state: fp.theorems.orbits(state, [[0, 0, 0]], 1.0), "give points of 2 finite"),
        (lambda state: fp.theorems.orbits(state, [[0, np.nan]], 1.0), "give points of 2 finite"),
        (lambda state: fp.theorems.orbits(state, [[0, 0]], -1.0), "t is -1.0; give a finite pos"),
        (lambda state: fp.theorems.lyapunov_exponent("a", [0, 0], 1.0), "state is 'a'"),
        (lambda state: fp.theorems.lyapunov_exponent(state, [0], 1.0), "start is"),
        (lambda state: fp.theorems.a_type_drift(None), "state is None"),
        (lambda state: fp.theorems.a_type_residual(state, "rows"), "divergence is 'rows'; choose"),
    ],
)
def test_bad_input_of_what_takes_a_state(call, words):
    state = fp.steady_state(fp.zoo.gyrator().build(12))
    with pytest.raises(ValueError, match=words):
        call(state)


def test_no_drift_of_the_a_type_in_space():
    state = fp.steady_state(fp.zoo.spiral_3d().build(8))
    with pytest.raises(ValueError, match="in 3D, where Q has a gauge"):
        fp.theorems.a_type_drift(state)


@pytest.mark.parametrize("n", [12, 16, 24, 48])
def test_coarse_grids_do_not_refute_a_theorem(n):
    """Where both grids lose the orbits altogether, their difference is no error."""
    grid = fp.Grid([(-3, 3), (-3, 3)], n)
    loss = fp.Formula("x^2 - x*y + 0.75*y^2")
    problem = fp.Problem(grid, f=loss, D=(1.0, 0.2), kT=0.1)
    assert fp.theorems.closed_orbits(problem).outcome in ("holds", "undecided")
