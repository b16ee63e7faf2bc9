"""JKO steps in the metric of a diffusion tensor that turns.

The computation and what it claims are in ``fokkerplanck.demos.jko_tensor``, so that
``fokkerplanck demo jko_tensor`` works from an installed wheel.
"""

from fokkerplanck.demos.jko_tensor import QUICK, TITLE, compute, figure, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-jko_tensor.png", dpi=150)
    print("picture: fokkerplanck-jko_tensor.png")
