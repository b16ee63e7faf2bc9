"""Every statement on problems without noise along directions or at walls: problem by statement.

What is expected is what is true of the equation. A question mark allows "undecided", on grids that
do not resolve the problem; the opposite is never allowed.
"""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import theorems, zoo
from fokkerplanck.theorems.study import Study

STATEMENTS = [
    "stationarity", "assumption_4", "h_theorem", "closed_orbits", "jko_lyapunov", "linear",
    "a_type", "critical_points", "entropy_production", "fluctuation_dissipation", "acceleration",
    "kramers",
]  # fmt: skip
#: About minibatches, or a loss: these problems have none.
NEVER = ("sgd_temperature", "potential_is_loss", "information_bottleneck")
ALLOWED = {
    "T": {"holds"},
    "T?": {"holds", "undecided"},
    "F": {"fails"},
    "F?": {"fails", "undecided"},
    "-": {"not applicable"},
    "-?": {"not applicable", "undecided"},
}


def oscillator(n):
    """Harmonic motion with inertia, known to be that."""
    return fp.Problem.langevin(fp.Grid([(-4, 4), (-4, 4)], n), lambda x: x**2 / 2, 0.5, 0.25)


def wells(n):
    """Kramers' problem at friction 1, known to be that."""
    exact = zoo.kramers_plane(1.0)
    return fp.Problem.langevin(fp.Grid(exact.box, n), exact.data["U"], 1.0, exact.kT)


def named(code):
    """Problem of the zoo by code."""
    return {**zoo.catalogue(), **zoo.degenerate()}[code].build


# In the order of STATEMENTS. Why:
# - stationarity, a_type: true of every density; "-" where mass sits on a wall, which has no j.
# - assumption_4: div j = 0 of motion with inertia, j = (v, -U'), of linear drifts, j = -QUx with
#   tr QU = 0, and of j = 0; oscillators, populations, and variances that drive noise are no such.
# - h_theorem: true of every Markov process.
# - closed_orbits: a line has none; true in the plane.
# - jko_lyapunov: needs j = 0, which motion along a direction without noise rules out.
# - linear: needs a linear drift and a constant D.
# - critical_points: true for constant D and inertia or linear drifts; D(x) moves the modes, and on
#   limit cycles they are not where the drift is zero; "-" where the modes are on walls.
# - entropy_production, acceleration: need noise in every direction; D = 0 on a wall alone is none
#   of the open box.
# - fluctuation_dissipation: true where no wall holds density, or D = 0 there.
# - kramers: needs two wells, and a barrier.
CASES = {
    "oscillator": (lambda: oscillator(32), "T T T T - T T T - T - -"),
    "leaky integrator": (lambda: named("N2")(48), "T T T T? - T T T - T - -"),
    "wealth": (lambda: named("N9")(32), "- - T - - - - - - - - -"),
    "Cox-Ingersoll-Ross, Feller 4": (lambda: named("R11")(128), "T T T - T - T F T T T -"),
    "Cox-Ingersoll-Ross, Feller 0.3": (
        lambda: zoo.square_root_diffusion(sigma=6.25).build(128),
        "T T T - T - T? - T T? T -",
    ),
    "Wright-Fisher": (
        lambda: zoo.wright_fisher(demes=1).build(128),
        "T T T - T - T? - T T? T -",
    ),
    "log-normal": (lambda: named("R34")(128), "T T T - T - T F T T T -"),
    "two demes": (lambda: named("R33")(16), "T? F? T T? -? - T? - T T? T -"),
    "Heston": (lambda: named("R35")((24, 20)), "T? F? T T? -? - T? - T? T? T -"),
}
SLOW = {
    "oscillator by its drift": (lambda: named("R23")(48), "T T T T? - T T T - T - -"),
    "two wells": (lambda: wells(48), "T T T T? - - T T - T - T?"),
    "two wells by the drift": (lambda: named("N1")(40), "T? T? T T? - - T? T? - T? - -?"),
    "rank one": (lambda: named("N3")(64), "T T T T? - T T T - T - -"),
    "van der Pol": (lambda: named("N4")(40), "T? F? T T? - - T? F? - T? - -?"),
    "FitzHugh-Nagumo": (lambda: named("N5")(40), "T? F? T T? - - T? F? - T? - -?"),
    "Lorenz": (lambda: named("N6")(10), "T? F? T F? -? - T? F? T T? T? -?"),
    "predator-prey": (lambda: named("N7")(40), "T? F? T T? -? - T? F? T? T? T? -?"),
    "gene expression": (lambda: named("N8")(32), "T F T T? - - T F T T T -"),
}
MARKED = [pytest.param(name, marks=pytest.mark.slow) for name in SLOW]


@pytest.mark.parametrize("name", [*CASES, *MARKED])
def test_verdicts(name):
    build, expected = {**CASES, **SLOW}[name]
    verdicts = theorems.verify(build())
    assert verdicts.ok
    outcomes = {v.name: v.outcome for v in verdicts}
    wrong = {
        statement: (word, outcomes[statement], str(verdicts[statement]))
        for statement, word in zip(STATEMENTS, expected.split(), strict=True)
        if outcomes[statement] not in ALLOWED[word]
    }
    assert not wrong
    assert all(outcomes[statement] == "not applicable" for statement in NEVER)
    for verdict in verdicts:
        if verdict.outcome == "not applicable":
            assert "because it needs" in str(verdict), verdict.name
        # Only where upwinding would add too much noise to the rates of these coarse grids.
        refused = "no answer on this grid" in str(verdict)
        assert refused or "not computed" not in verdict.statement


def test_motion_without_noise_is_known_exactly():
    """Along n with n.D = 0 j is -g: of inertia the position's part, on any grid."""
    study = Study(zoo.kramers_plane().build(12))
    v = study.grid.x[1]
    np.testing.assert_allclose(study.free_motion[0], v, atol=1e-15)
    np.testing.assert_allclose(study.free_motion[1], 0, atol=1e-13)
    along = np.array([np.cos(0.5), np.sin(0.5)])
    study = Study(zoo.one_noise().build(12))
    motion, g = study.free_motion, study.problem.g
    np.testing.assert_allclose(np.einsum("k,kij", along, motion), 0, atol=1e-13)
    across = np.array([-along[1], along[0]])
    np.testing.assert_allclose(np.einsum("k,kij", across, motion + g), 0, atol=1e-13)
    assert not Study(zoo.gyrator().build(12)).free_motion.any()


def test_the_h_theorem_of_inertia_goes_to_rounding():
    """Against the chain's own steady state: Maxwell and Boltzmann's is of another flux."""
    verdict = theorems.h_theorem(oscillator(32))
    assert verdict.numbers["F at the end"] < 1e-25
    assert verdict.rounding < 1e-25


def test_the_reversible_part_keeps_the_walls():
    """A process in balance relaxes as fast as itself, at whatever ratio of Feller's."""
    for exact in (zoo.wright_fisher(demes=1), zoo.square_root_diffusion(sigma=6.25)):
        verdict = theorems.acceleration(exact.build(100))
        assert verdict.numbers["ratio"] == pytest.approx(1, rel=1e-6)
        assert verdict.left == pytest.approx(-exact.eigenvalues[0], rel=0.01)
