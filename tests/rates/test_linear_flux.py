"""Rates of problems without noise along an axis, by the fifth-order flux; when it is taken."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse.linalg import expm_multiply

import fokkerplanck as fp
from fokkerplanck import sets
from fokkerplanck.scheme.chain_error import ChainError
from fokkerplanck.scheme.upwind5 import Upwind5
from fokkerplanck.steady.chain_noise import ChainNoise
from fokkerplanck.steady.operator_choice import choose_operator
from fokkerplanck.steady.wells import pass_level
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
    # The chain would say 20 in place of 2825.
    with pytest.raises(fp.ConvergenceError, match=r"mfpt has no answer .* times the noise, and up"):
        fp.mfpt(problem, RIGHT)
    asked = fp.mfpt(problem, RIGHT, scheme="markov")
    assert asked.at(-1, 0) < 100
    assert "times the noise" in asked.stats["message"]
    assert 'scheme="markov" asks for the chain' in asked.stats["message"]


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
    assert choice.linear.scheme == "upwind5"
    named = choose_operator(generator, "auto", "mfpt", "direct")
    assert named.linear is None
    assert "asks for the Markov chain" in named.message


def test_some_added_noise_is_said():
    """Where it is a matter of the grid, and not of the problem."""
    grid = fp.Grid([(-4, 4), (-4, 4)], 16)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
    choice = choose_operator(fp.Generator(problem), "auto", "mfpt")
    assert choice.linear is None
    assert 0.02 < choice.added < 0.1
    assert choice.message.startswith("the grid adds ")
    assert 'scheme="upwind5"' in choice.message


def test_finer_grids_do_not_bring_the_chain_back():
    for n in (24, 40, 80):
        assert choose_operator(fp.Generator(spiral().build(n)), "auto", "mfpt").linear is not None


def test_on_a_line_passages_are_left_to_the_chain():
    """Modes of a ring with a drift are not: they turn, and decay too fast on the chain."""
    grid = fp.Grid([(0, 2 * np.pi)], 48, "periodic")
    ring = fp.Problem(grid, drift=lambda x: 1 + 0 * x, kT=0.05)
    times = fp.mfpt(ring, lambda x: abs(x - np.pi) > np.pi - 0.5)
    assert times.stats["scheme"] == "markov"
    assert fp.spectrum(ring, 3).eigenvalues[1].real == pytest.approx(-0.05, rel=1e-5)
    assert fp.spectrum(ring, 3, scheme="markov").eigenvalues[1].real < -0.06


ASKED = {
    "mfpt": lambda p, **w: fp.mfpt(p, RIGHT, **w),
    "committor": lambda p, **w: fp.committor(p, LEFT, RIGHT, **w),
    "exit_probabilities": lambda p, **w: fp.exit_probabilities(p, [LEFT, RIGHT], **w),
    "spectrum": lambda p, **w: fp.spectrum(p, 2, **w),
}


@pytest.mark.parametrize("asker", ASKED)
def test_no_chain_stands_in_over_high_barriers(asker):
    """It makes 60 of times of 1e10 and more: noise of its own carries everything over."""
    problem = langevin(48, 0.1, 0.25 / 30)
    with pytest.raises(fp.ConvergenceError, match=f"{asker} has no answer on this grid: the grid"):
        ASKED[asker](problem)
    stats = ASKED[asker](problem, scheme="markov").stats
    message = stats["message"] if isinstance(stats, dict) else stats.message
    assert "times the noise" in message
    assert 'scheme="markov" asks for the chain' in message


def test_what_weak_friction_asks_of_grids():
    """At friction .02 on 80² cells times go negative, committors leave [0, 1]: no chain instead."""
    problem = langevin(80, 0.02)
    with pytest.raises(fp.ConvergenceError, match=r"mfpt has no .* mean times go down to -"):
        fp.mfpt(problem, RIGHT)
    with pytest.raises(fp.ConvergenceError, match=r"committor has no .* committor leave"):
        fp.committor(problem, LEFT, RIGHT)
    # The gap has no such guard, and needs none: it is second-order small in what the modes are off.
    assert fp.spectrum(problem, 2).gap == pytest.approx(4.4718e-4, rel=0.05)


def test_the_chain_says_what_it_adds_whoever_asks():
    for ask in (*ASKED.values(), lambda p, **w: fp.backward(p, lambda x, y: x, 0.5, **w)):
        stats = ask(stirred(), scheme="markov").stats
        message = stats["message"] if isinstance(stats, dict) else stats.message
        assert 'times the noise; scheme="markov" asks' in message


def test_the_chain_has_nothing_to_say_in_detailed_balance():
    grid = fp.Grid([(-2, 2), (-2, 2)], 16)
    well = fp.Problem(grid, f=lambda x, y: 3 * (x**2 - 1) ** 2 + y**2)
    assert ASKED["mfpt"](well, scheme="markov").stats["message"] == ""


def test_the_barrier_that_a_chain_shows():
    """Between wells of 12 and 9 kT; to the side of a bowl."""
    grid = fp.Grid([(-2, 2), (-1, 1)], (81, 9))
    x, y = grid.x
    phi = (-12 * (x**2 - 1) ** 2 - 1.5 * (1 + x) - y**2).ravel()
    plain = fp.Generator(fp.Problem(grid))
    error = ChainError(plain.problem, plain.edges)
    none = np.zeros(grid.size, bool)
    found = ChainNoise.of(error, plain, phi, none)
    top = phi.reshape(grid.shape)[:, 4]
    between = top[50:].max() - top[30:50].min()
    assert found.barrier == pytest.approx(between, rel=1e-12)
    assert found.added == 0
    side = np.zeros(grid.shape, bool)
    side[-1] = True
    bowl = (-3 * x**2).ravel()
    out = ChainNoise.of(error, plain, bowl, side.ravel())
    assert out.barrier == pytest.approx(3 * grid.centers[0][-1] ** 2, rel=1e-12)
    # Rates are off by e^(R barrier): .2 is much over 11 kT, and not over 1.
    assert ChainNoise(0.2, 0.2, 11.0).is_too_much
    assert not ChainNoise(0.2, 0.2, 1.0).is_too_much
    assert ChainNoise(1.1, 0.0, 0.0).is_too_much
    assert not ChainNoise(0.01, 0.01, 11.0).is_noted


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


# --- duality to solve ----------------------------------------------------------------------------


@pytest.mark.parametrize(("turn", "scheme"), [(2, "markov"), (6, "upwind5")])
def test_backward_is_dual_to_solve_by_default(turn, scheme):
    """Both go by the same rule: below and above the noise at which the chain is left."""
    grid = fp.Grid([(-4, 4), (-4, 4)], 64)
    problem = fp.Problem(grid, drift=lambda x, y: (-x + turn * y, -y - turn * x))
    start = fp.gaussian(grid, (1, 0), 0.3)
    later = fp.solve(problem, start, [0, 0.7], steady=False)
    u = fp.backward(problem, lambda x, y: np.tanh(x + 0.3 * y), 0.7)
    assert later.stats["scheme"] == u.stats["scheme"] == scheme
    x, y = grid.x
    expected = grid.integrate(np.tanh(x + 0.3 * y) * later[-1])
    # What solve shows has its negative masses cut off.
    cut = 2 * later.stats.get("clipped_mass", 0.0)
    assert cut < 1e-8
    assert grid.integrate(u.u[-1] * start) == pytest.approx(expected, abs=cut + 1e-11)


# --- motion with inertia in a known potential ----------------------------------------------------


def langevin(n, gamma, kT=0.05, **words):
    """The same double well, known to be in a potential."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], n)
    return fp.Problem.langevin(grid, lambda x: x**4 / 4 - x**2 / 2, gamma, kT, **words)


