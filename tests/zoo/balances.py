"""Averages that vanish: what the generator makes of an observable, by differences, on a state."""

import numpy as np

from tests.zoo.test_exact import difference, samples, step


def generated(exact, phi, x):
    """b.grad phi + kT D:Hess phi at points x, by eighth-order differences."""
    d, D, b = exact.dim, exact.diffusion(*x), exact.drift(*x)

    def slope(k):
        return lambda *p: difference(phi, p, k, step(exact, k))

    first = sum(b[k] * slope(k)(*x) for k in range(d))
    second = sum(
        D[i, k] * difference(slope(k), x, i, step(exact, i))
        for i in range(d)
        for k in range(d)
        if np.any(D[i, k])
    )
    return first + exact.kT * second


def defect(state, balance):
    """Average of L phi over the average of its size."""
    size = float(state.mean(lambda *x: np.abs(balance.rate(*x))))
    return float(state.mean(balance.rate)) / size


__all__ = ["defect", "generated", "samples"]
