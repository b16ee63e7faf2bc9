"""JKO steps in the plane, in the true Wasserstein distance.

The computation and what it claims are in ``fokkerplanck.demos.jko_plane``, so that
``fokkerplanck demo jko_plane`` works from an installed wheel.
"""

from fokkerplanck.demos.jko_plane import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-jko_plane.png", dpi=150)
    print("picture: fokkerplanck-jko_plane.png")
