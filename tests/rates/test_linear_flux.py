"""Rates of problems without noise along an axis, by the fifth-order flux; when it is taken."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import expm_multiply

import fokkerplanck as fp
from fokkerplanck import sets
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.operator_choice import choose_operator, pass_level
from fokkerplanck.zoo import spiral

LEFT, RIGHT = sets.half_space((-1, 0), 0.9), sets.half_space((1, 0), 0.9)


def kramers(gamma, n, kT=0.05):
    """Double well with a barrier of 1/4, friction gamma."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)
    return fp.Problem(grid, drift=lambda x, v: (v, x - x**3 - gamma * v), D=(0, gamma), kT=kT)


def stirred(n=24):
    """Elliptic, with more noise added by upwinding than is right."""
    grid = fp.Grid([(-4, 4), (-3, 3)], n)
    return fp.Problem(grid, drift=lambda x, y: (-x + 6 * y, -y - 6 * x), kT=0.2)


# --- passage times -------------------------------------------------------------------------------


def test_the_time_over_a_barrier():
    times = fp.mfpt(kramers(1, 80), RIGHT)
    assert times.stats["scheme"] == "upwind5"
    assert abs(times.at(-1, 0) - 1134) < 3  # the limit of fine grids is 1134.15
    # Escape is a Poisson process: the deviation is about the mean.
    assert 0.98 < times.std.max() / times.mean.max() < 1.0
    assert times.residual < 1e-9
    chain = fp.mfpt(kramers(1, 80), RIGHT, scheme="markov")
    assert chain.stats["scheme"] == "markov"
    assert chain.at(-1, 0) < 500


@pytest.mark.slow
@pytest.mark.parametrize(("gamma", "tau", "off"), [(0.1, 1071.6, 3), (0.02, 2825, 30)])
def test_the_turnover(gamma, tau, off):
    assert abs(fp.mfpt(kramers(gamma, 160), RIGHT).at(-1, 0) - tau) < off


def test_grids_that_are_too_coarse_are_refused():
    problem = kramers(0.02, 40)
    with pytest.raises(fp.ConvergenceError, match=r"of its stationary mass is negative"):
        fp.mfpt(problem, RIGHT, scheme="upwind5")
    times = fp.mfpt(problem, RIGHT)
    assert times.stats["scheme"] == "markov"
    assert "upwind5 was not usable because the grid does not resolve" in times.stats["message"]
    assert "% to the noise" in times.stats["message"]
    asked = fp.mfpt(problem, RIGHT, scheme="markov")
    assert np.array_equal(times.mean, asked.mean)


def test_barriers_that_are_too_high_are_refused():
    with pytest.raises(fp.ConvergenceError, match="the barrier is too high"):
        fp.mfpt(kramers(1, 160, 0.01), RIGHT, scheme="upwind5")


def test_flow_without_noise_takes_the_time_it_takes():
    grid = fp.Grid([(0, 1), (-4, 4)], (32, 24), sides=["absorbing", "reflecting"])
    problem = fp.Problem(grid, drift=lambda x, y: (1 + 0 * x, -y), D=(0, 1))
    found = fp.mfpt(problem)
    assert found.stats["scheme"] == "upwind5"
    inner = slice(6, -3)  # the first cells are behind a wall from which the drift leads away
    assert np.abs(found.mean - (1 - grid.x[0]))[inner].max() < 1e-3
    chain = fp.mfpt(problem, scheme="markov")
    assert np.abs(chain.mean - (1 - grid.x[0]))[inner].min() > 0.01
    assert chain.variance.max() > 0.02  # 0 is right
    assert found.variance.max() < 0.05 * chain.variance.max()


# --- committors and exits ------------------------------------------------------------------------


def test_transition_paths_in_phase_space():
    problem = kramers(1, 80)
    paths = fp.committor(problem, LEFT, RIGHT)
    assert paths.stats["scheme"] == "upwind5"
    for x in (-0.5, 0.0, 0.3):
        through = paths.flux_through(lambda q, v, x=x: q < x)
        assert abs(through / paths.flux - 1) < 1e-8
    # Turning time round turns v round: q-(x, v) = 1 - q+(x, -v). Symmetry makes both rates equal.
    dense = paths.density > 0.05 * paths.density.max()
    assert np.abs(paths.forward + paths.backward[:, ::-1] - 1)[dense].max() < 0.02
    assert abs(paths.rate / paths.rate_back - 1) < 1e-8
    i = np.searchsorted(problem.grid.centers[0], 0.2)
    line = paths.current[0][i].sum() * problem.grid.h[1]
    assert abs(line / paths.flux - 1) < 1e-3
    found = fp.exit_probabilities(problem, [LEFT, RIGHT])
    assert found.stats["scheme"] == "upwind5"
    assert found.residual < 1e-8
    assert np.abs(found.probability[1] - paths.forward).max() < 1e-8
    # Passage from A to B and back, once in each period of all transitions.
    rho = paths.density.sum() * problem.grid.volume
    assert abs(rho / paths.flux / paths.mean_duration - 1) < 1e-10


