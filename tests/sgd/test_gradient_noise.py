"""Spectrum of the minibatch noise against the dense covariance."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.sgd.gradient_noise import least_ratio


@pytest.mark.parametrize(("n", "d"), [(30, 8), (6, 40)])
def test_eigenvalues_of_the_dense_covariance(rng, n, d):
    g = rng.normal(size=(n, d))
    spectrum = fp.sgd.noise_spectrum(g)
    dense = np.linalg.eigvalsh(g.T @ g / n - np.outer(g.mean(axis=0), g.mean(axis=0)))[::-1]
    np.testing.assert_allclose(spectrum.eigenvalues, dense[: min(n - 1, d)], atol=1e-13)
    assert spectrum.rank == min(n - 1, d)
    assert spectrum.trace == pytest.approx(dense.sum())
    assert spectrum.of_all == pytest.approx((dense.mean(), dense.std()))


def test_statistics_of_low_rank_noise(rng):
    d, rank = 400, 4
    g = rng.normal(size=(200, rank)) @ rng.normal(size=(rank, d))
    spectrum = fp.sgd.noise_spectrum(g, dtype="float32")
    assert spectrum.rank == rank
    assert spectrum.threshold == pytest.approx(
        spectrum.eigenvalues[0] * d * np.finfo("float32").eps
    )
    mean, deviation = spectrum.of_all
    assert deviation / mean >= least_ratio(spectrum.rank_share)
    assert spectrum.of_nonzero[0] == pytest.approx(mean * d / rank)
    # The floor alone: (d - rank) eigenvalues at the threshold.
    floor = spectrum.threshold * (d - rank) / d
    assert spectrum.of_clipped[0] == pytest.approx(mean + floor, rel=1e-9)


def test_bound_is_attained_and_only_by_equal_eigenvalues():
    p, d = 0.02, 1000
    for values, attained in ((np.ones(20), True), (np.arange(1.0, 21), False)):
        values = np.concatenate([values, np.zeros(d - 20)])
        ratio = values.std() / values.mean()
        assert bool(ratio == pytest.approx(least_ratio(p))) is attained
        assert ratio >= least_ratio(p) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("gradients", "dtype", "text"),
    [
        ([1.0, 2.0], "float64", r"shape \(2,\); give \(N, d\)"),
        ([[1.0, 2.0]], "float64", "N at least 2"),
        ([[1.0], [np.nan]], "float64", "not finite"),
        ([[1.0], [2.0]], "float16", "dtype is 'float16'; choose from"),
        ("abc", "float64", "gradients"),
    ],
)
def test_bad_input(gradients, dtype, text):
    with pytest.raises(ValueError, match=text):
        fp.sgd.noise_spectrum(gradients, dtype)


@pytest.mark.parametrize("share", [0, -0.1, 1.5, np.nan])
def test_bad_share(share):
    with pytest.raises(ValueError, match="rank_share is"):
        least_ratio(share)
