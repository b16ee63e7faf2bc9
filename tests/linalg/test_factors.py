"""Factors of implicit steps: what they do when double precision is not enough."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.linalg.factors import ImplicitFactor
from fokkerplanck.scheme.generator import Generator


@pytest.mark.parametrize(("first", "later"), [(3.0, 3.0), (1.3, 0.3)])
def test_refinement_that_does_not_halve_is_an_error(first, later):
    """Factors that are wrong, at once or slowly: corrections have to fall by two each time."""
    grid = fp.Grid([(0, 1)], 12)
    factor = ImplicitFactor(Generator.of(fp.Problem(grid, f=lambda x: x**2), "a test"), 0.1)
    right, calls = factor._raw, []

    def wrong(b):
        calls.append(b)
        return (first if len(calls) == 1 else later) * right(b)

    factor._raw = wrong
    with pytest.raises(
        fp.ConvergenceError, match=r"refinement of an implicit step .* stalls"
    ) as error:
        factor.solve(np.linspace(1, 2, 12))
    assert error.value.iterate.shape == (12,)
