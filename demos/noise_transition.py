"""A noise-induced transition: the minima of Phi meet at a maximum of the loss.

The computation is in ``fokkerplanck.demos.noise_transition``,
so that ``fokkerplanck demo noise_transition`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "noise_transition"]))
