"""A JKO step for the reversible part, a Markov step for the circulation.

The computation and what it claims are in ``fokkerplanck.demos.jko_circulation``, so that
``fokkerplanck demo jko_circulation`` works from an installed wheel.
"""

from fokkerplanck.demos.jko_circulation import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-jko_circulation.png", dpi=150)
    print("picture: fokkerplanck-jko_circulation.png")
