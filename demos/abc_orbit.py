"""Orbits of the ABC flow: div j = 0, Phi constant, and chaos.

The computation is in ``fokkerplanck.demos.abc_orbit``,
so that ``fokkerplanck demo abc_orbit`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "abc_orbit"]))
