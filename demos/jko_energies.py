"""Minimising movements of other energies, and in another metric.

The computation is in ``fokkerplanck.demos.jko_energies``; ``fokkerplanck demo jko_energies``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_energies"]))
