"""A noise-induced transition: the minima of Phi meet at a maximum of the loss.

The computation and what it claims are in ``fokkerplanck.demos.noise_transition``, so that
``fokkerplanck demo noise_transition`` works from an installed wheel.
"""

from fokkerplanck.demos.noise_transition import QUICK, TITLE, compute, figure, movie, table

__all__ = ["QUICK", "TITLE", "compute", "figure", "movie", "table"]

if __name__ == "__main__":
    result = compute(progress=True)
    print(TITLE)
    print(table(result))
    figure(result).savefig("fokkerplanck-noise_transition.png", dpi=150)
    print("picture: fokkerplanck-noise_transition.png")
    print(f"movie: {movie(result, 'fokkerplanck-noise_transition')}")
