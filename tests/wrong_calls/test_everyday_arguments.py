"""What people write without thinking: lists, equal grids, styles; and functions that misbehave."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import plot

LINE = fp.Grid([(-2, 2)], 16)
PLANE = fp.Grid([(-2, 2), (-1, 1)], (8, 6))


def test_diffusion_on_a_line_as_a_list():
    values = list(1 + 0.1 * LINE.x[0] ** 2)
    from_list, from_array = fp.Problem(LINE, D=values), fp.Problem(LINE, D=np.array(values))
    np.testing.assert_array_equal(from_list.D, from_array.D)
    np.testing.assert_array_equal(from_list.div_D, from_array.div_D)
    values[0] = 99.0  # what a person may still write to is not kept
    np.testing.assert_array_equal(from_list.given.D, from_array.D)
    with pytest.raises(ValueError, match="D has 15 rows on a 1-dimensional grid"):
        fp.Problem(LINE, D=values[1:])


def test_equal_grids_are_equal():
    again = fp.Grid([(-2.0, 2.0)], (16,), ["reflecting"])
    assert again == LINE
    assert len({LINE, again, PLANE}) == 2
    assert fp.Grid([(-2, 2)], 16, "periodic") != LINE
    assert fp.Grid([(-2, 2)], 17) != LINE
    assert fp.Grid([(-0.0, 1)], 4) == fp.Grid([(0.0, 1)], 4)
    graded = np.array([0, 0.1, 1])
    assert fp.Grid([graded]) == fp.Grid([graded.tolist()]) != fp.Grid([[0, 0.2, 1]])
    assert LINE != "grid"


def test_functions_that_change():
    rng, calls = np.random.default_rng(0), []

    def counts(x):
        calls.append(1)
        return len(calls) * x

    def noisy(x):
        return x + 1e-9 * rng.normal(size=x.shape)

    for given in ({"f": noisy}, {"drift": counts}, {"D": lambda x: 1 + 0.1 * rng.random(x.shape)}):
        name = next(iter(given))
        with pytest.raises(ValueError, match=f"{name} returns other values"):
            fp.Problem(LINE, **given)
    shape_bound = np.ones(LINE.shape)
    fp.Problem(LINE, f=lambda x: x**2 * shape_bound, grad_f=lambda x: 2 * x * shape_bound)


@pytest.mark.parametrize("name", ["f", "D", "drift"])
def test_masks_hide_nothing(name):
    hidden = np.ma.masked_where(LINE.x[0] > 1, 1 + LINE.x[0] ** 2)
    with pytest.raises(ValueError, match=r"has 4 masked entries.*\.filled"):
        fp.Problem(LINE, **{name: hidden})
    plain = fp.Problem(LINE, **{name: np.ma.array(1 + LINE.x[0] ** 2)})
    np.testing.assert_array_equal(plain.g, fp.Problem(LINE, **{name: 1 + LINE.x[0] ** 2}).g)


def test_huge_diffusion():
    with pytest.raises(ValueError, match=r"D reaches 1e\+308 at cell .* other units"):
        fp.Problem(LINE, D=1e308)


def test_styles_reach_matplotlib():
    from matplotlib.colors import LogNorm

    ax = plot.canvas().subplots()
    rho = fp.gaussian(PLANE, 0, 0.3)
    assert plot.density(PLANE, rho, ax, vmax=2.0).get_clim() == (0.0, 2.0)
    assert plot.density(PLANE, rho, ax, norm=LogNorm(1e-3, 1)).get_clim() == (1e-3, 1)
    assert plot.density(PLANE, rho, ax, log=True, vmin=1e-2, vmax=1).get_clim() == (1e-2, 1)
    assert plot.signed(PLANE, PLANE.x[0], ax, vmin=-1, vmax=3).get_clim() == (-1, 3)
    assert plot.density(PLANE, rho, ax, rasterized=False).get_rasterized() is False
    with pytest.raises(ValueError, match="norm and vmin or vmax are both given"):
        plot.density(PLANE, rho, ax, norm=LogNorm(), vmax=1)
    with pytest.raises(ValueError, match="vmin < vmax"):
        plot.density(PLANE, rho, ax, vmax=-1)


def test_other_energies_on_a_ring():
    ring = fp.Grid([(0, 1)], 24, sides="periodic")
    start = 1 + 0.5 * np.cos(2 * np.pi * ring.x[0])
    method = fp.JKO(0.01, energy=fp.energies.PorousMedium(2))
    run = fp.solve(fp.Problem(ring), start, [0, 0.02], method)
    assert run.stats["scheme"] == "entropic"
    assert run.stats["largest_rise"] <= 0
    graded = fp.Grid([[0, 0.2, 0.5, 0.7, 1]], sides="periodic")
    with pytest.raises(ValueError, match="give a uniform grid and one constant number D"):
        fp.solve(fp.Problem(graded), fp.uniform(graded), [0, 0.02], method)


def test_numbers_of_the_zoo():
    zoo = fp.zoo
    for call, words in [
        (lambda: zoo.jacobi(A=-1), "A is -1; give a finite positive number"),
        (lambda: zoo.barenblatt(t0=-1), "t0 is -1"),
        (lambda: zoo.heavy_ball(np.eye(1), np.eye(1), -1, 0.5), "eta is -1"),
        (lambda: zoo.heavy_ball(np.eye(1), np.eye(1), 0.1, 1.5), "momentum is 1.5"),
        (lambda: zoo.tilted_ring(F=[1, 2]), "F is of shape"),
        (lambda: fp.energies.FreeEnergy("a"), "log_rho_inf is 'a'"),
        (lambda: fp.sets.ball(0, [1, 2]), "radius is of shape"),
        (lambda: fp.rates.eyring_kramers(1, -1, -1, np.nan, 1), "barrier is nan"),
        (lambda: fp.rates.eyring_kramers(1, -1, -1, -0.5, 1), "barrier is -0.5"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()


def test_currents_of_another_length():
    generator = fp.Generator(fp.Problem(PLANE))
    for rho in (np.ones(7), np.ones(PLANE.shape[::-1]), np.ones((2, *PLANE.shape))):
        with pytest.raises(ValueError, match=r"rho has shape .*, expected the grid's \(8, 6\)"):
            generator.currents(rho)


def test_densities_of_observables():
    ob, good = fp.observables, fp.uniform(LINE)
    bad = {"not finite": np.where(LINE.x[0] > 1, np.nan, good), "rho is negative": good - 1}
    for words, rho in bad.items():
        for call in (lambda u: ob.entropy(u, LINE), lambda u: ob.kl(u, good, LINE)):
            with pytest.raises(ValueError, match=words):
                call(rho)
    with pytest.raises(ValueError, match=r"beta is 0; give a finite positive number"):
        ob.free_energy(good, np.log(good), LINE, 0)


def test_orbits_start_inside():
    state = fp.steady_state(fp.Problem.from_potential(PLANE, (PLANE.x**2).sum(0), Q=0.5))
    with pytest.raises(ValueError, match=r"starts has \[3.0, 0.0\] outside of the box"):
        fp.theorems.orbits(state, [[0.5, 0.0], [3.0, 0.0]], 1.0)
    with pytest.raises(ValueError, match=r"samples is 0, expected an integer >= 2"):
        fp.theorems.orbits(state, [[0.5, 0.0]], 1.0, samples=0)
