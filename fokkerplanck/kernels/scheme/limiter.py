"""Flux-corrected transport on an edge list: as much of a correction as keeps every mass positive.

Zalesak, J. Comput. Phys. 31 (1979), for the lower bound zero alone.
"""

import numpy as np
from numba import njit

#: Part of its mass that a cell keeps, of the present one (rounding must not empty it) and of the
#: first one (many passes must not bring it to underflow).
KEPT = 1e-12
#: Part of all mass: a pass that moves less is the last one.
ENOUGH = 1e-12


@njit(cache=True)
def limit(tail, head, flux, outside, passes, mass):
    """Move masses along edges, at most what their donors have; flux and outside keep the rest.

    flux[e] is to go from tail to head (backwards where negative), outside[i] (n,) or (0,) out of
    cell i and out of the grid, or in where negative. mass holds non-negative masses and is changed.
    What a cell has received in one pass it may pass on in the next.
    """
    n = mass.size
    wanted = np.empty(n)
    share = np.empty(n)
    for i in range(outside.size):
        if outside[i] < 0.0:
            mass[i] -= outside[i]
            outside[i] = 0.0
    kept = KEPT * mass
    everything = mass.sum()
    for _ in range(passes):
        wanted[:] = 0.0
        for i in range(outside.size):
            wanted[i] = outside[i]
        for e in range(flux.size):
            if flux[e] > 0.0:
                wanted[tail[e]] += flux[e]
            else:
                wanted[head[e]] -= flux[e]
        left = False
        for i in range(n):
            has = max((1.0 - KEPT) * mass[i] - kept[i], 0.0)
            # Compared first: the ratio would be 0/0 where nothing is wanted of an empty cell.
            share[i] = 1.0 if wanted[i] <= has else has / wanted[i]
            if share[i] < 1.0:
                left = True
        total = 0.0
        for e in range(flux.size):
            donor = tail[e] if flux[e] > 0.0 else head[e]
            moved = share[donor] * flux[e]
            mass[tail[e]] -= moved
            mass[head[e]] += moved
            flux[e] -= moved
            total += abs(moved)
        for i in range(outside.size):
            moved = share[i] * outside[i]
            mass[i] -= moved
            outside[i] -= moved
            total += moved
        if not left or total < ENOUGH * everything:
            break
