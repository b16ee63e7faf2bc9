"""The limiter of flux-corrected transport against a numpy twin, and what it promises."""

import numpy as np
import pytest

from fokkerplanck.kernels.scheme import limiter


def limit_twin(tail, head, flux, outside, passes, mass):
    """The same in numpy; returns masses and what is left."""
    mass, flux, outside = mass.copy(), flux.copy(), outside.copy()
    if outside.size:
        mass -= np.minimum(outside, 0)
        outside = np.maximum(outside, 0)
    everything, kept = mass.sum(), limiter.KEPT * mass
    for _ in range(passes):
        wanted = np.zeros(mass.size)
        np.add.at(wanted, np.where(flux > 0, tail, head), np.abs(flux))
        if outside.size:
            wanted += outside
        has = np.maximum((1 - limiter.KEPT) * mass - kept, 0)
        share = np.where(wanted <= has, 1.0, has / np.where(wanted > 0, wanted, 1.0))
        moved = share[np.where(flux > 0, tail, head)] * flux
        np.add.at(mass, tail, -moved)
        np.add.at(mass, head, moved)
        flux -= moved
        total = np.abs(moved).sum()
        if outside.size:
            total += (share * outside).sum()
            mass -= share * outside
            outside -= share * outside
        if share.min() == 1 or total < limiter.ENOUGH * everything:
            break
    return mass, flux, outside


def case(rng, n=30, m=120, strength=1.0):
    tail, head = rng.integers(0, n, (2, m)).astype(np.int32)
    apart = tail != head
    tail, head = tail[apart], head[apart]
    mass = rng.random(n) * np.where(rng.random(n) < 0.2, 1e-30, 1.0)
    mass[:2] = 0.0
    return tail, head, strength * rng.standard_normal(tail.size), mass


@pytest.mark.parametrize("passes", [1, 2, 3, 40])
@pytest.mark.parametrize("open_", [False, True])
@pytest.mark.parametrize("strength", [1e-3, 0.1, 1.0, 1e8])
def test_against_the_twin(rng, passes, open_, strength):
    tail, head, flux, mass = case(rng, strength=strength)
    outside = strength * rng.standard_normal(mass.size) if open_ else np.zeros(0)
    expected = limit_twin(tail, head, flux, outside, passes, mass)
    limiter.limit(tail, head, flux, outside, passes, mass)
    for mine, twin in zip((mass, flux, outside), expected, strict=True):
        np.testing.assert_allclose(mine, twin, rtol=1e-10, atol=1e-12 * strength)


@pytest.mark.parametrize("passes", [1, 3, 100])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e12])
def test_masses_stay_positive_and_their_sum_exact(rng, strength, passes):
    tail, head, flux, mass = case(rng, strength=strength)
    total, before, wanted = mass.sum(), mass.copy(), flux.copy()
    limiter.limit(tail, head, flux, np.zeros(0), passes, mass)
    assert mass.min() >= 0
    assert np.all(mass >= 0.9 * limiter.KEPT * before)
    assert abs(mass.sum() - total) < 1e-14 * total
    # What is left points the way it did, and is no more than before.
    assert np.all(flux * wanted >= 0)
    assert np.all(np.abs(flux) <= np.abs(wanted))


def test_what_can_be_paid_is_paid_in_full(rng):
    tail, head, flux, mass = case(rng, strength=1e-4)
    mass += 1.0
    expected = mass.copy()
    np.add.at(expected, tail, -flux)
    np.add.at(expected, head, flux)
    limiter.limit(tail, head, flux, np.zeros(0), 1, mass)
    np.testing.assert_allclose(mass, expected, rtol=1e-14)
    assert not flux.any()


def test_later_passes_hand_on_what_earlier_ones_brought():
    """A chain 0 -> 1 -> 2 with all mass in 0: one pass gets it no further than 1."""
    tail, head = np.array([0, 1], np.int32), np.array([1, 2], np.int32)
    got = []
    for passes in (1, 2):
        mass = np.array([1.0, 0.0, 0.0])
        limiter.limit(tail, head, np.array([0.5, 0.25]), np.zeros(0), passes, mass)
        got.append(mass)
    np.testing.assert_allclose(got[0], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(got[1], [0.5, 0.25, 0.25])


def test_without_shares_a_cell_is_overdrawn(rng):
    """Counterexample: the same fluxes in full."""
    tail, head, flux, mass = case(rng)
    np.add.at(mass, tail, -flux)
    np.add.at(mass, head, flux)
    assert mass.min() < 0
