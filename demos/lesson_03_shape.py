r"""
3. Noise has a shape
====================

Now kick harder along x than along y. The loss stays as it is. Where do the particles end?

.. math:: \partial_t\rho = \nabla\cdot\bigl(\nabla f\,\rho + T\,\nabla\cdot(D\rho)\bigr),
          \qquad D = \mathrm{diag}(1, d).

Not in the Gibbs measure of f. They behave as if the landscape were another one, the **potential**
:math:`\Phi = -T\log\rho_{ss}`.
"""

import matplotlib.pyplot as plt
import numpy as np

import fokkerplanck as fp

T = 0.1
grid = fp.Grid([(-2, 2), (-1.6, 1.6)], (100, 80))
x, y = grid.x


def f(x, y):
    """A bowl that lies askew."""
    return x**2 - x * y + 0.75 * y**2


# %%
# Predict first: will the ellipses of the density be those of f, stretched along x, or turned?
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharey=True)
levels = T * np.arange(1, 6)
for ax, d in zip(axes, (1.0, 0.5, 0.1), strict=True):
    state = fp.steady_state(fp.Problem(grid, f=f, D=(1, d), kT=T))
    ax.pcolormesh(x, y, state.rho, cmap="Blues", shading="gouraud")
    ax.contour(x, y, f(x, y), levels, colors="tab:red", linestyles="--", linewidths=1)
    ax.contour(x, y, state.Phi, levels, colors="black", linewidths=1)
    ax.set(xlabel="x", title=f"D = diag(1, {d})", aspect="equal")
    gibbs = fp.steady_state(fp.Problem(grid, f=f, kT=T)).rho
    elsewhere = fp.total_variation(state.rho, gibbs, grid)
    print(f"d = {d}: {elsewhere:.0%} of the mass is elsewhere than in the Gibbs measure")
axes[0].set_ylabel("y")
axes[0].plot([], [], "r--", label="loss f")
axes[0].plot([], [], "k-", label=r"potential $\Phi$")
axes[0].legend(loc="lower right", frameon=False)

# %%
# Both: they are narrower along y, where kicks are weak, and turned. With d = 1 red and black
# coincide. For SGD this is not a detail: the noise of minibatches is the covariance of the
# gradients, and it is never round.

# %%
# **Exercises** (solutions in ``demos/solutions/lesson_03.py``)
#
# 1. Take a loss of x alone, :math:`f = (x^2-1)^2`, in the same plane with D = diag(1, .2). Is
#    :math:`\Phi = f`? Why does unevenness not matter here?
# 2. With the bowl above, is there a constant D other than 1 with :math:`\Phi = f`? Try diagonals
#    and turned ones.
# 3. In one dimension, find a D(x) that is not constant and has :math:`\Phi = f`. (Set the current
#    to zero and solve for D.)
