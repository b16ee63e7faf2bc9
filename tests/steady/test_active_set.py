"""The scheme for log rho where far tails stall it: down to a level, at a bounded price."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import zoo
from fokkerplanck.scheme.dissipation import numerical_dissipation
from fokkerplanck.scheme.generator import Generator
from fokkerplanck.scheme.nine_point import NinePoint, index_units
from fokkerplanck.steady import SteadyInterrupt, active_set, choice, continuation, newton
from fokkerplanck.steady.continuation import Patience
from tests.steady import slow_systems

#: Most steps by default: two in the whole box, or a few more if it moves at first, and those of a
#: level.
MOST_STEPS = 18


@pytest.fixture(autouse=True)
def only_logarithms(monkeypatch):
    """What comes of the nine-point scheme by itself: neither corrected, nor joined to another."""

    def refuse(*_args):
        raise fp.ConvergenceError("not asked for")

    monkeypatch.setattr(choice, "has_fourth_order", lambda _problem: False)
    monkeypatch.setattr(choice, "upwind5_state", refuse)


def distance(state, fine):
    """L1 distance of two densities, the second on a grid three times finer."""
    at_centres = fine.rho[(slice(1, None, 3),) * state.grid.dim]
    return float(state.grid.integrate(np.abs(state.rho - at_centres)))


def check(problem):
    """State by default, at a bounded price, and in words what it is."""
    state = fp.steady_state(problem)
    stats = state.stats
    if stats.scheme == "log":  # else they are those of multigrid
        assert stats.iterations <= MOST_STEPS
    assert abs(state.grid.integrate(state.rho) - 1) < 1e-12
    assert np.isfinite(state.log_rho).all()
    if stats.scheme == "markov":
        assert "fell back to null vector" in stats.message
        assert stats.log_down_to == np.inf
        return state
    assert stats.scheme == "log"
    if stats.log_down_to == np.inf:
        assert "Markov's" not in stats.message
        assert state.residual <= 1e-10
    else:
        depth = stats.log_down_to
        assert depth in (20.0, 40.0, 80.0)
        assert stats.message.endswith(f"log rho below e^-{depth:g} of its maximum is Markov's")
        # What leaks through the cut is of the size of the density there.
        assert state.residual < 1e3 * np.exp(-depth) + 1e-10
    return state


@pytest.mark.parametrize("name", slow_systems.FAST)
def test_slow_systems_cost_a_few_markov_states(name):
    check(slow_systems.FAST[name]())


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_systems.FULL)
def test_slow_systems_on_their_full_grids(name):
    check(slow_systems.FULL[name]())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), [("van der Pol", 0.5), ("Maier-Stein", 1.0)])
def test_levels_are_closer_to_a_fine_grid_than_the_markov_state(name, part):
    """Three times as many cells per axis by the other scheme: a ninth of its error, or a third.

    In the narrow wells of the second system both schemes err about as much.
    """
    state = check(slow_systems.FAST[name]())
    assert state.stats.log_down_to < np.inf
    box, shape = state.grid.box, [3 * n for n in state.grid.shape]
    markov = fp.steady_state(state.problem, "markov")
    fine = fp.steady_state(state.problem.on(fp.Grid(box, shape)), "markov")
    assert distance(state, fine) < part * distance(markov, fine)


def test_cells_below_a_level_keep_the_markov_shape():
    state = fp.steady_state(slow_systems.van_der_pol())
    depth = state.stats.log_down_to
    assert depth < np.inf
    markov = fp.steady_state(state.problem, "markov")
    change = (state.log_rho - markov.log_rho)[markov.log_rho < markov.log_rho.max() - 2 * depth]
    assert change.size > 0.1 * state.grid.size
    assert np.unique(np.round(change, 9)).size < 0.2 * change.size  # shifted piece by piece


def test_div_J_vanishes_above_the_level_and_is_small_below():
    state = fp.steady_state(slow_systems.van_der_pol())
    above = state.log_rho > state.log_rho.max() - state.stats.log_down_to + 1
    rate = Generator(state.problem).exit_rates.reshape(state.grid.shape)
    scale = state.rho * rate
    assert np.abs(state.div_J[above]).max() < 1e-6 * scale.max()
    below = ~above
    assert np.abs(state.div_J[below]).max() <= 2 * scale[below].max()
    assert scale[below].max() < 1e-6 * scale.max()
    np.testing.assert_allclose(state.grid.integrate(state.div_J), 0, atol=1e-12 * scale.max())


def solved_down_to(problem, depth, error=0.0):
    """Log density of one level, from the Markov state with an error, and the whole solution."""
    whole = fp.steady_state(problem, "log").log_rho.ravel()
    markov = fp.steady_state(problem, "markov").log_rho.ravel()
    scheme = NinePoint(problem.grid, *index_units(problem))
    phi = markov + error
    phi -= phi.max()
    level = active_set.level_of(scheme, phi, depth)
    result = active_set._solved(
        scheme, phi, level, 1e-10, newton.Factorised(), True, continuation.no_tick
    )
    return level, result, whole - whole.max(), phi


@pytest.mark.parametrize("make", [zoo.spiral, zoo.gyrator])
def test_a_level_agrees_with_the_whole_box_where_the_mass_is(make):
    """The cut is felt as much as it has mass: less and less with depth."""
    errors = []
    for depth in (15.0, 30.0):
        level, result, whole, phi = solved_down_to(make().build(48), depth)
        assert result.converged
        assert level.depth == depth
        assert 0.1 < level.share < 0.98
        assert np.ptp((result.log_rho - phi)[~level.active]) < 1e-12
        rho = np.exp(result.log_rho), np.exp(whole)
        errors.append(np.abs(rho[0] / rho[0].sum() - rho[1] / rho[1].sum()).sum())
    # Of a Gaussian e^-c of the mass is below the cut; what flows through it is felt more.
    assert errors[0] < 100 * np.exp(-15.0)
    assert errors[1] < 1e-3 * errors[0]


def test_wells_in_a_level_get_their_weights_by_elimination():
    """Two wells parted by 12 kT, stirred: the weights of the whole solution to many digits."""
    problem = zoo.repaired_example(lam=0.5, kT=0.02).build(48)
    tilted = np.where(problem.grid.x[0] > 0, 0.3, 0.0).ravel()
    level, result, whole, phi = solved_down_to(problem, 40.0, tilted)
    assert result.converged
    assert len(level.wells) == 2
    at = level.wells
    gap, exact, start = (float(np.diff(a[at])[0]) for a in (result.log_rho, whole, phi))
    assert abs(gap - exact) < 1e-7
    assert abs(start - exact) > 0.2  # it had to be found


def test_wells_behind_deep_saddles_wait_for_a_level_that_joins_them():
    problem = zoo.repaired_example(lam=0.5, kT=0.008).build(48)
    scheme = NinePoint(problem.grid, *index_units(problem))
    phi = fp.steady_state(problem, "markov").log_rho.ravel()
    level = active_set.level_of(scheme, phi, 20.0)
    assert level.depth > 20.0
    assert len(level.wells) == 2


@pytest.mark.slow
def test_fourth_order_starts_from_a_level_and_keeps_the_cells_below():
    """Variances of van der Pol's oscillator in this box by a linear flux of fifth order, 240²."""
    problem, error = slow_systems.van_der_pol((128, 160)), []
    for accuracy in (2, 4):
        state = fp.steady_state(problem, accuracy=accuracy)
        assert state.stats.scheme == ("log" if accuracy == 2 else "log4")
        assert state.stats.log_down_to == 20.0
        assert state.residual < 1e-6
        rho = state.currents.quadrature(state.rho)
        found = np.array([state.grid.integrate(rho * x**2) for x in state.grid.x])
        error.append(np.abs(found - [2.4557, 1.8268]).max())
    assert error[1] < 1e-3
    assert error[1] < 0.3 * error[0]


