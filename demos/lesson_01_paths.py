r"""
1. Paths become a density
=========================

A particle slides into a bowl and is kicked all the time. Nobody can say where it goes. Watch a
hundred thousand of them, and you can: their density obeys an equation of its own.

The bowl is :math:`f = x^2/2`, the kicks have strength :math:`T`:

.. math:: dx = -f'(x)\,dt + \sqrt{2T}\,dW.
"""

import matplotlib.pyplot as plt
import numpy as np

import fokkerplanck as fp

T = 0.25
grid = fp.Grid([(-3, 3)], 200)
problem = fp.Problem(grid, f=lambda x: x**2 / 2, kT=T)

# %%
# Ten particles from x = 2. Each path is a zigzag of its own.
few = fp.sde.simulate(problem, [2.0], 3.0, dt=0.01, n_particles=10, thin=1, seed=1)
figure, left = plt.subplots(figsize=(6, 3.8), layout="constrained")
left.plot(few.t, few.samples[:, :, 0], lw=0.8)
left.set(xlabel="time", ylabel="x", title="ten paths")

# %%
# A hundred thousand of them, counted in bins at three times: histograms. And beside them the
# solution of the Fokker-Planck equation :math:`\partial_t\rho = \partial_x(f'\rho +
# T\,\partial_x\rho)`. Nothing was fitted.
figure, right = plt.subplots(figsize=(6, 3.8), layout="constrained")
times = np.array([0.0, 0.2, 0.6, 3.0])
solution = fp.solve(problem, fp.point(grid, 2.0), times)
for t, rho, colour in zip(times[1:], solution.rho[1:], ("C0", "C1", "C2"), strict=True):
    many = fp.sde.simulate(problem, [2.0], t, dt=0.01, n_particles=100_000, seed=2)
    right.hist(
        many.points[:, 0], 60, density=True, orientation="horizontal", color=colour, alpha=0.4
    )
    right.plot(rho, grid.x[0], color=colour, label=f"t = {t}")
right.set(xlabel="density", title="100 000 particles, and the equation", ylim=(-1.5, 2.5))
right.legend(frameon=False)

# %%
# How near are they? Count them in groups of N: the means of the groups scatter by
# :math:`(T/N)^{1/2}`. Ten times the accuracy costs a hundred times the particles. The density of
# the equation does not scatter.
ends = fp.sde.simulate(problem, [2.0], 3.0, dt=0.01, n_particles=100_000, seed=3).points[:, 0]
for n in (100, 1_000, 10_000):
    scatter = ends.reshape(-1, n).mean(axis=1).std()
    print(f"groups of {n:6d}: means scatter by {scatter:.4f}, expected {np.sqrt(T / n):.4f}")
print(f"the equation: mean off by {abs(solution.mean()[-1, 0] - 2 * np.exp(-3)):.5f}")

# %%
# **Exercises** (solutions in ``demos/solutions/lesson_01.py``)
#
# 1. How many particles are needed to know the mean at t = 3 to .001? Predict, then try with a
#    tenth of them.
# 2. After which time is the variance within one per cent of its last value :math:`T`? Find it
#    from ``solution.covariance()``, and compare with :math:`\tfrac12\log 100`.
# 3. Find a start from which the density does not change at all.