@pytest.mark.parametrize(("gamma", "tau", "off"), [(1.0, 1134.1, 0.5), (0.1, 1071.6, 1.0)])
def test_inertia_takes_the_flux_that_keeps_its_state(gamma, tau, off):
    """The fifth-order flux is off by 15 there for the smaller friction, the chain by a thousand."""
    problem = langevin(80, gamma)
    times = fp.mfpt(problem, RIGHT)
    assert times.stats["scheme"] == "phase_space"
    assert times.at(-1, 0) == pytest.approx(tau, abs=off)
    assert times.mean.min() >= 0
    other = fp.mfpt(problem, RIGHT, scheme="upwind5")
    assert other.stats["scheme"] == "upwind5"
    assert abs(other.at(-1, 0) - tau) < 20


def test_gap_with_inertia():
    exact = 1.49195e-3
    problem = langevin(80, 0.1)
    assert fp.spectrum(problem, 2).gap == pytest.approx(exact, rel=2e-3)
    assert abs(fp.spectrum(problem, 2, scheme="upwind5").gap / exact - 1) > 0.01


@pytest.mark.slow
def test_very_weak_friction():
    problem = langevin(160, 0.02)
    assert fp.mfpt(problem, RIGHT).at(-1, 0) == pytest.approx(2825, abs=8)
    assert fp.spectrum(problem, 2).gap == pytest.approx(4.4718e-4, rel=5e-3)


