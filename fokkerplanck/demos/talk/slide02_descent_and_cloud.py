"""Slide 2: gradient descent stops at the minimum, SGD does not stop at all.

Left: linear regression on six rows, learning rate eta and one row per step; the covariance of the
cloud is known exactly for the discrete iteration. Right: a true loss f on the plane whose gradient
is radial, with noise that depends on the place (`zoo.ring`): descent goes straight to a ring, the
stochastic equation turns around it at the mean angular velocity -2 c kT.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fokkerplanck import sde, sgd, zoo
from fokkerplanck.demos.talk.slide import Finding, Slide
from fokkerplanck.demos.text import aligned, known
from fokkerplanck.domain.grid import Grid
from fokkerplanck.plot import canvas, colorbar, density, potential
from fokkerplanck.steady import steady_state

SLIDE = Slide(
    2,
    "The question",
    "training looks for x* = argmin f, by stochastic gradient descent x ← x − η grad f_b(x): why "
    "is SGD so special?",
)
QUICK = {"particles": 2000, "t": 4.0}
ETA, KT, DT = 0.1, 0.1, 0.02
STARTS = ((1.3, -1.2), (1.25, 0.9))


@dataclass(frozen=True, eq=False)
class Result:
    """Descents, one noisy path each, and the two clouds."""

    descent: np.ndarray  # (k, 2)
    path: np.ndarray
    swarm: sgd.Swarm
    exact: np.ndarray  # covariance of the iteration
    ring_descent: np.ndarray
    ring: sde.Paths
    turning: sde.Estimate


def compute(particles=10_000, t=10.0, seed=0, progress=False) -> Result:
    """Run descent and SGD on both losses, from one start and as clouds."""
    data = zoo.linear_regression_sgd(ETA / 2).data
    model = sgd.LeastSquares(data["rows"], data["targets"])
    regression = zoo.linear_regression_sgd(ETA / 2)
    options = {"eta": ETA, "b": 1, "seed": seed, "progress": progress}
    path = sgd.run(model, STARTS[0], steps=400, n_particles=1, thin=1, **options).samples[:, 0]
    swarm = sgd.run(
        model, regression.moments["mean"], steps=1000, n_particles=particles, burn_in=400, thin=50,
        **options,
    )  # fmt: skip
    exact = zoo.regression_covariance(ETA, 1)
    ring = zoo.ring(kT=KT)
    problem = ring.build(128)
    start = sde.from_density(problem.grid, steady_state(problem).rho, particles, seed)
    start[0] = STARTS[1]
    paths = sde.simulate(
        problem, start, t, dt=DT, scheme="weak2", thin=1, seed=seed, interpolate=True,
        progress=progress,
    )  # fmt: skip
    return Result(
        _descent(regression.g, STARTS[0], ETA), path, swarm, exact,
        _descent(ring.g, STARTS[1], ETA), paths, sde.rotation(paths),
    )  # fmt: skip


def _descent(g, start, eta, steps=400):
    """Gradient descent from a point."""
    x = [np.array(start)]
    for _ in range(steps):
        x.append(x[-1] - eta * g(*x[-1]))
    return np.array(x)


def _deviation(result):
    """Largest deviation of the covariance from the exact one, in standard errors."""
    return float(np.abs((result.swarm.cov - result.exact) / result.swarm.cov_error).max())


def finding(result) -> Finding:
    """SGD is a cloud, and may turn where descent does not."""
    end = zoo.linear_regression_sgd().moments["mean"]
    rest = np.linalg.norm(result.descent[-1] - end)
    return Finding(
        "shown",
        f"gradient descent ends at x* (to {rest:.0e}); SGD stops nowhere but is a cloud whose "
        f"covariance is the exact one of the iteration (within {_deviation(result):.1f} standard "
        "errors). On the ring the gradient is radial, and yet the cloud turns at "
        f"{result.turning.value:.3f} ± {result.turning.error:.3f} radians per time, -2ckT = "
        f"{zoo.ring(kT=KT).moments['omega']:.1f}: that is special.",
    )


def table(result) -> str:
    """Numbers beside their exact values."""
    x = zoo.linear_regression_sgd().moments["mean"]
    ring = zoo.ring(kT=KT)
    radius = np.hypot(*result.ring_descent[-1])
    rows = [
        ("regression: descent ends at", "({:.6f}, {:.6f})".format(*result.descent[-1]),
         "x* = ({:.6f}, {:.6f})".format(*x)),
        ("  mean of SGD", "({:.4f}, {:.4f})".format(*result.swarm.mean),
         "± {:.4f}, {:.4f}; exact x*".format(*result.swarm.mean_error)),
    ]  # fmt: skip
    for i, k in ((0, 0), (0, 1), (1, 1)):
        rows.append(
            (f"  covariance {i + 1}{k + 1}", f"{result.swarm.cov[i, k]:.5f}",
             f"± {result.swarm.cov_error[i, k]:.5f}; exact {result.exact[i, k]:.10f}")
        )  # fmt: skip
    r2 = (result.ring.samples**2).sum(axis=-1)[len(result.ring.t) // 2 :].mean(axis=0)
    rows += [
        ("ring: descent ends at radius", f"{radius:.6f}",
         f"exact {ring.data['radius_of_f']:.6f}; most likely radius 1"),
        ("  <r²> of the cloud", f"{r2.mean():.4f}",
         f"± {r2.std(ddof=1) / np.sqrt(r2.size):.4f}; exact {ring.moments['r2']:.9f}"),
        ("  mean angular velocity", f"{result.turning.value:.4f}",
         f"± {result.turning.error:.4f}; exact -2ckT = {ring.moments['omega']:.4f}"),
    ]  # fmt: skip
    return aligned(rows)


def figure(result):
    """Loss, descent, one noisy path, and the cloud, for both losses."""
    sheet = canvas(11.5, 4.8)
    left, right = sheet.subplots(1, 2)
    grid = Grid([(-1.0, 1.5), (-1.4, 1.1)], 100)
    potential(
        grid,
        known(zoo.linear_regression_sgd().f)(*grid.x),
        left,
        top=2.0,
        cmap="Greys_r",
        alpha=0.6,
    )
    _cloud(left, grid, result.swarm.samples, result.path[:120], result.descent, "SGD")
    left.plot(*zoo.linear_regression_sgd().moments["mean"], "k*", ms=12, label="x*", zorder=5)
    left.set_title("linear regression: SGD is a cloud about x*")
    grid = Grid([(-1.7, 1.7)] * 2, 100)
    potential(grid, known(zoo.ring(kT=KT).f)(*grid.x), right, top=0.6, cmap="Greys_r", alpha=0.6)
    late = result.ring.samples[len(result.ring.t) // 2 :: 5]
    mesh = _cloud(right, grid, late, result.ring.samples[:, 0], result.ring_descent, "the equation")
    colorbar(mesh, "density of the cloud", right)
    right.annotate(
        "", (0.32, -0.15), (0.0, 0.35), annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.5", "lw": 2},
    )  # fmt: skip
    right.text(0.0, 0.0, "j", ha="center", va="center", fontsize="large")
    right.set_title("ring, radial gradient: the cloud turns")
    for ax in (left, right):
        ax.legend(loc="lower left", fontsize="small")
    return sheet


def _cloud(ax, grid, samples, path, descent, name):
    """Histogram, a path of the noisy iteration, a descent."""
    points = samples.reshape(-1, 2)
    bins = Grid(grid.box, 50)
    counts, *_ = np.histogram2d(points[:, 0], points[:, 1], bins=[*bins.faces])
    mesh = density(bins, counts / (len(points) * bins.volume), ax)
    ax.plot(*path.T, color="C1", lw=0.7, alpha=0.9, label=f"one path of {name}")
    ax.plot(*descent.T, color="C3", lw=2.2, label="gradient descent")
    ax.plot(*descent[0], "o", color="C3")
    return mesh
