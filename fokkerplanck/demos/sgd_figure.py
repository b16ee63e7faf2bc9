"""The picture of the demonstration `fokkerplanck.demos.sgd`."""

from typing import Any

import numpy as np

from fokkerplanck.plot import canvas, colorbar, current, density, free_energy, potential

VIEW = ((-0.95, 0.65), (2.32, 3.2))  # the part of the box that is drawn
THIN: dict[str, Any] = {"levels": 8, "linewidths": 0.7}


def figure(result):
    """Six panels: loss, potential, circulation, real SGD, free energy, marginals.

    Parameters
    ----------
    result : Result

    Returns
    -------
    matplotlib.figure.Figure
    """
    sheet = canvas(11, 9.6)
    axes = sheet.subplots(3, 2)
    problem = result.problem
    sheet.suptitle(
        "Minibatch SGD against the Gibbs measure of its loss: logistic regression on iris\n"
        f"T = η/2b = {problem.kT:.3g}, η = {problem.eta:g}, b = {problem.batch_size} of "
        f"{problem.n_samples}; contours of Φ at T, 2T, …, 8T, of the loss f at cT, 2cT, …, 8cT"
    )
    _draw_gibbs(result, axes[0, 0])
    _draw_steady(result, axes[0, 1])
    _draw_current(result, axes[1, 0])
    _draw_swarm(result, axes[1, 1])
    _draw_free_energy(result, axes[2, 0])
    _draw_marginals(result, axes[2, 1])
    for ax in axes[:2].flat:
        ax.set(xlim=VIEW[0], ylim=VIEW[1])
        ax.set_xlabel("weight of sepal length")
        ax.set_ylabel("weight of petal length")
    return sheet


def _draw_gibbs(result, ax):
    """Draw the loss as contours over its best Gibbs measure."""
    problem, scale = result.problem, result.scalar * result.problem.kT
    grid, top = problem.grid, result.steady.rho.max()
    mesh = density(grid, result.gibbs_scalar, ax, top=top)
    potential(grid, problem.f, ax, top=8 * scale, colors="C3", **THIN)
    colorbar(mesh, "density", ax)
    _mark(ax, result.minimum_f, "C3+", "minimum of f")
    ax.set_title(f"(a) loss f and Gibbs $e^{{-f/cT}}/Z$, best c = {result.scalar:.3f}")


def _draw_steady(result, ax):
    """Draw the potential as contours over the steady state, in the levels of panel (a)."""
    grid, rho = result.problem.grid, result.steady.rho
    mesh = density(grid, rho, ax)
    potential(grid, result.steady.Phi, ax, top=8 * result.problem.kT, colors="k", **THIN)
    colorbar(mesh, "density", ax)
    _mark(ax, result.minimum_f, "C3+", "minimum of f")
    _mark(ax, result.minimum_Phi, "kx", "minimum of Φ")
    ax.set_title(r"(b) potential Φ and steady state $\rho_{ss} = e^{-\Phi/T}/Z$")


def _draw_current(result, ax):
    """Draw the circulation over the steady state."""
    density(result.problem.grid, result.steady.rho, ax, cmap="Greys", alpha=0.6)
    streams = current(result.steady, ax, cutoff=np.exp(-8), spacing=0.45)
    colorbar(streams.lines, "|j|", ax)
    produced = result.steady.entropy_production
    ax.set_title(rf"(c) circulation $j = J_{{ss}}/\rho_{{ss}}$, entropy production {produced:.3f}")


def _draw_swarm(result, ax):
    """Draw the SGD histogram with contours of rho_ss and of Gibbs."""
    problem = result.problem
    grid, T = problem.grid, problem.kT
    mesh = density(grid, result.histogram, ax, top=result.steady.rho.max())
    potential(grid, result.steady.Phi, ax, top=4 * T, levels=2, colors="k", linewidths=1.1)
    dashed: dict[str, Any] = {"linestyles": "--", "linewidths": 1.1}
    potential(grid, problem.f, ax, top=4 * T * result.scalar, levels=2, colors="C3", **dashed)
    colorbar(mesh, "density", ax)
    L1 = result.distances
    ax.plot([], [], "k", label=rf"$\rho_{{ss}}$: $L^1$ distance {L1['rho_ss']:.2f}")
    ax.plot([], [], "C3--", label=f"Gibbs: {L1['gibbs_scalar']:.2f}")
    ax.plot([], [], " ", label=f"(Monte Carlo {result.histogram_error:.2f})")
    ax.legend(loc="lower right", fontsize="small")
    ax.set_title("(d) histogram of real SGD; contours at 2T and 4T")


def _draw_free_energy(result, ax):
    """Draw F(t), and what it would be with f in place of Phi."""
    solution, grid, T = result.solution, result.problem.grid, result.problem.kT
    free_energy(solution, ax, color="k", label=r"$T\,\mathrm{KL}(\rho_t\,\|\,\rho_{ss})$ falls")
    to_gibbs = [T * _kl(grid, rho, result.gibbs_scalar) for rho in solution.rho]
    label = r"$T\,\mathrm{KL}(\rho_t\,\|\,\mathrm{Gibbs})$ rises"
    ax.plot(solution.t, to_gibbs, "C3--", label=label)
    ax.legend(fontsize="small")
    ax.set_xlabel("time t = η · step")
    ax.set_ylabel("free energy")
    ax.set_title("(e) free energy from a Gaussian start near Gibbs")


def _draw_marginals(result, ax):
    """Draw the law of the second weight alone."""
    grid = result.problem.grid
    (_, y), (dx, _) = grid.centers, grid.h
    ax.fill_between(y, 0, result.histogram.sum(axis=0) * dx, color="C0", alpha=0.3, label="SGD")
    ax.plot(y, result.steady.rho.sum(axis=0) * dx, "k", label=r"$\rho_{ss}$")
    ax.plot(y, result.gibbs_scalar.sum(axis=0) * dx, "C3--", label="Gibbs")
    ax.set(xlim=VIEW[1], ylim=(0, None))
    ax.set_xlabel("weight of petal length")
    ax.set_ylabel("density")
    ax.legend(fontsize="small")
    ax.set_title("(f) law of one weight alone")


def _mark(ax, point, style, label):
    """Mark a point and name it in a legend."""
    ax.plot(*point, style, label=label)
    ax.legend(loc="lower right", fontsize="small")


def _kl(grid, rho, reference):
    """Relative entropy of rho to a positive reference."""
    ratio = np.where(rho > 0, rho, 1.0) / np.where(rho > 0, reference, 1.0)
    return float(grid.integrate(rho * np.log(ratio)))
