"""Displacement interpolation between two densities, and mixing.

The computation and what it claims are in ``fokkerplanck.demos.geodesic``, so that
``fokkerplanck demo geodesic`` works from an installed wheel.
"""

from fokkerplanck.demos.geodesic import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-geodesic.png", dpi=150)
    print("picture: fokkerplanck-geodesic.png")
