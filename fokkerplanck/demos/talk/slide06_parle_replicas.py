"""Slide 6: Parle, replicas on springs, and what each of them and their centre see.

Two replicas with noise T in F = f(x1) + f(x2) + (x1 - x2)^2/(2r): the steady state of x1 alone has
the potential f + T (beta f)_gamma, gamma = r T: the loss plus its local entropy. With springs to a
centre x instead, F = sum_a f(x_a) + (x_a - x)^2/(2r), the centre of two sees 2 T (beta f)_gamma and
no loss at all. Both are identities, found here from steady states in two and three dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.domain.grid import Grid
from fokkerplanck.equation.problem import Problem
from fokkerplanck.plot import canvas, colorbar, density, line
from fokkerplanck.steady import SteadyState, steady_state

SLIDE = Slide(
    6,
    "Parle: parallelization of SGD",
    "replicas of SGD on springs reach better networks, on CIFAR-10 and on a quarter of it.",
)
QUICK = {"n": 160, "n_space": 32}
SPRING, BOX = 0.2, (-3.5, 5.0)
SEEN = 12.0  # potentials are compared up to this height above their minimum


@dataclass(frozen=True, eq=False)
class Result:
    """Steady states of two replicas and of two with their centre; potentials and errors."""

    pair: SteadyState
    line: Grid
    marginal: np.ndarray  # potential of x1, least value 0
    expected: np.ndarray
    error: float
    centre_error: float
    share: dict[str, float]  # of the wide well, x > 0


def compute(n=400, n_space=64, seed=0, progress=False) -> Result:
    """Two replicas on n x n cells; with their centre, on a smooth loss, on n_space^3."""
    sharp, tilted = _loss(0.0), _loss(SPRING)
    pair = steady_state(
        Problem(
            Grid([BOX] * 2, n), f=lambda x, y: sharp(x) + sharp(y) + (x - y) ** 2 / (2 * SPRING)
        )
    )
    line_grid = Grid([BOX], n)
    (x,) = line_grid.x
    rho = pair.rho @ np.asarray(pair.grid.widths[1])
    marginal = -np.log(rho)
    marginal -= marginal.min()
    expected = sharp(x) + tilted(x)
    expected -= expected.min()
    seen = expected < SEEN
    gibbs = np.exp(-sharp(x)) / line_grid.integrate(np.exp(-sharp(x)))
    share = {
        "one": float(line_grid.integrate(gibbs * (x > 0))),
        "two": float(line_grid.integrate(rho * (x > 0))),
    }
    error = float(np.abs(marginal - expected)[seen].max())
    return Result(pair, line_grid, marginal, expected, error, _centre(n_space), share)


def _loss(gamma):
    """Loss with a sharp and a wide well, smoothed."""
    return zoo.local_entropy(gamma).f


def _centre(n):
    """Largest error of the potential of the centre of two replicas in a tilted double well."""

    def f(x):
        return (x**2 - 1) ** 2 / 2 + x / 4

    grid = Grid([(-3, 3)] * 3, n)
    state = steady_state(
        Problem(grid, f=lambda x, y, c: f(x) + f(y) + ((x - c) ** 2 + (y - c) ** 2) / (2 * SPRING))
    )
    widths = [np.asarray(w) for w in grid.widths]
    found = -np.log(np.einsum("ijk,i,j->k", state.rho, widths[0], widths[1]))
    # Local entropy by Gauss quadrature, independent of the grid.
    node, weight = np.polynomial.legendre.leggauss(400)
    y, c = 5 * node, grid.centers[2]
    kernel = np.exp(-((c[:, None] - y) ** 2) / (2 * SPRING) - f(y))
    expected = -2 * np.log(kernel @ weight)
    found, expected = found - found.min(), expected - expected.min()
    return float(np.abs(found - expected)[expected < SEEN].max())


def finding(result) -> Finding:
    """An exact identity; the curves are out of reach."""
    return Finding(
        "shown",
        f"two replicas on a spring see the loss plus its local entropy (identity, to "
        f"{result.error:.0e}), and put {result.share['two']:.0%} of their mass into the wide well, "
        f"one alone {result.share['one']:.0%}. The networks and curves of the slide cannot be "
        "reproduced here.",
    )


def table(result) -> str:
    """Errors of the identities, masses."""
    return aligned(
        [
            ("strength of the spring r", f"{SPRING:g}", "T = 1, so γ = r T = 0.2"),
            ("potential of x1 - f - T(βf)_γ", f"{result.error:.1e}",
             f"largest, two replicas on {result.line.size}² cells; identity"),
            ("potential of the centre - 2T(βf)_γ", f"{result.centre_error:.1e}",
             "largest, with a centre, in 3D; identity"),
            ("mass in the wide well, one", f"{result.share['one']:.4f}", "Gibbs, e^-f"),
            ("mass in the wide well, two", f"{result.share['two']:.4f}", "replicas on a spring"),
        ]
    )  # fmt: skip


def figure(result):
    """Density of the pair; potentials."""
    sheet = canvas(9, 3.8)
    left, right = sheet.subplots(1, 2, width_ratios=[1, 1.3])
    cloud = density(result.pair.grid, result.pair.rho, left, top=0.3 * result.pair.rho.max())
    colorbar(cloud, "density", extend="max")
    left.set(xlabel="replica x₁", ylabel="replica x₂", xlim=(-2, 2.5), ylim=(-2, 2.5))
    left.set_title("two replicas on a spring")
    f = _loss(0.0)(result.line.x[0])
    line(result.line, f, right, color="0.6", label="f, one replica")
    line(result.line, result.marginal, right, color="C0", lw=3, label="−T log ρ₁ of the pair")
    line(
        result.line,
        result.expected,
        right,
        color="C1",
        ls="--",
        label=r"$f + T(\beta f)_\gamma,\ \gamma = rT$",
    )
    right.set(xlim=(-2, 2.5), ylim=(-0.2, 6), ylabel="potential, least value 0")
    right.set_title("what a replica sees")
    right.legend(fontsize="small", loc="upper right")
    return sheet
