"""Phi of a true loss moves with the temperature.

The computation is in ``fokkerplanck.demos.moving_potential``,
so that ``fokkerplanck demo moving_potential`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "moving_potential"]))
