"""Phi of a true loss moves with the temperature.

The computation and what it claims are in ``fokkerplanck.demos.moving_potential``, so that
``fokkerplanck demo moving_potential`` works from an installed wheel.
"""

from fokkerplanck.demos.moving_potential import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-moving_potential.png", dpi=150)
    print("picture: fokkerplanck-moving_potential.png")
