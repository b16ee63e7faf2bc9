"""The heat equation as steepest descent of two energies in two distances.

The computation is in ``fokkerplanck.demos.heat_flows``; ``fokkerplanck demo heat_flows``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "heat_flows"]))
