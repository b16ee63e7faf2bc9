"""A noise-induced transition: the minima of Phi meet at a maximum of the loss.

The computation is in ``fokkerplanck.demos.noise_transition``; ``fokkerplanck demo noise_transition``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "noise_transition"]))
