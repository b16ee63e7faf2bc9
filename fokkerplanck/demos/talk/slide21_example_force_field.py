"""Slide 21: Example 19 of the paper, a double well with a circulation of strength lambda.

The potential is Phi = (x^2 - 1)^2/4 + y^2/2 for every lambda, the noise is isotropic, and the force
is -g = -grad Phi + j with j = lambda e^Phi Jhat. The picture is that of the paper, with the zeros
of g, the orbits of j and |j| in addition. Steady states are computed from g and D alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import brentq

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, rms
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.zeros import CriticalPoint, critical_points
from fokkerplanck.modes import Spectrum
from fokkerplanck.modes import spectrum as slowest_modes
from fokkerplanck.plot import (
    canvas,
    colorbar,
    density,
    force_field,
    potential,
    spectrum,
    stream_function,
)
from fokkerplanck.steady import SteadyState, steady_state

SLIDE = Slide(
    21,
    "An example force-field",
    "without the field j the most likely places are the minima; with a very large |j| trajectories "
    "turn around the saddle point, in a limit cycle (Example 19 and Figure 4 of the paper).",
)
QUICK = {"n": 80, "turns": 10}
STRENGTHS, WINDOW = (0.0, 0.5, 1.5), 1.5
STARTS = (0.05, 0.4, 0.9, 1.4)
PEAK = 1.906205  # of |j| in the window, over lambda
RMS_DIV_J = {0.5: 0.225960369, 1.5: 0.677881108}
#: Limit of x^2 t on the section y = 0 at the largest strength. The cubic part of -g at the origin
#: has the divergence -3 x^2 + 2 k x y, k = lambda e^(1/4). Its integral over the ellipse
#: k (x^2 + y^2)/2 - x y = h of the linear part is the change of h in a turn, and that is
#: -pi k h^2 (k^2 - 1)^(-3/2), so that h = 2 (k^2 - 1)/(k t): the origin attracts for every lambda
#: beyond e^(-1/4).
SPEED = 4 * (1 - 1 / (STRENGTHS[-1] ** 2 * np.sqrt(np.e)))
MARKERS = {0.0: "o", 0.5: "s", 1.5: "^"}


@dataclass(frozen=True, eq=False)
class Panel:
    """What is found for one strength."""

    steady: SteadyState
    modes: Spectrum
    zeros: tuple[CriticalPoint, ...]
    off: float  # distance of the zeros from their closed form
    peak: float  # largest |j| in the window
    rms_div_j: float


@dataclass(frozen=True, eq=False)
class Result:
    """Panels by strength; where zeros merge; crossings of the section y = 0 at the largest."""

    panels: dict[float, Panel]
    critical: float
    crossings: tuple[np.ndarray, ...]  # x of every trajectory at its crossings
    times: tuple[np.ndarray, ...]

    @property
    def speed(self) -> float:
        """x^2 t at the end of the innermost trajectory: inverse slope of 1/x^2 in time."""
        t, x = self.times[0], self.crossings[0]
        return float((t[-1] - t[len(t) // 2]) / (x[-1] ** -2 - x[len(x) // 2] ** -2))


def compute(n=180, turns=60, seed=0, progress=False) -> Result:
    """Solve on n x 7n/5 cells, follow trajectories of the drift for some turns about the origin."""
    panels = {strength: _panel(strength, n) for strength in STRENGTHS}
    critical = brentq(_determinant, 0.5, 1.0, xtol=1e-12)
    times, crossings = _section(STRENGTHS[-1], turns)
    return Result(panels, critical, crossings, times)


def _panel(strength, n):
    """Steady state, spectrum and zeros."""
    exact = zoo.example_19(strength)
    steady = steady_state(exact.build((n, 7 * n // 5)), accuracy=4)
    modes = slowest_modes(exact.build((n // 2, 7 * n // 10)), 5)
    zeros = critical_points(exact.g, Grid([(-WINDOW, WINDOW)] * 2, 60))
    known = exact.points["zeros_of_g"] if strength else np.array([[-1, 0], [1, 0], [0, 0]])
    off = max(min(float(np.linalg.norm(z.x - k)) for k in known) for z in zeros)
    speed = RectBivariateSpline(*steady.grid.centers, np.hypot(*steady.j))
    peak = float(speed(0.0, np.linspace(1, WINDOW, 2001)).max())
    return Panel(steady, modes, zeros, off, peak, rms(steady.grid, steady.rho, steady.div_j[None]))


def _determinant(strength):
    """Determinant of dg/dx at the origin, by differences: 0 where the other zeros merge there."""
    g, h = zoo.example_19(strength).g, 1e-5
    ends = [np.array([[s * h, 0], [0, s * h]]) for s in (1, -1)]
    return float(np.linalg.det((g(*ends[0]) - g(*ends[1])) / (2 * h)))


def _section(strength, turns, g=None, starts=STARTS):
    """Times and places at which trajectories of dx/dt = -g cross y = 0, x > 0, upwards."""
    g = zoo.example_19(strength).g if g is None else g
    end = turns * 2 * np.pi / np.sqrt(strength**2 * np.exp(0.5) - 1)

    def up(t, p):
        return p[1]

    up.direction = 1.0  # type: ignore[attr-defined]  # solve_ivp reads this attribute
    times, places = [], []
    for start in starts:
        run = solve_ivp(
            lambda t, p: -g(*p), (0, end), [start, 0.0], "DOP853", events=up, rtol=1e-10, atol=1e-12
        )
        times.append(run.t_events[0])
        places.append(run.y_events[0][:, 0])
    return tuple(times), tuple(places)


def finding(result) -> Finding:
    """The figure is reproduced; the limit cycle is not there."""
    last = result.panels[STRENGTHS[-1]]
    shrink = all((np.diff(x) < 0).all() for x in result.crossings)
    turns = max(len(x) for x in result.crossings)
    return Finding(
        "fails as printed",
        f"the panels are as printed, and the critical points of g do leave the modes (±1, 0). But "
        f"at λ = 1.5 no limit cycle of the drift is seen: its only zero, the saddle of Φ, is a "
        "centre of the linearisation and a weak focus that attracts (x² t → 4(1 − 1/(λ²√e)) = "
        f"{SPEED:.4f}, seen {result.speed:.4f}), and all {len(STARTS)} trajectories, from x = "
        f"{STARTS[0]:g} to {STARTS[-1]:g}, spiral into it ({'every' if shrink else 'not every'} "
        f"crossing of {turns} turns is further in): evidence, no proof for all starts. The closed "
        f"orbits of j are a family, not a cycle; and "
        f"Assumption 4, div j = 0, does not hold here: rms div j = {last.rms_div_j:.4f}.",
    )


def table(result) -> str:
    """Numbers of the panels beside their closed forms."""
    rows = []
    for strength, p in result.panels.items():
        exact = zoo.example_19(strength)
        rows.append((f"λ = {strength:g}: zeros of g", f"{len(p.zeros)}",
                     f"at most {p.off:.0e} from their closed form"))  # fmt: skip
        rows += [
            (
                "",
                "({:.4f}, {:.4f})".format(*(z.x.round(9) + 0.0)),
                "centre of the linearisation" if z.kind == "centre" else z.kind,
            )
            for z in p.zeros
        ]
        if strength:
            rows += [
                ("  entropy production", f"{p.steady.entropy_production:.9f}",
                 f"exact {exact.entropy_production:.12f}"),
                ("  largest |j| in the window", f"{p.peak:.6f}", f"exact {PEAK * strength:.6f}"),
                ("  rms div j", f"{p.rms_div_j:.7f}",
                 f"exact {RMS_DIV_J[strength]}; Assumption 4 wants 0"),
            ]  # fmt: skip
        values = [v for v in p.modes.eigenvalues[1:] if v.imag >= 0]
        known = ("exact -0.792088427", "exact -1", "exact -1.792088427", "exact -2")
        turns = ("and its conjugate",) * len(values)
        for value, remark in zip(values, turns if strength else known, strict=True):
            rows.append(("  eigenvalue", _number(value), remark))
    rows.append(("zeros merge at λ", f"{result.critical:.8f}", f"e^(-1/4) = {np.exp(-0.25):.8f}"))
    rows.append(("λ = 1.5: x² t near the origin", f"{result.speed:.5f}", f"tends to {SPEED:.5f}"))
    for start, t, x in zip(STARTS, result.times, result.crossings, strict=True):
        remark = f"x at turn {len(x)}, t = {t[-1]:.0f}"
        if (np.diff(x) < 0).all():
            remark += "; ever further in"
        rows.append((f"λ = 1.5: -g from x = {start:g}", f"{x[-1]:.5f}", remark))
    return aligned(rows)


def _number(value):
    """Complex number in short."""
    return f"{value.real:.5f}{value.imag:+.5f}i" if value.imag else f"{value.real:.6f}"


def figure(result):
    """Above: the figure of the paper, with zeros. Below: |j| and the orbits of j, and spectra."""
    sheet = canvas(13, 8.4)
    axes = sheet.subplots(2, 3)
    limit = max(p.peak for p in result.panels.values())
    for k, (strength, p) in enumerate(result.panels.items()):
        _field(axes[0, k], strength, p)
        if strength:
            _circulation(axes[1, k], strength, p, limit)
    axes[0, 0].set_title("λ = 0:  j = 0")
    axes[0, 1].set_title("λ = 0.5:  |j| is small")
    axes[0, 2].set_title("λ = 1.5:  |j| is very large")
    for strength, p in result.panels.items():
        spectrum(
            p.modes, axes[1, 0], numbers=False, marker=MARKERS[strength], label=f"λ = {strength:g}"
        )
    axes[1, 0].set(title="slowest eigenvalues of the generator", ylim=(-0.9, 0.9))
    axes[1, 0].legend(loc="lower left", fontsize="small")
    return sheet


def _field(ax, strength, p):
    """Phi, streamlines of -g, modes, zeros."""
    grid, part = _window(p.steady.grid)
    Phi = p.steady.Phi[part]
    # Levels at multiples of 1/4; the first is that of the saddle.
    hills = potential(grid, Phi, ax, top=1.5, levels=6, filled=True, cmap="Blues_r", alpha=0.8)
    if strength == STRENGTHS[-1]:
        colorbar(hills, "Φ", ax)
    drift = -p.steady.problem.g[(slice(None), *part)]
    picture = force_field(
        grid, drift, ax, zeros=p.zeros, thickness=3.0, color="0.25", spacing=1.2, legend=False
    )
    dots = ax.plot([-1, 1], [0, 0], "k.", ms=11, zorder=6, label="grad Φ = 0, most likely")
    shown = {mark.get_label(): mark for mark in picture.zeros}
    for kind, mark in shown.items():
        mark.set_label(f"g = 0: {'centre, to first order' if kind == 'centre' else kind}")
    ax.legend(handles=[*shown.values(), *dots], loc="upper right", fontsize="small")
    ax.set(xlim=(-WINDOW, WINDOW), ylim=(-WINDOW, WINDOW))


def _circulation(ax, strength, p, limit):
    """Modulus of j, and its orbits."""
    grid, part = _window(p.steady.grid)
    speed = np.hypot(*p.steady.j)[part]
    mesh = density(grid, speed, ax, top=limit, cmap="YlOrBr")
    if strength == STRENGTHS[-1]:
        colorbar(mesh, "|j|", ax)
    stream_function(p.steady, ax, levels=7, colors="k")
    ax.plot([-1, 1], [0, 0], ".", color="k", ms=11)
    ax.set(xlim=(-WINDOW, WINDOW), ylim=(-WINDOW, WINDOW))
    ax.set_title("|j|, and orbits of j: level sets of ψ")


def _window(grid):
    """Cells of the window and a few more, as a grid of their own, and the slices to pick them."""
    part, box = [], []
    for F in grid.faces:
        first, last = np.searchsorted(F, [-WINDOW, WINDOW], side="right")
        lo, hi = first - 2, last + 1
        part.append(slice(lo, hi))
        box.append((F[lo], F[hi]))
    return Grid(box, tuple(s.stop - s.start for s in part)), tuple(part)
