"""Displacement interpolation between two densities, and what mixing does instead.

The computation is in ``fokkerplanck.demos.geodesic``; ``fokkerplanck demo geodesic``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "geodesic"]))
