r"""How a noisy system leaves a well: passage times, committors, the reactive current.

Claims: (a) in the double well (x^2 - 1)^2/4 the mean time from -1 to 1 is 19.09389700, 66.26862636,
729.6706919, 102108.3655 at beta = 5, 10, 20, 40, and its ratio to Kramers' 1/k tends to 1.
(b) In the plane, Phi = (x^2 - 1)^2/4 + y^2/2 stirred by j = lambda (-y, x^3 - x): the backward
committor is 1 - q+ only without stirring; stirred paths go from A to B by another way than back,
and more often. The reactive flux is the same through every line between the sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sets, zoo
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.plot import canvas, colorbar, reactive
from fokkerplanck.plot import committor as draw_committor
from fokkerplanck.rates import Committor, committor, eyring_kramers, mfpt

TITLE = "Escape from a well: passage times, committors and the reactive current"
QUICK = {"n": 48, "cells": 210}
BETAS, KT, STIRRING = (5, 10, 20, 40), 0.15, (0.0, 0.6)
RADIUS = 0.35


@dataclass(frozen=True, eq=False)
class Result:
    """Passage times on a line on two grids, by beta; transition paths in the plane, by lambda.

    Attributes
    ----------
    coarse, fine, exact, kramers : arrays (4,)
        Times on n and 2n cells, by quadrature, and 1/k.
    paths : dict of Committor
    """

    coarse: np.ndarray
    fine: np.ndarray
    exact: np.ndarray
    kramers: np.ndarray
    paths: dict[float, Committor]


def compute(n=128, cells=840, seed=0, progress=False) -> Result:
    """Passage times on a line of so many cells, transition paths on n x n cells."""
    wells = [zoo.kramers_well(kT=1 / beta) for beta in BETAS]
    times = [[_time(well, k) for well in wells] for k in (cells, 2 * cells)]
    rates = [eyring_kramers(2.0, -1.0, -1.0, 0.25, beta) for beta in BETAS]
    paths = {}
    for lam in STIRRING:
        problem = _stirred(lam, n)
        A, B = (sets.ball((s, 0), RADIUS) for s in (-1, 1))
        paths[lam] = committor(problem, A, B)
    exact = np.array([well.moments["mfpt"] for well in wells])
    coarse, fine = np.array(times)
    return Result(coarse, fine, exact, 1 / np.array(rates), paths)


def _time(well, n):
    """Mean time from -1 to 1; the set begins on a face of the grid."""
    problem = Problem(Grid([(-3, 1.2)], n), f=well.f, grad_f=well.g, kT=well.kT)
    return mfpt(problem, sets.half_space(1, 1)).at(-1)


def _stirred(lam, n):
    """Two wells in the plane, stirred along the contours of Phi (Example E2)."""
    return zoo.repaired_example(lam, kT=KT).boxed([(-2, 2), (-1.8, 1.8)]).build(n)


def _order(result):
    """Observed orders of the times."""
    far, near = abs(result.coarse - result.exact), abs(result.fine - result.exact)
    return np.log2(far / near)


def table(result) -> str:
    """All figures as text."""
    rows = []
    for k, beta in enumerate(BETAS):
        rows.append(
            (f"time from -1 to 1, beta = {beta}", f"{result.fine[k]:.9g}",
             f"exact {result.exact[k]:.10g}, order {_order(result)[k]:.2f}, "
             f"times Kramers' rate {result.fine[k] / result.kramers[k]:.4f}")
        )  # fmt: skip
    for lam, paths in result.paths.items():
        off = np.abs(paths.forward + paths.backward - 1).max()
        cuts = [paths.flux_through(_left_of(c)) for c in (-0.5, 0.0, 0.4)]
        spread = max(abs(cut / paths.flux - 1) for cut in cuts)
        rows += [
            (f"stirring {lam:g}: largest |q+ + q- - 1|", f"{off:.2g}",
             "0 in detailed balance, and only then"),
            (f"stirring {lam:g}: rate from A to B", f"{paths.rate:.6g}",
             f"{paths.flux:.5g} transitions a unit of time, {paths.mean_duration:.3g} long"),
            (f"stirring {lam:g}: flux through three lines", f"{spread:.0e}",
             "largest relative difference"),
        ]  # fmt: skip
    return aligned(rows)


def _left_of(c):
    """Half-plane x < c."""
    return lambda x, y: x < c


def figure(result):
    """Kramers' plot; for both stirrings the committor and the reactive current."""
    sheet = canvas(12, 6.4)
    grid = sheet.add_gridspec(2, 3, width_ratios=[1.05, 1, 1])
    arrhenius, ratio = (sheet.add_subplot(grid[k, 0]) for k in (0, 1))
    arrhenius.semilogy(BETAS, result.exact, "k", lw=1, label="exact")
    arrhenius.semilogy(BETAS, result.fine, "o", color="C0", label="on the grid")
    arrhenius.semilogy(BETAS, result.kramers, "C3--", lw=1, label="Kramers' 1/k")
    arrhenius.set(xlabel="β", ylabel="mean time from −1 to 1", title="escape over a barrier of 1/4")
    arrhenius.legend(fontsize="small")
    ratio.plot(BETAS, result.fine / result.kramers, "o-", color="C0")
    ratio.axhline(1, color="0.6", lw=1, ls=":")
    ratio.set(xlabel="β", ylabel="time × Kramers' rate", title="tends to one, slowly")
    ratio.set_ylim(0.98, 1.28)
    for row, (lam, paths) in enumerate(result.paths.items()):
        left, right = (sheet.add_subplot(grid[row, k]) for k in (1, 2))
        name = f"stirred, λ = {lam:g}" if lam else "detailed balance"
        bands = draw_committor(paths, left)
        colorbar(bands, "q⁺", left)
        left.set_title(f"{name}: forward committor")
        lines = reactive(paths, right, spacing=1.4)
        colorbar(lines.lines, "|reactive current|", right)
        right.set_title("reactive density, current")
    return sheet
