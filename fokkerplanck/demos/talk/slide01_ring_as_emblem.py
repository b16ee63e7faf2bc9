"""Slide 1, the title: a true loss whose SGD never comes to rest.

The ring has a scalar loss f and a noise D(x) that is neither constant nor isotropic. Gradient
descent on f runs straight to the ring of minima and stops; the steady state of the noisy process
turns, one way inside and the other way outside, along the level sets of its stream function.
"""

from __future__ import annotations

from dataclasses import dataclass

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas, density, stream_function
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.zoo import Exact

SLIDE = Slide(
    1, "Unraveling the mysteries of stochastic gradient descent", "a title, without a claim."
)
QUICK = {"n": 64}
TEMPERATURE, WINDOW = 0.1, 1.75


@dataclass(frozen=True, eq=False)
class Result:
    """Steady state, what is known of it, mean of r^2 and of the rotation rate."""

    steady: SteadyState
    exact: Exact
    r2: float
    omega: float


def compute(n=160, seed=0, progress=False) -> Result:
    """Steady state on n x n cells."""
    exact = zoo.ring(TEMPERATURE)
    steady = steady_state(exact.build(n), accuracy=4)
    grid, rho = steady.grid, steady.rho
    (x, y), (u, v) = grid.x, steady.j
    r2 = x**2 + y**2
    omega = float(grid.integrate(rho * (x * v - y * u) / r2))
    return Result(steady, exact, float(grid.integrate(rho * r2)), omega)


def finding(result) -> Finding:
    """It turns."""
    return Finding(
        "shown",
        "a ring, our emblem: a true loss whose steady state turns "
        f"(entropy production {result.steady.entropy_production:.4f}, mean rotation "
        f"{result.omega:.4f}), although gradient descent on it is purely radial.",
    )


def table(result) -> str:
    """Numbers beside their closed forms."""
    exact, steady = result.exact, result.steady
    known = exact.moments
    return aligned(
        [
            ("temperature", f"{exact.kT:g}", "f = Φ + T (r²/4 + r⁴/4), Φ = (r² - 1)²/4"),
            ("mean of r²", f"{result.r2:.6f}", f"exact {known['r2']:.9f}"),
            ("mean rotation", f"{result.omega:.6f}", f"exact {known['omega']:.6f} = -2 T"),
            ("entropy production", f"{steady.entropy_production:.6f}",
             f"exact {exact.entropy_production:.9f}"),
            ("defect of div j = 0", f"{steady.gibbsian_defect:.1e}", "exact 0: j along level sets"),
            ("scheme", steady.stats.scheme, ""),
        ]
    )  # fmt: skip


def figure(result):
    """The density, and the current on it."""
    sheet = canvas(5, 5)
    ax = sheet.subplots()
    density(result.steady.grid, result.steady.rho, ax, cmap="Greys")
    stream_function(result.steady, ax, levels=5, linewidths=1.8)
    ax.set(xlim=(-WINDOW, WINDOW), ylim=(-WINDOW, WINDOW))
    ax.set_axis_off()
    return sheet
