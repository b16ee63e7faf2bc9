"""Minimising movements of other energies, and in another metric.

The computation is in ``fokkerplanck.demos.jko_energies``,
so that ``fokkerplanck demo jko_energies`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_energies"]))
