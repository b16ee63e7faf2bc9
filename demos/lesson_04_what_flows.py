r"""
4. What keeps flowing
=====================

The density of lesson 3 does not change any more. Do the particles rest? Follow them: they go
around. What is left of the drift when the descent of :math:`\Phi` is taken away is the **leftover
field**

.. math:: j = -\nabla f + D\nabla\Phi - T\,\nabla\cdot D = J_{ss}/\rho_{ss}.
"""

import matplotlib.pyplot as plt
import numpy as np

import fokkerplanck as fp

gyrator = fp.zoo.gyrator(
    d2=0.2
)  # the bowl of lesson 3, T = .1, D = diag(1, .2), six deviations wide
problem = gyrator.build(80)
state = fp.steady_state(problem)

# %%
# In two dimensions the current is that of a stream function, and its orbits close. How much turns
# is one number, the **entropy production**: what a bath would have to supply to keep it turning.
# 0 means at rest.
figure, left = plt.subplots(figsize=(6, 3.8), layout="constrained")
fp.plot.density(state.grid, state.rho, left)
fp.plot.stream_function(state, left)
left.set(
    xlim=(-1, 1),
    ylim=(-0.8, 0.8),
    title=f"orbits of j; entropy production {state.entropy_production:.3f}",
)

# %%
# Is it the unevenness that turns? Turn the noise, keeping its two strengths. There are two angles
# at which nothing turns although the noise is as uneven as before: there D and the curvature of f
# have the same axes.
figure, right = plt.subplots(figsize=(6, 3.8), layout="constrained")
angles = np.linspace(0, np.pi, 37)
turning, wrong = [], []
for angle in angles:
    turned = fp.zoo.gyrator(d2=0.2, angle=angle).build(48)
    now = fp.steady_state(turned)
    turning.append(now.entropy_production)
    wrong.append(fp.kl(now.rho, now.gibbs, now.grid))
right.plot(np.degrees(angles), turning, label="entropy production")
right.plot(np.degrees(angles), wrong, label=r"KL$(\rho_{ss}\,\|\,$Gibbs$)$")
right.set(
    xlabel="angle of the noise, degrees",
    title="to be wrong and to turn are two things",
    ylim=(0, 1.3),
)
right.legend(frameon=False, loc="upper center", ncols=2)
least = np.degrees(angles[np.argmin(turning)])
print(f"least entropy production {min(turning):.1e}, at {least:.0f} degrees")

# %%
# Where it does not turn, the state is *farthest* from Gibbs.

# %%
# **Exercises** (solutions in ``demos/solutions/lesson_04.py``)
#
# 1. Find the two angles to a tenth of a degree, from :math:`DH = HD` with H the matrix of second
#    derivatives of f.
# 2. Mirror the noise, D = diag(.2, 1). Which way does it turn now?
# 3. Design a drift with :math:`\Phi = (x^2-1)^2 + y^2` that circulates:
#    ``fp.Problem.from_potential``. Does the free energy still fall?
