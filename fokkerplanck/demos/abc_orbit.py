r"""In three dimensions orbits of j need not close, although div j = 0 and j is along level sets.

Claim: on the torus with D = 1 and the drift of Arnold, Beltrami and Childress,
j = (A sin z + C cos y, B sin x + A cos z, C sin y + B cos x), the steady state is uniform, Phi is
constant, div j = 0 and j . grad Phi = 0: all that makes orbits of j close in two dimensions holds.
But the orbit from (0.1, 0.2, 3) is chaotic, with a Lyapunov exponent of about 0.07; elsewhere
orbits wind around tori.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from tqdm import tqdm

from fokkerplanck import plot, zoo
from fokkerplanck.demos.text import aligned
from fokkerplanck.steady import SteadyState, steady_state

TITLE = "Orbits of the ABC flow: div j = 0, Phi constant, and chaos"
QUICK = {"end": 100.0, "orbits": 8, "n": 8}
START, AMPLITUDES = (0.1, 0.2, 3.0), (1.0, (2 / 3) ** 0.5, (1 / 3) ** 0.5)
SPAN = 10.0  # time between two rescalings of tangent vectors
STEP = 0.1  # time between two points that are kept
CHAOTIC = 0.02  # orbits whose exponent exceeds this at the end are called chaotic
DRAWN = 100.0


@dataclass(frozen=True, eq=False)
class Result:
    """Steady state, one orbit, running exponents of all, crossings of z = 0."""

    steady: SteadyState
    t: np.ndarray
    orbit: np.ndarray  # (n_t, 3), of the first start
    ends: np.ndarray
    exponents: np.ndarray  # (ends, orbits)
    crossings: np.ndarray  # (m, 2), x and y where orbits cross z = 0
    owners: np.ndarray  # (m,), which orbit

    @property
    def is_chaotic(self):
        """Flags of the orbits."""
        return self.exponents[-1] > CHAOTIC


def rate(t, p):
    """Velocity and the rate of a tangent vector, of m orbits: p holds x, y, z, u, v, w of each."""
    A, B, C = AMPLITUDES
    x, y, z, u, v, w = p.reshape(6, -1)
    sx, cx, sy, cy, sz, cz = np.sin(x), np.cos(x), np.sin(y), np.cos(y), np.sin(z), np.cos(z)
    return np.concatenate(
        [
            A * sz + C * cy, B * sx + A * cz, C * sy + B * cx,
            A * cz * w - C * sy * v, B * cx * u - A * sz * w, C * cy * v - B * sx * u,
        ]
    )  # fmt: skip


def compute(end=2000.0, orbits=48, n=16, seed=0, progress=False) -> Result:
    """Follow orbits with tangent vectors by DOP853; the steady state on n^3 cells."""
    steady = steady_state(zoo.abc_flow(*AMPLITUDES).build(n))
    starts = np.random.default_rng(seed).uniform(0, 2 * np.pi, (orbits, 3))
    starts[0] = START
    x, tangent = starts.T, np.full((3, orbits), 3**-0.5)
    logs, spans = np.zeros(orbits), round(end / SPAN)
    t, orbit, exponents, crossings, owners = [0.0], [starts[0]], [], [], []
    within = np.linspace(0, SPAN, round(SPAN / STEP) + 1)
    for k in tqdm(range(spans), desc="orbits", disable=not progress, leave=False):
        run = solve_ivp(
            rate, (0, SPAN), np.concatenate([x.ravel(), tangent.ravel()]), "DOP853", within,
            rtol=1e-9, atol=1e-9,
        )  # fmt: skip
        path = run.y.reshape(6, orbits, -1)
        where, owner = _crossings(path)
        crossings.append(where)
        owners.append(owner)
        t += (k * SPAN + within[1:]).tolist()
        orbit += list(path[:3, 0, 1:].T)
        x, tangent = path[:3, :, -1], path[3:, :, -1]
        size = np.linalg.norm(tangent, axis=0)
        tangent, logs = tangent / size, logs + np.log(size)
        exponents.append(logs / ((k + 1) * SPAN))
    return Result(
        steady, np.array(t), np.array(orbit), SPAN * np.arange(1, spans + 1), np.array(exponents),
        np.concatenate(crossings), np.concatenate(owners),
    )  # fmt: skip


def _crossings(path):
    """Points (m, 2) where z passes a multiple of 2 pi, and which orbit it is."""
    turns = np.floor(path[2] / (2 * np.pi))
    owner, k = np.nonzero(np.diff(turns, axis=1))
    p, goal = path[:, owner, k], 2 * np.pi * np.maximum(turns[owner, k], turns[owner, k + 1])
    step = STEP * (goal - p[2]) / (path[2, owner, k + 1] - p[2])
    # How long one step of the classical Runge-Kutta method must be to end on z = 2 pi k, by Newton.
    for _ in range(3):
        there = _step(p, step)
        step = step + (goal - there[2]) / rate(0, there.ravel()).reshape(6, -1)[2]
    return np.mod(_step(p, step)[:2].T, 2 * np.pi), owner


def _step(p, step):
    """One step of fourth order for points p (6, m)."""
    k1 = rate(0, p.ravel()).reshape(p.shape)
    k2 = rate(0, (p + step / 2 * k1).ravel()).reshape(p.shape)
    k3 = rate(0, (p + step / 2 * k2).ravel()).reshape(p.shape)
    k4 = rate(0, (p + step * k3).ravel()).reshape(p.shape)
    return p + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def table(result) -> str:
    """What is constant, and what is not."""
    steady = result.steady
    chaotic, last = result.is_chaotic, result.exponents[-1]
    rows = [
        ("Phi, largest minus least", f"{np.ptp(steady.Phi):.0e}", "steady state, exact 0"),
        ("div j, largest", f"{np.abs(steady.div_j).max():.0e}", "exact 0"),
        ("entropy production", f"{steady.entropy_production:.12f}", "exact A² + B² + C² = 2"),
        ("exponent of the orbit", f"{last[0]:.2f}",
         f"from (0.1, 0.2, 3) in t = {result.ends[-1]:.0f}; about 0.07"),
        ("chaotic orbits", f"{chaotic.sum()} of {chaotic.size}", f"exponent above {CHAOTIC:g}"),
    ]  # fmt: skip
    if chaotic.any():
        mean, error = last[chaotic].mean(), last[chaotic].std() / np.sqrt(chaotic.sum())
        remark = "standard error; orbits cling to tori at times"
        rows.append(("  mean of their exponents", f"{mean:.3f} ± {error:.3f}", remark))
    if not chaotic.all():
        rows.append(
            (
                "  largest of the others",
                f"{last[~chaotic].max():.3f}",
                "most fall as log(t)/t: tori",
            )
        )
    return aligned(rows)


def figure(result):
    """The orbit in space, the section z = 0, exponents against time."""
    sheet = plot.canvas(13, 4.2)
    space = sheet.add_subplot(1, 3, 1, projection="3d")
    grid, shown = result.steady.grid, result.t <= DRAWN
    artist = plot.orbit(result.t[shown], result.orbit[shown], space, grid=grid, linewidths=1)
    sheet.colorbar(artist, ax=space, label="t", shrink=0.6, pad=0.12)
    space.set_title(f"one orbit of j, t ≤ {result.t[shown][-1]:.0f}")
    section, curves = sheet.add_subplot(1, 3, 2), sheet.add_subplot(1, 3, 3)
    chaotic = result.is_chaotic
    mess = chaotic[result.owners]
    style: dict[str, Any] = {"s": 1.2, "linewidths": 0, "rasterized": True}
    section.scatter(*result.crossings[mess].T, color="k", **style)
    names = result.owners[~mess]
    x, y = result.crossings[~mess].T
    section.scatter(x, y, c=names % 10, cmap="tab10", **style)
    section.set(xlim=(0, 2 * np.pi), ylim=(0, 2 * np.pi), xlabel="x", ylabel="y", aspect="equal")
    section.set_title("where orbits cross z = 0")
    for k in np.flatnonzero(~chaotic):
        curves.loglog(result.ends, result.exponents[:, k], color="C0", lw=0.5)
    for k in np.flatnonzero(chaotic):
        curves.loglog(result.ends, result.exponents[:, k], color="0.6", lw=0.5)
    curves.loglog(result.ends, result.exponents[:, 0], "C3", label="from (0.1, 0.2, 3)")
    curves.axhline(0.07, color="k", ls="--", lw=0.8, label="0.07")
    curves.set(xlabel="t", ylabel="Lyapunov exponent up to t", ylim=(1e-3, 1))
    curves.set_title("chaos (grey) and tori (blue)")
    curves.legend(fontsize="small", loc="lower left")
    return sheet
