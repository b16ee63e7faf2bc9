"""Slide 3: eigenvalues of the Hessian of a trained network.

The talk shows a convolutional network on MNIST. Here a small network on Fisher's flowers, whose
Hessian is exact: the shape is the same, the numbers are those of another network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck.demos.talk.net import Net
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas

SLIDE = Slide(
    3,
    "Empirical evidence: wide minima",
    "at what an optimiser finds, most eigenvalues of the Hessian are near zero; the positive tail "
    "is long and the negative one short.",
)
QUICK = {"hidden": 8, "steps": 300}
FLAT = 0.01  # eigenvalues below this share of the largest count as flat


@dataclass(frozen=True, eq=False)
class Result:
    """Network, weights, eigenvalues of the Hessian by increasing value."""

    net: Net
    loss: float
    gradient: float
    eigenvalues: np.ndarray

    @property
    def flat(self) -> float:
        """Share of the eigenvalues below one percent of the largest, in modulus."""
        return float(np.mean(np.abs(self.eigenvalues) < FLAT * self.eigenvalues[-1]))


def compute(hidden=32, steps=1000, seed=0, progress=False) -> Result:
    """Train with Adam, take the Hessian."""
    net = Net(hidden)
    theta = net.trained(np.random.default_rng(seed), steps)
    gradient = float(np.linalg.norm(net.gradients(theta).mean(axis=0)))
    return Result(net, net.loss(theta), gradient, np.linalg.eigvalsh(net.hessian(theta)))


def finding(result) -> Finding:
    """Shape of the spectrum."""
    low, high = result.eigenvalues[[0, -1]]
    return Finding(
        "shown",
        f"{result.flat:.0%} of {result.net.d} eigenvalues are below {FLAT:.0%} of the largest, "
        f"{high:.2g}, in modulus; the lowest is {low:.2g}. A small network of ours, not that of "
        f"the talk, and not quite at a minimum: the norm of its gradient is {result.gradient:.1e}.",
    )


def table(result) -> str:
    """Quantiles of the spectrum."""
    values = result.eigenvalues
    rows = [
        ("weights", f"{result.net.d}", f"4-{result.net.hidden}-3 network, 150 flowers, Adam"),
        ("loss", f"{result.loss:.3g}", f"norm of its gradient {result.gradient:.1e}"),
        ("largest eigenvalue", f"{values[-1]:.3g}", ""),
        ("median eigenvalue", f"{np.median(values):.1e}", ""),
        ("least eigenvalue", f"{values[0]:.1e}", f"{-values[0] / values[-1]:.0e} of the largest"),
        ("flat directions", f"{result.flat:.1%}", f"modulus below {FLAT:.0%} of the largest"),
        ("negative eigenvalues", f"{np.count_nonzero(values < 0)}", "some of them rounding"),
    ]
    return aligned(rows)


def figure(result):
    """Histogram of all eigenvalues, and the negative ones once more."""
    sheet = canvas(9, 3.4)
    left, right = sheet.subplots(1, 2)
    values = result.eigenvalues
    left.hist(values, bins=60, color="C0")
    left.set(yscale="log", xlabel="eigenvalue of the Hessian", ylabel="number", ylim=(0.7, None))
    left.set_title("all: long positive tail")
    right.hist(values[values < 0], bins=20, color="C3")
    right.set(yscale="log", xlabel="eigenvalue of the Hessian", ylim=(0.7, None))
    right.ticklabel_format(axis="x", style="sci", scilimits=(-2, 2))
    right.locator_params(axis="x", nbins=5)
    right.set_title("the negative ones: short tail")
    return sheet
