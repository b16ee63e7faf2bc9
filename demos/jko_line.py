"""JKO steps on a line: free energy, order in tau, paths of mass.

The computation is in ``fokkerplanck.demos.jko_line``,
so that ``fokkerplanck demo jko_line`` works from an installed wheel.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_line"]))
