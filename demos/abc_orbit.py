"""Orbits of the ABC flow: div j = 0, Phi constant, and chaos.

The computation and what it claims are in ``fokkerplanck.demos.abc_orbit``, so that
``fokkerplanck demo abc_orbit`` works from an installed wheel.
"""

from fokkerplanck.demos.abc_orbit import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-abc_orbit.png", dpi=150)
    print("picture: fokkerplanck-abc_orbit.png")
