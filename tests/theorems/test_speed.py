"""Gaps with and without circulation, and Kramers' rate."""

import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from tests.theorems.altered import altered, steeper


@pytest.mark.parametrize(("q", "gap"), [(0, 1.0), (1, 2.2984379), (2, 5.5)])
def test_circulation_accelerates(q, gap):
    grid = fp.Grid([(-6, 6), (-2.2, 2.2)], 64)
    problem = fp.Problem.from_potential(grid, lambda x, y: (x**2 + 10 * y**2) / 2, Q=float(q))
    verdict = fp.theorems.acceleration(problem)
    assert verdict.outcome == "holds"
    assert abs(verdict.left - gap) <= 3 * verdict.error
    assert abs(verdict.right - 1) <= 3 * verdict.error


def test_acceleration_fails_against_a_reversible_part_of_another_potential():
    study = altered(zoo.ornstein_uhlenbeck().build(128), log_rho=steeper(2.0))
    verdict = fp.theorems.acceleration(study)
    assert verdict.outcome == "fails"
    assert verdict.is_broken


def test_acceleration_needs_noise():
    assert fp.theorems.acceleration(zoo.langevin().build(24)).outcome == "not applicable"


@pytest.mark.parametrize(
    ("beta", "product"), [(5, 1.2313), (10, 1.2244), (20, 1.1066), (40, 1.0434)]
)
def test_kramers(beta, product):
    grid = fp.Grid([(-2.2, 2.2)], 800)
    verdict = fp.theorems.kramers(fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, beta=beta))
    assert verdict.outcome == "holds"
    assert verdict.is_theorem
    assert verdict.numbers["time x rate"] == pytest.approx(product, abs=2e-3)


def test_kramers_fails_for_another_barrier():
    grid = fp.Grid([(-2.2, 2.2)], 800)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, beta=40)
    verdict = fp.theorems.kramers(altered(problem, log_rho=steeper(0.8)))
    assert verdict.outcome == "fails"
    assert verdict.is_broken
    assert verdict.numbers["time x rate"] > 2


def test_kramers_needs_a_barrier():
    grid = fp.Grid([(-3, 3)], 200)
    low = fp.theorems.kramers(fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, beta=2))
    assert low.outcome == "not applicable"
    assert "the barrier is above kT (0.5 kT)" in str(low)
    one = fp.theorems.kramers(fp.Problem(grid, f=lambda x: x**2 / 2))
    assert one.outcome == "not applicable"


def test_kramers_fails_where_two_ways_lead_across():
    """A hill between the wells: two saddles, and the formula of one of them is half the rate."""
    grid = fp.Grid([(-2.2, 2.2), (-2.2, 2.2)], 96)

    def f(x, y):
        r2 = x**2 + y**2
        return 3 * (r2 - 1) ** 2 + 1.5 * y**2 * r2 - 0.0 * x

    verdict = fp.theorems.kramers(fp.Problem(grid, f=f, beta=4))
    assert verdict.numbers["time x rate"] < 0.75


def test_kramers_in_the_plane_with_circulation_is_a_claim():
    grid = fp.Grid([(-2.6, 2.6), (-2.6, 2.6)], 64)
    wells = fp.Problem(
        grid, f=lambda x, y: (x**2 - 1) ** 2 / 4 + y**2 / 2 + x * y / 2, D=(1, 0.25), kT=0.125
    )
    verdict = fp.theorems.kramers(wells)
    assert (verdict.outcome, verdict.is_theorem) == ("holds", False)
    assert 1 / verdict.numbers["gap / rates"] == pytest.approx(1.05, abs=0.04)
