"""The heat equation as steepest descent of two energies in two distances.

The computation and what it claims are in ``fokkerplanck.demos.heat_flows``, so that
``fokkerplanck demo heat_flows`` works from an installed wheel.
"""

from fokkerplanck.demos.heat_flows import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-heat_flows.png", dpi=150)
    print("picture: fokkerplanck-heat_flows.png")
