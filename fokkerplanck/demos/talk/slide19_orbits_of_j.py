"""Slide 19: where dx/dt = j(x) goes, and when div j = 0.

j = J/rho is the current velocity of the steady state, the mean of forward and backward motion; it
is seen in particles as E[(x(t+h) - x(t-h))/2h | x(t)]. In the plane its orbits are level sets of
the stream function psi, closed, in families; div j = 0 (Assumption 4 of the paper) makes them level
sets of Phi too. Repaired example E2 and ring E3 obey it, Example 19 (E1), the six-row regression
R26 and the true loss R31 with constant noise do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sde, theorems, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, rms
from fokkerplanck.domain.grid import Grid
from fokkerplanck.plot import canvas, colorbar, density, potential, signed, stream_function
from fokkerplanck.steady import SteadyState, steady_state

SLIDE = Slide(
    19,
    "SGD converges to limit cycles",
    "the most likely trajectories of SGD are dx/dt = j(x), with a leftover field j = −grad f + "
    "D grad Φ − β⁻¹ div D such that div j = 0: closed loops, limit cycles.",
)
QUICK = {"n": 48, "particles": 1000}
MEASURED = {"E2": (2.0, 0.01), "E3": (2.0, 0.01)}  # end and step of the paths
WINDOWS = {
    "E2": [(-1.9, 1.9), (-1.9, 1.9)], "E3": [(-1.4, 1.4)] * 2,
    "E1, λ = 1.5": [(-1.8, 1.8), (-1.8, 1.8)], "R31": [(-1.9, 1.9), (-1.9, 1.9)],
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Result:
    """Steady states by name; measured velocities and what they should be."""

    states: dict[str, SteadyState]
    seen: dict[str, sde.CurrentVelocity]
    exact: dict[str, np.ndarray]  # means of j over the same cells
    turning: sde.Estimate  # of the ring
    flow: theorems.Verdict  # closed orbits, of the ABC flow in space

    def rms_div_j(self, name):
        """Root mean square of div j in the steady state."""
        state = self.states[name]
        return rms(state.grid, state.rho, state.div_j[None])

    def misfit(self, name):
        """Root mean square deviation of the measured velocity, in standard errors."""
        off = (self.seen[name].value - self.exact[name]) / self.seen[name].error
        return float(np.sqrt(np.nanmean(off**2)))


def _cases():
    """References by name."""
    return {
        "E2": zoo.repaired_example(),
        "E3": zoo.ring(),
        "E1, λ = 0.5": zoo.example_19(0.5),
        "E1, λ = 1.5": zoo.example_19(1.5),
        "R26": zoo.linear_regression_sgd(0.05),
        "R31": zoo.moving_potential(0.25),
    }


def compute(n=128, particles=6000, seed=0, progress=False) -> Result:
    """Solve on n x n cells (more for E1), watch particles of E2 and E3."""
    cases = _cases()
    states = {
        name: steady_state(case.build((n, 7 * n // 5) if "E1" in name else n), accuracy=4)
        for name, case in cases.items()
    }
    seen, exact = {}, {}
    for name, (t, dt) in MEASURED.items():
        state = states[name]
        start = sde.from_density(state.grid, state.rho, particles, seed)
        paths = sde.simulate(
            state.problem, start, t, dt=dt, thin=1, scheme="weak2", interpolate=True, seed=seed,
            progress=progress,
        )  # fmt: skip
        cells = Grid(WINDOWS[name], 14)
        seen[name] = sde.current_velocity(paths, cells, least=400)
        exact[name] = _cell_means(cases[name], cells)
        if name == "E3":
            turning = sde.rotation(paths)
    flow = theorems.closed_orbits(zoo.abc_flow().build(24))
    return Result(states, seen, exact, turning, flow)


def _cell_means(case, cells, k=12):
    """Means of j over cells, weighted by the steady density."""
    fine = cells.refined(k).x
    (n, m), rho = cells.shape, case.rho(*fine)
    shape = (2, n, k, m, k)
    total = (rho * case.j(*fine)).reshape(shape).sum(axis=(2, 4))
    return total / rho.reshape(shape[1:]).sum(axis=(1, 3))


def finding(result) -> Finding:
    """Closed orbits in families; div j = 0 is an assumption."""
    r31, e1 = result.rms_div_j("R31"), result.rms_div_j("E1, λ = 1.5")
    return Finding(
        "needs a condition",
        "in the plane the orbits of j are closed, as level sets of ψ, with or without div j = 0; "
        "they come in families, and as the flow of j preserves a positive density none attracts: "
        "they are no limit cycles. In space they may be chaotic although div j = 0: Lyapunov's "
        f"exponent of the ABC flow is {result.flow.numbers['exponent']:.3f}. div j = 0 holds for "
        f"E2 and E3, not for Example 19 (λ = 1.5, rms {e1:.3f}) nor for the true loss R31 (rms "
        f"{r31:.3f}). What particles show is that j is their mean velocity given the place (misfit "
        f"{result.misfit('E2'):.2f} and {result.misfit('E3'):.2f} standard errors). That is no "
        "most likely path: such paths follow −g down and j + D grad Φ up (theory.md, section 6).",
    )


def table(result) -> str:
    """Assumption 4 by case, and measured velocities."""
    known = {
        "E2": 0.0, "E3": 0.0, "E1, λ = 0.5": 0.225960369, "E1, λ = 1.5": 0.677881108,
        "R26": zoo.linear_regression_sgd(0.05).reference["rms_div_j"],
        "R31": zoo.moving_potential(0.25).reference["rms_div_j"],
    }  # fmt: skip
    rows = []
    for name, state in result.states.items():
        rows += [
            (f"{name}: rms div j", f"{result.rms_div_j(name):.7f}", f"known {known[name]:.9g}"),
            ("  j against level sets of Φ", f"{state.gibbsian_defect:.5f}",
             "0: along them; 1: across"),
        ]  # fmt: skip
    for name, seen in result.seen.items():
        cells = np.isfinite(seen.value[0])
        rows.append(
            (f"{name}: particles' velocity, misfit", f"{result.misfit(name):.3f}",
             f"standard errors, rms over {np.count_nonzero(cells)} cells; expected 1")
        )  # fmt: skip
        size = np.sqrt(np.nanmean(np.where(cells, result.exact[name], np.nan) ** 2))
        error = np.sqrt(np.nanmean(seen.error**2))
        rows.append(("  rms of j, and standard error", f"{size:.4f}", f"± {error:.4f}"))
    numbers = result.flow.numbers
    rows.append(
        (
            "ABC flow in space: exponent of Lyapunov",
            f"{numbers['exponent']:.4f}",
            "per time; 0 on closed orbits",
        )
    )
    turning, omega = result.turning, zoo.ring().moments["omega"]
    rows.append(("E3: mean angular velocity", f"{turning.value:.4f}",
                 f"± {turning.error:.4f}; exact {omega:.4f}"))  # fmt: skip
    return aligned(rows)


def figure(result):
    """Loops where div j = 0 and where it is not; velocities of particles."""
    sheet = canvas(13, 8)
    axes = sheet.subplots(2, 3)
    for ax, name, title in (
        (axes[0, 0], "E2", "E2: loops of j along the levels of Φ"),
        (axes[1, 0], "E3", "E3, a true loss: turns"),
    ):
        state = result.states[name]
        mesh = density(state.grid, state.rho, ax)
        potential(state.grid, state.Phi, ax, top=1.0, levels=8, colors="0.5", linewidths=0.6)
        stream_function(state, ax, levels=5)
        colorbar(mesh, "ρ", ax)
        ax.set(title=title, xlim=WINDOWS[name][0], ylim=WINDOWS[name][1])
    _measured(axes[0, 1], result, "E2")
    _scatter(axes[0, 2], result)
    for ax, name in ((axes[1, 1], "E1, λ = 1.5"), (axes[1, 2], "R31")):
        state = result.states[name]
        visited = state.rho > 1e-3 * state.rho.max()
        mesh = signed(state.grid, np.where(visited, state.div_j, np.nan), ax)
        stream_function(state, ax, levels=5, colors="k")
        colorbar(mesh, "div j", ax)
        ax.set(title=f"{name}: div j ≠ 0", xlim=WINDOWS[name][0], ylim=WINDOWS[name][1])
    return sheet


def _measured(ax, result, name):
    """Arrows of the measured and of the exact velocity."""
    seen = result.seen[name]
    good = np.isfinite(seen.value[0]) & (np.hypot(*seen.error) < 0.25)
    exact, value = (np.where(good, u, np.nan) for u in (result.exact[name], seen.value))
    style = {"angles": "xy", "scale_units": "xy", "scale": 6.0, "pivot": "mid"}
    ax.quiver(*seen.grid.x, *exact, color="0.7", width=0.012, label="exact", **style)
    ax.quiver(*seen.grid.x, *value, color="C3", width=0.005, label="particles", **style)
    ax.set(title=f"{name}: j from particles", xlabel="x", ylabel="y", aspect="equal",
           xlim=WINDOWS[name][0], ylim=WINDOWS[name][1])  # fmt: skip
    ax.legend(fontsize="small", loc="upper right")


def _scatter(ax, result):
    """Measured against exact components."""
    for color, (name, seen) in enumerate(result.seen.items()):
        good = np.isfinite(seen.value) & (seen.error < 0.15)
        ax.errorbar(
            result.exact[name][good], seen.value[good], seen.error[good], fmt=".", ms=4, lw=0.6,
            color=f"C{color}", alpha=0.6, label=name,
        )  # fmt: skip
    lim = ax.get_xlim()
    ax.plot(lim, lim, "k", lw=1, zorder=5)
    ax.set(title="components of j, with standard errors", xlabel="exact", ylabel="particles")
    ax.legend(fontsize="small")
