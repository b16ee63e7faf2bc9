"""Transition paths against closed forms and against a dense chain by brute force."""

import numpy as np
import pytest
from scipy.integrate import quad

import fokkerplanck as fp
from fokkerplanck import sets
from fokkerplanck.rates.ends import ended
from fokkerplanck.rates.transition_paths import inflow_rates
from tests.convergence.rates import assert_rate


def well(x):
    return (x**2 - 1) ** 2 / 4


def swirl(x, y):
    return x - x**3 + 0.8 * y, -y - 0.9 * x


def brute_force(problem, A, B):
    """Transition path theory of a plain dense chain that has the boundaries as states.

    Every cut edge gets a node of tiny volume at its boundary; nodes belong to their set.
    """
    generator = fp.Generator(problem)
    log_rho = fp.steady_state(problem, scheme="markov").log_rho.ravel()
    end = ended(generator, [("A", A), ("B", B)])
    n, c = problem.grid.size, end.crossings
    m, tiny = c.free.size, 1e-7
    R = np.zeros((n + m, n + m))  # R[i, k]: rate i -> k
    R[:n, :n] = generator.matrix.todense().T
    np.fill_diagonal(R, 0)
    volume = problem.grid.volumes.ravel()

    def half(w, s, z):
        def B(z):
            return z / np.expm1(z) if z else 1.0

        return w / s * B(-s * z), w / s * B(s * z)

    for k in range(m):
        i, b, j = c.free[k], n + k, c.other[k]
        near, far = (
            half(c.weight[k], c.part[k], c.tilt[k]),
            half(c.weight[k], 1 - c.part[k], c.tilt[k]),
        )
        R[i, j] = R[j, i] = 0.0
        R[i, b], R[b, i] = near[0] / volume[i], near[1] / tiny
        R[b, j], R[j, b] = far[0] / tiny, far[1] / volume[j]
    L = R - np.diag(R.sum(axis=1))
    pi = np.linalg.lstsq(
        np.vstack([L.T, np.ones(n + m)]), np.append(np.zeros(n + m), 1), rcond=None
    )[0]
    label = np.append(end.label, c.end)
    q, p = (hit(R, label, 1), hit(R.T * pi / pi[:, None], label, 0))
    flow = pi[:, None] * p[:, None] * R * q[None, :]
    net = flow - flow.T
    flux = net[label == 0].sum()
    return q[:n], p[:n], flux, float(pi @ p), float(pi @ (p * q)), np.exp(log_rho)


def hit(R, label, which):
    """Chance to reach one of the labelled sets first."""
    L = R - np.diag(R.sum(axis=1))
    free = label < 0
    x = (label == which).astype(float)
    x[free] = np.linalg.solve(L[np.ix_(free, free)], -L[np.ix_(free, ~free)] @ x[~free])
    return x


@pytest.mark.parametrize("D", [1.0, [[1, 0.4], [0.4, 0.7]]])
@pytest.mark.parametrize("as_masks", [True, False])
def test_transition_paths_by_brute_force(D, as_masks):
    grid = fp.Grid([(-1.6, 1.6), (-1.2, 1.2)], (8, 6))
    problem = fp.Problem(grid, drift=swirl, D=D, beta=2)
    A, B = sets.ball((-1, 0), 0.55), sets.box((0.7, 1.5), (-0.3, 0.9))
    if as_masks:
        A, B = A(*grid.x), B(*grid.x)
    q, p, flux, share, on_the_way, _ = brute_force(problem, A, B)
    paths = fp.committor(problem, A, B)
    assert np.allclose(paths.forward.ravel(), q, atol=1e-6)
    assert np.allclose(paths.backward.ravel(), p, atol=1e-6)
    assert abs(paths.flux / flux - 1) < 1e-6
    assert abs(paths.rate / (flux / share) - 1) < 1e-6
    assert abs(paths.rate_back / (flux / (1 - share)) - 1) < 1e-6
    assert abs(paths.mean_duration / (on_the_way / flux) - 1) < 1e-6
    assert np.abs(p + q - 1).max() > 0.05  # not in detailed balance


