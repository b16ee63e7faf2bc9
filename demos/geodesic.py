"""Displacement interpolation between two densities, and what mixing does instead.

The computation is in ``fokkerplanck.demos.geodesic``,
so that ``fokkerplanck demo geodesic`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "geodesic"]))
