"""Slide 14: learning rate against batch size, with and without replacement, and in epochs.

The covariance of SGD on the six-row regression is known exactly for the discrete iteration with
fresh batches (`zoo.regression_covariance`). Epochs of reshuffled rows are simulated: no formula of
the paper describes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sgd, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned
from fokkerplanck.plot import canvas
from fokkerplanck.sgd.swarm import Sampling

SLIDE = Slide(
    14,
    "Some implications",
    "the learning rate should scale linearly with the batch size, as β⁻¹ = η/2b; sampling with "
    "replacement regularises better than without, where β⁻¹ = (η/2b)(1 − b/N).",
)
QUICK = {"particles": 1000, "snapshots": 6}
ETA, SIZES = 0.1, (1, 2, 3)
KINDS: tuple[Sampling, ...] = ("with_replacement", "without_replacement", "reshuffle")
#: Fixed ratio of learning rate and batch size of the right panel.
RATIO, SCALES = 0.05, (1, 2, 4, 6, 8, 10, 12)


@dataclass(frozen=True, eq=False)
class Result:
    """Traces of covariances: simulated (value, error) and exact, by kind and b; scaling."""

    simulated: dict[tuple[Sampling, int], tuple[float, float]]
    exact: dict[tuple[Sampling, int], float]
    scaling: np.ndarray  # exact trace at eta = RATIO b
    limit: float  # of the Fokker-Planck equation at the same temperature
    curvature: float  # largest eigenvalue of H


def compute(particles=6000, snapshots=20, seed=0, progress=False) -> Result:
    """Simulate swarms of every kind, next to the exact covariances."""
    regression = zoo.linear_regression_sgd(RATIO / 2)
    model = sgd.LeastSquares(regression.data["rows"], regression.data["targets"])
    simulated: dict[tuple[Sampling, int], tuple[float, float]] = {}
    exact: dict[tuple[Sampling, int], float] = {}
    for b in SIZES:
        for kind in KINDS:
            # Epochs: all steps of ten of them, so that every place in an epoch counts alike.
            thin, length = (1, 6 // b * 10) if kind == "reshuffle" else (30, 30 * snapshots)
            swarm = sgd.run(
                model, regression.moments["mean"], ETA, b, 400 + length, n_particles=particles,
                sampling=kind, burn_in=400, thin=thin, seed=seed, progress=progress,
            )  # fmt: skip
            error = float(np.sqrt((np.diagonal(swarm.cov_error) ** 2).sum()))
            simulated[kind, b] = float(np.trace(swarm.cov)), error
            if kind != "reshuffle":
                exact[kind, b] = float(
                    np.trace(zoo.regression_covariance(ETA, b, "out" not in kind))
                )
    scaling = np.array([np.trace(zoo.regression_covariance(RATIO * b, b)) for b in SCALES])
    limit = float(np.trace(regression.moments["cov"]))
    curvature = float(np.linalg.eigvalsh(regression.data["H"]).max())
    return Result(simulated, exact, scaling, limit, curvature)


def finding(result) -> Finding:
    """True for fresh batches, to first order; not for epochs."""
    with_, without = (result.exact[kind, 3] for kind in KINDS[:2])
    epochs = result.simulated["reshuffle", 3][0]
    return Finding(
        "needs a condition",
        f"at b = 3 of N = 6 drawing without replacement shrinks the covariance by "
        f"{without / with_:.3f}; to first order that is (1 − b/N) N/(N − 1) = 0.6. All this is for "
        f"fresh batches: with epochs of reshuffled data, the way it is done, the trace is "
        f"{epochs:.4f}, {without / epochs:.1f} times smaller than without replacement. Linear "
        f"scaling is a rule for small η λ_max: at {RATIO * SCALES[1] * result.curvature:.2f} the "
        f"trace is {result.scaling[1] / result.limit - 1:.0%} above that of the equation, at "
        f"{RATIO * SCALES[4] * result.curvature:.2f} {result.scaling[4] / result.limit - 1:.0%}. "
        "More noise is not shown to regularise, or to generalise, better: nothing here tests that.",
    )


def table(result) -> str:
    """Traces of the covariance, simulated beside exact."""
    rows = []
    for (kind, b), (trace, error) in result.simulated.items():
        exact = result.exact.get((kind, b))
        remark = "no formula" if exact is None else f"exact {exact:.8f}"
        name = "epochs, reshuffled" if kind == "reshuffle" else kind.replace("_", " ")
        rows.append((f"b = {b}, {name}", f"{trace:.5f}", f"± {error:.5f}; {remark}"))
    for b in SIZES[1:]:
        ratio = result.exact["without_replacement", b] / result.exact["with_replacement", b]
        rows.append(
            (f"b = {b}: without / with", f"{ratio:.4f}", f"(1 − b/N) N/(N − 1) = {(6 - b) / 5:.1f}")
        )
    for b, trace in zip(SCALES, result.scaling, strict=True):
        rows.append(
            (f"η = {RATIO * b:.2f}, b = {b}", f"{trace:.5f}",
             f"{trace / result.limit:.3f} of the limit, η λ_max {RATIO * b * result.curvature:.2f}")
        )  # fmt: skip
    return aligned(rows)


def figure(result):
    """Traces by kind and batch size; linear scaling."""
    sheet = canvas(11, 4.4)
    left, right = sheet.subplots(1, 2)
    names = ("with replacement", "without, fresh", "epochs, reshuffled")
    for k, (kind, name) in enumerate(zip(KINDS, names, strict=True)):
        place = np.array(SIZES) + 0.26 * (k - 1)
        height = [result.simulated[kind, b][0] for b in SIZES]
        left.bar(place, height, 0.24, color=f"C{k}", alpha=0.75, label=name)
        exact = [result.exact.get((kind, b), np.nan) for b in SIZES]
        left.plot(place, exact, "k_", ms=17, mew=2, label="exact" if k == 0 else None)
    left.set_yscale("log")
    left.set_ylim(bottom=1e-3)
    left.set(xticks=SIZES, xlabel="batch size b, of N = 6", ylabel="trace of the covariance")
    left.set_title(f"six-row regression, η = {ETA}")
    left.legend(fontsize="small")
    eta = RATIO * np.array(SCALES)
    right.plot(eta * result.curvature, result.scaling / result.limit, "o-", label="SGD, exact")
    right.axhline(1, color="k", lw=1, ls="--", label="Fokker-Planck at η/2b")
    right.axvline(1, color="0.6", lw=1)
    right.set(
        xlabel="η $\\lambda_{max}$, with η/b = 0.05 kept", ylabel="trace over that of the limit"
    )
    right.set_title("η ∝ b: alike while η $\\lambda_{max}$ is small")
    right.set_ylim(bottom=0)
    right.legend(fontsize="small")
    return sheet