def test_exits_with_inertia():
    """Against 10 000 paths a point, friction .1."""
    problem = langevin(80, 0.1)
    found = fp.exit_probabilities(problem, [LEFT, RIGHT])
    assert found.stats["scheme"] == "phase_space"
    q = RegularGridInterpolator(problem.grid.centers, found.probability[1], "cubic")
    assert q((0, 0.2)) == pytest.approx(0.9971, abs=2e-3)
    assert q((-0.5, 0.5)) == pytest.approx(0.5356, abs=1e-2)
    assert found.residual < 1e-8
    paths = fp.committor(problem, LEFT, RIGHT)
    assert paths.stats["scheme"] == "phase_space"
    assert np.abs(paths.forward - found.probability[1]).max() < 1e-8
    other = fp.committor(problem, LEFT, RIGHT, scheme="upwind5")
    assert np.abs(other.forward - paths.forward).max() < 0.05


@pytest.mark.parametrize(("gamma", "rate"), [(1.0, 8.8258e-4), (0.1, 1.37091e-3)])
def test_transition_paths_of_the_flux_that_keeps_its_state(gamma, rate):
    """Rates of 160² cells, on which both linear fluxes agree to 1e-6 and to 1.3e-4."""
    problem = langevin(80, gamma)
    paths = fp.committor(problem, LEFT, RIGHT)
    assert paths.rate == pytest.approx(rate, rel=1e-4)
    assert paths.rate_back == pytest.approx(paths.rate, rel=1e-8)
    assert np.abs(paths.forward + paths.backward[:, ::-1] - 1).max() < 1e-8
    for x in (-0.5, 0.0, 0.3):
        through = paths.flux_through(lambda q, v, x=x: q < x)
        assert through == pytest.approx(paths.flux, rel=1e-7)
    rho = fp.steady_state(problem).rho
    shares = [problem.grid.integrate(rho * q) for q in (paths.backward, 1 - paths.backward)]
    assert shares == pytest.approx([paths.flux / paths.rate, paths.flux / paths.rate_back])


def test_sets_that_are_not_symmetric_in_velocity():
    """The backward committor is the splitting of masses by which set they come from."""
    problem = langevin(64, 1.0, kT=0.1)
    x, v = problem.grid.x
    ends = lambda x, v: (x + 1) ** 2 + (v - 0.3) ** 2 < 0.2, (x - 1) ** 2 + (v + 0.2) ** 2 < 0.16
    paths = fp.committor(problem, *ends)
    other = fp.committor(problem, *ends, scheme="upwind5")
    assert paths.stats["scheme"] == "phase_space"
    dense = fp.steady_state(problem).rho > 0.05
    assert np.abs(paths.backward - other.backward)[dense].max() < 0.02
    assert paths.rate == pytest.approx(other.rate, rel=0.01)
    assert paths.rate_back == pytest.approx(other.rate_back, rel=0.01)


