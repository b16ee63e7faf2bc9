"""Porous medium, attraction, a crowd; Fisher and Rao's metric.

The computation and what it claims are in ``fokkerplanck.demos.jko_energies``, so that
``fokkerplanck demo jko_energies`` works from an installed wheel.
"""

from fokkerplanck.demos.jko_energies import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-jko_energies.png", dpi=150)
    print("picture: fokkerplanck-jko_energies.png")
