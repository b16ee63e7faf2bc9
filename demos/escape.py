"""Escape from a well: passage times, committors and the reactive current.

The computation and what it claims are in ``fokkerplanck.demos.escape``, so that
``fokkerplanck demo escape`` works from an installed wheel.
"""

from fokkerplanck.demos.escape import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-escape.png", dpi=150)
    print("picture: fokkerplanck-escape.png")
