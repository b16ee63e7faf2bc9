"""Slide 16: is Phi = f if and only if D is isotropic? The truth table, computed.

Fifteen problems with and without a loss; and how far the most likely point of R9, D = 1 + x^2,
moves from the minima of f = (x^2 - 1)^2/4: from T = 1/2 on it is the maximum of f.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import theorems, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.equation.zeros import critical_points
from fokkerplanck.plot import canvas
from fokkerplanck.plot import truth_table as draw_table
from fokkerplanck.steady import SteadyState, steady_state
from fokkerplanck.theorems import truth_table, truth_table_text
from fokkerplanck.theorems.loss import Row

SLIDE = Slide(
    16,
    "Potential Phi vs. original loss f",
    "rho_ss ~ exp(-beta Phi), and Phi = f if and only if D is isotropic; the most likely locations "
    "of SGD are not the critical points of f.",
)
QUICK = {"n": 48, "n_line": 256}
TEMPERATURES = (0.1, 0.25, 0.4, 0.45, 0.5, 0.75)
DRAWN = (0.1, 0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Result:
    """Rows of the truth table; states of R9 by temperature, and where their modes are."""

    rows: tuple[Row, ...]
    states: dict[float, SteadyState]
    modes: dict[float, float]
    verdicts: dict[str, theorems.Verdict]  # of R27a, R27b and R27c


def compute(n=96, n_line=1024, seed=0, progress=False) -> Result:
    """Fill the table on n x n cells; R9 on a line."""
    states, modes = {}, {}
    for kT in TEMPERATURES:
        # One box for all temperatures, with a cell face at x = 0.
        exact = zoo.noise_induced_transition(kT).boxed([(-4, 4)])
        states[kT] = steady_state(exact.build(n_line))
        modes[kT] = _mode(states[kT])
    verdicts = {
        exact.code: theorems.potential_is_loss(exact.build(n_line if exact.dim == 1 else n))
        for exact in (zoo.invisible_noise(), zoo.hidden_anisotropy(), zoo.torus_loss())
    }
    return Result(truth_table(n), states, modes, verdicts)


def _mode(state):
    """Most likely x >= 0: a minimum of Phi, from central differences."""
    slope = np.gradient(state.Phi, state.grid.centers[0], edge_order=2)
    found = [p.x[0] for p in critical_points(slope[None], state.grid) if p.is_stable]
    return abs(float(max(found)))


def finding(result) -> Finding:
    """One way only."""
    agree = sum(row.found == row.expected for row in result.rows)
    return Finding(
        "needs a condition",
        "D = I makes Phi = f and j = 0 (for D = cI absorb c in beta). The converse fails: with "
        "D = 1 + C e^(βf), isotropic and not constant, Phi = f for every f (R27c, in 1D already); "
        f"R27a and R27b have Phi = f and D not isotropic. {agree} of {len(result.rows)} cases as "
        "expected. With R9, f = (x² − 1)²/4 and D = 1 + x², the most likely point sits at x = "
        f"{result.modes[0.25]:.4f} for T = 1/4, and at the maximum of that f, x = 0, from T = 1/2 "
        "on.",
    )


def table(result) -> str:
    """Truth table, then the modes of R9."""
    lines = [truth_table_text(result.rows), ""]
    for kT in TEMPERATURES:
        exact = np.sqrt(max(1 - 2 * kT, 0.0))
        lines.append(
            f"R9, T = {kT:<4g}  mode at x = {result.modes[kT]:8.5f}  exact {exact:8.5f}"
            + ("  (a maximum of f)" if exact == 0 else "")
        )
    lines += [_short(code, verdict) for code, verdict in result.verdicts.items()]
    return "\n".join(lines)


def _short(code, verdict):
    """One line of a verdict."""
    numbers = verdict.numbers
    return (
        f"{code}: rms(Phi - f) = {numbers['rms']:.1e}, of the size of the error of the grid, "
        f"{verdict.error:.1e}; EP {numbers['entropy production']:.3g}"
    )


def figure(result):
    """The table, and the densities of R9 over its loss."""
    sheet = canvas(13, 5.2)
    left, right = sheet.subplots(1, 2, width_ratios=[1.55, 1])
    words = {True: "≠ 0", False: "0", None: "?"}
    rows = [
        {
            "code": row.code, "noise": row.diffusion, "max|Φ − f|": row.difference,
            "exact": words[row.expected[0]], "entropy prod.": row.entropy_production,
            "exact ": words[row.expected[1]], "agrees": row.found == row.expected,
        }
        for row in result.rows
    ]  # fmt: skip
    draw_table(rows, left, fontsize=8)
    left.set_title("Φ = f if and only if D is isotropic?")
    x = next(iter(result.states.values())).grid.centers[0]
    for k, kT in enumerate(DRAWN):
        rho = result.states[kT].rho
        right.plot(x, rho, color=f"C{k}", label=f"T = {kT:g}")
        mode = result.modes[kT]
        height = np.interp([-mode, mode], x, rho)
        right.plot([-mode, mode], height, "o", color=f"C{k}", ms=5)
    loss = right.twinx()
    right.set_zorder(loss.get_zorder() + 1)  # curves and legend are drawn over the loss
    right.patch.set_visible(False)
    loss.plot(x, (x**2 - 1) ** 2 / 4, "k:", lw=1)
    loss.set(ylim=(0, 1.6), ylabel="f (dotted)")
    right.set(xlim=(-2.4, 2.4), ylim=(0, None), xlabel="x", ylabel="$\\rho_{ss}$, D = 1 + x²")
    right.set_title("R9: the most likely points meet at the maximum of f")
    right.legend(fontsize="small", loc="upper left")
    return sheet
