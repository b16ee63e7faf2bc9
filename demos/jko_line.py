"""JKO steps on a line: free energy, order in tau, paths of mass.

The computation is in ``fokkerplanck.demos.jko_line``; ``fokkerplanck demo jko_line``
runs it from an installed wheel too.
"""

from fokkerplanck.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["demo", "jko_line"]))
