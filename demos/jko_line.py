"""JKO steps on a line: free energy, orders in tau, particles.

The computation and what it claims are in ``fokkerplanck.demos.jko_line``, so that
``fokkerplanck demo jko_line`` works from an installed wheel.
"""

from fokkerplanck.demos.jko_line import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-jko_line.png", dpi=150)
    print("picture: fokkerplanck-jko_line.png")