def turnover(gamma, kT):
    """Rate over the barrier 1/4 of two wells at any friction (Mel'nikov and Meshkov 1986)."""

    def depopulation(d):
        def part(y):
            return np.log(-np.expm1(-d * (y * y + 0.25))) / (y * y + 0.25)

        return np.exp(quad(part, 0, 50, limit=400)[0] / np.pi)

    d = gamma * (4 / 3) / kT  # friction times the action 4/3 of the orbit over the barrier
    strong = np.sqrt(1 + gamma**2 / 4) - gamma / 2
    weak = depopulation(d) ** 2 / depopulation(2 * d)
    return np.sqrt(2) / (2 * np.pi) * np.exp(-0.25 / kT) * strong * weak


@pytest.mark.slow
@pytest.mark.parametrize(("gamma", "kT", "n"), [(0.1, 0.025, 128), (1, 0.025, 128), (10, 0.05, 96)])
def test_the_turnover_of_kramers(gamma, kT, n):
    """The formula leaves out terms of the order of kT over the barrier."""
    x, v = np.sqrt(1 + np.sqrt(72 * kT)), np.sqrt(36 * kT) + 0.1
    grid = fp.Grid([(-x, x), (-v, v)], n)
    problem = fp.Problem.langevin(grid, lambda x: x**4 / 4 - x**2 / 2, gamma, kT)

    def inside(x, v):
        return v * v / 2 + x**4 / 4 - x**2 / 2 + 0.25 < kT

    paths = fp.committor(
        problem, lambda x, v: inside(x, v) & (x < 0), lambda x, v: inside(x, v) & (x > 0)
    )
    assert paths.stats["scheme"] == "phase_space"
    assert paths.rate_back == pytest.approx(paths.rate, rel=1e-8)
    assert 1 - kT / 0.25 < paths.rate / turnover(gamma, kT) < 1


def test_where_the_state_is_not_kept_by_a_flux():
    """Absorbing sides, and velocity axes that are not symmetric."""
    grid = fp.Grid([(-2, 2), (-1.6, 1.8)], 48)
    lopsided = fp.Problem.langevin(grid, lambda x: x**2 / 2, 0.5, 0.1)
    assert fp.mfpt(lopsided, lambda x, v: x > 0.9).stats["scheme"] == "upwind5"
    grid = fp.Grid([(-2, 2), (-1.6, 1.6)], 48, ["absorbing", "reflecting"])
    leaving = fp.Problem.langevin(grid, lambda x: x**2 / 2, 0.5, 0.1)
    assert fp.solve(leaving, fp.gaussian(grid, (0, 0), 0.1), 0.1).stats["scheme"] == "upwind5"


def test_backward_and_forward_with_inertia():
    problem = langevin(80, 1.0, kT=0.1)
    grid = problem.grid
    start = fp.gaussian(grid, (-0.9, 0.1), 0.06)
    late = fp.backward(problem, lambda x, v: x * v + x, [0.5, 40.0])
    later = fp.solve(problem, start, [0, 0.5, 40.0], steady=False)
    assert late.stats["scheme"] == later.stats["scheme"] == "well_balanced"
    x, v = grid.x
    # The function is below 5, and solve may take off up to 1e-6 of negative mass.
    for k in (0, 1):
        expected = grid.integrate((x * v + x) * later[k + 1])
        assert grid.integrate(late.u[k] * start) == pytest.approx(expected, abs=5e-6)
    rest = fp.steady_state(problem).rho
    mean = grid.integrate(rest * (x * v + x))
    for u in late.u:
        assert grid.integrate(rest * u) == pytest.approx(mean, abs=1e-12)


def test_fluxes_that_do_not_fit():
    problem, plain = langevin(24, 1.0), kramers(1, 24)
    with pytest.raises(ValueError, match="choose from auto, markov, upwind5, phase_space"):
        fp.mfpt(problem, RIGHT, scheme="well_balanced")
    with pytest.raises(ValueError, match=r"make it by Problem\.langevin"):
        fp.committor(plain, LEFT, RIGHT, scheme="phase_space")
    with pytest.raises(ValueError, match=r"make it by Problem\.langevin"):
        fp.spectrum(plain, 2, scheme="phase_space")
    with pytest.raises(ValueError, match=r"make it by Problem\.langevin"):
        fp.backward(plain, 1.0, 1.0, scheme="well_balanced")
