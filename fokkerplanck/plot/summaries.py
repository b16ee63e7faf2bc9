"""What notebooks show of each kind of object: rows of its card and its picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fokkerplanck.domain.ensembles import Ensemble
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.evolution.solution import Solution
from fokkerplanck.modes import QuasiStationary, Spectrum
from fokkerplanck.plot import thumbnails
from fokkerplanck.plot.cards import Card, Row, card_of, html_of
from fokkerplanck.plot.modes import spectrum as draw_spectrum
from fokkerplanck.rates import Committor, ExitProbabilities, PassageTimes
from fokkerplanck.sgd import Swarm
from fokkerplanck.steady.state import SteadyState
from fokkerplanck.studies import Fit, Sweep
from fokkerplanck.theorems import Verdict, Verdicts
from fokkerplanck.theorems.verdict import show
from fokkerplanck.transport import Transport

__all__ = ["html_of"]

#: Bars in the picture of verdicts, at most: more cannot be read.
BARS = 14


def _grid_rows(grid: Grid) -> list[Row]:
    """Where something lives."""
    return [("grid", lambda: f"{_by(grid.shape)} cells on {_box(grid)}")]


def _by(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def _box(grid: Grid) -> str:
    return " × ".join(f"[{lo:.6g}, {hi:.6g}]" for lo, hi in grid.box)


def _told(result: Any) -> list[Row]:
    """The message of a result, where it has one."""
    message = result.stats.get("message", "")
    return [("message", lambda: message)] if message else []


@card_of.register
def _(grid: Grid) -> Card:
    rows: list[Row] = []
    for k, (lo, hi) in enumerate(grid.box):
        rows.append((f"{'xyz'[k]}", lambda k=k, lo=lo, hi=hi: _axis(grid, k, lo, hi)))  # type: ignore[misc]
    rows.append(
        ("cells", lambda: f"{_by(grid.shape)} = {grid.size}" if grid.dim > 1 else grid.size)
    )
    title = f"Grid, {grid.dim}D, {grid.size} cells"
    return Card(title, rows, lambda s: thumbnails.grid(s, grid), thumbnails.size_of(grid))


def _axis(grid: Grid, k: int, lo: float, hi: float) -> str:
    """Length, cells and walls of an axis."""
    width = grid.widths[k]
    sizes = f"{width.min():.6g} to {width.max():.6g}" if grid.graded[k] else f"{width[0]:.6g}"
    ends = grid.sides[k]
    walls = ends[0] if ends[0] == ends[1] else f"{ends[0]} below, {ends[1]} above"
    return f"[{lo:.6g}, {hi:.6g}], {grid.shape[k]} cells of {sizes}, {walls}"


@card_of.register
def _(problem: Problem) -> Card:
    grid = problem.grid
    constant = "constant" if problem.D_constant else "varying"
    rows: list[Row] = [
        ("given", lambda: problem.given.force),
        ("D", lambda: f"{problem.D_kind}, {constant}"),
        ("kT = 1/β", lambda: problem.kT),
        *_grid_rows(grid),
        ("walls", lambda: "; ".join(sorted({word for pair in grid.sides for word in pair}))),
    ]
    if problem.walls or problem.inner_zeros:
        found = [wall.words for wall in problem.walls] + [z.words for z in problem.inner_zeros]
        rows.append(("where D vanishes", lambda: "; ".join(found)))
    title = f"Problem, {grid.dim}D"
    return Card(title, rows, lambda s: thumbnails.problem(s, problem), thumbnails.size_of(grid))


@card_of.register
def _(state: SteadyState) -> Card:
    grid = state.grid
    rows: list[Row] = [
        ("scheme", lambda: state.stats.scheme),
        ("residual", lambda: state.residual),
        ("detailed balance", lambda: bool(state.is_reversible())),
        ("entropy production, 1/time", lambda: state.entropy_production),
        ("mean place", lambda: state.mean()),
        ("kT = 1/β", lambda: state.problem.kT),
        *_grid_rows(grid),
        *_told(state),
    ]
    return Card(
        "Steady state", rows, lambda s: thumbnails.steady(s, state), thumbnails.size_of(grid)
    )


@card_of.register
def _(run: Solution) -> Card:
    grid = run.grid
    rows: list[Row] = [
        ("times", lambda: f"{len(run)}, from {run.t[0]:.6g} to {run.t[-1]:.6g}"),
        ("status", lambda: f"{run.status}: {run.message}" if run.message else run.status),
        ("mass", lambda: _from_to(run.mass)),
    ]
    if run.log_rho_inf is not None:
        rows.append(("free energy, units of f", lambda: _from_to(run.free_energy)))
    rows += [
        ("least density", lambda: run.min_rho.min()),
        ("method", lambda: str(run.stats["method"])),
        ("scheme", lambda: str(run.stats["scheme"])),
        *_grid_rows(grid),
        *_told(run),
    ]
    rows = [row for row in rows if row[0] not in ("method", "scheme") or row[0] in run.stats]
    size = (7.2, 2.2) if grid.dim == 2 else thumbnails.size_of(grid)
    return Card("Solution", rows, lambda s: thumbnails.solution(s, run), size)


def _from_to(values: Any) -> str:
    return f"{values[0]:.6g} to {values[-1]:.6g}"


@card_of.register
def _(modes: Spectrum) -> Card:
    kind = "detailed balance" if modes.is_reversible else "no detailed balance"
    columns = (modes.decay, modes.frequency, modes.period, modes.condition, modes.residuals)
    rows: list[Row] = [
        (str(k), lambda k=k: tuple(float(u[k]) for u in columns))  # type: ignore[misc]
        for k in range(len(modes))
    ]
    heading = ("mode", "decay, 1/time", "frequency", "period", "condition", "residual")
    title = f"Spectrum, {len(modes)} modes, {kind}"

    def draw(sheet: Figure) -> None:
        draw_spectrum(modes, sheet.subplots())

    return Card(title, rows, draw, (3.8, 2.7), heading)


@card_of.register
def _(verdict: Verdict) -> Card:
    rows: list[Row] = [
        ("statement", lambda: verdict.statement),
        ("outcome", lambda: verdict.outcome),
        ("kind", lambda: "theorem" if verdict.is_theorem else "claim"),
    ]
    if verdict.left_name and verdict.outcome != "not applicable":
        rows.append((verdict.left_name, lambda: verdict.left))
        if verdict.right_name:
            rows.append((verdict.right_name, lambda: verdict.right))
        rows += [
            ("gap", lambda: verdict.gap),
            ("error of the grid", lambda: verdict.error),
            ("rounding", lambda: verdict.rounding),
        ]
    for h in verdict.hypotheses:
        known = {True: "holds", False: "does not hold", None: "not known"}[h.holds]
        value = "" if h.measured is None else f" ({show(h.measured)})"
        rows.append((f"if {h.text}", lambda text=known + value: text))  # type: ignore[misc]
    if verdict.remark:
        rows.append(("remark", lambda: verdict.remark))
    rows.append(("reference", lambda: verdict.reference))
    sides = [(c.left_name, c) for c in verdict.comparisons][:BARS]
    title = f"Verdict: {verdict.name} {verdict.outcome}"
    if not sides:
        return Card(title, rows)
    size = (4.6, 1.0 + 0.26 * len(sides))
    return Card(title, rows, lambda s: thumbnails.comparisons(s, sides), size)


@card_of.register
def _(verdicts: Verdicts) -> Card:
    rows: list[Row] = [(v.name, lambda v=v: _verdict_row(v)) for v in verdicts]  # type: ignore[misc]
    told = [(v.name, v) for v in verdicts if v.outcome != "not applicable"][:BARS]
    title = "Verdicts" + (f": {verdicts.title}" if verdicts.title else "")
    heading = ("statement", "kind", "outcome", "left", "right", "gap", "error")
    if not told:
        return Card(title, rows, heading=heading)
    size = (4.6, 1.0 + 0.26 * len(told))
    return Card(title, rows, lambda s: thumbnails.comparisons(s, told), size, heading)


def _verdict_row(v: Verdict) -> tuple[Any, ...]:
    """Columns of one verdict."""
    kind = "theorem" if v.is_theorem else "claim"
    if v.outcome == "not applicable":
        return kind, v.outcome, "", "", "", ""
    return kind, v.outcome, v.left, v.right if v.right_name else "", v.gap, v.error


@card_of.register
def _(transport: Transport) -> Card:
    grid = transport.grid
    rows: list[Row] = [
        ("distance W₂, length", lambda: transport.distance),
        ("cost W₂², length²", lambda: transport.cost),
        ("error of the cost", lambda: transport.error),
        ("way", lambda: _way(transport)),
        *_grid_rows(grid),
        *_told(transport),
    ]
    size = thumbnails.size_of(grid)
    return Card("Transport", rows, lambda s: thumbnails.transport(s, transport), size)


def _way(transport: Transport) -> str:
    """How it was found."""
    if transport.line is not None:
        return "quantiles, exact"
    return "linear program, exact" if transport.plan is not None else "entropic, extrapolated"


@card_of.register
def _(particles: Ensemble) -> Card:
    rows: list[Row] = [
        ("particles", lambda: particles.n_particles),
        ("dimension", lambda: particles.points.shape[1]),
        ("snapshots", lambda: particles.samples.shape[0]),
        ("mean", lambda: particles.mean),
        ("standard error", lambda: particles.mean_error),
        ("standard deviation", lambda: np.sqrt(np.diagonal(particles.cov))),
    ]
    if isinstance(particles, Swarm):
        batch = f"{particles.b}, {particles.sampling}"
        rows += [
            ("learning rate η", lambda: particles.eta),
            ("batch", lambda: batch),
            ("steps", lambda: particles.steps),
            ("momentum", lambda: particles.momentum),
            ("seed", lambda: particles.seed),
        ]
    title = type(particles).__name__
    return Card(title, rows, lambda s: thumbnails.ensemble(s, particles), (3.4, 2.7))


@card_of.register
def _(state: QuasiStationary) -> Card:
    grid = state.grid
    rows: list[Row] = [
        ("decay rate, 1/time", lambda: state.decay_rate),
        ("mean exit time", lambda: state.mean_exit_time),
        ("bounds of the rate", lambda: np.array(state.decay_rate_bounds)),
        ("residual", lambda: state.residual),
        *_grid_rows(grid),
        *_told(state),
    ]
    size = thumbnails.size_of(grid)
    return Card(
        "Quasi-stationary state", rows, lambda s: thumbnails.field(s, grid, state.rho), size
    )


@card_of.register
def _(times: PassageTimes) -> Card:
    grid = times.grid
    rows: list[Row] = [
        ("longest mean time", lambda: times.mean.max()),
        ("target", lambda: f"{np.count_nonzero(times.target)} of {grid.size} cells"),
        ("residual", lambda: times.residual),
        *_grid_rows(grid),
        *_told(times),
    ]
    size = thumbnails.size_of(grid)
    name = "mean time"
    return Card("Passage times", rows, lambda s: thumbnails.chance(s, grid, times.mean, name), size)


@card_of.register
def _(paths: Committor) -> Card:
    grid = paths.grid
    rows: list[Row] = [
        ("rate A to B, 1/time", lambda: paths.rate),
        ("rate B to A, 1/time", lambda: paths.rate_back),
        ("flux, 1/time", lambda: paths.flux),
        ("mean time on the way", lambda: paths.mean_duration),
        ("residual", lambda: paths.residual),
        *_grid_rows(grid),
        *_told(paths),
    ]
    size = thumbnails.size_of(grid)
    name = "chance of B before A"
    return Card("Committor", rows, lambda s: thumbnails.chance(s, grid, paths.forward, name), size)


@card_of.register
def _(exits: ExitProbabilities) -> Card:
    grid = exits.grid
    rows: list[Row] = [
        ("sets", lambda: len(exits.probability)),
        ("residual", lambda: exits.residual),
        *_grid_rows(grid),
        *_told(exits),
    ]
    size, first = thumbnails.size_of(grid), exits.probability[0]
    name = "chance of the first set"
    return Card("Exit probabilities", rows, lambda s: thumbnails.chance(s, grid, first, name), size)


@card_of.register
def _(fit: Fit) -> Card:
    rows: list[Row] = [
        (name, lambda name=name: (fit.parameters[name], fit.standard_errors[name]))  # type: ignore[misc]
        for name in fit.parameters
    ]
    rows += [
        ("log-likelihood", lambda: fit.log_likelihood),
        ("message", lambda: fit.message),
        ("steady states", lambda: fit.evaluations),
    ]

    def draw(sheet: Figure) -> None:
        thumbnails.field(sheet, fit.state.grid, fit.state.rho, "ρ at the estimates")

    heading = ("parameter", "estimate", "standard error")
    return Card("Fit", rows, draw, heading=heading)


@card_of.register
def _(sweep: Sweep) -> Card:
    rows: list[Row] = [
        (name, lambda v=values: f"{len(v)} from {np.min(v):.6g} to {np.max(v):.6g}")  # type: ignore[misc]
        for name, values in sweep.parameters.items()
    ]
    rows += [("pairing", lambda: sweep.pairing), ("points", lambda: sweep.summary)]
    return Card("Sweep", rows)