def test_detailed_balance_and_its_absence():
    reversible = fp.zoo.double_well().build(24)
    A, B = sets.ball((-1, 0), 0.5), sets.ball((1, 0), 0.5)
    paths = fp.committor(reversible, A, B)
    assert np.abs(paths.forward + paths.backward - 1).max() < 1e-12
    turning = fp.committor(fp.zoo.example_19(1.5).build(40), A, B)
    assert np.abs(turning.forward + turning.backward - 1).max() > 0.4


def test_the_backward_committor_is_the_forward_one_of_the_reversed_process():
    """Example 19 with -lambda is the reversed process, up to the error of the grid."""
    A, B = sets.ball((-1, 0), 0.5), sets.ball((1, 0), 0.5)
    box, errors, sizes = [(-3, 3), (-3, 3)], [], (40, 80, 160)
    for n in sizes:
        there = fp.committor(fp.zoo.example_19(1.0).boxed(box).build(n), A, B)
        back = fp.committor(fp.zoo.example_19(-1.0).boxed(box).build(n), B, A)
        rho = there.density / np.maximum(there.forward * there.backward, 1e-300)
        rho = np.where(there.density > 0, rho, 0)
        errors.append(there.grid.integrate(rho * np.abs(there.backward - back.forward)))
    assert_rate([1 / n for n in sizes], errors, order=2, cap=1e-3)


def test_forward_committor_on_a_line_is_the_scale_function():
    beta = 6.0

    def scale(a, b):
        return quad(lambda x: np.exp(beta * well(x)), a, b, epsabs=0, epsrel=1e-12)[0]

    sizes, errors, fluxes = (60, 120, 240), [], []
    Z = quad(lambda x: np.exp(-beta * well(x)), -3, 3, epsabs=0, epsrel=1e-12)[0]
    for n in sizes:
        problem = fp.Problem(fp.Grid([(-3, 3)], n), f=well, beta=beta)
        paths = fp.committor(problem, sets.half_space(-1, 0.9), sets.half_space(1, 1.05))
        x = np.clip(problem.grid.x[0], -0.9, 1.05)
        exact = np.array([scale(-0.9, b) for b in x]) / scale(-0.9, 1.05)
        errors.append(np.abs(paths.forward - exact).max())
        fluxes.append(abs(paths.flux * beta * Z * scale(-0.9, 1.05) - 1))
    assert_rate([1 / n for n in sizes], errors, order=2, cap=2e-4)
    assert_rate([1 / n for n in sizes], fluxes, order=2, cap=2e-3)


