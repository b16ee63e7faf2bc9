"""Phi of a true loss moves with the temperature.

The computation is in ``fokkerplanck.demos.moving_potential``; ``fokkerplanck demo moving_potential``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "moving_potential"]))