# --- patience, price, progress, interrupts ----------------------------------------------------


def test_patience_looks_at_the_mass():
    patience = Patience(((4, 0.6, 0.0),), window=0.5, tails=0.8)
    flat = [0.9] * 5
    assert patience.runs_out([1.0, 1.0, 0.9, 0.8, 0.7], flat)
    assert not patience.runs_out([1.0, 1.0, 0.9, 0.8], flat[:4])
    assert not patience.runs_out([1.0, 1.0, 0.9, 0.8, 0.5], flat)
    falling = [0.7**k for k in range(20)]
    assert not patience.runs_out(falling, [0.9] * 20)
    stuck = falling + [falling[-1]] * 8
    assert patience.runs_out(stuck, [0.9] * 28)
    assert not patience.runs_out(stuck, [0.9] * 20 + [0.5] * 8)  # the tails move
    at_rest = [1e-12 * r for r in falling]
    assert patience.runs_out(at_rest, [0.9] * 20)
    assert not Patience(((4, 0.6, 0.0),), 0.5).runs_out(at_rest, [0.9] * 20)
    # Several trials; of a slow start it counts whether a front goes through the tails.
    early = Patience(((1, 0.98, 0.0), (2, 0.75, 0.6)), window=0.5)
    assert early.runs_out([1.0, 1.0], [0.3, 0.3])
    assert not early.runs_out([1.0, 0.96], [0.9, 0.9])
    assert early.runs_out([1.0, 0.96, 0.81], [0.9, 0.9, 0.9])
    assert not early.runs_out([1.0, 0.96, 0.81], [0.3, 0.3, 0.4])


