"""Fits: closed forms of maximum likelihood, gradients, errors, and what data cannot tell."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import plot
from fokkerplanck.studies.likelihood import Likelihood
from fokkerplanck.studies.weights import Weights

LINE = fp.Grid([(-8, 8)], 160)
PLANE = fp.Grid([(-6, 6)] * 2, 32)
WELL = fp.Grid([(-2.6, 2.6)], 160)


def harmonic(mean, kT):
    return fp.Problem(LINE, f=lambda x: (x - mean) ** 2 / 2, kT=kT)


def double_well(tilt, kT):
    return fp.Problem(WELL, f=lambda x: (x**2 - 1) ** 2 / 4 + tilt * x, kT=kT)


def rotating(k, rotation):
    return fp.Problem(PLANE, drift=lambda x, y: (-k * x + rotation * y, -k * y - rotation * x))


def turning_without_symmetry(a, b, rotation):
    return fp.Problem(
        PLANE, drift=lambda x, y: (-a * x + rotation * y, -b * y - rotation * x), kT=0.8
    )


def samples(problem, n, rng):
    """Independent samples of the density, uniform within cells."""
    rho = fp.steady_state(problem).rho
    return fp.sde.from_density(problem.grid, rho, n, seed=int(rng.integers(1000)))


@pytest.fixture(scope="module")
def gauss():
    data = np.random.default_rng(5).normal(0.5, 1.2, 2000)
    return data, fp.fit(harmonic, {"mean": 0.0, "kT": 1.0}, data, bounds={"kT": (0.05, None)})


def test_mean_and_variance_of_a_gaussian_are_those_of_the_samples(gauss):
    data, fit = gauss
    mean, var, n = data.mean(), data.var(), data.size
    assert fit.parameters["mean"] == pytest.approx(mean, abs=1e-6)
    assert fit.parameters["kT"] == pytest.approx(var, rel=1e-6)
    assert fit.standard_errors["mean"] == pytest.approx(np.sqrt(var / n), rel=1e-5)
    assert fit.standard_errors["kT"] == pytest.approx(var * np.sqrt(2 / n), rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-n / 2 * (np.log(2 * np.pi * var) + 1), rel=1e-9)
    assert abs(fit.covariance[0, 1]) < 1e-5 * fit.covariance[0, 0]
    assert fit.success
    assert fit.message.startswith("converged")
    assert fit.state.mean(lambda x: x) == pytest.approx(mean, abs=1e-6)
    assert "kT = " in repr(fit)


def test_intervals_are_those_of_the_profile(gauss):
    data, fit = gauss
    mean, var, n = data.mean(), data.var(), data.size
    # The profile of the mean is -n/2 log(1 + (m - mean)^2/var), of chi squared 3.8415 at 95 %.
    half = np.sqrt(var * np.expm1(3.841458820694124 / n))
    assert fit.interval("mean") == pytest.approx((mean - half, mean + half), abs=2e-5)
    profile = fit.profile("mean", [mean - 0.1, mean, mean + 0.2])
    exact = fit.log_likelihood - n / 2 * np.log1p((profile.values - mean) ** 2 / var)
    np.testing.assert_allclose(profile.log_likelihood, exact, atol=1e-5)
    line = plot.likelihood(profile, plot.canvas().add_subplot())
    np.testing.assert_allclose(line.get_ydata(), 2 * (exact - fit.log_likelihood), atol=1e-4)
    for bad in (0.0, 1.0, 2.0):
        with pytest.raises(ValueError, match="give a number between 0 and 1"):
            fit.interval("mean", bad)
    with pytest.raises(ValueError, match="name is 'k'; choose from mean, kT"):
        fit.interval("k")
    with pytest.raises(ValueError, match="within its bounds"):
        fit.profile("kT", [0.01])


@pytest.mark.parametrize(
    ("build", "theta"),
    [
        (harmonic, [0.3, 1.1]),
        (double_well, [0.1, 0.2]),
        (turning_without_symmetry, [0.8, 1.3, 0.7]),
    ],
)
def test_the_gradient_is_that_of_differences(build, theta, rng):
    theta = np.array(theta)
    names = build.__code__.co_varnames[: theta.size]
    problem = build(**dict(zip(names, theta, strict=True)))
    data = Weights.of(rng.normal(size=(300, problem.grid.dim)) * 0.7, "samples", problem)
    free = np.full(theta.size, np.inf)
    like = Likelihood(build, names, np.abs(theta), -free, free, data, problem.grid)
    gradient = like.gradient(theta, like.at(theta))
    for k in range(theta.size):
        step = np.zeros_like(theta)
        step[k] = 2e-4 * theta[k]
        down, below, above, up = (like.value(like.at(theta + m * step)) for m in (-2, -1, 1, 2))
        found = (8 * (above - below) - (up - down)) / (12 * step[k])
        assert gradient[k] == pytest.approx(found, rel=1e-6, abs=1e-6 * np.abs(gradient).max())


def test_the_scores_are_those_of_differences():
    theta, names = np.array([0.1, 0.2]), ("tilt", "kT")
    problem = double_well(*theta)
    data = Weights.of(np.zeros(1), "samples", problem)
    free = np.full(2, np.inf)
    like = Likelihood(double_well, names, theta, -free, free, data, problem.grid)
    state = like.at(theta)
    scores = like.scores(theta, state, lambda p: p)
    np.testing.assert_allclose(scores @ state.mass, 0, atol=1e-9)
    for k in range(2):
        step = np.zeros(2)
        step[k] = 1e-5
        found = (like.at(theta + step).log_mass - like.at(theta - step).log_mass) / 2e-5
        np.testing.assert_allclose(scores[k], found, rtol=1e-5, atol=1e-5 * np.abs(found).max())


def test_a_tilt_and_a_temperature_are_found_again(rng):
    truth = {"tilt": 0.05, "kT": 0.2}
    data = samples(double_well(**truth), 3000, rng)
    fit = fp.fit(double_well, {"tilt": 0.0, "kT": 0.3}, data, bounds={"kT": (0.02, 2)})
    assert fit.success, fit.message
    for name, value in truth.items():
        assert abs(fit.parameters[name] - value) < 3 * fit.standard_errors[name]
    assert fit.standard_errors["tilt"] < 0.01


def test_counts_are_a_histogram():
    truth = double_well(0.05, 0.2)
    counts = 1000 * fp.steady_state(truth).rho * WELL.volume
    fit = fp.fit(double_well, {"tilt": 0.0, "kT": 0.3}, counts, kind="counts")
    assert fit.parameters["tilt"] == pytest.approx(0.05, abs=1e-6)
    assert fit.parameters["kT"] == pytest.approx(0.2, rel=1e-6)


def test_the_rotation_of_a_symmetric_well_is_not_identifiable(rng):
    data = rng.normal(size=(500, 2)) / np.sqrt(1.2)
    bounds = {"k": (0.2, 5), "rotation": (-2, 2)}
    fit = fp.fit(rotating, {"k": 1.0, "rotation": 0.5}, data, bounds=bounds)
    assert not fit.success
    assert "rotation is not identifiable: what seems to depend on it shrinks" in fit.message
    assert fit.standard_errors["rotation"] == np.inf
    assert fit.standard_errors["k"] == pytest.approx(1.2 / np.sqrt(500), rel=0.2)
    with pytest.raises(ValueError, match=r"rotation has no interval: .* not identifiable"):
        fit.interval("rotation")


def test_of_a_stiffness_and_a_temperature_only_the_quotient_is_told(rng):
    def build(k, kT):
        return fp.Problem(LINE, f=lambda x: k * x**2 / 2, kT=kT)

    bounds = {"k": (0.1, 10), "kT": (0.1, 10)}
    fit = fp.fit(build, {"k": 1.0, "kT": 1.0}, rng.normal(size=400), bounds=bounds)
    assert not fit.success
    assert "the density does not depend on it" in fit.message
    assert "k" in fit.message
    assert set(fit.standard_errors.values()) == {np.inf}
    assert fit.parameters["kT"] / fit.parameters["k"] == pytest.approx(1, rel=0.3)


def test_samples_on_a_ring_and_between_walls_without_noise(rng):
    ring = fp.Grid([(-np.pi, np.pi)], 64, "periodic")

    def build(height, place):
        return fp.Problem(ring, f=lambda x: -height * np.cos(x - place))

    data = rng.vonmises(0.4, 2.0, 4000) + 2 * np.pi  # wrapped into the box
    fit = fp.fit(build, {"height": 1.0, "place": 0.0}, data)
    # Maximum likelihood of von Mises: the phase and the length of the mean phasor.
    phasor = np.exp(1j * data).mean()
    assert fit.parameters["place"] == pytest.approx(np.angle(phasor), abs=1e-4)
    assert abs(fit.parameters["height"] - 2.0) < 4 * fit.standard_errors["height"]
    genes = fp.Grid([(0, 1)], 100)

    def alleles(a):
        return fp.Problem(genes, drift=lambda x: a * (1 - 2 * x), D=lambda x: x * (1 - x))

    fit = fp.fit(alleles, {"a": 1.0}, rng.beta(2.0, 2.0, 2000), bounds={"a": (0.2, 9)})
    assert abs(fit.parameters["a"] - 2.0) < 3 * fit.standard_errors["a"]


@pytest.mark.slow
def test_intervals_of_two_standard_errors_cover_the_truth():
    covered = np.zeros(2)
    for seed in range(100):
        data = np.random.default_rng(seed).normal(0.3, 1.0, 200)
        fit = fp.fit(harmonic, {"mean": 0.0, "kT": 0.8}, data, bounds={"kT": (0.05, None)})
        truth = {"mean": 0.3, "kT": 1.0}
        covered += [
            abs(fit.parameters[n] - truth[n]) < 1.96 * fit.standard_errors[n] for n in truth
        ]
    # 95 of 100, with a standard deviation of 2.2.
    assert (covered >= 88).all(), covered
    assert (covered <= 100).all()


def test_a_bound_is_said_and_kept(gauss):
    data, _ = gauss
    fit = fp.fit(harmonic, {"mean": 0.0, "kT": 1.0}, data, bounds={"kT": (0.05, 1.1)})
    assert fit.parameters["kT"] == 1.1
    assert "kT at a bound" in fit.message
    assert fit.parameters["mean"] == pytest.approx(data.mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"build": 1}, "build is 1; give a function"),
        ({"parameters": {}}, "give a dict of starting values"),
        ({"parameters": {"mean": np.nan, "kT": 1.0}}, r"parameters\['mean'\] is nan"),
        ({"data": []}, "data"),
        ({"data": [1.0, 9.0]}, "outside of the box"),
        ({"data": [np.nan, 0.0]}, "not finite"),
        ({"data": np.zeros((3, 2))}, r"shape \(3, 2\), expected \(m,\) or \(m, 1\)"),
        ({"kind": "histogram"}, "choose from samples, counts"),
        ({"kind": "counts"}, r"data has shape .*; give counts of the cells"),
        ({"kind": "counts", "data": np.full(160, -1.0)}, "no counts"),
        ({"bounds": {"k": (0, 1)}}, "bounds is for k; give a dict"),
        ({"bounds": {"kT": 3}}, r"give \(lower, upper\)"),
        ({"bounds": {"kT": (2, 3)}}, "kT starts at 1 and is bound to"),
    ],
)
def test_wrong_calls(change, words):
    right = {"build": harmonic, "parameters": {"mean": 0.0, "kT": 1.0}, "data": [0.1, 0.2, 0.4]}
    with pytest.raises(ValueError, match=words):
        fp.fit(**{**right, **change})


def test_data_far_from_the_start_are_said():
    with pytest.raises(fp.ConvergenceError, match=r"mass of e\^-.*start nearer to the data"):
        fp.fit(harmonic, {"mean": -7.0, "kT": 0.05}, [7.0, 7.1])


def test_a_problem_that_cannot_be_built_is_said():
    data = np.random.default_rng(1).normal(0, 0.05, 100)
    with pytest.raises(ValueError, match=r"build failed at mean=.*give bounds"):
        fp.fit(harmonic, {"mean": 2.0, "kT": 0.4}, data)


@pytest.mark.parametrize("kind", ["samples", "counts"])
def test_cells_that_move_with_the_parameters_are_refused(kind):
    """Of as many cells: the masses of a box in standard deviations do not depend on k at all."""

    def moving(k):
        width = 4 / np.sqrt(k)
        return fp.Problem(fp.Grid([(-width, width)], 40), f=lambda x: k * x**2 / 2)

    data = np.ones(40) if kind == "counts" else [0.3, -1.0]
    with pytest.raises(ValueError, match="use one grid for all parameters"):
        fp.fit(moving, {"k": 0.8}, data, kind=kind)
