r"""A true loss with constant noise whose potential Phi moves with the temperature.

f = (x^2 - 1)^2/4 + y^2/2 + xy/2, D = diag(1, 1/4). Claims: Phi = -T log rho_ss is not a function of
the loss and the noise alone: its barrier and its minima depend on T; div j is not zero (Assumption
4 of the paper fails), and entropy is produced. The rate of Eyring and Kramers with that Phi, times
two, is within 4 to 7 percent of the spectral gap. Every figure comes with an observed order, from
three grids, and a value extrapolated from the last two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.text import aligned, rms
from fokkerplanck.modes import spectrum
from fokkerplanck.plot import canvas, colorbar, current, line, potential
from fokkerplanck.rates import kramers
from fokkerplanck.steady import SteadyState, steady_state

TITLE = "Phi of a true loss moves with the temperature"
QUICK = {"n": 40}
TEMPERATURES = (0.125, 0.25, 0.5)
NAMES = {
    "entropy_production": "entropy production",
    "rms_div_j": "rms div j",
    "x2": "<x^2>",
    "barrier": "barrier of Phi",
    "gap": "spectral gap",
    "kramers_rate": "Eyring-Kramers rate",
}


@dataclass(frozen=True, eq=False)
class Result:
    """Figures on three grids, each twice as fine, and the states on the finest.

    Attributes
    ----------
    n : tuple of int
        Cells per axis.
    values : dict of dict of arrays (3,)
        By temperature and name, as in ``zoo.moving_potential().reference``.
    steady : dict of SteadyState
        By temperature, of fourth order.
    exact : dict of Exact
    """

    n: tuple[int, int, int]
    values: dict[float, dict[str, np.ndarray]]
    steady: dict[float, SteadyState]
    exact: dict[float, zoo.Exact]

    def order(self, kT, name) -> float:
        """Observed order."""
        a, b, c = self.values[kT][name]
        return float(np.log2(abs((a - b) / (b - c))))

    def extrapolated(self, kT, name) -> float:
        """Value extrapolated by the order of the method: two for the gap, four for the rest."""
        _, b, c = self.values[kT][name]
        return float(c + (c - b) / (2 ** (2 if name == "gap" else 4) - 1))


def compute(n=48, seed=0, progress=False) -> Result:
    """Steady states and spectra on n, 2n and 4n cells per axis."""
    sizes = (n, 2 * n, 4 * n)
    values, steady, exact = {}, {}, {}
    for kT in TEMPERATURES:
        exact[kT] = zoo.moving_potential(kT)
        found = [_measured(exact[kT], k) for k in sizes]
        values[kT] = {name: np.array([row[name] for row, _ in found]) for name in NAMES}
        steady[kT] = found[-1][1]
    return Result(sizes, values, steady, exact)


def _measured(exact, n):
    """All figures on one grid, and its state."""
    problem = exact.build(n)
    state = steady_state(problem, accuracy=4)
    grid = state.grid
    escape = kramers(state, exact.points["minima"][0], (0.02, -0.01))
    return {
        "entropy_production": state.entropy_production,
        "rms_div_j": rms(grid, state.rho, state.div_j[None]),
        "x2": float(grid.integrate(state.rho * grid.x[0] ** 2)),
        "barrier": escape.barrier,
        "kramers_rate": escape.rate,
        "gap": spectrum(problem, 2).gap,
    }, state


def table(result) -> str:
    """Figures by temperature with their orders, next to the references of the zoo."""
    rows = [("barrier of the loss", f"{25 / 64:.6f}", "at every temperature")]
    for kT in TEMPERATURES:
        reference = result.exact[kT].reference
        for name, words in NAMES.items():
            rows.append(
                (f"T = {kT:g}: {words}", f"{result.extrapolated(kT, name):.8g}",
                 f"order {result.order(kT, name):.2f}, n = {result.n[-1]} alone "
                 f"{result.values[kT][name][-1]:.8g}, reference {reference[name]:.10g}")
            )  # fmt: skip
        ratio = 2 * result.extrapolated(kT, "kramers_rate") / result.extrapolated(kT, "gap")
        rows.append((f"T = {kT:g}: twice that rate over the gap", f"{ratio:.4f}", ""))
    return aligned(rows)


def figure(result):
    """Phi and its circulation at each temperature; section of Phi along the valley."""
    sheet = canvas(12, 6.2)
    top, bottom = sheet.subplots(2, 3)
    for ax, kT in zip(top, TEMPERATURES, strict=True):
        state = result.steady[kT]
        lines = current(state, ax, cutoff=np.exp(-6), spacing=1.3)
        potential(state.grid, state.Phi, ax, top=6 * kT, levels=12, colors="0.4", linewidths=0.7)
        ax.plot(*result.exact[kT].points["minima"].T, "k+", ms=9, mew=1.5)
        ax.set(xlim=(-2.4, 2.4), ylim=(-2.1, 2.1), title=f"T = {kT:g}: Φ and j; + minima of f")
        colorbar(lines.lines, "|j|", ax)
    section, barriers, divergence = bottom
    for kT in TEMPERATURES:
        state = result.steady[kT]
        valley = state.Phi.min(axis=1)
        line(_x_axis(state), valley, section, label=f"Φ, T = {kT:g}")
    x = state.grid.x[0]
    f = state.problem.f - state.problem.f.min()
    section.plot(x[:, 0], f.min(axis=1), "k--", lw=1, label="f")
    section.set(xlim=(-2, 2), ylim=(0, 1), xlabel="x", ylabel="least value over y")
    section.set_title("the valley: not that of f")
    section.legend(fontsize="small")
    T = np.array(TEMPERATURES)
    barriers.plot(T, [result.extrapolated(kT, "barrier") for kT in T], "o-", label="Φ")
    barriers.axhline(25 / 64, color="k", ls="--", lw=1, label="f")
    barriers.set(xlabel="T", ylabel="barrier", title="the barrier moves with T")
    barriers.set_ylim(0.36, 0.5)
    barriers.legend()
    for name in ("entropy_production", "rms_div_j"):
        values = [result.extrapolated(kT, name) for kT in T]
        divergence.plot(T, values, "o-", label=NAMES[name])
    divergence.set(xlabel="T", title="div j is not zero: Assumption 4 fails")
    divergence.set_ylim(0, 0.32)
    divergence.legend()
    return sheet


def _x_axis(state):
    """The grid's first axis as a grid."""
    grid = state.grid
    return type(grid)([grid.box[0]], grid.shape[0])