@pytest.mark.parametrize("n_cells", [(30, 24), (12, 10, 8)])
def test_every_dividing_surface_carries_the_same_flux(n_cells):
    d = len(n_cells)

    def drift(*x):
        return [x[0] - x[0] ** 3 + 0.7 * x[1], -x[1] - 0.7 * x[0], *(-u for u in x[2:])]

    D = np.eye(d) + 0.3 * (np.ones((d, d)) - np.eye(d))
    problem = fp.Problem(fp.Grid([(-2, 2)] * d, n_cells), drift=drift, D=D, beta=3)
    A, B = sets.ball([-1] + [0] * (d - 1), 0.6), sets.ball([1] + [0] * (d - 1), 0.6)
    paths = fp.committor(problem, A, B)
    for cut in (lambda *x: x[0] < 0, lambda *x: x[0] + 0.5 * x[1] < 0.2, A, ~B):
        assert abs(paths.flux_through(cut) / paths.flux - 1) < 1e-11
    # The field agrees with the edges: flow through a plane, by quadrature of the current.
    middle = paths.current[0][n_cells[0] // 2 - 1 : n_cells[0] // 2 + 1].mean(axis=0)
    area = problem.grid.volume / problem.grid.h[0]
    assert abs(middle.sum() * area / paths.flux - 1) < 0.02
    # A current without the backward committor does leak.
    naive = paths.edge_flow * (1 + 0.01 * np.arange(paths.edge_flow.size) % 2)
    tail, head, label = paths._ends
    balance = np.bincount(tail, naive, label.size) - np.bincount(head, naive, label.size)
    exact = np.bincount(tail, paths.edge_flow, label.size)
    exact -= np.bincount(head, paths.edge_flow, label.size)
    free = label < 0
    assert np.abs(exact[free]).max() < 1e-13 * paths.flux * 1e2
    assert np.abs(balance[free]).max() > 1e-4 * paths.flux


def test_rates_of_deep_wells_keep_their_digits():
    """Barriers of 100 kT: rate over Kramers' tends to 1, and the flux is the same everywhere."""
    beta = 400.0
    problem = fp.Problem(fp.Grid([(-1.6, 1.6)], 1600), f=well, beta=beta)
    paths = fp.committor(problem, sets.half_space(-1, 1), sets.half_space(1, 1))
    kramers = fp.rates.eyring_kramers(2, -1, -1, 0.25, beta)
    assert abs(paths.rate / kramers - 1) < 0.01
    assert abs(paths.flux_through(lambda x: x < 0.4) / paths.flux - 1) < 1e-10


@pytest.mark.parametrize(
    ("tilt", "back"), [(0, None), (36, 3.773), (40, 5.328), (60, None), (150, None)]
)
def test_the_rate_back_is_the_rate_there_of_the_exchanged_sets(tilt, back):
    """Of wells so unequal that 1 less the share of one is rounding."""
    problem = fp.Problem(
        fp.Grid([(-1.6, 1.6)], 64), f=lambda x: 12 * (x**2 - 1) ** 2 + tilt / 2 * x
    )
    left, right = sets.half_space(-1, 0.9), sets.half_space(1, 0.9)
    there, back_again = fp.committor(problem, left, right), fp.committor(problem, right, left)
    assert there.rate_back == pytest.approx(back_again.rate, rel=1e-12)
    assert back_again.rate_back == pytest.approx(there.rate, rel=1e-12)
    if back:
        assert there.rate_back == pytest.approx(back, rel=2e-4)
    # In detailed balance the backward committor is the forward one of the exchanged sets.
    np.testing.assert_allclose(there.backward, back_again.forward, rtol=1e-11)


def test_rates_back_of_a_circulating_chain():
    drift = lambda x, y: (4 * (x - x**3) + 1.5 - y, -y + x)  # noqa: E731
    problem = fp.Problem(fp.Grid([(-2, 2), (-4, 4)], (20, 16)), drift=drift, kT=0.05)
    A, B = sets.half_space((-1, 0), 0.6), sets.half_space((1, 0), 0.6)
    there, back = fp.committor(problem, A, B), fp.committor(problem, B, A)
    assert there.rate < 1e-4 * there.rate_back or there.rate_back < 1e-4 * there.rate
    assert there.rate_back == pytest.approx(back.rate, rel=1e-11)
    assert there.rate == pytest.approx(back.rate_back, rel=1e-11)


def test_inflow_keeps_the_stationary_current_of_every_cut_edge():
    """Rate out less rate of the reversed chain is the current of the whole edge over the mass."""
    grid = fp.Grid([(-2, 2), (-2, 2)], 16)
    problem = fp.Problem(grid, drift=swirl, D=[[1, 0.3], [0.3, 0.6]])
    generator, steady = fp.Generator(problem), fp.steady_state(problem, scheme="markov")
    end = ended(generator, [("A", sets.ball((0.3, 0.1), 0.7))])
    c = end.crossings
    into = inflow_rates(grid, c, steady.log_rho.ravel())
    whole = c.sign * generator.currents(steady.rho)[c.edge]
    mass = (steady.rho * grid.volume).ravel()[c.free]
    assert np.abs(mass * (c.rate - into) - whole).max() < 1e-14 * np.abs(mass * c.rate).max() * 10
    assert into.min() > 0


def test_multigrid_agrees_with_elimination():
    problem = fp.zoo.example_19(1.5).build(40)
    A, B = sets.ball((-1, 0), 0.5), sets.ball((1, 0), 0.5)
    direct, other = (fp.committor(problem, A, B, solver=s) for s in ("direct", "multilevel"))
    assert abs(other.flux / direct.flux - 1) < 1e-8
    assert np.abs(other.backward - direct.backward).max() < 1e-8


PLANE = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 16))
LEFT, RIGHT = sets.half_space((-1, 0), 1), sets.half_space((1, 0), 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fp.committor(None, LEFT, RIGHT), "give a Problem"),
        (lambda: fp.committor(PLANE, LEFT, LEFT), "A and B overlap at cell"),
        (lambda: fp.committor(PLANE, LEFT, lambda x, y: abs(x) < 1), "A and B touch at cell"),
        (lambda: fp.committor(PLANE, lambda x, y: x > 7, RIGHT), "A holds no cell"),
        (lambda: fp.committor(PLANE, LEFT, lambda x, y: x > -7), "B is the whole box"),
        (lambda: fp.committor(PLANE, LEFT, ~LEFT), "fill the whole box"),
        (lambda: fp.committor(PLANE, LEFT, np.ones((3, 3), bool)), "B is of shape"),
        (lambda: fp.committor(PLANE, LEFT, RIGHT, solver=2), "solver is 2"),
        (
            lambda: fp.committor(
                fp.Problem(fp.Grid([(-2, 2)] * 2, 16, sides="absorbing")), LEFT, RIGHT
            ),
            "exit_probabilities",
        ),
        (lambda: fp.committor(PLANE, LEFT, RIGHT).flux_through(RIGHT), "all cells of A"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_results_are_read_only():
    paths = fp.committor(PLANE, LEFT, RIGHT)
    for array in (paths.forward, paths.backward, paths.density, paths.current, paths.edge_flow):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_current_is_that_of_the_continuum():
    r"""J_R = q- q+ J + kT rho D (q- grad q+ - q+ grad q-), away from the sets, D a tensor."""
    D, kT, sizes, errors = np.array([[1, 0.4], [0.4, 0.7]]), 0.4, (31, 63, 127), []
    for n in sizes:
        problem = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], n), drift=swirl, D=D, kT=kT)
        paths = fp.committor(problem, sets.ball((-1, 0), 0.4), sets.ball((1, 0), 0.4))
        steady, h = fp.steady_state(problem), problem.grid.h
        q, p = paths.forward, paths.backward
        slope = p * np.stack(np.gradient(q, *h)) - q * np.stack(np.gradient(p, *h))
        exact = p * q * steady.J + kT * steady.rho * np.einsum("ik,k...->i...", D, slope)
        x, y = problem.grid.x
        away = (abs(x) < 0.5) | (abs(y) > 0.6)
        scale = problem.grid.integrate(away * np.hypot(*paths.current))
        errors.append(problem.grid.integrate(away * np.hypot(*(paths.current - exact))) / scale)
    assert_rate([1 / n for n in sizes], errors, order=1.8, cap=5e-3)


def test_rates_that_underflow_are_no_cells_left_for_good():
    steep = fp.Problem(fp.Grid([(-2, 2)], 24), f=well, beta=1e4)
    with pytest.raises(fp.ConvergenceError, match=r"slower than 1e-280 per unit of time"):
        fp.committor(steep, sets.half_space(-1, 1), sets.half_space(1, 1))
    # Counterexample: what really is left for good is another matter.
    one_way = fp.Problem(
        fp.Grid([(-2, 2), (-2, 2)], 12), drift=lambda x, y: (-x, 1 + 0 * y), D=(1, 0)
    )
    with pytest.raises(ValueError, match="some cells are left for good"):
        fp.committor(one_way, sets.half_space((-1, 0), 1), sets.half_space((1, 0), 1))