@pytest.mark.slow
def test_the_committor_against_paths():
    problem = kramers(0.1, 160)
    paths = fp.committor(problem, LEFT, RIGHT)
    q = RegularGridInterpolator(problem.grid.centers, paths.forward)
    # Of 10^4 to 10^5 simulated paths, with their standard errors.
    for at, value, error in (
        ((0, 0.2), 0.9971, 0.0004), ((-0.5, 0.3), 0.0062, 0.0004), ((-0.5, 0.5), 0.5356, 0.0025),
    ):  # fmt: skip
        assert abs(float(q(at)) - value) < 2.5 * error
    p = RegularGridInterpolator(problem.grid.centers, paths.backward)
    for x, v in ((0, 0.2), (-0.5, 0.3), (-0.5, 0.5)):
        assert abs(float(p((x, -v))) + float(q((x, v))) - 1) < 5e-4


def test_sets_that_stencils_join_are_refused():
    near = sets.half_space((-1, 0), 0.06), sets.half_space((1, 0), 0.06)
    with pytest.raises(fp.ConvergenceError, match="at least six free cells"):
        fp.committor(kramers(1, 60), *near, scheme="upwind5")


# --- backward ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["auto", "krylov"])
def test_backward_is_the_transpose(kind):
    problem = kramers(1, 48, 0.1)
    grid = problem.grid
    u = fp.backward(problem, lambda x, v: np.tanh(3 * x), [0, 0.5, 2], kind=kind)
    assert u.stats["scheme"] == "upwind5"
    start = (fp.gaussian(grid, (-0.5, 0.3), 0.1) * grid.volume).ravel()
    A = Upwind5(problem).matrix
    for t, now in zip(u.t, u.u, strict=True):
        end = expm_multiply(A * t, start)
        assert abs(end @ u.u[0].ravel() - start @ now.ravel()) < 1e-11
    constant = fp.backward(problem, 0.3, [0, 1, 2]).u
    assert np.array_equal(constant, np.full_like(constant, 0.3))


def test_what_leaves_the_range_is_reported():
    problem = kramers(0.5, 48, 0.1)
    u = fp.backward(problem, lambda x, v: np.where(x > 0, 1.0, 0.0), [0, 0.1])
    over = max(u.u[1].max() - 1, -u.u[1].min())
    assert 1e-3 < over < 0.3
    assert u.stats["overshoot"] == pytest.approx(over)
    chain = fp.backward(problem, lambda x, v: np.where(x > 0, 1.0, 0.0), [0, 0.1], scheme="markov")
    assert chain.u.max() <= 1


# --- the choice ----------------------------------------------------------------------------------


def test_detailed_balance_stays_with_the_chain():
    well = fp.Problem(fp.Grid([(-2, 2), (-2, 2)], 12), f=lambda x, y: 30 * (x**2 - 1) ** 2 + y**2)
    choice = choose_operator(fp.Generator(well), "auto", "mfpt")
    assert choice.linear is None
    assert choice.message == ""


def test_much_added_noise_is_a_reason():
    generator = fp.Generator(stirred())
    choice = choose_operator(generator, "auto", "mfpt")
    assert choice.added > 0.1
    assert choice.linear is not None
    named = choose_operator(generator, "auto", "mfpt", "direct")
    assert named.linear is None
    assert "asks for the Markov chain" in named.message
    dual = choose_operator(generator, "auto", "backward", dual=True)
    assert dual.linear is None
    assert 'scheme="upwind5"' in dual.message


def test_some_added_noise_is_said():
    generator = fp.Generator(spiral().build(40))
    choice = choose_operator(generator, "auto", "mfpt")
    assert choice.linear is None
    assert 0.02 < choice.added < 0.1
    assert choice.message.startswith("upwinding adds ")


def test_bad_words():
    problem = kramers(1, 24)
    for ask in (
        lambda **w: fp.mfpt(problem, RIGHT, **w),
        lambda **w: fp.committor(problem, LEFT, RIGHT, **w),
        lambda **w: fp.exit_probabilities(problem, [LEFT], **w),
        lambda **w: fp.backward(problem, 1.0, 1.0, **w),
        lambda **w: fp.spectrum(problem, 2, **w),
    ):
        with pytest.raises(ValueError, match="scheme is 'upwind'; choose from"):
            ask(scheme="upwind")
    with pytest.raises(ValueError, match="solver is 'direct', which is for the Markov chain"):
        fp.mfpt(problem, RIGHT, "direct", scheme="upwind5")
    edges = fp.Generator(fp.Edges.from_problem(problem))
    assert fp.mfpt(edges, RIGHT).stats["scheme"] == "markov"
    with pytest.raises(ValueError, match="made of Edges"):
        fp.mfpt(edges, RIGHT, scheme="upwind5")


def test_the_pass_between_wells(rng):
    n = 40
    grid = fp.Grid([(-2, 2), (-2, 2)], n)
    problem = fp.Problem(grid)
    phi = -((grid.x[0] ** 2 - 1) ** 2) * 4 - 3 * grid.x[1] ** 2
    wells = np.array([np.ravel_multi_index((i, n // 2), grid.shape) for i in (10, 29)])
    level = pass_level(fp.Generator(problem).matrix, phi.ravel(), wells)
    assert level == pytest.approx(phi[n // 2].max(), rel=1e-12)
