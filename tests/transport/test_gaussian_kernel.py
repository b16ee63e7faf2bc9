"""Gaussian kernels on boxes against sums over all pairs of cells."""

import numpy as np
import pytest

from fokkerplanck.transport.gaussian_kernel import GaussianKernel, SkewKernel


def slow(g, C):
    """Sum over all pairs for a covariance C in cells, without images."""
    x = np.stack(np.meshgrid(*map(np.arange, g.shape), indexing="ij")).reshape(g.ndim, -1)
    z = x[:, :, None] - x[:, None, :]
    terms = g.ravel() - 0.5 * np.einsum("ikl,ij,jkl->kl", z, np.linalg.inv(C), z)
    top = terms.max(1)
    constant = 0.5 * np.linalg.slogdet(2 * np.pi * C)[1]
    return (top + np.log(np.exp(terms - top[:, None]).sum(1)) - constant).reshape(g.shape)


@pytest.mark.parametrize("shape", [(23,), (9, 14), (5, 6, 7)])
def test_products(shape, rng):
    widths = (1.2, 2.0, 1.5)[: len(shape)]
    g = 30 * rng.standard_normal(shape)
    K = GaussianKernel(shape, widths, (False,) * len(shape))
    np.testing.assert_allclose(K(g), slow(g, np.diag(np.square(widths))), rtol=1e-12, atol=1e-11)
    assert K.calls == 1


@pytest.mark.parametrize("correlation", [0.6, -0.85])
def test_correlated_axes(correlation, rng):
    g = np.add.outer(-0.3 * np.arange(13.0) ** 2, 4 * np.arange(17.0)) + rng.random((13, 17))
    g[3, 5] = -np.inf
    r1, r2 = 2.0, 2.5
    C = np.array([[r1 * r1, correlation * r1 * r2], [correlation * r1 * r2, r2 * r2]])
    out = SkewKernel(g.shape, (r1, r2), correlation)(g)
    np.testing.assert_allclose(out, slow(g, C), rtol=1e-12, atol=1e-11)


def test_the_product_of_the_axes_is_another_kernel(rng):
    """Counterexample: without the correlation the result differs."""
    g = rng.random((9, 9))
    C = np.array([[4.0, 3.0], [3.0, 4.0]])
    assert np.abs(GaussianKernel((9, 9), (2, 2), (False, False))(g) - slow(g, C)).max() > 0.1
