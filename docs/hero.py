"""The moving picture of the README: `python docs/hero.py docs/figures/hero.gif`."""

import sys

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import fokkerplanck as fp

KT = 0.4
FRAMES = 48


def loss(x, y):
    """Two wells that lie askew."""
    return (x**2 - 1) ** 2 + (y - 0.6 * x) ** 2


def main(path):
    """Relax a density and a swarm of particles from the right well, and draw both energies."""
    grid = fp.Grid([(-2, 2), (-2.2, 2.2)], (80, 88))
    problem = fp.Problem(
        grid, f=loss, D=lambda x, y: [1 + 0.4 * np.tanh(2 * x), 0.15 + 0 * x], kT=KT
    )
    times = 40 * np.linspace(0, 1, FRAMES) ** 3
    start = fp.gaussian(grid, (1.1, 0.4), 0.02)
    run = fp.solve(problem, start, times)
    gibbs = np.exp(-loss(*grid.x) / KT)
    gibbs /= grid.integrate(gibbs)
    to_gibbs = KT * np.array([fp.kl(rho, gibbs, grid) for rho in run.rho])
    x, y = grid.x
    levels = KT * np.arange(0.5, 6)

    plt.rcParams.update({"font.size": 11})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.9), layout="constrained", dpi=80)
    # Square roots of the density: thin parts are seen as well.
    mesh = left.pcolormesh(
        x, y, np.sqrt(run.rho[0]), cmap="Blues", shading="gouraud", vmin=0, vmax=1.1
    )
    left.contour(x, y, loss(x, y), levels, colors="tab:red", linestyles="--", linewidths=1)
    steady = fp.steady_state(problem)
    left.contour(x, y, steady.Phi, levels, colors="black", linewidths=1)
    left.plot([], [], "r--", label="loss f")
    left.plot([], [], "k-", label=r"potential $\Phi$")
    left.legend(loc="upper left", frameon=False, fontsize=9)
    left.set(xlabel="x", ylabel="y", ylim=(-2.2, 2.2), aspect="equal")
    title = left.set_title("")
    (own,) = right.plot([], [], "k-", lw=2.5, label="from its own steady state: to 0")
    (other,) = right.plot([], [], "r--", lw=2.5, label="from the Gibbs measure: rises again")
    right.set(xlim=(0, times[-1]), ylim=(1e-3, 20), yscale="log", xlabel="time t")
    right.set_ylabel("free energy: distance")
    right.legend(loc="upper right", frameon=False)

    def draw(k):
        mesh.set_array(np.sqrt(run.rho[k]))
        title.set_text(f"density at t = {times[k]:.1f}")
        own.set_data(times[: k + 1], run.free_energy[: k + 1])
        other.set_data(times[: k + 1], to_gibbs[: k + 1])

    frames = []
    for k in [*range(FRAMES), *[FRAMES - 1] * 12]:  # a second at rest in the end
        draw(k)
        figure.canvas.draw()
        frames.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))
    palette = frames[-1].quantize(64)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80, loop=0)


if __name__ == "__main__":
    main(sys.argv[1])
