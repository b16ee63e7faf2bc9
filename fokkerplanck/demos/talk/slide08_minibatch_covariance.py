"""Slide 8: the variance of a minibatch gradient, over all minibatches there are.

Six rows of a linear regression have few enough batches to list every one. With replacement the
covariance of grad f_b is D/b, without it is (D/b)(1 - b/N) N/(N - 1), with
D = (1/N) sum_k grad f_k grad f_k^T - grad f grad f^T.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from fokkerplanck import zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas
from fokkerplanck.sgd.models import LeastSquares

SLIDE = Slide(
    8,
    "A continuous-time view of SGD: diffusion matrix and temperature",
    "D(x) is the variance of mini-batch gradients (D/b for batches of b), and the temperature "
    "β⁻¹ = η/2b is the “ratio of learning rate and step-size”.",
)
QUICK = {"largest": 4}
POINTS = np.array([[0.6, -0.4], [8 / 55, -2 / 55], [-0.8, 1.1]])


@dataclass(frozen=True, eq=False)
class Result:
    """Batch gradients at the points, and how their covariances compare."""

    D: np.ndarray  # (points, 2, 2)
    batches: dict[tuple[str, int], int]
    covariances: dict[tuple[str, int], np.ndarray]
    gradients: dict[int, np.ndarray]  # at the first point, with replacement
    n: int

    def share(self, kind, b):
        """What the covariance should be, over D."""
        return 1 / b if kind == "with" else (1 - b / self.n) * self.n / (self.n - 1) / b

    def error(self, kind, b):
        """Largest deviation from that, relative to D."""
        off = np.abs(self.covariances[kind, b] - self.share(kind, b) * self.D)
        return float(off.max() / np.abs(self.D).max())


def compute(largest=6, seed=0, progress=False) -> Result:
    """Gradients of every batch of up to `largest` rows, in order, with and without repetition."""
    exact = zoo.linear_regression_sgd()
    model = LeastSquares(exact.data["rows"], exact.data["targets"])
    each = model.grad_losses(POINTS.T)  # (N, 2, points)
    n = len(each)
    D = np.moveaxis(exact.D(*POINTS.T), -1, 0)
    batches, covariances, gradients = {}, {}, {}
    for b in range(1, largest + 1):
        for kind in ("with", "without"):
            rows = (
                itertools.product(range(n), repeat=b) if kind == "with"
                else itertools.permutations(range(n), b)
            )  # fmt: skip
            mean = each[np.array(list(rows))].mean(axis=1)  # (batches, 2, points)
            z = mean - mean.mean(axis=0)
            covariances[kind, b] = np.einsum("aip,akp->pik", z, z) / len(z)
            batches[kind, b] = len(z)
            if kind == "with":
                gradients[b] = mean[..., 0]
    return Result(D, batches, covariances, gradients, n)


def finding(result) -> Finding:
    """Exact, once the word is read as batch size."""
    worst = max(result.error(*key) for key in result.batches)
    return Finding(
        "holds",
        f"over all batches (up to {max(result.batches.values())} of them) the covariance is D/b to "
        f"rounding ({worst:.0e}); drawn without replacement it is (1 − b/N) N/(N − 1) of that. "
        "“Step-size” has to be read as batch size b: one step adds η² D/b = 2 kT η D.",
    )


def table(result) -> str:
    """Covariances by the size of the batch."""
    rows, whole = [], np.trace(result.D[0])
    for (kind, b), count in result.batches.items():
        trace = np.trace(result.covariances[kind, b][0])
        rows.append(
            (f"b = {b}, {kind} replacement, {count} batches", f"{trace:.8f}",
             f"tr D × {result.share(kind, b):.6f}: {whole * result.share(kind, b):.8f}")
        )  # fmt: skip
    rows.append(
        ("largest relative deviation, three points",
         f"{max(result.error(*key) for key in result.batches):.0e}", "rounding")
    )  # fmt: skip
    return aligned(rows)


def figure(result):
    """Gradients of all batches with their ellipses; trace of the covariance against b."""
    sheet = canvas(10.5, 4.4)
    left, right = sheet.subplots(1, 2)
    sizes = [b for b in (1, 2, 3) if b in result.gradients]
    angle = np.linspace(0, 2 * np.pi, 200)
    for color, b in enumerate(sizes):
        g = result.gradients[b]
        mean = g.mean(axis=0)
        left.plot(*g.T, "o", ms=9 - 2.2 * b, color=f"C{color}", alpha=0.75, label=f"b = {b}")
        factor = np.linalg.cholesky(result.D[0] / b)
        left.plot(
            *(mean[:, None] + 2 * factor @ np.stack([np.cos(angle), np.sin(angle)])),
            color=f"C{color}", lw=1.4,
        )  # fmt: skip
    left.plot(*mean, "k*", ms=12, label="grad f", zorder=5)
    left.set(xlabel="first component of ∇$f_b$", ylabel="second component", aspect="equal")
    left.set_title("gradients of all batches; two deviations of D/b")
    left.legend(fontsize="small", loc="lower right")
    batch = np.array(sorted({key[1] for key in result.batches}))
    fine = np.linspace(1, batch[-1], 200)
    scale = np.trace(result.D[0])
    for color, kind in enumerate(("with", "without")):
        trace = [np.trace(result.covariances[kind, k][0]) / scale for k in batch]
        right.plot(fine, [result.share(kind, u) for u in fine], color=f"C{color}", lw=1)
        right.plot(
            batch, trace, "os"[color], color=f"C{color}", label=f"{kind} replacement, all batches"
        )
    right.set(xlabel="batch size b", ylabel="tr cov(∇$f_b$) / tr D", ylim=(-0.03, 1.05))
    right.set_title("lines: 1/b, and (1 − b/N) N/(N − 1) / b with N = 6")
    right.legend(fontsize="small")
    return sheet
