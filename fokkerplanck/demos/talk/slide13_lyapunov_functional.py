"""Slide 13: Theorem 5 on every reference problem, whether div j = 0 or not.

For each, a density off the middle of the box relaxes; F = kT KL(rho|rho_ss) against the discrete
steady state, evaluated without cancellation, falls at every output until it is rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.plot import canvas
from fokkerplanck.theorems import assumption_4, h_theorem
from fokkerplanck.theorems.flow import relax
from fokkerplanck.theorems.start import away
from fokkerplanck.theorems.study import Study

SLIDE = Slide(
    13,
    "SGD performs variational inference",
    "F = E Phi - H/beta = KL(rho, rho_ss)/beta decreases monotonically along the Fokker-Planck "
    "equation (Theorem 5, proved under Assumption 4, div j = 0).",
)
QUICK = {"n": 20, "n_space": 6}
DRAWN = ("R2", "E1", "E2", "E3", "R10", "R16", "R23", "R24", "R26")


@dataclass(frozen=True, eq=False)
class Row:
    """One problem: F at both ends, outputs, rises beyond rounding, and what circulates."""

    code: str
    name: str
    start: float
    end: float
    outputs: int
    rise: float
    verdict: str
    rms_div_j: float
    error: float | None  # of it, estimated; None where div j is known
    gibbsian: bool | None
    production: float


@dataclass(frozen=True, eq=False)
class Result:
    """Rows, and the runs that are drawn."""

    rows: tuple[Row, ...]
    runs: dict[str, Solution]


def compute(n=48, n_space=14, seed=0, progress=False) -> Result:
    """Relax on every problem of the zoo that has a steady state in its box."""
    rows, runs = [], {}
    for code, exact in zoo.catalogue().items():
        if code.startswith("W") or exact.build(8).grid.has_absorbing_sides:
            continue
        study = Study(exact.build({1: 4 * n, 2: n, 3: n_space}[exact.dim]))
        verdict = h_theorem(study)
        numbers = verdict.numbers
        if code in DRAWN:
            runs[code] = relax(study, away(study))
        rms, error, gibbsian = _divergence(exact, study)
        rows.append(
            Row(code, exact.name, numbers["F at the start"] * exact.beta,
                numbers["F at the end"] * exact.beta, int(numbers["outputs"]),
                verdict.comparisons[0].gap, verdict.outcome, rms, error, gibbsian,
                study.steady.entropy_production)
        )  # fmt: skip
    return Result(tuple(rows), runs)


def _divergence(exact, study):
    """Rms of div j, its error, and whether div j = 0 (None: open).

    From the closed form where there is one, else measured: coarse grids show a div j of their own.
    """
    if exact.div_j is not None:
        values = exact.div_j(*study.grid.x)
        rms = float(np.sqrt(study.grid.integrate(study.steady.rho * values**2)))
        return rms, None, bool(np.abs(values).max() < 1e-12)
    verdict = assumption_4(study)
    outcome = {"holds": True, "fails": False}.get(verdict.outcome)
    return verdict.left, verdict.error, outcome


def finding(result) -> Finding:
    """Monotone everywhere."""
    violated = [row for row in result.rows if row.gibbsian is False]
    held = [row for row in result.rows if row.verdict == "holds"]
    return Finding(
        "holds",
        f"F falls monotonically, to rounding, on {len(held)} of {len(result.rows)} problems, also "
        f"on the {len(violated)} where div j is not zero (rms up to "
        f"{max(row.rms_div_j for row in violated):.2g}): Assumption 4 is not needed.",
    )


def table(result) -> str:
    """One line a problem."""
    head = ("code", "problem", "KL start", "KL end", "rises", "rms div j", "error", "div j = 0",
            "EP")  # fmt: skip
    words = {True: "yes", False: "no", None: "?"}
    lines = [head]
    for row in result.rows:
        rises = "none" if row.verdict == "holds" else f"{row.rise:.0e}"
        lines.append(
            (row.code, row.name, f"{row.start:.3g}", f"{row.end:.0e}", rises,
             f"{row.rms_div_j:.1e}", _error(row),
             words[row.gibbsian], f"{row.production:.3g}")
        )  # fmt: skip
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join(
        "  ".join(
            f"{a:<{w}}" if k < 2 else f"{a:>{w}}"
            for k, (a, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _error(row):
    """Error of the rms of div j in words: none, estimated, or not to be estimated on such grids."""
    if row.error is None:
        return "exact"
    return f"{row.error:.0e}" if np.isfinite(row.error) else "?"


def figure(result):
    """KL against time for a few problems, with and without div j = 0."""
    sheet = canvas(10.5, 4.2)
    axes = sheet.subplots(1, 2, sharey=True)
    gibbsian = {row.code: row.gibbsian for row in result.rows}
    names = {row.code: row.name.replace("_", " ") for row in result.rows}
    for code, run in result.runs.items():
        ax = axes[1] if gibbsian[code] is False else axes[0]
        KL = np.maximum(run.free_energy * run.beta, 1e-31)
        ax.loglog(run.t[1:], KL[1:], ".-", ms=4, label=f"{code} {names[code]}")
    for ax, title in zip(axes, ("div j = 0", "div j ≠ 0: the same"), strict=True):
        ax.axhline(1e-28, color="0.6", ls=":")
        ax.set(xlabel="t", title=title, ylim=(1e-31, 1e3))
        ax.legend(fontsize="small", loc="lower left")
    axes[0].set_ylabel("KL(ρ | $\\rho_{ss}$)")
    return sheet
