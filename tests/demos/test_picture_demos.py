"""Demonstrations with pictures: the noise-induced transition and its film, the ABC flow."""

from pathlib import Path

import numpy as np
import pytest

from fokkerplanck import cli, zoo
from fokkerplanck.demos import abc_orbit, noise_transition

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def transition():
    return noise_transition.compute(**noise_transition.QUICK)


def test_modes_move_inwards_and_meet(transition):
    exact = np.sqrt(np.maximum(1 - 2 * transition.temperatures, 0))
    np.testing.assert_allclose(transition.modes, exact, atol=8e-3)
    assert transition.meeting == pytest.approx(0.5, abs=2e-5)
    assert transition.error < 2e-5
    # Without the noise of D(x) they stay at the minima of f.
    (x,) = transition.grid.x
    np.testing.assert_allclose(np.abs(x[transition.gibbs.argmax(axis=1)]), 1, atol=0.03)
    finer = noise_transition.compute(n=240, frames=3)
    assert finer.error < transition.error / 3.5


def test_film_and_picture_from_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(noise_transition, "QUICK", {"n": 60, "frames": 3})
    out = tmp_path / "picture.png"
    assert cli.main(["demo", "noise_transition", "--quick", "--out", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2].startswith(f"movie: {tmp_path / 'picture'}.")
    assert said[-1].startswith(f"picture: {out}")
    film = Path(said[-2].removeprefix("movie: "))
    assert film.stat().st_size > 5000
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted([film.name, out.name])


@pytest.fixture(scope="module")
def orbits():
    return abc_orbit.compute(end=300, orbits=8, n=8)


def test_everything_is_constant_but_the_orbit_is_chaotic(orbits):
    steady = orbits.steady
    assert np.ptp(steady.Phi) < 1e-12
    assert np.abs(steady.div_j).max() < 1e-11
    assert steady.entropy_production == pytest.approx(2, abs=1e-12)
    # 0.073 with a deviation of 0.015 over chaotic orbits of this length: rounding picks one.
    assert abs(orbits.exponents[-1, 0] - 0.073) < 4 * 0.015
    # Other orbits lie on tori: their exponents fall as log(t)/t.
    tame = orbits.exponents[:, ~orbits.is_chaotic]
    assert tame.size
    assert (tame[-1] < 1.5 * np.log(300) / 300).all()
    assert "about 0.07" in abc_orbit.table(orbits)


@pytest.mark.slow
def test_the_exponent_after_a_long_time():
    """One orbit may cling to a torus for a thousand time units; the mean of many does not."""
    result = abc_orbit.compute(end=1000, orbits=96, n=8)
    last = result.exponents[-1]
    assert 15 < result.is_chaotic.sum() < 60
    assert last[result.is_chaotic].mean() == pytest.approx(0.07, abs=0.01)
    assert np.median(last[~result.is_chaotic]) < np.log(1000) / 1000


def test_the_rate_is_the_flow_and_its_derivative(rng):
    p = rng.uniform(0, 6, (6, 5))
    rate = abc_orbit.rate(0, p.ravel()).reshape(6, 5)
    j = zoo.abc_flow(*abc_orbit.AMPLITUDES).j
    np.testing.assert_allclose(rate[:3], j(*p[:3]), atol=1e-14)
    h = 1e-6
    slope = (j(*(p[:3] + h * p[3:])) - j(*(p[:3] - h * p[3:]))) / (2 * h)
    np.testing.assert_allclose(rate[3:], slope, atol=1e-8)


def test_crossings_lie_on_the_section(orbits):
    """From a crossing the orbit is on z = 0: going on from there and back ends where it began."""
    assert orbits.crossings.shape == (orbits.owners.size, 2)
    assert orbits.owners.size > 100
    t = np.linspace(0, abc_orbit.STEP * 80, 81)
    path = np.stack([0.3 + 0 * t, 1 + 0 * t, t - 0.7, 0 * t, 0 * t, 0 * t])[:, None, :]
    # A path that does not follow the flow: only the points before crossings matter.
    where, owner = abc_orbit._crossings(path)
    assert owner.tolist() == [0, 0]
    k = np.flatnonzero(np.diff(np.floor(path[2, 0] / (2 * np.pi))))
    for at, start in zip(where, path[:, 0, k].T, strict=True):
        p = start[:, None]
        for _ in range(2000):
            p = abc_orbit._step(p, np.full(1, 1e-3) * np.sign(abc_orbit.rate(0, p.ravel())[2]))
            if np.ceil(start[2] / (2 * np.pi)) * 2 * np.pi <= p[2, 0]:
                break
        np.testing.assert_allclose(np.mod(p[:2, 0], 2 * np.pi), at, atol=4e-3)


def test_pictures_are_drawn(transition, orbits, tmp_path):
    for name, module, result in (("a", noise_transition, transition), ("b", abc_orbit, orbits)):
        module.figure(result).savefig(tmp_path / f"{name}.png", dpi=50)
        assert (tmp_path / f"{name}.png").stat().st_size > 8000
        assert all(len(line) <= 100 for line in module.table(result).splitlines())
