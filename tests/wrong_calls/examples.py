"""One valid call of every public function and constructor, on tiny grids: what is spoilt in rows.

A key is the name as a person writes it after ``fp.``; aliases and what no person calls are listed
apart, so that a test can say that nothing is missing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import fokkerplanck as fp
from fokkerplanck import plot

LINE = fp.Grid([(-2, 2)], 7)
PLANE = fp.Grid([(-2, 2), (-1, 1)], (7, 8))
SPACE = fp.Grid([(-1, 1)] * 3, (4, 5, 6))
RHO = fp.gaussian(LINE, 0.2, 0.5)
RHO_2 = fp.gaussian(PLANE, 0.2, 0.3)
U_3 = fp.gaussian(SPACE, 0.1, 0.5)
PHI = LINE.x[0] ** 2
TURNING = np.stack([-PLANE.x[1], PLANE.x[0]])
POINTS = np.array([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]])
PATHS = np.cumsum(np.full((12, 3, 2), 0.05), axis=0) * np.array([1.0, -0.5])


@dataclass(frozen=True)
class Example:
    """A call by keywords; ``fine`` lists (argument, kind of spoiling) that may stay without error.

    Attributes
    ----------
    call : callable
        Called with the arguments.
    arguments : dict
    words : dict
        Other words for an argument in messages.
    fine : set
        Argument names whose bad values are not tried, or pairs with the kind of value.
    is_quick : bool
        Whether right calls in other forms (lists, float32, ...) are made, too.
    """

    call: Callable[..., Any]
    arguments: dict[str, Any]
    words: dict[str, str] = field(default_factory=dict)
    fine: frozenset[Any] = frozenset()
    is_quick: bool = True


def example(call, *fine, words=None, is_quick=True, **arguments):
    """Short form of an `Example`."""
    return Example(call, arguments, words or {}, frozenset(fine), is_quick)


@cache
def problem():
    """Quadratic loss on the line."""
    return fp.Problem(LINE, f=PHI, kT=0.5)


@cache
def state():
    """Steady state in the plane, with a current."""
    return fp.steady_state(fp.Problem.from_potential(PLANE, (PLANE.x**2).sum(0), Q=0.5))


@cache
def wells():
    """Steady state of a double well."""
    grid = fp.Grid([(-2, 2)], 40)
    return fp.steady_state(fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2 / 4, beta=8))


@cache
def run():
    """Three outputs of an evolution."""
    return fp.solve(problem(), RHO, [0, 0.1, 0.2])


@cache
def modes():
    """Two modes on the line."""
    return fp.spectrum(problem(), k=2)


@cache
def paths():
    """Transition paths from left to right."""
    return fp.committor(problem(), LINE.x[0] < -1, LINE.x[0] > 1)


@cache
def paths_in_plane():
    """Transition paths in the plane."""
    there = fp.Problem(PLANE, f=(PLANE.x**2).sum(0))
    return fp.committor(there, PLANE.x[0] < -1, PLANE.x[0] > 1)


@cache
def axes(**options):
    """Axes without pyplot, to draw on again and again."""
    return plot.canvas().add_subplot(**options)


@cache
def three_axes():
    """Three of them."""
    return plot.canvas().subplots(1, 3)


def _core():
    """Front door: grids, problems, densities, questions."""
    right = {"A": LINE.x[0] < -1, "B": LINE.x[0] > 1}
    return {
        "Formula": example(
            fp.Formula,
            *(("text", kind) for kind in ("number", "nonsense", "list")),
            text="x^2 + a",
            parameters={"a": 1.0},
            variables=("x", "y"),
        ),
        "Grid": example(
            fp.Grid,
            ("shape", "tuple"),
            box=[(-1.0, 1.0), (0.0, 1.0)],
            shape=(4, 5),
            sides="reflecting",
        ),
        "Problem": example(
            fp.Problem, ("D", "list"), grid=PLANE, f=(PLANE.x**2).sum(0), D=0.5, beta=2.0
        ),
        "Problem drift": example(
            fp.Problem,
            grid=PLANE,
            drift=TURNING,
            D=np.array([[1.0, 0.2], [0.2, 0.5]]),
            kT=0.5,
            calculus="ito",
        ),
        "Problem sigma": example(
            fp.Problem, ("sigma", "wrong shape"), grid=PLANE, f=0 * PLANE.x[0], sigma=np.eye(2)
        ),
        "Problem grad": example(
            fp.Problem,
            grid=PLANE,
            f=(PLANE.x**2).sum(0),
            grad_f=2 * PLANE.x,
        ),
        "Problem.from_potential": example(
            fp.Problem.from_potential,
            ("D", "None"),
            ("D", "list"),
            ("beta", "None"),
            ("Q", "0"),
            ("Q", "-1"),
            grid=PLANE,
            Phi=(PLANE.x**2).sum(0),
            D=1.0,
            beta=1.0,
            Q=0.3,
        ),
        "Problem.langevin": example(
            fp.Problem.langevin,
            grid=PLANE,
            U=PLANE.centers[0] ** 2,
            gamma=0.5,
            kT=0.5,
            mass=1.0,
        ),
        "gaussian": example(fp.gaussian, grid=PLANE, mean=np.array([0.1, 0.2]), cov=np.eye(2)),
        "point": example(fp.point, grid=PLANE, x=np.array([0.1, 0.2])),
        "uniform": example(fp.uniform, grid=PLANE),
        "from_particles": example(
            fp.from_particles,
            ("points", "one axis more"),
            grid=PLANE,
            points=POINTS,
            outside="raise",
        ),
        "critical_points": example(fp.critical_points, grid=PLANE, v=TURNING + 0.1),
        "wasserstein": example(
            fp.wasserstein,
            grid=PLANE,
            rho0=RHO_2,
            rho1=fp.point(PLANE, (0.1, 0.1)),
            width=1.2,
            tolerance=1e-9,
        ),
        "Generator": example(fp.Generator, problem=problem()),
        "Problem.replace": example(problem().replace, f=2 * PHI, D=0.5, beta=2.0, is_quick=False),
        "sweep": example(
            fp.sweep,
            build=lambda kT: fp.Problem(LINE, f=PHI, kT=kT),
            parameters={"kT": [0.5, 1.0]},
            ask=lambda problem: problem.kT,
            pairing="product",
            workers=1,
            is_quick=False,
        ),
        "fit": example(
            fp.fit,
            ("data", "wrong shape"),
            ("data", "one axis more"),
            build=lambda kT: fp.Problem(LINE, f=PHI, kT=kT),
            parameters={"kT": 0.5},
            data=np.array([0.1, 0.5, -0.7]),
            kind="samples",
            is_quick=False,
        ),
        "Generator.currents": example(fp.Generator(problem()).currents, rho=RHO),
        "Edges.from_problem": example(fp.Edges.from_problem, problem=problem()),
        "steady_state": example(
            fp.steady_state,
            problem=problem(),
            scheme="auto",
            tol=1e-10,
            solver="direct",
            is_quick=False,
        ),
        "solve": example(
            fp.solve,
            problem=problem(),
            rho0=RHO,
            t=np.array([0.0, 0.1, 0.3]),
            rtol=1e-6,
            scheme="auto",
            is_quick=False,
        ),
        "spectrum": example(
            fp.spectrum,
            problem=problem(),
            k=2,
            tol=1e-11,
            max_solves=50,
            scheme="auto",
            is_quick=False,
        ),
        "quasi_stationary": example(
            fp.quasi_stationary,
            tol=1e-12,
            max_iterations=50,
            is_quick=False,
            problem=fp.Problem(fp.Grid([(0, 1)], 8, sides="absorbing")),
        ),
        "backward": example(
            fp.backward,
            problem=problem(),
            phi=PHI,
            t=np.array([0.0, 0.2]),
            rtol=1e-6,
            scheme="auto",
            is_quick=False,
        ),
        "committor": example(fp.committor, problem=problem(), **right, is_quick=False),
        "exit_probabilities": example(
            fp.exit_probabilities,
            problem=problem(),
            sets=list(right.values()),
            is_quick=False,
        ),
        "mfpt": example(fp.mfpt, problem=problem(), target=right["B"], is_quick=False),
        "resume": example(
            fp.resume,
            ("path", "nonsense"),
            ("every", "0"),
            path="no such folder",
            problem=problem(),
            every=60.0,
            is_quick=False,
            words={"path": "folder"},
        ),
        "load": example(
            fp.load,
            ("path", "nonsense"),
            path="no such file.npz",
            is_quick=False,
            words={"path": "file"},
        ),
        "from_xarray": example(
            fp.from_xarray,
            dataset=run().to_xarray(),
            is_quick=False,
        ),
    }


def _methods():
    """Methods and energies."""
    jko = fp.jko
    plain = {
        name: example(getattr(jko, name), tau=0.1) for name in ("EdgeJKO", "FisherRao", "L2Heat")
    }
    return {
        "BackwardEuler": example(fp.BackwardEuler, dt=0.1),
        "Exponential": example(fp.Exponential, tolerance=1e-12, kind="auto"),
        "FluxCorrected": example(fp.FluxCorrected, dt=0.1, flux="upwind5"),
        "Implicit": example(fp.Implicit, order=4, tolerance=1e-6, solver="auto"),
        "Splitting": example(fp.Splitting, tolerance=1e-6),
        "JKO": example(fp.JKO, tau=0.1, scheme="auto", order=1),
        **{f"jko.{name}": row for name, row in plain.items()},
        "jko.Entropic": example(jko.Entropic, tau=0.1, width=1.2, tolerance=1e-9),
        "jko.ExactW2": example(jko.ExactW2, tau=0.1, max_iterations=60),
        "jko.Lagrangian": example(
            jko.Lagrangian,
            ("levels", "wrong shape"),
            tau=0.1,
            integrator="jko",
            levels=np.array([0.2, 0.8]),
        ),
        "jko.LagrangianFlow": example(
            jko.LagrangianFlow,
            f=lambda x: x**2,
            rho0=lambda x: np.exp(-(x**2)),
            beta=1.0,
            interval=np.array([-2.0, 2.0]),
            elements=4,
            degree=4,
        ),
        "energies.Congestion": example(fp.energies.Congestion, limit=1.0),
        "energies.Entropy": example(fp.energies.Entropy, kT=1.0),
        "energies.PorousMedium": example(fp.energies.PorousMedium, m=2.0),
        "energies.FreeEnergy": example(
            fp.energies.FreeEnergy,
            ("log_rho_inf", "-inf"),
            ("log_rho_inf", "wrong shape"),
            ("log_rho_inf", "one axis more"),
            log_rho_inf=np.log(RHO),
            kT=1.0,
        ),
        "energies.FreeEnergy.value": example(
            fp.energies.FreeEnergy(np.log(RHO)).value, rho=RHO, grid=LINE
        ),
        "energies.PorousMedium.value": example(
            fp.energies.PorousMedium(2.0).value, rho=RHO, grid=LINE
        ),
        "energies.Potential.value": example(
            fp.energies.Potential(lambda x: x**2).value, rho=RHO, grid=LINE
        ),
        "energies.Interaction": example(
            fp.energies.Interaction, ("W", "no argument"), W=lambda x: x**2
        ),
    }


def _observables():
    """Numbers that a density has."""
    ob, generator = fp.observables, fp.Generator(problem())
    log_inf = ("log_rho_inf", "-inf")
    return {
        "observables.mass": example(
            ob.mass, ("rho", "one axis more"), ("rho", "nan"), ("rho", "inf"), rho=RHO, grid=LINE
        ),
        "observables.entropy": example(ob.entropy, ("rho", "one axis more"), rho=RHO, grid=LINE),
        "observables.energy": example(
            ob.energy, ("rho", "one axis more"), ("Phi", "inf"), rho=RHO, Phi=PHI, grid=LINE
        ),
        "observables.kl": example(
            ob.kl, ("rho", "one axis more"), rho=RHO, rho_inf=RHO[::-1].copy(), grid=LINE
        ),
        "observables.free_energy": example(
            ob.free_energy,
            ("rho", "one axis more"),
            log_inf,
            rho=RHO,
            log_rho_inf=-PHI,
            grid=LINE,
            beta=2.0,
        ),
        "observables.dissipation": example(
            ob.dissipation,
            ("log_rho_inf", "-inf"),
            ("rho", "one axis more"),
            rho=RHO,
            log_rho_inf=-PHI,
            generator=generator,
            beta=2.0,
        ),
        "observables.entropy_production": example(
            ob.entropy_production,
            ("log_rho_inf", "-inf"),
            ("rho", "one axis more"),
            rho=RHO,
            log_rho_inf=-PHI,
            generator=generator,
        ),
        "Grid.integrate": example(
            LINE.integrate,
            ("u", "-inf"),
            ("u", "one axis more"),
            ("u", "nan"),
            ("u", "inf"),
            ("u", "complex"),
            u=RHO,
        ),
        "Grid.refined": example(LINE.refined, k=2),
    }


def _distributions():
    """What a density says."""
    stack = ("rho", "one axis more")
    here = {"rho": RHO_2, "grid": PLANE}
    return {
        "expectation": example(fp.expectation, stack, ("u", "one axis more"), u=PLANE.x[1], **here),
        "expectation function": example(fp.expectation, stack, u=lambda x, y: x * y, **here),
        "mean": example(fp.mean, stack, places=np.array(PLANE.x), **here),
        "covariance": example(fp.covariance, stack, places=np.array(PLANE.x), **here),
        "moment": example(
            fp.moment,
            stack,
            order=2,
            about=0.5,
            rho=RHO,
            grid=LINE,
        ),
        "quantile": example(fp.quantile, stack, ("axis", "number"), q=0.3, axis="x", **here),
        "mode": example(fp.mode, stack, **here),
        "peaks": example(fp.peaks, depth=0.5, **here),
        "marginal": example(fp.marginal, stack, ("axes", "number"), axes="y", **here),
        "conditional": example(fp.conditional, stack, given={"x": 0.3}, **here),
        "at": example(fp.at, stack, ("points", "one axis more"), points=POINTS, **here),
        "gradient_at": example(
            fp.gradient_at, stack, ("points", "one axis more"), points=POINTS, **here
        ),
        "sample": example(fp.sample, stack, n=3, rng=5, within="interpolant", **here),
        "total_variation": example(
            fp.total_variation,
            ("rho0", "one axis more"),
            ("rho1", "one axis more"),
            rho0=RHO_2,
            rho1=fp.uniform(PLANE),
            grid=PLANE,
        ),
        "hellinger": example(
            fp.hellinger,
            ("rho0", "one axis more"),
            ("rho1", "one axis more"),
            rho0=RHO_2,
            rho1=fp.uniform(PLANE),
            grid=PLANE,
        ),
        "credible_region": example(fp.credible_region, stack, level=0.9, **here),
    }


def _sets_and_rates():
    """Regions and escape rates."""
    sets = fp.sets
    return {
        "sets.ball": example(sets.ball, center=np.array([0.1, 0.2]), radius=0.5),
        "sets.half_space": example(
            sets.half_space,
            ("offset", "0"),
            ("offset", "-1"),
            normal=np.array([1.0, 0.2]),
            offset=0.5,
        ),
        "sets.sublevel": example(sets.sublevel, ("f", "no argument"), f=lambda x: x**2, level=0.5),
        "sets.side": example(sets.side, ("axis", "number"), axis="x", end="lower"),
        "sets.mask_of": example(
            sets.mask_of, region=LINE.x[0] > 0, grid=LINE, words={"region": "set"}
        ),
        "rates.eyring_kramers": example(
            fp.rates.eyring_kramers,
            hessian_minimum=np.eye(2),
            hessian_saddle=np.diag([-1.0, 1.0]),
            jacobian=np.diag([-1.0, 1.0]),
            barrier=0.5,
            beta=2.0,
        ),
        "rates.kramers": example(
            fp.rates.kramers,
            steady=wells(),
            minimum=np.array([-1.0]),
            saddle=np.array([0.0]),
            is_quick=False,
        ),
    }


def _particles():
    """Paths and minibatch SGD."""
    sde, sgd = fp.sde, fp.sgd
    a, y = np.arange(12.0).reshape(6, 2) / 10, np.arange(6.0) / 6
    return {
        "sde.from_density": example(sde.from_density, grid=LINE, rho=RHO, n_particles=5, seed=0),
        "sde.simulate": example(
            sde.simulate,
            problem=problem(),
            x0=np.array([[0.1], [0.2]]),
            t=0.2,
            dt=0.1,
            burn_in=0,
            seed=0,
            is_quick=False,
        ),
        "sde.current_velocity": example(
            sde.current_velocity, paths=PATHS, grid=PLANE, spacing=0.1, least=1
        ),
        "sde.increment_spectrum": example(
            sde.increment_spectrum, ("paths", "wrong shape"), paths=PATHS, spacing=0.1, length=4
        ),
        "sde.levy_area": example(
            sde.levy_area,
            ("paths", "wrong shape"),
            ("paths", "transposed"),
            paths=PATHS,
            spacing=0.1,
        ),
        "sde.rotation": example(
            sde.rotation, paths=PATHS, center=np.array([0.0, 0.1]), spacing=0.1
        ),
        "sde.winding": example(sde.winding, paths=PATHS),
        "sgd.LeastSquares": example(
            sgd.LeastSquares, ("a", "wrong shape"), a=a, y=y, weight_decay=0.1
        ),
        "sgd.Logistic": example(
            sgd.Logistic, ("a", "wrong shape"), a=a, y=np.sign(y - 0.4), weight_decay=0.1
        ),
        "sgd.noise_spectrum": example(
            sgd.noise_spectrum,
            ("gradients", "wrong shape"),
            ("gradients", "transposed"),
            gradients=a,
            dtype="float64",
        ),
        "sgd.run": example(
            sgd.run,
            model=sgd.LeastSquares(a, y),
            x0=np.array([0.1, 0.2]),
            eta=0.1,
            b=2,
            steps=4,
            n_particles=3,
            momentum=0.5,
            burn_in=0,
            thin=2,
            seed=0,
            is_quick=False,
        ),
    }


def _theorems():
    """Statements: the doors alone."""
    th, study = fp.theorems, example
    doors = (
        "acceleration",
        "assumption_4",
        "closed_orbits",
        "critical_points",
        "entropy_production",
        "fluctuation_dissipation",
        "h_theorem",
        "information_bottleneck",
        "jko_lyapunov",
        "kramers",
        "linear",
        "potential_is_loss",
        "sgd_temperature",
        "stationarity",
        "a_type",
        "verify",
    )
    return {
        **{
            f"theorems.{name}": study(getattr(th, name), problem=problem(), is_quick=False)
            for name in doors
        },
        "theorems.a_type_drift": study(th.a_type_drift, state=state(), divergence="row"),
        "theorems.a_type_residual": study(th.a_type_residual, state=state(), divergence="row"),
        "theorems.orbits": study(
            th.orbits, state=state(), starts=np.array([[0.1, 0.2], [0.3, 0.1]]), t=0.5, samples=3
        ),
        "theorems.lyapunov_exponent": study(
            th.lyapunov_exponent, state=state(), start=np.array([0.3, 0.1]), t=0.5, is_quick=False
        ),
        "theorems.named": study(th.named, "n", name="R2", n=8, is_quick=False),
        "theorems.truth_table": study(th.truth_table, n=8, is_quick=False),
    }


def _zoo():
    """Reference problems: every number of every constructor."""
    zoo, given = fp.zoo, {}
    F, D = np.array([[1.0, 0.2], [-0.2, 1.0]]), np.array([[1.0, 0.1], [0.1, 0.5]])
    given["ornstein_uhlenbeck"] = {"F": F, "D": D, "kT": 0.5}
    given["heavy_ball"] = {"H": np.eye(2), "D": D, "eta": 0.1, "momentum": 0.5, "b": 2.0}
    given["heavy_ball_covariance"] = given["heavy_ball"]
    given["bures_geodesic"] = {"A": np.eye(2), "B": D}
    given["increment_psd"] = {"A": 0.5 * np.eye(2), "C": D, "omega": np.array([0.1, 0.2])}
    given["autoregressive_psd"] = {"phi": 0.5, "s2": 1.0, "omega": np.array([0.1, 0.2])}
    given["regression_covariance"] = {"eta": 0.1, "b": 2, "momentum": 0.0}
    given["binary_perceptron"] = {"n_weights": 3, "n_patterns": 3, "seed": 1}
    given["jacobi"] = {"A": 3.0, "B": 2.0, "kT": 1.0}
    given["barenblatt"] = {"dim": 1, "m": 2.0, "t0": 1.0, "t_end": 2.0}
    given["heat"] = {"dim": 2, "kT": 0.5}
    given["advection_diffusion"] = {"dim": 2, "kT": 0.1}
    numbers = {
        "abc_flow": "A B C kT",
        "accelerated": "q kT",
        "commuting_diffusion": "kT",
        "double_well": "kT",
        "example_19": "lam",
        "fitzhugh_nagumo": "kT",
        "gyrator": "kT d2 angle",
        "gyrator_3d": "kT",
        "heston": "feller rate",
        "invisible_noise": "C kT",
        "kramers_plane": "gamma kT",
        "kramers_well": "kT",
        "langevin": "h gamma kT",
        "leaky_integrator": "leak rate kT",
        "gene_expression": "messengers proteins decay",
        "linear_regression_sgd": "kT",
        "local_entropy": "gamma kT",
        "lorenz": "kT",
        "log_normal": "kappa kT",
        "moving_potential": "kT",
        "multiplicative_noise": "h s0 s1 kT half",
        "noise_induced_transition": "kT",
        "noise_repelled_modes": "kT",
        "one_noise": "angle kT",
        "predator_prey": "size",
        "repaired_example": "lam kT",
        "ring": "kT a c",
        "ring_3d": "kT c h",
        "scalar_noise": "kT",
        "scaled_diffusion": "c kT",
        "shell": "kT a",
        "spiral": "kT",
        "spiral_3d": "kT",
        "square_root_diffusion": "kappa theta sigma kT",
        "stuart_landau": "mu w0 w1 kT",
        "tilted_ring": "V0 F kT",
        "torus_loss": "s alpha kT",
        "van_der_pol": "kT",
        "wright_fisher": "mutation migration",
        "manufactured_plane": "kT",
        "manufactured_space": "kT",
        "manufactured_wall": "kappa circulation contrast",
        "sgd_increments": "eta",
    }
    from_words = {name: default_numbers(getattr(zoo, name), w) for name, w in numbers.items()}
    any_shape = {("omega", "wrong shape"), ("omega", "one axis more"), ("omega", "empty")}
    return {
        f"zoo.{name}": example(getattr(zoo, name), *any_shape, is_quick=False, **arguments)
        for name, arguments in {**given, **from_words}.items()
    }


def default_numbers(function, words):
    """Default values of the named arguments."""
    parameters = inspect.signature(function).parameters
    return {word: parameters[word].default for word in words.split()}


def _plot():
    """Pictures."""
    many = {"is_quick": False}
    return {
        "plot.canvas": example(plot.canvas, width=3.0, height=2.0, **many),
        "plot.line": example(
            _on(plot.line), ("u", "-inf"), ("u", "nan"), ("u", "inf"), grid=LINE, u=RHO, **many
        ),
        "plot.density": example(
            _on(plot.density),
            ("rho", "-inf"),
            ("rho", "nan"),
            ("rho", "inf"),
            grid=PLANE,
            rho=RHO_2,
            **many,
        ),
        "plot.potential": example(
            _on(plot.potential),
            ("Phi", "-inf"),
            ("Phi", "nan"),
            ("Phi", "inf"),
            ("levels", "0"),
            grid=PLANE,
            Phi=(PLANE.x**2).sum(0),
            **many,
        ),
        "plot.signed": example(
            _on(plot.signed),
            ("u", "-inf"),
            ("u", "nan"),
            ("u", "inf"),
            grid=PLANE,
            u=PLANE.x[0],
            **many,
        ),
        "plot.streamlines": example(
            _on(plot.streamlines),
            ("v", "-inf"),
            ("v", "nan"),
            ("v", "inf"),
            grid=PLANE,
            v=TURNING,
            **many,
        ),
        "plot.force_field": example(
            _on(plot.force_field),
            ("v", "-inf"),
            ("v", "nan"),
            ("v", "inf"),
            grid=PLANE,
            v=TURNING,
            **many,
        ),
        "plot.isosurface": example(
            _in_space(plot.isosurface),
            ("u", "nan"),
            grid=SPACE,
            u=U_3,
            level=float(U_3.mean()),
            **many,
        ),
        "plot.slices": example(
            _three(plot.slices),
            ("at", "None"),
            ("u", "-inf"),
            ("u", "nan"),
            ("u", "inf"),
            grid=SPACE,
            u=U_3,
            at=np.array([0.1, 0.1, 0.1]),
            **many,
        ),
        "plot.projections": example(
            _three(plot.projections),
            ("rho", "-inf"),
            ("rho", "nan"),
            ("rho", "inf"),
            grid=SPACE,
            rho=U_3,
            **many,
        ),
        "plot.order": example(
            _on(plot.order), steps=np.array([0.1, 0.2]), errors=np.array([0.01, 0.04]), **many
        ),
    }


def _on(draw):
    """Picture on axes."""
    return lambda **arguments: draw(**arguments, ax=axes())


def _in_space(draw):
    """Picture on axes of three dimensions."""
    return lambda **arguments: draw(**arguments, ax=axes(projection="3d"))


def _three(draw):
    """Picture on three axes."""
    return lambda **arguments: draw(**arguments, axes=three_axes())


@cache
def examples():
    """All of them by name."""
    parts = (
        _core,
        _methods,
        _observables,
        _distributions,
        _sets_and_rates,
        _particles,
        _theorems,
        _zoo,
        _plot,
    )
    return {name: row for part in parts for name, row in part().items()}


#: Other names of the same thing.
ALIASES = {
    "delta",
    "entropy",
    "kl",
    "rates.backward",
    "rates.committor",
    "rates.exit_probabilities",
    "rates.mfpt",
    "jko.JKO",
    "Edges",
}
#: Results, which functions return and no person makes, and bases of classes.
RESULTS = {
    "ConvergenceError",
    "Fit",
    "CriticalPoint",
    "QuasiStationary",
    "Solution",
    "Spectrum",
    "SteadyState",
    "Sweep",
    "Transport",
    "energies.Dirichlet",
    "energies.Energy",
    "energies.Potential",
    "energies.Sum",
    "jko.MinimisingMovement",
    "observables.EntropyProduction",
    "ProblemFileError",
    "plot.Animation",
    "plot.ForceField",
    "plot.Ledger",
    "plot.Panels",
    "plot.Portrait",
    "rates.Backward",
    "rates.Committor",
    "rates.ExitProbabilities",
    "rates.Kramers",
    "rates.PassageTimes",
    "sde.CurrentVelocity",
    "sde.Estimate",
    "sde.IncrementSpectrum",
    "sde.Paths",
    "sets.Region",
    "sgd.NoiseSpectrum",
    "sgd.Swarm",
    "theorems.Comparison",
    "theorems.Hypothesis",
    "theorems.Verdict",
    "theorems.Verdicts",
    "zoo.Exact",
    "zoo.Perceptron",
}
#: Without arguments, or with other checks: of sets of sides, of problem files, of pictures.
ELSEWHERE = {
    "ProblemFile",
    "read_problem",
    "plot.animate",
    "sets.box",
    "sets.fractions",
    "theorems.truth_table_text",
    "zoo.catalogue",
    "zoo.degenerate",
    "zoo.table",
    "zoo.hidden_anisotropy",
    "zoo.household_wealth",
    "zoo.neutral_fixation",
    "zoo.regression_losses",
    "zoo.jko_gaussian",
    "plot.colorbar",
    "plot.committor",
    "plot.current",
    "plot.energy",
    "plot.free_energy",
    "plot.ledger",
    "plot.likelihood",
    "plot.mode",
    "plot.movie",
    "plot.orbit",
    "plot.portrait",
    "plot.reactive",
    "plot.spectrum",
    "plot.steady",
    "plot.stream_function",
    "plot.trajectories",
    "plot.transport_map",
    "plot.truth_table",
}
