"""Anderson acceleration against direct solutions."""

import numpy as np

from fokkerplanck.linalg.anderson import Anderson, anderson_step


def test_acceleration_solves_linear_problems(rng):
    """With as many differences as dimensions a linear fixed point is found at once."""
    A = 0.9 * np.linalg.qr(rng.standard_normal((4, 4)))[0]
    b, x = rng.standard_normal(4), np.zeros(4)
    mix = Anderson(np.ones(4), 5)
    for _ in range(6):
        x = mix(x, A @ x + b - x)
    np.testing.assert_allclose(x, np.linalg.solve(np.eye(4) - A, b), atol=1e-9)
    mix.reset()
    assert np.allclose(mix(x, np.ones(4)), x + 1)


def test_steps_solve_linear_problems_in_any_norm(rng):
    A = 0.9 * np.linalg.qr(rng.standard_normal((4, 4)))[0]
    b, weight = rng.standard_normal(4), 0.1 + rng.random(4)
    for weighted in (False, True):
        x, iterates, residuals = np.zeros(4), [], []
        for _ in range(6):
            iterates.append(x)
            residuals.append(A @ x + b - x)
            seen = [weight * g for g in residuals] if weighted else None
            x = x + anderson_step(iterates, residuals, seen)
        np.testing.assert_allclose(x, np.linalg.solve(np.eye(4) - A, b), atol=1e-9)
