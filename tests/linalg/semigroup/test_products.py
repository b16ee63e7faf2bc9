"""Products with one generator: threads by size alone, the same bits with any number of them."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.kernels import threads
from fokkerplanck.linalg.semigroup.products import Products, rates_of
from fokkerplanck.scheme.flows import Flows

GENERATOR = fp.Generator(
    fp.Problem(fp.Grid([(-2, 2)] * 2, (40, 30)), drift=lambda x, y: (y - x, -x - y))
)


def run(rates, compensated, rng):
    """Weighted sum of 50 levels from random masses, and how many were to be asked for at once."""
    products = Products(rates, 2 * GENERATOR.exit_rates.max(), compensated)
    products.begin(rng.random(GENERATOR.grid.size))
    products.advance(rng.random(50))
    return products.total, products.stretch


@pytest.mark.parametrize("compensated", [True, False])
@pytest.mark.parametrize("form", [rates_of, Flows.from_generator])
def test_results_do_not_depend_on_threads(form, compensated, rng, monkeypatch):
    seed = rng.integers(1 << 30)
    found = []
    for large in (1, 10**6):
        monkeypatch.setattr(threads, "LARGE", large)
        found.append(run(form(GENERATOR), compensated, np.random.default_rng(seed)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("form", [rates_of, Flows.from_generator])
def test_threads_are_taken_by_size_alone(form, monkeypatch):
    n = GENERATOR.grid.size
    for large, expected in ((n, threads.number()), (n + 1, 1)):
        monkeypatch.setattr(threads, "LARGE", large)
        assert Products(form(GENERATOR), 1.0, True)._n_threads == expected
