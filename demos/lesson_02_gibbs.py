r"""
2. Where it ends: Gibbs
=======================

If the kicks are the same in all directions and at all places, the density ends as

.. math:: \rho_{ss} = e^{-f/T}/Z,

the Gibbs measure of the loss. The warmer, the flatter. How it began is forgotten.
"""

import matplotlib.pyplot as plt
import numpy as np

import fokkerplanck as fp

grid = fp.Grid([(-2, 2)], 200)
x = grid.x[0]


def f(x):
    """Two wells, the left one a little deeper."""
    return (x**2 - 1) ** 2 + 0.2 * x


# %%
# Three temperatures. Circles: the formula; lines: what the library finds as the state that does
# not change.
figure, left = plt.subplots(figsize=(6, 3.8), layout="constrained")
for T, colour in ((0.1, "C0"), (0.3, "C1"), (1.0, "C2")):
    state = fp.steady_state(fp.Problem(grid, f=f, kT=T))
    gibbs = np.exp(-f(x) / T)
    gibbs /= grid.integrate(gibbs)
    left.plot(x, state.rho, color=colour, label=f"T = {T}")
    left.plot(x[::10], gibbs[::10], "o", mfc="none", color=colour)
    print(f"T = {T}: {grid.integrate(state.rho * (x < 0)):.0%} are in the left well")
left.set(xlabel="x", ylabel=r"$\rho_{ss}$", title="steady state and Gibbs measure")
left.legend(frameon=False)

# %%
# From anywhere it goes there, and the **free energy** says how far it still has to go. It falls
# at every instant. It is fast at first, within a well, and slow later, over the pass.
figure, right = plt.subplots(figsize=(6, 3.8), layout="constrained")
problem = fp.Problem(grid, f=f, kT=0.3)
for start, name in (
    (fp.point(grid, 1.0), "from the right well"),
    (fp.uniform(grid), "from everywhere"),
):
    run = fp.solve(problem, start, np.linspace(0, 20, 81))
    assert (np.diff(run.free_energy) < 0).all()
    right.semilogy(run.t, run.free_energy, label=name)
right.set(xlabel="time", ylabel=r"free energy $T\,$KL$(\rho\,\|\,\rho_{ss})$", title="it falls")
right.legend(frameon=False)

# %%
# **Exercises** (solutions in ``demos/solutions/lesson_02.py``)
#
# 1. Which tilt in place of .2 puts twice as many particles into the left well as into the right
#    one, at T = .3?
# 2. Give a loss whose Gibbs measure at T = 1 is an even mixture of two Gaussians, at -1 and 1, of
#    variance .1. Check it.
# 3. The slow part of the free energy is a straight line on this scale. What is its slope? Ask
#    ``fp.spectrum``.