def test_no_level_starts_beyond_the_budget(monkeypatch):
    problem, found = slow_systems.maier_stein(), []
    for budget in (0.1, 50.0):
        monkeypatch.setattr(active_set, "BUDGET", budget)
        found.append(fp.steady_state(problem))
    one, more = (state.stats for state in found)
    assert more.log_down_to > one.log_down_to == 40.0  # the saddle is at 8
    assert more.iterations > one.iterations
    assert max(state.residual for state in found) <= 1e-10
    assert found[0].grid.integrate(np.abs(found[0].rho - found[1].rho)) < 1e-9


def test_upwinding_that_drowns_the_noise_is_no_start():
    kramers = slow_systems.kramers(gamma=0.02)
    problem = fp.Problem(kramers.grid, drift=kramers.drift, D=(1e-5, 0.02), kT=kramers.kT)
    state = fp.steady_state(problem)
    noise = numerical_dissipation(Generator(problem).edges, state.log_rho)
    assert noise > 3
    assert state.stats.scheme == "markov"
    assert state.stats.iterations == 0
    assert "Newton" not in state.stats.message


def test_asked_for_by_name_the_scheme_is_the_whole_box_or_an_error(monkeypatch):
    monkeypatch.setattr(continuation, "MAX_ITERATIONS", 12)
    monkeypatch.setattr(newton, "MAX_PATH", 12)
    with pytest.raises(fp.ConvergenceError, match=r"stopped at balance"):
        fp.steady_state(slow_systems.van_der_pol((32, 40)), "log")


class Bar:
    """Counts what it is told."""

    def __init__(self):
        self.n, self.closed = 0, False

    def update(self, n):
        self.n += n

    def close(self):
        self.closed = True


def test_progress_counts_the_steps(capsys):
    bar, problem = Bar(), zoo.gyrator().build(24)
    state = fp.steady_state(problem, progress=bar)
    assert bar.n == state.stats.iterations > 0
    assert not bar.closed  # it is somebody else's
    made = []

    class Kind(Bar):
        def __init__(self):
            super().__init__()
            made.append(self)

    fp.steady_state(problem, progress=Kind)
    assert made[0].closed
    assert made[0].n == bar.n
    for quiet in (None, False):
        fp.steady_state(problem, progress=quiet)
    assert capsys.readouterr() == ("", "")
    fp.steady_state(problem, progress=True)
    assert f"{bar.n} Newton steps" in capsys.readouterr().err


@pytest.mark.parametrize("progress", ["yes", 1, [None]])
def test_progress_that_is_none_is_refused(progress):
    with pytest.raises(ValueError, match=r"progress is .*; give None, True, False or a bar"):
        fp.steady_state(zoo.gyrator().build(8), progress=progress)


@pytest.mark.parametrize("scheme", ["auto", "log"])
def test_an_interrupt_leaves_the_markov_state(scheme, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    problem = zoo.gyrator().build(24)
    markov = fp.steady_state(problem, "markov")
    monkeypatch.setattr(continuation, "_step", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        fp.steady_state(problem, scheme)
    assert isinstance(caught.value, SteadyInterrupt)
    np.testing.assert_array_equal(caught.value.state.log_rho, markov.log_rho)
    assert caught.value.state.stats == markov.stats


def test_an_interrupt_of_the_fourth_order_leaves_the_second(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    problem = zoo.gyrator().build(24)
    second = fp.steady_state(problem)
    monkeypatch.setattr("fokkerplanck.steady.choice.fourth_order", interrupt)
    with pytest.raises(SteadyInterrupt) as caught:
        fp.steady_state(problem, accuracy=4)
    np.testing.assert_array_equal(caught.value.state.log_rho, second.log_rho)


def test_an_interrupt_before_there_is_a_state_is_a_plain_one(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fokkerplanck.steady.choice.stationary_log_mass", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        fp.steady_state(zoo.gyrator().build(8))
    assert not isinstance(caught.value, SteadyInterrupt)


def test_order_of_elimination_is_looked_for_once(rng):
    """The same steps, to rounding, whether the order is new or that of the last step."""
    problem = zoo.spiral().build(24)
    scheme = NinePoint(problem.grid, *index_units(problem))
    phi = fp.steady_state(problem).log_rho.ravel()
    held = np.zeros(phi.size, bool)
    held[np.argmax(phi)] = True
    linear = newton.Factorised()
    for _ in range(2):
        J = scheme.jacobian(phi)
        b = rng.standard_normal(phi.size)
        steps = [a.solve(J, b, held, phi, None, 1.0) for a in (linear, newton.Factorised())]
        np.testing.assert_allclose(*steps, rtol=1e-8, atol=1e-8 * np.abs(steps[0]).max())
        assert np.abs((J @ steps[0] - b)[~held]).max() < 1e-8 * np.abs(b).max()
        phi = phi + 0.1 * rng.standard_normal(phi.size)
