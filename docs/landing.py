"""The six pictures of the front page, each of one idea: `python docs/landing.py FOLDER`."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fokkerplanck as fp

KT = 0.15


def _loss(x, y):
    return x**2 - 1.4 * x * y + 0.9 * y**2


def _gyrator():
    grid = fp.Grid([(-2, 2), (-2, 2)], 120)
    return fp.steady_state(fp.Problem(grid, f=_loss, D=(1.0, 0.1), kT=KT))


def gibbs(ax):
    """Density of the steady state; lines of f in red, of Phi in black."""
    state = _gyrator()
    x, y = state.grid.x
    ax.pcolormesh(x, y, state.rho, cmap="Blues", shading="gouraud")
    levels = KT * np.arange(1, 6)
    ax.contour(x, y, _loss(x, y), levels, colors="tab:red", linestyles="--", linewidths=1.5)
    ax.contour(x, y, state.Phi, levels, colors="black", linewidths=1.5)
    ax.plot([], [], "r--", label="loss f")
    ax.plot([], [], "k-", label=r"potential $\Phi$")
    ax.legend(loc="upper left", frameon=False)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))


def circulation(ax):
    """Orbits of the leftover field, which are level sets of the stream function."""
    state = _gyrator()
    x, y = state.grid.x
    ax.pcolormesh(x, y, state.rho, cmap="Greys", shading="gouraud")
    corners = [
        np.linspace(*box, n + 1) for box, n in zip(state.grid.box, state.grid.shape, strict=True)
    ]
    psi = np.abs(state.psi).T
    ax.contour(*corners, psi, psi.max() * np.array([0.02, 0.1, 0.3, 0.6]), colors="tab:blue")
    for level in (0.02, 0.1, 0.3):  # one arrow on each orbit, where it crosses y = x / 2
        along = np.argmin(np.abs([psi[k // 2 + 30, k] for k in range(61, 121)] - level * psi.max()))
        k = 61 + along
        direction = state.j[:, k, k // 2 + 30] / np.linalg.norm(state.j[:, k, k // 2 + 30])
        place = np.array([x[k, 0], y[0, k // 2 + 30]])
        ax.annotate(
            "", place + 0.12 * direction, place - 0.12 * direction,
            arrowprops={"arrowstyle": "-|>", "color": "tab:blue", "lw": 2, "mutation_scale": 20},
        )  # fmt: skip
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))


def jko(ax):
    """Densities of a minimising movement, one above the other."""
    grid = fp.Grid([(-3, 3)], 240)
    problem = fp.Problem(grid, f=lambda x: (x**2 - 1) ** 2, kT=0.3)
    run = fp.solve(
        problem, fp.gaussian(grid, -1.6, 0.02), [0, 0.03, 0.1, 0.3, 1, 4, 10], method=fp.JKO(0.01)
    )
    colours = plt.get_cmap("viridis")(np.linspace(0.9, 0, len(run.t)))
    for k, (colour, rho) in enumerate(zip(colours, run.rho, strict=True)):
        height = -1.2 * k
        ax.fill_between(grid.x[0], height, height + np.sqrt(rho), color=colour, alpha=0.8, lw=0)
    ax.set_yticks([])
    ax.set_ylabel("density")
    ax.annotate("time", (2.6, -6.5), (2.6, -0.5), arrowprops={"arrowstyle": "->"}, ha="center")


def escape(ax):
    """Chance to reach the right well first, and the current of those that do."""
    grid = fp.Grid([(-1.7, 1.7), (-1.2, 1.2)], (102, 72))
    problem = fp.Problem(
        grid, f=lambda x, y: (x**2 - 1) ** 2 + 2 * (y - 0.4 * (x**2 - 1)) ** 2, kT=0.5
    )
    left, right = fp.sets.ball((-1, 0), 0.25), fp.sets.ball((1, 0), 0.25)
    paths = fp.committor(problem, left, right)
    x, y = grid.x
    ax.pcolormesh(x, y, paths.forward, cmap="coolwarm", shading="gouraud", vmin=0, vmax=1)
    ax.contour(x, y, problem.f, 0.2 * np.arange(1, 8), colors="white", linewidths=0.7)
    ax.contour(x, y, paths.forward, [0.5], colors="black", linewidths=2)


def transition(ax):
    """Steady densities of one drift with more and more noise that depends on place."""
    grid = fp.Grid([(-3, 3)], 300)
    for kT, shade in ((0.2, 0.8), (0.5, 0.5), (1.5, 0.1)):
        colour = plt.get_cmap("viridis")(shade)
        problem = fp.Problem(grid, drift=lambda x: -x, D=lambda x: np.exp(-(x**2)) + 0.1, kT=kT)
        ax.plot(grid.x[0], fp.steady_state(problem).rho, color=colour, lw=2.5, label=f"T = {kT}")
    ax.legend(frameon=False)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(r"$\rho_{ss}$")


def orbit(ax):
    """Where orbits of a leftover field in three dimensions cross a plane: islands in a sea."""

    def abc(r):
        x, y, z = r
        return np.array(
            [np.sin(z) + np.cos(y), 0.8 * np.sin(x) + np.cos(z), 0.7 * np.sin(y) + 0.8 * np.cos(x)]
        )

    turn, dt = 2 * np.pi, 0.05
    r = np.random.default_rng(3).uniform(0, turn, (3, 200))
    colours, points = np.arange(200), []
    for _ in range(20_000):  # Runge-Kutta
        k1 = abc(r)
        k2 = abc(r + dt / 2 * k1)
        k3 = abc(r + dt / 2 * k2)
        new = r + dt / 6 * (k1 + 2 * k2 + 2 * k3 + abc(r + dt * k3))
        crosses = np.floor(new[2] / turn) != np.floor(r[2] / turn)
        if crosses.any():
            points.append(np.array([*(new[:2, crosses] % turn), colours[crosses]]))
        r = new
    x, y, colour = np.hstack(points)
    ax.scatter(x, y, c=colour, s=1.2, cmap="turbo", lw=0)


PICTURES = {
    "gibbs": gibbs, "circulation": circulation, "jko": jko,
    "escape": escape, "transition": transition, "orbit": orbit,
}  # fmt: skip


def main(folder):
    """Write all of them as PNG files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update({"font.size": 14, "figure.constrained_layout.use": True})
    for name, draw in PICTURES.items():
        figure, ax = plt.subplots(figsize=(5, 4))
        draw(ax)
        ax.set_xlabel("x")
        if name not in ("jko", "transition"):
            ax.set_ylabel("y")
            ax.set_aspect("equal")
        figure.savefig(folder / f"{name}.png", dpi=110)
        plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
