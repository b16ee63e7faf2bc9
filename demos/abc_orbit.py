"""Orbits of the ABC flow: div j = 0, Phi constant, and chaos.

The computation is in ``fokkerplanck.demos.abc_orbit``; ``fokkerplanck demo abc_orbit``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "abc_orbit"]))
