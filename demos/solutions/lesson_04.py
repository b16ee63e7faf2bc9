"""Solutions of lesson 4, what keeps flowing."""

import numpy as np

import fokkerplanck as fp


def angles_at_rest():
    """D and H have the same axes: the eigenvectors of H, at 52.02 and 142.02 degrees."""
    H = np.array([[2, -1], [-1, 1.5]])
    _, axes = np.linalg.eigh(H)
    angles = np.sort(np.degrees(np.arctan2(axes[1], axes[0])) % 180)
    at_rest = [
        fp.steady_state(fp.zoo.gyrator(d2=0.2, angle=np.radians(a)).build(48)).entropy_production
        for a in angles
    ]
    return angles, at_rest


def sense(D):
    """Mean of x j_y - y j_x: positive is anticlockwise."""
    grid = fp.Grid([(-2, 2), (-2, 2)], 80)
    x, y = grid.x
    state = fp.steady_state(
        fp.Problem(grid, f=lambda x, y: x**2 - x * y + 0.75 * y**2, D=D, kT=0.1)
    )
    return grid.integrate(x * state.J[1] - y * state.J[0])


def design():
    """Phi as wished and any q: the drift circulates, and free energy falls all the same."""
    grid = fp.Grid([(-2, 2), (-2, 2)], 80)

    def phi(x, y):
        return (x**2 - 1) ** 2 + y**2

    problem = fp.Problem.from_potential(grid, phi, (1, 1), 3.0, lambda x, y: 0.8 + 0 * x)
    state = fp.steady_state(problem)
    run = fp.solve(problem, fp.gaussian(grid, (1, 0), 0.05), np.linspace(0, 5, 21))
    difference = state.Phi - phi(*grid.x)
    difference -= grid.integrate(state.rho * difference)
    off = np.sqrt(grid.integrate(state.rho * difference**2))
    return off, state.entropy_production, np.diff(run.free_energy).max()


def main():
    angles, at_rest = angles_at_rest()
    assert np.allclose(angles, [52.02, 142.02], atol=0.01)
    assert max(at_rest) < 1e-6
    one, other = sense((1, 0.2)), sense((0.2, 1))
    assert one * other < 0
    off, production, change = design()
    assert off < 0.01
    assert production > 0.5
    assert change < 0


if __name__ == "__main__":
    main()
